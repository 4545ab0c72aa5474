// A GET may write. Say so, so that its handler runs once; or answer first, and write after.

import Fastify from 'fastify'
import multiRegion from 'fastify-multi-region'
import * as schema from './schema.ts'

export async function buildApp () {
  const app = Fastify()
  await app.register(multiRegion, { schema })

  // #region declared
  // A link in a mail. The whole request runs beside the primary, from its start.
  app.get<{ Params: { id: number } }>('/confirm/:id', {
    schema: { params: { type: 'object', properties: { id: { type: 'integer' } } } },
    config: { multiRegion: { intent: 'write' } },
  }, async (request) => {
    await request.db.account.update({ where: { id: request.params.id }, data: { credit: { increment: 10 } } })
    return { confirmed: true, region: request.multiRegion.region }
  })
  // #endregion declared

  // #region after
  // A counter: the page is answered here at once, and the write follows by the process's own client.
  // `$untracked`: nobody waits for a page view to arrive at a replica.
  app.get<{ Params: { id: number } }>('/posts/:id', {
    schema: { params: { type: 'object', properties: { id: { type: 'integer' } } } },
    onResponse: async (request) => {
      await app.db.$untracked.post.updateMany({ where: { id: request.params.id }, data: { views: { increment: 1 } } })
    },
  }, async (request) => ({ ...await request.db.post.findUniqueOrThrow({ where: { id: request.params.id } }), region: request.multiRegion.region }))
  // #endregion after

  // #region undeclared
  // Nothing is declared: the request starts here, is stopped at the write, and runs again beside the primary.
  app.get('/visit', async (request) => {
    await request.db.post.create({ data: { title: 'a visit' } })
    return { region: request.multiRegion.region }
  })
  // #endregion undeclared

  return app
}
