// The corpus's own notation (see corpus/README.md): tagged JSON in and out, and how two answers are compared.

import { Decimal } from 'decimal.js'
import { FieldReference } from '../../lib/query/field-reference.ts'
import { AnyNull, DbNull, JsonNull } from '../../lib/query/json-null.ts'

export interface CorpusOperation {
  readonly model: string | null
  readonly method: string
  readonly args?: unknown
  readonly fluent?: readonly (readonly [string, unknown?])[]
}

export type Expected =
  | { readonly result: unknown }
  | { readonly error: { readonly code?: string, readonly meta?: Readonly<Record<string, unknown>>, readonly validation?: true, readonly unknown?: true } }

export interface CorpusCase {
  readonly id: string
  readonly group: string
  readonly write: boolean
  readonly setup?: readonly CorpusOperation[]
  readonly op: CorpusOperation
  readonly ordered?: boolean
  readonly expect: Expected
  readonly after?: readonly (Expected & { readonly op: CorpusOperation, readonly ordered?: boolean })[]
  readonly quirk?: string
}

/** Arguments as a caller would write them. */
export function untag (value: unknown): unknown {
  if (Array.isArray(value)) return value.map(untag)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value)
  const [first] = entries
  if (entries.length === 1 && first !== undefined && first[0].startsWith('$')) {
    const [tag, content] = first as [string, never]
    switch (tag) {
      case '$date': return new Date(content === 'invalid' ? NaN : content)
      case '$bigint': return BigInt(content)
      case '$decimal': return new Decimal(content)
      case '$bytes': return new Uint8Array(Buffer.from(content, 'base64'))
      case '$number': return content === '-0' ? -0 : Number(content)
      case '$undefined': return undefined
      case '$dbnull': return DbNull
      case '$jsonnull': return JsonNull
      case '$anynull': return AnyNull
      case '$field': return new FieldReference(content[0], content[1], false)
      case '$range': return Array.from({ length: Number(content[1]) - Number(content[0]) + 1 }, (_, i) => Number(content[0]) + i)
      default: throw new Error(`unknown tag ${tag}`)
    }
  }
  return Object.fromEntries(entries.map(([key, item]) => [key, untag(item)]))
}

/** A result in the corpus's notation. */
export function tag (value: unknown): unknown {
  if (value === undefined) return { $undefined: true }
  if (typeof value === 'bigint') return { $bigint: value.toString() }
  if (typeof value === 'number') return Number.isFinite(value) && !Object.is(value, -0) ? value : { $number: Object.is(value, -0) ? '-0' : String(value) }
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Date) return { $date: Number.isNaN(value.getTime()) ? 'invalid' : value.toISOString() }
  if (Decimal.isDecimal(value)) return { $decimal: (value as Decimal).toFixed() }
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString('base64') }
  if (Array.isArray(value)) return value.map(tag)
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, tag(item)]))
}

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const cuidPattern = /^c[a-z0-9]{24}$/

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)
const isRecords = (value: readonly unknown[]): boolean => value.length > 0 && value.every((item) => isRecord(item) && !Object.keys(item).some((key) => key.startsWith('$')))

/** The path of the first difference, or undefined. `expected` and `actual` are both in tagged form. */
export function difference (expected: unknown, actual: unknown, ordered: boolean, path = 'result'): string | undefined {
  if (isRecord(expected) && '$match' in expected) {
    if (expected['$match'] === 'uuid') return typeof actual === 'string' && uuidPattern.test(actual) ? undefined : `${path}: no uuid`
    if (expected['$match'] === 'cuid') return typeof actual === 'string' && cuidPattern.test(actual) ? undefined : `${path}: no cuid`
    const date = isRecord(actual) && typeof actual['$date'] === 'string' ? Date.parse(actual['$date']) : NaN
    return Math.abs(Date.now() - date) < 5 * 60_000 ? undefined : `${path}: not now but ${JSON.stringify(actual)}`
  }
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual)) return `${path}: expected a list, got ${JSON.stringify(actual)?.slice(0, 200)}`
    if (expected.length !== actual.length) return `${path}: expected ${expected.length} items, got ${actual.length}: ${JSON.stringify(actual).slice(0, 300)}`
    if (ordered || !isRecords(expected)) {
      for (let i = 0; i < expected.length; i++) {
        const found = difference(expected[i], actual[i], ordered, `${path}[${i}]`)
        if (found !== undefined) return found
      }
      return undefined
    }
    const left = [...actual]
    for (const item of expected) {
      const index = left.findIndex((candidate) => difference(item, candidate, ordered, path) === undefined)
      if (index < 0) return `${path}: missing ${JSON.stringify(item).slice(0, 300)}`
      left.splice(index, 1)
    }
    return undefined
  }
  if (isRecord(expected)) {
    if (!isRecord(actual)) return `${path}: expected ${JSON.stringify(expected).slice(0, 200)}, got ${JSON.stringify(actual)?.slice(0, 200)}`
    for (const key of new Set([...Object.keys(expected), ...Object.keys(actual)])) {
      if (!(key in expected)) return `${path}.${key}: unexpected ${JSON.stringify(actual[key])}`
      if (!(key in actual)) return `${path}.${key}: missing`
      const found = difference(expected[key], actual[key], ordered, `${path}.${key}`)
      if (found !== undefined) return found
    }
    return undefined
  }
  if (typeof expected === 'number' && typeof actual === 'number' && /\._(avg|sum)\./.test(path)) {
    return Math.abs(expected - actual) <= 1e-9 * Math.max(Math.abs(expected), Math.abs(actual)) ? undefined : `${path}: ${expected} ≠ ${actual}`
  }
  return Object.is(expected, actual) ? undefined : `${path}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`
}
