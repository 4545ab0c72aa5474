import t from 'tap'
import { KnownRequestError, QueryInvalidError } from '../../lib/core/errors.ts'
import { compileOperation } from '../../lib/query/compile.ts'
import { resolveSchema } from '../../lib/query/model.ts'
import { corpusContext, openCorpusSession } from './corpus-runner.ts'
import * as corpus from './corpus/schema.ts'
import { openSeededSession } from './seeded-session.ts'
import type { Method } from '../../lib/query/compile.ts'
import type { Work } from '../../lib/query/statement.ts'

const schema = resolveSchema(corpus)

const posts = (count: number): object[] => Array.from({ length: count }, (_, i) => ({ slug: `s${i}`, title: `t${i}` }))

await t.test('each kind of write takes one round trip, and as few statements as SQL allows', async (t) => {
  const database = await openSeededSession(t)
  const product = '00000001-0000-4000-8000-000000000001'
  const rows: readonly { name: string, op: [model: string, method: string, args: unknown], statements: number }[] = [
    { name: 'create', op: ['Tag', 'create', { data: { name: 'n' } }], statements: 1 },
    { name: 'create with the records it points to in the result', op: ['Post', 'create', { data: { slug: 's', title: 't', authorId: 1 }, include: { author: true } }], statements: 1 },
    { name: 'create whose result comes back to its own table', op: ['User', 'create', { data: { email: 'n', invitedById: 1 }, include: { invitedBy: true } }], statements: 2 },
    { name: 'create of a parent with ten children', op: ['User', 'create', { data: { email: 'n', posts: { create: posts(10) } } }], statements: 1 },
    { name: 'create of a parent with ten children, which are returned', op: ['User', 'create', { data: { email: 'n', posts: { create: posts(10) } }, include: { posts: true } }], statements: 2 },
    { name: 'create three deep, with a connect to a table that was written', op: ['User', 'create', { data: { email: 'n', posts: { create: { slug: 's', title: 't', comments: { create: [{ body: 'c', author: { connect: { id: 1 } } }] }, categories: { connect: [{ id: 1 }, { name: 'Tech' }], create: { name: 'K' } } } } } }], statements: 2 },
    { name: 'create that connects to its parent', op: ['Order', 'create', { data: { user: { connect: { email: 'ada@example.com' } } } }], statements: 1 },
    { name: 'createMany', op: ['Tag', 'createMany', { data: [{ name: 'a' }, { name: 'b', color: '#fff' }] }], statements: 1 },
    { name: 'createMany of which some rows bring their id', op: ['Tag', 'createMany', { data: [{ name: 'a' }, { id: 77, name: 'b' }] }], statements: 2 },
    { name: 'createManyAndReturn', op: ['Tag', 'createManyAndReturn', { data: [{ name: 'a' }, { name: 'b' }] }], statements: 1 },
    { name: 'update', op: ['User', 'update', { where: { id: 1 }, data: { karma: { increment: 1 } } }], statements: 1 },
    { name: 'update of nothing', op: ['User', 'update', { where: { id: 1 }, data: {} }], statements: 1 },
    { name: 'update with other tables in the result', op: ['User', 'update', { where: { id: 1 }, data: { name: 'n' }, include: { posts: true } }], statements: 1 },
    { name: 'update of a key that others refer to, with those in the result', op: ['Product', 'update', { where: { id: product }, data: { id: '00000777-0000-4000-8000-000000000777' }, include: { items: true } }], statements: 2 },
    { name: 'update with nested writes', op: ['User', 'update', { where: { id: 1 }, data: { name: 'n', posts: { create: posts(2), update: { where: { id: 1 }, data: { title: 'x' } } } } }], statements: 2 },
    { name: 'updateMany', op: ['User', 'updateMany', { data: { karma: 1 } }], statements: 1 },
    { name: 'updateManyAndReturn', op: ['User', 'updateManyAndReturn', { where: { id: { in: [1, 2] } }, data: { karma: 1 } }], statements: 1 },
    { name: 'upsert by the key that it creates', op: ['User', 'upsert', { where: { email: 'u' }, create: { email: 'u' }, update: { name: 'n' } }], statements: 1 },
    { name: 'upsert by another key', op: ['User', 'upsert', { where: { id: 1 }, create: { email: 'u' }, update: { name: 'n' } }], statements: 1 },
    { name: 'upsert with nested writes', op: ['User', 'upsert', { where: { id: 999 }, create: { email: 'u', posts: { create: posts(2) } }, update: { posts: { deleteMany: {} } } }], statements: 3 },
    { name: 'delete', op: ['User', 'delete', { where: { id: 19 } }], statements: 1 },
    { name: 'delete with what cascades in the result', op: ['Order', 'delete', { where: { id: 2 }, include: { items: true } }], statements: 1 },
    { name: 'deleteMany', op: ['Comment', 'deleteMany', {}], statements: 1 },
  ]
  for (const { name, op, statements } of rows) {
    const { sent } = await database.sent(...op)
    t.equal(sent.roundTrips, 1, `${name}: one round trip`)
    t.equal(sent.texts.length, statements, `${name}: ${statements} statement(s)`)
    await database.restore()
  }
})

await t.test('a repeated shape sends the same text, whatever its values', async (t) => {
  const context = corpusContext()
  const texts = (model: string, method: Method, args: unknown): readonly string[] => {
    const work = compileOperation(schema, model, method, args, context).work as Work<unknown>
    return work.type === 'statement' ? [work.statement.text] : work.type === 'batch' ? work.statements.map(({ text }) => text) : []
  }
  t.same(texts('User', 'create', { data: { email: 'a', name: 'n' } }), texts('User', 'create', { data: { name: 'm', email: 'b' } }), 'the order of keys does not matter to the server')
  t.same(texts('Tag', 'createMany', { data: [{ name: 'a' }] }), texts('Tag', 'createMany', { data: Array.from({ length: 999 }, (_, i) => ({ name: `t${i}` })) }), 'the number of rows is not part of the statement')
  t.same(
    texts('User', 'update', { where: { id: 1 }, data: { posts: { connect: { id: 1 } } } }),
    texts('User', 'update', { where: { id: 2 }, data: { posts: { connect: { id: 7 } } } }),
    'nor are ids of nested writes'
  )
  for (const text of texts('User', 'update', { where: { id: 1 }, data: { name: "x'); drop table users; --", posts: { create: { slug: "y'", title: '$1' } } } })) {
    t.notMatch(text, /drop table|y'|\$1'/, 'no value is in the text')
  }
})

await t.test('a kept plan makes new values for each call', async (t) => {
  const context = corpusContext()
  const ids = new Set<string | null>()
  for (let i = 0; i < 3; i++) {
    const { work } = compileOperation(schema, 'Product', 'create', { data: { sku: `s${i}`, name: 'n', price: 1 } }, context)
    if (work.type === 'statement') for (const param of work.statement.params) if (param?.length === 36) ids.add(param)
  }
  t.equal(ids.size, 3, 'three uuids')
})

await t.test('ten thousand rows are one statement with a parameter for each column', async (t) => {
  const database = await openSeededSession(t)
  const rows = Array.from({ length: 10_000 }, (_, i) => ({ slug: `bulk-${i}`, title: i % 2 === 0 ? 'a,"b\\' : 'NULL', content: i % 3 === 0 ? null : '{}', reviewerId: i % 20 === 0 ? 19 : null, meta: { i }, views: i }))
  const { result, sent } = await database.sent('Post', 'createMany', { data: rows })
  t.same(result, { count: 10_000 })
  t.equal(sent.texts.length, 1)
  t.same(await database.run('Post', 'findUnique', { where: { slug: 'bulk-9999' }, select: { title: true, content: true, views: true, meta: true } }), { title: 'NULL', content: null, views: 9999, meta: { i: 9999 } })
  t.same(await database.run('Post', 'findUnique', { where: { slug: 'bulk-4' }, select: { title: true, content: true } }), { title: 'a,"b\\', content: '{}' })
})

await t.test('a nested create of many rows takes a parameter for each column, not for each value', async (t) => {
  const database = await openSeededSession(t)
  const data = (count: number): object => ({ data: { email: `n${count}`, posts: { create: posts(count).map((post, i) => ({ ...post, slug: `${count}-${i}`, ...(i % 2 === 0 ? { content: `c${i}` } : {}) })) } }, select: { posts: { select: { title: true, content: true, published: true }, orderBy: { id: 'asc' } } } })
  const few = await database.sent('User', 'create', data(50))
  const many = await database.sent('User', 'create', data(51))
  t.match(few.sent.texts[0], /values \(0, /)
  t.match(many.sent.texts[0], /unnest\(\$\d+::text\[\]/)
  t.same((many.result as { posts: unknown[] }).posts.slice(0, 50), (few.result as { posts: unknown[] }).posts, 'with the same rows')
  const { posts: created } = await database.run('User', 'create', { data: { email: 'm', followers: { create: Array.from({ length: 60 }, (_, i) => ({ email: `f${i}`, ...(i === 7 ? { id: 900 } : {}) })) }, posts: { create: posts(60).map((post, i) => ({ ...post, id: 1000 + i })) } }, select: { posts: true, followers: true } }) as { posts: unknown[], followers: unknown[] }
  t.equal(created.length, 60)
})

await t.test('rows come back in the order in which they were given, though the server fills in only some ids', async (t) => {
  const database = await openSeededSession(t)
  const data = [{ name: 'a' }, { id: 500, name: 'b' }, { name: 'c' }, { id: 501, name: 'd' }]
  t.same(await database.run('Tag', 'createManyAndReturn', { data, select: { id: true, name: true } }), [{ id: 11, name: 'a' }, { id: 500, name: 'b' }, { id: 12, name: 'c' }, { id: 501, name: 'd' }])
})

await t.test('a write that fails midway leaves nothing behind', async (t) => {
  const database = await openSeededSession(t)
  const counts = async (): Promise<unknown[]> => Promise.all(['User', 'Post', 'Comment', 'Category', 'Profile'].map((model) => database.run(model, 'count')))
  const before = await counts()
  const rows: readonly { name: string, op: [string, string, unknown], code: string }[] = [
    { name: 'a child whose key is taken', op: ['User', 'create', { data: { email: 'n', posts: { create: [{ slug: 'ok', title: 'ok' }, { slug: 'hello-world', title: 'x' }] } } }], code: 'P2002' },
    { name: 'a grandchild that points nowhere', op: ['User', 'create', { data: { email: 'n', posts: { create: { slug: 'ok', title: 'ok', comments: { create: { body: 'c', author: { connect: { id: 9999 } } } } } } } }], code: 'P2025' },
    { name: 'a connect of one record that exists and one that does not', op: ['User', 'update', { where: { id: 1 }, data: { posts: { create: { slug: 'ok', title: 'ok' }, connect: [{ id: 5 }, { id: 9999 }] } } }], code: 'P2018' },
    { name: 'an update whose row is not there, after its parent was made', op: ['User', 'update', { where: { id: 9999 }, data: { invitedBy: { create: { email: 'n' } } } }], code: 'P2025' },
    { name: 'a nested delete that is not connected, after others', op: ['User', 'update', { where: { id: 1 }, data: { posts: { deleteMany: { id: 1 }, delete: [{ id: 2 }, { id: 4 }] } } }], code: 'P2017' },
    { name: 'the second group of a createMany', op: ['Tag', 'createMany', { data: [{ name: 'fresh' }, { id: 1, name: 'taken' }] }], code: 'P2002' },
    { name: 'a required relation that would break', op: ['User', 'update', { where: { id: 1 }, data: { posts: { create: { slug: 'ok', title: 'ok' } }, profile: { create: { bio: 'second' } } } }], code: 'P2014' },
    { name: 'a foreign key at the end', op: ['User', 'update', { where: { id: 1 }, data: { posts: { create: { slug: 'ok', title: 'ok', comments: { create: { body: 'c', parentId: 9999 } } } } } }], code: 'P2003' },
  ]
  for (const { name, op, code } of rows) {
    await t.rejects(database.run(...op), { code }, name)
    t.same(await counts(), before, `${name}: the counts are as before`)
  }
  t.equal(await database.run('Tag', 'count', { where: { name: 'fresh' } }), 0)
})

await t.test('an update or delete that finds no row fails on the server where others must be undone', async (t) => {
  const database = await openSeededSession(t)
  const context = corpusContext()
  for (const [method, args, operation] of [['update', { where: { id: 9999 }, data: { name: 'n' } }, 'an update'], ['delete', { where: { id: 9999 } }, 'a delete']] as const) {
    const { work, mapError } = compileOperation(schema, 'User', method, args, context)
    if (work.type !== 'statement' || work.checked === undefined) {
      t.fail(`${method} has a checked form`)
      continue
    }
    const failure: unknown = await database.session.query(work.checked).then(() => undefined, (error: unknown) => error)
    const error = failure instanceof Error ? mapError(failure) : undefined
    t.match(error, { code: 'P2025', meta: { modelName: 'User', operation } })
  }
  const { work } = compileOperation(schema, 'User', 'update', { where: { id: 1 }, data: { name: 'n' }, select: { name: true } }, context)
  if (work.type === 'statement' && work.checked !== undefined) t.same(work.decode(await database.session.query(work.checked)), { name: 'n' }, 'the checked form returns the same rows')
})

await t.test('two upserts of one key at once both succeed', async (t) => {
  const database = await openSeededSession(t)
  const other = await openCorpusSession(database.url)
  t.teardown(() => { other.destroy() })
  const compile = (name: string): Work<unknown> => compileOperation(schema, 'User', 'upsert', { where: { email: 'race@x' }, create: { email: 'race@x', name }, update: { name } }, database.context).work
  const first = compile('first')
  const second = compile('second')
  if (first.type !== 'statement' || second.type !== 'statement') {
    t.fail('an upsert by the key that it creates is one statement')
    return
  }
  await other.simple('begin')
  await other.query(first.statement)
  const waiting = database.session.query(second.statement)
  await other.simple('commit')
  t.match(second.decode(await waiting), { name: 'second' })
  t.equal(await database.run('User', 'count', { where: { email: 'race@x' } }), 1)
})

await t.test('hostile data is refused before any SQL, with the path to it', async (t) => {
  const context = corpusContext()
  const cyclic: Record<string, unknown> = {}
  cyclic['self'] = cyclic
  const rows: readonly { name: string, op: [string, Method, unknown], path: readonly (string | number)[] }[] = [
    { name: '__proto__ as a field', op: ['User', 'create', { data: JSON.parse('{"email":"x","__proto__":{"name":"q"}}') }], path: ['data', '__proto__'] },
    { name: 'a field that every object has', op: ['User', 'create', { data: { email: 'x', constructor: 1 } }], path: ['data', 'constructor'] },
    { name: 'SQL as a field', op: ['User', 'create', { data: { email: 'x', 'id"; drop table users; --': 1 } }], path: ['data', 'id"; drop table users; --'] },
    { name: 'SQL as a nested action', op: ['User', 'update', { where: { id: 1 }, data: { posts: { 'connect"': {} } } }], path: ['data', 'posts', 'connect"'] },
    { name: 'SQL as an operator', op: ['User', 'update', { where: { id: 1 }, data: { karma: { '+ 1; --': 1 } } }], path: ['data', 'karma', '+ 1; --'] },
    { name: 'a list for one record', op: ['User', 'create', { data: [{ email: 'x' }] }], path: ['data'] },
    { name: 'a function', op: ['User', 'create', { data: { email: () => 'x' } }], path: ['data', 'email'] },
    { name: 'a cyclic Json', op: ['Post', 'create', { data: { slug: 's', title: 't', meta: cyclic } }], path: ['data', 'meta'] },
    { name: 'half a surrogate pair in a row of many', op: ['Tag', 'createMany', { data: [{ name: 'a' }, { name: '\ud800' }] }], path: ['data', 1, 'name'] },
    { name: 'an invalid date', op: ['User', 'create', { data: { email: 'x', createdAt: new Date(NaN) } }], path: ['data', 'createdAt'] },
    { name: 'a row that is no object', op: ['Tag', 'createMany', { data: [null] }], path: ['data', 0] },
    { name: 'an unknown column in a row of many', op: ['Tag', 'createMany', { data: [{ name: 'a', nmae: 1 }] }], path: ['data', 0, 'nmae'] },
    { name: 'both forms', op: ['Post', 'create', { data: { slug: 's', title: 't', authorId: 1, reviewer: { connect: { id: 1 } } } }], path: ['data', 'reviewer'] },
    { name: 'the parent\'s own key in a child', op: ['User', 'create', { data: { email: 'x', posts: { create: { slug: 's', title: 't', authorId: 2 } } } }], path: ['data', 'posts', 'create', 'authorId'] },
    { name: 'nothing at all', op: ['User', 'create', undefined], path: ['data', 'email'] },
    { name: 'a missing key three deep', op: ['User', 'create', { data: { email: 'x', posts: { create: [{ slug: 's', title: 't', comments: { create: [{}] } }] } } }], path: ['data', 'posts', 'create', 0, 'comments', 'create', 0, 'body'] },
    { name: 'a relation in a row of many', op: ['Post', 'createMany', { data: [{ slug: 's', title: 't', author: { connect: { id: 1 } } }] }], path: ['data', 0, 'author'] },
    { name: 'a list of relations returned by a write of many', op: ['User', 'createManyAndReturn', { data: [{ email: 'x' }], include: { posts: true } }], path: ['include', 'posts'] },
    { name: 'a list for one related record', op: ['User', 'update', { where: { id: 1 }, data: { profile: { update: [{ bio: 'x' }] } } }], path: ['data', 'profile', 'update'] },
    { name: 'a negative limit', op: ['User', 'deleteMany', { limit: -1 }], path: ['limit'] },
    { name: 'a word for skipDuplicates', op: ['Tag', 'createMany', { data: [{ name: 'a' }], skipDuplicates: 'yes' }], path: ['skipDuplicates'] },
    { name: 'a null for a list', op: ['User', 'create', { data: { email: 'x', permissions: null } }], path: ['data', 'permissions'] },
    { name: 'an operation that is not of the method', op: ['User', 'delete', { where: { id: 1 }, data: {} }], path: ['data'] },
  ]
  for (const { name, op: [model, method, args], path } of rows) {
    let error: unknown
    try {
      compileOperation(schema, model, method, args, context)
    } catch (caught) {
      error = caught
    }
    t.ok(error instanceof QueryInvalidError, `${name} is refused`)
    t.same((error as QueryInvalidError | undefined)?.path, path, `${name}: the path`)
  }
  let nested: object = { email: 'x' }
  for (let i = 0; i < 20; i++) nested = { email: 'x', invitees: { create: nested } }
  t.throws(() => compileOperation(schema, 'User', 'create', { data: nested }, context), { code: 'FST_MR_LIMIT_EXCEEDED' }, 'twenty levels of relations are too many')
})

await t.test('what looks like the sign of a check is data like any other', async (t) => {
  const database = await openSeededSession(t)
  for (const name of ['fmr_check_0_1', 'check', '"fmr_check_0_0"']) {
    t.match(await database.run('User', 'create', { data: { email: name, name } }), { name })
    await t.rejects(database.run('User', 'create', { data: { email: `${name}2`, name, invitedBy: { connect: { email: `${name}3` } } } }), new KnownRequestError('An operation failed because it depends on one or more records that were required but not found. No `User` record was found for a nested connect on the one-to-many relation `invitedBy`.', { code: 'P2025' }))
  }
})
