// The connections to one address: a fair, bounded checkout.

import type { Connection } from './driver.ts'

export type Priority = 'native' | 'borrowed'

export interface AcquireOptions {
  readonly signal?: AbortSignal | undefined
  /** Milliseconds; at most the pool's `queueTimeoutMs` is the default. */
  readonly timeoutMs?: number | undefined
  /** `borrowed`: work that is here only because its own replica cannot do it. @defaultValue 'native' */
  readonly priority?: Priority | undefined
}

export interface PoolStats {
  readonly max: number
  /** Open connections, in use or not. */
  readonly open: number
  readonly opening: number
  readonly inUse: number
  readonly idle: number
  readonly borrowed: number
  readonly waiting: number
}

export interface Pool {
  /** Raised when a connection opens or closes. */
  readonly epoch: number
  /**
   * A connection at once if one is free, else a promise of one.
   * Throws or rejects with FST_MR_OVERLOADED, FST_MR_CLIENT_CLOSED, the signal's reason, or a DriverFailure of kind `connect`.
   */
  acquire (options?: AcquireOptions): Connection | Promise<Connection>
  /** Exactly once for each acquired connection, dead ones included. */
  release (connection: Connection): void
  stats (): PoolStats
  close (timeoutMs: number): Promise<void>
}
