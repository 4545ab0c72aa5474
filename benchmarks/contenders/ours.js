import { createClient } from 'fastify-multi-region'
import * as schema from '../schema/ours.js'

export async function open ({ url, max }) {
  const db = createClient({ schema, database: url, pool: { max } })
  return {
    name: 'fastify-multi-region',
    findUnique: (id) => db.user.findUnique({ where: { id } }),
    findMany100: () => db.post.findMany({ orderBy: { id: 'asc' }, take: 100 }),
    findFirst: (views) => db.post.findFirst({ where: { published: true, views: { gte: views } }, orderBy: [{ views: 'asc' }, { id: 'asc' }] }),
    include: (from) => db.post.findMany({ where: { id: { gt: from } }, orderBy: { id: 'asc' }, take: 20, include: { author: true, comments: true } }),
    nested: (id) => db.user.findUnique({ where: { id }, select: { id: true, name: true, posts: { orderBy: { id: 'asc' }, select: { id: true, title: true, comments: { orderBy: { id: 'asc' }, select: { id: true, body: true } } } } } }),
    create: (title, authorId) => db.post.create({ data: { title, content: 'text', authorId } }),
    createNested: (title, authorId) => db.post.create({
      data: { title, content: 'text', authorId, comments: { create: [{ body: 'one', authorId }, { body: 'two', authorId }, { body: 'three', authorId }] } },
      select: { id: true, title: true },
    }),
    update: (id, views) => db.post.update({ where: { id }, data: { views } }),
    upsert: (email, name) => db.user.upsert({ where: { email }, create: { email, name }, update: { name } }),
    groupBy: async () => (await db.post.groupBy({ by: ['published'], where: { id: { lte: 5000 } }, _count: true, _sum: { views: true }, orderBy: { published: 'asc' } }))
      .map((row) => ({ published: row.published, count: row._count, views: row._sum.views })),
    close: () => db.$disconnect(),
  }
}
