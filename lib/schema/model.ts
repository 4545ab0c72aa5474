// A model: a table, its columns, its keys and its relations.

import type { AnyColumn } from './column.ts'
import { definition, type ColumnDefinition, type ModelDefinition, type RelationDefinition } from './definition.ts'
import { requireDatabaseName, requireFieldName, schemaInvalid } from './schema-invalid.ts'

type IsNullable<Columns, ForeignKey> = ForeignKey extends keyof Columns ? Columns[ForeignKey] extends { readonly '~isNullable': true } ? true : false : false

/** A relation whose key this model holds. Whether it may be absent follows from the columns of the key; an interface, so that this is asked when needed. */
interface HeldRelation<Columns, Declared extends OwningShape> {
  readonly '~target': Declared['~target']
  readonly '~cardinality': true extends IsNullable<Columns, Declared['~heldBy']> ? 'nullable' : 'one'
  readonly '~foreignKey': Declared['~heldBy']
  readonly '~inverse': never
}
interface OwningShape {
  readonly '~target': string
  readonly '~heldBy': string
}

type Relations<Columns, Declared> = {
  readonly [K in keyof Declared]: Declared[K] extends OwningShape ? HeldRelation<Columns, Declared[K]> : Declared[K]
}

type Keys<Uniques> = { readonly [K in keyof Uniques]: Uniques[K] extends readonly (infer Field)[] ? Field : never }

/** What `model()` gives; the members that begin with `~` exist in types alone. */
export interface Model<Columns, Declared, Uniques> {
  readonly [definition]: ModelDefinition
  readonly '~columns': Columns
  readonly '~relations': Relations<Columns, Declared>
  /** Both, so that one mapped type makes an argument of all of them. */
  readonly '~fields': Columns & Relations<Columns, Declared>
  readonly '~uniques': Uniques
  readonly '~declared': Declared
}

/** Composite keys by the name that `where` uses. */
type NamedKeys<Columns> = { readonly [name: string]: readonly (keyof Columns & string)[] }

export interface ModelOptions<Columns, Declared, Uniques, Id> {
  /** The PostgreSQL schema of the table; by default the first of the connection's search path. */
  schema?: string
  /** A primary key of several columns, with the name that `where` uses: `{ orgId_userId: ['orgId', 'userId'] }` gives `where: { orgId_userId: { orgId, userId } }`. */
  id?: Id
  /** Unique keys of several columns, each with the name that `where` uses. */
  unique?: Uniques
  /** Indexes, each a list of fields. Notes for the reader: the client never creates one. */
  index?: readonly (readonly (keyof Columns & string)[])[]
  relations?: Declared
}

/** Any relation, whose foreign key, if it holds one, is of these columns. */
interface DeclaredRelation<Columns> {
  readonly '~target': string
  readonly '~heldBy'?: keyof Columns & string
}

/**
 * A model of the schema. Export it: the name of the export is the model's name.
 *
 * @param table The table's name in the database.
 * @example
 * export const Tag = model('tags', { id: t.int().id().default(autoincrement()), name: t.text().unique() },
 *   { relations: { posts: manyToMany('Post', 'tags') } })
 */
// `{}` is the type of "no relations" and "no composite keys": it has no keys, and everything extends it.
export function model<Columns extends Record<string, AnyColumn>, Declared extends Record<string, DeclaredRelation<Columns>> = {}, const Uniques extends NamedKeys<Columns> = {}, const Id extends NamedKeys<Columns> = {}> (table: string, columns: Columns, options: ModelOptions<Columns, Declared, Uniques, Id> = {}): Model<Columns, Declared, Keys<Uniques> & Keys<Id>> {
  requireDatabaseName(table, 'the name of a table')
  const { schema, id = {}, unique = {}, index = [], relations = {} } = options
  if (schema !== undefined) requireDatabaseName(schema, `the schema of the table \`${table}\``)
  const columnDefinitions = definitionsOf<ColumnDefinition>(columns, `a column of \`${table}\``, 'kind')
  const relationDefinitions = definitionsOf<RelationDefinition>(relations, `a relation of \`${table}\``, 'target')
  if (Object.keys(columnDefinitions).length === 0) throw schemaInvalid(`the model of \`${table}\` has no columns`)
  for (const name of Object.keys(relationDefinitions)) if (name in columnDefinitions) throw schemaInvalid(`the model of \`${table}\` has both a column and a relation \`${name}\``)
  const composites = (keys: NamedKeys<Columns>): CompositeKey[] => Object.entries(keys).map(([name, fields]) => composite(table, columnDefinitions, name, fields))
  const ids = composites(id)
  if (ids.length > 1) throw schemaInvalid(`the model of \`${table}\` has more than one composite id`)
  const single = Object.entries(columnDefinitions).filter(([, column]) => column.id).map(([name]) => name)
  if (single.length + ids.length > 1) throw schemaInvalid(`the model of \`${table}\` has more than one id (${[...single, ...ids.map(({ name }) => name)].join(', ')}); an id of several columns is the option \`id\``)
  for (const fields of index) requireColumns(table, columnDefinitions, `an index of \`${table}\``, fields)
  const made: ModelDefinition = Object.freeze({
    table,
    schema,
    columns: columnDefinitions,
    relations: relationDefinitions,
    id: ids[0],
    uniques: Object.freeze(composites(unique)),
    indexes: Object.freeze(index.map((fields) => Object.freeze([...fields]))),
  })
  // The members that exist in types alone are what the cast adds.
  return Object.freeze(Object.defineProperty({}, definition, { value: made })) as unknown as Model<Columns, Declared, Keys<Uniques> & Keys<Id>>
}

interface CompositeKey { readonly name: string, readonly fields: readonly string[] }

function definitionsOf<D extends object> (entries: object, what: string, mark: string): Readonly<Record<string, D>> {
  const definitions: Record<string, D> = Object.create(null)
  for (const [name, value] of Object.entries(entries)) {
    requireFieldName(name, `the name of ${what}`)
    const made: unknown = typeof value === 'object' && value !== null ? value[definition] : undefined
    if (typeof made !== 'object' || made === null || !(mark in made)) throw schemaInvalid(`${what}, \`${name}\`, is not made by one of the builder functions`)
    definitions[name] = made as D
  }
  return Object.freeze(definitions)
}

function composite (table: string, columns: Readonly<Record<string, ColumnDefinition>>, name: string, fields: readonly string[]): CompositeKey {
  requireFieldName(name, `the name of a composite key of \`${table}\``)
  if (name in columns && !(fields.length === 1 && fields[0] === name)) throw schemaInvalid(`the composite key \`${name}\` of \`${table}\` has the name of a column`)
  requireColumns(table, columns, `the composite key \`${name}\` of \`${table}\``, fields)
  return Object.freeze({ name, fields: Object.freeze([...fields]) })
}

function requireColumns (table: string, columns: Readonly<Record<string, ColumnDefinition>>, what: string, fields: readonly string[]): void {
  if (!Array.isArray(fields) || fields.length === 0) throw schemaInvalid(`${what} has no columns`)
  for (const field of fields) if (typeof field !== 'string' || !(field in columns)) throw schemaInvalid(`${what} names \`${String(field)}\`, which is not a column of \`${table}\``)
  if (new Set(fields).size < fields.length) throw schemaInvalid(`${what} names a column twice`)
}
