// Drizzle's queries, one by one. Most have an operation; what has none is SQL, with types that you state.

import Fastify from 'fastify'
import multiRegion, { join, sql } from 'fastify-multi-region'
import * as schema from './schema.ts'

export async function buildApp () {
  const app = Fastify()
  await app.register(multiRegion, { schema })

  // #region relations
  // db.query.posts.findMany({ with: { author: true }, where: ilike(posts.title, `%${q}%`), limit: 20 })
  app.get<{ Querystring: { q: string } }>('/search', (request) => request.db.post.findMany({
    include: { author: true },
    where: { title: { contains: request.query.q, mode: 'insensitive' } },
    take: 20,
  }))
  // #endregion relations

  // #region insert
  // db.insert(posts).values({ title }).returning()
  app.post<{ Body: { title: string } }>('/posts', (request) => request.db.post.create({ data: { title: request.body.title } }))
  // #endregion insert

  // #region transaction
  // db.transaction(async (tx) => { … })
  app.post<{ Body: { from: number, to: number, credit: number } }>('/transfer', async (request) => {
    const { from, to, credit } = request.body
    return await request.db.$transaction([
      request.db.account.update({ where: { id: from }, data: { credit: { decrement: credit } } }),
      request.db.account.update({ where: { id: to }, data: { credit: { increment: credit } } }),
    ])
  })
  // #endregion transaction

  // #region sql
  // db.select({ author: …, posts: count() }).from(posts).innerJoin(…).groupBy(…).having(…)
  app.get<{ Querystring: { ids: string } }>('/busy', (request) => {
    const ids = request.query.ids.split(',').map(Number)
    return request.db.$queryRaw<{ email: string, posts: number }[]>(sql`
      select a.email, count(*)::int as posts
      from accounts a join posts p on p.author_id = a.id
      where a.id in (${join(ids)})
      group by a.email having count(*) > 1 order by a.email`)
  })
  // #endregion sql

  return app
}
