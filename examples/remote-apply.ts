// A write after which every synchronous replica shows it, to everybody, token or not.

import Fastify from 'fastify'
import multiRegion from 'fastify-multi-region'
import * as schema from './schema.ts'

export async function buildApp () {
  const app = Fastify()
  await app.register(multiRegion, { schema })

  // #region remote-apply
  // The commit returns when the standbys in synchronous_standby_names have applied it: a trip to the slowest of them.
  app.post<{ Body: { title: string } }>('/announcements', async (request) => {
    const [post] = await request.db.$transaction([
      request.db.post.create({ data: { title: request.body.title } }),
    ], { synchronousCommit: 'remote_apply' })
    return post
  })
  // #endregion remote-apply

  // #region off
  // The other way round, for what may be lost in a crash: the commit does not wait for the disk.
  app.post('/beacon', async (request) => {
    await request.db.$transaction([request.db.post.create({ data: { title: 'beacon' } })], { synchronousCommit: 'off' })
    return { kept: true }
  })
  // #endregion off

  app.get('/posts', (request) => request.db.post.findMany({ orderBy: { id: 'asc' } }))

  return app
}
