// Post, be redirected, see your post: whatever the replica has applied by then.

import formbody from './form-body.ts'
import Fastify from 'fastify'
import multiRegion from 'fastify-multi-region'
import * as schema from './schema.ts'

export async function buildApp () {
  const app = Fastify()
  await app.register(formbody)
  // #region register
  await app.register(multiRegion, {
    schema,
    token: { key: process.env['MULTI_REGION_KEY'] }, // npx fastify-multi-region key; the same in every region
  })
  // #endregion register

  // #region routes
  app.get('/posts', (request) => request.db.post.findMany({ orderBy: { id: 'desc' }, take: 20 }))

  app.post<{ Body: { title: string } }>('/posts', async (request, reply) => {
    await request.db.post.create({ data: { title: request.body.title } })
    return reply.redirect('/posts', 303) // the answer carries the token; the next request brings it
  })
  // #endregion routes

  // #region other-client
  app.post('/import', async (request) => {
    await runImport() // writes with a client of its own
    request.multiRegion.markWritten() // so that this session sees it
    return { imported: true }
  })
  // #endregion other-client

  return app
}

async function runImport (): Promise<void> {}
