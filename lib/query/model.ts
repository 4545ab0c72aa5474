// A schema module, resolved: every name looked up once, both sides of every relation joined, identifiers quoted.
// All look-ups by a caller's key go through Maps, so that `__proto__` or `constructor` is an unknown field like any other.

import { SchemaInvalidError } from '../core/errors.ts'
import { definition, type ColumnDefault, type ColumnDefinition, type Kind, type ModelDefinition, type ReferentialAction, type RelationDefinition } from '../schema/definition.ts'
import { castType, identifier, sql, type Sql } from './sql-text.ts'
import { encoderOf, elementEncoderOf, type Encode } from './encode.ts'
import { codecOf, type Codec } from './decode.ts'

export interface ResolvedColumn {
  readonly type: 'column'
  readonly model: ResolvedModel
  /** The field's name in arguments and results. */
  readonly name: string
  /** The column, quoted, without its table. */
  readonly sql: Sql
  /** The column's bare name in the database, as errors report it. */
  readonly databaseName: string
  readonly kind: Kind
  readonly pgType: string
  /** The element's type for casts of parameters, without length or precision: `$1::<cast>`. */
  readonly cast: Sql
  readonly list: boolean
  readonly optional: boolean
  /** The column alone is the primary key. */
  readonly isId: boolean
  /** The column alone is unique (primary key included). */
  readonly isUnique: boolean
  readonly updatedAt: boolean
  readonly default: ColumnDefault | undefined
  /** TypeScript name → PostgreSQL label, for enums. */
  readonly labels: ReadonlyMap<string, string> | undefined
  /** A caller's value → text of this column (of the whole list for a list column). */
  readonly encode: Encode
  /** A caller's value → text of one element; the same as `encode` unless the column is a list. */
  readonly encodeElement: Encode
  /** Text of the wire or value inside JSON → the caller's value. */
  readonly codec: Codec
}

/** `local` is a column of the model that has the relation, `foreign` one of its target. */
export interface ColumnPair { readonly local: ResolvedColumn, readonly foreign: ResolvedColumn }

/** The hidden table of a many-to-many relation. */
export interface JoinTable {
  readonly table: Sql
  /** The table's bare name. */
  readonly name: string
  /** `"A"` or `"B"`: the column with this model's id. */
  readonly local: Sql
  /** The other one, with the target's id. */
  readonly foreign: Sql
  readonly localColumn: ResolvedColumn
  readonly foreignColumn: ResolvedColumn
}

export interface ResolvedRelation {
  readonly type: 'relation'
  readonly model: ResolvedModel
  readonly name: string
  readonly target: ResolvedModel
  readonly toMany: boolean
  /** To-one: may be absent. Always true where the other side holds the key. */
  readonly optional: boolean
  /** Who holds the foreign key: this model, the target, or a join table. */
  readonly key: 'local' | 'foreign' | 'join'
  /** Columns that are equal in related rows; empty for `join`. */
  readonly pairs: readonly ColumnPair[]
  readonly join: JoinTable | undefined
  /** The relation back, where the target declares one. */
  readonly inverse: ResolvedRelation | undefined
  readonly onDelete: ReferentialAction | undefined
  readonly onUpdate: ReferentialAction | undefined
  /** Prisma's name of the relation, as its errors say it: `ProfileToUser`. A name that its schema gave is known from a join table alone. */
  readonly relationName: string | undefined
}

export type ResolvedField = ResolvedColumn | ResolvedRelation

export interface ResolvedUnique {
  /** The key in `where`: the field's name, or the composite's, e.g. `orgId_userId`. */
  readonly name: string
  readonly columns: readonly ResolvedColumn[]
  readonly primary: boolean
}

export interface ResolvedModel {
  readonly name: string
  /** The name on the client: uncapitalised. */
  readonly clientName: string
  /** Quoted, with its schema where it has one. */
  readonly table: Sql
  readonly tableName: string
  readonly fields: ReadonlyMap<string, ResolvedField>
  readonly columns: readonly ResolvedColumn[]
  readonly columnsByDatabaseName: ReadonlyMap<string, ResolvedColumn>
  readonly relations: readonly ResolvedRelation[]
  /** Primary key first, then in the order of the schema. */
  readonly uniques: readonly ResolvedUnique[]
  /** Keys of more than one column by the name that `where` uses. */
  readonly composites: ReadonlyMap<string, ResolvedUnique>
  readonly id: ResolvedUnique | undefined
}

export interface ResolvedSchema {
  readonly models: ReadonlyMap<string, ResolvedModel>
  readonly byClientName: ReadonlyMap<string, ResolvedModel>
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

const resolved = new WeakMap<object, ResolvedSchema>()

/**
 * Resolves a schema module. Memoised by the module object: a pure function of frozen data.
 * @throws FST_MR_SCHEMA_INVALID naming the export, field or relation that is wrong.
 */
export function resolveSchema (module: object): ResolvedSchema {
  let schema = resolved.get(module)
  if (schema === undefined) {
    schema = resolve(module)
    resolved.set(module, schema)
  }
  return schema
}

const invalid = (message: string) => new SchemaInvalidError(message)

// Names that JavaScript or the client give another meaning to.
const forbiddenFields = new Set(['__proto__', 'AND', 'OR', 'NOT', '_count', '_all', '_sum', '_avg', '_min', '_max'])

function definitionOf (value: unknown): ModelDefinition | undefined {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return undefined
  const found: unknown = (value as Record<symbol, unknown>)[definition]
  if (typeof found !== 'object' || found === null || !('table' in found) || !('columns' in found)) return undefined
  return found as ModelDefinition
}

function resolve (module: object): ResolvedSchema {
  const definitions = new Map<string, ModelDefinition>()
  for (const name of Object.keys(module)) {
    if (name === 'module.exports') continue
    const model = definitionOf((module as Record<string, unknown>)[name])
    if (model === undefined) throw invalid(`the export \`${name}\` is not a model. Every value export of a schema module is a model; keep enums and other values unexported, or in a file of their own.`)
    definitions.set(name, model)
  }

  const models = new Map<string, Mutable<ResolvedModel>>()
  const byClientName = new Map<string, ResolvedModel>()
  for (const [name, model] of definitions) {
    const made = resolveColumns(name, model)
    models.set(name, made)
    const other = byClientName.get(made.clientName)
    if (other !== undefined) throw invalid(`the models \`${other.name}\` and \`${name}\` would share the name \`${made.clientName}\` on the client.`)
    byClientName.set(made.clientName, made)
  }
  for (const [name, model] of definitions) resolveRelations(models.get(name) as Mutable<ResolvedModel>, model, models, definitions)
  for (const model of models.values()) {
    for (const relation of model.relations) {
      (relation as Mutable<ResolvedRelation>).inverse = findInverse(relation, definitions)
      // Two relations between the same models, or one of a model with itself, must be named, and only Prisma's schema has the name.
      const isSole = relation.target !== model && model.relations.filter((other) => other.target === relation.target).length === 1
      if (isSole) (relation as Mutable<ResolvedRelation>).relationName ??= defaultName(model.name, relation.target.name)
    }
  }
  for (const model of models.values()) {
    for (const column of model.columns) Object.freeze(column)
    for (const relation of model.relations) Object.freeze(relation)
    Object.freeze(model)
  }
  return Object.freeze({ models, byClientName })
}

function resolveColumns (name: string, model: ModelDefinition): Mutable<ResolvedModel> {
  const fields = new Map<string, ResolvedField>()
  const columnsByDatabaseName = new Map<string, ResolvedColumn>()
  const columns: ResolvedColumn[] = []
  const result: Mutable<ResolvedModel> = {
    name,
    clientName: name.charAt(0).toLowerCase() + name.slice(1),
    table: model.schema === undefined ? identifier(model.table) : sql`${identifier(model.schema)}.${identifier(model.table)}`,
    tableName: model.table,
    fields,
    columns,
    columnsByDatabaseName,
    relations: [],
    uniques: [],
    composites: new Map(),
    id: undefined,
  }
  const soleId = model.id === undefined ? undefined : model.id.fields.length === 1 ? model.id.fields[0] : undefined
  for (const field of Object.keys(model.columns)) {
    const column = model.columns[field] as ColumnDefinition
    if (forbiddenFields.has(field)) throw invalid(`\`${name}.${field}\`: a field cannot have this name.`)
    const resolvedColumn = resolveColumn(result, field, column, field === soleId)
    if (columnsByDatabaseName.has(resolvedColumn.databaseName)) throw invalid(`\`${name}.${field}\`: the column ${resolvedColumn.databaseName} is mapped twice.`)
    fields.set(field, resolvedColumn)
    columns.push(resolvedColumn)
    columnsByDatabaseName.set(resolvedColumn.databaseName, resolvedColumn)
  }
  resolveUniques(result, model)
  return result
}

function resolveColumn (model: ResolvedModel, name: string, column: ColumnDefinition, soleId: boolean): ResolvedColumn {
  const databaseName = column.mappedName ?? name
  const cast = column.enum === undefined
    ? castType(column.pgType)
    : column.enum.schema === undefined ? identifier(column.enum.name) : sql`${identifier(column.enum.schema)}.${identifier(column.enum.name)}`
  if (cast === undefined) throw invalid(`\`${model.name}.${name}\`: ${JSON.stringify(column.pgType)} is not the name of a type.`)
  return {
    type: 'column',
    model,
    name,
    sql: identifier(databaseName),
    databaseName,
    kind: column.kind,
    pgType: column.pgType,
    cast,
    list: column.list,
    optional: column.optional,
    isId: column.id || soleId,
    isUnique: column.id || column.unique || soleId,
    updatedAt: column.updatedAt,
    default: column.default,
    labels: column.enum === undefined ? undefined : new Map(Object.entries(column.enum.labels)),
    encode: encoderOf(column),
    encodeElement: elementEncoderOf(column),
    codec: codecOf(column, cast),
  }
}

function resolveUniques (model: Mutable<ResolvedModel>, source: ModelDefinition): void {
  const uniques: ResolvedUnique[] = []
  const composites = new Map<string, ResolvedUnique>()
  const add = (name: string, fields: readonly string[], primary: boolean): void => {
    const columns = fields.map((field) => {
      const column = model.fields.get(field)
      if (column === undefined || column.type !== 'column') throw invalid(`\`${model.name}\`: the key \`${name}\` names \`${field}\`, which is not a column.`)
      return column
    })
    const unique: ResolvedUnique = Object.freeze({ name, columns: Object.freeze(columns), primary })
    if (primary) model.id = unique
    if (primary) uniques.unshift(unique)
    else uniques.push(unique)
    if (columns.length > 1) {
      if (model.fields.has(name)) throw invalid(`\`${model.name}\`: the key \`${name}\` has the name of a field.`)
      composites.set(name, unique)
    }
  }
  for (const column of model.columns) {
    if (column.isUnique) add(column.name, [column.name], column.isId)
  }
  if (source.id !== undefined && source.id.fields.length > 1) {
    if (model.id !== undefined) throw invalid(`\`${model.name}\` has two primary keys.`)
    add(source.id.name, source.id.fields, true)
  }
  for (const unique of source.uniques) {
    const sole = unique.fields.length === 1 ? model.fields.get(unique.fields[0] as string) : undefined
    if (sole?.type === 'column') {
      if (sole.isUnique) continue
      ;(sole as Mutable<ResolvedColumn>).isUnique = true
    }
    add(sole === undefined ? unique.name : sole.name, unique.fields, false)
  }
  model.uniques = Object.freeze(uniques)
  model.composites = composites
}

function resolveRelations (model: Mutable<ResolvedModel>, source: ModelDefinition, models: ReadonlyMap<string, ResolvedModel>, definitions: ReadonlyMap<string, ModelDefinition>): void {
  const relations: ResolvedRelation[] = []
  for (const name of Object.keys(source.relations)) {
    const relation = source.relations[name] as RelationDefinition
    const label = `\`${model.name}.${name}\``
    if (forbiddenFields.has(name)) throw invalid(`${label}: a relation cannot have this name.`)
    if (model.fields.has(name)) throw invalid(`${label} is both a column and a relation.`)
    const target = models.get(relation.target)
    const targetDefinition = definitions.get(relation.target)
    if (target === undefined || targetDefinition === undefined) throw invalid(`${label} points to \`${relation.target}\`, which is not a model of this module.`)
    const made = resolveRelation(label, model, name, relation, target, targetDefinition)
    relations.push(made)
    ;(model.fields as Map<string, ResolvedField>).set(name, made)
  }
  model.relations = relations
}

function columnsOf (label: string, model: ResolvedModel, names: readonly string[]): ResolvedColumn[] {
  return names.map((name) => {
    const column = model.fields.get(name)
    if (column === undefined || column.type !== 'column') throw invalid(`${label} names \`${name}\`, which is not a column of \`${model.name}\`.`)
    return column
  })
}

function keyPairs (label: string, holder: ResolvedModel, relation: Extract<RelationDefinition, { type: 'belongs-to' }>, target: ResolvedModel): { key: ResolvedColumn, referenced: ResolvedColumn }[] {
  const keys = columnsOf(label, holder, relation.fields)
  const referenced = relation.references === undefined ? target.id?.columns : columnsOf(label, target, relation.references)
  if (referenced === undefined || referenced.length !== keys.length) throw invalid(`${label}: ${keys.length} columns cannot reference the key of \`${target.name}\`; say which with \`references\`.`)
  return keys.map((key, i) => ({ key, referenced: referenced[i] as ResolvedColumn }))
}

function defaultName (a: string, b: string): string {
  return a < b ? `${a}To${b}` : `${b}To${a}`
}

function resolveRelation (label: string, model: ResolvedModel, name: string, relation: RelationDefinition, target: ResolvedModel, targetDefinition: ModelDefinition): ResolvedRelation {
  const base = { type: 'relation' as const, model, name, target, inverse: undefined, relationName: undefined }
  switch (relation.type) {
    case 'belongs-to': {
      const pairs = keyPairs(label, model, relation, target).map(({ key, referenced }) => ({ local: key, foreign: referenced }))
      return { ...base, toMany: false, optional: pairs.some(({ local }) => local.optional), key: 'local', pairs, join: undefined, onDelete: relation.onDelete, onUpdate: relation.onUpdate }
    }
    case 'has-one':
    case 'has-many': {
      const other = targetDefinition.relations[relation.inverse]
      if (other === undefined || other.type !== 'belongs-to' || other.target !== model.name) throw invalid(`${label}: \`${target.name}\` has no relation \`${relation.inverse}\` that belongs to \`${model.name}\`.`)
      const pairs = keyPairs(label, target, other, model).map(({ key, referenced }) => ({ local: referenced, foreign: key }))
      return { ...base, toMany: relation.type === 'has-many', optional: true, key: 'foreign', pairs, join: undefined, onDelete: other.onDelete, onUpdate: other.onUpdate }
    }
    case 'many-to-many': {
      const other = targetDefinition.relations[relation.inverse]
      if (other === undefined || other.type !== 'many-to-many' || other.target !== model.name) throw invalid(`${label}: \`${target.name}\` has no many-to-many relation \`${relation.inverse}\` to \`${model.name}\`.`)
      const localColumn = model.id?.columns.length === 1 ? model.id.columns[0] : undefined
      const foreignColumn = target.id?.columns.length === 1 ? target.id.columns[0] : undefined
      if (localColumn === undefined || foreignColumn === undefined) throw invalid(`${label}: both sides of a many-to-many relation need a primary key of one column.`)
      const through = relation.through ?? other.through ?? `_${defaultName(model.name, target.name)}`
      const side = relation.side ?? (other.side === undefined ? defaultSide(model, name, relation) : other.side === 'A' ? 'B' : 'A')
      if (other.side !== undefined && other.side === side && !(target === model && relation.inverse === name)) throw invalid(`${label}: both sides of the relation say that they are ${side}.`)
      const schema = through.includes('.') ? undefined : definitionSchema(model)
      const join: JoinTable = {
        table: schema === undefined ? identifier(through) : sql`${schema}.${identifier(through)}`,
        name: through,
        local: identifier(side),
        foreign: identifier(side === 'A' ? 'B' : 'A'),
        localColumn,
        foreignColumn,
      }
      return { ...base, toMany: true, optional: true, key: 'join', pairs: [], join, onDelete: 'cascade', onUpdate: 'cascade', relationName: through.startsWith('_') ? through.slice(1) : undefined }
    }
  }
}

/** The join table lives in its first model's schema. */
function definitionSchema (model: ResolvedModel): Sql | undefined {
  const dot = model.table.indexOf('".')
  return dot < 0 ? undefined : model.table.slice(0, dot + 1) as Sql
}

function defaultSide (model: ResolvedModel, name: string, relation: Extract<RelationDefinition, { type: 'many-to-many' }>): 'A' | 'B' {
  if (model.name !== relation.target) return model.name < relation.target ? 'A' : 'B'
  return name <= relation.inverse ? 'A' : 'B'
}

function findInverse (relation: ResolvedRelation, definitions: ReadonlyMap<string, ModelDefinition>): ResolvedRelation | undefined {
  const own = definitions.get(relation.model.name)?.relations[relation.name]
  if (own === undefined) return undefined
  if (own.type !== 'belongs-to') {
    const inverse = relation.target.fields.get(own.inverse)
    return inverse?.type === 'relation' ? inverse : undefined
  }
  const candidates = definitions.get(relation.target.name)?.relations ?? {}
  for (const [name, other] of Object.entries(candidates)) {
    if (other.type === 'belongs-to' || other.type === 'many-to-many') continue
    if (other.target !== relation.model.name || other.inverse !== relation.name) continue
    const inverse = relation.target.fields.get(name)
    if (inverse?.type === 'relation') return inverse
  }
  return undefined
}
