// A region with more work than it can do well gives the rest to its neighbours.

import Fastify from 'fastify'
import multiRegion from 'fastify-multi-region'
import * as schema from './schema.ts'

export async function buildApp () {
  const app = Fastify()
  await app.register(multiRegion, { schema })

  // #region shed
  const maxRunning = Number(process.env['MAX_RUNNING'] ?? 200)
  const admitted = new WeakSet<object>()
  let running = 0

  app.addHook('onRequest', async (request, reply) => {
    // Not replayable: it was shed once already, or no region could be reached. Then it is served here.
    if (running >= maxRunning && request.multiRegion.replayable) {
      return reply.replay({ elsewhere: true, timeout: 500, fallback: 'force-self' })
    }
    admitted.add(request)
    running++
  })
  app.addHook('onResponse', async (request) => { if (admitted.delete(request)) running-- })
  // #endregion shed

  app.get('/slow', async (request) => {
    await request.db.$queryRaw`select 1 from pg_sleep(0.3)`
    return { region: request.multiRegion.region }
  })

  return app
}
