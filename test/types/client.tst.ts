import { expect, test } from 'tstyche'
import { sql } from '../../lib/query/sql.ts'
import type { Client } from '../../lib/query/args/client.ts'
import type { CreateInput, DatabaseOf, FindManyArgs, OrderByInput, ResultOf, Row, ScalarCreateInput, TransactionClient, UpdateInput, WhereInput, WhereUniqueInput, ModelName } from '../../lib/register.ts'
import { type AppSchema, db, type DocSchema, docs } from './fixtures/client.ts'

interface PostRow { id: number, slug: string, title: string, published: boolean, views: number, authorId: number, reviewerId: number | null }

test('helper types of a schema', () => {
  expect<ModelName<AppSchema>>().type.toBe<'User' | 'Profile' | 'Post' | 'Tag' | 'Org' | 'Membership'>()
  expect<Row<'Post', AppSchema>>().type.toBe<PostRow>()
  expect<{ title: string, authorId: number }>().type.toBeAssignableTo<CreateInput<'Post', AppSchema>>()
  expect<{ title: string, author: { connect: { id: number } } }>().type.toBeAssignableTo<CreateInput<'Post', AppSchema>>()
  expect<{ title: string, author: { connect: { id: number } } }>().type.not.toBeAssignableTo<ScalarCreateInput<'Post', AppSchema>>()
  expect<{ views: { increment: number } }>().type.toBeAssignableTo<UpdateInput<'Post', AppSchema>>()
  expect<{ title: { contains: string } }>().type.toBeAssignableTo<WhereInput<'Post', AppSchema>>()
  expect<{ id: number }>().type.toBeAssignableTo<WhereUniqueInput<'Post', AppSchema>>()
  expect<{ slug: string }>().type.not.toBeAssignableTo<WhereUniqueInput<'Post', AppSchema>>()
  expect<{ author: { name: 'asc' } }>().type.toBeAssignableTo<OrderByInput<'Post', AppSchema>>()
  const card = { select: { id: true, author: { select: { name: true } } } } satisfies FindManyArgs<'Post', AppSchema>
  expect<ResultOf<'Post', typeof card, AppSchema>>().type.toBe<{ id: number, author: { name: string | null } }>()
  expect(db.post.findMany).type.toBeCallableWith(card)
  expect(docs).type.toBe<DatabaseOf<DocSchema>>()
  expect<Row<'Note', DocSchema>>().type.toBe<{ docId: bigint, no: number, text: string }>()
  // @ts-expect-error does not satisfy the constraint
  expect<Row<'Nope', AppSchema>>().type.not.toBe<never>()
})

test('an input may be built up', () => {
  const where: WhereInput<'Post', AppSchema> = {}
  where.title = { contains: 'x' }
  where.author = { name: 'x' }
  where.OR = [where]
  expect(db.post.findMany).type.toBeCallableWith({ where })
  const data: UpdateInput<'Post', AppSchema> = {}
  data.views = { increment: 1 }
  expect(db.post.update).type.toBeCallableWith({ where: { id: 1 }, data })
})

test('raw SQL', async () => {
  expect(await db.$queryRaw<{ id: number }[]>`select id from users where id = ${1}`).type.toBe<{ id: number }[]>()
  expect(await db.$queryRaw<{ id: number }[]>(sql`select id from users`)).type.toBe<{ id: number }[]>()
  expect(await db.$queryRaw`select 1`).type.toBe<unknown>()
  expect(await db.$queryRawUnsafe<{ id: number }[]>('select id from users where id = $1', 1)).type.toBe<{ id: number }[]>()
  expect(await db.$executeRaw`delete from users`).type.toBe<number>()
  expect(await db.$executeRawUnsafe('delete from users')).type.toBe<number>()
  expect(db.$queryRaw).type.not.toBeCallableWith('select 1')
})

test('transactions', async () => {
  expect(await db.$transaction([db.post.count(), db.post.findUnique({ where: { id: 1 } }), db.$executeRaw`delete from posts`])).type.toBe<[number, PostRow | null, number]>()
  expect(await db.$transaction([1, 2].map((id) => db.post.delete({ where: { id } })))).type.toBe<PostRow[]>()
  expect(await db.$transaction([db.post.count()], { isolationLevel: 'Serializable', readOnly: true })).type.toBe<[number]>()
  expect(await db.$transaction(async (tx) => {
    expect(tx).type.toBe<TransactionClient<AppSchema>>()
    return tx.post.findUniqueOrThrow({ where: { id: 1 }, select: { title: true } })
  }, { isolationLevel: 'RepeatableRead', timeout: 1000, maxWait: 1000, retry: 2, readOnly: false, synchronousCommit: 'remote_apply' })).type.toBe<{ title: string }>()
  // A promise that runs already is not an operation.
  expect(db.$transaction).type.not.toBeCallableWith([Promise.resolve(1)])
  expect(db.$transaction).type.not.toBeCallableWith([db.post.count()], { isolationLevel: 'Sometimes' })
})

test('the same client with other demands', () => {
  expect(db.$primary).type.toBe<Client<AppSchema>>()
  expect(db.$untracked).type.toBe<Client<AppSchema>>()
  expect(db.$withToken('t')).type.toBe<Client<AppSchema>>()
})

test('an operation is a promise, for whoever looks for those that nobody awaits', () => {
  expect(db.post.count()).type.toBeAssignableTo<Promise<number>>()
  expect(db.user.findUnique({ where: { id: 1 }, select: { id: true } })).type.toBeAssignableTo<Promise<{ id: number } | null>>()
})
