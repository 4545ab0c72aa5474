// @fastify/cors: it answers preflights itself, and the replay answer needs none of its headers.

import cors from '@fastify/cors'
import t from 'tap'
import { startApp } from '../app-in-regions.ts'

for (const order of ['before', 'behind'] as const) {
  await t.test(`registered ${order} the plugin`, async (t) => {
    const app = await startApp(t, {
      async before (app) { if (order === 'before') await app.register(cors, { origin: 'https://example.com' }) },
      async build (app, region) {
        if (order === 'behind') await app.register(cors, { origin: 'https://example.com' })
        app.post('/x', async (request) => {
          await request.db.$executeRaw`insert into note (text) values ('x')`
          return { region }
        })
      },
    })
    const headers = { origin: 'https://example.com', 'access-control-request-method': 'POST' }
    const preflight = await app.ask('iad', 'OPTIONS', '/x', { headers })
    t.equal(preflight.statusCode, 204)
    t.equal(preflight.hops.length, 1, 'answered here')
    const answer = await app.ask('iad', 'POST', '/x', { headers: { origin: 'https://example.com' } })
    t.match(answer.json(), { region: 'fra' })
    t.equal(answer.headers['access-control-allow-origin'], 'https://example.com')
    const replay = await fetch(`${app.url('iad')}/x`, { method: 'POST', headers: { ...headers, 'fly-forwarded-port': '443' } })
    t.equal(replay.headers.get('access-control-allow-origin'), null)
  })
}
