// The steps that a write consists of, each one INSERT, UPDATE, DELETE or SELECT over earlier steps' rows.

import { QueryInvalidError } from '../core/errors.ts'
import { hasServerDefault } from './default.ts'
import { encodeTimestamp, type Encode } from './encode.ts'
import type { SqlBuilder, ValueTable } from './fragment.ts'
import type { ResolvedColumn, ResolvedModel, ResolvedRelation } from './model.ts'
import type { ValueSources } from './plan.ts'
import type { ArgumentTree, Leaf } from './shape.ts'
import { integerSql, joinSql, literal, sql, type Sql } from './sql-text.ts'
import { isTree, type Assignment, type Cell, type Path, type Value } from './write-data.ts'
import { and, uniqueWhereSql, whereSql } from './where.ts'
import { keyOf, type Emission, type Guard, type Node, type Program, type Tables } from './write-program.ts'

/** A column filled from a row of an earlier step. */
export interface Link {
  readonly column: ResolvedColumn
  readonly node: Node
  readonly source: ResolvedColumn
}

export function castOf (column: ResolvedColumn): Sql {
  return column.list ? sql`${column.cast}[]` : column.cast
}

/** Values that the client makes, once a call and place. */
export class MadeValues {
  readonly #table: ValueTable
  readonly #leaves = new WeakMap<Value, Leaf>()
  readonly #elementEncoders = new WeakMap<ResolvedColumn, Encode>()
  #now: Leaf | undefined

  constructor (table: ValueTable) {
    this.#table = table
  }

  sqlOf (builder: SqlBuilder, column: ResolvedColumn, value: Value): Sql {
    switch (value.type) {
      case 'leaf': return builder.param(value.leaf, column.encode, value.path)
      case 'element': return builder.param(value.leaf, this.#elementEncoder(column), value.path)
      case 'null': return sql`null`
      case 'json-null': return sql`'null'`
      case 'time': return builder.param(this.#time(), timeEncoder(column), [column.name])
      case 'default': return this.#defaultSql(builder, column, value)
    }
  }

  #defaultSql (builder: SqlBuilder, column: ResolvedColumn, value: Value): Sql {
    const made = column.default
    // The schema's own word, so it may stand in the text: one parameter less for each column and row.
    if (made?.type === 'value') {
      const text = column.encode(made.value, [column.name])
      return text === null ? sql`null` : literal(text)
    }
    if (made?.type === 'function' && (made.function === 'uuid' || made.function === 'cuid')) {
      let leaf = this.#leaves.get(value)
      if (leaf === undefined) {
        const kind = made.function
        leaf = this.#table.generate((sources) => sources[kind]())
        this.#leaves.set(value, leaf)
      }
      return builder.param(leaf, column.encode, [column.name])
    }
    return builder.param(this.#time(), timeEncoder(column), [column.name])
  }

  #time (): Leaf {
    this.#now ??= this.#table.generate((sources) => sources.now())
    return this.#now
  }

  #elementEncoder (column: ResolvedColumn): Encode {
    let encode = this.#elementEncoders.get(column)
    if (encode === undefined) {
      encode = (value, path) => column.encode([value], path)
      this.#elementEncoders.set(column, encode)
    }
    return encode
  }
}

/** `now()` for a column of any kind that can hold a time. */
function timeEncoder (column: ResolvedColumn): Encode {
  return column.kind === 'date' || column.kind === 'time' || column.kind === 'timestamp' ? column.encode : encodeTimestamp
}

// --- conditions -----------------------------------------------------------------------------------------------------

/** Which rows of the target: a condition on `alias`. */
export type Condition = (builder: SqlBuilder, alias: Sql) => Sql | undefined

export const uniqueCondition = (model: ResolvedModel, tree: ArgumentTree, path: Path): Condition => (builder, alias) => uniqueWhereSql(builder, model, alias, tree, path)
export const filterCondition = (model: ResolvedModel, tree: ArgumentTree, path: Path): Condition => (builder, alias) => whereSql(builder, model, alias, tree, path)

export const anyOf = (conditions: readonly Condition[]): Condition => (builder, alias) => {
  if (conditions.length === 0) return sql`false`
  return sql`(${joinSql(conditions.map((condition) => condition(builder, alias) ?? sql`true`), ' or ')})`
}

export const notOf = (condition: Condition): Condition => (builder, alias) => sql`(${condition(builder, alias) ?? sql`true`}) is not true`

/** The tables that a filter looks at: those of relations are not followed one by one. */
export function filterTables (model: ResolvedModel, tree: ArgumentTree): Tables {
  for (const [name, part] of tree) {
    if (model.fields.get(name)?.type === 'relation') return 'all'
    if (name !== 'AND' && name !== 'OR' && name !== 'NOT') continue
    for (const item of Array.isArray(part) ? part : [part]) if (isTree(item) && filterTables(model, item) === 'all') return 'all'
  }
  return new Set([model.table])
}

// --- steps ----------------------------------------------------------------------------------------------------------

const qualified = (alias: Sql, columns: readonly ResolvedColumn[]): Sql => joinSql(columns.map((column) => sql`${alias}.${column.sql}`), ', ')

function unique<T> (items: readonly T[]): T[] {
  return [...new Set(items)]
}

function noteNeeds (links: readonly Link[]): void {
  for (const { node, source } of links) node.need(source)
}

function returningSql (columns: Sql): Sql {
  return columns === '' ? columns : sql` returning ${columns}`
}

const asWhere = (conditions: readonly (Sql | undefined)[]): Sql => {
  const condition = and(conditions)
  return condition === undefined ? sql`` : sql` where ${condition}`
}

const asFrom = (keyword: Sql, items: readonly Sql[]): Sql => items.length === 0 ? sql`` : sql` ${keyword} ${joinSql(items, ', ')}`

export class Steps {
  readonly program: Program
  readonly made: MadeValues
  readonly sources: ValueSources

  constructor (program: Program, table: ValueTable) {
    this.program = program
    this.made = new MadeValues(table)
    this.sources = table.sources
  }

  /** One row. */
  insert (model: ResolvedModel, options: { cells: readonly Cell[], links: readonly Link[], guards: readonly Guard[], isAlternative?: boolean }): Node {
    const { cells, links, guards } = options
    noteNeeds(links)
    const inputs = unique(links.map(({ node }) => node))
    return this.program.add(model, {
      kind: 'insert',
      isAlternative: options.isAlternative ?? false,
      table: model.table,
      inputs,
      reads: new Set(),
      writes: new Set([model.table]),
      emit: ({ builder, from, column, after, guard }, returning) => {
        const columns = joinSql([...cells, ...links].map((cell) => cell.column.sql), ', ')
        const end = returningSql(joinSql(returning.map(({ sql: name }) => name), ', '))
        if (cells.length === 0 && links.length === 0 && guards.length === 0 && after.length === 0) return sql`insert into ${model.table} default values${end}`
        if (links.length === 0 && guards.length === 0 && after.length === 0) {
          return sql`insert into ${model.table} (${columns}) values (${joinSql(cells.map((cell) => this.made.sqlOf(builder, cell.column, cell.value)), ', ')})${end}`
        }
        const values = [
          ...cells.map((cell) => sql`${this.made.sqlOf(builder, cell.column, cell.value)}::${castOf(cell.column)}`),
          ...links.map(({ node, source }) => column(node, source)),
        ]
        const spare = values.length === 0 ? spareColumn(model) : undefined
        if (spare !== undefined) values.push(sql`null::${castOf(spare)}`)
        return sql`insert into ${model.table} (${spare === undefined ? columns : spare.sql}) select ${joinSql(values, ', ')}${asFrom(sql`from`, [...inputs.map(from), ...after])}${asWhere(guard(guards))}${end}`
      },
    }, guards)
  }

  /** Rows without nested writes, which only link to the same earlier rows. All have values for `columns`, or none for the rest. */
  insertAll (model: ResolvedModel, options: { rows: readonly (readonly Cell[])[], links: readonly Link[], guards: readonly Guard[], onConflict: 'fail' | 'skip' }): Node[] {
    const { rows, links, guards, onConflict } = options
    noteNeeds(links)
    const inputs = unique(links.map(({ node }) => node))
    return groupRows(rows).map((group) => {
      const columns = model.columns.filter((column) => group.some((cells) => cells.some((cell) => cell.column === column)))
      return this.program.add(model, {
        kind: 'insert',
        table: model.table,
        inputs,
        reads: onConflict === 'skip' ? new Set([model.table]) : new Set(),
        writes: new Set([model.table]),
        emit: ({ builder, from, column, after, guard }, returning) => {
          const names = columns.map((_, i) => sql`"c${integerSql(i)}"`)
          const lines = group.map((cells, i) => {
            const values = columns.map((wanted) => {
              const cell = cells.find((candidate) => candidate.column === wanted)
              return cell === undefined ? sql`null::${castOf(wanted)}` : sql`${this.made.sqlOf(builder, wanted, cell.value)}::${castOf(wanted)}`
            })
            return sql`(${joinSql([integerSql(i), ...values], ', ')})`
          })
          const source = sql`(values ${joinSql(lines, ', ')}) as "v"(${joinSql([sql`"i"`, ...names], ', ')})`
          const spare = columns.length === 0 && links.length === 0 ? [spareColumn(model)] : []
          const values = joinSql([...names.map((name) => sql`"v".${name}`), ...links.map(({ node, source: wanted }) => column(node, wanted)), ...spare.map((wanted) => sql`null::${castOf(wanted)}`)], ', ')
          const targets = joinSql([...columns, ...links.map((link) => link.column), ...spare].map(({ sql: name }) => name), ', ')
          const conflict = onConflict === 'skip' ? sql` on conflict do nothing` : sql``
          return sql`insert into ${model.table} (${targets}) select ${values}${asFrom(sql`from`, [...inputs.map(from), ...after, source])}${asWhere(guard(guards))} order by "v"."i"${conflict}${returningSql(joinSql(returning.map(({ sql: name }) => name), ', '))}`
        },
      }, guards)
    })
  }

  /** Rows given as one array a column, made from values (never kept as a plan): their number is not part of the text. */
  insertArrays (model: ResolvedModel, options: { columns: readonly ResolvedColumn[], arrays: readonly string[], count: number, links: readonly Link[], guards: readonly Guard[], onConflict: 'fail' | 'skip' }): Node {
    const { links, guards, onConflict } = options
    noteNeeds(links)
    const inputs = unique(links.map(({ node }) => node))
    return this.program.add(model, {
      kind: 'insert',
      table: model.table,
      inputs,
      reads: onConflict === 'skip' ? new Set([model.table]) : new Set(),
      writes: new Set([model.table]),
      emit: (emission, returning) => sql`${arraysSql(model, { ...options, emission, inputs })}${returningSql(joinSql(returning.map(({ sql: name }) => name), ', '))}`,
    }, guards)
  }

  /** Rows of `model` that fulfil the condition, joined with earlier nodes. */
  read (model: ResolvedModel, options: { from: readonly Node[], reads: Tables, where: (emission: Emission, alias: Sql) => readonly (Sql | undefined)[] }): Node {
    const { from: inputs, reads, where } = options
    return this.program.add(model, {
      kind: 'read',
      table: model.table,
      inputs,
      reads,
      writes: new Set(),
      emit: (emission, returning) => {
        const alias = emission.builder.alias()
        return sql`select ${qualified(alias, returning)} from ${joinSql([sql`${model.table} as ${alias}`, ...inputs.map(emission.from)], ', ')}${asWhere(where(emission, alias))}`
      },
    })
  }

  /** The rows of either node. */
  either (model: ResolvedModel, nodes: readonly Node[], columns: readonly ResolvedColumn[]): Node {
    const made = this.program.add(model, {
      kind: 'read',
      table: model.table,
      inputs: nodes,
      parts: nodes,
      reads: new Set(),
      writes: new Set(),
      emit: ({ from }, returning) => {
        const parts = nodes.map((node) => sql`select ${qualified(node.alias, returning)} from ${from(node)}`)
        return parts.reduce((all, part) => sql`${all} union all ${part}`)
      },
    })
    for (const column of columns) made.need(column)
    return made
  }

  update (model: ResolvedModel, options: { assignments: readonly Assignment[], links: readonly Link[], from: readonly Node[], reads: Tables, where: (emission: Emission, alias: Sql) => readonly (Sql | undefined)[] }): Node {
    const { assignments, links, reads, where } = options
    noteNeeds(links)
    const inputs = unique([...options.from, ...links.map(({ node }) => node)])
    return this.program.add(model, {
      kind: 'change',
      table: model.table,
      inputs,
      reads: withTable(reads, model.table),
      writes: updateTables(model, [...assignments, ...links].map(({ column }) => column)),
      emit: (emission, returning) => {
        const alias = emission.builder.alias()
        const sets = this.#setSql(emission, alias, assignments, links)
        return sql`update ${model.table} as ${alias} set ${sets}${asFrom(sql`from`, inputs.map(emission.from))}${asWhere(where(emission, alias))}${returningSql(qualified(alias, returning))}`
      },
    })
  }

  #setSql (emission: Emission, alias: Sql, assignments: readonly Assignment[], links: readonly Link[]): Sql {
    return joinSql([
      ...assignments.map((assignment) => assignmentSql(emission.builder, this.made, alias, assignment)),
      ...links.map(({ column, node, source }) => sql`${column.sql} = ${emission.column(node, source)}`),
    ], ', ')
  }

  delete (model: ResolvedModel, options: { from: readonly Node[], reads: Tables, where: (emission: Emission, alias: Sql) => readonly (Sql | undefined)[] }): Node {
    const { from: inputs, reads, where } = options
    return this.program.add(model, {
      kind: 'change',
      table: model.table,
      inputs,
      reads: withTable(reads, model.table),
      writes: deleteTables(model),
      emit: (emission, returning) => {
        const alias = emission.builder.alias()
        return sql`delete from ${model.table} as ${alias}${asFrom(sql`using`, inputs.map(emission.from))}${asWhere(where(emission, alias))}${returningSql(qualified(alias, returning))}`
      },
    })
  }

  /** Joins every row of one node with every row of another, in the table of a many-to-many relation. */
  link (relation: ResolvedRelation, parent: Node, child: Node): void {
    const { join } = relation
    if (join === undefined) throw new TypeError('not a many-to-many relation')
    parent.need(join.localColumn)
    child.need(join.foreignColumn)
    this.program.add(relation.target, {
      kind: 'link',
      table: join.table,
      inputs: [parent, child],
      reads: new Set(),
      writes: new Set([join.table]),
      emit: ({ from, column }) => sql`insert into ${join.table} (${join.local}, ${join.foreign}) select ${column(parent, join.localColumn)}, ${column(child, join.foreignColumn)} from ${from(parent)}, ${from(child)} on conflict do nothing`,
    })
  }

  /** Takes rows out of the table of a many-to-many relation; `where` is a condition on the target, none for all. */
  unlink (relation: ResolvedRelation, parent: Node, where: Condition | undefined, reads: Tables): void {
    const { join, target } = relation
    if (join === undefined) throw new TypeError('not a many-to-many relation')
    parent.need(join.localColumn)
    this.program.add(target, {
      kind: 'change',
      table: join.table,
      inputs: [parent],
      reads: withTable(where === undefined ? new Set() : reads, join.table),
      writes: new Set([join.table]),
      emit: ({ builder, from, column }) => {
        const alias = builder.alias()
        const other = builder.alias()
        const among = where === undefined ? undefined : sql`${alias}.${join.foreign} in (select ${other}.${join.foreignColumn.sql} from ${target.table} as ${other}${asWhere([where(builder, other)])})`
        return sql`delete from ${join.table} as ${alias} using ${from(parent)}${asWhere([sql`${alias}.${join.local} = ${column(parent, join.localColumn)}`, among])} returning ${alias}.${join.foreign} as ${(keyOf(target)[0] as ResolvedColumn).sql}`
      },
    })
  }
}

/** `column = …`, where the old value is that of the row `alias`. */
export function assignmentSql (builder: SqlBuilder, made: MadeValues, alias: Sql, { column, operator, value }: Assignment): Sql {
  const operand = made.sqlOf(builder, column, value)
  const old = sql`${alias}.${column.sql}`
  const cast = castOf(column)
  switch (operator) {
    case 'set': return sql`${column.sql} = ${operand}`
    case 'increment': return sql`${column.sql} = ${old} + ${operand}::${cast}`
    case 'decrement': return sql`${column.sql} = ${old} - ${operand}::${cast}`
    case 'multiply': return sql`${column.sql} = ${old} * ${operand}::${cast}`
    case 'divide': return sql`${column.sql} = ${old} / ${operand}::${cast}`
    case 'push': return sql`${column.sql} = array_cat(${old}, ${operand}::${cast})`
  }
}

/** INSERT … SELECT has no DEFAULT: a row of the server's defaults alone is written by naming a column that has none, and may be NULL. */
function spareColumn (model: ResolvedModel): ResolvedColumn {
  const spare = model.columns.find((candidate) => candidate.optional && !hasServerDefault(candidate))
  if (spare === undefined) throw new QueryInvalidError(`Records of \`${model.name}\` without any value can only be created one by one`, { path: [] })
  return spare
}

/** The rows as `insert … select` over one array a column. Lists travel as their text, since an array of arrays would be flattened. */
function arraysSql (model: ResolvedModel, options: { columns: readonly ResolvedColumn[], arrays: readonly string[], count: number, links: readonly Link[], guards: readonly Guard[], onConflict: 'fail' | 'skip', emission: Emission, inputs: readonly Node[] }): Sql {
  const { columns, arrays, count, links, guards, onConflict, inputs, emission: { builder, from, column, after, guard } } = options
  const conflict = onConflict === 'skip' ? sql` on conflict do nothing` : sql``
  if (columns.length === 0 && links.length === 0) {
    return sql`insert into ${model.table} (${(model.columns[0] as ResolvedColumn).sql}) values ${joinSql(Array.from({ length: count }, () => sql`(default)`), ', ')}${conflict}`
  }
  const names = columns.map((_, i) => sql`"c${integerSql(i)}"`)
  const params = columns.map((wanted, i) => sql`${builder.constant(arrays[i] as string)}::${wanted.list ? sql`text` : wanted.cast}[]`)
  const source = columns.length === 0
    ? sql`generate_series(1, ${integerSql(count)}) as "v"("i")`
    : sql`unnest(${joinSql(params, ', ')}) with ordinality as "v"(${joinSql([...names, sql`"i"`], ', ')})`
  const values = joinSql([
    ...columns.map((wanted, i) => wanted.list ? sql`"v".${names[i] as Sql}::${castOf(wanted)}` : sql`"v".${names[i] as Sql}`),
    ...links.map(({ node, source: wanted }) => column(node, wanted)),
  ], ', ')
  const targets = joinSql([...columns, ...links.map((link) => link.column)].map(({ sql: name }) => name), ', ')
  return sql`insert into ${model.table} (${targets}) select ${values}${asFrom(sql`from`, [...inputs.map(from), ...after, source])}${asWhere(guard(guards))} order by "v"."i"${conflict}`
}

/** Rows that the server fills in the same columns of, together; order within a group is kept. */
function groupRows (rows: readonly (readonly Cell[])[]): (readonly (readonly Cell[])[])[] {
  const groups = new Map<string, (readonly Cell[])[]>()
  for (const cells of rows) {
    const key = cells.filter(({ column }) => hasServerDefault(column)).map(({ column }) => column.name).join(' ')
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [cells])
    else group.push(cells)
  }
  return [...groups.values()]
}

function withTable (tables: Tables, table: Sql): Tables {
  return tables === 'all' ? 'all' : new Set([...tables, table])
}

/** Other tables refer to these columns, so a change of them may go further. */
function updateTables (model: ResolvedModel, columns: readonly ResolvedColumn[]): Tables {
  const referenced = model.relations.some(({ key, pairs }) => key === 'foreign' && pairs.some(({ local }) => columns.includes(local))) ||
    model.relations.some(({ join }) => join !== undefined && columns.includes(join.localColumn))
  return referenced ? 'all' : new Set([model.table])
}

/** The table and those that its foreign keys' actions reach. Where the schema does not say what happens, all may. */
function deleteTables (model: ResolvedModel): Tables {
  const tables = new Set<Sql>()
  const seen = new Set([model])
  for (const reached of seen) {
    tables.add(reached.table)
    for (const { key, join, target, onDelete } of reached.relations) {
      if (join !== undefined) tables.add(join.table)
      if (key !== 'foreign' || onDelete === 'restrict' || onDelete === 'no-action') continue
      tables.add(target.table)
      if (onDelete === 'cascade' || onDelete === undefined) seen.add(target)
    }
  }
  return tables
}

/** The row of `alias` is one of the node's. */
export function sameRow (emission: Emission, alias: Sql, node: Node): Sql {
  return and(keyOf(node.model).map((column) => sql`${alias}.${column.sql} = ${emission.column(node, column)}`)) as Sql
}

export function needKey (node: Node): void {
  for (const column of keyOf(node.model)) node.need(column)
}

/** The row of `alias` (of the relation's target) is related to the node's. */
export function related (emission: Emission, relation: ResolvedRelation, node: Node, alias: Sql): Sql {
  const { join } = relation
  if (join === undefined) return and(relation.pairs.map(({ local, foreign }) => sql`${alias}.${foreign.sql} = ${emission.column(node, local)}`)) as Sql
  const link = emission.builder.alias()
  return sql`exists (select from ${join.table} as ${link} where ${link}.${join.foreign} = ${alias}.${join.foreignColumn.sql} and ${link}.${join.local} = ${emission.column(node, join.localColumn)})`
}

export function needLink (relation: ResolvedRelation, node: Node): void {
  if (relation.join !== undefined) node.need(relation.join.localColumn)
  for (const { local } of relation.pairs) node.need(local)
}

/** Tables that `related` looks at. */
export function relatedTables (relation: ResolvedRelation): Tables {
  return new Set(relation.join === undefined ? [relation.target.table] : [relation.target.table, relation.join.table])
}
