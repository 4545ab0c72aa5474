// One of the two servers that every region has: its pool, its state, what is known of it.

import type { DriverFailure } from '../core/driver-failure.ts'
import type { TargetFacts } from '../core/server-facts.ts'
import type { Connection } from './driver.ts'
import type { AcquireOptions, Pool } from './pool.ts'

export interface Target {
  readonly name: 'local' | 'primary'
  /** Replaced on change; one field read. */
  readonly facts: TargetFacts
  /** Replaced after a change of role or address: do not keep it across an await. */
  readonly pool: Pool
  /** The pool's: a position counts only in the epoch of its sample. */
  readonly epoch: number
  acquire (options?: AcquireOptions): Connection | Promise<Connection>
  /** Finds its way to the pool that the connection came from, replaced or not. */
  release (connection: Connection): void
  /** A failure of real traffic; feeds the breaker, and may bring the next look forward. */
  report (failure: DriverFailure): void
  /** Looks now; joins a look that has not been sent yet. Never rejects: what it found is in the facts. */
  probe (): Promise<TargetFacts>
}
