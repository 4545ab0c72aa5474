// Arguments that no program should send, or that an attacker who reaches `data` or `where` would.
// They are refused with words of this package, or compiled; a value never becomes SQL text.

import process from 'node:process'
import fc from 'fast-check'
import t from 'tap'
import { KnownRequestError, LimitExceededError, QueryInvalidError } from '../../lib/core/errors.ts'
import { compileOperation, readMethods, writeMethods, type Method } from '../../lib/query/compile.ts'
import { FieldReference } from '../../lib/query/field-reference.ts'
import { AnyNull, DbNull, JsonNull } from '../../lib/query/json-null.ts'
import { resolveSchema } from '../../lib/query/model.ts'
import { BoundedCache } from '../../lib/core/bounded-cache.ts'
import type { Plan } from '../../lib/query/plan.ts'
import { corpusContext } from './corpus-runner.ts'
import * as corpus from './corpus/schema.ts'
import type { CompiledOperation, Statement } from '../../lib/query/statement.ts'

const schema = resolveSchema(corpus)
const compile = (model: string, method: Method, args: unknown, context = corpusContext()): CompiledOperation => compileOperation(schema, model, method, args, context)

function statementsOf ({ work }: CompiledOperation): readonly Statement[] {
  switch (work.type) {
    case 'statement': return work.checked === undefined ? [work.statement] : [work.statement, work.checked]
    case 'batch': return work.statements
    case 'constant': return []
  }
}

const parse = (text: string): unknown => JSON.parse(text)

await t.test('names that are no fields are refused with their path, whatever JavaScript makes of them', async (t) => {
  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf', 'nope', 'id"; drop table users; --']) {
    const key = JSON.stringify(name)
    const cases: [Method, unknown, (string | number)[]][] = [
      ['findMany', parse(`{"where":{${key}:1}}`), ['where', name]],
      ['findMany', parse(`{"where":{"karma":{${key}:1}}}`), ['where', 'karma', name]],
      ['findMany', parse(`{"where":{"posts":{"some":{${key}:1}}}}`), ['where', 'posts', 'some', name]],
      ['findMany', parse(`{"select":{${key}:true}}`), ['select', name]],
      ['findMany', parse(`{"include":{${key}:true}}`), ['include', name]],
      ['findMany', parse(`{"omit":{${key}:true}}`), ['omit', name]],
      ['findMany', parse(`{"orderBy":{${key}:"asc"}}`), ['orderBy', name]],
      ['findMany', parse(`{${key}:1}`), [name]],
      ['findUnique', parse(`{"where":{"id":1,${key}:1}}`), ['where', name]],
      ['groupBy', parse(`{"by":["role"],"having":{${key}:1}}`), ['having', name]],
      ['create', parse(`{"data":{"email":"a",${key}:1}}`), ['data', name]],
      ['update', parse(`{"where":{"id":1},"data":{${key}:1}}`), ['data', name]],
    ]
    for (const [method, args, path] of cases) t.throws(() => compile('User', method, args), { name: 'QueryInvalidError', path }, `${method} ${JSON.stringify(args)}`)
    t.throws(() => compile('User', 'findMany', { distinct: [name] }), QueryInvalidError)
    t.throws(() => compile('User', 'groupBy', { by: [name] }), QueryInvalidError)
    t.throws(() => compile(name, 'findMany', {}), QueryInvalidError)
    t.throws(() => compile('User', name as Method, {}), QueryInvalidError)
  }
})

await t.test('the same object key order and values give the same plan, and another value no new one', async (t) => {
  const context = corpusContext()
  const text = (args: unknown): string => (statementsOf(compile('User', 'findMany', args, context))[0] as Statement).text
  const first = text({ where: { name: { contains: 'a' }, id: { in: [1, 2] } }, take: 5 })
  t.equal(text({ where: { name: { contains: "'; drop table users; --" }, id: { in: Array.from({ length: 5000 }, (_, i) => i) } }, take: 99 }), first)
  t.equal(context.planCache.entries, 1)
})

await t.test('a getter is read once in each walk, so a plan and its values cannot part', async (t) => {
  const context = corpusContext()
  compile('User', 'findMany', { where: { name: 'x' } }, context)
  let reads = 0
  const where = { get name () { return reads++ === 0 ? 'first' : { contains: 'second' } } }
  const [statement] = statementsOf(compile('User', 'findMany', { where }, context))
  t.same(statement?.params, ['first'])
  t.equal(reads, 1)
  // On a miss the arguments are read anew and that reading alone counts.
  reads = 0
  const other = { get email () { return reads++ === 0 ? 'first' : { contains: 'second' } } }
  const [missed] = statementsOf(compile('User', 'findMany', { where: other }, context))
  t.match(missed?.text, / like \$1$/)
  t.same(missed?.params, ['%second%'])
})

await t.test('class instances are values, not objects of arguments', async (t) => {
  class Where { id = 1 }
  t.throws(() => compile('User', 'findMany', { where: new Where() }), QueryInvalidError)
  t.throws(() => compile('User', 'findMany', new Where()), QueryInvalidError)
  t.throws(() => compile('User', 'findMany', { where: { id: new Where() } }), QueryInvalidError)
  t.throws(() => compile('User', 'findMany', { where: Object.create({ id: 1 }) }), QueryInvalidError)
  t.throws(() => compile('User', 'create', { data: new Where() }), QueryInvalidError)
  t.throws(() => compile('User', 'findMany', { where: new Map([['id', 1]]) }), QueryInvalidError)
  t.doesNotThrow(() => compile('User', 'findMany', { where: Object.assign(Object.create(null), { id: 1 }) }), 'an object without a prototype is plain')
  for (const args of [1, 'x', [], [{}], true, () => {}, Symbol('x'), 1n, new Date()]) t.throws(() => compile('User', 'findMany', args), QueryInvalidError)
})

await t.test('cyclic and deep arguments end in an error with words', async (t) => {
  const cyclic: Record<string, unknown> = {}
  cyclic['AND'] = [cyclic]
  t.throws(() => compile('User', 'findMany', { where: cyclic }), { code: 'FST_MR_LIMIT_EXCEEDED' })
  const related: Record<string, unknown> = {}
  related['invitedBy'] = related
  t.throws(() => compile('User', 'findMany', { where: related }), { code: 'FST_MR_LIMIT_EXCEEDED' })
  const selected: Record<string, unknown> = {}
  selected['select'] = { invitedBy: selected }
  t.throws(() => compile('User', 'findMany', selected), { code: 'FST_MR_LIMIT_EXCEEDED' })
  const data: Record<string, unknown> = { email: 'x' }
  data['invitees'] = { create: data }
  t.throws(() => compile('User', 'create', { data }), { code: 'FST_MR_LIMIT_EXCEEDED' })
  const order: Record<string, unknown> = {}
  order['invitedBy'] = order
  t.throws(() => compile('User', 'findMany', { orderBy: order }), { code: 'FST_MR_LIMIT_EXCEEDED' })
  const json: Record<string, unknown> = {}
  json['self'] = json
  t.throws(() => compile('Post', 'create', { data: { slug: 's', title: 't', meta: json } }), { name: 'QueryInvalidError', path: ['data', 'meta'] })
  let where: Record<string, unknown> = { id: 1 }
  for (let i = 0; i < 10; i++) where = { invitedBy: where }
  t.doesNotThrow(() => compile('User', 'findMany', { where }), 'ten relations deep is allowed')
  t.throws(() => compile('User', 'findMany', { where: { invitedBy: where } }), { code: 'FST_MR_LIMIT_EXCEEDED' })
})

await t.test('lists may be long, alternatives may not', async (t) => {
  const ids = Array.from({ length: 200_000 }, (_, i) => i)
  const [statement] = statementsOf(compile('User', 'findMany', { where: { id: { in: ids } } }))
  t.equal(statement?.params.length, 1)
  t.throws(() => compile('User', 'findMany', { where: { OR: ids.map((id) => ({ id })) } }), LimitExceededError)
  t.throws(() => compile('User', 'findMany', { where: { id: { in: [1, 'x'] } } }), /at where\.id\.in\.1/)
  const sparse = new Array(3)
  sparse[2] = 1
  t.throws(() => compile('User', 'findMany', { where: { id: { in: sparse } } }), QueryInvalidError)
})

await t.test('values that a column cannot hold are refused with their path', async (t) => {
  const refused: [string, string, unknown][] = [
    ['User', 'karma', 1.5], ['User', 'karma', NaN], ['User', 'karma', Infinity], ['User', 'karma', '1'], ['User', 'karma', 1n], ['User', 'karma', true],
    ['User', 'name', 1], ['User', 'name', 'half \ud800 pair'], ['User', 'name', Symbol('x')], ['User', 'name', () => 'x'], ['User', 'name', []],
    ['User', 'balance', NaN], ['User', 'balance', 'ten'], ['User', 'balance', '1; drop table users'], ['User', 'balance', 1n], ['User', 'balance', { d: [1], e: 0, s: 1, toFixed: () => '1); drop' }],
    ['User', 'createdAt', new Date(NaN)], ['User', 'createdAt', '2024-01-01'], ['User', 'createdAt', 1700000000000], ['User', 'birthDate', '2024-02-30T00:00:00Z'],
    ['User', 'role', 'NOBODY'], ['User', 'role', '__proto__'], ['User', 'isActive', 'true'], ['User', 'isActive', 1],
    ['Post', 'likes', '5.5'], ['Post', 'likes', 1.5], ['Product', 'thumbnail', 'AQI='], ['Product', 'thumbnail', [1, 2]],
  ]
  for (const [model, field, value] of refused) {
    t.throws(() => compile(model, 'findMany', { where: { [field]: value } }), { name: 'QueryInvalidError', path: ['where', field] }, `${field} ${String(value)}`)
  }
})

await t.test('a whole number beyond 64 bits has a code of its own', async (t) => {
  t.throws(() => compile('User', 'findMany', { where: { karma: 1e300 } }), { name: 'KnownRequestError', code: 'P2033' })
})

await t.test('shapes without end neither grow the cache nor its keys', async (t) => {
  const context = { ...corpusContext(), planCache: new BoundedCache<Plan>(100) }
  for (let i = 0; i < 2000; i++) {
    const where = { AND: Array.from({ length: 11 }, (_, bit) => ((i >> bit) & 1) === 1 ? { id: 1 } : { karma: 1 }) }
    compile('User', 'count', { where }, context)
  }
  t.ok(context.planCache.entries <= 100, `${context.planCache.entries} entries`)
  t.ok(context.planCache.evictions >= 1800)
  const small = { ...corpusContext(), planCache: new BoundedCache<Plan>(100) }
  const many = { where: { OR: Array.from({ length: 5000 }, (_, id) => ({ id, name: { contains: 'x' } })) } }
  t.equal(statementsOf(compile('User', 'findMany', many, small))[0]?.params.length, 10_000)
  t.equal(small.planCache.entries, 0, 'a key beyond its bound is not kept')
  t.equal(statementsOf(compile('User', 'findMany', many, small))[0]?.params.length, 10_000)
})

// --- generated ----------------------------------------------------------------------------------------------------------

const marker = 'mÄrk'
class Stranger { id = 1; get danger (): never { throw new Error('read') } }

const strangeValue = fc.oneof(
  fc.constantFrom<unknown>(null, undefined, true, false, 0, -0, 1, -1, 1.5, NaN, Infinity, 2 ** 31, 2 ** 53, 1e300, 1n, -(2n ** 63n), marker, `${marker}'"\\$1;--`, '\u0000', '\ud800', '', new Date(0), new Date(NaN), new Uint8Array([1, 2]), Symbol('s'), () => marker, new Map([['a', 1]]), new Set(), /x/, DbNull, JsonNull, AnyNull, new FieldReference('User', 'email', false), new FieldReference(marker, marker, true), new Stranger(), Object.create({ id: 1 }), 'asc', 'desc', 'insensitive', 'USER', '2024-01-01T00:00:00Z', '12.5'),
  fc.array(fc.constantFrom<unknown>(1, marker, null, undefined, [], {}, 'USER', 'id', 'role'), { maxLength: 3 })
)

const words = ['where', 'select', 'include', 'omit', 'orderBy', 'take', 'skip', 'cursor', 'distinct', 'by', 'having', 'data', 'create', 'update', 'limit', 'skipDuplicates',
  'AND', 'OR', 'NOT', 'is', 'isNot', 'some', 'every', 'none', 'equals', 'not', 'in', 'notIn', 'lt', 'gte', 'contains', 'mode', 'has', 'hasSome', 'isEmpty', 'path', 'string_contains', 'array_contains',
  '_count', '_sum', '_avg', '_min', '_all', 'sort', 'nulls', 'set', 'push', 'increment', 'connect', 'connectOrCreate', 'disconnect', 'delete', 'deleteMany', 'updateMany', 'createMany', 'upsert',
  'id', 'email', 'name', 'role', 'permissions', 'karma', 'balance', 'birthDate', 'createdAt', 'profile', 'posts', 'followers', 'invitedBy', 'title', 'slug', 'meta', 'likes', 'author', 'authorId', 'authorId_title', 'comments', 'categories', 'tags',
  'postId_tagId', 'postId', 'tagId', 'settings', 'sku', 'labels', 'thumbnail', 'price', '__proto__', 'constructor', marker]

const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof({ maxDepth: 6, withCrossShrink: true },
    strangeValue,
    fc.dictionary(fc.constantFrom(...words), tie('tree'), { maxKeys: 4 }),
    fc.array(tie('tree'), { maxLength: 3 })
  ),
}))
const callArguments = fc.dictionary(fc.constantFrom('where', 'select', 'include', 'orderBy', 'data', 'create', 'update', 'take', 'cursor', 'by', 'having', '_count', 'distinct', marker), tree, { maxKeys: 4 })

await t.test('whatever the arguments are: an error with words, or a statement without a value in its text', { timeout: 60_000 }, async (t) => {
  const context = corpusContext()
  let compiled = 0
  fc.assert(fc.property(fc.constantFrom('User', 'Post', 'Product', 'PostTag', 'Profile'), fc.constantFrom<Method>(...readMethods, ...writeMethods), fc.oneof({ weight: 9, arbitrary: callArguments }, { weight: 1, arbitrary: tree }), (model, method, args) => {
    let operation: CompiledOperation
    try {
      operation = compile(model, method, args, context)
    } catch (error) {
      const isOurs = error instanceof QueryInvalidError || error instanceof KnownRequestError || error instanceof LimitExceededError
      if (!isOurs) throw new Error('an error of JavaScript itself', { cause: error })
      return true
    }
    compiled++
    for (const { text, params } of statementsOf(operation)) {
      if (text.includes(marker)) throw new Error(`a value became text: ${text}`)
      const used = new Set([...text.matchAll(/\$(\d+)/g)].map((match) => Number(match[1])))
      if (used.size !== params.length || [...used].some((n) => n < 1 || n > params.length)) throw new Error(`${params.length} parameters for ${text}`)
      if (params.some((param) => param !== null && typeof param !== 'string')) throw new Error('a parameter is not text')
    }
    return true
  }), {
    numRuns: Number(process.env['FC_RUNS'] ?? 5000),
    ...(process.env['FC_SEED'] === undefined ? { seed: 20_250_721 } : { seed: Number(process.env['FC_SEED']) }),
  })
  t.ok(compiled > 0, `${compiled} compiled`)
  t.ok(context.planCache.entries <= 1000)
})
