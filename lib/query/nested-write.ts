// Nested writes: what `{ create, connect, update, … }` beside a relation means, as steps (write-program.ts).
//
// The order of steps is Prisma's, because ids from sequences and the data that a later action meets depend on it:
// 1. records that the row's own foreign keys point to (`author: { create }`) come first, the last one named first;
// 2. then the row itself; 3. then everything that depends on it, in the order in which it is named; but a child that has
// records of kind 1 itself comes after its siblings that have none, and among such children the last is first.
//
// A branch that may not run (the `create` of an upsert whose record exists) carries guards; an insert asks for them, all
// other steps join rows of the branch's own nodes and so have nothing to do when it did not run.

import { KnownRequestError } from '../core/errors.ts'
import { isUpdateWrapper, Leaf, type Argument, type ArgumentTree } from './shape.ts'
import { integerSql, joinSql, sql, type Sql } from './sql-text.ts'
import { checkKeys, invalid, isTree, itemsOf, parseCreate, parseUpdate, touched, treeOf, type Assignment, type CreateData, type NestedWrite, type Path, type UpdateData } from './write-data.ts'
import { rowsOf, rowsOfCells } from './write-rows.ts'
import { anyOf, filterCondition, filterTables, needKey, needLink, notOf, related, relatedTables, sameRow, uniqueCondition, type Condition, type Link, type Steps } from './write-step.ts'
import { keyOf, type CheckError, type Guard, type Node, type Tables } from './write-program.ts'
import type { SqlBuilder } from './fragment.ts'
import type { ResolvedColumn, ResolvedModel, ResolvedRelation } from './model.ts'

/** Did the row that nested writes hang on exist before? */
type ParentKind = 'created' | 'existing'

interface Parent {
  readonly node: Node
  readonly kind: ParentKind
  /** Empty where the parent is certain to be there. */
  readonly guards: readonly Guard[]
}

interface Related {
  readonly tree: ArgumentTree
  readonly path: Path
}

const noGuards: readonly Guard[] = []

// Beyond this, a parameter for each value costs more than a plan that is made anew: rows go as one array a column.
const maxRowsAsParameters = 50

export class NestedWriter {
  readonly #steps: Steps
  /** The model of the whole operation, for `meta.modelName`. */
  readonly #root: ResolvedModel
  /** Holds values of the call: the plan must not be kept. */
  usesValues = false

  constructor (steps: Steps, root: ResolvedModel) {
    this.#steps = steps
    this.#root = root
  }

  // --- rows and what they point to ----------------------------------------------------------------------------------

  create (model: ResolvedModel, data: CreateData, options: { links?: readonly Link[], guards?: readonly Guard[], isAlternative?: boolean } = {}): Node {
    const { links = [], guards = noGuards, isAlternative = false } = options
    const before = data.nested.filter(({ relation }) => relation.key === 'local')
    const after = data.nested.filter(({ relation }) => relation.key !== 'local')
    const own = before.toReversed().flatMap((write) => this.#linkOwn(write, guards))
    const node = this.#steps.insert(model, { cells: data.cells, links: [...links, ...own], guards, isAlternative })
    this.#run({ node, kind: 'created', guards: branch(node, guards) }, after)
    return node
  }

  /** Updates the rows of `found`, of which there is one, unless a guard fails. */
  update (found: Node, data: UpdateData, guards: readonly Guard[]): Node {
    // One record at most points to a one-to-one partner, so who had it before must let go first: those run afterwards.
    const isBefore = ({ relation, action }: NestedWrite): boolean => relation.key === 'local' && !isOneToOne(relation) && (action === 'create' || action === 'connect' || action === 'connectOrCreate')
    const before = data.nested.filter(isBefore)
    const after = data.nested.filter((write) => !isBefore(write))
    const links = before.toReversed().flatMap((write) => this.#linkOwn(write, guards))
    const node = data.assignments.length === 0 && links.length === 0 ? found : this.#change(found, data.assignments, links)
    this.#run({ node, kind: 'existing', guards: branch(node, guards) }, after)
    return node
  }

  #change (found: Node, assignments: readonly Assignment[], links: readonly Link[]): Node {
    needKey(found)
    const { model } = found
    const linked = links.map(({ column }) => column)
    return this.#steps.update(model, {
      assignments: touched(model, assignments).filter(({ column }) => !linked.includes(column)),
      links,
      from: [found],
      reads: new Set(),
      where: (emission, alias) => [sameRow(emission, alias, found)],
    })
  }

  /** A record that the row's own foreign key points to, and the key's columns taken from it. */
  #linkOwn ({ relation, action, argument, path }: NestedWrite, guards: readonly Guard[]): Link[] {
    const { target } = relation
    const linkTo = (node: Node): Link[] => relation.pairs.map(({ local, foreign }) => ({ column: local, node, source: foreign }))
    switch (action) {
      case 'create': return linkTo(this.create(target, parseCreate(target, single(argument, path), { path, inverse: relation.inverse, kind: 'one' }), { guards }))
      case 'connect': {
        const found = this.#find(target, { tree: treeOf(single(argument, path), '`connect`', path), path })
        this.#expect(found, 1, guards, this.#missing(relation, 'a nested connect'))
        this.#releaseOthers(relation, found, undefined, guards)
        return linkTo(found)
      }
      case 'connectOrCreate': {
        const tree = treeOf(single(argument, path), '`connectOrCreate`', path)
        checkKeys(tree, ['where', 'create'], path)
        const found = this.#find(target, { tree: treeOf(tree.get('where'), '`where`', [...path, 'where']), path: [...path, 'where'] })
        this.#releaseOthers(relation, found, undefined, [...guards, { node: found, rows: 'some' }])
        const made = this.create(target, parseCreate(target, tree.get('create'), { path: [...path, 'create'], inverse: relation.inverse, kind: 'one' }), { guards: [...guards, { node: found, rows: 'none' }] })
        return linkTo(this.#steps.either(target, [found, made], relation.pairs.map(({ foreign }) => foreign)))
      }
      default: throw new TypeError(`\`${action}\` does not come before its row`)
    }
  }

  /**
   * One-to-one, key on this side: whoever points to the found partner lets go of it, which a required key cannot.
   * `keep` is the row that is about to point to it, and may do so already.
   */
  #releaseOthers (relation: ResolvedRelation, partner: Node, keep: Node | undefined, guards: readonly Guard[]): void {
    if (!isOneToOne(relation)) return
    const { model } = relation
    for (const { foreign } of relation.pairs) partner.need(foreign)
    if (keep !== undefined) needKey(keep)
    const from = keep === undefined ? [partner] : [partner, keep]
    const where: Parameters<Steps['read']>[1]['where'] = (emission, alias) => [
      ...relation.pairs.map(({ local, foreign }) => sql`${alias}.${local.sql} = ${emission.column(partner, foreign)}`),
      keep === undefined ? undefined : sql`not (${sameRow(emission, alias, keep)})`,
    ]
    if (!relation.optional) {
      this.#expect(this.#steps.read(model, { from, reads: new Set([model.table]), where }), 0, guards, this.#violation(relation))
    } else {
      this.#steps.update(model, { assignments: nulls(relation.pairs.map(({ local }) => local)), links: [], from, reads: new Set(), where })
    }
  }

  // --- what hangs on a row ------------------------------------------------------------------------------------------

  #run (parent: Parent, writes: readonly NestedWrite[]): void {
    const late: (() => void)[] = []
    for (const write of writes) this.#action(parent, write, late)
    for (const run of late.toReversed()) run()
  }

  #action (parent: Parent, write: NestedWrite, late: (() => void)[]): void {
    const { relation, argument, path } = write
    if (!relation.toMany) single(argument, path)
    switch (write.action) {
      case 'create': return this.#nestedCreate(parent, relation, itemsOf(argument, path), late)
      case 'createMany': return this.#nestedCreateMany(parent, relation, argument, path)
      case 'connect': return this.#connect(parent, relation, argument, path)
      case 'connectOrCreate': for (const { item, path: at } of itemsOf(argument, path)) this.#connectOrCreate(parent, relation, item, at); return
      case 'disconnect': return this.#disconnect(parent, relation, argument, path)
      case 'set': return this.#set(parent, relation, argument, path)
      case 'update': for (const { item, path: at } of itemsOf(argument, path)) this.#nestedUpdate(parent, relation, item, at); return
      case 'updateMany': for (const { item, path: at } of itemsOf(argument, path)) this.#nestedUpdateMany(parent, relation, item, at); return
      case 'upsert': for (const { item, path: at } of itemsOf(argument, path)) this.#nestedUpsert(parent, relation, item, at); return
      case 'delete': return this.#nestedDelete(parent, relation, argument, path)
      case 'deleteMany': for (const { item, path: at } of itemsOf(argument, path)) this.#nestedDeleteMany(parent, relation, item, at)
    }
  }

  /** The columns of the target's foreign key, filled from the parent. */
  #links (relation: ResolvedRelation, parent: Node): Link[] {
    return relation.key === 'foreign' ? relation.pairs.map(({ local, foreign }) => ({ column: foreign, node: parent, source: local })) : []
  }

  /** Joins a child to its parent where that was not done by the child's own key. */
  #attach (parent: Parent, relation: ResolvedRelation, child: Node): void {
    if (relation.key === 'join') this.#steps.link(relation, parent.node, child)
    else if (relation.key === 'local') this.#pointAt(parent, relation, child)
  }

  /** Sets the parent's own key to the child's. */
  #pointAt ({ node }: Parent, relation: ResolvedRelation, child: Node): void {
    this.#change(node, [], relation.pairs.map(({ local, foreign }) => ({ column: local, node: child, source: foreign })))
  }

  #nestedCreate (parent: Parent, relation: ResolvedRelation, items: readonly { item: Argument, path: Path }[], late: (() => void)[]): void {
    const { target } = relation
    const rows = items.map(({ item, path }) => parseCreate(target, item, { path, inverse: relation.inverse, kind: 'one' }))
    if (!relation.toMany && relation.key === 'foreign' && parent.kind === 'existing') this.#releaseChild(parent, relation, undefined, parent.guards)
    const options = { links: this.#links(relation, parent.node), guards: parent.guards }
    if (rows.length > 1 && rows.every(({ nested }) => nested.length === 0)) {
      if (rows.length > maxRowsAsParameters) {
        this.usesValues = true
        for (const group of rowsOfCells(target, rows.map(({ cells }) => cells), this.#steps.sources)) this.#attach(parent, relation, this.#steps.insertArrays(target, { ...options, ...group, onConflict: 'fail' }))
        return
      }
      for (const made of this.#steps.insertAll(target, { ...options, rows: rows.map(({ cells }) => cells), onConflict: 'fail' })) this.#attach(parent, relation, made)
      return
    }
    for (const data of rows) {
      const run = (): void => this.#attach(parent, relation, this.create(target, data, options))
      if (data.nested.some((write) => write.relation.key === 'local')) late.push(run)
      else run()
    }
  }

  /** One-to-one, key on the other side: the child that the parent has so far lets go, which a required key cannot. */
  #releaseChild (parent: Parent, relation: ResolvedRelation, keep: Node | undefined, guards: readonly Guard[]): void {
    const { target } = relation
    needLink(relation, parent.node)
    if (keep !== undefined) needKey(keep)
    const from = keep === undefined ? [parent.node] : [parent.node, keep]
    const where: Parameters<Steps['read']>[1]['where'] = (emission, alias) => [
      related(emission, relation, parent.node, alias),
      keep === undefined ? undefined : sql`not (${sameRow(emission, alias, keep)})`,
    ]
    const columns = relation.pairs.map(({ foreign }) => foreign)
    if (columns.some((column) => !column.optional)) {
      this.#expect(this.#steps.read(target, { from, reads: new Set([target.table]), where }), 0, guards, this.#violation(relation))
    } else {
      this.#steps.update(target, { assignments: nulls(columns), links: [], from, reads: new Set(), where })
    }
  }

  #nestedCreateMany (parent: Parent, relation: ResolvedRelation, argument: Argument, path: Path): void {
    const { target } = relation
    const tree = treeOf(argument, '`createMany`', path)
    checkKeys(tree, ['data', 'skipDuplicates'], path)
    const onConflict = skipDuplicates(tree, path)
    const options = { links: this.#links(relation, parent.node), guards: parent.guards, onConflict } as const
    const data = tree.get('data')
    const at = [...path, 'data']
    if (!(data instanceof Leaf)) {
      this.#steps.insertAll(target, { ...options, rows: [parseCreate(target, data, { path: at, inverse: relation.inverse, kind: 'many' }).cells] })
      return
    }
    this.usesValues = true
    for (const group of rowsOf(target, data.value, { path: at, inverse: relation.inverse, sources: this.#steps.sources })) this.#steps.insertArrays(target, { ...options, ...group })
  }

  #connect (parent: Parent, relation: ResolvedRelation, argument: Argument, path: Path): void {
    const { target } = relation
    if (!relation.toMany) {
      const found = this.#find(target, { tree: treeOf(single(argument, path), '`connect`', path), path })
      this.#expect(found, 1, parent.guards, this.#missing(relation, 'a nested connect'))
      this.#connectOne(parent, relation, found, parent.guards)
      return
    }
    const items = this.#uniques(argument, path)
    if (items.length === 0) return
    if (relation.key === 'join') {
      const found = this.#findAny(target, items)
      this.#expect(found, this.#distinct(items), parent.guards, this.#incomplete(items.length))
      this.#steps.link(relation, parent.node, found)
      return
    }
    const changed = this.#adopt(parent, relation, anyOf(items.map(({ tree, path: at }) => uniqueCondition(target, tree, at))), tablesOf(target, items))
    this.#expect(changed, this.#distinct(items), parent.guards, {
      code: 'P2018',
      meta: { ...this.#relationMeta(relation), expectedRows: items.length },
      message: (found) => `The required connected records were not found: ${items.length} were to be connected, ${found} were found.`,
    })
  }

  /** Targets that fulfil the condition become the parent's. */
  #adopt (parent: Parent, relation: ResolvedRelation, condition: Condition, reads: Tables): Node {
    const { target } = relation
    const links = this.#links(relation, parent.node)
    const linked = links.map(({ column }) => column)
    return this.#steps.update(target, {
      assignments: touched(target, []).filter(({ column }) => !linked.includes(column)),
      links,
      from: [parent.node],
      reads,
      where: ({ builder }, alias) => [condition(builder, alias)],
    })
  }

  /** One-to-one: the found record becomes the parent's partner. */
  #connectOne (parent: Parent, relation: ResolvedRelation, found: Node, guards: readonly Guard[]): void {
    if (relation.key === 'local') {
      this.#releaseOthers(relation, found, parent.node, guards)
      this.#pointAt(parent, relation, found)
      return
    }
    if (parent.kind === 'existing') this.#releaseChild(parent, relation, found, guards)
    this.#adoptNode(parent, relation, found)
  }

  #adoptNode (parent: Parent, relation: ResolvedRelation, found: Node): void {
    needKey(found)
    const { target } = relation
    const links = this.#links(relation, parent.node)
    const linked = links.map(({ column }) => column)
    this.#steps.update(target, {
      assignments: touched(target, []).filter(({ column }) => !linked.includes(column)),
      links,
      from: [found],
      reads: new Set(),
      where: (emission, alias) => [sameRow(emission, alias, found)],
    })
  }

  #connectOrCreate (parent: Parent, relation: ResolvedRelation, item: Argument, path: Path): void {
    const { target } = relation
    const tree = treeOf(item, '`connectOrCreate`', path)
    checkKeys(tree, ['where', 'create'], path)
    const found = this.#find(target, { tree: treeOf(tree.get('where'), '`where`', [...path, 'where']), path: [...path, 'where'] })
    const data = parseCreate(target, tree.get('create'), { path: [...path, 'create'], inverse: relation.inverse, kind: 'one' })
    const make = (): Node => this.create(target, data, { links: this.#links(relation, parent.node), guards: [...parent.guards, { node: found, rows: 'none' }] })
    if (relation.key === 'join') {
      const made = make()
      this.#steps.link(relation, parent.node, this.#steps.either(target, [found, made], keyOf(target)))
      return
    }
    if (!relation.toMany) {
      this.#connectOne(parent, relation, found, [...parent.guards, { node: found, rows: 'some' }])
      if (relation.key === 'local') this.#pointAt(parent, relation, make())
      else make()
      return
    }
    this.#adoptNode(parent, relation, found)
    make()
  }

  #disconnect (parent: Parent, relation: ResolvedRelation, argument: Argument, path: Path): void {
    const { target } = relation
    const foreign = relation.pairs.map((pair) => pair.foreign)
    const refuse = (): void => {
      if (relation.key === 'foreign' && foreign.some((column) => !column.optional)) throw knownError(this.#violation(relation))
    }
    if (relation.toMany) {
      const items = this.#uniques(argument, path)
      if (relation.key === 'join') {
        if (items.length > 0) this.#steps.unlink(relation, parent.node, anyOf(items.map(({ tree, path: at }) => uniqueCondition(target, tree, at))), tablesOf(target, items))
        return
      }
      refuse()
      if (items.length > 0) this.#letGo(parent, relation, anyOf(items.map(({ tree, path: at }) => uniqueCondition(target, tree, at))), tablesOf(target, items))
      return
    }
    if (argument === false) return
    if (argument !== true && !isTree(argument)) throw invalid('`disconnect` takes `true` or a filter', path, argument)
    refuse()
    const filter = isTree(argument) ? argument : undefined
    const condition: Condition = (builder, alias) => filter === undefined ? undefined : filterCondition(target, filter, path)(builder, alias)
    const reads: Tables = filter === undefined ? new Set() : filterTables(target, filter)
    if (relation.key === 'foreign') {
      this.#letGo(parent, relation, condition, reads)
      return
    }
    needKey(parent.node)
    this.#steps.update(relation.model, {
      assignments: nulls(relation.pairs.map(({ local }) => local)),
      links: [],
      from: [parent.node],
      reads: reads === 'all' ? 'all' : new Set([...reads, target.table]),
      where: (emission, alias) => {
        const own = sameRow(emission, alias, parent.node)
        if (filter === undefined) return [own]
        const other = emission.builder.alias()
        const joined = relation.pairs.map(({ local, foreign: key }) => sql`${other}.${key.sql} = ${alias}.${local.sql}`)
        const matches = condition(emission.builder, other)
        return [own, sql`exists (select from ${target.table} as ${other} where ${joinSql(matches === undefined ? joined : [...joined, matches], ' and ')})`]
      },
    })
  }

  /** Children of the parent that fulfil the condition lose their key. */
  #letGo (parent: Parent, relation: ResolvedRelation, condition: Condition, reads: Tables): void {
    needLink(relation, parent.node)
    this.#steps.update(relation.target, {
      assignments: nulls(relation.pairs.map(({ foreign }) => foreign)),
      links: [],
      from: [parent.node],
      reads,
      where: (emission, alias) => [related(emission, relation, parent.node, alias), condition(emission.builder, alias)],
    })
  }

  #set (parent: Parent, relation: ResolvedRelation, argument: Argument, path: Path): void {
    const { target } = relation
    const items = this.#uniques(argument, path)
    const condition = anyOf(items.map(({ tree, path: at }) => uniqueCondition(target, tree, at)))
    const reads = tablesOf(target, items)
    if (relation.key === 'join') {
      if (items.length === 0) {
        this.#steps.unlink(relation, parent.node, undefined, new Set())
        return
      }
      const found = this.#findAny(target, items)
      this.#expect(found, this.#distinct(items), parent.guards, this.#incomplete(items.length))
      this.#steps.unlink(relation, parent.node, undefined, new Set())
      this.#steps.link(relation, parent.node, found)
      return
    }
    needLink(relation, parent.node)
    const others = notOf(condition)
    if (relation.pairs.some(({ foreign }) => !foreign.optional)) {
      const left = this.#steps.read(target, {
        from: [parent.node],
        reads: reads === 'all' ? 'all' : new Set([...reads, target.table]),
        where: (emission, alias) => [related(emission, relation, parent.node, alias), others(emission.builder, alias)],
      })
      this.#expect(left, 0, parent.guards, this.#violation(relation))
    } else {
      this.#letGo(parent, relation, others, reads)
    }
    if (items.length === 0) return
    const links = this.#links(relation, parent.node)
    const linked = links.map(({ column }) => column)
    this.#steps.update(target, {
      assignments: touched(target, []).filter(({ column }) => !linked.includes(column)),
      links,
      from: [parent.node],
      reads,
      where: (emission, alias) => [condition(emission.builder, alias), sql`(${related(emission, relation, parent.node, alias)}) is not true`],
    })
  }

  /** The parent's related records, narrowed by a condition. */
  #children (parent: Parent, relation: ResolvedRelation, condition: Condition, reads: Tables): Node {
    needLink(relation, parent.node)
    const tables = relatedTables(relation)
    return this.#steps.read(relation.target, {
      from: [parent.node],
      reads: reads === 'all' || tables === 'all' ? 'all' : new Set([...reads, ...tables]),
      where: (emission, alias) => [related(emission, relation, parent.node, alias), condition(emission.builder, alias)],
    })
  }

  #nestedUpdate (parent: Parent, relation: ResolvedRelation, item: Argument, path: Path): void {
    const { target } = relation
    const { data, at, ...which } = this.#updateOf(relation, item, path)
    const parsed = parseUpdate(target, data, { path: at, inverse: relation.inverse, kind: 'one' })
    if (isTree(data) && data.size === 0) return
    const found = this.#children(parent, relation, which.condition, which.reads)
    this.#expect(found, 1, parent.guards, this.#missing(relation, 'a nested update'))
    this.update(found, parsed, parent.guards)
  }

  /** `{ where, data }`, or for a to-one relation the data alone. */
  #updateOf (relation: ResolvedRelation, item: Argument, path: Path): { condition: Condition, reads: Tables, data: Argument | undefined, at: Path } {
    const { target } = relation
    const tree = treeOf(item, '`update`', path)
    const whereAt = [...path, 'where']
    const data = { data: tree.get('data'), at: [...path, 'data'] }
    if (relation.toMany) {
      checkKeys(tree, ['where', 'data'], path)
      return { ...this.#which(relation, tree, path), ...data }
    }
    if (!isWrapper(tree, target)) return { condition: () => undefined, reads: new Set(), data: tree, at: path }
    checkKeys(tree, ['where', 'data'], path)
    const where = tree.get('where')
    if (where === undefined) return { condition: () => undefined, reads: new Set(), ...data }
    const filter = treeOf(where, '`where`', whereAt)
    return { condition: filterCondition(target, filter, whereAt), reads: filterTables(target, filter), ...data }
  }

  /** The `where` of an update or upsert: unique in a list, a filter or nothing beside one record. */
  #which (relation: ResolvedRelation, tree: ArgumentTree, path: Path): { condition: Condition, reads: Tables } {
    const { target } = relation
    const at = [...path, 'where']
    const where = tree.get('where')
    if (!relation.toMany && where === undefined) return { condition: () => undefined, reads: new Set() }
    const filter = treeOf(where, '`where`', at)
    return { condition: relation.toMany ? uniqueCondition(target, filter, at) : filterCondition(target, filter, at), reads: filterTables(target, filter) }
  }

  #nestedUpdateMany (parent: Parent, relation: ResolvedRelation, item: Argument, path: Path): void {
    const { target } = relation
    const tree = treeOf(item, '`updateMany`', path)
    checkKeys(tree, ['where', 'data'], path)
    const whereAt = [...path, 'where']
    const filter = treeOf(tree.get('where'), '`where`', whereAt)
    const { assignments } = parseUpdate(target, tree.get('data'), { path: [...path, 'data'], inverse: relation.inverse, kind: 'many' })
    if (assignments.length === 0) return
    needLink(relation, parent.node)
    this.#steps.update(target, {
      assignments,
      links: [],
      from: [parent.node],
      reads: withTables(filterTables(target, filter), relatedTables(relation)),
      where: (emission, alias) => [related(emission, relation, parent.node, alias), filterCondition(target, filter, whereAt)(emission.builder, alias)],
    })
  }

  #nestedUpsert (parent: Parent, relation: ResolvedRelation, item: Argument, path: Path): void {
    const { target } = relation
    const tree = treeOf(item, '`upsert`', path)
    checkKeys(tree, ['where', 'create', 'update'], path)
    const { condition, reads } = this.#which(relation, tree, path)
    const create = parseCreate(target, tree.get('create'), { path: [...path, 'create'], inverse: relation.inverse, kind: 'one' })
    const update = parseUpdate(target, tree.get('update'), { path: [...path, 'update'], inverse: relation.inverse, kind: 'one' })
    const found = this.#children(parent, relation, condition, reads)
    this.update(found, update, [...parent.guards, { node: found, rows: 'some' }])
    const made = this.create(target, create, { links: this.#links(relation, parent.node), guards: [...parent.guards, { node: found, rows: 'none' }] })
    this.#attach(parent, relation, made)
  }

  #nestedDelete (parent: Parent, relation: ResolvedRelation, argument: Argument, path: Path): void {
    const { target } = relation
    if (relation.toMany) {
      const items = this.#uniques(argument, path)
      if (items.length === 0) return
      const found = this.#children(parent, relation, anyOf(items.map(({ tree, path: at }) => uniqueCondition(target, tree, at))), tablesOf(target, items))
      this.#expect(found, items.length, parent.guards, {
        code: 'P2017',
        meta: { ...this.#relationMeta(relation), parent: relation.model.name, child: target.name },
        message: () => `The records for relation \`${relation.name}\` between the \`${relation.model.name}\` and \`${target.name}\` models are not connected.`,
      })
      this.#deleteRows(found)
      return
    }
    if (argument === false) return
    if (argument !== true && !isTree(argument)) throw invalid('`delete` takes `true` or a filter', path, argument)
    const filter = isTree(argument) ? argument : undefined
    const found = filter === undefined
      ? this.#children(parent, relation, () => undefined, new Set())
      : this.#children(parent, relation, filterCondition(target, filter, path), filterTables(target, filter))
    this.#expect(found, 1, parent.guards, this.#missing(relation, 'a nested delete'))
    this.#deleteRows(found)
  }

  #deleteRows (found: Node): void {
    needKey(found)
    this.#steps.delete(found.model, { from: [found], reads: new Set(), where: (emission, alias) => [sameRow(emission, alias, found)] })
  }

  #nestedDeleteMany (parent: Parent, relation: ResolvedRelation, item: Argument, path: Path): void {
    const { target } = relation
    const filter = treeOf(item, '`deleteMany`', path)
    needLink(relation, parent.node)
    this.#steps.delete(target, {
      from: [parent.node],
      reads: withTables(filterTables(target, filter), relatedTables(relation)),
      where: (emission, alias) => [related(emission, relation, parent.node, alias), filterCondition(target, filter, path)(emission.builder, alias)],
    })
  }

  // --- finding and expecting ----------------------------------------------------------------------------------------

  /** The record that a unique filter names. */
  #find (model: ResolvedModel, { tree, path }: Related): Node {
    return this.#steps.read(model, { from: [], reads: withTables(filterTables(model, tree), new Set([model.table])), where: ({ builder }, alias) => [uniqueCondition(model, tree, path)(builder, alias)] })
  }

  #findAny (model: ResolvedModel, items: readonly Related[]): Node {
    const condition = anyOf(items.map(({ tree, path }) => uniqueCondition(model, tree, path)))
    return this.#steps.read(model, { from: [], reads: withTables(tablesOf(model, items), new Set([model.table])), where: ({ builder }, alias) => [condition(builder, alias)] })
  }

  #uniques (argument: Argument, path: Path): Related[] {
    return itemsOf(argument, path).map(({ item, path: at }) => ({ tree: treeOf(item, 'The record', at), path: at }))
  }

  /** How many different records a list names: the same one named twice in the same way counts once, as in Prisma. */
  #distinct (items: readonly Related[]): number | ((builder: SqlBuilder) => Sql) {
    if (items.length === 1) return 1
    return (builder) => {
      const shapes = new Map<string, Leaf[][]>()
      for (const { tree } of items) {
        const parts: string[] = []
        const leaves: Leaf[] = []
        identify(tree, parts, leaves)
        const shape = parts.join()
        const rows = shapes.get(shape)
        if (rows === undefined) shapes.set(shape, [leaves])
        else rows.push(leaves)
      }
      const counts = [...shapes.values()].map((rows) => {
        if (rows.length === 1) return integerSql(1)
        const lines = rows.map((leaves) => sql`(${joinSql([...leaves.map((leaf) => sql`${builder.newParam(leaf, identity, [])}::text`), sql`''`], ', ')})`)
        return sql`(select count(*) from (select distinct * from (values ${joinSql(lines, ', ')}) as "v") as "d")`
      })
      return counts.reduce((sum, count) => sql`${sum} + ${count}`)
    }
  }

  #expect (node: Node, expected: number | ((builder: SqlBuilder) => Sql), guards: readonly Guard[], error: CheckError): void {
    this.#steps.program.check({ node, expected, guards, isFirst: expected === 0, error: { ...error, meta: { modelName: this.#root.name, ...error.meta } } })
  }

  expectRoot (node: Node, operation: string): void {
    this.#expect(node, 1, noGuards, missingRoot(this.#root, operation))
  }

  #relationMeta (relation: ResolvedRelation): Record<string, unknown> {
    return { modelName: this.#root.name, ...named(relation), relationType: relationType(relation) }
  }

  #missing (relation: ResolvedRelation, operation: string): CheckError {
    return {
      code: 'P2025',
      meta: { ...this.#relationMeta(relation), model: relation.target.name, operation },
      message: () => `An operation failed because it depends on one or more records that were required but not found. No \`${relation.target.name}\` record was found for ${operation} on the ${relationType(relation)} relation \`${relation.name}\`.`,
    }
  }

  #incomplete (expected: number): CheckError {
    return {
      code: 'P2025',
      meta: { expectedRows: expected },
      message: (found) => `An operation failed because it depends on one or more records that were required but not found. Expected ${expected} records to be connected, found only ${found}.`,
    }
  }

  #violation (relation: ResolvedRelation): CheckError {
    // Prisma names the side with the key first.
    const [a, b] = relation.key === 'local' ? [relation.model, relation.target] : [relation.target, relation.model]
    return {
      code: 'P2014',
      meta: { modelName: this.#root.name, ...named(relation), modelA: a.name, modelB: b.name },
      message: () => `The change you are trying to make would violate the required relation \`${relation.name}\` between the \`${a.name}\` and \`${b.name}\` models.`,
    }
  }
}

export function missingRoot (model: ResolvedModel, operation: string): CheckError {
  return {
    code: 'P2025',
    meta: { modelName: model.name, operation },
    message: () => `An operation failed because it depends on one or more records that were required but not found. No record was found for ${operation}.`,
  }
}

export function knownError ({ code, meta, message }: CheckError): KnownRequestError {
  return new KnownRequestError(message(0), { code, meta: { ...meta } })
}

/** What nested steps of a row ask for: nothing where the row is certain, else that it is there. */
function branch (node: Node, guards: readonly Guard[]): readonly Guard[] {
  return guards.length === 0 ? noGuards : [{ node, rows: 'some' }]
}

function isOneToOne (relation: ResolvedRelation): boolean {
  return relation.inverse !== undefined && !relation.inverse.toMany && !relation.toMany
}

function relationType (relation: ResolvedRelation): string {
  if (relation.key === 'join') return 'many-to-many'
  return isOneToOne(relation) ? 'one-to-one' : 'one-to-many'
}

function isWrapper (tree: ArgumentTree, target: ResolvedModel): boolean {
  return isUpdateWrapper(Object.fromEntries(tree), target)
}

/** Exactly one object, where a list makes no sense. */
function single (argument: Argument, path: Path): Argument {
  if (Array.isArray(argument)) throw invalid('Expected one record, not a list', path, argument)
  return argument
}

function nulls (columns: readonly ResolvedColumn[]): Assignment[] {
  // A key of several columns is broken by the first that may be null; the others may belong to other keys too.
  return columns.filter(({ optional }) => optional).map((column) => ({ column, operator: 'set', value: { type: 'null' } }))
}

function tablesOf (model: ResolvedModel, items: readonly Related[]): Tables {
  let all: Tables = new Set([model.table])
  for (const { tree } of items) all = withTables(all, filterTables(model, tree))
  return all
}

function withTables (a: Tables, b: Tables): Tables {
  return a === 'all' || b === 'all' ? 'all' : new Set([...a, ...b])
}

/** A filter as text and values that are equal for equal filters. */
function identify (argument: Argument, parts: string[], leaves: Leaf[]): void {
  if (argument instanceof Leaf) {
    parts.push('?')
    leaves.push(argument)
  } else if (isTree(argument)) {
    parts.push('{')
    for (const [name, part] of argument) {
      parts.push(name)
      identify(part, parts, leaves)
    }
    parts.push('}')
  } else if (Array.isArray(argument)) {
    parts.push('[')
    for (const part of argument) identify(part as Argument, parts, leaves)
    parts.push(']')
  } else {
    parts.push(String(argument))
  }
}

// Only compared with itself. Text that PostgreSQL cannot hold has failed in the filter itself.
const identity = (value: unknown): string => typeof value === 'object' ? JSON.stringify(value) ?? '' : `${typeof value}${String(value)}`

export function skipDuplicates (tree: ArgumentTree, path: Path): 'skip' | 'fail' {
  const skip = tree.get('skipDuplicates')
  if (skip === undefined || skip === false) return 'fail'
  if (skip === true) return 'skip'
  throw invalid('`skipDuplicates` takes `true` or `false`', [...path, 'skipDuplicates'], skip)
}

/** Only a schema of Prisma's own knows every relation's name. */
function named (relation: ResolvedRelation): { relation?: string } {
  return relation.relationName === undefined ? {} : { relation: relation.relationName }
}
