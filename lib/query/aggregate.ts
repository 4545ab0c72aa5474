// aggregate and groupBy: one statement each.

import { KnownRequestError, QueryInvalidError } from '../core/errors.ts'
import { Decimal } from 'decimal.js'
import { encodeCount, encodeMagnitude, type Path } from './encode.ts'
import { SqlBuilder } from './fragment.ts'
import { directionOf, orderEntries } from './order.ts'
import { checkArguments, countFields, readPlan, tableSource } from './read.ts'
import { distinctColumns, rowsSql } from './rows.ts'
import { Count, type Argument, type ArgumentTree } from './shape.ts'
import { aggregateOperand, and, asTree, columnOperand, isTree, refuseArgument, scalarFilterSql, unknownField, whereSql } from './where.ts'
import { emptySql, joinSql, sql, type Sql } from './sql-text.ts'
import type { Compilation } from './compile.ts'
import type { ResolvedColumn, ResolvedModel } from './model.ts'
import type { Plan } from './plan.ts'

type Aggregate = '_count' | '_avg' | '_sum' | '_min' | '_max'
const aggregates: readonly Aggregate[] = ['_count', '_avg', '_sum', '_min', '_max']
const isAggregate = (name: string): name is Aggregate => (aggregates as readonly string[]).includes(name)

const numeric = new Set<ResolvedColumn['kind']>(['int', 'bigint', 'float', 'decimal'])
// For which types there is a min() and a max() depends on the server's version; its refusal is P2039. The types offer those that every version has.
const ordered = new Set<ResolvedColumn['kind']>(['int', 'bigint', 'float', 'decimal', 'text', 'uuid', 'bool', 'bytes', 'date', 'time', 'timestamp', 'enum', 'other'])

interface Item {
  readonly group: Aggregate | undefined
  readonly name: string | undefined
  readonly sql: (alias: Sql) => Sql
  readonly column: ResolvedColumn | undefined
  readonly decode: (text: string | null) => unknown
}

const asIs = (text: string | null): unknown => text
const columnDecoder = (column: ResolvedColumn): Item['decode'] => column.codec.text ?? asIs
const toCount = (text: string | null): number => Number(text)

function resultDecoder (column: ResolvedColumn, aggregate: Aggregate): (text: string | null) => unknown {
  const text = columnDecoder(column)
  switch (aggregate) {
    case '_count': return toCount
    case '_min': case '_max': return text
    case '_avg': return column.kind === 'decimal' ? (value) => value === null ? null : new Decimal(value) : (value) => value === null ? null : Number(value)
    // sum() of int8 is numeric: whole, but beyond int8.
    case '_sum': return column.kind === 'bigint' ? (value) => value === null ? null : BigInt(value) : text
  }
}

function aggregateItems (model: ResolvedModel, args: ArgumentTree): Item[] {
  const items: Item[] = []
  for (const aggregate of aggregates) {
    const argument = args.get(aggregate)
    if (argument === undefined || argument === false) continue
    if (aggregate === '_count') {
      const fields = countFields(model, args, ['_count'])
      if (fields === undefined) items.push({ group: '_count', name: undefined, sql: () => sql`count(*)`, column: undefined, decode: toCount })
      else {
        for (const field of fields) {
          const column = field.column === undefined ? undefined : model.fields.get(field.name) as ResolvedColumn
          items.push({ group: '_count', name: field.name, sql: (alias) => column === undefined ? sql`count(*)` : sql`count(${alias}.${column.sql})`, column, decode: toCount })
        }
      }
      continue
    }
    const tree = asTree(argument, [aggregate])
    let chosen = 0
    for (const [name, value] of tree) {
      const column = aggregateColumn(model, aggregate, name, [aggregate])
      if (typeof value !== 'boolean') refuseArgument('Expected a boolean', value, [aggregate, name])
      if (!value) continue
      chosen++
      items.push({ group: aggregate, name, sql: (alias) => aggregateOperand(column, alias, aggregate).sql, column, decode: resultDecoder(column, aggregate) })
    }
    if (chosen === 0) throw new QueryInvalidError('The selection is empty; at least one field must be chosen', { path: [aggregate] })
  }
  return items
}

function aggregateColumn (model: ResolvedModel, aggregate: Aggregate, name: string, path: Path): ResolvedColumn {
  const field = model.fields.get(name)
  const kinds = aggregate === '_avg' || aggregate === '_sum' ? numeric : ordered
  const fits = (column: ResolvedColumn): boolean => aggregate === '_count' || (!column.list && kinds.has(column.kind))
  if (field?.type !== 'column' || !fits(field)) unknownField(model, name, path, model.columns.filter(fits).map((column) => column.name))
  return field
}

/** Values of one row, gathered under `_sum: { … }` and its like. */
function gather (items: readonly Item[]): (row: readonly (string | null)[]) => Record<string, unknown> {
  return (row) => {
    const record: Record<string, unknown> = {}
    for (let i = 0; i < items.length; i++) {
      const { group, name, decode } = items[i] as Item
      const value = decode(row[i] as string | null)
      if (group === undefined) record[name as string] = value
      else if (name === undefined) record[group] = value
      else ((record[group] ??= {}) as Record<string, unknown>)[name] = value
    }
    return record
  }
}

export function compileAggregate (compilation: Compilation): Plan {
  const { model, args } = compilation
  checkArguments(model, args, ['where', 'orderBy', 'cursor', 'take', 'skip', ...aggregates])
  const items = aggregateItems(model, args)
  if (items.length === 0) throw new QueryInvalidError('Expected at least one of _count, _avg, _sum, _min, _max', { path: [] })
  const builder = new SqlBuilder(compilation.values)
  const alias = builder.alias()
  const decode = gather(items)
  const bounded = args.has('take') || args.has('skip') || args.has('cursor')
  const own = new Map(args)
  // An order matters only to which rows are taken.
  if (!bounded) own.delete('orderBy')
  const rows = rowsSql(builder, tableSource(model, 'many'), alias, own, [])
  // The order is checked even where it is not used.
  if (!bounded && args.has('orderBy')) rowsSql(new SqlBuilder(compilation.values), tableSource(model, 'many'), alias, args, [])
  const s = sql`s`
  const text = bounded
    ? sql`select ${joinSql(items.map((item) => item.sql(s)), ', ')} from (select ${alias}.* ${rows.sql}) as s`
    : sql`select ${joinSql(items.map((item) => item.sql(alias)), ', ')} ${rows.sql}`
  return readPlan(model, builder.template(text), (result) => decode(result.rows[0] as (string | null)[]))
}

export function compileGroupBy (compilation: Compilation): Plan {
  const { model, args } = compilation
  checkArguments(model, args, ['by', 'where', 'having', 'orderBy', 'take', 'skip', ...aggregates])
  const by = distinctColumns(model, args.get('by'), ['by'])
  if (by === undefined) throw new QueryInvalidError('Expected at least one field to group by', { path: ['by'] })
  const items: Item[] = by.map((column) => ({ group: undefined, name: column.name, sql: (alias) => sql`${alias}.${column.sql}`, column, decode: columnDecoder(column) }))
  items.push(...aggregateItems(model, args))
  const builder = new SqlBuilder(compilation.values)
  const alias = builder.alias()
  const where = args.get('where')
  const condition = where === undefined ? undefined : whereSql(builder, model, alias, asTree(where, ['where']), ['where'])
  const having = args.get('having')
  const groupCondition = having === undefined ? undefined : havingSql(builder, model, alias, by, asTree(having, ['having']), ['having'])
  const take = countArgument(args, 'take')
  const skip = countArgument(args, 'skip')
  if (skip?.negative === true) refuseArgument('Expected a whole number that is not negative', skip, ['skip'])
  const reversed = take?.negative === true
  const keys = groupOrder(model, alias, by, args.get('orderBy'), reversed)
  // A page without an order is in the order of the primary key, which groups seldom have.
  if (keys.length === 0 && (take !== undefined || skip !== undefined)) {
    for (const column of model.id?.columns ?? []) {
      if (!by.includes(column)) throw notGrouped(model, column.name, 'orderBy')
      keys.push(reversed ? sql`${alias}.${column.sql} desc` : sql`${alias}.${column.sql}`)
    }
  }
  const parts = [
    sql`select ${joinSql(items.map((item) => item.sql(alias)), ', ')} from ${model.table} as ${alias}`,
    condition === undefined ? emptySql : sql` where ${condition}`,
    sql` group by ${joinSql(by.map((column) => sql`${alias}.${column.sql}`), ', ')}`,
    groupCondition === undefined ? emptySql : sql` having ${groupCondition}`,
    keys.length === 0 ? emptySql : sql` order by ${joinSql(keys, ', ')}`,
    take === undefined ? emptySql : sql` limit ${builder.param(take, encodeMagnitude, ['take'])}`,
    skip === undefined ? emptySql : sql` offset ${builder.param(skip, encodeCount, ['skip'])}`,
  ]
  const decode = gather(items)
  return readPlan(model, builder.template(joinSql(parts, '')), (result) => {
    const records = result.rows.map(decode)
    return reversed ? records.reverse() : records
  })
}

function countArgument (args: ArgumentTree, name: string): Count | undefined {
  const argument = args.get(name)
  if (argument === undefined) return undefined
  if (!(argument instanceof Count)) refuseArgument('Expected a whole number', argument, [name])
  return argument
}

function notGrouped (model: ResolvedModel, name: string, where: string): KnownRequestError {
  return new KnownRequestError(`Input error. Every field used in \`${where}\` must be grouped by or aggregated: \`${name}\` is neither.`, { code: 'P2019', meta: { modelName: model.name } })
}

function groupOrder (model: ResolvedModel, alias: Sql, by: readonly ResolvedColumn[], argument: Argument | undefined, reversed: boolean): Sql[] {
  return orderEntries(argument, ['orderBy']).flatMap((entry) => {
    if (isAggregate(entry.name)) {
      const aggregate = entry.name
      const tree = asTree(entry.argument, entry.path)
      if (tree.size > 1) throw new QueryInvalidError('Expected one field an object; give several as a list', { path: entry.path })
      return [...tree].map(([name, value]) => {
        const column = aggregateColumn(model, aggregate, name, entry.path)
        return sortSql(aggregateOperand(column, alias, aggregate).sql, value, aggregate !== '_count', reversed, [...entry.path, name])
      })
    }
    const field = model.fields.get(entry.name)
    if (field?.type !== 'column') unknownField(model, entry.name, ['orderBy'], [...by.map((column) => column.name), ...aggregates])
    const direction = sortSql(sql`${alias}.${field.sql}`, entry.argument, field.optional, reversed, entry.path)
    if (!by.includes(field)) throw notGrouped(model, field.name, 'orderBy')
    return [direction]
  })
}

function sortSql (expression: Sql, argument: Argument, nullable: boolean, reversed: boolean, path: Path): Sql {
  const direction = directionOf(argument, nullable, path)
  const sorted = direction.descending === reversed ? expression : sql`${expression} desc`
  if (direction.nulls === undefined) return sorted
  return (direction.nulls === 'first') === reversed ? sql`${sorted} nulls last` : sql`${sorted} nulls first`
}

function havingSql (builder: SqlBuilder, model: ResolvedModel, alias: Sql, by: readonly ResolvedColumn[], filter: ArgumentTree, path: Path): Sql | undefined {
  const parts = (argument: Argument, here: Path): (Sql | undefined)[] => {
    const items: readonly Argument[] = Array.isArray(argument) ? argument : [argument]
    return items.map((item, i) => havingSql(builder, model, alias, by, asTree(item, [...here, i]), [...here, i]))
  }
  const conditions: (Sql | undefined)[] = []
  for (const [name, argument] of filter) {
    const here = [...path, name]
    if (name === 'AND') {
      conditions.push(and(parts(argument, here)))
    } else if (name === 'OR') {
      if (!Array.isArray(argument)) refuseArgument('Expected a list of filters', argument, here)
      const given = parts(argument, here).filter((part) => part !== undefined)
      conditions.push(given.length === 0 ? sql`false` : sql`(${joinSql(given, ' or ')})`)
    } else if (name === 'NOT') {
      for (const part of parts(argument, here)) conditions.push(part === undefined ? undefined : sql`(not ${part})`)
    } else {
      const column = model.fields.get(name)
      if (column?.type !== 'column') unknownField(model, name, path, model.columns.map((column) => column.name))
      conditions.push(havingColumnSql(builder, model, alias, by, column, argument, here))
    }
  }
  return and(conditions)
}

function havingColumnSql (builder: SqlBuilder, model: ResolvedModel, alias: Sql, by: readonly ResolvedColumn[], column: ResolvedColumn, argument: Argument, path: Path): Sql | undefined {
  const plain = new Map<string, Argument>()
  const conditions: (Sql | undefined)[] = []
  if (isTree(argument)) {
    for (const [name, value] of argument) {
      if (!isAggregate(name)) {
        plain.set(name, value)
        continue
      }
      aggregateColumn(model, name, column.name, path)
      conditions.push(scalarFilterSql(builder, aggregateOperand(column, alias, name), value, [...path, name]))
    }
    if (plain.size === 0) return and(conditions)
  }
  if (!by.includes(column)) throw notGrouped(model, column.name, 'having')
  const filter = new Map([[column.name, isTree(argument) ? plain : argument]])
  conditions.push(column.list || column.kind === 'json' ? whereSql(builder, model, alias, filter, path.slice(0, -1)) : scalarFilterSql(builder, columnOperand(column, alias), isTree(argument) ? plain : argument, path))
  return and(conditions)
}
