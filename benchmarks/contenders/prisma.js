// As Prisma's own documentation has it for version 7: the generated client on the pg driver adapter.

import { PrismaPg } from '@prisma/adapter-pg'
import prismaClient from '@prisma/client'

export async function open ({ url, max }) {
  const prisma = new prismaClient.PrismaClient({ adapter: new PrismaPg({ connectionString: url, max }) })
  return {
    name: 'Prisma',
    findUnique: (id) => prisma.user.findUnique({ where: { id } }),
    findMany100: () => prisma.post.findMany({ orderBy: { id: 'asc' }, take: 100 }),
    findFirst: (views) => prisma.post.findFirst({ where: { published: true, views: { gte: views } }, orderBy: [{ views: 'asc' }, { id: 'asc' }] }),
    include: (from) => prisma.post.findMany({ where: { id: { gt: from } }, orderBy: { id: 'asc' }, take: 20, include: { author: true, comments: true } }),
    nested: (id) => prisma.user.findUnique({ where: { id }, select: { id: true, name: true, posts: { orderBy: { id: 'asc' }, select: { id: true, title: true, comments: { orderBy: { id: 'asc' }, select: { id: true, body: true } } } } } }),
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
