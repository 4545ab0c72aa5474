import { Decimal } from 'decimal.js'
import { expect, test } from 'tstyche'
import { AnyNull, DbNull, JsonNull } from '../../lib/query/json-null.ts'
import { db, docs } from './fixtures/client.ts'

const maybe = undefined as string | undefined

test('filters of each type', async () => {
  await db.user.findMany({ where: { id: 1, email: { contains: 'x', mode: 'insensitive', not: { startsWith: 'a' } }, name: null, role: { in: ['ADMIN'] }, tags: { has: 'a', hasEvery: ['b'], hasSome: [], isEmpty: false } } })
  await db.user.findMany({ where: { balance: { gt: '1.5', lt: 2, not: new Decimal(1) }, quota: { gte: 1n, lte: 2 }, avatar: new Uint8Array(), bornOn: { gt: new Date(), lt: '2024-01-01T00:00:00Z' }, lastIp: { equals: '::1' }, createdAt: { in: [new Date()] } } })
  await db.post.findMany({ where: { published: { not: true } } })
  expect(db.user.findMany).type.not.toBeCallableWith({ where: { email: null } })
  expect(db.user.findMany).type.not.toBeCallableWith({ where: { email: { not: { contains: 'a', mode: 'insensitive' } } } })
  expect(db.user.findMany).type.not.toBeCallableWith({ where: { role: 'OWNER' } })
  expect(db.user.findMany).type.not.toBeCallableWith({ where: { tags: ['a'] } })
  expect(db.user.findMany).type.not.toBeCallableWith({ where: { tags: { contains: 'a' } } })
  expect(db.profile.findMany).type.not.toBeCallableWith({ where: { id: { contains: 'a' } } })
})

test('the nulls of JSON', async () => {
  await db.user.findMany({ where: { settings: { equals: DbNull } } })
  await db.user.findMany({ where: { settings: { not: AnyNull, path: ['theme'], string_contains: 'd' } } })
  await docs.doc.findMany({ where: { body: { equals: { a: [1, null] }, array_contains: ['a'] }, parts: { has: 1 } } })
  await db.user.update({ where: { id: 1 }, data: { settings: DbNull } })
  await db.user.update({ where: { id: 1 }, data: { settings: JsonNull } })
  await db.user.update({ where: { id: 1 }, data: { settings: { theme: 'dark' } } })
  await docs.doc.update({ where: { id: 1 }, data: { body: JsonNull, parts: { push: [{ a: 1 }] } } })
  expect(db.user.update).type.not.toBeCallableWith({ where: { id: 1 }, data: { settings: null } })
  expect(db.user.update).type.not.toBeCallableWith({ where: { id: 1 }, data: { settings: AnyNull } })
  expect(db.user.update).type.not.toBeCallableWith({ where: { id: 1 }, data: { settings: { theme: 'pink' } } })
  expect(docs.doc.update).type.not.toBeCallableWith({ where: { id: 1 }, data: { body: DbNull } })
  expect(docs.doc.update).type.not.toBeCallableWith({ where: { id: 1 }, data: { body: null } })
})

test('relation filters, to any depth', async () => {
  await db.user.findMany({ where: { OR: [{ email: { contains: 'x' } }, { posts: { some: { author: { is: { role: { in: ['ADMIN'] } } }, title: { startsWith: 'a' } }, every: {}, none: { reviewer: null } } }], manager: { name: null, isNot: null }, NOT: { profile: { is: null } } } })
  await db.post.findMany({ where: { author: { posts: { some: { author: { manager: { isNot: { posts: { none: {} } } } } } } }, AND: { title: 'x' } } })
  expect(db.post.findMany).type.not.toBeCallableWith({ where: { author: null } })
  expect(db.post.findMany).type.not.toBeCallableWith({ where: { author: { some: {} } } })
  expect(db.user.findMany).type.not.toBeCallableWith({ where: { posts: { title: 'x' } } })
})

test('one row is found by a key', async () => {
  await db.user.findUnique({ where: { id: 1, name: { contains: 'a' } } })
  await db.membership.findUnique({ where: { orgId_userId: { orgId: 1, userId: 2 }, OR: [{ since: new Date() }] } })
  await db.post.findUnique({ where: { authorId_slug: { authorId: 1, slug: 'x' } } })
  await db.post.findUnique({ where: { id: 1, authorId_slug: { authorId: 1, slug: 'x' } } })
  await docs.doc.findUnique({ where: { alias: 'x' } })
  await docs.note.findUnique({ where: { docId_no: { docId: 1, no: 2 } } })
  expect(db.user.findUnique).type.not.toBeCallableWith({ where: {} })
  expect(db.user.findUnique).type.not.toBeCallableWith({ where: { name: 'x' } })
  expect(db.user.findUnique).type.not.toBeCallableWith({ where: { id: { gt: 1 } } })
  expect(db.user.findUnique).type.not.toBeCallableWith({ where: { id: undefined } })
  expect(db.membership.findUnique).type.not.toBeCallableWith({ where: { orgId_userId: { orgId: 1 } } })
  expect(db.membership.findUnique).type.not.toBeCallableWith({ where: { orgId: 1, userId: 2 } })
  expect(docs.doc.findUnique).type.not.toBeCallableWith({ where: { alias: null } })
})

test('order, pages and distinct', async () => {
  await db.user.findMany({ orderBy: [{ posts: { _count: 'desc' } }, { manager: { name: { sort: 'asc', nulls: 'last' } } }, { email: 'asc' }], cursor: { email: 'x' }, take: -5, skip: 1, distinct: ['role', 'name'] })
  await db.user.findMany({ distinct: 'role' })
  expect(db.user.findMany).type.not.toBeCallableWith({ orderBy: { email: { sort: 'asc', nulls: 'last' } } })
  expect(db.user.findMany).type.not.toBeCallableWith({ orderBy: { posts: { title: 'asc' } } })
  expect(db.user.findMany).type.not.toBeCallableWith({ orderBy: { email: 'up' } })
  expect(db.user.findMany).type.not.toBeCallableWith({ distinct: ['posts'] })
})

test('fields are compared with fields of the same type', async () => {
  await db.post.findMany({ where: { views: { gt: db.post.fields.authorId, in: [1] }, title: { contains: db.post.fields.slug }, reviewerId: { not: db.post.fields.authorId } } })
  await db.user.findMany({ where: { createdAt: { lt: db.user.fields.updatedAt }, bornOn: { gt: db.user.fields.createdAt }, tags: { has: db.user.fields.email }, email: { in: db.user.fields.tags }, role: { equals: db.user.fields.role } } })
  expect(db.user.findMany).type.not.toBeCallableWith({ where: { name: { equals: db.user.fields.id } } })
  expect(db.user.findMany).type.not.toBeCallableWith({ where: { name: { equals: db.user.fields.tags } } })
  expect(db.user.findMany).type.not.toBeCallableWith({ where: { email: db.user.fields.name } })
})

test('undefined stands for "left out", in every place', async () => {
  await db.user.findMany({ where: { email: maybe, name: { contains: maybe }, posts: { some: { title: maybe } }, AND: undefined, manager: undefined }, orderBy: undefined, take: undefined, select: undefined })
  await db.user.findMany({ where: undefined, include: { posts: undefined, profile: { select: { bio: undefined } } } })
  await db.user.create({ data: { email: 'x', name: maybe, tags: undefined, profile: undefined, posts: { create: undefined } } })
  await db.user.update({ where: { id: 1, email: maybe }, data: { email: maybe, posts: { update: undefined }, managerId: undefined } })
  await db.post.aggregate({ _sum: { views: undefined }, _count: undefined })
})

test('a create by relations or by keys', async () => {
  await db.post.create({ data: { title: 'x', authorId: 1 } })
  await db.post.create({ data: { title: 'x', authorId: 1, reviewerId: null, tags: { connect: [{ id: 1 }, { name: 'a' }] } } })
  await db.post.create({ data: { title: 'x', author: { connect: { id: 1 } }, tags: { create: [{ name: 'a' }], connectOrCreate: { where: { name: 'x' }, create: { name: 'x' } } } } })
  await db.post.create({ data: { title: 'x', author: { connectOrCreate: { where: { email: 'x' }, create: { email: 'x' } } }, reviewer: { create: { email: 'y' } } } })
  await db.user.create({ data: { email: 'a', tags: { set: ['x'] }, balance: 1, quota: 1, settings: { theme: 'dark' }, posts: { create: [{ title: 'a' }, { title: 'b', tags: { create: { name: 'x' } } }], createMany: { data: [{ title: 'c' }], skipDuplicates: true } }, profile: { create: { bio: 'x' } } } })
  await db.membership.create({ data: { org: { create: { name: 'x' } }, user: { connect: { id: 1 } } } })
  await db.post.createMany({ data: { title: 'x', authorId: 1 } })
  expect(db.post.create).type.not.toBeCallableWith({ data: { title: 'x', authorId: 1, author: { connect: { id: 1 } } } })
  expect(db.post.create).type.not.toBeCallableWith({ data: { title: 'x', authorId: 1, reviewer: { connect: { id: 1 } } } })
  expect(db.post.create).type.not.toBeCallableWith({ data: { authorId: 1 } })
  expect(db.post.create).type.not.toBeCallableWith({ data: { title: 'x' } })
  expect(db.post.create).type.not.toBeCallableWith({ data: { title: undefined, authorId: 1 } })
  expect(db.user.create).type.not.toBeCallableWith({ data: { email: 'x', role: 'OWNER' } })
  expect(db.user.create).type.not.toBeCallableWith({ data: { email: 'x', posts: { create: { title: 'a', authorId: 1 } } } })
  expect(db.user.create).type.not.toBeCallableWith({ data: { email: 'x', posts: { create: { title: 'a', author: { connect: { id: 1 } } } } } })
  expect(db.user.create).type.not.toBeCallableWith({ data: { email: 'x', posts: { createMany: { data: { title: 'a', tags: {} } } } } })
  expect(db.user.create).type.not.toBeCallableWith({ data: { email: 'x', posts: { disconnect: { id: 1 } } } })
  expect(db.post.createMany).type.not.toBeCallableWith({ data: { title: 'x', author: { connect: { id: 1 } } } })
})

test('updates of columns', async () => {
  await db.user.update({ where: { email: 'x' }, data: { name: null, email: { set: 'y' }, quota: { set: null, increment: 1n }, balance: { increment: 1, multiply: '2' }, tags: { push: ['a'], set: [] }, role: 'ADMIN', settings: DbNull, managerId: 3, createdAt: new Date() } })
  await db.post.updateMany({ where: { author: { role: 'ADMIN' } }, data: { authorId: 2, views: { divide: 2 } } })
  expect(db.user.update).type.not.toBeCallableWith({ where: { id: 1 }, data: { email: null } })
  expect(db.user.update).type.not.toBeCallableWith({ where: { id: 1 }, data: { email: { increment: 1 } } })
  expect(db.user.update).type.not.toBeCallableWith({ where: { id: 1 }, data: { emial: 'x' } })
  expect(db.post.update).type.not.toBeCallableWith({ where: { id: 1 }, data: { authorId: 1, author: { connect: { id: 1 } } } })
  expect(db.post.updateMany).type.not.toBeCallableWith({ data: { author: { connect: { id: 1 } } } })
})

test('updates of related rows', async () => {
  await db.user.update({ where: { id: 1 }, data: { posts: { create: { title: 'a' }, connect: { id: 1 }, connectOrCreate: [], set: [{ id: 1 }], disconnect: { id: 1 }, delete: [{ id: 1 }], update: { where: { id: 1, published: true }, data: { views: { increment: 1 } } }, updateMany: { where: { title: 'x' }, data: { views: 0 } }, upsert: { where: { id: 1 }, create: { title: 'x' }, update: { title: 'y' } }, deleteMany: [{}], createMany: { data: [] } } } })
  await db.user.update({ where: { id: 1 }, data: { profile: { upsert: { create: { bio: 'x' }, update: { bio: 'y' }, where: { bio: 'z' } } }, manager: { disconnect: true } } })
  await db.user.update({ where: { id: 1 }, data: { profile: { delete: { bio: 'x' } }, manager: { update: { name: 'x' } } } })
  await db.post.update({ where: { id: 1 }, data: { author: { update: { where: { role: 'USER' }, data: { name: 'x' } } }, reviewer: { disconnect: { name: 'x' } }, tags: { set: [] } } })
  expect(db.post.update).type.not.toBeCallableWith({ where: { id: 1 }, data: { author: { disconnect: true } } })
  expect(db.post.update).type.not.toBeCallableWith({ where: { id: 1 }, data: { author: { delete: true } } })
  expect(db.user.update).type.not.toBeCallableWith({ where: { id: 1 }, data: { posts: { update: { where: { title: 'x' }, data: {} } } } })
  expect(db.user.update).type.not.toBeCallableWith({ where: { id: 1 }, data: { posts: { updateMany: { where: {}, data: { author: { connect: { id: 1 } } } } } } })
  expect(db.user.update).type.not.toBeCallableWith({ where: { id: 1 }, data: { posts: { deleteMany: { author: { name: 'x' } } } } })
})

test('groups: filters and order by what they are made of, or by aggregates', async () => {
  await db.post.groupBy({ by: ['authorId', 'title'], having: { title: { contains: 'x', _count: { gt: 1 } }, views: { _avg: { gt: 3.5 }, _sum: { gt: 3 }, _max: { lt: 9 } }, OR: [{ views: { _min: { gt: 1 } } }] }, orderBy: [{ title: 'asc' }, { _count: { id: 'desc' } }, { _avg: { views: 'asc' } }], take: 3, skip: 1 })
  await db.user.groupBy({ by: ['name'], having: { createdAt: { _max: { gt: new Date() } }, balance: { _avg: { gt: '1.5' } } }, orderBy: { name: { sort: 'asc', nulls: 'first' } } })
  expect(db.post.groupBy).type.not.toBeCallableWith({ by: ['authrId'] })
  expect(db.post.groupBy).type.not.toBeCallableWith({ by: ['author'] })
  expect(db.post.groupBy).type.not.toBeCallableWith({ by: ['authorId'], having: { title: 'x' } })
  expect(db.post.groupBy).type.not.toBeCallableWith({ by: ['authorId'], orderBy: { title: 'asc' } })
  expect(db.post.groupBy).type.not.toBeCallableWith({ by: ['authorId'], having: { title: { _sum: { gt: 1 } } } })
  expect(db.post.groupBy).type.not.toBeCallableWith({ by: ['authorId'], having: { title: { _max: { gt: 1 } } } })
  expect(db.post.groupBy).type.not.toBeCallableWith({ by: ['authorId'], take: 1 })
  expect(db.post.groupBy).type.not.toBeCallableWith({ by: ['authorId'], _sum: { title: true } })
  expect(db.post.aggregate).type.not.toBeCallableWith({ _avg: { title: true } })
  expect(db.post.aggregate).type.not.toBeCallableWith({ _max: { published: true } })
})

test('what Prisma has and this client has not is refused', async () => {
  expect(db.user.findMany).type.not.toBeCallableWith({ relationLoadStrategy: 'join' })
  expect(db.user.findMany).type.not.toBeCallableWith({ wher: {} })
  expect(db.user.findUnique).type.not.toBeCallableWith({ where: { id: 1 }, take: 1 })
})
