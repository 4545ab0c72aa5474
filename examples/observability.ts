// What happens, as numbers, as events, and in the browser's network panel.

import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import Fastify from 'fastify'
import multiRegion from 'fastify-multi-region'
import { Registry } from 'prom-client'
import * as schema from './schema.ts'

export async function buildApp () {
  const app = Fastify()
  // #region register
  await app.register(multiRegion, {
    schema,
    metrics: { registry: new Registry(), route: '/metrics' },
    serverTiming: true,
  })
  // #endregion register

  // #region channels
  // A message is built only while somebody listens.
  const late: unknown[] = []
  const onLate = (message: unknown): void => { late.push(message) }
  subscribe('fastify-multi-region:capture:late', onLate)
  app.addHook('onClose', async () => { unsubscribe('fastify-multi-region:capture:late', onLate) })
  app.get('/late', { config: { multiRegion: false } }, async () => late)
  // #endregion channels

  // #region counters
  app.get('/counters', { config: { multiRegion: false } }, async () => ({ ...app.multiRegion.counters(), lag: app.multiRegion.lag() }))
  // #endregion counters

  app.get('/posts', (request) => request.db.post.findMany())
  app.get('/careless', async (request) => {
    await request.db.post.count()
    await request.db.account.count()
    return await request.db.post.create({ data: { title: 'two reads late' } })
  })

  return app
}
