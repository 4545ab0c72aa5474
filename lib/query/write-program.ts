// A write as a list of steps that become as few statements as possible, all sent in one round trip.
//
// A step is one INSERT, UPDATE, DELETE or SELECT; the rows that it returns are a *node*, which later steps join by name.
// Steps are listed in the order in which Prisma would run them one by one. Consecutive steps share a statement, as
// WITH queries, as long as that cannot be told from running them in order: the parts of one statement all see the data as
// it was before the statement, so a step that reads a table which the statement has written begins a new statement.
// What a later statement needs of a node crosses over in a transaction-local setting (`set_config(…, true)`), as the
// text of an array per column. So nothing has to come back to this process before the last statement is sent.
//
// What must hold for the write to stand (a record to connect exists, no required relation breaks) is a *check*: an
// expression that fails on the server when it does not hold, which undoes everything. There is no SQL function that raises
// a chosen error, so the expression casts a marker to json: 22P02, whose detail quotes the word that is none (json's lexer,
// `report_invalid_token`). The detail, because a driver may strike out values in the message.
//
// Inserts into one table within one statement are chained, each waiting for the one before: ids that sequences hand out are
// in the order of the steps.

import { KnownRequestError } from '../core/errors.ts'
import { DriverFailure } from '../core/driver-failure.ts'
import { SqlBuilder, type ValueTable } from './fragment.ts'
import type { ResolvedColumn, ResolvedModel } from './model.ts'
import type { StatementTemplate } from './plan.ts'
import { emptySql, integerSql, joinSql, sql, type Sql } from './sql-text.ts'

/** Tables by name; `all` where triggers of foreign keys may reach any. */
export type Tables = ReadonlySet<Sql> | 'all'

/** A node that has rows, or has none. */
export interface Guard {
  readonly node: Node
  readonly rows: 'some' | 'none'
}

export interface CheckError {
  readonly code: string
  readonly meta: Readonly<Record<string, unknown>>
  /** `found` is the number of rows that there were. */
  readonly message: (found: number) => string
}

export interface Check {
  readonly node: Node
  readonly expected: number | ((builder: SqlBuilder) => Sql)
  /** The check counts only where all of these hold. */
  readonly guards: readonly Guard[]
  readonly error: CheckError
  /** What follows would fail by itself otherwise, with another error (a unique key taken): it must wait for the check. */
  readonly isFirst: boolean
}

export interface Emission {
  readonly builder: SqlBuilder
  /** A node as an item of FROM; its columns are `column(node, …)`. */
  readonly from: (node: Node) => Sql
  readonly column: (node: Node, column: ResolvedColumn) => Sql
  /** Items of FROM that make this insert wait for earlier ones of its table; often none. */
  readonly after: readonly Sql[]
  readonly guard: (guards: readonly Guard[]) => Sql[]
}

export interface Step {
  /** `link`: an insert whose order does not matter and whose rows nobody asks for. */
  readonly kind: 'insert' | 'link' | 'change' | 'read'
  /** The table that is written, for inserts their order. */
  readonly table: Sql
  readonly inputs: readonly Node[]
  readonly reads: Tables
  readonly writes: Tables
  /** Its rows are those of these nodes. */
  readonly parts?: readonly Node[]
  /** It runs only where the changes before it did not, so it may share their statement. */
  readonly isAlternative?: boolean
  /** The statement, which returns these columns. */
  readonly emit: (emission: Emission, returning: readonly ResolvedColumn[]) => Sql
}

/** Rows of one step. */
export class Node {
  readonly index: number
  readonly model: ResolvedModel
  readonly step: Step
  /** Columns that later steps ask for; they cross over to later statements. */
  readonly #needs = new Set<ResolvedColumn>()
  /** Columns that the result asks for, in the node's own statement. */
  readonly #shows = new Set<ResolvedColumn>()
  /** Part of whether the step has any rows at all; empty: always. */
  readonly guards: readonly Guard[]
  /** The first step that its rows are as of. */
  readonly since: number

  constructor (index: number, model: ResolvedModel, step: Step, guards: readonly Guard[]) {
    this.index = index
    this.since = Math.min(index, ...(step.parts ?? []).map((part) => part.since))
    this.model = model
    this.step = step
    this.guards = guards
  }

  get alias (): Sql { return sql`"n${integerSql(this.index)}"` }

  need (column: ResolvedColumn): void {
    this.#needs.add(column)
    for (const part of this.step.parts ?? []) part.need(column)
  }

  show (column: ResolvedColumn): void {
    this.#shows.add(column)
    for (const part of this.step.parts ?? []) part.show(column)
  }

  /** At least its key, so that its rows can be counted. */
  get needed (): ReadonlySet<ResolvedColumn> {
    if (this.#needs.size === 0) for (const column of keyOf(this.model)) this.need(column)
    return this.#needs
  }

  get returned (): readonly ResolvedColumn[] { return [...new Set([...this.needed, ...this.#shows])] }
}

export const noTables: Tables = new Set()

function overlap (a: Tables, b: Tables): boolean {
  if (a === 'all') return b === 'all' || b.size > 0
  if (b === 'all') return a.size > 0
  for (const table of a) if (b.has(table)) return true
  return false
}

function union (a: Tables, b: Tables): Tables {
  return a === 'all' || b === 'all' ? 'all' : new Set([...a, ...b])
}

/** One statement's worth of WITH queries. PostgreSQL has no bound of its own, but its planner's work grows faster than this. */
export const maxStepsPerStatement = 50

const marker = 'fmr_check' as Sql

/** What the last statement returns: nothing that anyone reads, or the node's rows as a selection of the caller. */
export type Result =
  | { readonly type: 'none' }
  | {
    readonly type: 'rows'
    readonly node: Node
    /** Several rows keep the order of the node's. */
    readonly amount: 'one' | 'many'
    /** Tables that the selection's relations look at. */
    readonly tables: Tables
    readonly select: (builder: SqlBuilder, alias: Sql) => { readonly expressions: readonly Sql[], readonly needs: readonly ResolvedColumn[] }
  }

export class Program {
  readonly #values: ValueTable
  readonly #nodes: Node[] = []
  readonly #checks: Check[] = []
  readonly #stepsPerStatement: number

  /** With one step a statement, nothing is shared: what sharing must not be told from. */
  constructor (values: ValueTable, stepsPerStatement = maxStepsPerStatement) {
    this.#values = values
    this.#stepsPerStatement = stepsPerStatement
  }

  add (model: ResolvedModel, step: Step, guards: readonly Guard[] = []): Node {
    const node = new Node(this.#nodes.length, model, step, guards)
    this.#nodes.push(node)
    return node
  }

  /** The number of a node's rows must be `expected`. */
  check (check: Check): void {
    this.#checks.push(check)
  }

  get size (): number { return this.#nodes.length }

  /** The statements in order, and which of them returns the result's rows. */
  statements (result: Result): { templates: StatementTemplate[], resultAt: number } {
    const groups = this.#group()
    const place = this.#place(result, groups)
    if (result.type === 'rows') {
      if (place.from === 'node') for (const column of result.select(new SqlBuilder(this.#values), result.node.alias).needs) result.node.show(column)
      else for (const column of keyOf(result.node.model)) result.node.need(column)
    }
    const groupOf = new Map<Node, Group>()
    for (const group of groups) for (const node of group.nodes) groupOf.set(node, group)
    const exportTo = (group: Group | undefined, input: Node): void => {
      const home = groupOf.get(input)
      if (home !== group) home?.exports.add(input)
    }
    for (const node of this.#nodes) {
      for (const input of node.step.inputs) exportTo(groupOf.get(node), input)
      for (const { node: input } of node.guards) exportTo(groupOf.get(node), input)
    }
    for (const { node, guards } of this.#checks) for (const { node: input } of guards) exportTo(groupOf.get(node), input)
    if (result.type === 'rows' && place.from === 'table') exportTo(place.group, result.node)
    const settings = new Map<Node, ReadonlyMap<ResolvedColumn, Sql>>()
    let count = 0
    for (const node of this.#nodes) {
      if (groupOf.get(node)?.exports.has(node) !== true) continue
      settings.set(node, new Map([...node.needed].map((column) => [column, sql`'fmr.v${integerSql(count++)}'`])))
    }
    return {
      templates: groups.map((group) => this.#emit(group, { settings, result: group === place.group ? result : { type: 'none' }, from: place.from })),
      resultAt: groups.indexOf(place.group),
    }
  }

  #group (): Group[] {
    const groups: Group[] = []
    const first = new Set(this.#checks.filter(({ isFirst }) => isFirst).map(({ node }) => node))
    let group: Group | undefined
    for (const node of this.#nodes) {
      const { reads, writes, kind, isAlternative = false } = node.step
      if (group === undefined || group.nodes.length >= this.#stepsPerStatement || overlap(reads, group.writes) || (!isAlternative && overlap(writes, kind === 'change' ? group.writes : group.changes))) {
        group = { nodes: [], writes: noTables, changes: noTables, exports: new Set() }
        groups.push(group)
      }
      group.nodes.push(node)
      group.writes = union(group.writes, writes)
      if (kind === 'change') group.changes = union(group.changes, writes)
      if (first.has(node)) group = undefined
    }
    return groups
  }

  /** The statement that gives the result: the node's own, or one more that looks the rows up by their keys. */
  #place (result: Result, groups: Group[]): { group: Group, from: 'node' | 'table' } {
    if (result.type === 'none') {
      const last = groups.at(-1)
      if (last !== undefined) return { group: last, from: 'node' }
    } else {
      const { node, tables } = result
      const home = groups.findIndex(({ nodes }) => isWhollyIn(nodes, node))
      // A node's rows are as its step left them: not if the table was changed after it. What its statement and those after it
      // write to other tables is not in the selection's relations yet.
      const isStale = this.#nodes.some(({ index, step }) => index > node.since && step.kind === 'change' && overlap(step.writes, new Set([node.model.table])))
      const misses = groups.some(({ writes }, i) => i >= home && overlap(tables, writes))
      if (home >= 0 && !isStale && !misses) return { group: groups[home] as Group, from: 'node' }
    }
    const group: Group = { nodes: [], writes: noTables, changes: noTables, exports: new Set() }
    groups.push(group)
    return { group, from: 'table' }
  }

  #emit (group: Group, { settings, result, from: origin }: { settings: ReadonlyMap<Node, ReadonlyMap<ResolvedColumn, Sql>>, result: Result, from: 'node' | 'table' }): StatementTemplate {
    const builder = new SqlBuilder(this.#values)
    const inGroup = new Set(group.nodes)
    const from = (node: Node): Sql => {
      if (inGroup.has(node)) return node.alias
      const columns = [...node.needed]
      const arrays = columns.map((column) => sql`current_setting(${(settings.get(node) as ReadonlyMap<ResolvedColumn, Sql>).get(column) as Sql})::${arrayOf(column)}`)
      return sql`unnest(${joinSql(arrays, ', ')}) with ordinality as ${node.alias}(${joinSql([...columns.map((column) => column.sql), sql`"ordinality"`], ', ')})`
    }
    const column = (node: Node, { sql: name }: ResolvedColumn): Sql => sql`${node.alias}.${name}`
    const guard = (guards: readonly Guard[]): Sql[] => guards.map(({ node, rows }) => rows === 'some' ? sql`exists (select from ${from(node)})` : sql`not exists (select from ${from(node)})`)
    const inserted = new Map<Sql, Node>()
    const parts: Sql[] = []
    for (const node of group.nodes) {
      const { step } = node
      const before = step.kind === 'insert' ? inserted.get(step.table) : undefined
      const after = before === undefined || step.inputs.includes(before) ? [] : [sql`(select count(*) from ${before.alias}) as "o${integerSql(node.index)}"`]
      const body = step.emit({ builder, from, column, after, guard }, node.returned)
      parts.push(sql`${node.alias} as (${body})`)
      if (step.kind === 'insert') inserted.set(step.table, node)
    }
    const checks = this.#checks.flatMap((check, i) => inGroup.has(check.node) ? [checkSql(i, check, builder, guard)] : [])
    const exported = group.nodes.flatMap((node) => {
      const names = group.exports.has(node) ? settings.get(node) : undefined
      return names === undefined ? [] : [...names].map(([{ sql: name }, setting]) => sql`(select set_config(${setting}, coalesce(array_agg(${name})::text, '{}'), true) from ${node.alias})`)
    })
    const effects = [...exported, ...checks]
    const head = parts.length === 0 ? emptySql : sql`with ${joinSql(parts, ', ')} `
    if (result.type === 'none') return builder.template(sql`${head}select ${effects.length === 0 ? sql`1` : joinSql(effects, ', ')}`)
    const { node, amount } = result
    if (origin === 'node') {
      const { expressions } = result.select(builder, node.alias)
      return builder.template(effects.length === 0
        ? sql`${head}select ${joinSql(expressions, ', ')} from ${node.alias}`
        : sql`${head}select ${joinSql([...expressions, ...effects], ', ')} from (select) as "one" left join ${node.alias} on true`)
    }
    const alias = builder.alias()
    const { expressions } = result.select(builder, alias)
    const same = joinSql(keyOf(node.model).map((key) => sql`${alias}.${key.sql} = ${column(node, key)}`), ' and ')
    const order = amount === 'many' ? sql` order by ${node.alias}."ordinality"` : emptySql
    return builder.template(sql`select ${joinSql(expressions, ', ')} from ${node.model.table} as ${alias}, ${from(node)} where ${same}${order}`)
  }

  /** The steps as statements of their own, in order, without checks, exports or rows to return. */
  bareStatements (): StatementTemplate[] {
    return this.#nodes.map(({ step }) => {
      const builder = new SqlBuilder(this.#values)
      const none = (): never => { throw new TypeError('a bare statement has no inputs') }
      return builder.template(step.emit({ builder, from: none, column: none, after: [], guard: () => [] }, []))
    })
  }

  get errorOf (): (failure: Error) => Error | undefined {
    const errors = this.#checks.map(({ error }) => error)
    return (failure) => checkError(failure, errors)
  }
}

interface Group {
  readonly nodes: Node[]
  writes: Tables
  /** Tables with rows updated or deleted: an insert after that must not share the statement (unique keys). */
  changes: Tables
  readonly exports: Set<Node>
}

/** The columns that tell a row from all others. */
export function keyOf (model: ResolvedModel): readonly ResolvedColumn[] {
  return (model.id ?? model.uniques[0])?.columns ?? model.columns
}

function isWhollyIn (nodes: readonly Node[], node: Node): boolean {
  return nodes.includes(node) && (node.step.parts ?? []).every((part) => isWhollyIn(nodes, part))
}

export function arrayOf (column: ResolvedColumn): Sql {
  return sql`${column.cast}[]`
}

function checkSql (index: number, { node, expected, guards }: Check, builder: SqlBuilder, guard: (guards: readonly Guard[]) => Sql[]): Sql {
  const count = typeof expected === 'number' ? integerSql(expected) : expected(builder)
  const bad = joinSql([sql`count(*) <> ${count}`, ...guard(guards)], ' and ')
  return sql`(select case when ${bad} then ('${marker}_${integerSql(index)}_' || count(*))::json end from ${node.alias})`
}

/** A statement that returns rows, in a form that fails when there is not one (check 0). Its rows have one column more. */
export function checkedSql (text: Sql): Sql {
  return sql`with "w" as (${text}) select "w".*, (select case when count(*) <> 1 then ('${marker}_0_' || count(*))::json end from "w") from (select) as "one" left join "w" on true`
}

const markerPattern = new RegExp(`${marker}_(\\d+)_(\\d+)`)

/** What a check that failed on the server says, or undefined for any other failure. */
export function checkError (failure: Error, errors: readonly CheckError[]): Error | undefined {
  if (!(failure instanceof DriverFailure) || failure.code !== '22P02') return undefined
  const match = markerPattern.exec(failure.detail ?? '')
  const error = match === null ? undefined : errors[Number(match[1])]
  return error === undefined ? undefined : new KnownRequestError(error.message(Number(match?.[2])), { code: error.code, meta: { ...error.meta }, cause: failure })
}
