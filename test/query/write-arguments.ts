// Arguments of writes, made up from the schema: mostly valid, of all actions and forms, on records that often exist.

import type { ResolvedColumn, ResolvedModel, ResolvedRelation } from '../../lib/query/model.ts'

type Data = Record<string, unknown>

/** Values that the corpus's rows have in unique columns of text. */
const known = ['ada@example.com', 'hello-world', 'Tech', 'intro', 'acme', 'SKU-001', 'ORD-1001', 'Acme', 'DE', 'zz'] as const

export const uuidOf = (i: number): string => `000000${String(i).padStart(2, '0')}-0000-4000-8000-0000000000${String(i).padStart(2, '0')}`

export class WriteArguments {
  #state: number
  #made = 0

  constructor (seed: number) {
    this.#state = (Math.abs(seed) % 2_147_483_646) + 1
  }

  below (bound: number): number {
    this.#state = (this.#state * 48_271) % 2_147_483_647
    return this.#state % bound
  }

  pick<T> (items: readonly T[]): T {
    return items[this.below(items.length)] as T
  }

  chance (oneIn: number): boolean {
    return this.below(oneIn) === 0
  }

  list<T> (atLeast: number, atMost: number, make: () => T): T[] {
    return Array.from({ length: atLeast + this.below(atMost - atLeast + 1) }, make)
  }

  operation (models: readonly ResolvedModel[]): { model: ResolvedModel, method: string, args: Data } {
    const model = this.pick(models)
    const method = this.pick(['create', 'create', 'update', 'update', 'upsert', 'delete', 'createManyAndReturn', 'updateManyAndReturn'])
    switch (method) {
      case 'create': return { model, method, args: { data: this.create(model, 2), ...this.include(model) } }
      case 'update': return { model, method, args: { where: this.unique(model), data: this.update(model, 2), ...this.include(model) } }
      case 'upsert': return { model, method, args: { where: this.unique(model), create: this.create(model, 2), update: this.update(model, 2), ...this.include(model) } }
      case 'delete': return { model, method, args: { where: this.unique(model), ...this.include(model) } }
      case 'createManyAndReturn': return { model, method, args: { data: this.list(0, 3, () => this.create(model, 0)), skipDuplicates: this.chance(2) } }
      default: return { model, method, args: { where: this.filter(model), data: this.update(model, 0) } }
    }
  }

  include (model: ResolvedModel): Data {
    const chosen = model.relations.filter(() => this.chance(3)).map(({ name }) => [name, true] as const)
    return chosen.length === 0 ? {} : { include: Object.fromEntries(chosen) }
  }

  scalar (column: ResolvedColumn): unknown {
    switch (column.kind) {
      case 'int': return this.below(30)
      case 'bigint': return BigInt(this.below(30))
      case 'float': return this.below(100) / 4
      case 'decimal': return String(this.below(100))
      case 'bool': return this.chance(2)
      case 'uuid': return uuidOf(this.below(24) + 1)
      case 'json': return { a: this.below(5) }
      case 'date': case 'timestamp': return new Date(1.6e12 + this.below(1e9))
      case 'bytes': return new Uint8Array([1])
      case 'enum': return this.pick([...column.labels?.keys() ?? []])
      default: return column.pgType.startsWith('char') ? 'ab' : column.isUnique ? `u${this.#made++}` : `v${this.below(50)}`
    }
  }

  #value (column: ResolvedColumn): unknown {
    return column.list ? this.list(0, 2, () => this.scalar(column)) : this.scalar(column)
  }

  unique (model: ResolvedModel): Data {
    const { name, columns } = this.pick(model.uniques)
    const values = columns.map((column) => [column.name, column.kind === 'text' ? this.pick(known) : this.scalar(column)] as const)
    return columns.length === 1 ? Object.fromEntries(values) : { [name]: Object.fromEntries(values) }
  }

  filter (model: ResolvedModel): Data {
    const column = this.pick(model.columns.filter(({ kind, list }) => !list && (kind === 'int' || kind === 'bool' || kind === 'text')))
    return this.chance(3) ? {} : { [column.name]: column.kind === 'int' ? { gt: this.below(20) } : this.scalar(column) }
  }

  create (model: ResolvedModel, depth: number, inverse?: ResolvedRelation): Data {
    const data: Data = {}
    const isChecked = depth > 0 && this.chance(2)
    const owned = inverse?.key === 'local' ? inverse.pairs.map(({ local }) => local) : []
    const keys = foreignKeys(model)
    for (const column of model.columns) {
      if (owned.includes(column) || isGenerated(column)) continue
      if (keys.has(column)) {
        if (!isChecked && (!column.optional || this.chance(2))) data[column.name] = this.scalar(column)
      } else if (isRequired(column) || this.chance(4)) {
        data[column.name] = this.#value(column)
      }
    }
    if (depth === 0) return data
    for (const relation of model.relations) {
      if (relation === inverse) continue
      if (relation.key === 'local') {
        if (isChecked && (!relation.optional || this.chance(3))) data[relation.name] = this.#one(relation, depth)
      } else if (this.chance(5)) {
        data[relation.name] = relation.toMany ? this.#several(relation, depth) : this.#one(relation, depth)
      }
    }
    return data
  }

  #one (relation: ResolvedRelation, depth: number): Data {
    const action = this.pick(['connect', 'create', 'connectOrCreate'])
    return { [action]: this.#action(relation, action, depth) }
  }

  #several (relation: ResolvedRelation, depth: number): Data {
    const data: Data = {}
    for (const action of ['create', 'connect', 'connectOrCreate']) {
      if (this.chance(2)) data[action] = this.list(0, 2, () => this.#action(relation, action, depth))
    }
    if (relation.key === 'foreign' && this.chance(4)) data['createMany'] = { data: this.list(0, 2, () => this.create(relation.target, 0, relation.inverse)), skipDuplicates: this.chance(2) }
    return data
  }

  #action (relation: ResolvedRelation, action: string, depth: number): unknown {
    const { target, inverse, toMany } = relation
    switch (action) {
      case 'create': return this.create(target, depth - 1, inverse)
      case 'connect': case 'set': return this.unique(target)
      case 'connectOrCreate': return { where: this.unique(target), create: this.create(target, depth - 1, inverse) }
      case 'disconnect': case 'delete': return toMany ? this.unique(target) : this.pick([true, this.filter(target)])
      case 'update': return toMany ? { where: this.unique(target), data: this.update(target, depth - 1, inverse) } : this.update(target, depth - 1, inverse)
      case 'updateMany': return { where: this.filter(target), data: this.update(target, 0, inverse) }
      case 'upsert': return { ...(toMany ? { where: this.unique(target) } : {}), create: this.create(target, depth - 1, inverse), update: this.update(target, depth - 1, inverse) }
      default: return this.filter(target)
    }
  }

  update (model: ResolvedModel, depth: number, inverse?: ResolvedRelation): Data {
    const data: Data = {}
    const keys = foreignKeys(model)
    for (const column of model.columns) {
      if (keys.has(column) || column.isId || !this.chance(6)) continue
      data[column.name] = column.kind === 'int' && !column.list && this.chance(2) ? { [this.pick(['increment', 'multiply', 'set'])]: this.below(5) } : this.#value(column)
    }
    if (depth === 0) return data
    for (const relation of model.relations) {
      if (relation === inverse || !this.chance(4)) continue
      const actions = ['create', 'connect', 'connectOrCreate', 'update', 'upsert']
      if (relation.toMany) {
        const chosen = [...actions, 'set', 'disconnect', 'delete', 'updateMany', 'deleteMany'].filter(() => this.chance(4))
        data[relation.name] = Object.fromEntries(chosen.map((action) => [action, this.list(1, 2, () => this.#action(relation, action, depth))]))
      } else {
        const action = this.pick(relation.optional ? [...actions, 'disconnect', 'delete'] : actions)
        data[relation.name] = { [action]: this.#action(relation, action, depth) }
      }
    }
    return data
  }
}

function foreignKeys (model: ResolvedModel): ReadonlySet<ResolvedColumn> {
  return new Set(model.relations.flatMap(({ key, pairs }) => key === 'local' ? pairs.map(({ local }) => local) : []))
}

const isGenerated = (column: ResolvedColumn): boolean => column.default?.type === 'function' && column.default.function === 'autoincrement'
const isRequired = (column: ResolvedColumn): boolean => !column.optional && !column.list && column.default === undefined && !column.updatedAt
