// The primary may move. Name the candidates; what each of them is, they say themselves.

import Fastify from 'fastify'
import multiRegion from 'fastify-multi-region'
import * as schema from './schema.ts'

export async function buildApp () {
  const app = Fastify()
  // #region candidates
  await app.register(multiRegion, {
    schema,
    database: {
      primary: (process.env['CANDIDATE_URLS'] ?? '').split(','), // or a function that asks your orchestrator
      replica: process.env['DATABASE_REPLICA_URL'],
    },
    health: { interval: 500 },
  })
  // #endregion candidates

  // #region health
  // For the load balancer. Never a question about the primary: one dead primary must not drain every region.
  app.get('/health', { config: { multiRegion: false } }, async (_request, reply) => {
    const { canRead } = app.multiRegion.health()
    return reply.code(canRead ? 200 : 503).send({ canRead })
  })
  // For people and alerts.
  app.get('/status', { config: { multiRegion: false } }, async () => ({ ...app.multiRegion.health(), lag: app.multiRegion.lag() }))
  // #endregion health

  // #region stale
  // A page that may be old, rather than an error, while there is no primary to be fresh from.
  app.get('/posts', { config: { multiRegion: { consistency: 'strong', whenPrimaryIsDown: 'stale' } } }, async (request) => ({
    posts: await request.db.post.findMany({ take: 20 }),
    region: request.multiRegion.region,
  }))
  // #endregion stale

  app.post<{ Body: { title: string } }>('/posts', (request) => request.db.post.create({ data: { title: request.body.title } }))

  return app
}
