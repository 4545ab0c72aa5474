// The types of columns: `t.int()`, `t.varchar(320)`, … each is the start of a chain of modifiers.

import type { Decimal } from 'decimal.js'
import type { Column } from './column.ts'
import { column } from './column-builder.ts'
import type { JsonValue } from './json.ts'
import { schemaInvalid } from './schema-invalid.ts'

/** PostgreSQL's own bounds: numeric up to 1000 digits, times up to microseconds, text up to 10 MB as a declared length. */
const MAX_DIGITS = 1000
const MAX_TIME_PRECISION = 6
const MAX_LENGTH = 10_485_760

function integer (value: unknown, what: string, min: number, max: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) throw schemaInvalid(`${what} must be a whole number from ${min} to ${max}`)
  return value
}

const withPrecision = (name: string, precision: number | undefined): string =>
  precision === undefined ? name : `${name}(${integer(precision, `the precision of ${name}`, 0, MAX_TIME_PRECISION)})`

function decimalType (precision: number | undefined, scale: number | undefined): string {
  if (precision === undefined) {
    if (scale !== undefined) throw schemaInvalid('decimal() with a scale needs a precision')
    return 'numeric'
  }
  integer(precision, 'the precision of decimal', 1, MAX_DIGITS)
  return scale === undefined ? `numeric(${precision})` : `numeric(${precision},${integer(scale, 'the scale of decimal', -MAX_DIGITS, MAX_DIGITS)})`
}

/** A type's name as DDL has it: words, quoted names, a schema, sizes. It becomes part of casts, so nothing that could end one is let through. */
const TYPE_NAME = /^(?:[\p{L}_][\p{L}\p{N}_$]*|"[^"\0]+")(?:(?:\.| )(?:[\p{L}_][\p{L}\p{N}_$]*|"[^"\0]+"))*(?:\([\p{L}\p{N}_ ,]+\))?(?: [\p{L} ]+)?$/u

export const t = {
  /** `integer`: a number. */
  int: (): Column<'int', number, never> => column('int', 'integer'),
  /** `smallint`: a number. */
  smallint: (): Column<'int', number, never> => column('int', 'smallint'),
  /** `bigint`: a BigInt; a whole number is taken too. */
  bigint: (): Column<'bigint', bigint, never> => column('bigint', 'bigint'),
  /** `double precision`: a number. */
  float: (): Column<'float', number, never> => column('float', 'double precision'),
  /** `real`: a number of single precision. */
  real: (): Column<'float', number, never> => column('float', 'real'),
  /** `numeric`: exact, as a `Decimal`; text and numbers are taken too. */
  decimal: (precision?: number, scale?: number): Column<'decimal', Decimal, never> => column('decimal', decimalType(precision, scale)),
  /** `text`. */
  text: (): Column<'text', string, never> => column('text', 'text'),
  /** `varchar(length)`; without a length, any. */
  varchar: (length?: number): Column<'text', string, never> => column('text', length === undefined ? 'varchar' : `varchar(${integer(length, 'the length of varchar', 1, MAX_LENGTH)})`),
  /** `char(length)`: the server pads with blanks. */
  char: (length = 1): Column<'text', string, never> => column('text', `char(${integer(length, 'the length of char', 1, MAX_LENGTH)})`),
  /** `boolean`. */
  boolean: (): Column<'bool', boolean, never> => column('bool', 'boolean'),
  /** `bytea`: a `Uint8Array`. */
  bytes: (): Column<'bytes', Uint8Array, never> => column('bytes', 'bytea'),
  /** `uuid`: text. */
  uuid: (): Column<'uuid', string, never> => column('uuid', 'uuid'),
  /** `jsonb`, or `json` when asked. The type argument says what is in it; nothing checks it at run time. */
  json: <T = JsonValue>(options?: { type?: 'json' | 'jsonb' }): Column<'json', T, never> => {
    const type = options?.type ?? 'jsonb'
    if (type !== 'json' && type !== 'jsonb') throw schemaInvalid('the type of json() is `json` or `jsonb`')
    return column('json', type)
  },
  /** `date`: a `Date` at midnight UTC. */
  date: (): Column<'date', Date, never> => column('date', 'date'),
  /** `time(precision)`: a `Date` on 1970-01-01 UTC. */
  time: (precision?: number): Column<'time', Date, never> => column('time', withPrecision('time', precision)),
  /** `timetz(precision)`: a `Date` on 1970-01-01, in UTC. */
  timetz: (precision?: number): Column<'time', Date, never> => column('time', withPrecision('timetz', precision)),
  /** `timestamp(precision)`, without a time zone: a `Date`, the server's clock face read as UTC. */
  timestamp: (precision?: number): Column<'timestamp', Date, never> => column('timestamp', withPrecision('timestamp', precision)),
  /** `timestamptz(precision)`: a `Date`. */
  timestamptz: (precision?: number): Column<'timestamp', Date, never> => column('timestamp', withPrecision('timestamptz', precision)),
  /** Any other type, by its name in DDL, sent and read as text. The type argument narrows that text. */
  other: <T extends string = string>(pgType: string): Column<'other', T, never> => {
    if (typeof pgType !== 'string' || !TYPE_NAME.test(pgType)) throw schemaInvalid(`\`${String(pgType)}\` is not the name of a PostgreSQL type`)
    return column('other', pgType)
  },
}
