// `orderBy` → sort keys, and a cursor → the condition that a row stands at it or behind it.
//
// A cursor is a position in the order that the keys make, NULLs included where the order puts them: the row need not
// match the filter, but it must exist. Each key's value at the cursor is a subquery of its own, which PostgreSQL
// evaluates once and can use in an index condition; a join with the cursor's row would cost the index its order.

import { QueryInvalidError } from '../core/errors.ts'
import { uniqueWhereSql, unknownField, refuseArgument, relatedRows, isTree, asTree, and } from './where.ts'
import { joinSql, sql, type Sql } from './sql-text.ts'
import type { Path } from './encode.ts'
import type { SqlBuilder } from './fragment.ts'
import type { ResolvedModel, ResolvedColumn } from './model.ts'
import type { Argument, ArgumentTree } from './shape.ts'

export interface SortKey {
  readonly sql: Sql
  readonly descending: boolean
  /** `undefined`: PostgreSQL's own, NULLs last when ascending and first when descending. */
  readonly nulls: 'first' | 'last' | undefined
  readonly nullable: boolean
  /** The column that the key is, when it is one of the table itself. */
  readonly column: ResolvedColumn | undefined
}

export interface Order {
  readonly keys: readonly SortKey[]
  /** The caller's own keys leave no two rows equal, and none of them is ever NULL. */
  readonly isTotal: boolean
  /** Joins that the keys need, to be put behind the table. */
  readonly joins: Sql
}

interface Direction { readonly descending: boolean, readonly nulls: 'first' | 'last' | undefined }

export function directionOf (argument: Argument, nullable: boolean, path: Path): Direction {
  if (argument === 'asc' || argument === 'desc') return { descending: argument === 'desc', nulls: undefined }
  if (!isTree(argument)) refuseArgument("Expected 'asc' or 'desc'", argument, path)
  for (const name of argument.keys()) {
    if (name !== 'sort' && name !== 'nulls') throw new QueryInvalidError('Expected `sort` and `nulls`', { path: [...path, name] })
  }
  const sort = argument.get('sort')
  if (sort !== 'asc' && sort !== 'desc') refuseArgument("Expected 'asc' or 'desc'", sort, [...path, 'sort'])
  const nulls = argument.get('nulls')
  if (nulls === undefined) return { descending: sort === 'desc', nulls: undefined }
  if (nulls !== 'first' && nulls !== 'last') refuseArgument("Expected 'first' or 'last'", nulls, [...path, 'nulls'])
  if (!nullable) throw new QueryInvalidError('A required field has no nulls to put first or last', { path: [...path, 'nulls'] })
  return { descending: sort === 'desc', nulls: nulls as 'first' | 'last' }
}

/** One object with one key, or a list of such. */
export function orderEntries (argument: Argument | undefined, path: Path): { name: string, argument: Argument, path: Path }[] {
  if (argument === undefined) return []
  const items = Array.isArray(argument) ? argument.map((item: Argument, i) => ({ item, path: [...path, i] })) : [{ item: argument, path }]
  return items.flatMap(({ item, path }) => {
    const tree = asTree(item, path)
    // Keys of one object have no order that a caller could rely on.
    if (tree.size > 1) throw new QueryInvalidError('Expected one field an object; give several as a list', { path })
    return [...tree].map(([name, value]) => ({ name, argument: value, path: [...path, name] }))
  })
}

/** @param complete adds the primary key where the given keys leave rows equal, so that pages neither overlap nor skip. */
export function orderOf (builder: SqlBuilder, model: ResolvedModel, alias: Sql, argument: Argument | undefined, path: Path, complete: boolean): Order {
  const joins: Sql[] = []
  const joined = new Map<string, Sql>()
  const keys = orderEntries(argument, path).map((entry) => sortKey(entry.name, entry.argument, model, alias, entry.path, '', false))

  function sortKey (name: string, value: Argument, model: ResolvedModel, alias: Sql, path: Path, joinPath: string, outer: boolean): SortKey {
    const field = model.fields.get(name)
    if (field === undefined) unknownField(model, name, path.slice(0, -1), model.fields.keys())
    if (field.type === 'column') {
      const direction = directionOf(value, field.optional, path)
      return { sql: sql`${alias}.${field.sql}`, ...direction, nullable: field.optional || outer || field.list, column: outer ? undefined : field }
    }
    const tree = asTree(value, path)
    const [inner, ...others] = [...tree]
    if (inner === undefined || others.length > 0) throw new QueryInvalidError('Expected one field an object', { path })
    const [innerName, innerValue] = inner
    if (field.toMany) {
      if (innerName !== '_count') unknownField(field.target, innerName, path, ['_count'])
      const target = builder.alias()
      const rows = relatedRows(builder, field, alias, target)
      return { sql: sql`(select count(*) from ${rows.from} where ${rows.condition})`, ...directionOf(innerValue, false, [...path, innerName]), nullable: false, column: undefined }
    }
    const key = `${joinPath}.${name}`
    let target = joined.get(key)
    if (target === undefined) {
      target = builder.alias()
      joined.set(key, target)
      const rows = relatedRows(builder, field, alias, target)
      joins.push(sql` left join ${rows.from} on ${rows.condition}`)
    }
    return sortKey(innerName, innerValue, field.target, target, [...path, innerName], key, true)
  }

  const isUnique = keys.some((key) => key.column?.isUnique === true) || model.uniques.some((unique) => unique.columns.every((column) => keys.some((key) => key.column === column)))
  const isTotal = keys.length === 0 || (isUnique && keys.every((key) => !key.nullable))
  if (complete && (keys.length === 0 || !isTotal)) {
    const given = new Set(keys.map((key) => key.column))
    for (const column of model.id?.columns ?? model.uniques[0]?.columns ?? []) {
      if (!given.has(column)) keys.push({ sql: sql`${alias}.${column.sql}`, descending: false, nulls: undefined, nullable: column.optional, column })
    }
  }
  return { keys, joins: joinSql(joins, ''), isTotal }
}

/** The other way round, NULLs included. */
export function reverseOrder (order: Order): Order {
  return {
    ...order,
    keys: order.keys.map((key) => ({ ...key, descending: !key.descending, nulls: key.nulls === undefined ? undefined : key.nulls === 'first' ? 'last' as const : 'first' as const })),
  }
}

export function orderBySql (order: Order): Sql | undefined {
  if (order.keys.length === 0) return undefined
  return joinSql(order.keys.map((key) => {
    const direction = key.descending ? sql`${key.sql} desc` : key.sql
    if (key.nulls === undefined) return direction
    return key.nulls === 'first' ? sql`${direction} nulls first` : sql`${direction} nulls last`
  }), ', ')
}

export interface CursorRows {
  /** Where the cursor's row is looked for: a table under a fresh alias, with a condition on it if not every row may be it. */
  readonly rows: (alias: Sql) => { readonly from: Sql, readonly condition: Sql | undefined }
  readonly cursor: ArgumentTree
  readonly path: Path
}

/** The rows at the cursor or behind it, in the order. `reorder` makes the same order on another alias. */
export function cursorSql (builder: SqlBuilder, model: ResolvedModel, order: Order, reorder: (alias: Sql) => Order, source: CursorRows): Sql {
  // One subquery a key; each on an alias of its own, since a join of the key belongs to its alias.
  const value = (index: number): Sql => {
    const alias = builder.alias()
    const own = reorder(alias)
    const rows = source.rows(alias)
    const condition = and([rows.condition, uniqueWhereSql(builder, model, alias, source.cursor, source.path)]) as Sql
    const selected = index < 0 ? sql`1` : (own.keys[index] as SortKey).sql
    return sql`(select ${selected} from ${rows.from}${own.joins} where ${condition})`
  }
  let condition: Sql | undefined
  for (let i = order.keys.length - 1; i >= 0; i--) {
    const key = order.keys[i] as SortKey
    const at = value(i)
    const last = condition === undefined
    if (last && !key.nullable) {
      condition = key.descending ? sql`${key.sql} <= ${at}` : sql`${key.sql} >= ${at}`
      continue
    }
    const same = key.nullable ? sql`${key.sql} is not distinct from ${at}` : sql`${key.sql} = ${at}`
    const tail: Sql = last ? same : sql`(${same} and ${condition as Sql})`
    condition = sql`(${afterSql(key, at)} or ${tail})`
    // Implied by the rest, and what an index can use.
    if (i === 0 && !key.nullable) condition = sql`(${key.descending ? sql`${key.sql} <= ${at}` : sql`${key.sql} >= ${at}`} and ${condition})`
  }
  const exists = order.keys.some((key) => key.nullable) ? sql`exists ${value(-1)}` : undefined
  return and([exists, condition]) ?? sql`exists ${value(-1)}`
}

function afterSql (key: SortKey, at: Sql): Sql {
  const beyond = key.descending ? sql`${key.sql} < ${at}` : sql`${key.sql} > ${at}`
  if (!key.nullable) return beyond
  const nullsFirst = key.nulls === undefined ? key.descending : key.nulls === 'first'
  return nullsFirst
    ? sql`(${beyond} or (${at} is null and ${key.sql} is not null))`
    : sql`(${beyond} or (${at} is not null and ${key.sql} is null))`
}
