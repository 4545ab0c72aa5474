import t from 'tap'
import { compileFluent, compileOperation, type Method } from '../../lib/query/compile.ts'
import { fieldReferences } from '../../lib/query/field-reference.ts'
import { resolveSchema, type ResolvedModel } from '../../lib/query/model.ts'
import { corpusContext } from './corpus-runner.ts'
import * as corpus from './corpus/schema.ts'
import type { CompiledOperation, QueryResult, Statement } from '../../lib/query/statement.ts'

const schema = resolveSchema(corpus)
const statementOf = ({ work }: CompiledOperation): Statement => {
  if (work.type !== 'statement') throw new Error(`not one statement but ${work.type}`)
  return work.statement
}
const result = (...rows: (string | null)[][]): QueryResult => ({ rows, columns: [], count: rows.length, command: 'SELECT' })

await t.test('a shape is compiled once, whatever its values are', async (t) => {
  const shapes: [string, Method, (i: number) => unknown][] = [
    ['User', 'findUnique', (i) => ({ where: { id: i } })],
    ['User', 'findFirst', (i) => ({ where: { name: { startsWith: `n${i}` } }, orderBy: { id: 'asc' } })],
    ['Post', 'findMany', (i) => ({ where: { published: i % 2 === 0, authorId: { in: Array.from({ length: i }, (_, n) => n) } }, include: { author: true, comments: { take: i } }, take: i + 1, skip: i })],
    ['Post', 'count', (i) => ({ where: { OR: [{ views: i }, { likes: BigInt(i) }] } })],
    ['User', 'groupBy', (i) => ({ by: ['role'], having: { karma: { _avg: { gt: i } } }, _count: true })],
    ['User', 'create', (i) => ({ data: { email: `${i}@x`, karma: i } })],
    ['User', 'update', (i) => ({ where: { id: i }, data: { karma: { increment: i } } })],
    ['Profile', 'create', (i) => ({ data: { userId: i, settings: i % 2 === 0 ? { a: i } : { deep: { er: [i] } } } })],
  ]
  for (const [model, method, args] of shapes) {
    const context = corpusContext()
    const first = statementOf(compileOperation(schema, model, method, args(1), context))
    for (let i = 2; i < 50; i++) {
      const { text, params } = statementOf(compileOperation(schema, model, method, args(i), context))
      t.equal(text, first.text)
      t.equal(params.length, first.params.length)
    }
    t.equal(context.planCache.entries, 1, `${model}.${method}`)
  }
})

await t.test('what decides the SQL is part of the shape', async (t) => {
  const context = corpusContext()
  const different = [{}, { where: { name: 'x' } }, { where: { name: null } }, { where: { name: { equals: 'x' } } }, { where: { name: { not: 'x' } } }, { where: { name: { contains: 'x' } } }, { where: { name: { contains: 'x', mode: 'insensitive' } } },
    { take: 1 }, { take: -1 }, { orderBy: { id: 'asc' } }, { orderBy: { id: 'desc' } }, { select: { id: true } }, { select: { id: true, name: true } }, { select: { id: true, name: false } }, { omit: { id: true } }, { omit: { name: true } }]
  for (const args of different) statementOf(compileOperation(schema, 'User', 'findMany', args, context))
  t.equal(context.planCache.entries, different.length)
  statementOf(compileOperation(schema, 'User', 'findMany', { where: undefined, take: undefined }, context))
  t.equal(context.planCache.entries, different.length, 'what is undefined is not there')
  t.throws(() => compileOperation(schema, 'User', 'findMany', { nope: 1 }, context))
  t.equal(context.planCache.entries, different.length, 'what is refused is not kept')
})

await t.test('brief is a read of one row of one table by its key alone', (t) => {
  const context = corpusContext()
  const isBrief = (method: Method, args: unknown): boolean | undefined => {
    const { work } = compileOperation(schema, 'User', method, args, context)
    return work.type === 'statement' ? work.brief : undefined
  }
  t.equal(isBrief('findUnique', { where: { id: 1 } }), true)
  t.equal(isBrief('findUniqueOrThrow', { where: { email: 'a@x' }, select: { id: true } }), true)
  t.equal(isBrief('findUnique', { where: { id: 1 }, include: { posts: true } }), false, 'as many rows as there are posts')
  t.equal(isBrief('findUnique', { where: { id: 1 }, include: { _count: true } }), false)
  t.equal(isBrief('findUnique', { where: { id: 1, posts: { some: { published: true } } } }), false, 'a condition can take any time')
  t.equal(isBrief('findFirst', { where: { id: 1 } }), false)
  t.not(isBrief('update', { where: { id: 1 }, data: { karma: 1 } }), true, 'a write waits for locks')
  t.end()
})

await t.test('relation calls are one statement, and a missing record on the way is null', async (t) => {
  const operation = compileFluent(schema, 'Comment', 'findUnique', { where: { id: 3 } }, [{ relation: 'post' }, { relation: 'author', args: { select: { id: true } } }], corpusContext())
  t.same(statementOf(operation).params, ['3'])
  const decode = operation.work.type === 'statement' ? operation.work.decode : () => undefined
  t.same(decode(result(['[[7]]'])), { id: 7 })
  t.equal(decode(result(['[null]'])), null)
  t.equal(decode(result([null])), null)
  t.equal(decode(result()), null)
  t.throws(() => compileFluent(schema, 'Comment', 'findUnique', { where: { id: 3 } }, [{ relation: 'nope' }], corpusContext()), { name: 'QueryInvalidError' })
})

await t.test('a model has a reference for each of its columns, and nothing else', async (t) => {
  const references = fieldReferences(schema.models.get('Product') as ResolvedModel)
  t.match(references['labels'], { modelName: 'Product', name: 'labels', isList: true })
  t.equal(references['supplier'], undefined)
  t.equal(references['constructor'], undefined)
  t.equal(statementOf(compileOperation(schema, 'Product', 'findMany', { where: { stock: { in: references['sizes'] } }, select: { id: true } }, corpusContext())).text, 'select t0."id" from "products" as t0 where t0."stock" = any(t0."sizes")')
})

await t.test('a model wider than a function may have arguments is read in pieces', async (t) => {
  const { model, t: type, belongsTo, hasMany } = await import('../../lib/schema/index.ts')
  const columns = Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`c${i}`, type.int()]))
  const Wide = model('wide', { id: type.int().id(), nextId: type.int(), ...columns }, { relations: { next: belongsTo('Wide', 'nextId'), previous: hasMany('Wide', 'next') } })
  const operation = compileOperation(resolveSchema({ Wide }), 'Wide', 'findFirst', { select: { next: true } }, corpusContext())
  const decode = operation.work.type === 'statement' ? operation.work.decode : () => undefined
  const values = Array.from({ length: 152 }, (_, i) => i)
  t.same(Object.values((decode(result([JSON.stringify([values.slice(0, 100), values.slice(100)])])) as { next: object }).next), values)
})
