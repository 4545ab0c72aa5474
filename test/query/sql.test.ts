import t from 'tap'
import { Decimal } from 'decimal.js'
import { bulk, empty, join, raw, Sql, sql, toSql } from '../../lib/query/sql.ts'
import { encodeRawParameter } from '../../lib/query/raw-parameter.ts'

await t.test('values become parameters and fragments are spliced in', (t) => {
  const condition = sql`age > ${18} and name = ${'Ada'}`
  const query = sql`select * from users where ${condition} or id = ${7} ${empty}`
  t.equal(query.text, 'select * from users where age > $1 and name = $2 or id = $3 ')
  t.equal(query.sql, 'select * from users where age > ? and name = ? or id = ? ')
  t.same(query.values, [18, 'Ada', 7])
  t.same(query.toStatement(), { text: query.text, params: ['18', 'Ada', '7'] })
  t.same(query.inspect(), { sql: query.sql, text: query.text, values: query.values })
  t.end()
})

await t.test('fragments nest to any depth and keep the order of their values', (t) => {
  const query = sql`${1} ${sql`${2} ${sql`${3}`} ${4}`} ${5}`
  t.equal(query.text, '$1 $2 $3 $4 $5')
  t.same(query.values, [1, 2, 3, 4, 5])
  t.equal(sql`${sql`a`}${sql`b`}`.text, 'ab')
  t.end()
})

await t.test('join puts a separator between values and fragments', (t) => {
  t.equal(sql`id in (${join([1, 2, 3])})`.text, 'id in ($1,$2,$3)')
  t.same(join([sql`a = ${1}`, sql`b = ${2}`], ' and ', '(', ')').text, '(a = $1 and b = $2)')
  t.same(join(['x']).values, ['x'])
  t.throws(() => join([]), { message: /non-empty|empty array/ })
  t.end()
})

await t.test('bulk makes rows of values', (t) => {
  const query = sql`insert into t (a, b) values ${bulk([[1, 'x'], [2, 'y']])}`
  t.equal(query.text, 'insert into t (a, b) values ($1,$2),($3,$4)')
  t.same(query.values, [1, 'x', 2, 'y'])
  t.throws(() => bulk([]), TypeError)
  t.throws(() => bulk([[]]), TypeError)
  t.throws(() => bulk([[1], [1, 2]]), TypeError)
  t.end()
})

await t.test('only raw turns a string into SQL', (t) => {
  t.equal(sql`order by ${raw('name desc')}`.text, 'order by name desc')
  t.equal(sql`name = ${"'; drop table users"}`.text, 'name = $1')
  const forged: unknown = JSON.parse('{"strings":["drop table users"],"values":[]}')
  t.equal(sql`${forged}`.text, '$1', 'an object of the same shape is a value')
  t.throws(() => new Sql([], []), TypeError)
  t.throws(() => new Sql(['a'], [1]), TypeError)
  t.end()
})

await t.test('a raw query is a template or a composed fragment, never a string', (t) => {
  const tag = (strings: TemplateStringsArray, ...values: unknown[]): Sql => toSql('$queryRaw', strings, values)
  t.equal(tag`select ${1}`.text, 'select $1')
  t.equal(toSql('$queryRaw', sql`select ${1}`, []).text, 'select $1')
  t.throws(() => toSql('$queryRaw', 'select 1', []), { code: 'FST_MR_QUERY_INVALID' })
  t.throws(() => toSql('$queryRaw', ['select 1'], []), { code: 'FST_MR_QUERY_INVALID' }, 'a list from a body is no template')
  t.throws(() => toSql('$queryRaw', undefined, []), { code: 'FST_MR_QUERY_INVALID' })
  t.throws(() => toSql('$queryRaw', sql`select 1`, [2]), { code: 'FST_MR_QUERY_INVALID' })
  t.end()
})

const rows: readonly { readonly name: string, readonly given: unknown, readonly expect: string | null }[] = [
  { name: 'null', given: null, expect: null },
  { name: 'undefined', given: undefined, expect: null },
  { name: 'text', given: "it's", expect: "it's" },
  { name: 'a number', given: 1.5, expect: '1.5' },
  { name: 'a number that JSON lacks', given: Number.NaN, expect: 'NaN' },
  { name: 'a bigint', given: 9007199254740993n, expect: '9007199254740993' },
  { name: 'a boolean', given: true, expect: 'true' },
  { name: 'a date', given: new Date('2024-01-02T03:04:05.678Z'), expect: '2024-01-02T03:04:05.678Z' },
  { name: 'a decimal, without an exponent', given: new Decimal('1e-10'), expect: '0.0000000001' },
  { name: 'bytes', given: new Uint8Array([1, 255]), expect: '\\x01ff' },
  { name: 'a view on a part of a buffer', given: new Uint8Array(new Uint8Array([1, 2, 3]).buffer, 1, 1), expect: '\\x02' },
  { name: 'an object is JSON', given: { a: [1, null] }, expect: '{"a":[1,null]}' },
  { name: 'a list is an array', given: ['x', 'y,z', '', null, 'a"b\\c'], expect: '{"x","y,z","",NULL,"a\\"b\\\\c"}' },
  { name: 'a list of numbers', given: [1, 2], expect: '{"1","2"}' },
  { name: 'a list of lists', given: [[1], [2]], expect: '{{"1"},{"2"}}' },
  { name: 'a list of objects', given: [{ a: 1 }], expect: '{"{\\"a\\":1}"}' },
  { name: 'an empty list', given: [], expect: '{}' },
]

for (const { name, given, expect } of rows) {
  await t.test(`a raw parameter: ${name}`, (t) => {
    t.equal(encodeRawParameter(given, ['$1']), expect)
    t.end()
  })
}

await t.test('what cannot be a parameter is refused with its path', (t) => {
  const cyclic: unknown[] = []
  cyclic.push(cyclic)
  const cyclicObject: Record<string, unknown> = {}
  cyclicObject['self'] = cyclicObject
  for (const value of [Symbol('x'), () => 1, new Date('x'), 'a\u0000b', cyclic, cyclicObject, { a: 1n }, { toJSON: () => undefined }]) {
    t.throws(() => encodeRawParameter(value, ['$1']), { code: 'FST_MR_QUERY_INVALID' })
  }
  t.match(thrown(() => encodeRawParameter(['ok', Symbol('x')], ['$2'])), { path: ['$2', 1] })
  t.end()
})

function thrown (run: () => unknown): unknown {
  try {
    run()
  } catch (error) {
    return error
  }
  return undefined
}
