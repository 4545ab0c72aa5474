// @fastify/under-pressure, registered behind the plugin: a busy replica still passes writes on, and the health check
// asks for this node alone.

import underPressure from '@fastify/under-pressure'
import t from 'tap'
import { waitFor } from '../../../lib/testing/wait-for.ts'
import { startApp } from '../app-in-regions.ts'

await t.test('a node under pressure refuses reads and passes writes on', async (t) => {
  const app = await startApp(t, {
    async build (app, region) {
      // Any heap is too large in iad.
      await app.register(underPressure, region === 'iad' ? { maxHeapUsedBytes: 1, sampleInterval: 5 } : {})
      app.get('/read', async () => ({ region }))
      app.post('/write', async () => ({ region }))
    },
  })
  await waitFor('the first sample', async () => (await app.ask('iad', 'GET', '/read')).statusCode === 503)
  t.match((await app.ask('iad', 'POST', '/write')).json(), { region: 'fra' })
})

await t.test('health().canRead is the health check', async (t) => {
  const app = await startApp(t, {
    regions: ['iad'],
    async build (app) {
      await app.register(underPressure, { exposeStatusRoute: true, healthCheck: async () => app.multiRegion.health().canRead })
    },
  })
  t.equal((await app.ask('iad', 'GET', '/status')).statusCode, 200)
})
