import type { Decimal } from 'decimal.js'
import { expect, test } from 'tstyche'
import type { JsonValue } from '../../lib/schema/index.ts'
import { db, docs } from './fixtures/client.ts'
import type { Role } from './fixtures/schema.ts'

interface UserRow {
  id: number
  email: string
  name: string | null
  role: Role
  tags: string[]
  balance: Decimal
  quota: bigint | null
  settings: { theme: 'dark' | 'light' } | null
  avatar: Uint8Array | null
  bornOn: Date | null
  lastIp: string | null
  createdAt: Date
  updatedAt: Date
  managerId: number | null
}
/** An intersection is not the same as the one object that it means. */
type Flat<X> = { [K in keyof X]: X[K] }
interface PostRow { id: number, slug: string, title: string, published: boolean, views: number, authorId: number, reviewerId: number | null }

test('without a selection, a row has all columns and no relations', async () => {
  expect(await db.user.findFirstOrThrow()).type.toBe<UserRow>()
  expect(await db.user.findFirst()).type.toBe<UserRow | null>()
  expect(await db.user.findUnique({ where: { id: 1 } })).type.toBe<UserRow | null>()
  expect(await db.user.findUniqueOrThrow({ where: { email: 'a' } })).type.toBe<UserRow>()
  expect(await db.user.findMany({ where: { id: 1 }, take: 3 })).type.toBe<UserRow[]>()
  expect(await db.post.create({ data: { title: 'a', authorId: 1 } })).type.toBe<PostRow>()
  expect(await db.post.update({ where: { id: 1 }, data: { title: 'b' } })).type.toBe<PostRow>()
  expect(await db.post.upsert({ where: { id: 1 }, create: { title: 'a', authorId: 1 }, update: {} })).type.toBe<PostRow>()
  expect(await db.post.delete({ where: { id: 1 } })).type.toBe<PostRow>()
  expect(await docs.doc.findFirstOrThrow()).type.toBe<{ id: bigint, body: JsonValue, parts: JsonValue[], alias: string | null, at: Date, ratio: number | null, authorOrg: number, authorUser: number }>()
})

test('select gives what it names', async () => {
  expect(await db.user.findFirstOrThrow({ select: { id: true, name: true, email: false, role: undefined } })).type.toBe<{ id: number, name: string | null }>()
  expect(await db.post.findMany({ select: { title: true, author: { select: { name: true } } } })).type.toBe<{ title: string, author: { name: string | null } }[]>()
  expect(await db.post.findFirstOrThrow({ select: { reviewer: { select: { id: true } } } })).type.toBe<{ reviewer: { id: number } | null }>()
  expect(await db.post.findFirstOrThrow({ select: { author: true } })).type.toBe<{ author: UserRow }>()
  expect(await db.user.findFirstOrThrow({ select: { profile: { select: { bio: true } } } })).type.toBe<{ profile: { bio: string } | null }>()
  expect(await db.user.findFirstOrThrow({ select: { posts: { take: 2, orderBy: { id: 'asc' }, select: { tags: { select: { name: true } } } } } })).type.toBe<{ posts: { tags: { name: string }[] }[] }>()
})

test('include adds to the columns', async () => {
  expect(await db.post.findFirstOrThrow({ include: { author: true, reviewer: true, tags: false } })).type.toBe<Flat<PostRow & { author: UserRow, reviewer: UserRow | null }>>()
  expect(await db.post.findMany({ include: { author: { select: { id: true, posts: { take: 3, select: { title: true } } } }, tags: true } })).type.toBe<Flat<PostRow & { author: { id: number, posts: { title: string }[] }, tags: { id: number, name: string }[] }>[]>()
  expect(await db.org.findFirstOrThrow({ include: { members: { include: { user: { omit: { email: true } } } } } })).type.toBe<{ id: number, name: string, members: { orgId: number, userId: number, since: Date, user: Omit<UserRow, 'email'> }[] }>()
})

test('omit takes away from the columns', async () => {
  expect(await db.post.findFirstOrThrow({ omit: { slug: true, views: true, title: false } })).type.toBe<{ id: number, title: string, published: boolean, authorId: number, reviewerId: number | null }>()
  expect(await db.tag.findFirstOrThrow({ omit: { name: true }, include: { posts: { omit: { slug: true, views: true, published: true, authorId: true, reviewerId: true } } } })).type.toBe<{ id: number, posts: { id: number, title: string }[] }>()
})

test('_count gives numbers of related rows', async () => {
  expect(await db.user.findFirstOrThrow({ select: { _count: { select: { posts: true, reviews: { where: { published: true } } } } } })).type.toBe<{ _count: { posts: number, reviews: number } }>()
  expect(await db.tag.findFirstOrThrow({ include: { _count: true } })).type.toBe<{ id: number, name: string, _count: { posts: number } }>()
  expect(await db.tag.findFirstOrThrow({ select: { name: true, _count: false } })).type.toBe<{ name: string }>()
})

test('writes of many rows tell how many, or return them', async () => {
  expect(await db.post.createMany({ data: [{ title: 'a', authorId: 1 }], skipDuplicates: true })).type.toBe<{ count: number }>()
  expect(await db.post.updateMany({ data: { views: { increment: 1 } }, limit: 10 })).type.toBe<{ count: number }>()
  expect(await db.post.deleteMany({ where: { title: 'a' }, limit: 10 })).type.toBe<{ count: number }>()
  expect(await db.post.deleteMany()).type.toBe<{ count: number }>()
  expect(await db.post.createManyAndReturn({ data: { title: 'a', authorId: 1 } })).type.toBe<PostRow[]>()
  expect(await db.post.createManyAndReturn({ data: [], select: { id: true, author: { select: { email: true } } } })).type.toBe<{ id: number, author: { email: string } }[]>()
  expect(await db.post.updateManyAndReturn({ where: { id: 1 }, data: { authorId: 2 }, include: { reviewer: { select: { id: true } } }, omit: { slug: true } })).type.toBe<Flat<Omit<PostRow, 'slug'> & { reviewer: { id: number } | null }>[]>()
  expect(db.post.createManyAndReturn).type.not.toBeCallableWith({ data: [], include: { tags: true } })
})

test('counts, aggregates and groups', async () => {
  expect(await db.post.count()).type.toBe<number>()
  expect(await db.post.count({ where: { published: true }, take: 3, cursor: { id: 1 } })).type.toBe<number>()
  expect(await db.post.count({ select: true })).type.toBe<number>()
  expect(await db.post.count({ select: { _all: true, reviewerId: true } })).type.toBe<{ _all: number, reviewerId: number }>()
  expect(await db.post.aggregate({ _max: { title: true }, _count: { _all: true } })).type.toBe<{ _max: { title: string | null }, _count: { _all: number } }>()
  expect(await db.user.aggregate({ _count: true, _sum: { balance: true, quota: true, id: true }, _avg: { balance: true, quota: true }, _min: { role: true, createdAt: true } })).type.toBe<{ _count: number, _sum: { balance: Decimal | null, quota: bigint | null, id: number | null }, _avg: { balance: Decimal | null, quota: number | null }, _min: { role: Role | null, createdAt: Date | null } }>()
  expect(await db.post.groupBy({ by: ['authorId', 'published'], _count: true, _sum: { views: true } })).type.toBe<{ authorId: number, published: boolean, _count: number, _sum: { views: number | null } }[]>()
  expect(await db.post.groupBy({ by: 'reviewerId', _count: { title: true } })).type.toBe<{ reviewerId: number | null, _count: { title: number } }[]>()
})

test('relations are called on the query of one row', async () => {
  expect(await db.user.findUnique({ where: { id: 1 } }).posts({ select: { title: true } })).type.toBe<{ title: string }[] | null>()
  expect(await db.user.findUniqueOrThrow({ where: { id: 1 } }).posts()).type.toBe<PostRow[]>()
  expect(await db.user.findFirst({ where: { id: 1 } }).profile({ select: { bio: true } })).type.toBe<{ bio: string } | null>()
  expect(await db.post.findUniqueOrThrow({ where: { id: 1 } }).author({ select: { id: true } })).type.toBe<{ id: number }>()
  expect(await db.post.findUnique({ where: { id: 1 } }).author().manager().posts({ take: 1 })).type.toBe<PostRow[] | null>()
  expect(await db.post.create({ data: { title: 'a', authorId: 1 } }).author({ select: { id: true } })).type.toBe<{ id: number }>()
})

test('a program may put the arguments together beforehand', async () => {
  const include = { author: { select: { name: true } } } as const
  expect(await db.post.findFirstOrThrow({ include })).type.toBe<Flat<PostRow & { author: { name: string | null } }>>()
  const where = { title: 'x' }
  expect(await db.post.findMany({ where, select: { id: true } })).type.toBe<{ id: number }[]>()
})
