// What the compiler says of a mistake. Each line that suppresses an error names the message, and tstyche compares it.

import { test } from 'tstyche'
import { db } from './fixtures/client.ts'

test('a field that does not exist, at any depth', async () => {
  // @ts-expect-error 'titel' does not exist in type 'Select<AppSchema, "Post">'. Did you mean to write 'title'?
  await db.post.findMany({ include: { author: { include: { posts: { select: { id: true, titel: true } } } } } })
  // @ts-expect-error 'titel' does not exist in type 'Where<AppSchema, "Post">'. Did you mean to write 'title'?
  await db.post.findMany({ include: { author: { include: { posts: { where: { titel: 'x' } } } } } })
  // @ts-expect-error 'titel' does not exist in type 'Where<AppSchema, "Post">'. Did you mean to write 'title'?
  await db.post.findMany({ where: { author: { posts: { some: { titel: 'x' } } } } })
  // @ts-expect-error 'wher' does not exist in type 'FindManyArgs<AppSchema, "User">'. Did you mean to write 'where'?
  await db.user.findMany({ wher: {} })
  // @ts-expect-error 'nam' does not exist in type 'OneOrMany<Create<AppSchema, "Tag", "posts">>'
  await db.user.create({ data: { email: 'a', posts: { create: [{ title: 'a', tags: { create: { nam: 'x' } } }] } } })
  // @ts-expect-error 'titel' does not exist in type 'Update<AppSchema, "Post">'. Did you mean to write 'title'?
  await db.post.update({ where: { id: 1 }, data: { titel: 'x' } })
  // @ts-expect-error 'tags' does not exist in type 'Include<AppSchema, "User">'
  await db.user.findMany({ include: { tags: true } })
  // @ts-expect-error Type '"authrId"' is not assignable to type '"id" | "slug" | "title" | "published" | "views" | "authorId" | "reviewerId"'. Did you mean '"authorId"'?
  await db.post.groupBy({ by: ['authrId'] })
  // @ts-expect-error 'titel' does not exist in type 'Select<AppSchema, "Post">'. Did you mean to write 'title'?
  await db.user.findUnique({ where: { id: 1 } }).posts({ select: { titel: true } })
})

test('select beside include or omit', async () => {
  // @ts-expect-error 'include' does not exist in type 'UseEitherSelectOrInclude'
  await db.post.findMany({ where: { id: 1 }, select: { id: true }, include: { author: true } })
  // @ts-expect-error 'include' does not exist in type 'UseEitherSelectOrInclude'
  await db.post.findMany({ include: { author: { select: { id: true }, include: { posts: true } } } })
  // @ts-expect-error 'omit' does not exist in type 'UseEitherSelectOrOmit'
  await db.post.create({ data: { title: 'x', authorId: 1 }, select: { id: true }, omit: { title: true } })
  const args = { select: { id: true }, include: { author: true } }
  // @ts-expect-error 'include' does not exist in type 'UseEitherSelectOrInclude'
  await db.post.findMany({ include: { author: true }, select: { id: true } })
  // @ts-expect-error in type 'UseEitherSelectOrInclude'
  await db.post.findMany(args)
  const both = args as typeof args | undefined
  // @ts-expect-error in type 'UseEitherSelectOrInclude'
  await db.user.findMany({ include: { posts: both } })
})

test('a key or a column is missing', async () => {
  // @ts-expect-error Property 'title' is missing in type '{ authorId: number; }' but required in type 'RequiredInput<AppSchema, "Post", RequiredColumns<AppSchema, "Post">>'
  await db.post.create({ data: { authorId: 1 } })
  // @ts-expect-error Property 'authorId' is missing in type '{ title: string; }' but required in type 'RequiredInput<AppSchema, "Post", RequiredColumns<AppSchema, "Post">>'
  await db.post.create({ data: { title: 'x' } })
  // @ts-expect-error Property 'email' is missing in type '{ name: string; }' but required in type 'Key<AppSchema, "User", "email">'
  await db.user.findUnique({ where: { name: 'x' } })
  // @ts-expect-error Property 'userId' is missing in type '{ orgId: number; }' but required in type 'Key<AppSchema, "Membership", "userId" | "orgId">'
  await db.membership.findUnique({ where: { orgId_userId: { orgId: 1 } } })
})

test('both forms, wrong operators and values', async () => {
  // @ts-expect-error Type '{ connect: { id: number; }; }' is not assignable to type 'undefined'
  await db.post.create({ data: { title: 'x', authorId: 1, author: { connect: { id: 1 } } } })
  // @ts-expect-error 'contains' does not exist in type 'OrderedFilter<number
  await db.user.findMany({ where: { id: { contains: 1 } } })
  // @ts-expect-error Type '"OWNER"' is not assignable to type '"USER" | "EDITOR" | "ADMIN" | undefined'
  await db.user.create({ data: { email: 'x', role: 'OWNER' } })
  // @ts-expect-error Type 'null' is not assignable to type 'string | SetUpdate<string, never> | undefined'
  await db.user.update({ where: { id: 1 }, data: { email: null } })
})

test('a group by other fields', async () => {
  // @ts-expect-error Type 'string' is not assignable to type 'AddToBy<"title">'
  await db.post.groupBy({ by: ['authorId'], orderBy: { title: 'asc' } })
  // @ts-expect-error 'contains' does not exist in type 'AddToBy<"title">'
  await db.post.groupBy({ by: ['authorId'], having: { title: { contains: 'x' } } })
  // @ts-expect-error Type 'number' is not assignable to type 'OrderByIsNeededToPage'
  await db.post.groupBy({ by: ['authorId'], take: 3 })
})
