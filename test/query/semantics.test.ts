// Reads against a plain in-memory model of what they mean (semantics-model.ts), with generated arguments on a real server.
// FC_SEED and FC_RUNS repeat and lengthen a run; the seed of a failure is printed.

import process from 'node:process'
import fc from 'fast-check'
import t from 'tap'
import { autoincrement, belongsTo, hasMany, manyToMany, model, t as type } from '../../lib/schema/index.ts'
import { createTestDatabase } from '../support/shared-cluster.ts'
import { CorpusRunner, corpusContext, openCorpusSession } from './corpus-runner.ts'
import { matches, orTrue, readMany, type Filter, type ReadArguments, type Row, type Table, type Tables } from './semantics-model.ts'

const Author = model('author', {
  id: type.int().id().default(autoincrement()),
  name: type.text().optional(),
  age: type.int(),
  bossId: type.int().optional().map('boss_id'),
}, { relations: { boss: belongsTo('Author', 'bossId'), staff: hasMany('Author', 'boss'), books: hasMany('Book', 'author'), liked: manyToMany('Book', 'fans') } })

const Book = model('book', {
  id: type.int().id().default(autoincrement()),
  title: type.text(),
  pages: type.int().optional(),
  authorId: type.int().optional().map('author_id'),
}, { relations: { author: belongsTo('Author', 'authorId'), fans: manyToMany('Author', 'liked') } })

const schema = { Author, Book }

const names = ['ann', 'bob', 'anna', 'b', null, 'ann', '', 'cy', null, 'bobby', 'a%b', 'a_b']
const authors: Row[] = names.map((name, i) => ({ id: i + 1, name, age: [30, 20, 30, 41, 7, 20][i % 6], bossId: i % 3 === 0 ? null : Math.ceil((i + 1) / 2) }))
const titles = ['x', 'xy', 'anna', 'b', 'y', 'xyz']
const books: Row[] = Array.from({ length: 18 }, (_, i) => ({ id: i + 1, title: titles[i % 6], pages: i % 4 === 0 ? null : (i * 7) % 30, authorId: i % 5 === 4 ? null : (i * 5) % 9 + 1 }))
const likes: [book: number, fan: number][] = Array.from({ length: 20 }, (_, i): [number, number] => [i % 12 + 1, (i * 7) % 12 + 1])
// The join table is _AuthorToBook: A is the author.
const isLiked = (fan: unknown, book: unknown): boolean => likes.some(([b, a]) => a === fan && b === book)

const tables: Tables = {
  Author: {
    rows: authors,
    columns: ['id', 'name', 'age', 'bossId'],
    nullable: ['name', 'bossId'],
    relations: {
      boss: { target: 'Author', toMany: false, related: (row, rows) => rows.filter((other) => other['id'] === row['bossId']) },
      staff: { target: 'Author', toMany: true, related: (row, rows) => rows.filter((other) => other['bossId'] === row['id']) },
      books: { target: 'Book', toMany: true, related: (row, rows) => rows.filter((other) => other['authorId'] === row['id']) },
      liked: { target: 'Book', toMany: true, related: (row, rows) => rows.filter((other) => isLiked(row['id'], other['id'])) },
    },
  },
  Book: {
    rows: books,
    columns: ['id', 'title', 'pages', 'authorId'],
    nullable: ['pages', 'authorId'],
    relations: {
      author: { target: 'Author', toMany: false, related: (row, rows) => rows.filter((other) => other['id'] === row['authorId']) },
      fans: { target: 'Author', toMany: true, related: (row, rows) => rows.filter((other) => isLiked(other['id'], row['id'])) },
    },
  },
}

const setup = `
  create table author (id serial primary key, name text, age int not null, boss_id int references author);
  create table book (id serial primary key, title text not null, pages int, author_id int references author);
  create table "_AuthorToBook" ("A" int not null references author, "B" int not null references book, primary key ("A", "B"));
  insert into author select * from json_populate_recordset(null::author, '${JSON.stringify(authors.map(({ bossId, ...row }) => ({ ...row, boss_id: bossId })))}');
  insert into book select * from json_populate_recordset(null::book, '${JSON.stringify(books.map(({ authorId, ...row }) => ({ ...row, author_id: authorId })))}');
  insert into "_AuthorToBook" values ${[...new Set(likes.map(([book, fan]) => `(${fan}, ${book})`))].join(', ')};`

// --- arbitraries ------------------------------------------------------------------------------------------------------

const text = fc.constantFrom('ann', 'a', 'b', 'BOB', 'x', 'xy', '', '%', '_', "'", 'zzz')
const int = fc.integer({ min: -1, max: 42 })

function scalarFilter (kind: 'text' | 'int', nullable: boolean): fc.Arbitrary<unknown> {
  const value: fc.Arbitrary<unknown> = kind === 'text' ? text : int
  const orNull = nullable ? fc.oneof(value, fc.constant(null)) : value
  const operators: Record<string, fc.Arbitrary<unknown>> = {
    equals: orNull,
    in: fc.array(value, { maxLength: 4 }),
    notIn: fc.array(value, { maxLength: 4 }),
    lt: value,
    lte: value,
    gt: value,
    gte: value,
    ...(kind === 'text' ? { contains: text, startsWith: text, endsWith: text } : {}),
  }
  const plain = fc.record({ ...operators, not: orNull }, { requiredKeys: [] })
  const turned = fc.record(operators, { requiredKeys: [] })
  const nested = fc.tuple(plain, fc.option(turned, { nil: undefined }), fc.boolean()).map(([own, inner, insensitive]) => ({
    ...own,
    ...(inner === undefined ? {} : { not: inner }),
    ...(kind === 'text' && insensitive ? { mode: 'insensitive' } : {}),
  }))
  return fc.oneof({ weight: 2, arbitrary: orNull }, { weight: 3, arbitrary: nested })
}

const { author: authorWhere, book: bookWhere } = fc.letrec<{ author: Filter, book: Filter }>((tie) => {
  const groups = (self: fc.Arbitrary<Filter>) => ({ AND: fc.oneof(self, fc.array(self, { maxLength: 3 })), OR: fc.array(self, { maxLength: 3 }), NOT: fc.oneof(self, fc.array(self, { maxLength: 2 })) })
  const many = (target: fc.Arbitrary<Filter>) => fc.record({ some: target, every: target, none: target }, { requiredKeys: [] })
  const one = (target: fc.Arbitrary<Filter>) => fc.oneof(fc.constant(null), target, fc.record({ is: fc.option(target, { nil: null }), isNot: fc.option(target, { nil: null }) }, { requiredKeys: [] }).filter((value) => Object.keys(value).length > 0))
  const sparse = (record: Record<string, fc.Arbitrary<unknown>>) => fc.tuple(fc.record(record, { requiredKeys: [] }), fc.subarray(Object.keys(record), { maxLength: 3 })).map(([value, kept]) => Object.fromEntries(Object.entries(value).filter(([key]) => kept.includes(key))))
  const author = tie('author')
  const book = tie('book')
  return {
    author: fc.oneof({ maxDepth: 3 }, sparse({ id: scalarFilter('int', false), name: scalarFilter('text', true), age: scalarFilter('int', false), bossId: scalarFilter('int', true) }), sparse({ name: scalarFilter('text', true), age: scalarFilter('int', false), boss: one(author), staff: many(author), books: many(book), liked: many(book), ...groups(author) })),
    book: fc.oneof({ maxDepth: 3 }, sparse({ id: scalarFilter('int', false), title: scalarFilter('text', false), pages: scalarFilter('int', true), authorId: scalarFilter('int', true) }), sparse({ title: scalarFilter('text', false), pages: scalarFilter('int', true), author: one(author), fans: many(author), ...groups(book) })),
  }
})

const whereOf = (table: string): fc.Arbitrary<Filter> => table === 'Author' ? authorWhere : bookWhere
const direction = fc.constantFrom('asc', 'desc')
const withNulls = fc.oneof(direction, fc.record({ sort: direction, nulls: fc.constantFrom('first', 'last') }))

function orderOf (table: string): fc.Arbitrary<Filter[]> {
  const keys: fc.Arbitrary<Filter>[] = table === 'Author'
    ? [direction.map((age) => ({ age })), withNulls.map((name) => ({ name })), direction.map((name) => ({ boss: { name } })), direction.map((count) => ({ books: { _count: count } }))]
    : [direction.map((title) => ({ title })), withNulls.map((pages) => ({ pages })), direction.map((age) => ({ author: { age } })), direction.map((count) => ({ fans: { _count: count } }))]
  return fc.tuple(fc.array(fc.oneof(...keys), { maxLength: 2 }), direction).map(([given, id]) => [...given, { id }])
}

function argumentsOf (table: string, depth: number): fc.Arbitrary<ReadArguments> {
  const { columns, relations } = tables[table] as Table
  const relation = depth === 0
    ? fc.constant({})
    : fc.oneof(fc.constant({}), ...Object.entries(relations).map(([name, { target, toMany }]) =>
      argumentsOf(target, depth - 1).map((args) => ({ [name]: toMany ? args : { select: args.select } }))))
  return fc.record({
    where: fc.option(whereOf(table), { nil: undefined }),
    orderBy: orderOf(table),
    take: fc.option(fc.integer({ min: -5, max: 5 }), { nil: undefined }),
    skip: fc.option(fc.integer({ min: 0, max: 4 }), { nil: undefined }),
    cursor: fc.option(fc.integer({ min: 1, max: 14 }).map((id) => ({ id })), { nil: undefined, freq: 3 }),
    distinct: fc.option(fc.subarray([...columns], { minLength: 1, maxLength: 2 }), { nil: undefined, freq: 3 }),
    select: relation.map((related) => ({ ...Object.fromEntries(columns.map((column) => [column, true])), ...related })),
  })
}

const parameters: fc.Parameters<unknown> = {
  numRuns: Number(process.env['FC_RUNS'] ?? 100),
  ...(process.env['FC_SEED'] === undefined ? { seed: 20_250_721 } : { seed: Number(process.env['FC_SEED']) }),
}

await t.test('reads answer as the in-memory model does', { timeout: 110_000 }, async (t) => {
  const database = await createTestDatabase(t, setup)
  const session = await openCorpusSession(database.primaryUrl)
  t.teardown(() => { session.destroy() })
  const runner = new CorpusRunner(session, schema, corpusContext())

  await t.test('findMany with filters, order, pages, distinct and nested relations', async () => {
    const call = fc.constantFrom('Author', 'Book').chain((table) => argumentsOf(table, 2).map((args) => ({ table, args })))
    await fc.assert(fc.asyncProperty(call, async ({ table, args }) => {
      const expected = readMany(tables, table, args)
      const actual = await runner.run({ model: table, method: 'findMany', args })
      if (!isEqual(actual, expected)) throw new Error(`expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`)
    }), parameters)
  })

  await t.test('a filter and its NOT, count and aggregates agree', async () => {
    const call = fc.constantFrom('Author', 'Book').chain((table) => whereOf(table).map((where) => ({ table, where })))
    await fc.assert(fc.asyncProperty(call, async ({ table, where }) => {
      const rows = (tables[table] as Table).rows.filter((row) => orTrue(matches(tables, table, row, where)) === true)
      const turned = { NOT: where }
      const others = (tables[table] as Table).rows.filter((row) => orTrue(matches(tables, table, row, turned)) === true)
      const number = table === 'Author' ? 'age' : 'pages'
      const values = rows.map((row) => row[number]).filter((value) => value !== null) as number[]
      const aggregate = await runner.run({ model: table, method: 'aggregate', args: { where, _count: { _all: true, [number]: true }, _sum: { [number]: true }, _min: { [number]: true }, _max: { [number]: true } } })
      return await runner.run({ model: table, method: 'count', args: { where } }) === rows.length &&
        await runner.run({ model: table, method: 'count', args: { where: turned } }) === others.length &&
        isEqual(aggregate, {
          _count: { _all: rows.length, [number]: values.length },
          _sum: { [number]: values.length === 0 ? null : values.reduce((a, b) => a + b) },
          _min: { [number]: values.length === 0 ? null : Math.min(...values) },
          _max: { [number]: values.length === 0 ? null : Math.max(...values) },
        })
    }), parameters)
  })
})

function isEqual (a: unknown, b: unknown): boolean {
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, i) => isEqual(item, b[i]))
  if (typeof a !== 'object' || a === null) return Object.is(a, b)
  if (typeof b !== 'object' || b === null) return false
  const keys = Object.keys(a)
  return keys.length === Object.keys(b).length && keys.every((key) => key in b && isEqual((a as Row)[key], (b as Row)[key]))
}
