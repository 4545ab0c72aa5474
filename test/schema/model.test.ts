import t from 'tap'
import { autoincrement, belongsTo, cuid, dbgenerated, defineSchema, enumType, hasMany, hasOne, manyToMany, model, now, t as column, uuid } from '../../lib/schema/index.ts'
import { definition, type ColumnDefinition, type EnumDefinition, type ModelDefinition, type RelationDefinition } from '../../lib/schema/definition.ts'

const of = <D>(value: { readonly [definition]: D }): D => value[definition]
const invalid = (message: string | RegExp) => ({ code: 'FST_MR_SCHEMA_INVALID', message })
/** What a program without types could pass. */
const untyped = (value: unknown) => value as never

await t.test('each column type leaves its kind and its name in DDL', async (t) => {
  const rows: [{ readonly [definition]: ColumnDefinition }, string, string][] = [
    [column.int(), 'int', 'integer'],
    [column.smallint(), 'int', 'smallint'],
    [column.bigint(), 'bigint', 'bigint'],
    [column.float(), 'float', 'double precision'],
    [column.real(), 'float', 'real'],
    [column.decimal(), 'decimal', 'numeric'],
    [column.decimal(12), 'decimal', 'numeric(12)'],
    [column.decimal(12, 2), 'decimal', 'numeric(12,2)'],
    [column.text(), 'text', 'text'],
    [column.varchar(), 'text', 'varchar'],
    [column.varchar(320), 'text', 'varchar(320)'],
    [column.char(), 'text', 'char(1)'],
    [column.char(7), 'text', 'char(7)'],
    [column.boolean(), 'bool', 'boolean'],
    [column.bytes(), 'bytes', 'bytea'],
    [column.uuid(), 'uuid', 'uuid'],
    [column.json(), 'json', 'jsonb'],
    [column.json({ type: 'json' }), 'json', 'json'],
    [column.date(), 'date', 'date'],
    [column.time(), 'time', 'time'],
    [column.time(3), 'time', 'time(3)'],
    [column.timetz(0), 'time', 'timetz(0)'],
    [column.timestamp(), 'timestamp', 'timestamp'],
    [column.timestamp(3), 'timestamp', 'timestamp(3)'],
    [column.timestamptz(6), 'timestamp', 'timestamptz(6)'],
    [column.other('inet'), 'other', 'inet'],
    [column.other('geometry(Point, 4326)'), 'other', 'geometry(Point, 4326)'],
    [column.other('app."Odd Type"'), 'other', 'app."Odd Type"'],
    [column.other('bit varying(5)'), 'other', 'bit varying(5)'],
    [column.other('time(3) with time zone'), 'other', 'time(3) with time zone'],
  ]
  for (const [made, kind, pgType] of rows) {
    t.match(of(made), { kind, pgType, list: false, optional: false, id: false, unique: false, updatedAt: false }, pgType)
    t.same(Object.keys(made), [], 'the definition is not enumerable')
  }
})

await t.test('a modifier gives a new column and leaves the old one as it was', async (t) => {
  const plain = column.text()
  const changed = plain.optional().unique().map('nick_name')
  t.match(of(changed), { optional: true, unique: true, mappedName: 'nick_name' })
  t.match(of(plain), { optional: false, unique: false, mappedName: undefined })
  t.ok(Object.isFrozen(plain))
  t.ok(Object.isFrozen(of(changed)))
})

await t.test('defaults are told apart: a value, a function, the expression of the server', async (t) => {
  t.same(of(column.int().default(0)).default, { type: 'value', value: 0 })
  t.same(of(column.boolean().default(false)).default, { type: 'value', value: false })
  t.same(of(column.text().list().default(['a'])).default, { type: 'value', value: ['a'] })
  t.same(of(column.json<{ function: string }>().default({ function: 'now' })).default, { type: 'value', value: { function: 'now' } })
  t.same(of(column.int().default(autoincrement())).default, { type: 'function', function: 'autoincrement' })
  t.same(of(column.timestamp().default(now())).default, { type: 'function', function: 'now' })
  t.same(of(column.uuid().default(uuid())).default, { type: 'function', function: 'uuid' })
  t.same(of(column.text().default(cuid())).default, { type: 'function', function: 'cuid' })
  t.same(of(column.text().default(dbgenerated('gen()'))).default, { type: 'database', sql: 'gen()' })
  t.same(of(column.text().list().default(dbgenerated())).default, { type: 'database', sql: '' })
})

await t.test('columns refuse what cannot be', async (t) => {
  const rows: [string, () => unknown, RegExp][] = [
    ['an optional id', () => column.int().id().optional(), /both id\(\) and optional\(\)/],
    ['an optional list', () => column.int().list().optional(), /both list\(\) and optional\(\)/],
    ['an id that is a list', () => column.int().list().id(), /both id\(\) and list\(\)/],
    ['a default before list', () => column.int().default(1).list(), /list\(\) must come before default\(\)/],
    ['a list whose default is none', () => column.int().list().default(untyped(1)), /must be an array/],
    ['a default of null', () => column.int().optional().default(untyped(null)), /default\(\) takes a value/],
    ['autoincrement of text', () => column.text().default(untyped(autoincrement())), /autoincrement\(\) cannot be the default of a column of type text/],
    ['now() of a list', () => column.timestamp().list().default(now()), /now\(\) cannot be the default of a column of type timestamp\[\]/],
    ['updatedAt of a number', () => column.int().updatedAt(), /updatedAt\(\) needs a column that holds a time, not integer/],
    ['an empty name', () => column.int().map(''), /must be text that is not empty/],
    ['a NUL in a name', () => column.int().map('a\0'), /must be text that is not empty/],
    ['a length of 0', () => column.varchar(0), /the length of varchar must be a whole number from 1/],
    ['a precision of 7', () => column.timestamptz(7), /the precision of timestamptz must be a whole number from 0 to 6/],
    ['a scale alone', () => column.decimal(undefined, 2), /needs a precision/],
    ['an unknown JSON type', () => column.json({ type: untyped('bson') }), /`json` or `jsonb`/],
    ['a type that would end a cast', () => column.other("text); drop table x; --'"), /is not the name of a PostgreSQL type/],
    ['an empty type', () => column.other(''), /is not the name of a PostgreSQL type/],
    ['an expression that is not text', () => dbgenerated(untyped(1)), /takes the expression as text/],
  ]
  for (const [name, make, message] of rows) t.throws(make, invalid(message), name)
})

await t.test('an enum takes labels, or names with labels, and makes columns', async (t) => {
  const Role = enumType('role', { USER: 'user', ADMIN: 'admin' }, { schema: 'app' })
  t.same(of(Role as unknown as { [definition]: EnumDefinition }), { name: 'role', schema: 'app', labels: { USER: 'user', ADMIN: 'admin' } })
  t.same(Role.values, ['USER', 'ADMIN'])
  t.match(of(Role().default('USER')), { kind: 'enum', pgType: '"app"."role"', enum: { name: 'role' }, default: { type: 'value', value: 'USER' } })
  t.equal(of(enumType('Odd "name"', ['A'])()).pgType, '"Odd ""name"""')
  t.same({ ...of(enumType('size', ['S', 'M'])()).enum?.labels }, { S: 'S', M: 'M' })
  t.throws(() => enumType('', ['A']), invalid(/the name of an enum type/))
  t.throws(() => enumType('x', []), invalid(/has no values/))
  t.throws(() => enumType('x', ['A', 'A']), invalid(/has the value `A` twice/))
  t.throws(() => enumType('x', { A: 'a', B: 'a' }), invalid(/the same label/))
  t.throws(() => enumType('x', { A: untyped(1) }), invalid(/the label of `A`/))
})

await t.test('relations say who holds the key', async (t) => {
  const rows: [{ readonly [definition]: RelationDefinition }, object][] = [
    [belongsTo('User', 'authorId', { onDelete: 'cascade' }), { type: 'belongs-to', target: 'User', fields: ['authorId'], onDelete: 'cascade' }],
    [belongsTo('Line', ['orderId', 'no'], { references: ['orderId', 'no'], onUpdate: 'no-action' }), { type: 'belongs-to', target: 'Line', fields: ['orderId', 'no'], references: ['orderId', 'no'], onUpdate: 'no-action' }],
    [hasOne('Profile', 'user'), { type: 'has-one', target: 'Profile', inverse: 'user' }],
    [hasMany('Post', 'author'), { type: 'has-many', target: 'Post', inverse: 'author' }],
    [manyToMany('Tag', 'posts', { through: 'post_tags', side: 'B' }), { type: 'many-to-many', target: 'Tag', inverse: 'posts', through: 'post_tags', side: 'B' }],
  ]
  for (const [made, expected] of rows) {
    t.match(of(made), expected)
    t.same(Object.keys(made), [])
  }
  t.throws(() => belongsTo('', 'a'), invalid(/the target of belongsTo/))
  t.throws(() => belongsTo('User', []), invalid(/needs the field that holds the key/))
  t.throws(() => belongsTo('User', ['a', 'b'], { references: ['id'] }), invalid(/2 fields but 1 references/))
  t.throws(() => belongsTo('User', 'a', { onDelete: untyped('explode') }), invalid(/unknown referential action/))
  t.throws(() => hasMany('Post', ''), invalid(/the relation on the other side/))
  t.throws(() => manyToMany('Post', 'tags', { through: '' }), invalid(/the join table/))
  t.throws(() => manyToMany('Post', 'tags', { side: untyped('C') }), invalid(/'A' or 'B'/))
})

await t.test('a model holds its table, columns, keys, indexes and relations', async (t) => {
  const Membership = model('memberships', { orgId: column.int().map('org_id'), userId: column.int(), since: column.date().default(now()) }, {
    schema: 'app',
    id: { orgId_userId: ['orgId', 'userId'] },
    unique: { since_userId: ['since', 'userId'] },
    index: [['since'], ['userId', 'since']],
    relations: { user: belongsTo('User', 'userId') },
  })
  const made: ModelDefinition = of(Membership)
  t.match(made, {
    table: 'memberships',
    schema: 'app',
    id: { name: 'orgId_userId', fields: ['orgId', 'userId'] },
    uniques: [{ name: 'since_userId', fields: ['since', 'userId'] }],
    indexes: [['since'], ['userId', 'since']],
    relations: { user: { type: 'belongs-to', target: 'User' } },
  })
  t.same(Object.keys(made.columns), ['orgId', 'userId', 'since'], 'in the order of the schema')
  t.same(Object.keys(Membership), [])
  t.ok(Object.isFrozen(made) && Object.isFrozen(made.columns) && Object.isFrozen(made.uniques))
  t.match(of(model('plain', { id: column.int().id() })), { id: undefined, uniques: [], indexes: [], relations: {} })
})

await t.test('models refuse what cannot be', async (t) => {
  const id = column.int().id()
  const rows: [string, () => unknown, RegExp][] = [
    ['no table name', () => model('', { id }), /the name of a table/],
    ['no columns', () => model('x', {}), /has no columns/],
    ['a value that is no column', () => model('x', { id, y: untyped('text') }), /`y`, is not made by one of the builder functions/],
    ['a relation among the columns', () => model('x', { id, y: untyped(hasMany('Y', 'x')) }), /`y`, is not made by/],
    ['a column among the relations', () => model('x', { id }, { relations: { y: untyped(column.int()) } }), /`y`, is not made by/],
    ['a name used twice', () => model('x', { id, y: column.int() }, { relations: { y: belongsTo('Y', 'y') } }), /both a column and a relation `y`/],
    ['a name that is an operator', () => model('x', { id, AND: column.int() }), /cannot be `AND`/],
    ['a name that is a promise method', () => model('x', { id }, { relations: { then: hasMany('Y', 'x') } }), /cannot be `then`/],
    ['__proto__', () => model('x', JSON.parse('{"__proto__": 1}')), /cannot be `__proto__`/],
    ['a name with a space', () => model('x', { 'a b': column.int() }), /must be an identifier, not "a b"/],
    ['two ids', () => model('x', { id, other: column.int().id() }), /more than one id \(id, other\)/],
    ['an id and a composite id', () => model('x', { id, a: column.int() }, { id: { id_a: ['id', 'a'] } }), /more than one id/],
    ['two composite ids', () => model('x', { a: column.int(), b: column.int() }, { id: { a_b: ['a', 'b'], b_a: ['b', 'a'] } }), /more than one composite id/],
    ['a key of no columns', () => model('x', { id }, { unique: { none: [] } }), /has no columns/],
    ['a key of unknown columns', () => model('x', { id }, { unique: { odd: untyped(['nope']) } }), /names `nope`, which is not a column/],
    ['a key that names a column twice', () => model('x', { id }, { unique: { odd: ['id', 'id'] } }), /names a column twice/],
    ['a key with a column\'s name', () => model('x', { id, a: column.int() }, { unique: { a: ['id', 'a'] } }), /has the name of a column/],
    ['an index of unknown columns', () => model('x', { id }, { index: [[untyped('nope')]] }), /an index of `x` names `nope`/],
  ]
  for (const [name, make, message] of rows) t.throws(make, invalid(message), name)
})

await t.test('defineSchema gives back what it was given', async (t) => {
  const models = { User: model('users', { id: column.int().id() }) }
  t.equal(defineSchema(models), models)
  t.throws(() => defineSchema(untyped(null)), invalid(/not a module of models/))
})
