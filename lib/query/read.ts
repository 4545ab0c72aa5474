// findUnique, findFirst, findMany and their OrThrow forms, and count: one statement each.

import { KnownRequestError, QueryInvalidError } from '../core/errors.ts'
import { errorMapper } from './database-error.ts'
import { SqlBuilder } from './fragment.ts'
import { rowsSql, type RowSource } from './rows.ts'
import { selectionOf } from './selection.ts'
import { isTree, refuseArgument, uniqueWhereSql, unknownField, asTree } from './where.ts'
import { joinSql, sql, type Sql } from './sql-text.ts'
import type { Compilation } from './compile.ts'
import type { Path } from './encode.ts'
import type { ResolvedModel } from './model.ts'
import type { Plan, StatementTemplate } from './plan.ts'
import type { ArgumentTree } from './shape.ts'
import type { QueryResult } from './statement.ts'

type FindMethod = 'findUnique' | 'findUniqueOrThrow' | 'findFirst' | 'findFirstOrThrow' | 'findMany'

const uniqueArguments = ['where', 'select', 'include', 'omit']
const manyArguments = [...uniqueArguments, 'orderBy', 'cursor', 'take', 'skip', 'distinct']

export function checkArguments (model: ResolvedModel, args: ArgumentTree, allowed: readonly string[]): void {
  for (const name of args.keys()) if (!allowed.includes(name)) unknownField(model, name, [], allowed)
}

/** A read in one statement. */
export function readPlan<T> (model: ResolvedModel, template: StatementTemplate, decode: (result: QueryResult) => T, brief = false): Plan<T> {
  return {
    access: 'read',
    cacheable: true,
    open: (values) => ({ type: 'statement', statement: template.bind(values), brief, decode }),
    mapError: errorMapper(model),
  }
}

/** Rows of the model's own table. */
export function tableSource (model: ResolvedModel, amount: RowSource['amount']): RowSource {
  return { model, amount, cursorAmong: 'all', rows: (alias) => ({ from: sql`${model.table} as ${alias}`, condition: undefined }) }
}

export function recordNotFound (model: ResolvedModel, operation: string): KnownRequestError {
  return new KnownRequestError(`An operation failed because it depends on one or more records that were required but not found. No record was found for ${operation}.`, { code: 'P2025', meta: { modelName: model.name, operation } })
}

export function compileRead (compilation: Compilation, method: FindMethod): Plan {
  const { model, args } = compilation
  const isUnique = method === 'findUnique' || method === 'findUniqueOrThrow'
  checkArguments(model, args, isUnique ? uniqueArguments : manyArguments)
  const builder = new SqlBuilder(compilation.values)
  const alias = builder.alias()
  const selection = selectionOf(builder, model, alias, args, [])
  const columns = joinSql(selection.expressions, ', ')
  const { decode } = selection
  if (isUnique) {
    const where = asTree(args.get('where'), ['where'])
    const template = builder.template(sql`select ${columns} from ${model.table} as ${alias} where ${uniqueWhereSql(builder, model, alias, where, ['where'])}`)
    return readPlan(model, template, firstRow(model, decode, method === 'findUniqueOrThrow'), where.size === 1 && !selection.hasRelations)
  }
  if (method === 'findMany') {
    const rows = rowsSql(builder, tableSource(model, 'many'), alias, args, [])
    const template = builder.template(sql`select ${columns} ${rows.sql}`)
    const { reversed } = rows
    return readPlan(model, template, (result) => {
      const records: Record<string, unknown>[] = new Array<Record<string, unknown>>(result.rows.length)
      for (let i = 0; i < records.length; i++) records[i] = decode(result.rows[i] as (string | null)[])
      return reversed ? records.reverse() : records
    })
  }
  const rows = rowsSql(builder, tableSource(model, 'first'), alias, args, [])
  return readPlan(model, builder.template(sql`select ${columns} ${rows.sql}`), firstRow(model, decode, method === 'findFirstOrThrow'))
}

function firstRow (model: ResolvedModel, decode: (row: readonly unknown[]) => unknown, orThrow: boolean): (result: QueryResult) => unknown {
  return (result) => {
    const row = result.rows[0]
    if (row !== undefined) return decode(row)
    if (orThrow) throw recordNotFound(model, 'a query')
    return null
  }
}

const countArguments = ['where', 'orderBy', 'cursor', 'take', 'skip', 'select']

export function compileCount (compilation: Compilation): Plan {
  const { model, args } = compilation
  checkArguments(model, args, countArguments)
  const builder = new SqlBuilder(compilation.values)
  const alias = builder.alias()
  const fields = countFields(model, args, ['select'])
  const rows = rowsSql(builder, tableSource(model, 'many'), alias, args, [])
  const of = (column: Sql, from: Sql): Sql => sql`count(${from}.${column})`
  const counts = (from: Sql): Sql => fields === undefined
    ? sql`count(*)`
    : joinSql(fields.map((field) => field.column === undefined ? sql`count(*)` : of(field.column, from)), ', ')
  let text: Sql
  if (rows.isBounded) {
    const columns = (fields ?? []).flatMap((field) => field.column === undefined ? [] : [sql`${alias}.${field.column}`])
    text = sql`select ${counts(sql`s`)} from (select ${columns.length === 0 ? sql`1` : joinSql(columns, ', ')} ${rows.sql}) as s`
  } else {
    // An order says nothing about a count of all rows.
    const unordered = new Map(args)
    if (!args.has('cursor')) unordered.delete('orderBy')
    const fresh = new SqlBuilder(compilation.values)
    const own = fresh.alias()
    const bare = rowsSql(fresh, tableSource(model, 'many'), own, unordered, [])
    const inner = bare.isOrdered
      ? sql`select ${counts(sql`s`)} from (select ${own}.* ${bare.sql}) as s`
      : sql`select ${counts(own)} ${bare.sql}`
    return readPlan(model, fresh.template(inner), countDecoder(fields))
  }
  return readPlan(model, builder.template(text), countDecoder(fields))
}

interface CountField { readonly name: string, readonly column: Sql | undefined }

function countDecoder (fields: readonly CountField[] | undefined): (result: QueryResult) => unknown {
  return (result) => {
    const row = result.rows[0] as (string | null)[]
    if (fields === undefined) return Number(row[0])
    const record: Record<string, number> = {}
    for (let i = 0; i < fields.length; i++) record[(fields[i] as CountField).name] = Number(row[i])
    return record
  }
}

/** `select` of count, or `_count` of an aggregate: `true`, or an object of fields and `_all`. `undefined` for the plain number. */
export function countFields (model: ResolvedModel, args: ArgumentTree, path: Path): readonly CountField[] | undefined {
  const argument = args.get(path.at(-1) as string)
  if (argument === undefined || argument === true) return undefined
  if (!isTree(argument)) refuseArgument('Expected true or an object of fields', argument, path)
  const fields: CountField[] = []
  for (const [name, value] of argument) {
    const field = model.fields.get(name)
    if (name !== '_all' && field?.type !== 'column') unknownField(model, name, path, ['_all', ...model.columns.map((column) => column.name)])
    if (typeof value !== 'boolean') refuseArgument('Expected a boolean', value, [...path, name])
    if (value) fields.push({ name, column: field?.type === 'column' ? field.sql : undefined })
  }
  if (fields.length === 0) throw new QueryInvalidError('The selection is empty; at least one field must be chosen', { path })
  return fields
}
