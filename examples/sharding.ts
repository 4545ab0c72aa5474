// Each account lives in a region: its files, its cache, its search index. Requests for it run there.

import Fastify from 'fastify'
import multiRegion from 'fastify-multi-region'
import * as schema from './schema.ts'

export async function buildApp () {
  const app = Fastify()
  await app.register(multiRegion, { schema })

  // #region shard
  const drafts = new Map<number, string[]>() // what this region alone holds

  app.get<{ Params: { id: number } }>('/accounts/:id/drafts', {
    schema: { params: { type: 'object', properties: { id: { type: 'integer' } } } },
  }, async (request, reply) => {
    const { id, homeRegion } = await request.db.account.findUniqueOrThrow({ where: { id: request.params.id } })
    const { region, replayable } = request.multiRegion
    if (homeRegion !== region && replayable) {
      return reply.replay({ region: homeRegion, timeout: 2_000, fallback: 'force-self' })
    }
    // Here: at home, or because home cannot be reached.
    return { region, home: homeRegion, drafts: drafts.get(id) ?? [] }
  })
  // #endregion shard

  return app
}
