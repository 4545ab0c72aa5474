// The defaults that are not plain values.

import { definition, type ColumnDefault, type DefaultFunction } from './definition.ts'
import { schemaInvalid } from './schema-invalid.ts'

export interface FunctionDefault<F extends DefaultFunction> { readonly [definition]: { readonly type: 'function', readonly function: F } }
export interface DatabaseDefault { readonly [definition]: { readonly type: 'database', readonly sql: string } }

/** Which function may be the default of which kind of column. */
export interface FunctionsOfKind {
  int: 'autoincrement'
  bigint: 'autoincrement'
  float: never
  decimal: never
  text: 'uuid' | 'cuid'
  bool: never
  bytes: never
  uuid: 'uuid'
  json: never
  date: 'now'
  time: 'now'
  timestamp: 'now'
  enum: never
  other: never
}

/** The same as `FunctionsOfKind`, for callers without types. */
export const kindsOfFunction: Readonly<Record<DefaultFunction, readonly string[]>> = {
  autoincrement: ['int', 'bigint'],
  uuid: ['text', 'uuid'],
  cuid: ['text'],
  now: ['date', 'time', 'timestamp'],
}

function mark<T extends ColumnDefault> (value: T): { readonly [definition]: T } {
  return Object.freeze(Object.defineProperty({}, definition, { value: Object.freeze(value) })) as { readonly [definition]: T }
}

/** The next number of the column's sequence or identity. */
export const autoincrement = (): FunctionDefault<'autoincrement'> => mark({ type: 'function', function: 'autoincrement' })
/** The time at which the client compiles the create. */
export const now = (): FunctionDefault<'now'> => mark({ type: 'function', function: 'now' })
/** A random UUID, made by the client. */
export const uuid = (): FunctionDefault<'uuid'> => mark({ type: 'function', function: 'uuid' })
/** A cuid, made by the client. */
export const cuid = (): FunctionDefault<'cuid'> => mark({ type: 'function', function: 'cuid' })

/**
 * A default that the server computes. The expression is a note to the reader: the client never sends it.
 *
 * @example t.text().default(dbgenerated("encode(gen_random_bytes(6), 'hex')"))
 */
export function dbgenerated (sql = ''): DatabaseDefault {
  if (typeof sql !== 'string') throw schemaInvalid('dbgenerated() takes the expression as text')
  return mark({ type: 'database', sql })
}
