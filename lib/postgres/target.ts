// One of the two servers that every region has: what is known of it, and the way to its connections.
//
// `local` and `primary` are names of places in the configuration; which server is behind them may be one and the
// same, and may change. A target is the name, a `Server` is what it leads to at the moment.

import type { DriverFailure } from '../core/driver-failure.ts'
import { unknownTarget, type FenceReason, type TargetFacts } from '../core/server-facts.ts'
import type { Connection, Session } from './driver.ts'
import type { AcquireOptions, Pool } from './pool.ts'
import type { Server } from './server.ts'

export class Target {
  readonly name: 'local' | 'primary'
  /** Replaced on change; one field read. */
  facts: TargetFacts
  /** Told of every failure that is reported; for counters and channels. */
  onFailure: ((failure: DriverFailure) => void) | undefined
  #server: Server

  constructor (name: 'local' | 'primary', server: Server) {
    this.name = name
    this.facts = unknownTarget(name)
    this.onFailure = undefined
    this.#server = server
  }

  /** Replaced after a change of role or address: do not keep it across an await. */
  get pool (): Pool { return this.#server.pool }

  /** A position counts only in the epoch of its sample (`facts.sampleEpoch`). */
  get epoch (): number { return this.#server.epoch }

  /** A connection at once if one is free; never throws, and rejects as `Pool.acquire` does. */
  acquire (options?: AcquireOptions): Connection | Promise<Connection> {
    return this.#server.pool.acquire(options)
  }

  /** Finds its way to the pool that the connection came from, replaced or not. */
  release (connection: Connection): void {
    const session = connection as Session // the only class that `acquire` gives
    session.owner?.release(session)
  }

  /** A failure of real traffic; feeds the breaker, and brings the next look forward where it speaks of the server. */
  report (failure: DriverFailure): void {
    this.#server.report(failure)
    this.onFailure?.(failure)
  }

  /** Looks now; joins a look that has not been sent yet. Never rejects: what it found is in the facts. */
  async probe (): Promise<TargetFacts> {
    await this.#server.look()
    return this.facts
  }

  /** For a request that is refused unless the server is back: one look that is sent now, whatever the breaker says. Never rejects. */
  trial (): Promise<void> {
    return this.#server.trial()
  }

  /** @internal The owner's: which server it is, and what the two together mean for it. */
  update (server: Server, fenced: FenceReason | undefined, mayBeWritten: boolean): void {
    this.#server = server
    const { state, sighting, settings, fingerprint, timeline, members, positions } = server.snapshot
    this.facts = Object.freeze({
      name: this.name,
      role: state.role,
      up: state.up,
      breaker: state.breaker,
      system: fingerprint.system,
      timeline,
      appliedLsn: sighting?.seen.appliedLsn,
      flushLsn: sighting?.seen.flushLsn,
      sampleEpoch: sighting?.epoch ?? -1,
      sampledAtMs: sighting?.sentAtMs,
      roundTripMs: sighting?.tookMs,
      fingerprint,
      members,
      fenced,
      writable: mayBeWritten && fenced === undefined && state.role === 'primary' && state.breaker === 'closed',
      positions,
      settings,
    } satisfies TargetFacts)
  }
}
