// Values that the client makes where the caller gave none: the schema's constants, `now()`, `uuid()`, `cuid()` and `updatedAt`.
// Clock and randomness come in from outside, so that a plan is a pure function of its arguments.

import type { ResolvedColumn } from './model.ts'

export interface DefaultSource {
  readonly now: () => Date
  readonly uuid: () => string
  readonly cuid: () => string
}

/** One operation has one time: rows of one `createMany`, a parent and its children, all carry the same. */
export interface OperationDefaults {
  /** The column's default as text, or undefined where the server makes it (or nobody does). */
  readonly of: (column: ResolvedColumn) => string | null | undefined
  /** The operation's time as text of this column. */
  readonly time: (column: ResolvedColumn) => string | null
}

/** Does the client send a value for this column when the caller gives none? */
export function hasClientDefault (column: ResolvedColumn): boolean {
  if (column.updatedAt) return true
  const { default: made } = column
  if (made === undefined || made.type === 'database') return false
  return made.type === 'value' || made.function !== 'autoincrement'
}

/** Does the server have a value of its own for this column? */
export function hasServerDefault (column: ResolvedColumn): boolean {
  const { default: made } = column
  return made !== undefined && (made.type === 'database' || (made.type === 'function' && made.function === 'autoincrement'))
}

const nothing: readonly string[] = []

export function operationDefaults (source: DefaultSource): OperationDefaults {
  let now: Date | undefined
  const time = (column: ResolvedColumn): string | null => {
    now ??= source.now()
    return column.encode(now, nothing)
  }
  return {
    time,
    of (column) {
      const made = column.default
      if (made === undefined) return column.updatedAt ? time(column) : undefined
      switch (made.type) {
        case 'value': return column.encode(made.value, nothing)
        case 'function':
          switch (made.function) {
            case 'now': return time(column)
            case 'uuid': return source.uuid()
            case 'cuid': return source.cuid()
            case 'autoincrement': return undefined
          }
        // falls through: every function returned
        case 'database': return undefined
      }
    },
  }
}

export interface CuidSource {
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** A whole number from 0 up to and without `below`. */
  readonly random: (below: number) => number
}

const base = 36
const block = base ** 4

const pad = (value: number, length: number): string => value.toString(base).padStart(length, '0').slice(-length)

/**
 * A maker of cuids: `c`, the time, a counter, a fingerprint of this maker, randomness; 25 characters of `a-z0-9` that
 * sort roughly by time. The counter keeps ids of one millisecond apart, the fingerprint those of two processes.
 */
export function cuidMaker (source: CuidSource): () => string {
  const fingerprint = pad(source.random(block), 4)
  let counter = source.random(block)
  return () => {
    counter = (counter + 1) % block
    return `c${pad(source.now(), 8)}${pad(counter, 4)}${fingerprint}${pad(source.random(block), 4)}${pad(source.random(block), 4)}`
  }
}
