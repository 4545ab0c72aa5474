// `select`, `include`, `omit`, `_count` → what a statement returns, and the decoder that makes records of it.
// Relations travel in the same statement, as JSON arrays of arrays in correlated subqueries: no row is multiplied,
// no second query is sent, names are not repeated on the wire. The decoder is made once a plan.

import { QueryInvalidError } from '../core/errors.ts'
import { isTree, refuseArgument, relatedRows, unknownField, whereSql, and, asTree } from './where.ts'
import { recordDecoder, type Decoder, type RecordPart } from './record-decoder.ts'
import { rowsSql, type RowSource } from './rows.ts'
import { joinSql, sql, type Sql } from './sql-text.ts'
import type { Path } from './encode.ts'
import type { SqlBuilder } from './fragment.ts'
import type { ResolvedColumn, ResolvedModel, ResolvedRelation } from './model.ts'
import type { Argument, ArgumentTree } from './shape.ts'

export type { Decoder }

export interface Selection {
  /** For `select …` or `returning …`, as the wire's text. */
  readonly expressions: readonly Sql[]
  /** Positions as `expressions` has them. */
  readonly decode: Decoder
  /** Relations are read: a statement that changes rows cannot return them from what it changes itself. */
  readonly hasRelations: boolean
  /** The columns of the model itself that are selected, in order. */
  readonly columns: readonly ResolvedColumn[]
}

interface Item extends Omit<RecordPart, 'width'> {
  /** One expression, or several for `_count`. */
  readonly expressions: readonly Sql[]
}

type Form = 'wire' | 'json'

const toOneArguments = ['select', 'include', 'omit']
const toManyArguments = ['select', 'include', 'omit', 'where', 'orderBy', 'cursor', 'take', 'skip', 'distinct']

/**
 * What `select`, `include` and `omit` among the arguments ask for, on the rows of `alias`.
 * @throws QueryInvalidError with the path to what the schema refuses
 */
export function selectionOf (builder: SqlBuilder, model: ResolvedModel, alias: Sql, args: ArgumentTree, path: Path): Selection {
  return select(builder, model, alias, args, path, 'wire')
}

function select (builder: SqlBuilder, model: ResolvedModel, alias: Sql, args: ArgumentTree, path: Path, form: Form): Selection {
  const chosen = chooseFields(model, args, path)
  const items: Item[] = chosen.columns.map((column) => columnItem(column, alias, form))
  for (const { relation, argument, path } of chosen.relations) items.push(relationItem(builder, relation, alias, argument, path, form))
  if (chosen.count !== undefined) items.push(countItem(builder, model, alias, chosen.count, [...path, chosen.countPath, '_count'], form))
  return {
    expressions: items.flatMap((item) => item.expressions),
    decode: recordDecoder(items.map((item) => ({ ...item, width: item.expressions.length }))),
    hasRelations: chosen.relations.length > 0 || chosen.count !== undefined,
    columns: chosen.columns,
  }
}

interface Chosen {
  readonly columns: readonly ResolvedColumn[]
  readonly relations: readonly { readonly relation: ResolvedRelation, readonly argument: ArgumentTree | true, readonly path: Path }[]
  readonly count: Argument | undefined
  readonly countPath: 'select' | 'include'
}

function chooseFields (model: ResolvedModel, args: ArgumentTree, path: Path): Chosen {
  const selected = args.get('select')
  const included = args.get('include')
  const omitted = args.get('omit')
  if (selected !== undefined && included !== undefined) throw new QueryInvalidError('Use either `select` or `include`, not both', { path: [...path, 'include'] })
  if (selected !== undefined && omitted !== undefined) throw new QueryInvalidError('Use either `select` or `omit`, not both', { path: [...path, 'omit'] })
  const name = selected === undefined ? 'include' : 'select'
  const argument = selected ?? included
  const relations: Chosen['relations'][number][] = []
  const columns = new Set<ResolvedColumn>()
  let count: Argument | undefined
  if (argument !== undefined) {
    const here = [...path, name]
    for (const [key, value] of asTree(argument, here)) {
      const at = [...here, key]
      if (key === '_count' && model.relations.some((relation) => relation.toMany)) {
        if (value !== false) count = value
        continue
      }
      const field = model.fields.get(key)
      if (field === undefined || (name === 'include' && field.type === 'column')) unknownField(model, key, here, name === 'include' ? model.relations.map((relation) => relation.name) : model.fields.keys())
      if (value === false) continue
      if (field.type === 'relation') {
        if (value !== true && !isTree(value)) refuseArgument('Expected a boolean or an object of arguments', value, at)
        relations.push({ relation: field, argument: value as ArgumentTree | true, path: at })
      } else {
        if (value !== true) refuseArgument('Expected a boolean', value, at)
        columns.add(field)
      }
    }
  }
  if (selected === undefined) {
    const left = omittedNames(model, omitted, [...path, 'omit'])
    for (const column of model.columns) if (!left.has(column.name)) columns.add(column)
  }
  if (columns.size === 0 && relations.length === 0 && count === undefined) {
    throw new QueryInvalidError('The selection is empty; at least one field must be chosen', { path: [...path, selected === undefined ? 'omit' : 'select'] })
  }
  return { columns: [...columns], relations, count, countPath: name }
}

function omittedNames (model: ResolvedModel, omitted: Argument | undefined, path: Path): Set<string> {
  const names = new Set<string>()
  if (omitted === undefined) return names
  for (const [key, value] of asTree(omitted, path)) {
    if (model.fields.get(key)?.type !== 'column') unknownField(model, key, path, model.columns.map((column) => column.name))
    if (typeof value !== 'boolean') refuseArgument('Expected a boolean', value, [...path, key])
    if (value) names.add(key)
  }
  return names
}

function columnItem (column: ResolvedColumn, alias: Sql, form: Form): Item {
  const expression = sql`${alias}.${column.sql}`
  const { text, json, jsonExpression } = column.codec
  return form === 'json'
    ? { name: column.name, expressions: [jsonExpression(expression)], decode: json }
    : { name: column.name, expressions: [expression], decode: text as RecordPart['decode'] }
}

function relationItem (builder: SqlBuilder, relation: ResolvedRelation, alias: Sql, argument: ArgumentTree | true, path: Path, form: Form): Item {
  const args: ArgumentTree = argument === true ? new Map() : argument
  const allowed = relation.toMany ? toManyArguments : relation.optional ? [...toOneArguments, 'where'] : toOneArguments
  for (const name of args.keys()) {
    if (!allowed.includes(name)) unknownField(relation.target, name, path, allowed)
  }
  const target = builder.alias()
  const { target: model } = relation
  const selection = select(builder, model, target, args, path, 'json')
  const record = jsonArraySql(selection.expressions)
  const decodeRecord = chunkedDecoder(selection)
  const parse = (value: unknown): unknown => form === 'wire' && typeof value === 'string' ? JSON.parse(value) : value
  if (!relation.toMany) {
    const rows = relatedRows(builder, relation, alias, target)
    const where = args.get('where')
    const condition = and([rows.condition, where === undefined ? undefined : whereSql(builder, model, target, asTree(where, [...path, 'where']), [...path, 'where'])])
    return {
      name: relation.name,
      expressions: [sql`(select ${record} from ${rows.from} where ${condition as Sql})`],
      decode: (document) => {
        const value = parse(document)
        return value === null || value === undefined ? null : decodeRecord(value as unknown[])
      },
    }
  }
  const source: RowSource = {
    model,
    rows: (target) => relatedRows(builder, relation, alias, target),
    cursorAmong: 'matching',
    amount: 'many',
  }
  const rows = rowsSql(builder, source, target, args, path)
  // json_agg takes its rows in the order of the subquery; without one it needs no subquery.
  const expression = rows.isOrdered || rows.isBounded
    ? sql`(select json_agg(r.r) from (select ${record} as r ${rows.sql}) as r)`
    : sql`(select json_agg(${record}) ${rows.sql})`
  return {
    name: relation.name,
    expressions: [expression],
    decode: (document) => {
      const list = parse(document)
      if (list === null || list === undefined) return []
      const records = list as unknown[]
      for (let i = 0; i < records.length; i++) records[i] = decodeRecord(records[i] as unknown[])
      return rows.reversed ? records.reverse() : records
    },
  }
}

// A function of PostgreSQL takes at most 100 arguments; wider records are arrays of arrays.
const maxArguments = 100

function jsonArraySql (expressions: readonly Sql[]): Sql {
  if (expressions.length <= maxArguments) return sql`json_build_array(${joinSql(expressions, ', ')})`
  const chunks: Sql[] = []
  for (let i = 0; i < expressions.length; i += maxArguments) chunks.push(jsonArraySql(expressions.slice(i, i + maxArguments)))
  return sql`json_build_array(${joinSql(chunks, ', ')})`
}

function chunkedDecoder (selection: Selection): Decoder {
  if (selection.expressions.length <= maxArguments) return selection.decode
  return (values) => selection.decode((values as unknown[][]).flat())
}

function countItem (builder: SqlBuilder, model: ResolvedModel, alias: Sql, argument: Argument, path: Path, form: Form): Item {
  const counts: { name: string, expression: Sql }[] = []
  const add = (relation: ResolvedRelation, filter: ArgumentTree | undefined, path: Path): void => {
    const target = builder.alias()
    const rows = relatedRows(builder, relation, alias, target)
    // Rows of a join table count by themselves; the target is needed for a filter alone.
    const from = relation.join !== undefined && filter === undefined
      ? sql`${relation.join.table} as ${target} where ${target}.${relation.join.local} = ${alias}.${relation.join.localColumn.sql}`
      : sql`${rows.from} where ${and([rows.condition, filter === undefined ? undefined : whereSql(builder, relation.target, target, filter, path)]) as Sql}`
    counts.push({ name: relation.name, expression: sql`(select count(*) from ${from})` })
  }
  const lists = model.relations.filter((relation) => relation.toMany)
  if (argument === true) {
    for (const relation of lists) add(relation, undefined, path)
  } else {
    const tree = asTree(argument, path)
    for (const name of tree.keys()) if (name !== 'select') unknownField(model, name, path, ['select'])
    const here = [...path, 'select']
    for (const [name, value] of asTree(tree.get('select'), here)) {
      const relation = model.fields.get(name)
      if (relation?.type !== 'relation' || !relation.toMany) unknownField(model, name, here, lists.map((list) => list.name))
      if (value === false) continue
      if (value === true) {
        add(relation, undefined, here)
        continue
      }
      const args = asTree(value, [...here, name])
      for (const key of args.keys()) if (key !== 'where') unknownField(relation.target, key, [...here, name], ['where'])
      const where = args.get('where')
      add(relation, where === undefined ? undefined : asTree(where, [...here, name, 'where']), [...here, name, 'where'])
    }
    if (counts.length === 0) throw new QueryInvalidError('The selection is empty; at least one relation must be chosen', { path: here })
  }
  const names = counts.map((count) => count.name)
  const toNumber = form === 'wire' ? Number : (value: unknown) => value
  return {
    name: '_count',
    expressions: counts.map((count) => count.expression),
    decodeAt: (values, at) => {
      const record: Record<string, unknown> = {}
      for (let i = 0; i < names.length; i++) record[names[i] as string] = toNumber(values[at + i])
      return record
    },
  }
}
