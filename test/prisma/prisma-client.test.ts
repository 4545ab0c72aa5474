import t from 'tap'
import { CommitUnknownError, KnownRequestError, OverloadedError, PrimaryUnavailableError, QueryInvalidError, ReplayRequestedError, StatementTimeoutError } from '../../lib/core/errors.ts'
import { Decimal, Prisma, PrismaClient } from '../../lib/prisma/index.ts'
import { prismaErrorOf } from '../../lib/prisma/prisma-error.ts'
import { autoincrement, belongsTo, hasMany, model, t as column } from '../../lib/schema/index.ts'
import type { DatabaseOf } from '../../lib/register.ts'
import { createTestDatabase } from '../support/shared-cluster.ts'

const User = model('users', { id: column.int().id().default(autoincrement()), email: column.text().unique(), score: column.int().default(0) }, { relations: { posts: hasMany('Post', 'author') } })
const Post = model('posts', { id: column.int().id().default(autoincrement()), title: column.text(), authorId: column.int().map('author_id') }, { relations: { author: belongsTo('User', 'authorId') } })
const schema = { User, Post }
const setup = `create table users (id serial primary key, email text not null unique, score int not null default 0);
create table posts (id serial primary key, title text not null, author_id int not null references users)`

/** The class is typed by the schema that an app registers; a test has its own. */
type TestClient = DatabaseOf<typeof schema> & Pick<PrismaClient, '$connect'>
const makeClient = (options: ConstructorParameters<typeof PrismaClient>[0]): TestClient => new PrismaClient(options) as unknown as TestClient

await t.test('code written for Prisma runs: methods, errors, raw SQL, transactions', async (t) => {
  const { primaryUrl } = await createTestDatabase(t, setup)
  const prisma = makeClient({ schema, database: primaryUrl })
  t.teardown(() => prisma.$disconnect())
  await prisma.$connect()
  t.same(await prisma.user.create({ data: { email: 'a', posts: { create: [{ title: 'x' }, { title: 'y' }] } }, include: { posts: { select: { title: true }, orderBy: { id: 'asc' } } } }), { id: 1, email: 'a', score: 0, posts: [{ title: 'x' }, { title: 'y' }] })
  t.same(await prisma.user.findUnique({ where: { id: 1 } }).posts({ select: { title: true }, orderBy: { title: 'desc' } }), [{ title: 'y' }, { title: 'x' }])
  t.same(await prisma.$queryRaw(Prisma.sql`select email from users where id in (${Prisma.join([1, 2])}) ${Prisma.empty} order by ${Prisma.raw('id')}`), [{ email: 'a' }])
  t.same(await prisma.$transaction([prisma.user.count(), prisma.post.count()], { isolationLevel: Prisma.TransactionIsolationLevel.RepeatableRead }), [1, 2])

  const duplicate = await prisma.user.create({ data: { email: 'a' } }).catch((error: unknown) => error)
  t.ok(duplicate instanceof Prisma.PrismaClientKnownRequestError)
  t.match(duplicate, { code: 'P2002' })
  await t.rejects(prisma.user.findUniqueOrThrow({ where: { id: 9 } }), { code: 'P2025' })
  const invalid = await prisma.user.findMany({ where: JSON.parse('{"nope": 1}') as object }).catch((error: unknown) => error)
  t.ok(invalid instanceof Prisma.PrismaClientValidationError)

  let leaked: TestClient['user'] | undefined
  await prisma.$transaction(async (transaction) => { leaked = transaction.user })
  const closed = await leaked?.count().catch((error: unknown) => error)
  t.ok(closed instanceof Prisma.PrismaClientKnownRequestError, 'an error of a transaction is translated too')
  t.match(closed, { code: 'P2028' })
})

await t.test('a database that cannot be reached is P1001, wherever it is met', async (t) => {
  // Port 1 of this machine: nothing listens there.
  const prisma = makeClient({ schema, database: 'postgresql://nobody@127.0.0.1:1/none', connectTimeout: 500 })
  t.teardown(() => prisma.$disconnect())
  for (const attempt of [() => prisma.$connect(), () => prisma.user.findMany(), () => prisma.user.findUnique({ where: { id: 1 } }).posts(), () => prisma.$transaction([prisma.user.count()]), () => prisma.$transaction(async (transaction) => transaction.user.count())]) {
    const error: unknown = await attempt().then(() => undefined, (reason: unknown) => reason)
    t.ok(error instanceof Prisma.PrismaClientKnownRequestError)
    t.match(error, { code: 'P1001', message: /^[^0-9]*$/ }, 'and the message names no address')
  }
})

await t.test('an error that Prisma has a code for keeps its status and headers', async (t) => {
  const unavailable = new PrimaryUnavailableError()
  t.match(prismaErrorOf(unavailable), { code: 'P1001', statusCode: 503, headers: { 'retry-after': '1' }, cause: unavailable, message: unavailable.message })
  t.match(prismaErrorOf(new OverloadedError('queue')), { code: 'P2024', statusCode: 503 })
  t.match(prismaErrorOf(new StatementTimeoutError('5')), { code: 'P1008', statusCode: 504 })
  for (const untouched of [new ReplayRequestedError(), new CommitUnknownError(), new QueryInvalidError('x', { path: [] }), new KnownRequestError('x', { code: 'P2002' }), new Error('own'), 'text', undefined]) {
    t.equal(prismaErrorOf(untouched), untouched)
  }
})

await t.test('the words of Prisma', async (t) => {
  t.equal(Prisma.Decimal, Decimal)
  t.equal(Prisma.SortOrder.desc, 'desc')
  t.equal(Prisma.NullsOrder.last, 'last')
  t.equal(Prisma.QueryMode.insensitive, 'insensitive')
  t.equal((Prisma.ModelName as Record<string, string>)['User'], 'User')
  t.throws(() => Object.keys(Prisma.ModelName), /cannot be listed/)
  t.same([Prisma.DbNull, Prisma.JsonNull, Prisma.AnyNull].map((value) => value.jsonNull), ['DbNull', 'JsonNull', 'AnyNull'])
  t.same(JSON.parse(JSON.stringify({ value: Prisma.JsonNull })), { value: null })
  const args = { select: { id: true } } as const
  t.equal(Prisma.validator<object>()(args), args)
  t.throws(() => makeClient({ schema, adapter: {} } as never), { code: 'FST_MR_OPTIONS_INVALID' })
})
