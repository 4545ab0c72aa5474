// What reads mean, in plain code over arrays: the other opinion that the property test compares SQL's answers with.
// Three-valued logic as SQL has it: `null` is unknown.

export type Tri = boolean | null
export type Row = Record<string, unknown>
export type Filter = Record<string, unknown>

export interface RelationModel {
  readonly target: string
  readonly toMany: boolean
  readonly related: (row: Row, rows: readonly Row[]) => Row[]
}

export interface Table {
  readonly rows: readonly Row[]
  readonly columns: readonly string[]
  readonly nullable: readonly string[]
  readonly relations: Readonly<Record<string, RelationModel>>
}

export type Tables = Readonly<Record<string, Table>>

const not = (value: Tri): Tri => value === null ? null : !value
const all = (values: readonly Tri[]): Tri => values.includes(false) ? false : values.includes(null) ? null : true
const any = (values: readonly Tri[]): Tri => values.includes(true) ? true : values.includes(null) ? null : false

/** What a filter that says nothing comes to, once it is asked. */
export const orTrue = (value: Tri | undefined): Tri => value === undefined ? true : value

/** `undefined`: the filter says nothing. */
export function matches (tables: Tables, table: string, row: Row, filter: Filter): Tri | undefined {
  const parts = Object.entries(filter).filter(([, value]) => value !== undefined).map(([name, value]) => entry(tables, table, row, name, value))
  return conjunction(parts)
}

function conjunction (parts: readonly (Tri | undefined)[]): Tri | undefined {
  const given = parts.filter((part) => part !== undefined)
  return given.length === 0 ? undefined : all(given)
}

const list = (value: unknown): Filter[] => Array.isArray(value) ? value as Filter[] : [value as Filter]

function entry (tables: Tables, table: string, row: Row, name: string, value: unknown): Tri | undefined {
  switch (name) {
    case 'AND': return conjunction(list(value).map((part) => matches(tables, table, row, part)))
    case 'OR': return any(list(value).map((part) => matches(tables, table, row, part)).filter((part) => part !== undefined))
    case 'NOT': return conjunction(list(value).map((part) => {
      const found = matches(tables, table, row, part)
      return found === undefined ? undefined : not(found)
    }))
  }
  const relation = (tables[table] as Table).relations[name]
  return relation === undefined ? column(row[name], value) : relationFilter(tables, relation, row, value)
}

function relationFilter (tables: Tables, relation: RelationModel, row: Row, value: unknown): Tri | undefined {
  const related = relation.related(row, (tables[relation.target] as Table).rows)
  const inner = (other: Row, filter: Filter): Tri => orTrue(matches(tables, relation.target, other, filter))
  if (relation.toMany) {
    return conjunction(Object.entries(value as Record<string, Filter>).map(([name, filter]) => {
      if (name === 'some') return related.some((other) => inner(other, filter) === true)
      if (name === 'none') return !related.some((other) => inner(other, filter) === true)
      return !related.some((other) => inner(other, filter) === false)
    }))
  }
  const is = (filter: Filter | null): Tri => filter === null ? related.length === 0 : related.length === 0 ? false : inner(related[0] as Row, filter)
  if (value === null) return is(null)
  const tree = value as Record<string, Filter | null>
  if (!('is' in tree) && !('isNot' in tree)) return is(tree as Filter)
  return conjunction(Object.entries(tree).map(([name, filter]) => name === 'is' ? is(filter) : not(is(filter))))
}

type Scalar = string | number | null

function column (value: unknown, filter: unknown): Tri | undefined {
  if (typeof filter !== 'object' || filter === null) return operator(value as Scalar, 'equals', filter, false)
  const operators = filter as Record<string, unknown>
  return operatorsOf(value as Scalar, operators, false, operators['mode'] === 'insensitive')
}

function operatorsOf (value: Scalar, operators: Record<string, unknown>, turned: boolean, insensitive: boolean): Tri | undefined {
  return conjunction(Object.entries(operators).filter(([name, operand]) => name !== 'mode' && operand !== undefined).map(([name, operand]) => {
    if (name === 'not' && typeof operand === 'object' && operand !== null) return operatorsOf(value, operand as Record<string, unknown>, !turned, insensitive)
    const found = operator(value, name, operand, insensitive)
    return turned ? not(found) : found
  }))
}

function operator (raw: Scalar, name: string, operand: unknown, insensitive: boolean): Tri {
  const fold = (item: unknown): Scalar => insensitive && typeof item === 'string' ? item.toLowerCase() : item as Scalar
  const value = fold(raw)
  if (operand === null) return name === 'not' ? value !== null : value === null
  if (value === null) return Array.isArray(operand) && operand.length === 0 ? name === 'notIn' : null
  const other = Array.isArray(operand) ? operand.map(fold) : fold(operand)
  switch (name) {
    case 'equals': return value === other
    case 'not': return value !== other
    case 'in': return (other as Scalar[]).includes(value)
    case 'notIn': return !(other as Scalar[]).includes(value)
    case 'lt': return value < (other as string | number)
    case 'lte': return value <= (other as string | number)
    case 'gt': return value > (other as string | number)
    case 'gte': return value >= (other as string | number)
    case 'contains': return (value as string).includes(other as string)
    case 'startsWith': return (value as string).startsWith(other as string)
    case 'endsWith': return (value as string).endsWith(other as string)
    default: throw new Error(`no such operator: ${name}`)
  }
}

interface Key { readonly value: (row: Row) => Scalar, readonly descending: boolean, readonly nullsFirst: boolean }

function keysOf (tables: Tables, table: string, orderBy: readonly Filter[]): Key[] {
  return orderBy.map((entry) => {
    const [name, value] = Object.entries(entry)[0] as [string, unknown]
    const relation = (tables[table] as Table).relations[name]
    if (relation !== undefined) {
      const inner = Object.entries(value as Filter)[0] as [string, unknown]
      const related = (row: Row): Row[] => relation.related(row, (tables[relation.target] as Table).rows)
      const descending = inner[1] === 'desc'
      if (relation.toMany) return { value: (row) => related(row).length, descending, nullsFirst: descending }
      return { value: (row) => (related(row)[0]?.[inner[0]] ?? null) as Scalar, descending, nullsFirst: descending }
    }
    const direction = typeof value === 'string' ? { sort: value } : value as { sort: string, nulls?: string }
    const descending = direction.sort === 'desc'
    return { value: (row) => row[name] as Scalar, descending, nullsFirst: direction.nulls === undefined ? descending : direction.nulls === 'first' }
  })
}

function compareBy (keys: readonly Key[]): (a: Row, b: Row) => number {
  return (a, b) => {
    for (const key of keys) {
      const [x, y] = [key.value(a), key.value(b)]
      if (x === y) continue
      if (x === null) return key.nullsFirst ? -1 : 1
      if (y === null) return key.nullsFirst ? 1 : -1
      return (x < y) === key.descending ? 1 : -1
    }
    return 0
  }
}

export interface ReadArguments {
  readonly where?: Filter | undefined
  /** Ends with `id`, so that there is one order. */
  readonly orderBy: readonly Filter[]
  readonly take?: number | undefined
  readonly skip?: number | undefined
  readonly cursor?: { readonly id: number } | undefined
  readonly distinct?: readonly string[] | undefined
  readonly select: Filter
}

/** `among` are the rows of a relation; then a cursor must be one of them. */
export function readMany (tables: Tables, table: string, args: ReadArguments, among?: readonly Row[]): Row[] {
  const source = among ?? (tables[table] as Table).rows
  const keys = keysOf(tables, table, args.orderBy)
  const reversed = args.take !== undefined && args.take < 0
  const compare = compareBy(keys)
  const inOrder = (a: Row, b: Row): number => reversed ? compare(b, a) : compare(a, b)
  let rows = source.filter((row) => orTrue(matches(tables, table, row, args.where ?? {})) === true).sort(inOrder)
  if (args.cursor !== undefined) {
    const { id } = args.cursor
    const isAmongRows = among !== undefined || args.distinct !== undefined || hasNullableKey(tables, table, args.orderBy)
    const at = (isAmongRows ? rows : (tables[table] as Table).rows).find((row) => row['id'] === id)
    rows = at === undefined ? [] : rows.filter((row) => inOrder(row, at) >= 0)
  }
  if (args.distinct !== undefined) {
    const seen = new Set<string>()
    rows = rows.filter((row) => {
      const key = JSON.stringify(args.distinct?.map((name) => row[name]))
      return !seen.has(key) && seen.add(key)
    })
  }
  const from = args.skip ?? 0
  rows = rows.slice(from, args.take === undefined ? undefined : from + Math.abs(args.take))
  if (reversed) rows.reverse()
  return rows.map((row) => project(tables, table, row, args.select))
}

function hasNullableKey (tables: Tables, table: string, orderBy: readonly Filter[]): boolean {
  return orderBy.some((entry) => {
    const name = Object.keys(entry)[0] as string
    const relation = (tables[table] as Table).relations[name]
    return relation === undefined ? (tables[table] as Table).nullable.includes(name) : !relation.toMany
  })
}

function project (tables: Tables, table: string, row: Row, select: Filter): Row {
  const result: Row = {}
  for (const [name, value] of Object.entries(select)) {
    const relation = (tables[table] as Table).relations[name]
    if (relation !== undefined) {
      const related = relation.related(row, (tables[relation.target] as Table).rows)
      const args = value as ReadArguments
      result[name] = relation.toMany ? readMany(tables, relation.target, args, related) : related[0] === undefined ? null : project(tables, relation.target, related[0], args.select)
    } else {
      result[name] = row[name]
    }
  }
  return result
}
