// Filters → SQL. Everything that a filter says becomes conditions on columns, `exists` over relations, and the
// three-valued logic of SQL between them, which is what Prisma's answers follow.
//
// A to-one relation that a filter asks about is, in Prisma's SQL, a joined row: what its NULLs leave unknown stays unknown
// under NOT. `exists` has no third value, so a filter is compiled for the side that counts: for the rows on which it is
// *true*, or, under a NOT, for the rows on which it is *false* (`Sense`). Where the two agree the text is the same.
//
// A filter that says nothing (`{}`, `undefined`, an operator object without operators) is no condition at all: it is
// left out of AND and NOT, and does not count as an alternative of OR. An OR without alternatives matches nothing.

import { KnownRequestError, QueryInvalidError } from '../core/errors.ts'
import { encodeInt, encodeBigInt, encodeDecimal, encodeFloat, encodeJson, encodeListOf, encodeText, typeName, type Encode, type Path } from './encode.ts'
import { FieldReference } from './field-reference.ts'
import { jsonNullOf } from './json-null.ts'
import { Leaf, type Argument, type ArgumentTree } from './shape.ts'
import { emptySql, joinSql, sql, type Sql } from './sql-text.ts'
import type { SqlBuilder } from './fragment.ts'
import type { ResolvedColumn, ResolvedModel, ResolvedRelation, ResolvedUnique } from './model.ts'

const sqlTrue = sql`true`
const sqlFalse = sql`false`

export function argumentType (argument: Argument | undefined): string {
  if (argument instanceof Leaf) return typeName(argument.value)
  if (argument instanceof Map) return 'object'
  if (argument instanceof FieldReference) return 'field'
  return typeName(argument)
}

export function refuseArgument (message: string, argument: Argument | undefined, path: Path): never {
  throw new QueryInvalidError(message, { path, received: argumentType(argument) })
}

export function unknownField (model: ResolvedModel, name: string, path: Path, choices: Iterable<string>): never {
  const near = nearestName(name, choices)
  throw new QueryInvalidError(`\`${model.name}\` has nothing of this name here${near === undefined ? '' : `; did you mean \`${near}\`?`}`, { path: [...path, name] })
}

/** The choice that one or two edits make of a name, if any. Long names are not worth the time. */
function nearestName (name: string, choices: Iterable<string>): string | undefined {
  if (name.length > 64) return undefined
  let best: string | undefined
  let bestDistance = 3
  for (const choice of choices) {
    const distance = editDistance(name.toLowerCase(), choice.toLowerCase())
    if (distance < bestDistance && distance < choice.length / 2) {
      best = choice
      bestDistance = distance
    }
  }
  return best
}

function editDistance (a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return 3
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      row.push(Math.min((previous[j] as number) + 1, (row[j - 1] as number) + 1, (previous[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1)))
    }
    previous = row
  }
  return previous[b.length] as number
}

export function asTree (argument: Argument | undefined, path: Path): ArgumentTree {
  if (!(argument instanceof Map)) refuseArgument('Expected an object', argument, path)
  return argument as ArgumentTree
}

export const isTree = (argument: Argument | undefined): argument is ArgumentTree => argument instanceof Map

/** Which answer of a condition decides: an odd number of NOTs around it makes it `false`. */
export interface Sense {
  readonly decides: 'true' | 'false'
  /** An odd number of NOTs within the same model: a Json filter of another type than the document's then excludes it too, as in Prisma. */
  readonly reversed: boolean
}

const straight: Sense = { decides: 'true', reversed: false }
const turn = (sense: Sense): Sense => ({ decides: sense.decides === 'true' ? 'false' : 'true', reversed: !sense.reversed })

/** One or several filters, as AND and NOT take them. */
function asTrees (argument: Argument, path: Path): { tree: ArgumentTree, path: Path }[] {
  if (Array.isArray(argument)) return argument.map((item: Argument, i) => ({ tree: asTree(item, [...path, i]), path: [...path, i] }))
  return [{ tree: asTree(argument, path), path }]
}

/**
 * The condition that a filter sets on the rows of `alias`; `undefined` when it sets none.
 * @throws QueryInvalidError with the path to what the schema refuses
 */
export function whereSql (builder: SqlBuilder, model: ResolvedModel, alias: Sql, filter: ArgumentTree, path: Path, sense: Sense = straight): Sql | undefined {
  const conditions: Sql[] = []
  for (const [name, argument] of filter) {
    const here = [...path, name]
    const condition = entrySql(builder, model, alias, name, argument, here, path, sense)
    if (condition !== undefined) conditions.push(condition)
  }
  return and(conditions)
}

function entrySql (builder: SqlBuilder, model: ResolvedModel, alias: Sql, name: string, argument: Argument, here: Path, path: Path, sense: Sense): Sql | undefined {
  switch (name) {
    case 'AND': return and(asTrees(argument, here).map((part) => whereSql(builder, model, alias, part.tree, part.path, sense)))
    case 'OR': {
      if (!Array.isArray(argument)) refuseArgument('Expected a list of filters', argument, here)
      return or(asTrees(argument, here).map((part) => whereSql(builder, model, alias, part.tree, part.path, sense)))
    }
    case 'NOT': return and(asTrees(argument, here).map((part) => not(whereSql(builder, model, alias, part.tree, part.path, turn(sense)))))
  }
  const field = model.fields.get(name)
  if (field === undefined) {
    unknownField(model, name, path, [...model.fields.keys(), 'AND', 'OR', 'NOT'])
  }
  if (field.type === 'relation') return relationSql(builder, field, alias, argument, here, sense)
  return columnSql(builder, field, alias, argument, here, sense)
}

/** All of them; `undefined` parts are no condition. */
export function and (parts: readonly (Sql | undefined)[]): Sql | undefined {
  const given = parts.filter((part) => part !== undefined)
  if (given.length < 2) return given[0]
  return sql`(${joinSql(given, ' and ')})`
}

function or (parts: readonly (Sql | undefined)[]): Sql {
  const given = parts.filter((part) => part !== undefined)
  if (given.length === 0) return sqlFalse
  if (given.length === 1) return given[0] as Sql
  return sql`(${joinSql(given, ' or ')})`
}

function not (condition: Sql | undefined): Sql | undefined {
  return condition === undefined ? undefined : sql`(not ${condition})`
}

// --- unique filters -------------------------------------------------------------------------------------------------

/** A key of the model that a unique filter gives in full, with its values. */
export interface UniqueKey {
  readonly unique: ResolvedUnique
  readonly values: readonly { readonly column: ResolvedColumn, readonly leaf: Leaf, readonly path: Path }[]
}

/** Finds the key in a unique filter (`where` of findUnique, `connect`, `cursor`). Primary key first. */
export function uniqueKeyOf (model: ResolvedModel, filter: ArgumentTree, path: Path): UniqueKey {
  for (const unique of model.uniques) {
    const argument = filter.get(unique.name)
    if (argument === undefined) continue
    if (unique.columns.length === 1) {
      const column = unique.columns[0] as ResolvedColumn
      if (!(argument instanceof Leaf) || argument.isList) refuseArgument('Expected a value', argument, [...path, unique.name])
      return { unique, values: [{ column, leaf: argument as Leaf, path: [...path, unique.name] }] }
    }
    const here = [...path, unique.name]
    const parts = asTree(argument, here)
    for (const name of parts.keys()) {
      if (!unique.columns.some((column) => column.name === name)) unknownField(model, name, here, unique.columns.map((column) => column.name))
    }
    const values = unique.columns.map((column) => {
      const leaf = parts.get(column.name)
      if (!(leaf instanceof Leaf) || leaf.isList) refuseArgument('Expected a value', leaf, [...here, column.name])
      return { column, leaf: leaf as Leaf, path: [...here, column.name] }
    })
    return { unique, values }
  }
  const choices = model.uniques.map((unique) => `\`${unique.name}\``).join(', ')
  throw new QueryInvalidError(`Expected a value for at least one of ${choices === '' ? 'the unique fields, of which there are none' : choices}`, { path })
}

/**
 * The condition of a unique filter: one key in full, and whatever else it says.
 * @throws QueryInvalidError when no key is given
 */
export function uniqueWhereSql (builder: SqlBuilder, model: ResolvedModel, alias: Sql, filter: ArgumentTree, path: Path): Sql {
  uniqueKeyOf(model, filter, path)
  const conditions: (Sql | undefined)[] = []
  for (const [name, argument] of filter) {
    const here = [...path, name]
    if (model.composites.has(name)) {
      const parts = asTree(argument, here)
      const unique = model.composites.get(name) as ResolvedUnique
      for (const part of parts.keys()) {
        if (!unique.columns.some((column) => column.name === part)) unknownField(model, part, here, unique.columns.map((column) => column.name))
      }
      for (const column of unique.columns) {
        const leaf = parts.get(column.name)
        if (!(leaf instanceof Leaf) || leaf.isList) refuseArgument('Expected a value', leaf, [...here, column.name])
        conditions.push(sql`${alias}.${column.sql} = ${builder.param(leaf, column.encode, [...here, column.name])}`)
      }
    } else {
      const field = model.fields.get(name)
      // A key stands for itself in a unique filter; operators on it would make it no key.
      if (field?.type === 'column' && field.isUnique && (!(argument instanceof Leaf) || argument.isList)) refuseArgument('Expected a value', argument, here)
      conditions.push(entrySql(builder, model, alias, name, argument, here, path, straight))
    }
  }
  return and(conditions) ?? sqlTrue
}

// --- relations ------------------------------------------------------------------------------------------------------

/** The rows of the relation's target that belong to the row of `alias`: `from … where …`, without the end of the condition. */
export interface RelatedRows {
  readonly from: Sql
  readonly condition: Sql
}

export function relatedRows (builder: SqlBuilder, relation: ResolvedRelation, alias: Sql, target: Sql): RelatedRows {
  if (relation.join === undefined) {
    const pairs = relation.pairs.map(({ local, foreign }) => sql`${target}.${foreign.sql} = ${alias}.${local.sql}`)
    return { from: sql`${relation.target.table} as ${target}`, condition: joinSql(pairs, ' and ') }
  }
  const { join } = relation
  const link = builder.alias()
  return {
    from: sql`${join.table} as ${link} join ${relation.target.table} as ${target} on ${target}.${join.foreignColumn.sql} = ${link}.${join.foreign}`,
    condition: sql`${link}.${join.local} = ${alias}.${join.localColumn.sql}`,
  }
}

/** `inner` is a condition on the related row, made from the filter. */
function existsSql (builder: SqlBuilder, relation: ResolvedRelation, alias: Sql, inner: (target: Sql) => Sql | undefined): Sql {
  const target = builder.alias()
  const rows = relatedRows(builder, relation, alias, target)
  return sql`exists (select 1 from ${rows.from} where ${and([rows.condition, inner(target)]) as Sql})`
}

function relationSql (builder: SqlBuilder, relation: ResolvedRelation, alias: Sql, argument: Argument, path: Path, sense: Sense): Sql | undefined {
  return relation.toMany
    ? toManySql(builder, relation, alias, asTree(argument, path), path)
    : toOneSql(builder, relation, alias, argument, path, sense)
}

function toManySql (builder: SqlBuilder, relation: ResolvedRelation, alias: Sql, tree: ArgumentTree, path: Path): Sql | undefined {
  const { target: model } = relation
  return and([...tree].map(([name, part]) => {
    const here = [...path, name]
    const filter = asTree(part, here)
    switch (name) {
      case 'some': return existsSql(builder, relation, alias, (target) => whereSql(builder, model, target, filter, here))
      case 'none': return not(existsSql(builder, relation, alias, (target) => whereSql(builder, model, target, filter, here)))
      // No row that is known not to match.
      case 'every': return not(existsSql(builder, relation, alias, (target) => not(whereSql(builder, model, target, filter, here, { decides: 'false', reversed: false })) ?? sqlFalse))
      default: return unknownField(relation.model, name, path, ['some', 'every', 'none'])
    }
  }))
}

function toOneSql (builder: SqlBuilder, relation: ResolvedRelation, alias: Sql, argument: Argument, path: Path, sense: Sense): Sql | undefined {
  if (argument === null) return absentSql(builder, relation, alias, path)
  const tree = asTree(argument, path)
  if (!tree.has('is') && !tree.has('isNot')) return isSql(builder, relation, alias, tree, path, sense)
  return and([...tree].map(([name, part]) => {
    const here = [...path, name]
    switch (name) {
      case 'is': return part === null ? absentSql(builder, relation, alias, here) : isSql(builder, relation, alias, asTree(part, here), here, sense)
      case 'isNot': return not(part === null ? absentSql(builder, relation, alias, here) : isSql(builder, relation, alias, asTree(part, here), here, turn(sense)))
      default: return unknownField(relation.model, name, path, ['is', 'isNot'])
    }
  }))
}

/** There is a related row and it matches; when `false` decides, there is one and it is not known not to match. */
function isSql (builder: SqlBuilder, relation: ResolvedRelation, alias: Sql, filter: ArgumentTree, path: Path, sense: Sense): Sql {
  return existsSql(builder, relation, alias, (target) => {
    const condition = whereSql(builder, relation.target, target, filter, path, sense)
    return condition === undefined || sense.decides === 'true' ? condition : sql`(${condition} is not false)`
  })
}

function absentSql (builder: SqlBuilder, relation: ResolvedRelation, alias: Sql, path: Path): Sql {
  if (!relation.optional) throw new QueryInvalidError('A required relation is never null', { path, received: 'null' })
  // Where the key is here, its NULL says it; a key that points nowhere cannot be, by the foreign key.
  if (relation.key === 'local') {
    const nulls = relation.pairs.filter(({ local }) => local.optional).map(({ local }) => sql`${alias}.${local.sql} is null`)
    return nulls.length === 1 ? nulls[0] as Sql : sql`(${joinSql(nulls, ' or ')})`
  }
  return not(existsSql(builder, relation, alias, () => undefined)) as Sql
}

// --- columns --------------------------------------------------------------------------------------------------------

/** What a filter compares: a column, or an aggregate of one in `having`. */
export interface Operand {
  readonly sql: Sql
  readonly column: ResolvedColumn
  readonly alias: Sql
  readonly kind: ResolvedColumn['kind']
  readonly list: boolean
  readonly optional: boolean
  readonly cast: Sql
  readonly encode: Encode
}

export function columnOperand (column: ResolvedColumn, alias: Sql): Operand {
  return { sql: sql`${alias}.${column.sql}`, column, alias, kind: column.kind, list: column.list, optional: column.optional, cast: column.cast, encode: column.encodeElement }
}

function columnSql (builder: SqlBuilder, column: ResolvedColumn, alias: Sql, argument: Argument, path: Path, sense: Sense): Sql | undefined {
  const operand = columnOperand(column, alias)
  if (column.list) return listFilterSql(builder, operand, argument, path)
  if (column.kind === 'json') return jsonFilterSql(builder, operand, argument, path, sense)
  return scalarFilterSql(builder, operand, argument, path)
}

function nullSql (operand: Operand, path: Path): Sql {
  if (!operand.optional) throw new QueryInvalidError('A required field is never null', { path, received: 'null' })
  return sql`${operand.sql} is null`
}

/** A value, `null`, a field, or an object of operators. */
export function scalarFilterSql (builder: SqlBuilder, operand: Operand, argument: Argument, path: Path): Sql | undefined {
  if (isTree(argument)) return operatorsSql(builder, operand, argument, path)
  return comparisonSql(builder, operand, 'equals', argument, false, path)
}

const comparisons = { equals: sql` = `, lt: sql` < `, lte: sql` <= `, gt: sql` > `, gte: sql` >= ` }
type Comparison = keyof typeof comparisons
type TextMatch = 'contains' | 'startsWith' | 'endsWith'

const isComparison = (name: string): name is Comparison => Object.hasOwn(comparisons, name)
const isTextMatch = (name: string): name is TextMatch => name === 'contains' || name === 'startsWith' || name === 'endsWith'

function operatorsOf (operand: Operand): string[] {
  const names = ['equals', 'not']
  if (operand.kind !== 'bool') names.push('in', 'notIn')
  if (operand.kind !== 'bool' && operand.kind !== 'enum' && operand.kind !== 'bytes') names.push('lt', 'lte', 'gt', 'gte')
  if (operand.kind === 'text') names.push('contains', 'startsWith', 'endsWith', 'mode')
  if (operand.kind === 'uuid') names.push('mode')
  return names
}

/** The operators of one object, each to hold; inside `not` (`turned`), each not to hold, as Prisma reads it. */
function operatorsSql (builder: SqlBuilder, operand: Operand, tree: ArgumentTree, path: Path, outer: { readonly turned: boolean, readonly insensitive: boolean } = { turned: false, insensitive: false }): Sql | undefined {
  const mode = tree.get('mode')
  if (mode !== undefined && mode !== 'default' && mode !== 'insensitive') refuseArgument("Expected 'default' or 'insensitive'", mode, [...path, 'mode'])
  const insensitive = mode === 'insensitive' || outer.insensitive
  const allowed = operatorsOf(operand)
  const conditions: Sql[] = []
  const add = (condition: Sql): void => { conditions.push(outer.turned ? not(condition) as Sql : condition) }
  for (const [name, argument] of tree) {
    const here = [...path, name]
    if (!allowed.includes(name)) unknownField(operand.column.model, name, path, allowed)
    if (name === 'mode') continue
    if (name === 'not') {
      if (isTree(argument)) {
        // A mode belongs beside the operators it governs, on the outside.
        if (argument.has('mode')) throw new QueryInvalidError('`mode` does not stand inside `not`; put it beside', { path: [...here, 'mode'] })
        const inner = operatorsSql(builder, operand, argument, here, { turned: !outer.turned, insensitive })
        if (inner !== undefined) conditions.push(inner)
      } else {
        add(notEqualSql(builder, operand, argument, insensitive, here))
      }
    } else if (name === 'in' || name === 'notIn') {
      add(inSql(builder, operand, name, argument, insensitive, here))
    } else if (isComparison(name)) {
      add(comparisonSql(builder, operand, name, argument, insensitive, here))
    } else if (isTextMatch(name)) {
      add(textMatchSql(builder, operand, name, argument, insensitive, here))
    }
  }
  return and(conditions)
}

function notEqualSql (builder: SqlBuilder, operand: Operand, argument: Argument, insensitive: boolean, path: Path): Sql {
  if (argument === null) {
    if (!operand.optional) throw new QueryInvalidError('A required field is never null', { path, received: 'null' })
    return sql`${operand.sql} is not null`
  }
  return sql`(not ${comparisonSql(builder, operand, 'equals', argument, insensitive, path)})`
}

function comparisonSql (builder: SqlBuilder, operand: Operand, name: Comparison, argument: Argument, insensitive: boolean, path: Path): Sql {
  if (argument === null && name === 'equals') return nullSql(operand, path)
  const value = valueSql(builder, operand, argument, path)
  if (insensitive) return sql`${lower(operand)}${comparisons[name]}lower(${value}::text)`
  return sql`${operand.sql}${comparisons[name]}${value}`
}

const lower = (operand: Operand): Sql => operand.kind === 'uuid' ? sql`lower(${operand.sql}::text)` : sql`lower(${operand.sql})`

/** A parameter, or the field that a reference names. */
function valueSql (builder: SqlBuilder, operand: Operand, argument: Argument, path: Path): Sql {
  if (argument instanceof FieldReference) return referenceSql(operand, argument, 'single', path)
  if (!(argument instanceof Leaf) || argument.isList) refuseArgument('Expected a value', argument, path)
  return sql`${builder.param(argument, operand.encode, path)}${castOf(operand)}`
}

// Beside a column, the server takes the parameter's type from it. A column of another type (char, an aggregate) gets the cast.
function castOf (operand: Operand): Sql {
  return operand.sql === (sql`${operand.alias}.${operand.column.sql}`) ? emptySql : sql`::${operand.cast}`
}

// What Prisma calls DateTime and String are several types here.
const comparableKind: Partial<Record<ResolvedColumn['kind'], string>> = { date: 'timestamp' }

function inputError (message: string, model: ResolvedModel): KnownRequestError {
  return new KnownRequestError(`Input error. ${message}`, { code: 'P2019', meta: { modelName: model.name } })
}

function referencedColumn (operand: Operand, reference: FieldReference): ResolvedColumn {
  const { model } = operand.column
  const other = reference.modelName === model.name ? model.fields.get(reference.name) : undefined
  if (other === undefined || other.type !== 'column') throw inputError(`\`${operand.column.name}\` can be compared with fields of \`${model.name}\` only.`, model)
  return other
}

function referenceSql (operand: Operand, reference: FieldReference, expected: 'single' | 'list', path: Path): Sql {
  const other = referencedColumn(operand, reference)
  const kind = comparableKind[operand.kind] ?? operand.kind
  const sameType = kind === (comparableKind[other.kind] ?? other.kind) && (kind !== 'enum' || operand.cast === other.cast)
  if (!sameType || other.list !== (expected === 'list')) throw inputError(`The fields \`${operand.column.name}\` and \`${other.name}\` cannot be compared: they are of different types (at ${path.join('.')}).`, operand.column.model)
  return sql`${operand.alias}.${other.sql}`
}

const listEncoders = new WeakMap<Encode, Encode>()

/** The encoder of lists of an element, the same one each time, so that equal parameters are shared. */
export function listEncoder (element: Encode): Encode {
  let encoder = listEncoders.get(element)
  if (encoder === undefined) {
    encoder = encodeListOf(element)
    listEncoders.set(element, encoder)
  }
  return encoder
}

function inSql (builder: SqlBuilder, operand: Operand, name: 'in' | 'notIn', argument: Argument, insensitive: boolean, path: Path): Sql {
  let list: Sql
  if (argument instanceof FieldReference) {
    list = referenceSql(operand, argument, 'list', path)
    if (insensitive) list = sql`lower(${list}::text)::text[]`
  } else {
    if (!(argument instanceof Leaf) || !argument.isList) refuseArgument('Expected a list', argument, path)
    const value = builder.param(argument, listEncoder(operand.encode), path)
    // Elements are quoted inside the literal, so lowering its text lowers them and nothing else.
    list = insensitive ? sql`lower(${value}::text)::text[]` : sql`${value}::${operand.cast}[]`
  }
  const left = insensitive ? lower(operand) : operand.sql
  return name === 'in' ? sql`${left} = any(${list})` : sql`${left} <> all(${list})`
}

const likeSpecial = /[\\%_]/g
const escapeLike = (text: string): string => text.replace(likeSpecial, '\\$&')

const likeEncoders: Record<TextMatch, Encode> = {
  contains: (value, path) => `%${escapeLike(encodeText(value, path) as string)}%`,
  startsWith: (value, path) => `${escapeLike(encodeText(value, path) as string)}%`,
  endsWith: (value, path) => `%${escapeLike(encodeText(value, path) as string)}`,
}

function textMatchSql (builder: SqlBuilder, operand: Operand, name: TextMatch, argument: Argument, insensitive: boolean, path: Path): Sql {
  if (argument instanceof FieldReference) {
    const value = referenceSql(operand, argument, 'single', path)
    const [text, part] = insensitive ? [lower(operand), sql`lower(${value})`] : [operand.sql, value]
    return textPositionSql(name, text, part)
  }
  if (!(argument instanceof Leaf) || argument.isList) refuseArgument('Expected a string', argument, path)
  const pattern = builder.param(argument, likeEncoders[name], path)
  return insensitive ? sql`${operand.sql} ilike ${pattern}` : sql`${operand.sql} like ${pattern}`
}

/** A pattern that comes from a column would need escaping in the server; positions need none. */
function textPositionSql (name: TextMatch, text: Sql, part: Sql): Sql {
  switch (name) {
    case 'contains': return sql`(strpos(${text}, ${part}) > 0)`
    case 'startsWith': return sql`(left(${text}, length(${part})) = ${part})`
    case 'endsWith': return sql`(right(${text}, length(${part})) = ${part})`
  }
}

// --- lists ----------------------------------------------------------------------------------------------------------

function listFilterSql (builder: SqlBuilder, operand: Operand, argument: Argument, path: Path): Sql | undefined {
  const tree = asTree(argument, path)
  const column = operand.sql
  const arrayCast = sql`::${operand.cast}[]`
  // A list filter asks one question; two would read as a condition on the same element, which they are not.
  if (tree.size > 1) throw new QueryInvalidError('A list takes one operator at a time; combine several with AND', { path })
  const conditions = [...tree].map(([name, part]) => {
    const here = [...path, name]
    const list = (): Sql => {
      if (part instanceof FieldReference) return referenceSql(operand, part, 'list', here)
      if (!(part instanceof Leaf) || !part.isList) refuseArgument('Expected a list', part, here)
      return sql`${builder.param(part, listEncoder(operand.encode), here)}${arrayCast}`
    }
    switch (name) {
      case 'equals': return part === null ? sql`${column} is null` : sql`${column} = ${list()}`
      case 'has': {
        if (part === null) return sqlFalse
        if (part instanceof FieldReference) return sql`${column} @> array[${referenceSql(operand, part, 'single', here)}]${arrayCast}`
        if (!(part instanceof Leaf) || part.isList) refuseArgument('Expected a value', part, here)
        return sql`${column} @> array[${builder.param(part, operand.encode, here)}]${arrayCast}`
      }
      case 'hasEvery': return sql`${column} @> ${list()}`
      case 'hasSome': return sql`${column} && ${list()}`
      case 'isEmpty':
        if (typeof part !== 'boolean') refuseArgument('Expected a boolean', part, here)
        return part ? sql`${column} = '{}'` : sql`${column} <> '{}'`
      default: return unknownField(operand.column.model, name, path, ['equals', 'has', 'hasEvery', 'hasSome', 'isEmpty'])
    }
  })
  return and(conditions)
}

// --- Json -----------------------------------------------------------------------------------------------------------

const jsonComparisons = new Map<string, Sql>([['lt', sql` < `], ['lte', sql` <= `], ['gt', sql` > `], ['gte', sql` >= `]])
const jsonTextMatches = new Map<string, TextMatch>([['string_contains', 'contains'], ['string_starts_with', 'startsWith'], ['string_ends_with', 'endsWith']])
const jsonOperators = ['equals', 'not', 'path', 'mode', 'string_contains', 'string_starts_with', 'string_ends_with', 'array_contains', 'array_starts_with', 'array_ends_with', 'lt', 'lte', 'gt', 'gte']

const encodeTextList = encodeListOf(encodeText)

function jsonFilterSql (builder: SqlBuilder, operand: Operand, argument: Argument, path: Path, sense: Sense): Sql | undefined {
  const tree = asTree(argument, path)
  const mode = tree.get('mode')
  if (mode !== undefined && mode !== 'default' && mode !== 'insensitive') refuseArgument("Expected 'default' or 'insensitive'", mode, [...path, 'mode'])
  const where = tree.get('path')
  const column = operand.cast === 'json' ? sql`${operand.sql}::jsonb` : operand.sql
  let document = column
  let documentText = sql`${column} #>> '{}'`
  if (where !== undefined) {
    if (!(where instanceof Leaf) || !where.isList) refuseArgument('Expected a list of keys', where, [...path, 'path'])
    const keys = sql`${builder.param(where, encodeTextList, [...path, 'path'])}::text[]`
    document = sql`(${column} #> ${keys})`
    documentText = sql`(${column} #>> ${keys})`
  }
  // A document of another type neither matches nor, turned round, fails to match.
  const typed = (condition: Sql, type: Sql): Sql => sense.reversed
    ? sql`(${condition} or jsonb_typeof(${document}) <> ${type})`
    : sql`(jsonb_typeof(${document}) = ${type} and ${condition})`
  const isArray = sql`'array'`
  const conditions: (Sql | undefined)[] = []
  for (const [name, part] of tree) {
    const here = [...path, name]
    const value = (): Sql => jsonValueSql(builder, operand, part, here)
    const comparison = jsonComparisons.get(name)
    const match = jsonTextMatches.get(name)
    if (name === 'path' || name === 'mode') continue
    else if (name === 'equals') conditions.push(jsonEqualsSql(builder, operand, document, part, here))
    else if (name === 'not') conditions.push(jsonNotSql(builder, operand, document, part, here))
    else if (comparison !== undefined) conditions.push(typed(sql`${document}${comparison}${value()}`, sql`jsonb_typeof(${value()})`))
    else if (match !== undefined) conditions.push(typed(jsonTextSql(builder, operand, documentText, match, part, mode === 'insensitive', here), sql`'string'`))
    else if (name === 'array_contains') conditions.push(typed(sql`${document} @> ${value()}`, isArray))
    else if (name === 'array_starts_with') conditions.push(typed(sql`${document} -> 0 = ${value()}`, isArray))
    else if (name === 'array_ends_with') conditions.push(typed(sql`${document} -> -1 = ${value()}`, isArray))
    else unknownField(operand.column.model, name, path, jsonOperators)
  }
  if (where !== undefined && conditions.length === 0) throw inputError('A `path` needs a condition beside it.', operand.column.model)
  return and(conditions)
}

function jsonValueSql (builder: SqlBuilder, operand: Operand, argument: Argument, path: Path): Sql {
  if (argument === null || jsonNullOf(argument) === 'JsonNull') return sql`'null'::jsonb`
  if (argument instanceof FieldReference) return sql`${referenceSql(operand, argument, 'single', path)}::jsonb`
  if (!(argument instanceof Leaf)) refuseArgument('Expected a JSON value', argument, path)
  return sql`${builder.param(argument, encodeJson, path)}::jsonb`
}

function jsonEqualsSql (builder: SqlBuilder, operand: Operand, document: Sql, argument: Argument, path: Path): Sql {
  switch (jsonNullOf(argument)) {
    case 'DbNull': return sql`${document} is null`
    case 'JsonNull': return sql`${document} = 'null'::jsonb`
    case 'AnyNull': return sql`(${document} is null or ${document} = 'null'::jsonb)`
    case undefined: break
  }
  if (argument === null) refuseArgument('Say which null is meant: DbNull, JsonNull or AnyNull', argument, path)
  return sql`${document} = ${jsonValueSql(builder, operand, argument, path)}`
}

function jsonNotSql (builder: SqlBuilder, operand: Operand, document: Sql, argument: Argument, path: Path): Sql {
  switch (jsonNullOf(argument)) {
    case 'DbNull': return sql`${document} is not null`
    case 'JsonNull': return sql`${document} <> 'null'::jsonb`
    case 'AnyNull': return sql`(${document} is not null and ${document} <> 'null'::jsonb)`
    case undefined: break
  }
  if (argument === null) refuseArgument('Say which null is meant: DbNull, JsonNull or AnyNull', argument, path)
  return sql`${document} <> ${jsonValueSql(builder, operand, argument, path)}`
}

function jsonTextSql (builder: SqlBuilder, operand: Operand, text: Sql, name: TextMatch, argument: Argument, insensitive: boolean, path: Path): Sql {
  if (argument instanceof FieldReference) {
    const other = referencedColumn(operand, argument)
    if (other.kind !== 'text' || other.list) throw inputError(`\`${other.name}\` is not a text field.`, operand.column.model)
    const value = sql`${operand.alias}.${other.sql}`
    return insensitive ? textPositionSql(name, sql`lower(${text})`, sql`lower(${value})`) : textPositionSql(name, text, value)
  }
  if (!(argument instanceof Leaf) || argument.isList) refuseArgument('Expected a string', argument, path)
  const pattern = builder.param(argument, likeEncoders[name], path)
  return insensitive ? sql`${text} ilike ${pattern}` : sql`${text} like ${pattern}`
}

// --- having ---------------------------------------------------------------------------------------------------------

/** The encoder for what an aggregate yields. */
export function aggregateOperand (column: ResolvedColumn, alias: Sql, aggregate: '_count' | '_avg' | '_sum' | '_min' | '_max'): Operand {
  const base = columnOperand(column, alias)
  const of = base.sql
  switch (aggregate) {
    case '_count': return { ...base, sql: sql`count(${of})`, kind: 'int', list: false, optional: false, cast: sql`bigint`, encode: encodeInt }
    case '_avg':
      return column.kind === 'decimal'
        ? { ...base, sql: sql`avg(${of})`, optional: true, cast: sql`numeric`, encode: encodeDecimal }
        : { ...base, sql: sql`avg(${of})`, kind: 'float', optional: true, cast: sql`double precision`, encode: encodeFloat }
    case '_sum':
      switch (column.kind) {
        case 'int': return { ...base, sql: sql`sum(${of})`, optional: true, cast: sql`bigint`, encode: encodeInt }
        case 'bigint': return { ...base, sql: sql`sum(${of})`, optional: true, cast: sql`numeric`, encode: encodeBigInt }
        default: return { ...base, sql: sql`sum(${of})`, optional: true }
      }
    case '_min': return { ...base, sql: sql`min(${of})`, optional: true }
    case '_max': return { ...base, sql: sql`max(${of})`, optional: true }
  }
}
