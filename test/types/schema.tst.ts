import { expect, test } from 'tstyche'
import type { Decimal } from 'decimal.js'
import { belongsTo, cuid, dbgenerated, defineSchema, enumType, type EnumOf, hasMany, hasOne, manyToMany, model, now, t, uuid, autoincrement } from '../../lib/schema/index.ts'
import type { JsonValue } from '../../lib/schema/index.ts'
import type { Row } from '../../lib/register.ts'
import * as example from './fixtures/schema.ts'

const id = t.int().id()

test('columns carry what a row holds', () => {
  const Size = enumType('size', ['S', 'M'])
  expect<EnumOf<typeof Size>>().type.toBe<'S' | 'M'>()
  const All = model('all', {
    int: t.int(),
    smallint: t.smallint(),
    bigint: t.bigint(),
    float: t.float(),
    real: t.real().optional(),
    decimal: t.decimal(10, 2),
    text: t.text(),
    varchar: t.varchar(3),
    char: t.char(3),
    boolean: t.boolean(),
    bytes: t.bytes(),
    uuid: t.uuid(),
    json: t.json(),
    jsonOf: t.json<{ a: 1 }>({ type: 'json' }).optional(),
    date: t.date(),
    time: t.time(3),
    timestamp: t.timestamp(3),
    timestamptz: t.timestamptz(),
    other: t.other('inet'),
    otherOf: t.other<`${number} days`>('interval'),
    enum: Size().optional(),
    list: Size().list(),
  })
  expect(All).type.not.toBe<never>()
  expect<Row<'All', { All: typeof All }>>().type.toBe<{
    int: number
    smallint: number
    bigint: bigint
    float: number
    real: number | null
    decimal: Decimal
    text: string
    varchar: string
    char: string
    boolean: boolean
    bytes: Uint8Array
    uuid: string
    json: JsonValue
    jsonOf: { a: 1 } | null
    date: Date
    time: Date
    timestamp: Date
    timestamptz: Date
    other: string
    otherOf: `${number} days`
    enum: 'S' | 'M' | null
    list: ('S' | 'M')[]
  }>()
})

test('a default is a value of the column, or a function for its type', () => {
  t.int().default(1)
  t.int().default(autoincrement())
  t.text().default(cuid())
  t.text().default(uuid())
  t.timestamptz().default(now())
  t.text().list().default(['a'])
  t.decimal().default('0').default(1)
  expect(t.int().default).type.not.toBeCallableWith('a')
  expect(t.int().default).type.not.toBeCallableWith(now())
  expect(t.text().default).type.not.toBeCallableWith(autoincrement())
  expect(t.uuid().default).type.not.toBeCallableWith(cuid())
  expect(t.text().list().default).type.not.toBeCallableWith('a')
  expect(t.text().list().default).type.toBeCallableWith(dbgenerated('x'))
  expect(enumType('x', ['A'])().default).type.not.toBeCallableWith('B')
})

test('a model names its own columns in keys, indexes and relations', () => {
  // @ts-expect-error Type '"autorId"' is not assignable to type '"id" | "authorId"'. Did you mean '"authorId"'?
  model('posts', { id, authorId: t.int() }, { relations: { author: belongsTo('User', 'autorId') } })
  // @ts-expect-error Type '"nope"' is not assignable to type '"id"'
  model('posts', { id }, { unique: { id_nope: ['id', 'nope'] } })
  // @ts-expect-error Type '"nope"' is not assignable to type '"id"'
  model('posts', { id }, { index: [['nope']] })
  // @ts-expect-error is not assignable
  model('posts', { id: 1 })
})

test('defineSchema finds relations that lead nowhere', () => {
  const User = model('users', { id }, { relations: { posts: hasMany('Post', 'author') } })
  const Post = model('posts', { id, authorId: t.int() }, { relations: { author: belongsTo('User', 'authorId') } })
  expect(defineSchema({ User, Post })).type.toBe<{ readonly User: typeof User, readonly Post: typeof Post }>()
  expect(defineSchema(example)).type.toBe<typeof example>()
  // @ts-expect-error ✗ no model 'User'
  defineSchema({ Post })
  // @ts-expect-error ✗ 'Post' has no relation 'autor'
  defineSchema({ Post, User: model('users', { id }, { relations: { posts: hasMany('Post', 'autor') } }) })
  // @ts-expect-error ✗ 'Post.author' does not lead back
  defineSchema({ Post, User, Tag: model('tags', { id }, { relations: { posts: manyToMany('Post', 'author') } }) })
  // @ts-expect-error ✗ no model 'Profile'
  defineSchema({ Post, User: model('users', { id }, { relations: { posts: hasMany('Post', 'author'), profile: hasOne('Profile', 'user') } }) })
  // @ts-expect-error ✗ not a model
  defineSchema({ Post, User, Role: enumType('role', ['A']) })
})
