// Rows of `createMany` → one array a column. Their number is no part of the statement, and they are read one by one,
// straight into text: a thousand rows cost a walk over a thousand objects and as many parameters as there are columns.

import { typeName, quoteElement, type Path } from './encode.ts'
import { QueryInvalidError } from '../core/errors.ts'
import { hasClientDefault, hasServerDefault, operationDefaults, type DefaultSource } from './default.ts'
import { AnyNull, DbNull, JsonNull } from './json-null.ts'
import type { ResolvedColumn, ResolvedModel, ResolvedRelation } from './model.ts'
import type { Cell, Value } from './write-data.ts'

export interface RowGroup {
  readonly columns: readonly ResolvedColumn[]
  /** Array literals, one a column. */
  readonly arrays: readonly string[]
  readonly count: number
  /** Positions of the group's rows in the caller's list. */
  readonly positions: readonly number[]
}

/**
 * Groups rows by the columns that the server fills in: SQL's INSERT … SELECT has no DEFAULT for a single row. The order of
 * rows is kept within a group, so ids that a sequence hands out are in the caller's order: rows with an id take none.
 * @throws QueryInvalidError with the path to the row and field
 */
export function rowsOf (model: ResolvedModel, rows: unknown, options: { path: Path, inverse?: ResolvedRelation | undefined, sources: DefaultSource }): RowGroup[] {
  const { path, inverse, sources } = options
  const groups = new RowGroups()
  if (!Array.isArray(rows)) throw new QueryInvalidError('Expected a list of records', { path, received: typeName(rows) })
  const owned = inverse?.key === 'local' ? inverse.pairs.map(({ local }) => local) : []
  const { columns } = model
  const defaults = operationDefaults(sources)
  for (let i = 0; i < rows.length; i++) {
    const at = [...path, i]
    const given = readRow(model, rows[i], owned, at)
    for (const column of columns) {
      if (owned.includes(column) || given.has(column)) continue
      if (hasClientDefault(column)) {
        const made = defaults.of(column)
        if (made !== undefined) given.set(column, made)
      } else if (!column.optional && !column.list && !hasServerDefault(column)) {
        throw new QueryInvalidError(`\`${column.name}\` is missing`, { path: [...at, column.name] })
      }
    }
    groups.add(given, i)
  }
  return groups.of(model)
}

/** The same for rows that were checked already; made from the values themselves. */
export function rowsOfCells (model: ResolvedModel, rows: readonly (readonly Cell[])[], sources: DefaultSource): RowGroup[] {
  const groups = new RowGroups()
  const defaults = operationDefaults(sources)
  const textOf = (column: ResolvedColumn, value: Value): string | null => {
    switch (value.type) {
      case 'leaf': return column.encode(value.leaf.value, value.path)
      case 'element': return column.encode([value.leaf.value], value.path)
      case 'null': return null
      case 'json-null': return 'null'
      case 'time': return defaults.time(column)
      case 'default': return defaults.of(column) ?? null
    }
  }
  rows.forEach((cells, i) => { groups.add(new Map(cells.map(({ column, value }) => [column, textOf(column, value)])), i) })
  return groups.of(model)
}

type TextRow = ReadonlyMap<ResolvedColumn, string | null>

class RowGroups {
  readonly #groups = new Map<string, { readonly used: Set<ResolvedColumn>, readonly rows: TextRow[], readonly positions: number[] }>()

  add (row: TextRow, position: number): void {
    const given: string[] = []
    for (const column of row.keys()) if (hasServerDefault(column)) given.push(column.name)
    const key = given.sort().join(' ')
    let group = this.#groups.get(key)
    if (group === undefined) {
      group = { used: new Set(), rows: [], positions: [] }
      this.#groups.set(key, group)
    }
    for (const column of row.keys()) group.used.add(column)
    group.rows.push(row)
    group.positions.push(position)
  }

  of ({ columns }: ResolvedModel): RowGroup[] {
    return [...this.#groups.values()].map(({ used, rows, positions }) => {
      const given = columns.filter((column) => used.has(column))
      return { columns: given, arrays: given.map((column) => arrayText(rows, column)), count: rows.length, positions }
    })
  }
}

function readRow (model: ResolvedModel, row: unknown, owned: readonly ResolvedColumn[], path: Path): Map<ResolvedColumn, string | null> {
  if (typeof row !== 'object' || row === null || Array.isArray(row)) throw new QueryInvalidError('Expected an object', { path, received: typeName(row) })
  const given = new Map<ResolvedColumn, string | null>()
  for (const name of Object.keys(row)) {
    const value = (row as Record<string, unknown>)[name]
    if (value === undefined) continue
    const field = model.fields.get(name)
    if (field === undefined) throw new QueryInvalidError(`\`${model.name}\` has no field \`${name}\``, { path: [...path, name] })
    if (field.type === 'relation') throw new QueryInvalidError('`createMany` takes no nested writes', { path: [...path, name] })
    if (owned.includes(field)) throw new QueryInvalidError(`\`${name}\` is given by the record around it`, { path: [...path, name] })
    given.set(field, textOf(field, value, path))
  }
  return given
}

function textOf (column: ResolvedColumn, value: unknown, path: Path): string | null {
  if (value === null || value === DbNull) {
    if (value === DbNull && column.kind !== 'json') return column.encode(value, [...path, column.name])
    if (column.optional && !column.list) return null
    if (value === null && column.kind === 'json' && !column.list) return 'null'
    throw new QueryInvalidError(`\`${column.name}\` must not be null`, { path: [...path, column.name], received: 'null' })
  }
  if (column.kind === 'json' && !column.list) {
    if (value === JsonNull) return 'null'
    if (value === AnyNull) throw new QueryInvalidError('`AnyNull` is for filters: write `DbNull` or `JsonNull`', { path: [...path, column.name] })
  }
  const at = [...path, column.name]
  if (column.list && typeof value === 'object' && !Array.isArray(value) && Object.hasOwn(value as object, 'set')) {
    const keys = Object.keys(value as object)
    if (keys.length !== 1) throw new QueryInvalidError('Only `set` is possible here', { path: at })
    return column.encode((value as { set: unknown }).set, [...at, 'set'])
  }
  return column.encode(value, at)
}

function arrayText (rows: readonly ReadonlyMap<ResolvedColumn, string | null>[], column: ResolvedColumn): string {
  let text = '{'
  for (let i = 0; i < rows.length; i++) {
    if (i > 0) text += ','
    text += quoteElement(rows[i]?.get(column) ?? null)
  }
  return `${text}}`
}
