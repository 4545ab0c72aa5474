// What a read must see, and where in a log that is.

import type { Lsn } from './lsn.ts'

/** A place in one history of one database's log. `undefined` is unknown, which satisfies nothing. */
export interface Position {
  /** The server's `system_identifier`. */
  readonly system: string | undefined
  readonly timeline: number | undefined
  readonly lsn: Lsn
}

/** `primary`: no replica will do. */
export type Freshness =
  | { readonly type: 'any' }
  | { readonly type: 'at-least', readonly position: Position }
  | { readonly type: 'primary' }

export const anyFreshness: Freshness = Object.freeze({ type: 'any' })
export const primaryFreshness: Freshness = Object.freeze({ type: 'primary' })
