// What `data` says, checked against the schema and sorted: columns with their values, nested writes in the caller's order.
//
// A create has two forms. The *checked* one names the rows it belongs to by relation (`author: { connect }`), the
// *unchecked* one by foreign key (`authorId`); a generated id counts as part of the latter. Nothing may use both:
// two answers to "whose is it" have no right order. Under a parent (`posts: { create }`), the relation back and its key
// are the parent's to fill in.

import { QueryInvalidError } from '../core/errors.ts'
import { hasClientDefault, hasServerDefault } from './default.ts'
import { FieldReference } from './field-reference.ts'
import { AnyNull, DbNull, JsonNull } from './json-null.ts'
import type { ResolvedColumn, ResolvedField, ResolvedModel, ResolvedRelation } from './model.ts'
import { Leaf, type Argument, type ArgumentTree } from './shape.ts'

export type Path = readonly (string | number)[]

/** Where a column's text comes from when the plan runs. */
export type Value =
  | { readonly type: 'leaf', readonly leaf: Leaf, readonly column: ResolvedColumn, readonly path: Path }
  /** `push: x`: the list of this one element. */
  | { readonly type: 'element', readonly leaf: Leaf, readonly column: ResolvedColumn, readonly path: Path }
  | { readonly type: 'null' }
  | { readonly type: 'json-null' }
  /** Made by the client: the schema's default. */
  | { readonly type: 'default', readonly column: ResolvedColumn }
  /** The operation's time. */
  | { readonly type: 'time', readonly column: ResolvedColumn }

export interface Cell {
  readonly column: ResolvedColumn
  readonly value: Value
}

export type Operator = 'set' | 'increment' | 'decrement' | 'multiply' | 'divide' | 'push'

export interface Assignment extends Cell {
  readonly operator: Operator
}

export const nestedActions = ['create', 'createMany', 'connect', 'connectOrCreate', 'disconnect', 'set', 'update', 'updateMany', 'upsert', 'delete', 'deleteMany'] as const
export type NestedAction = typeof nestedActions[number]

export interface NestedWrite {
  readonly relation: ResolvedRelation
  readonly action: NestedAction
  readonly argument: Argument
  readonly path: Path
}

export interface CreateData {
  /** In the schema's order, whatever the caller's was. */
  readonly cells: readonly Cell[]
  readonly nested: readonly NestedWrite[]
}

export interface UpdateData {
  readonly assignments: readonly Assignment[]
  readonly nested: readonly NestedWrite[]
}

export const isTree = (argument: Argument | undefined): argument is ArgumentTree => argument instanceof Map

export function typeOf (argument: Argument | undefined): string {
  if (argument === undefined) return 'undefined'
  if (argument === null) return 'null'
  if (argument instanceof Leaf) return argument.isList ? 'list' : argument.value instanceof Object ? argument.value.constructor?.name ?? 'object' : typeof argument.value
  if (Array.isArray(argument)) return 'list'
  return isTree(argument) ? 'object' : typeof argument
}

export function invalid (message: string, path: Path, received?: Argument): QueryInvalidError {
  return new QueryInvalidError(message, { path, received: received === undefined ? undefined : typeOf(received) })
}

export function treeOf (argument: Argument | undefined, what: string, path: Path): ArgumentTree {
  if (!isTree(argument)) throw invalid(argument === undefined ? `${what} is missing` : `${what} must be an object`, path, argument)
  return argument
}

/** One or several, as a list with the path of each. */
export function itemsOf (argument: Argument, path: Path): readonly { readonly item: Argument, readonly path: Path }[] {
  if (!Array.isArray(argument)) return [{ item: argument, path }]
  return (argument as readonly Argument[]).map((item, i) => ({ item, path: [...path, i] }))
}

export function checkKeys (tree: ArgumentTree, allowed: readonly string[], path: Path): void {
  for (const key of tree.keys()) {
    if (!allowed.includes(key)) throw invalid(`\`${key}\` is not known here; expected ${allowed.map((name) => `\`${name}\``).join(', ')}`, [...path, key])
  }
}

/** The columns that a parent fills in: the foreign key of the relation back to it. */
function ownedColumns (inverse: ResolvedRelation | undefined): readonly ResolvedColumn[] {
  return inverse?.key === 'local' ? inverse.pairs.map(({ local }) => local) : []
}

const isGeneratedId = (column: ResolvedColumn): boolean =>
  column.default?.type === 'function' && column.default.function === 'autoincrement' && column.model.id?.columns.includes(column) === true

/** Columns that only the unchecked form has. */
const uncheckedColumns = new WeakMap<ResolvedModel, ReadonlySet<ResolvedColumn>>()
function uncheckedOf (model: ResolvedModel): ReadonlySet<ResolvedColumn> {
  let columns = uncheckedColumns.get(model)
  if (columns === undefined) {
    const found = new Set<ResolvedColumn>()
    for (const relation of model.relations) if (relation.key === 'local') for (const { local } of relation.pairs) found.add(local)
    for (const column of model.columns) if (isGeneratedId(column)) found.add(column)
    columns = found
    uncheckedColumns.set(model, columns)
  }
  return columns
}

class FormCheck {
  #checked: Path | undefined
  #unchecked: Path | undefined
  readonly #columns: ReadonlySet<ResolvedColumn>

  constructor (model: ResolvedModel) {
    this.#columns = uncheckedOf(model)
  }

  see (field: ResolvedField, path: Path): void {
    if (field.type === 'column') {
      if (this.#columns.has(field)) this.#unchecked ??= path
    } else if (field.key === 'local') {
      this.#checked ??= path
    }
    if (this.#checked !== undefined && this.#unchecked !== undefined) {
      throw invalid(`\`${String(this.#checked.at(-1))}\` and \`${String(this.#unchecked.at(-1))}\` are of two forms: name related rows either all by relation or all by foreign key (a generated id goes with the latter)`, path)
    }
  }
}

function fieldOf (model: ResolvedModel, name: string, inverse: ResolvedRelation | undefined, path: Path): ResolvedField {
  const field = model.fields.get(name)
  if (field === undefined) throw invalid(`\`${model.name}\` has no field \`${name}\``, path)
  if (inverse !== undefined && (field === inverse || ownedColumns(inverse).includes(field as ResolvedColumn))) {
    throw invalid(`\`${name}\` is given by the record around it`, path)
  }
  return field
}

function nestedOf (relation: ResolvedRelation, argument: Argument, allowed: ReadonlySet<NestedAction>, path: Path): NestedWrite[] {
  const tree = treeOf(argument, `The nested write of \`${relation.name}\``, path)
  const found: NestedWrite[] = []
  for (const [action, part] of tree) {
    if (!allowed.has(action as NestedAction)) throw invalid(`\`${action}\` is not possible here; expected ${[...allowed].map((name) => `\`${name}\``).join(', ')}`, [...path, action])
    found.push({ relation, action: action as NestedAction, argument: part, path: [...path, action] })
  }
  return found
}

function createActions (relation: ResolvedRelation): ReadonlySet<NestedAction> {
  return relation.toMany && relation.key === 'foreign'
    ? new Set<NestedAction>(['create', 'createMany', 'connect', 'connectOrCreate'])
    : new Set<NestedAction>(['create', 'connect', 'connectOrCreate'])
}

function updateActions (relation: ResolvedRelation): ReadonlySet<NestedAction> {
  if (relation.toMany) return new Set(nestedActions.filter((action) => action !== 'createMany' || relation.key === 'foreign'))
  const actions = new Set<NestedAction>(['create', 'connect', 'connectOrCreate', 'update', 'upsert'])
  if (relation.optional) actions.add('disconnect').add('delete')
  return actions
}

function refuseNull (column: ResolvedColumn, path: Path): never {
  throw invalid(`\`${column.name}\` must not be null`, path, null)
}

/** A plain value for a column. */
export function valueOf (column: ResolvedColumn, argument: Argument, path: Path): Value {
  if (argument === null) {
    if (column.list) refuseNull(column, path)
    if (column.optional) return { type: 'null' }
    // As Prisma: a required Json column takes a plain null for JSON's.
    if (column.kind === 'json') return { type: 'json-null' }
    return refuseNull(column, path)
  }
  if (argument instanceof Leaf) return { type: 'leaf', leaf: argument, column, path }
  if (column.kind === 'json' && !column.list) {
    if (argument === JsonNull) return { type: 'json-null' }
    if (argument === DbNull) return column.optional ? { type: 'null' } : refuseNull(column, path)
    if (argument === AnyNull) throw invalid('`AnyNull` is for filters: write `DbNull` or `JsonNull`', path)
  }
  if (argument instanceof FieldReference) throw invalid(`\`${column.name}\` cannot be set to another field`, path)
  throw invalid(`\`${column.name}\` takes no ${typeOf(argument)} here`, path, argument)
}

/** The one operator of `{ increment: 1 }` and its like. */
function operatorOf (column: ResolvedColumn, tree: ArgumentTree, allowed: readonly Operator[], path: Path): Assignment {
  const [first, ...others] = tree.keys()
  if (first === undefined || others.length > 0) throw invalid(`Exactly one of ${allowed.map((name) => `\`${name}\``).join(', ')} is needed`, path)
  if (!allowed.includes(first as Operator)) throw invalid(`\`${first}\` is not possible for \`${column.name}\`; expected ${allowed.map((name) => `\`${name}\``).join(', ')}`, [...path, first])
  const operator = first as Operator
  const argument = tree.get(first) as Argument
  const at = [...path, first]
  if (operator === 'push') {
    if (!(argument instanceof Leaf)) throw invalid(`\`push\` takes an element of \`${column.name}\` or a list of them`, at, argument)
    return { column, operator, value: { type: argument.isList ? 'leaf' : 'element', leaf: argument, column, path: at } }
  }
  if (operator !== 'set' && !(argument instanceof Leaf)) throw invalid(`\`${operator}\` takes a number`, at, argument)
  return { column, operator, value: valueOf(column, argument, at) }
}

const onlySet: readonly Operator[] = ['set']
const listOperators: readonly Operator[] = ['set', 'push']
const numberOperators: readonly Operator[] = ['set', 'increment', 'decrement', 'multiply', 'divide']

function updateOperators (column: ResolvedColumn): readonly Operator[] {
  if (column.list) return listOperators
  switch (column.kind) {
    case 'int': case 'bigint': case 'float': case 'decimal': return numberOperators
    default: return onlySet
  }
}

/** `kind: 'many'`: rows of `createMany`, which have no nested writes and mix forms freely, since there is but one. */
export function parseCreate (model: ResolvedModel, argument: Argument | undefined, options: { path: Path, inverse?: ResolvedRelation | undefined, kind: 'one' | 'many' }): CreateData {
  const { path, inverse, kind } = options
  const tree = treeOf(argument, '`data`', path)
  const given = new Map<ResolvedColumn, Value>()
  const nested: NestedWrite[] = []
  const linked = new Set<ResolvedColumn>(ownedColumns(inverse))
  const form = new FormCheck(model)
  for (const [name, part] of tree) {
    const at = [...path, name]
    const field = fieldOf(model, name, inverse, at)
    form.see(field, at)
    if (field.type === 'column') {
      given.set(field, isTree(part) && field.list ? operatorOf(field, part, onlySet, at).value : valueOf(field, part, at))
      continue
    }
    if (kind === 'many') throw invalid('`createMany` takes no nested writes', at)
    const writes = nestedOf(field, part, createActions(field), at)
    if (field.key === 'local') {
      if (writes.length > 1) throw invalid(`\`${name}\` is one record: exactly one of \`create\`, \`connect\`, \`connectOrCreate\` is needed`, at)
      if (writes.length === 1) for (const { local } of field.pairs) linked.add(local)
    }
    nested.push(...writes)
  }
  const cells: Cell[] = []
  for (const column of model.columns) {
    const value = given.get(column)
    if (value !== undefined) cells.push({ column, value })
    else if (linked.has(column)) continue
    else if (hasClientDefault(column)) cells.push({ column, value: { type: 'default', column } })
    else if (!column.optional && !column.list && !hasServerDefault(column)) throw missing(model, column, path)
  }
  return { cells, nested }
}

function missing (model: ResolvedModel, column: ResolvedColumn, path: Path): QueryInvalidError {
  const relation = model.relations.find(({ key, pairs }) => key === 'local' && pairs.some(({ local }) => local === column))
  return invalid(`\`${column.name}\`${relation === undefined ? '' : ` (or \`${relation.name}\`)`} is missing`, [...path, column.name])
}

/** `kind: 'many'`: no nested writes. `updatedAt` columns are added by `touched`, where something is written at all. */
export function parseUpdate (model: ResolvedModel, argument: Argument | undefined, options: { path: Path, inverse?: ResolvedRelation | undefined, kind: 'one' | 'many' }): UpdateData {
  const { path, inverse, kind } = options
  const tree = treeOf(argument, '`data`', path)
  const assignments: Assignment[] = []
  const nested: NestedWrite[] = []
  const form = new FormCheck(model)
  for (const [name, part] of tree) {
    const at = [...path, name]
    const field = fieldOf(model, name, inverse, at)
    form.see(field, at)
    if (field.type === 'column') {
      assignments.push(isTree(part) ? operatorOf(field, part, updateOperators(field), at) : { column: field, operator: 'set', value: valueOf(field, part, at) })
      continue
    }
    if (kind === 'many') throw invalid('An update of many takes no nested writes', at)
    nested.push(...nestedOf(field, part, updateActions(field), at))
  }
  return { assignments: assignments.length === 0 ? assignments : touched(model, assignments), nested }
}

/** With the operation's time in every `updatedAt` column that was not given. */
export function touched (model: ResolvedModel, assignments: readonly Assignment[]): readonly Assignment[] {
  const all = [...assignments]
  for (const column of model.columns) {
    if (column.updatedAt && !assignments.some((assignment) => assignment.column === column)) all.push({ column, operator: 'set', value: { type: 'time', column } })
  }
  const order = new Map(model.columns.map((column, i) => [column, i]))
  return all.sort((a, b) => (order.get(a.column) as number) - (order.get(b.column) as number))
}
