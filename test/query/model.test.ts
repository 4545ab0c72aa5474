import t, { type Test as Tap } from 'tap'
import { belongsTo, enumType, hasMany, hasOne, manyToMany, model, t as type } from '../../lib/schema/index.ts'
import { definition } from '../../lib/schema/definition.ts'
import { resolveSchema, type ResolvedRelation } from '../../lib/query/model.ts'
import { castType } from '../../lib/query/sql-text.ts'
import * as corpus from './corpus/schema.ts'

const id = () => type.int().id()
const relation = (schema: object, modelName: string, name: string): ResolvedRelation => resolveSchema(schema).models.get(modelName)?.fields.get(name) as ResolvedRelation
const refuses = (t: Tap, schema: object, message: RegExp): void => { t.throws(() => resolveSchema(schema), { code: 'FST_MR_SCHEMA_INVALID', message }) }

await t.test('a schema is resolved once, with models by name and by their name on the client', async (t) => {
  const schema = resolveSchema(corpus)
  t.equal(resolveSchema(corpus), schema)
  t.equal(schema.byClientName.get('orderItem'), schema.models.get('OrderItem'))
  t.equal(schema.models.get('User')?.table, '"users"')
  t.same(schema.models.get('User')?.fields.get('isActive'), schema.models.get('User')?.columnsByDatabaseName.get('is_active'))
  t.equal(schema.models.get('__proto__'), undefined)
  t.equal(schema.models.get('User')?.fields.get('constructor'), undefined)
  t.ok(Object.isFrozen(schema.models.get('User')))
})

await t.test('keys are found by the name that `where` uses, the primary key first', async (t) => {
  const { models } = resolveSchema(corpus)
  t.same(models.get('User')?.uniques.map((unique) => unique.name), ['id', 'email'])
  t.same(models.get('OrderItem')?.uniques.map((unique) => [unique.name, unique.primary]), [['orderLine', true]])
  t.same(models.get('Post')?.composites.get('authorId_title')?.columns.map((column) => column.name), ['authorId', 'title'])
})

await t.test('both sides of every relation know their columns', async (t) => {
  const author = relation(corpus, 'Post', 'author')
  t.match({ key: author.key, optional: author.optional, toMany: author.toMany }, { key: 'local', optional: true, toMany: false })
  t.same(author.pairs.map(({ local, foreign }) => [local.name, foreign.name]), [['authorId', 'id']])
  t.equal(author.inverse, relation(corpus, 'User', 'posts'))
  const posts = relation(corpus, 'User', 'posts')
  t.same(posts.pairs.map(({ local, foreign }) => [local.name, foreign.name]), [['id', 'authorId']])
  t.equal(posts.inverse, author)
  t.equal(relation(corpus, 'User', 'profile').optional, true, 'the side without the key may be without a partner')
  t.equal(relation(corpus, 'Profile', 'user').optional, false)
})

await t.test('the sides of join tables follow the names, or what the schema says', async (t) => {
  t.match(relation(corpus, 'User', 'followers').join, { table: '"_Follows"', local: '"A"', foreign: '"B"' })
  t.match(relation(corpus, 'User', 'following').join, { local: '"B"', foreign: '"A"' })
  t.match(relation(corpus, 'Post', 'categories').join, { table: '"_CategoryToPost"', local: '"B"', foreign: '"A"' })
  const A = model('a', { id: id() }, { schema: 'shop', relations: { bs: manyToMany('B', 'as', { through: 'links', side: 'B' }) } })
  const B = model('b', { id: id() }, { schema: 'shop', relations: { as: manyToMany('A', 'bs', { through: 'links' }) } })
  t.match(relation({ A, B }, 'A', 'bs').join, { table: '"shop"."links"', local: '"B"', foreign: '"A"' })
  t.match(relation({ A, B }, 'B', 'as').join, { local: '"A"', foreign: '"B"' })
})

await t.test('identifiers are quoted', async (t) => {
  const Odd = model('we"ird table', { id: id(), x: type.text().map('a"b') }, { schema: 'my schema' })
  const odd = resolveSchema({ Odd }).models.get('Odd')
  t.equal(odd?.table, '"my schema"."we""ird table"')
  t.equal(odd?.columns[1]?.sql, '"a""b"')
})

await t.test('casts name the type without length, which would cut values', async (t) => {
  for (const [written, cast] of [['varchar(20)', 'text'], ['character varying(20)', 'text'], ['char(2)', 'bpchar'], ['numeric(10,2)', 'numeric'], ['timestamp(3) with time zone', 'timestamp with time zone'], ['timestamptz(3)', 'timestamptz'], ['"my schema"."my type"', '"my schema"."my type"'], ['geometry(Point,4326)', 'geometry'], ['double precision', 'double precision']]) {
    t.equal(castType(written as string), cast, String(written))
  }
  for (const bad of ['int; drop table x', 'int)', "int'", 'int--', '"a', '', 'int[]', 'a$$b c(']) t.equal(castType(bad), undefined, bad)
  const role = resolveSchema({ A: model('a', { id: id(), role: enumType('Ro"le', ['X'], { schema: 's' })() }) }).models.get('A')?.columns[1]
  t.equal(role?.cast, '"s"."Ro""le"')
})

await t.test('what does not fit together is refused, and named', async (t) => {
  const A = model('a', { id: id() })
  refuses(t, { A, helper: () => {} }, /`helper` is not a model/)
  refuses(t, { A, Role: enumType('role', ['X']) }, /`Role` is not a model/)
  refuses(t, { A, nothing: undefined }, /`nothing`/)
  refuses(t, { A, a: model('b', { id: id() }) }, /share the name `a`/)
  refuses(t, { A: model('a', { id: id(), bId: type.int() }, { relations: { b: belongsTo('B', 'bId') } }) }, /`A.b` points to `B`/)
  refuses(t, { A: model('a', { id: id() }, { relations: { bs: hasMany('B', 'a') } }), B: model('b', { id: id() }) }, /has no relation `a`/)
  refuses(t, { A: model('a', { id: id() }, { relations: { b: hasOne('B', 'as') } }), B: model('b', { id: id() }, { relations: { as: manyToMany('A', 'b') } }) }, /`A.b`/)
  refuses(t, { A: model('a', { id: id() }, { relations: { bs: manyToMany('B', 'as') } }), B: model('b', { x: type.int(), y: type.int() }, { id: { x_y: ['x', 'y'] }, relations: { as: manyToMany('A', 'bs') } }) }, /primary key of one column/)
  const column = { kind: 'int', pgType: 'int', list: false, optional: false, id: true, unique: false, updatedAt: false }
  refuses(t, { A: { [definition]: { table: 'a', columns: { AND: column }, relations: {}, uniques: [], indexes: [] } } }, /cannot have this name/)
  refuses(t, { A: { [definition]: { table: 'a', columns: { x: { kind: 'other', pgType: 'int; drop', list: false, optional: false, id: true, unique: false, updatedAt: false } }, relations: {}, uniques: [], indexes: [] } } }, /is not the name of a type/)
})
