// What the server sent → what Prisma returns: raw text of a column, or a value inside JSON aggregation.
// Inside JSON, int8 and numeric travel as text and bytea as base64, since a JSON number or string would lose them.

import { Decimal } from 'decimal.js'
import type { ColumnDefinition } from '../schema/definition.ts'
import { sql, type Sql } from './sql-text.ts'
import type { ResultColumn } from './statement.ts'

/** How a column's values come back. */
export interface Codec {
  /** From the wire's text, or `null` for SQL's NULL, which a list returns as empty; `undefined` where the text is the value. */
  readonly text: ((text: string | null) => unknown) | undefined
  /** From a parsed JSON document, in which the column was written as `jsonExpression`; `undefined` where it is the value. */
  readonly json: ((value: unknown) => unknown) | undefined
  /** How the column is written inside JSON, so that `json` can read it back without loss. */
  readonly jsonExpression: (column: Sql) => Sql
}

const two = (text: string, at: number): number => text.charCodeAt(at) * 10 + text.charCodeAt(at + 1) - 528
const four = (text: string): number => two(text, 0) * 100 + two(text, 2)

/** Microseconds and beyond are cut, as a Date has none. Years 100 to 9999 take the short path. */
export function parseTimestamp (text: string): Date {
  // 2024-05-01 12:30:00.123+00
  const { length } = text
  if (length < 19 || text.charCodeAt(4) !== 45 || text.charCodeAt(length - 1) === 67) return parseOddTimestamp(text)
  const year = four(text)
  if (year < 100) return parseOddTimestamp(text)
  let ms = 0
  let at = 19
  if (length > 19 && text.charCodeAt(19) === 46) {
    let scale = 100
    for (at = 20; at < length; at++) {
      const digit = text.charCodeAt(at) - 48
      if (digit < 0 || digit > 9) break
      if (scale >= 1) ms += digit * scale
      scale /= 10
    }
  }
  const utc = Date.UTC(year, two(text, 5) - 1, two(text, 8), two(text, 11), two(text, 14), two(text, 17), ms)
  return new Date(at < length ? utc - offsetMs(text, at) : utc)
}

const offsetPattern = /([+-])(\d\d)(?::?(\d\d))?(?::?(\d\d))?$/

function offsetMs (text: string, from: number): number {
  if (text.endsWith('+00') || text.endsWith('+00:00')) return 0
  const match = offsetPattern.exec(text.slice(from))
  if (match === null) return 0
  const seconds = Number(match[2]) * 3600 + Number(match[3] ?? 0) * 60 + Number(match[4] ?? 0)
  return (match[1] === '-' ? -seconds : seconds) * 1000
}

const oddTimestamp = /^(\d+)-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d):(\d\d)(?:\.(\d+))?)?([+-][\d:]+)?( BC)?$/

/** Years beyond 9999 and before 1, `infinity`. */
function parseOddTimestamp (text: string): Date {
  const match = oddTimestamp.exec(text)
  if (match === null) return new Date(NaN)
  const year = match[9] === undefined ? Number(match[1]) : 1 - Number(match[1])
  const date = new Date(0)
  date.setUTCFullYear(year, Number(match[2]) - 1, Number(match[3]))
  date.setUTCHours(Number(match[4] ?? 0), Number(match[5] ?? 0), Number(match[6] ?? 0), Number((match[7] ?? '').padEnd(3, '0').slice(0, 3)))
  return match[8] === undefined ? date : new Date(date.getTime() - offsetMs(match[8], 0))
}

/** A date is its midnight in UTC. */
export function parseDate (text: string): Date {
  if (text.length === 10) {
    const year = four(text)
    if (year >= 100) return new Date(Date.UTC(year, two(text, 5) - 1, two(text, 8)))
  }
  return parseOddTimestamp(text)
}

/** A time of day is on 1970-01-01, in UTC. */
export function parseTime (text: string): Date {
  return parseTimestamp(`1970-01-01 ${text}`)
}

function parseBytea (text: string): Uint8Array {
  return toBytes(Buffer.from(text.slice(2), 'hex'))
}

/** A Uint8Array of its own, as Prisma returns: a Buffer may be a window on a shared pool. */
function toBytes (buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer)
}

type Element = (text: string) => unknown

const same: Element = (text) => text
const toNumber: Element = (text) => Number(text)
const toBoolean: Element = (text) => text === 't' || text === 'true'

function elementOf (column: ColumnDefinition): Element {
  switch (column.kind) {
    case 'int': case 'float': return toNumber
    case 'bigint': return BigInt
    case 'decimal': return (text) => new Decimal(text)
    case 'text': case 'uuid': case 'other': return same
    case 'bool': return toBoolean
    case 'bytes': return parseBytea
    case 'json': return JSON.parse
    case 'date': return parseDate
    case 'time': return parseTime
    case 'timestamp': return parseTimestamp
    case 'enum': {
      const names = new Map(Object.entries(column.enum?.labels ?? {}).map(([name, label]) => [label, name]))
      if ([...names].every(([label, name]) => label === name)) return same
      // A label that the schema does not know yet (the migration came first) is shown as it is.
      return (text) => names.get(text) ?? text
    }
  }
}

const numberText = (value: string | null): number | null => value === null ? null : Number(value)

const plain = (column: Sql): Sql => column
const asText = (column: Sql): Sql => sql`${column}::text`
// A type may have a cast to text that is not its output (inet appends /32), or one to json (hstore): format() takes the output.
const asOutput = (column: Sql): Sql => sql`case when ${column} is null then null else format('%s', ${column}) end`
const asBase64 = (column: Sql): Sql => sql`encode(${column}, 'base64')`

export function codecOf (column: ColumnDefinition, _cast: Sql): Codec {
  const element = elementOf(column)
  if (column.list) {
    const list = (text: string | null): unknown => text === null ? [] : parseArray(text, element)
    // The text of an array is its output, whatever its elements are.
    return { text: list, json: list as (value: unknown) => unknown, jsonExpression: asText }
  }
  const text = element === same ? undefined : column.kind === 'int' || column.kind === 'float' ? numberText : (value: string | null): unknown => value === null ? null : element(value)
  switch (column.kind) {
    case 'int': case 'bool': case 'text': case 'uuid': case 'json':
      return { text, json: undefined, jsonExpression: plain }
    // NaN and the infinities are strings in JSON.
    case 'float': return { text, json: (value) => typeof value === 'string' ? Number(value) : value, jsonExpression: plain }
    case 'bytes': return { text, json: (value) => value === null ? null : toBytes(Buffer.from(value as string, 'base64')), jsonExpression: asBase64 }
    case 'enum':
      return element === same
        ? { text, json: undefined, jsonExpression: plain }
        : { text, json: (value) => value === null ? null : element(value as string), jsonExpression: plain }
    case 'other': return { text, json: undefined, jsonExpression: asOutput }
    // JSON has them as text by itself, in ISO 8601.
    case 'date': case 'time': case 'timestamp':
      return { text, json: (value) => value === null ? null : element(value as string), jsonExpression: plain }
    case 'bigint': case 'decimal':
      return { text, json: (value) => value === null ? null : element(value as string), jsonExpression: asText }
  }
}

/** An array literal as PostgreSQL writes it; nested arrays become nested lists. */
export function parseArray (text: string, element: Element): unknown[] {
  if (isPlainList(text)) {
    const items: unknown[] = text === '{}' ? [] : text.slice(1, -1).split(',')
    for (let i = 0; i < items.length; i++) {
      const item = items[i] as string
      items[i] = item === 'NULL' ? null : element(item)
    }
    return items
  }
  return parseNestedArray(text, element)
}

/** One dimension, nothing quoted. */
function isPlainList (text: string): boolean {
  return text.charCodeAt(0) === 123 && !text.includes('"') && text.indexOf('{', 1) < 0
}

function parseNestedArray (text: string, element: Element): unknown[] {
  // Bounds that do not begin at 1 are written in front: [0:2]={…}
  let at = text.charCodeAt(0) === 91 ? text.indexOf('=') + 1 : 0
  const list = (): unknown[] => {
    const items: unknown[] = []
    at++
    if (text.charCodeAt(at) === 125) {
      at++
      return items
    }
    while (at < text.length) {
      const code = text.charCodeAt(at)
      if (code === 123) {
        items.push(list())
      } else if (code === 34) {
        items.push(element(quoted()))
      } else {
        let end = at
        for (let next = text.charCodeAt(end); next !== 44 && next !== 125 && end < text.length; next = text.charCodeAt(++end));
        const word = text.slice(at, end)
        items.push(word === 'NULL' ? null : element(word))
        at = end
      }
      if (text.charCodeAt(at++) === 125) break
    }
    return items
  }
  const quoted = (): string => {
    let value = ''
    let from = ++at
    for (;;) {
      const code = text.charCodeAt(at)
      if (code === 92) {
        value += text.slice(from, at)
        from = at + 1
        at += 2
      } else if (code === 34 || at >= text.length) {
        value += text.slice(from, at)
        at++
        return value
      } else {
        at++
      }
    }
  }
  return list()
}

// --- raw queries: by the type's OID, as Prisma's own driver adapter reads them -------------------------------------

/** An amount of money as the server's locale writes it: only sign, digits and the last separator count. */
function parseMoney (text: string): Decimal {
  const negative = text.includes('-') || text.startsWith('(')
  const number = text.replace(/[^\d.]/g, '')
  return new Decimal(negative ? `-${number}` : number)
}

const scalarsByOid = new Map<number, Element>([
  [16, toBoolean], [17, parseBytea], [20, BigInt], [21, toNumber], [23, toNumber], [26, BigInt], [114, JSON.parse], [3802, JSON.parse],
  [700, toNumber], [701, toNumber], [790, parseMoney], [1700, (text) => new Decimal(text)],
  [1082, parseDate], [1083, parseTime], [1266, parseTime], [1114, parseTimestamp], [1184, parseTimestamp],
])

// The array type of each scalar type above, and of those that are text.
const elementsByArrayOid = new Map<number, number>([
  [1000, 16], [1001, 17], [1016, 20], [1005, 21], [1007, 23], [1028, 26], [199, 114], [3807, 3802], [1021, 700], [1022, 701], [791, 790], [1231, 1700],
  [1182, 1082], [1183, 1083], [1270, 1266], [1115, 1114], [1185, 1184],
  [1002, 18], [1009, 25], [1014, 1042], [1015, 1043], [1003, 19], [2951, 2950], [143, 142], [1561, 1560], [1563, 1562], [1041, 869], [651, 650],
])

function decoderOfOid (oid: number): (text: string | null) => unknown {
  const scalar = scalarsByOid.get(oid)
  if (scalar !== undefined) return (text) => text === null ? null : scalar(text)
  const elementOid = elementsByArrayOid.get(oid)
  if (elementOid !== undefined) {
    const element = scalarsByOid.get(elementOid) ?? same
    return (text) => text === null ? null : parseArray(text, element)
  }
  return (text) => text
}

/** Makes the decoder for the rows of a raw query from its columns; a name that occurs twice keeps its last value. */
export function rawDecoder (columns: readonly ResultColumn[]): (row: readonly (string | null)[]) => Record<string, unknown> {
  const decoders = columns.map((column) => decoderOfOid(column.type))
  const names = columns.map((column) => column.name)
  return (row) => {
    const record: Record<string, unknown> = {}
    for (let i = 0; i < names.length; i++) {
      const name = names[i] as string
      const value = (decoders[i] as (text: string | null) => unknown)(row[i] as string | null)
      // A column may have any name; this one would set the prototype.
      if (name === '__proto__') Object.defineProperty(record, name, { value, enumerable: true, configurable: true, writable: true })
      else record[name] = value
    }
    return record
  }
}
