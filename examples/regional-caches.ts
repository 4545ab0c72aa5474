// A cache in the memory of each region, which never shows writers a copy from before their write.

import Fastify from 'fastify'
import multiRegion, { type Row } from 'fastify-multi-region'
import * as schema from './schema.ts'

const LIFETIME_MS = 10_000

export async function buildApp () {
  const app = Fastify()
  await app.register(multiRegion, { schema, token: { key: process.env['MULTI_REGION_KEY'] } })

  // #region cache
  let popular: { readonly posts: Row<'Post'>[], readonly until: number } | undefined

  app.get('/popular', async (request, reply) => {
    // A session with a token has written lately: it reads past the cache, from the replica or beyond.
    const hasWritten = request.multiRegion.token !== null
    if (!hasWritten && popular !== undefined && popular.until > Date.now()) {
      return reply.header('x-cache', 'hit').send(popular.posts)
    }
    const posts = await request.db.post.findMany({ orderBy: [{ views: 'desc' }, { id: 'asc' }], take: 10 })
    popular = { posts, until: Date.now() + LIFETIME_MS }
    return reply.header('x-cache', 'miss').send(posts)
  })
  // #endregion cache

  app.post<{ Body: { title: string } }>('/posts', (request) => request.db.post.create({ data: { title: request.body.title } }))

  return app
}
