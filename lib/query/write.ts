// create, update, upsert, delete and their forms for many: arguments → one statement, or a batch that travels as one.
//
// Rows are returned by the statement that writes them. A relation in the selection is read there too, in RETURNING, which
// sees the data as it was before the statement: right as long as the selection does not come back to the written table
// and nothing cascades; else the rows are looked up again, by a second statement in the same round trip. What a user's own
// triggers change in other tables is not seen by the former.

import { errorMapper } from './database-error.ts'
import { encodeCount } from './encode.ts'
import { SqlBuilder } from './fragment.ts'
import { NestedWriter, knownError, missingRoot, skipDuplicates } from './nested-write.ts'
import { selectionOf, type Decoder, type Selection } from './selection.ts'
import { Leaf, type Argument, type ArgumentTree } from './shape.ts'
import { emptySql, joinSql, sql, type Sql } from './sql-text.ts'
import { checkArguments } from './read.ts'
import { uniqueWhereSql, whereSql } from './where.ts'
import { invalid, isTree, parseCreate, parseUpdate, treeOf, type CreateData, type Path, type UpdateData } from './write-data.ts'
import { Program, checkError, checkedSql, keyOf, type CheckError, type Node, type Result, type Tables } from './write-program.ts'
import { rowsOf } from './write-rows.ts'
import { MadeValues, Steps, assignmentSql, filterTables, uniqueCondition } from './write-step.ts'
import type { Compilation, WriteMethod } from './compile.ts'
import type { ResolvedColumn, ResolvedModel } from './model.ts'
import type { Plan, StatementTemplate, Values } from './plan.ts'
import type { QueryResult, Work } from './statement.ts'

const selectionArguments = ['select', 'include', 'omit', 'relationLoadStrategy']

export interface WriteCompilation extends Compilation {
  /** Of nested writes; by default as many as the planner bears. */
  readonly stepsPerStatement?: number
}

export function compileWrite (compilation: WriteCompilation, method: WriteMethod): Plan {
  switch (method) {
    case 'create': return compileCreate(compilation)
    case 'createMany': return compileCreateMany(compilation)
    case 'createManyAndReturn': return compileCreateManyAndReturn(compilation)
    case 'update': return compileUpdate(compilation)
    case 'updateMany': return compileUpdateMany(compilation)
    case 'updateManyAndReturn': return compileUpdateManyAndReturn(compilation)
    case 'upsert': return compileUpsert(compilation)
    case 'delete': return compileDelete(compilation)
    case 'deleteMany': return compileDeleteMany(compilation)
  }
}

// --- plans ----------------------------------------------------------------------------------------------------------

function plan<T> (model: ResolvedModel, open: (values: Values) => Work<T>, mapError = errorMapper(model)): Plan<T> {
  return { access: 'write', cacheable: true, open, mapError }
}

/** A statement whose only way to fail by itself is to find no row. */
function checkedPlan (model: ResolvedModel, options: { builder: SqlBuilder, text: Sql, decode: Decoder, error: CheckError }): Plan {
  const { builder, text, decode, error } = options
  const template = builder.template(text)
  const checked = builder.template(checkedSql(text))
  const decodeRow = (result: QueryResult): unknown => {
    const row = result.rows[0]
    if (row === undefined) throw knownError(error)
    return decode(row)
  }
  const mapDatabase = errorMapper(model)
  return plan(model, (values) => {
    const statement = template.bind(values)
    return { type: 'statement', statement, checked: { text: checked.text, params: statement.params }, decode: decodeRow }
  }, (failure) => checkError(failure, [error]) ?? mapDatabase(failure))
}

/** All of a program's statements in one round trip. */
function programPlan<T> (model: ResolvedModel, options: { program: Program, result: Result, decode: (result: QueryResult) => T, cacheable: boolean }): Plan<T> {
  const { program, result, decode, cacheable } = options
  const { templates, resultAt } = program.statements(result)
  const errorOf = program.errorOf
  const mapDatabase = errorMapper(model)
  const mapError = (failure: Error): Error => errorOf(failure) ?? mapDatabase(failure)
  const only = templates.length === 1 ? templates[0] : undefined
  const open = only === undefined
    ? (values: Values): Work<T> => ({ type: 'batch', statements: templates.map((template) => template.bind(values)), decode: (results) => decode(results[resultAt] as QueryResult) })
    : (values: Values): Work<T> => ({ type: 'statement', statement: only.bind(values), decode })
  return { access: 'write', cacheable, open, mapError }
}

/** The selection of the arguments on a node's rows, and the decoder that comes of it. */
function rowsResult (compilation: WriteCompilation, node: Node, amount: 'one' | 'many'): { result: Result, decoder: () => Decoder } {
  const { model, args } = compilation
  let decoder: Decoder | undefined
  const result: Result = {
    type: 'rows',
    node,
    amount,
    tables: selectionTables(model, args),
    select: (builder, alias) => {
      const selection = selectionOf(builder, model, alias, args, [])
      decoder = selection.decode
      // Relations are correlated by columns that may not be selected themselves.
      return { expressions: selection.expressions, needs: selection.hasRelations ? model.columns : selection.columns }
    },
  }
  return { result, decoder: () => decoder as Decoder }
}

function onePlan (compilation: WriteCompilation, options: { program: Program, node: Node, cacheable: boolean }): Plan {
  const { program, node, cacheable } = options
  const { result, decoder } = rowsResult(compilation, node, 'one')
  return programPlan(compilation.model, { program, result, cacheable, decode: ({ rows }) => decoder()(rows[0] as (string | null)[]) })
}

// --- what a selection looks at --------------------------------------------------------------------------------------

/** The tables of a selection's relations, at any depth; `all` where a filter or an order follows further relations. */
function selectionTables (model: ResolvedModel, args: ArgumentTree): Tables {
  const tables = new Set<Sql>()
  return addTables(model, args, tables) ? tables : 'all'
}

function addTables (model: ResolvedModel, args: ArgumentTree, tables: Set<Sql>): boolean {
  for (const name of ['select', 'include']) {
    const chosen = args.get(name)
    if (!isTree(chosen)) continue
    for (const [key, value] of chosen) {
      if (value === false) continue
      if (key === '_count') {
        for (const relation of model.relations) tables.add(relation.join?.table ?? relation.target.table)
        if (isTree(value)) return false
        continue
      }
      const field = model.fields.get(key)
      if (field?.type !== 'relation') continue
      tables.add(field.target.table)
      if (field.join !== undefined) tables.add(field.join.table)
      if (!isTree(value)) continue
      if (followsRelations(field.target, value) || !addTables(field.target, value, tables)) return false
    }
  }
  return true
}

function followsRelations (model: ResolvedModel, args: ArgumentTree): boolean {
  const where = args.get('where')
  if (isTree(where) && filterTables(model, where) === 'all') return true
  const orders = args.get('orderBy')
  return (Array.isArray(orders) ? orders as readonly Argument[] : [orders]).some((order) => isTree(order) && [...order.keys()].some((key) => model.fields.get(key)?.type === 'relation'))
}

/** May RETURNING read the selection's relations although the statement writes to this table? */
function canReturn (model: ResolvedModel, args: ArgumentTree): boolean {
  const tables = selectionTables(model, args)
  return tables !== 'all' && !tables.has(model.table)
}

// --- create ---------------------------------------------------------------------------------------------------------

const emptyTree: ArgumentTree = new Map()

function compileCreate (compilation: WriteCompilation): Plan {
  const { model, args, values } = compilation
  checkArguments(model, args, ['data', ...selectionArguments])
  const data = parseCreate(model, args.get('data') ?? emptyTree, { path: ['data'], kind: 'one' })
  if (data.nested.length > 0 || !canReturn(model, args)) {
    const program = new Program(values, compilation.stepsPerStatement)
    const writer = new NestedWriter(new Steps(program, values), model)
    const node = writer.create(model, data)
    return onePlan(compilation, { program, node, cacheable: !writer.usesValues })
  }
  const builder = new SqlBuilder(values)
  const alias = builder.alias()
  const insert = insertSql(builder, new MadeValues(values), model, alias, data)
  const { expressions, decode } = selectionOf(builder, model, alias, args, [])
  const template = builder.template(sql`${insert} returning ${joinSql(expressions, ', ')}`)
  const decodeRow = ({ rows }: QueryResult): unknown => decode(rows[0] as (string | null)[])
  return plan(model, (given) => ({ type: 'statement', statement: template.bind(given), decode: decodeRow }))
}

function insertSql (builder: SqlBuilder, made: MadeValues, model: ResolvedModel, alias: Sql, { cells }: CreateData): Sql {
  if (cells.length === 0) return sql`insert into ${model.table} as ${alias} default values`
  const values = cells.map(({ column, value }) => made.sqlOf(builder, column, value))
  return sql`insert into ${model.table} as ${alias} (${joinSql(cells.map(({ column }) => column.sql), ', ')}) values (${joinSql(values, ', ')})`
}

const noRows = { type: 'constant', value: { count: 0 } } as const

function compileCreateMany (compilation: WriteCompilation): Plan {
  const { model, args } = compilation
  checkArguments(model, args, ['data', 'skipDuplicates'])
  const { program, nodes, cacheable } = createRows(compilation)
  if (nodes.length === 0) return { ...plan(model, () => noRows), cacheable }
  // Nobody reads the rows, so that they need not be returned: each statement is the insert alone, and its tag has the count.
  const templates = program.bareStatements()
  const decode = (results: readonly QueryResult[]): unknown => ({ count: results.reduce((sum, result) => sum + result.count, 0) })
  const only = templates.length === 1 ? templates[0] : undefined
  return {
    ...plan(model, (given) => only === undefined
      ? { type: 'batch', statements: templates.map((template) => template.bind(given)), decode }
      : { type: 'statement', statement: only.bind(given), decode: (result) => decode([result]) }),
    cacheable,
  }
}

function createRows (compilation: WriteCompilation): { program: Program, nodes: Node[], positions: readonly number[], cacheable: boolean } {
  const { model, args, values } = compilation
  const onConflict = skipDuplicates(args, [])
  const program = new Program(values, compilation.stepsPerStatement)
  const steps = new Steps(program, values)
  const options = { links: [], guards: [], onConflict } as const
  const data = args.get('data')
  if (data instanceof Leaf) {
    const groups = rowsOf(model, data.value, { path: ['data'], sources: steps.sources })
    return {
      program,
      nodes: groups.map((group) => steps.insertArrays(model, { ...options, ...group })),
      positions: groups.flatMap((group) => group.positions),
      cacheable: false,
    }
  }
  const { cells } = parseCreate(model, data, { path: ['data'], kind: 'many' })
  return { program, nodes: steps.insertAll(model, { ...options, rows: [cells] }), positions: [0], cacheable: true }
}

function compileCreateManyAndReturn (compilation: WriteCompilation): Plan {
  const { model, args, values } = compilation
  checkArguments(model, args, ['data', 'skipDuplicates', ...selectionArguments])
  checkReturned(model, args)
  const { program, nodes, positions, cacheable } = createRows(compilation)
  const [first] = nodes
  if (first === undefined) {
    selectionOf(new SqlBuilder(values), model, sql`t`, args, [])
    return { ...plan(model, () => ({ type: 'constant', value: [] })), cacheable }
  }
  const node = nodes.length === 1 ? first : new Steps(program, values).either(model, nodes, keyOf(model))
  const { result, decoder } = rowsResult(compilation, node, 'many')
  // Groups of rows follow each other; where none was skipped, each goes back to its place.
  const isMoved = positions.some((position, i) => position !== i)
  return programPlan(model, {
    program,
    result,
    cacheable,
    decode: ({ rows }) => {
      const decode = decoder()
      const records = rows.map((row) => decode(row))
      if (!isMoved || records.length !== positions.length) return records
      const ordered = new Array<unknown>(records.length)
      for (let i = 0; i < records.length; i++) ordered[positions[i] as number] = records[i]
      return ordered
    },
  })
}

/** Many rows come back with the records that they point to, not with lists of others. */
function checkReturned (model: ResolvedModel, args: ArgumentTree): void {
  for (const name of ['select', 'include']) {
    const chosen = args.get(name)
    if (!isTree(chosen)) continue
    for (const key of chosen.keys()) {
      const field = model.fields.get(key)
      if (key === '_count' || (field?.type === 'relation' && field.key !== 'local')) throw invalid(`\`${key}\` cannot be returned by a write of many`, [name, key])
    }
  }
}

// --- update ---------------------------------------------------------------------------------------------------------

function compileUpdate (compilation: WriteCompilation): Plan {
  const { model, args, values } = compilation
  checkArguments(model, args, ['where', 'data', ...selectionArguments])
  const where = treeOf(args.get('where'), '`where`', ['where'])
  const data = parseUpdate(model, args.get('data'), { path: ['data'], kind: 'one' })
  const error = missingRoot(model, 'an update')
  if (data.nested.length > 0 || (data.assignments.length > 0 && !(canReturn(model, args) && staysHere(model, data)))) {
    const program = new Program(values, compilation.stepsPerStatement)
    const steps = new Steps(program, values)
    const writer = new NestedWriter(steps, model)
    const found = findUnique(steps, model, where, ['where'])
    writer.expectRoot(found, 'an update')
    const node = writer.update(found, data, [])
    return onePlan(compilation, { program, node, cacheable: !writer.usesValues })
  }
  const builder = new SqlBuilder(values)
  const alias = builder.alias()
  const condition = uniqueWhereSql(builder, model, alias, where, ['where'])
  if (data.assignments.length === 0) {
    const { expressions, decode } = selectionOf(builder, model, alias, args, [])
    return checkedPlan(model, { builder, text: sql`select ${joinSql(expressions, ', ')} from ${model.table} as ${alias} where ${condition}`, decode, error })
  }
  const sets = setSql(builder, new MadeValues(values), alias, data)
  const { expressions, decode } = selectionOf(builder, model, alias, args, [])
  return checkedPlan(model, { builder, text: sql`update ${model.table} as ${alias} set ${sets} where ${condition} returning ${joinSql(expressions, ', ')}`, decode, error })
}

/** No other table refers to what is set, so that nothing cascades. */
function staysHere (model: ResolvedModel, { assignments }: UpdateData): boolean {
  return !assignments.some(({ column }) => model.relations.some(({ key, pairs, join }) => (key === 'foreign' && pairs.some(({ local }) => local === column)) || join?.localColumn === column))
}

function findUnique (steps: Steps, model: ResolvedModel, where: ArgumentTree, path: Path): Node {
  const tables = filterTables(model, where)
  return steps.read(model, { from: [], reads: tables, where: ({ builder }, alias) => [uniqueCondition(model, where, path)(builder, alias)] })
}

function setSql (builder: SqlBuilder, made: MadeValues, alias: Sql, { assignments }: UpdateData): Sql {
  return joinSql(assignments.map((assignment) => assignmentSql(builder, made, alias, assignment)), ', ')
}

/** `where` and `limit` of a write of many: a condition on `alias`, or none. */
function manyCondition (compilation: WriteCompilation, builder: SqlBuilder, alias: Sql): Sql | undefined {
  const { model, args } = compilation
  const where = args.get('where')
  const filter = where === undefined ? emptyTree : treeOf(where, '`where`', ['where'])
  const limit = args.get('limit')
  if (limit === undefined) return whereSql(builder, model, alias, filter, ['where'])
  if (!(limit instanceof Leaf)) throw invalid('`limit` takes a whole number', ['limit'], limit)
  const inner = builder.alias()
  const condition = whereSql(builder, model, inner, filter, ['where'])
  const keys = (of: Sql): Sql => joinSql(keyOf(model).map((column) => sql`${of}.${column.sql}`), ', ')
  return sql`(${keys(alias)}) in (select ${keys(inner)} from ${model.table} as ${inner}${whereClause(condition)} limit ${builder.param(limit, encodeCount, ['limit'])})`
}

const whereClause = (condition: Sql | undefined): Sql => condition === undefined ? emptySql : sql` where ${condition}`

const decodeCount = ({ count }: QueryResult): unknown => ({ count })

function countPlan (model: ResolvedModel, template: StatementTemplate): Plan {
  return plan(model, (values) => ({ type: 'statement', statement: template.bind(values), decode: decodeCount }))
}

function compileUpdateMany (compilation: WriteCompilation): Plan {
  const { model, args, values } = compilation
  checkArguments(model, args, ['where', 'data', 'limit'])
  const data = parseUpdate(model, args.get('data'), { path: ['data'], kind: 'many' })
  const builder = new SqlBuilder(values)
  const alias = builder.alias()
  const condition = manyCondition(compilation, builder, alias)
  if (data.assignments.length === 0) return plan(model, () => noRows)
  return countPlan(model, builder.template(sql`update ${model.table} as ${alias} set ${setSql(builder, new MadeValues(values), alias, data)}${whereClause(condition)}`))
}

function compileUpdateManyAndReturn (compilation: WriteCompilation): Plan {
  const { model, args, values } = compilation
  checkArguments(model, args, ['where', 'data', 'limit', ...selectionArguments])
  checkReturned(model, args)
  const { assignments } = parseUpdate(model, args.get('data'), { path: ['data'], kind: 'many' })
  const program = new Program(values, compilation.stepsPerStatement)
  const steps = new Steps(program, values)
  const options = { from: [], reads: 'all', where: ({ builder }: { builder: SqlBuilder }, alias: Sql) => [manyCondition(compilation, builder, alias)] } as const
  const node = assignments.length === 0 ? steps.read(model, options) : steps.update(model, { ...options, assignments, links: [] })
  const { result, decoder } = rowsResult(compilation, node, 'many')
  return programPlan(model, { program, result, cacheable: true, decode: ({ rows }) => rows.map((row) => decoder()(row)) })
}

// --- upsert ---------------------------------------------------------------------------------------------------------

function compileUpsert (compilation: WriteCompilation): Plan {
  const { model, args, values } = compilation
  checkArguments(model, args, ['where', 'create', 'update', ...selectionArguments])
  const where = treeOf(args.get('where'), '`where`', ['where'])
  const create = parseCreate(model, args.get('create'), { path: ['create'], kind: 'one' })
  const update = parseUpdate(model, args.get('update'), { path: ['update'], kind: 'one' })
  const isFlat = create.nested.length === 0 && update.nested.length === 0
  const program = new Program(values, compilation.stepsPerStatement)
  const steps = new Steps(program, values)
  const writer = new NestedWriter(steps, model)
  const found = findUnique(steps, model, where, ['where'])
  const updated = writer.update(found, update, [{ node: found, rows: 'some' }])
  const created = writer.create(model, create, { guards: [{ node: found, rows: 'none' }], isAlternative: isFlat })
  const general = onePlan(compilation, { program, node: steps.either(model, [updated, created], keyOf(model)), cacheable: !writer.usesValues })
  if (!isFlat || update.assignments.length === 0 || !canReturn(model, args) || !staysHere(model, update)) return general
  return conflictPlan(compilation, { where, create, update, general }) ?? general
}

/**
 * INSERT … ON CONFLICT, which two callers at once cannot make fail: for a `where` of one unique key whose values the create has too.
 * Whether they are the same is known only with the values, so the plan holds both forms.
 */
function conflictPlan (compilation: WriteCompilation, options: { where: ArgumentTree, create: CreateData, update: UpdateData, general: Plan }): Plan | undefined {
  const { model, args, values } = compilation
  const { where, create, update, general } = options
  const [name] = where.keys()
  const unique = model.uniques.find((candidate) => candidate.name === name)
  if (where.size !== 1 || unique === undefined) return undefined
  const pairs: { column: ResolvedColumn, named: number, made: number }[] = []
  for (const column of unique.columns) {
    const key = where.get(unique.name)
    const named = unique.columns.length === 1 ? key : isTree(key) ? key.get(column.name) : undefined
    const made = create.cells.find((cell) => cell.column === column)?.value
    if (!(named instanceof Leaf) || named.isList || made?.type !== 'leaf') return undefined
    pairs.push({ column, named: named.index, made: made.leaf.index })
  }
  const builder = new SqlBuilder(values)
  const alias = builder.alias()
  const made = new MadeValues(values)
  const insert = insertSql(builder, made, model, alias, create)
  const sets = setSql(builder, made, alias, update)
  const { expressions, decode } = selectionOf(builder, model, alias, args, [])
  const template = builder.template(sql`${insert} on conflict (${joinSql(unique.columns.map((column) => column.sql), ', ')}) do update set ${sets} returning ${joinSql(expressions, ', ')}`)
  const decodeRow = ({ rows }: QueryResult): unknown => decode(rows[0] as (string | null)[])
  return {
    ...general,
    open: (given) => pairs.every(({ column, named, made: own }) => column.encode(given[named], ['where', unique.name]) === column.encode(given[own], ['create', column.name]))
      ? { type: 'statement', statement: template.bind(given), decode: decodeRow }
      : general.open(given),
  }
}

// --- delete ---------------------------------------------------------------------------------------------------------

function compileDelete (compilation: WriteCompilation): Plan {
  const { model, args, values } = compilation
  checkArguments(model, args, ['where', ...selectionArguments])
  const where = treeOf(args.get('where'), '`where`', ['where'])
  const builder = new SqlBuilder(values)
  const alias = builder.alias()
  const condition = uniqueWhereSql(builder, model, alias, where, ['where'])
  // RETURNING sees the data as it was before: with all that cascades away afterwards.
  const { expressions, decode }: Selection = selectionOf(builder, model, alias, args, [])
  return checkedPlan(model, { builder, text: sql`delete from ${model.table} as ${alias} where ${condition} returning ${joinSql(expressions, ', ')}`, decode, error: missingRoot(model, 'a delete') })
}

function compileDeleteMany (compilation: WriteCompilation): Plan {
  const { model, args, values } = compilation
  checkArguments(model, args, ['where', 'limit'])
  const builder = new SqlBuilder(values)
  const alias = builder.alias()
  return countPlan(model, builder.template(sql`delete from ${model.table} as ${alias}${whereClause(manyCondition(compilation, builder, alias))}`))
}
