// A caller's value → PostgreSQL's text form, by the kind of its column. What a kind cannot hold is refused here, with the
// path; what only the server can judge (range of an integer, length of a text, a NUL in a text) is left to the server,
// whose error has a code that callers know. Nothing is cut, rounded or replaced silently.

import { Decimal } from 'decimal.js'
import { KnownRequestError, QueryInvalidError } from '../core/errors.ts'
import type { ColumnDefinition } from '../schema/definition.ts'

export type Path = readonly (string | number)[]

/** @throws QueryInvalidError with the path when the value is not of the column's kind. */
export type Encode = (value: unknown, path: Path) => string | null

/** The type of a value as errors report it; never the value. */
export function typeName (value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'list'
  if (typeof value !== 'object') return typeof value
  if (value instanceof Date) return 'Date'
  if (ArrayBuffer.isView(value)) return 'bytes'
  return 'object'
}

function refuse (expected: string, value: unknown, path: Path): never {
  throw new QueryInvalidError(`Expected ${expected}, received ${typeName(value)}`, { path, received: typeName(value) })
}

const int8Bound = 2 ** 63

/** A whole number in text. PostgreSQL checks the range of the column's own type (22003). */
function wholeNumber (value: number): string | undefined {
  if (Number.isSafeInteger(value)) return value === 0 ? '0' : String(value)
  if (!Number.isInteger(value)) return undefined
  if (Math.abs(value) > int8Bound) throw new KnownRequestError('A number used in the query does not fit into a 64 bit signed integer.', { code: 'P2033' })
  return BigInt(value).toString()
}

export const encodeInt: Encode = (value, path) => {
  if (typeof value !== 'number') refuse('a whole number', value, path)
  return wholeNumber(value) ?? refuse('a whole number', value, path)
}

const wholeText = /^[+-]?\d{1,30}$/

export const encodeBigInt: Encode = (value, path) => {
  if (typeof value === 'bigint') return value.toString()
  // As Prisma: what came through JSON may be text.
  if (typeof value === 'string' && wholeText.test(value)) return value
  if (typeof value !== 'number') refuse('a bigint or a whole number', value, path)
  return wholeNumber(value) ?? refuse('a bigint or a whole number', value, path)
}

export const encodeFloat: Encode = (value, path) => {
  if (typeof value !== 'number') refuse('a number', value, path)
  return Object.is(value, -0) ? '-0' : String(value)
}

const decimalText = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d{1,5})?$/i

/** Another copy of decimal.js, or a likeness of it. */
function isDecimalLike (value: unknown): value is { toFixed (): string } {
  if (Decimal.isDecimal(value)) return true
  if (typeof value !== 'object' || value === null) return false
  const { d, e, s, toFixed } = value as Record<string, unknown>
  return Array.isArray(d) && typeof e === 'number' && typeof s === 'number' && typeof toFixed === 'function'
}

export const encodeDecimal: Encode = (value, path) => {
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) refuse('a decimal number', value, path)
    return value === 0 ? '0' : String(value)
  }
  const text = typeof value === 'string' ? value : isDecimalLike(value) ? String(value.toFixed()) : refuse('a decimal number', value, path)
  // Decimal's own NaN and Infinity have no meaning in a column of bounded precision.
  if (!decimalText.test(text)) refuse('a decimal number', value, path)
  return text
}

/** A lone surrogate would reach the server as U+FFFD: another text than the caller's. */
function isWellFormed (value: string): boolean {
  // In ES2024's library, and in every Node.js that this package runs on.
  return (value as string & { isWellFormed (): boolean }).isWellFormed()
}

export const encodeText: Encode = (value, path) => {
  if (typeof value !== 'string') refuse('a string', value, path)
  if (!isWellFormed(value)) throw new QueryInvalidError('The text has half of a surrogate pair and cannot be stored', { path, received: 'string' })
  return value
}

export const encodeBoolean: Encode = (value, path) => {
  if (typeof value !== 'boolean') refuse('a boolean', value, path)
  return value ? 't' : 'f'
}

export const encodeBytes: Encode = (value, path) => {
  if (!ArrayBuffer.isView(value)) refuse('bytes (a Uint8Array)', value, path)
  return `\\x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}`
}

export const encodeJson: Encode = (value, path) => {
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch {
    throw new QueryInvalidError('The value cannot be written as JSON: it is cyclic, too deep, or holds a bigint', { path, received: typeName(value) })
  }
  return text ?? refuse('a JSON value', value, path)
}

const dateTimeText = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(\.\d+)?(?:Z|([+-])(\d\d):(\d\d))$/i

/** RFC 3339 with an offset, as Prisma asks; a text without one would mean another instant on every machine. */
function parseDateTime (text: string): Date | undefined {
  const match = dateTimeText.exec(text)
  if (match === null) return undefined
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [number, number, number, number, number, number]
  const offsetHour = Number(match[9] ?? 0)
  const offsetMinute = Number(match[10] ?? 0)
  if (month < 1 || month > 12 || day < 1 || day > new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate()) return undefined
  if (hour > 23 || minute > 59 || second > 59 || offsetHour > 23 || offsetMinute > 59) return undefined
  const milliseconds = match[7] === undefined ? 0 : Math.trunc(Number(`0${match[7]}`) * 1000 + 1e-6)
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  date.setUTCHours(hour, minute, second, milliseconds)
  const offset = (offsetHour * 60 + offsetMinute) * (match[8] === '-' ? -1 : 1)
  return new Date(date.getTime() - offset * 60_000)
}

function toDate (value: unknown, path: Path): Date {
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw new QueryInvalidError('The date is invalid', { path, received: 'Date' })
    return value
  }
  if (typeof value !== 'string') refuse('a Date or a text in ISO 8601', value, path)
  const date = parseDateTime(value)
  if (date === undefined) throw new QueryInvalidError('The text is not a date and time in ISO 8601 with an offset, such as 2024-05-01T12:30:00.000Z', { path, received: 'string' })
  return date
}

/** PostgreSQL writes years after 9999 without a sign and years before 1 with BC. */
function dateParts (date: Date): { day: string, time: string, era: string } {
  const year = date.getUTCFullYear()
  const iso = date.toISOString()
  const tail = iso.slice(iso.indexOf('-', 1))
  if (year >= 1 && year <= 9999) return { day: iso.slice(0, 10), time: iso.slice(11, 23), era: '' }
  const shown = year < 1 ? String(1 - year).padStart(4, '0') : String(year)
  return { day: `${shown}${tail.slice(0, 6)}`, time: tail.slice(7, 19), era: year < 1 ? ' BC' : '' }
}

export const encodeTimestamp: Encode = (value, path) => {
  const date = toDate(value, path)
  const year = date.getUTCFullYear()
  if (year >= 1 && year <= 9999) return date.toISOString()
  const parts = dateParts(date)
  return `${parts.day} ${parts.time}+00${parts.era}`
}

export const encodeDate: Encode = (value, path) => {
  const parts = dateParts(toDate(value, path))
  return `${parts.day}${parts.era}`
}

const timeText = /^(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d(?::\d\d)?)?$/

export const encodeTime: Encode = (value, path) => {
  if (typeof value === 'string' && timeText.test(value)) return value
  return dateParts(toDate(value, path)).time
}

/** PostgreSQL takes `2024-01-01T00:00:00Z` for a timetz too, but keeps the session's offset; the instant's own is UTC. */
const encodeTimeTz: Encode = (value, path) => {
  const text = encodeTime(value, path) as string
  return typeof value === 'string' && timeText.test(value) ? text : `${text}+00`
}

function encodeEnum (labels: ReadonlyMap<string, string>): Encode {
  return (value, path) => {
    const label = typeof value === 'string' ? labels.get(value) : undefined
    if (label !== undefined) return label
    throw new QueryInvalidError(`Expected one of ${[...labels.keys()].join(', ')}`, { path, received: typeName(value) })
  }
}

/** A value of one element of the column. */
export function elementEncoderOf (column: ColumnDefinition): Encode {
  switch (column.kind) {
    case 'int': return encodeInt
    case 'bigint': return encodeBigInt
    case 'float': return encodeFloat
    case 'decimal': return encodeDecimal
    case 'text': case 'uuid': case 'other': return encodeText
    case 'bool': return encodeBoolean
    case 'bytes': return encodeBytes
    case 'json': return encodeJson
    case 'date': return encodeDate
    case 'time': return column.pgType.startsWith('timetz') || column.pgType.includes('with time zone') ? encodeTimeTz : encodeTime
    case 'timestamp': return encodeTimestamp
    case 'enum': return encodeEnum(new Map(Object.entries(column.enum?.labels ?? {})))
  }
}

/** A value of the whole column: the element's, or a list of them for a list column. */
export function encoderOf (column: ColumnDefinition): Encode {
  const element = elementEncoderOf(column)
  return column.list ? encodeListOf(element) : element
}

const special = /[\\"]/g

/** An array literal. Every element is quoted, so that `null`, commas, braces and the empty text are themselves. */
export function encodeListOf (element: Encode): Encode {
  return (value, path) => {
    if (!Array.isArray(value)) refuse('a list', value, path)
    let text = '{'
    for (let i = 0; i < value.length; i++) {
      if (i > 0) text += ','
      text += quoteElement(encodeElement(element, value[i], path, i))
    }
    return `${text}}`
  }
}

export function quoteElement (text: string | null): string {
  return text === null ? 'NULL' : `"${text.includes('"') || text.includes('\\') ? text.replace(special, '\\$&') : text}"`
}

// The path of an element is made only when it is needed: lists may be long.
function encodeElement (element: Encode, value: unknown, path: Path, index: number): string | null {
  try {
    return element(value, path)
  } catch (error) {
    if (!(error instanceof QueryInvalidError)) throw error
    element(value, [...path, index])
    throw error
  }
}

/** `take`, `skip`, `limit`. */
export const encodeCount: Encode = (value, path) => {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) refuse('a whole number that is not negative', value, path)
  return value === 0 ? '0' : String(value)
}

/** `take` may be negative; the direction is in the plan. */
export const encodeMagnitude: Encode = (value, path) => {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) refuse('a whole number', value, path)
  return String(Math.abs(value))
}
