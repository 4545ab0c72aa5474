// Every type through a real server and back: as a column of a row, inside the JSON of a relation, and compared in a filter.

import process from 'node:process'
import { Decimal } from 'decimal.js'
import fc from 'fast-check'
import t from 'tap'
import { belongsTo, enumType, hasMany, model, t as type } from '../../lib/schema/index.ts'
import { parseArray, parseDate, parseTimestamp } from '../../lib/query/decode.ts'
import { plainDecoder, recordDecoder, type RecordPart } from '../../lib/query/record-decoder.ts'
import { createTestDatabase } from '../support/shared-cluster.ts'
import { tag } from './corpus-case.ts'
import { CorpusRunner, corpusContext, openCorpusSession } from './corpus-runner.ts'

const Mood = enumType('mood', { HAPPY: 'happy', SAD: 'so "sad", really', NONE: 'NULL' })

const columns = {
  int: type.int().optional(),
  small: type.smallint().optional(),
  big: type.bigint().optional(),
  float: type.float().optional(),
  real: type.real().optional(),
  decimal: type.decimal().optional(),
  text: type.text().optional(),
  varchar: type.varchar(200).optional(),
  flag: type.boolean().optional(),
  bytes: type.bytes().optional(),
  uuid: type.uuid().optional(),
  json: type.json().optional(),
  plainJson: type.json({ type: 'json' }).optional().map('plain_json'),
  date: type.date().optional(),
  time: type.time(3).optional(),
  timetz: type.timetz(3).optional(),
  timestamp: type.timestamp(3).optional(),
  timestamptz: type.timestamptz(3).optional(),
  mood: Mood().optional(),
  inet: type.other('inet').optional(),
  ints: type.int().list(),
  bigs: type.bigint().list(),
  floats: type.float().list(),
  decimals: type.decimal().list(),
  texts: type.text().list(),
  flags: type.boolean().list(),
  blobs: type.bytes().list(),
  uuids: type.uuid().list(),
  dates: type.date().list(),
  timestamps: type.timestamp(3).list(),
  moods: Mood().list(),
}

const Everything = model('everything', { id: type.int().id(), parentId: type.int().optional().map('parent_id'), ...columns }, { relations: { parent: belongsTo('Everything', 'parentId'), children: hasMany('Everything', 'parent') } })
const schema = { Everything }

const setup = `
  create type mood as enum ('happy', 'so "sad", really', 'NULL');
  create table everything (id int primary key, parent_id int, "int" int, small smallint, big bigint, "float" float8, "real" real, "decimal" numeric, text text, "varchar" varchar(200), flag boolean, bytes bytea, uuid uuid,
    json jsonb, plain_json json, date date, time time(3), timetz timetz(3), timestamp timestamp(3), timestamptz timestamptz(3), mood mood, inet inet,
    ints int[], bigs bigint[], floats float8[], decimals numeric[], texts text[], flags boolean[], blobs bytea[], uuids uuid[], dates date[], timestamps timestamp(3)[], moods mood[]);`

// PostgreSQL stores no NUL in text; half of a surrogate pair is refused before.
const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 20 }), fc.constantFrom('', 'NULL', '{}', '{"a"}', 'a,b', '"', '\\', '\\"', "'", '$1', '%_', ' x ', 'ß😀雪')).map((value) => value.replaceAll('\u0000', ''))
const instant = fc.oneof(fc.date({ min: new Date('0001-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true }), fc.date({ min: new Date('-004000-01-01T00:00:00Z'), max: new Date('+200000-01-01T00:00:00Z'), noInvalidDate: true }), fc.constantFrom(new Date(0), new Date('0099-12-31T23:59:59.999Z'), new Date('0000-02-29T00:00:00Z'), new Date('+010000-01-01T00:00:00Z')))
const midnight = instant.map((date) => new Date(Math.floor(date.getTime() / 86_400_000) * 86_400_000))
const timeOfDay = fc.integer({ min: 0, max: 86_399_999 }).map((ms) => new Date(ms))
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const bigInt = fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.constantFrom(0n, 2n ** 53n + 1n, -(2n ** 63n), 2n ** 63n - 1n))
const float = fc.double()
const decimal = fc.tuple(fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }), fc.integer({ min: -40, max: 20 })).map(([digits, exponent]) => new Decimal(`${digits}e${exponent}`))
const blob = fc.uint8Array({ maxLength: 100 })
const uuid = fc.uuid()
const mood = fc.constantFrom('HAPPY', 'SAD', 'NONE')
// jsonb has no \u0000; numbers beyond a double's digits are not the caller's to begin with.
const json = fc.jsonValue().filter((value) => value !== null && !JSON.stringify(value).includes('\\u0000') && !JSON.stringify(value).includes('\\ud'))

const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null, freq: 4 })
const list = <T>(value: fc.Arbitrary<T>) => fc.array(value, { maxLength: 4 })

const record = fc.record({
  int: optional(int32),
  small: optional(fc.integer({ min: -32768, max: 32767 })),
  big: optional(bigInt),
  float: optional(float),
  real: optional(fc.float({ noDefaultInfinity: true })),
  decimal: optional(decimal),
  text: optional(text),
  varchar: optional(text),
  flag: optional(fc.boolean()),
  bytes: optional(blob),
  uuid: optional(uuid),
  json: fc.option(json, { nil: undefined, freq: 4 }),
  plainJson: fc.option(json, { nil: undefined, freq: 4 }),
  date: optional(midnight),
  time: optional(timeOfDay),
  timetz: optional(timeOfDay),
  timestamp: optional(instant),
  timestamptz: optional(instant),
  mood: optional(mood),
  inet: optional(fc.ipV4().map((address) => address)),
  ints: list(int32),
  bigs: list(bigInt),
  floats: list(float),
  decimals: list(decimal),
  texts: list(text),
  flags: list(fc.boolean()),
  blobs: list(blob),
  uuids: list(uuid),
  dates: list(midnight),
  timestamps: list(instant),
  moods: list(mood),
})

/** What was left out is null, and JSON is what JSON makes of it. */
function expectedOf (given: Record<string, unknown>): Record<string, unknown> {
  const expected: Record<string, unknown> = { ...given }
  for (const name of ['json', 'plainJson']) expected[name] = given[name] === undefined ? null : JSON.parse(JSON.stringify(given[name]))
  return expected
}

const parameters: fc.Parameters<unknown> = {
  numRuns: Number(process.env['FC_RUNS'] ?? 60),
  ...(process.env['FC_SEED'] === undefined ? { seed: 20_250_721 } : { seed: Number(process.env['FC_SEED']) }),
}

/** jsonb orders keys in its own way. */
function canonical (value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical)
  if (typeof value !== 'object' || value === null) return value
  return Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1).map(([key, item]) => [key, canonical(item)])
}

await t.test('what is written comes back, in a row and inside a relation\'s JSON', { timeout: 100_000 }, async (t) => {
  const database = await createTestDatabase(t, setup)
  const session = await openCorpusSession(database.primaryUrl)
  t.teardown(() => { session.destroy() })
  const runner = new CorpusRunner(session, schema, corpusContext())
  const call = (method: string, args: unknown): Promise<unknown> => runner.runPlain('Everything', method, args)
  const select = Object.fromEntries(Object.keys(columns).map((name) => [name, true]))
  let id = 0
  await call('create', { data: { id: 0 } })
  await fc.assert(fc.asyncProperty(record, async (given) => {
    id++
    const written = await call('create', { data: { id, parentId: 0, ...given }, select })
    const read = await call('findUnique', { where: { id }, select })
    const { children } = await call('findUnique', { where: { id: 0 }, select: { children: { where: { id }, select } } }) as { children: unknown[] }
    const expected = JSON.stringify(canonical(tag(expectedOf(given))))
    for (const [how, answer] of [['returned', written], ['read', read], ['in JSON', children[0]]] as const) {
      // The server writes a `real` with as many digits as tell it apart among reals.
      const { real } = answer as { real: number | null }
      const actual = JSON.stringify(canonical(tag({ ...answer as object, real: real === null ? null : Math.fround(real) })))
      if (actual !== expected) throw new Error(`${how}: expected ${expected}\n      got ${actual}`)
    }
    // A value that was written equals itself in a filter.
    for (const name of ['int', 'small', 'big', 'decimal', 'text', 'varchar', 'flag', 'bytes', 'uuid', 'date', 'time', 'timestamp', 'timestamptz', 'mood', 'inet'] as const) {
      const value = given[name]
      if (await call('count', { where: { id, [name]: value } }) !== 1) throw new Error(`${name} does not equal itself`)
      if (value !== null && name !== 'flag' && await call('count', { where: { id, [name]: { in: [value] } } }) !== 1) throw new Error(`${name} is not in its own list`)
    }
    for (const name of ['ints', 'bigs', 'decimals', 'texts', 'flags', 'blobs', 'uuids', 'dates', 'timestamps', 'moods'] as const) {
      const value: readonly unknown[] = given[name]
      if (await call('count', { where: { id, [name]: { equals: value } } }) !== 1) throw new Error(`${name} does not equal itself`)
      if (await call('count', { where: { id, [name]: { hasEvery: value } } }) !== 1) throw new Error(`${name} does not have every element`)
      if (value.length > 0 && await call('count', { where: { id, [name]: { has: value[0] } } }) !== 1) throw new Error(`${name} does not have its first element`)
    }
    if (given.json !== undefined && await call('count', { where: { id, json: { equals: given.json } } }) !== 1) throw new Error('json does not equal itself')
    return true
  }), parameters)
})

await t.test('timestamps of all eras are read from the server\'s text', async (t) => {
  const rows: [text: string, iso: string][] = [
    ['2024-05-01 10:00:00', '2024-05-01T10:00:00.000Z'], ['2024-05-01 10:00:00.1', '2024-05-01T10:00:00.100Z'], ['2024-05-01 10:00:00.123456', '2024-05-01T10:00:00.123Z'],
    ['2024-05-01 10:00:00.999999+00', '2024-05-01T10:00:00.999Z'], ['2024-05-01T10:00:00.5+02:00', '2024-05-01T08:00:00.500Z'], ['2024-05-01 10:00:00-03:30', '2024-05-01T13:30:00.000Z'],
    ['0099-01-01 00:00:00', '0099-01-01T00:00:00.000Z'], ['0001-01-01 00:00:00 BC', '0000-01-01T00:00:00.000Z'], ['0044-03-15 12:00:00+00 BC', '-000043-03-15T12:00:00.000Z'], ['12024-05-01 10:00:00.25', '+012024-05-01T10:00:00.250Z'],
  ]
  for (const [given, iso] of rows) t.equal(parseTimestamp(given).toISOString(), iso, given)
  t.ok(Number.isNaN(parseTimestamp('infinity').getTime()))
  t.ok(Number.isNaN(parseTimestamp('').getTime()))
  t.equal(parseDate('0050-01-01').toISOString(), '0050-01-01T00:00:00.000Z')
  t.equal(parseDate('12024-05-01').toISOString(), '+012024-05-01T00:00:00.000Z')
})

await t.test('array literals of every form are read', async (t) => {
  const same = (value: string): string => value
  t.same(parseArray('{}', same), [])
  t.same(parseArray('{a,NULL,"NULL","",b}', same), ['a', null, 'NULL', '', 'b'])
  t.same(parseArray('{"a\\"b","c\\\\d","{x,y}"}', same), ['a"b', 'c\\d', '{x,y}'])
  t.same(parseArray('{{1,2},{3,NULL}}', Number), [[1, 2], [3, null]])
  t.same(parseArray('[0:1]={1,2}', Number), [1, 2])
  t.same(parseArray('[0:1][5:5]={{"a"},{b}}', same), [['a'], ['b']])
})

await t.test('arbitrary text never makes a decoder throw or hang', async () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (value) => {
    parseTimestamp(value)
    parseDate(value)
    parseArray(value, (item) => item)
    return true
  }), { numRuns: 2000, seed: 20_250_721 })
})

await t.test('a written decoder and a plain one make the same record', async (t) => {
  const parts: RecordPart[] = [
    { name: 'as"is', width: 1 },
    { name: 'number', width: 1, decode: Number },
    { name: '_count', width: 2, decodeAt: (values, at) => [values[at], values[at + 1]] },
    { name: 'constructor', width: 1 },
  ]
  const values = ['x', '5', 'a', 'b', null]
  t.same(recordDecoder(parts)(values), { 'as"is': 'x', number: 5, _count: ['a', 'b'], constructor: null })
  t.same(plainDecoder(parts)(values), recordDecoder(parts)(values))
})
