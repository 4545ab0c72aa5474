// Reads that must not be old: by route, by query, or with a bound.

import Fastify from 'fastify'
import multiRegion from 'fastify-multi-region'
import * as schema from './schema.ts'

export async function buildApp () {
  const app = Fastify()
  await app.register(multiRegion, { schema })

  // #region strong
  // The whole request runs beside the primary: one trip, whatever it reads.
  app.get<{ Params: { email: string } }>('/credit/:email', { config: { multiRegion: { consistency: 'strong' } } }, async (request) => {
    const { credit } = await request.db.account.findUniqueOrThrow({ where: { email: request.params.email } })
    return { credit, region: request.multiRegion.region }
  })
  // #endregion strong

  // #region primary
  // One query of many is fresh: it travels, the others do not.
  app.get<{ Params: { email: string } }>('/checkout/:email', async (request) => {
    const posts = await request.db.post.findMany({ take: 5 })
    const { credit } = await request.db.$primary.account.findUniqueOrThrow({ where: { email: request.params.email } })
    return { posts: posts.length, credit, region: request.multiRegion.region }
  })
  // #endregion primary

  // #region bounded
  // The replica, if it is provably no older than five seconds; else beside the primary.
  app.get('/prices', { config: { multiRegion: { maxStaleness: 5_000 } } }, async (request) => ({
    posts: await request.db.post.findMany({ take: 20 }),
    region: request.multiRegion.region,
  }))
  // #endregion bounded

  return app
}
