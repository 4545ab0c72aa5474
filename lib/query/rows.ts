// Which rows of a table, in which order, from where to where: the part that a top-level read, a relation inside a
// selection, a count and an aggregate have in common.

import { encodeCount, encodeMagnitude, type Path } from './encode.ts'
import { cursorSql, orderBySql, orderEntries, orderOf, reverseOrder, type Order } from './order.ts'
import { Count, type Argument, type ArgumentTree } from './shape.ts'
import { emptySql, joinSql, sql, type Sql } from './sql-text.ts'
import { and, asTree, refuseArgument, unknownField, whereSql } from './where.ts'
import type { SqlBuilder } from './fragment.ts'
import type { ResolvedColumn, ResolvedModel } from './model.ts'

export interface RowSource {
  readonly model: ResolvedModel
  /** The table under an alias, and the condition that makes its rows the related ones. */
  readonly rows: (alias: Sql) => { readonly from: Sql, readonly condition: Sql | undefined }
  /**
   * A nested cursor must be one of the rows that its parent has and the filter lets through. A top-level one need only
   * exist, where the order alone says what follows it (total, without `distinct`): Prisma looks for it among the rows else.
   */
  readonly cursorAmong: 'all' | 'matching'
  /** `first`: one row, from the start or, with a negative `take`, from the end. */
  readonly amount: 'many' | 'first'
}

/** `from … where … order by … limit … offset …`, to be put behind `select …`. */
export interface Rows {
  readonly sql: Sql
  /** The rows come in the opposite of the order that was asked for. */
  readonly reversed: boolean
  /** Rows are ordered or bounded, so an aggregate must go around a subquery. */
  readonly isBounded: boolean
  readonly isOrdered: boolean
}

const rowNumber = sql`"~n"`

export function rowsSql (builder: SqlBuilder, source: RowSource, alias: Sql, args: ArgumentTree, path: Path, extra?: (alias: Sql) => Sql | undefined): Rows {
  const { model } = source
  const take = countOf(args, 'take', path)
  const skip = countOf(args, 'skip', path)
  if (skip?.negative === true) refuseArgument('Expected a whole number that is not negative', skip, [...path, 'skip'])
  const distinct = distinctColumns(model, args.get('distinct'), [...path, 'distinct'])
  const where = args.get('where')
  const filter = where === undefined ? undefined : asTree(where, [...path, 'where'])
  const cursor = args.get('cursor')
  const reversed = take?.negative === true
  const isFirst = source.amount === 'first'
  const single = filter !== undefined && cursor === undefined && distinct === undefined && isOneRow(model, filter)
  // Rows that are equal in the caller's order come in any order, as in Prisma; another key behind an index's would cost
  // the index. Only where there is no order at all, or rows are compared with one of them, the key decides.
  const isUnordered = orderEntries(args.get('orderBy'), [...path, 'orderBy']).length === 0
  const complete = !single && (cursor !== undefined || (isUnordered && (take !== undefined || skip !== undefined || isFirst || distinct !== undefined)))

  const order = (alias: Sql): Order => {
    const made = orderOf(builder, model, alias, args.get('orderBy'), [...path, 'orderBy'], complete)
    return reversed ? reverseOrder(made) : made
  }
  const filterOn = (alias: Sql): Sql | undefined => and([
    extra?.(alias),
    filter === undefined ? undefined : whereSql(builder, model, alias, filter, [...path, 'where']),
  ])

  const inner = distinct === undefined ? alias : builder.alias()
  const innerOrder = order(inner)
  const base = source.rows(inner)
  let condition = and([base.condition, filterOn(inner)])
  if (cursor !== undefined) {
    const tree = asTree(cursor, [...path, 'cursor'])
    const among = (alias: Sql): ReturnType<RowSource['rows']> => {
      const rows = source.rows(alias)
      return source.cursorAmong === 'all' && innerOrder.isTotal && distinct === undefined ? rows : { from: rows.from, condition: and([rows.condition, filterOn(alias)]) }
    }
    condition = and([condition, cursorSql(builder, model, innerOrder, order, { rows: among, cursor: tree, path: [...path, 'cursor'] })])
  }
  let text = sql`from ${base.from}${innerOrder.joins}${condition === undefined ? emptySql : sql` where ${condition}`}`
  let outer = innerOrder
  if (distinct !== undefined) {
    const partition = joinSql(distinct.map((column) => column.kind === 'json' ? sql`${inner}.${column.sql}::jsonb` : sql`${inner}.${column.sql}`), ', ')
    const by = orderBySql(innerOrder)
    const number = sql`row_number() over (partition by ${partition}${by === undefined ? emptySql : sql` order by ${by}`}) as ${rowNumber}`
    outer = order(alias)
    text = sql`from (select ${inner}.*, ${number} ${text}) as ${alias}${outer.joins} where ${alias}.${rowNumber} = 1`
  }
  const by = single ? undefined : orderBySql(outer)
  if (by !== undefined) text = sql`${text} order by ${by}`
  if (isFirst) text = single ? text : sql`${text} limit 1`
  else if (take !== undefined) text = sql`${text} limit ${builder.param(take, encodeMagnitude, [...path, 'take'])}`
  if (skip !== undefined) text = sql`${text} offset ${builder.param(skip, encodeCount, [...path, 'skip'])}`
  return { sql: text, reversed, isOrdered: by !== undefined, isBounded: isFirst || take !== undefined || skip !== undefined || distinct !== undefined }
}

function countOf (args: ArgumentTree, name: 'take' | 'skip', path: Path): Count | undefined {
  const argument = args.get(name)
  if (argument === undefined) return undefined
  if (!(argument instanceof Count)) refuseArgument('Expected a whole number', argument, [...path, name])
  return argument
}

/** Does the filter pin a key, so that there is at most one row? */
function isOneRow (model: ResolvedModel, filter: ArgumentTree): boolean {
  return model.uniques.some((unique) => unique.columns.every((column) => {
    const argument = filter.get(column.name)
    return argument !== undefined && argument !== null && typeof argument === 'object' && 'index' in argument
  }))
}

export function distinctColumns (model: ResolvedModel, argument: Argument | undefined, path: Path): readonly ResolvedColumn[] | undefined {
  if (argument === undefined) return undefined
  const names: readonly Argument[] = Array.isArray(argument) ? argument : [argument]
  const columns = names.map((name, i) => {
    if (typeof name !== 'string') refuseArgument('Expected the name of a field', name, [...path, i])
    const field = model.fields.get(name)
    if (field?.type !== 'column') unknownField(model, name, path, model.columns.map((column) => column.name))
    return field
  })
  // An empty list asks for nothing; Prisma answers it with a single row.
  return columns.length === 0 ? undefined : columns
}
