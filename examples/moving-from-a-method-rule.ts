// From a hook that replays every request but GET: remove the hook, and say where the rule was wrong.

import Fastify from 'fastify'
import multiRegion from 'fastify-multi-region'
import * as schema from './schema.ts'

export async function buildApp () {
  const app = Fastify()
  // #region removed
  // app.addHook('onRequest', async (request, reply) => {
  //   if (request.method !== 'GET' && process.env.FLY_REGION !== process.env.PRIMARY_REGION) {
  //     return reply.code(409).header('fly-replay', `region=${process.env.PRIMARY_REGION}`).send()
  //   }
  // })
  await app.register(multiRegion, { schema }) // the same rule, and what it leaves out
  // #endregion removed

  // #region reads
  // A POST that reads: it went across the world for nothing.
  app.post<{ Body: { text: string } }>('/search', { config: { multiRegion: { intent: 'read' } } }, async (request) => ({
    posts: await request.db.post.findMany({ where: { title: { contains: request.body.text } }, take: 20 }),
    region: request.multiRegion.region,
  }))
  // #endregion reads

  // #region writes
  // A GET that writes: it was an error page.
  app.get('/unsubscribe', { config: { multiRegion: { intent: 'write' } } }, async (request) => {
    await request.db.account.updateMany({ data: { credit: 0 } })
    return { region: request.multiRegion.region }
  })
  // #endregion writes

  // #region neither
  // Neither reads nor writes the database: left alone.
  app.post('/echo', { config: { multiRegion: false } }, async (request) => ({ region: request.multiRegion.region }))
  // #endregion neither

  return app
}
