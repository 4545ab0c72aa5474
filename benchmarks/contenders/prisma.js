// As Prisma's own documentation has it for version 7: the generated client on the pg driver adapter; as people write it, and
// in its fastest documented form: relations by joins of the database (`relationJoins`, a preview), statements with names,
// which pg prepares once a connection (`statementNameGenerator`).

import { createHash } from 'node:crypto'
import { PrismaPg } from '@prisma/adapter-pg'
import prismaClient from '@prisma/client'

/** One name a text; made once for each. */
function statementNames () {
  const names = new Map()
  return ({ sql }) => {
    let name = names.get(sql)
    if (name === undefined) names.set(sql, name = createHash('sha256').update(sql).digest('hex').slice(0, 32))
    return name
  }
}

/** @param form `usual` or `fastest` */
export function openPrisma ({ url, max, form }) {
  return new prismaClient.PrismaClient({ adapter: new PrismaPg({ connectionString: url, max }, form === 'fastest' ? { statementNameGenerator: statementNames() } : {}) })
}

/** Of queries with relations; with the preview feature on, joins would be the default. */
export const loading = (form) => ({ relationLoadStrategy: form === 'fastest' ? 'join' : 'query' })

function contender (name, { url, max, form }) {
  const prisma = openPrisma({ url, max, form })
  const loaded = loading(form)
  return {
    name,
    findUnique: (id) => prisma.user.findUnique({ where: { id } }),
    findMany100: () => prisma.post.findMany({ orderBy: { id: 'asc' }, take: 100 }),
    findFirst: (views) => prisma.post.findFirst({ where: { published: true, views: { gte: views } }, orderBy: [{ views: 'asc' }, { id: 'asc' }] }),
    include: (from) => prisma.post.findMany({ ...loaded, where: { id: { gt: from } }, orderBy: { id: 'asc' }, take: 20, include: { author: true, comments: true } }),
    nested: (id) => prisma.user.findUnique({ ...loaded, where: { id }, select: { id: true, name: true, posts: { orderBy: { id: 'asc' }, select: { id: true, title: true, comments: { orderBy: { id: 'asc' }, select: { id: true, body: true } } } } } }),
    create: (title, authorId) => prisma.post.create({ data: { title, content: 'text', authorId } }),
    createNested: (title, authorId) => prisma.post.create({
      data: { title, content: 'text', authorId, comments: { create: [{ body: 'one', authorId }, { body: 'two', authorId }, { body: 'three', authorId }] } },
      select: { id: true, title: true },
    }),
    update: (id, views) => prisma.post.update({ where: { id }, data: { views } }),
    upsert: (email, name) => prisma.user.upsert({ where: { email }, create: { email, name }, update: { name } }),
    groupBy: async () => (await prisma.post.groupBy({ by: ['published'], where: { id: { lte: 5000 } }, _count: true, _sum: { views: true }, orderBy: { published: 'asc' } }))
      .map((row) => ({ published: row.published, count: row._count, views: row._sum.views })),
    close: () => prisma.$disconnect(),
  }
}

export const open = async (given) => contender('Prisma', { ...given, form: 'usual' })
export const openFastest = async (given) => contender('Prisma, joins, named', { ...given, form: 'fastest' })
