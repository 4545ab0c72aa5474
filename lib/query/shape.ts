// One walk over a caller's arguments, which splits them into a *shape key* (everything that decides the SQL text)
// and *leaves* (everything that only becomes a parameter). Two calls with the same key run the same plan.
//
// The same walk serves both cases, so the two can never disagree:
// - on a hit it only writes the key and collects the leaves; nothing else happens to the arguments;
// - on a miss it also builds an argument tree, in which every value is a `Leaf`. The compiler sees nothing but this tree:
//   it cannot bake a value into a plan by mistake, it never meets a getter, a prototype or a cycle, and what it reads
//   cannot change under it.
//
// The walk knows the schema, because the schema alone tells a filter from a Json value. It refuses only what is unbounded
// (depth, number of values); what is *wrong* it hands on, and the compiler refuses it with the path. A plan is kept only
// after the compiler has accepted it, so unknown keys never reach the cache; keys beyond `maxKeyLength` are not kept either.

import { LimitExceededError } from '../core/errors.ts'
import { FieldReference } from './field-reference.ts'
import { jsonNullOf, type AnyNull, type DbNull, type JsonNull } from './json-null.ts'
import type { ResolvedColumn, ResolvedModel, ResolvedRelation } from './model.ts'

export interface QueryLimits {
  /** Nested relations in one operation. */
  readonly maxDepth: number
  /** Values in one operation. A list that is bound as one array counts once. */
  readonly maxParameters: number
}

/** A caller's value, unread so far: the compiler may bind it, and may not look at it. */
export class Leaf {
  readonly index: number
  /** A list; part of the shape, so the compiler may ask. */
  readonly isList: boolean
  /** Only for statements that are built anew each time; a cached plan must not depend on it. */
  readonly value: unknown

  constructor (index: number, isList: boolean, value: unknown) {
    this.index = index
    this.isList = isList
    this.value = value
  }
}

/** An object of the arguments, keys with `undefined` left out. */
export type ArgumentTree = ReadonlyMap<string, Argument>
export type JsonNullValue = typeof DbNull | typeof JsonNull | typeof AnyNull
export type Argument = Leaf | ArgumentTree | readonly Argument[] | FieldReference | JsonNullValue | string | number | bigint | boolean | null

const maxKeyLength = 8 * 1024
// Logical operators inside one filter are not relations; this bound only keeps the stack whole.
const maxNesting = 200

/** Plain: made by a literal, `JSON.parse` or `Object.create(null)`, in any realm. */
function isPlain (value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null || Object.getPrototypeOf(prototype) === null
}

export class ShapeWalk {
  key: string
  readonly leaves: unknown[] = []
  /** The key grew beyond its bound: the plan is used once and not kept. */
  overflow = false
  readonly #build: boolean
  readonly #limits: QueryLimits
  #nesting = 0

  constructor (key: string, build: boolean, limits: QueryLimits) {
    this.key = key
    this.#build = build
    this.#limits = limits
  }

  /** The argument of a method. */
  operation (model: ResolvedModel, value: unknown, depth = 0): Argument | undefined {
    if (value === true) return this.#structural(value)
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !isPlain(value)) return this.#other(value)
    if (depth > this.#limits.maxDepth) throw new LimitExceededError('the nesting of relations', String(this.#limits.maxDepth), `more than ${this.#limits.maxDepth}`)
    return this.#object(value, knownWords, (name, part) => {
      switch (name) {
        case 'where': case 'cursor': case 'having': return this.where(model, part, depth)
        case 'select': case 'include': return this.#selection(model, part, depth)
        case 'take': case 'skip': case 'limit': return this.#count(part)
        // Only createMany takes a list of rows: their number is not part of the shape, and its plan reads them itself.
        case 'data': return Array.isArray(part) ? this.leaf(part) : this.data(model, part, depth)
        case 'create': case 'update': return this.data(model, part, depth)
        default: return this.#structural(part)
      }
    })
  }

  /** A filter, a unique filter or a list of them. */
  where (model: ResolvedModel, value: unknown, depth: number): Argument | undefined {
    if (typeof value !== 'object' || value === null) return this.#other(value)
    if (Array.isArray(value)) return this.#list(value, (item) => this.where(model, item, depth))
    if (!isPlain(value)) return this.#other(value)
    return this.#object(value, model.fields, (name, part) => {
      const field = model.fields.get(name)
      if (field !== undefined) return field.type === 'column' ? this.#filter(field, part) : this.#relationFilter(field, part, depth)
      return name === 'AND' || name === 'OR' || name === 'NOT' || model.composites.has(name) ? this.where(model, part, depth) : this.#structural(part)
    })
  }

  #relationFilter (relation: ResolvedRelation, value: unknown, depth: number): Argument | undefined {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !isPlain(value)) return this.#other(value)
    if (depth >= this.#limits.maxDepth) throw new LimitExceededError('the nesting of relations', String(this.#limits.maxDepth), `more than ${this.#limits.maxDepth}`)
    const target = relation.target
    for (const name of relation.toMany ? toManyOperators : toOneOperators) {
      if (!Object.hasOwn(value, name)) continue
      return this.#object(value, knownWords, (key, part) => toManyOperators.includes(key) || toOneOperators.includes(key) ? this.where(target, part, depth + 1) : this.#structural(part))
    }
    return this.where(target, value, depth + 1)
  }

  /** What stands beside a column in `where`, `having` or a unique key. */
  #filter (column: ResolvedColumn, value: unknown): Argument | undefined {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !isPlain(value)) return this.leaf(value)
    return this.#object(value, knownWords, (name, part) => {
      switch (name) {
        case 'mode': case 'isEmpty': return this.#structural(part)
        case 'not': return column.kind === 'json' ? this.leaf(part) : this.#filter(column, part)
        case '_count': case '_avg': case '_sum': case '_min': case '_max': return this.#filter(column, part)
        default: return this.leaf(part)
      }
    })
  }

  /** Data of a create or an update: an object, or a list of them. */
  data (model: ResolvedModel, value: unknown, depth: number): Argument | undefined {
    if (typeof value !== 'object' || value === null) return this.#other(value)
    if (Array.isArray(value)) return this.#list(value, (item) => this.data(model, item, depth))
    if (!isPlain(value)) return this.#other(value)
    return this.#object(value, model.fields, (name, part) => {
      const field = model.fields.get(name)
      if (field === undefined) return this.#structural(part)
      return field.type === 'column' ? this.#columnData(field, part) : this.#relationData(field, part, depth)
    })
  }

  #columnData (column: ResolvedColumn, value: unknown): Argument | undefined {
    if (typeof value !== 'object' || value === null || column.kind === 'json' || Array.isArray(value) || !isPlain(value)) return this.leaf(value)
    return this.#object(value, knownWords, (_name, part) => this.leaf(part))
  }

  /** `{ create, connect, update, … }` beside a relation. */
  #relationData (relation: ResolvedRelation, value: unknown, depth: number): Argument | undefined {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !isPlain(value)) return this.#other(value)
    if (depth >= this.#limits.maxDepth) throw new LimitExceededError('the nesting of relations', String(this.#limits.maxDepth), `more than ${this.#limits.maxDepth}`)
    const target = relation.target
    return this.#object(value, knownWords, (name, part) => {
      switch (name) {
        case 'create': return this.data(target, part, depth + 1)
        case 'connect': case 'disconnect': case 'set': case 'delete': case 'deleteMany': return this.where(target, part, depth + 1)
        case 'update': return this.#items(part, (item) => isUpdateWrapper(item, target) ? this.operation(target, item, depth + 1) : this.data(target, item, depth + 1))
        case 'createMany': case 'connectOrCreate': case 'upsert': case 'updateMany': return this.#items(part, (item) => this.operation(target, item, depth + 1))
        default: return this.#structural(part)
      }
    })
  }

  #selection (model: ResolvedModel, value: unknown, depth: number): Argument | undefined {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !isPlain(value)) return this.#other(value)
    return this.#object(value, model.fields, (name, part) => {
      if (typeof part !== 'object' || part === null) return this.#structural(part)
      const field = model.fields.get(name)
      if (field?.type === 'relation') return this.operation(field.target, part, depth + 1)
      return name === '_count' ? this.operation(model, part, depth + 1) : this.#structural(part)
    })
  }

  /** A value that becomes a parameter. What decides the SQL (NULL, the Json nulls, a field) goes into the key. */
  leaf (value: unknown): Argument | undefined {
    if (typeof value === 'object') {
      if (value === null) {
        this.#add('n')
        return null
      }
      if (value instanceof FieldReference) {
        this.#add(`&${JSON.stringify([value.modelName, value.name])}`)
        return value
      }
      const jsonNull = jsonNullOf(value)
      if (jsonNull !== undefined) {
        this.#add(jsonNull.charAt(0))
        return value as JsonNullValue
      }
    }
    return this.#push(value, Array.isArray(value))
  }

  #push (value: unknown, isList: boolean): Leaf | undefined {
    this.#add(isList ? 'a' : '?')
    const index = this.leaves.length
    if (index >= this.#limits.maxParameters) throw new LimitExceededError('the number of values', String(this.#limits.maxParameters), 'more')
    this.leaves.push(value)
    return this.#build ? new Leaf(index, isList, value) : undefined
  }

  /** `take`, `skip`, `limit`: the sign decides the direction. */
  #count (value: unknown): Argument | undefined {
    if (typeof value !== 'number') return this.#other(value)
    this.#add(value < 0 ? '-' : '+')
    const index = this.leaves.length
    this.leaves.push(value)
    if (!this.#build) return undefined
    return new Count(index, value)
  }

  /** Something of the wrong kind for its place; the compiler will refuse it, or knows what it means. */
  #other (value: unknown): Argument | undefined {
    if (value === null || typeof value === 'boolean') return this.#structural(value)
    return this.leaf(value)
  }

  /** Words that decide the SQL: flags, directions, names of fields. */
  #structural (value: unknown): Argument | undefined {
    switch (typeof value) {
      case 'boolean': this.#add(value ? 't' : 'f'); return value
      case 'string': this.#add(JSON.stringify(value)); return value
      case 'object':
        if (value === null) {
          this.#add('n')
          return null
        }
        if (Array.isArray(value)) return this.#list(value, (item) => this.#structural(item))
        if (!isPlain(value)) return this.leaf(value)
        return this.#object(value, knownWords, (_name, part) => this.#structural(part))
      case 'number': case 'bigint': case 'undefined': case 'function': case 'symbol':
        return this.leaf(value)
    }
  }

  #items (value: unknown, visit: (item: unknown) => Argument | undefined): Argument | undefined {
    return Array.isArray(value) ? this.#list(value, visit) : visit(value)
  }

  #list (value: readonly unknown[], visit: (item: unknown) => Argument | undefined): Argument | undefined {
    this.#enter()
    this.#add('[')
    const list: Argument[] | undefined = this.#build ? [] : undefined
    const length = value.length
    for (let i = 0; i < length; i++) {
      const node = visit(value[i])
      this.#add(',')
      if (list !== undefined) list.push(node as Argument)
    }
    this.#add(']')
    this.#nesting--
    return list
  }

  /**
   * One object of the arguments, a part at a time. `known`: names that stand here by the schema or the language; any other
   * may be a caller's invention, and is quoted, so that it cannot imitate another shape.
   */
  #object (value: object, known: { has (name: string): boolean }, visit: (name: string, part: unknown) => Argument | undefined): Argument | undefined {
    this.#enter()
    this.#add('{')
    const tree = this.#build ? new Map<string, Argument>() : undefined
    for (const name of Object.keys(value)) {
      const part = (value as Record<string, unknown>)[name]
      if (part === undefined) continue
      this.#add(known.has(name) ? name : JSON.stringify(name))
      this.#add(':')
      const node = visit(name, part)
      this.#add(',')
      if (tree !== undefined) tree.set(name, node as Argument)
    }
    this.#add('}')
    this.#nesting--
    return tree
  }

  #add (text: string): void {
    if (this.key.length > maxKeyLength) this.overflow = true
    else this.key += text
  }

  #enter (): void {
    if (++this.#nesting > maxNesting) throw new LimitExceededError('the nesting of the arguments', String(maxNesting), 'more (or an endless, cyclic one)')
  }
}

/** `take`, `skip` or `limit`: the compiler may know the sign, not the number. */
export class Count extends Leaf {
  readonly negative: boolean

  constructor (index: number, value: number) {
    super(index, false, value)
    this.negative = value < 0
  }
}

const toManyOperators: readonly string[] = ['some', 'every', 'none']
const toOneOperators: readonly string[] = ['is', 'isNot']

/** `update: { where?, data }` as against `update: { …fields }`; a model with a field called `data` needs the wrapper. */
export function isUpdateWrapper (item: unknown, target: ResolvedModel): boolean {
  return typeof item === 'object' && item !== null && Object.hasOwn(item, 'data') && (!target.fields.has('data') || Object.hasOwn(item, 'where'))
}

const knownWords = new Set([
  'where', 'select', 'include', 'cursor', 'having', 'take', 'skip', 'limit', 'data',
  'equals', 'not', 'in', 'notIn', 'lt', 'lte', 'gt', 'gte', 'contains', 'startsWith', 'endsWith', 'mode', 'has', 'hasEvery', 'hasSome', 'isEmpty',
  'some', 'every', 'none', 'is', 'isNot', 'set', 'increment', 'decrement', 'multiply', 'divide', 'push', 'unset',
  'create', 'connect', 'connectOrCreate', 'createMany', 'disconnect', 'update', 'updateMany', 'upsert', 'delete', 'deleteMany',
  'orderBy', 'distinct', 'omit', 'by', 'skipDuplicates', 'sort', 'nulls', '_count', '_all', '_avg', '_sum', '_min', '_max',
])
