// A client's floor: the position below which its reads may not be served, so that it sees its own committed
// writes (DESIGN 5). In memory, for one client object; a session's token is a floor that travels.
//
// Two policies. A request, job or socket is short: after its first direct write its reads go to the primary
// (`primary`). The process's own client lives on: the position of its last write is looked up together with
// the first read that follows, on the primary, which serves that read; from then on reads are local again as
// soon as the replica has provably passed the position (`position`).
//
// The rules that keep it true:
// 1. A look-up counts for the writes that were acknowledged before it was *sent*, for no later one.
// 2. While a write is not located, reads go to the primary.
// 3. A floor never moves down. It is located anew when the primary's history is another one (a failover):
//    a position of the old history may never be reached on the new one.
// 4. Where positions cannot be had, time is all there is: the primary for `windowMs` after the failed look-up.

import { anyFreshness, primaryFreshness, type Freshness, type Position } from '../core/freshness.ts'
import { laterPosition } from '../core/session-token.ts'

/** Where the primary was a bounded time ago, at the latest; `primary`: that is not known. */
export type StalenessBound = () => Position | 'primary'

export type FloorPolicy = 'primary' | 'position'

/** As `token.window`: how long the primary serves where only the time is known. */
const DEFAULT_WINDOW_MS = 10_000

export class Floor {
  readonly #policy: FloorPolicy
  readonly #windowMs: number
  readonly #parent: Floor | undefined
  readonly #staleness: StalenessBound | undefined
  #freshness: Freshness = anyFreshness
  /** Counts own writes; the newest located one. */
  #writes = 0
  #located = 0
  #position: Position | undefined = undefined
  /** By the caller's monotonic clock; only where positions cannot be had. */
  #primaryUntilMs = 0
  #pinned = false

  constructor (policy: FloorPolicy, options: { readonly windowMs?: number | undefined, readonly parent?: Floor | undefined, readonly staleness?: StalenessBound | undefined } = {}) {
    this.#policy = policy
    this.#staleness = options.staleness
    this.#parent = options.parent
    this.#windowMs = options.windowMs ?? DEFAULT_WINDOW_MS
  }

  /** What a read must see now. */
  freshness (nowMs: () => number): Freshness {
    const own = this.#own(nowMs)
    if (this.#staleness === undefined || own.type === 'primary') return own
    const bound = this.#staleness()
    if (bound === 'primary') return primaryFreshness
    return { type: 'at-least', position: own.type === 'any' ? bound : laterPosition(own.position, bound) ?? bound }
  }

  #own (nowMs: () => number): Freshness {
    if (this.#primaryUntilMs !== 0) {
      if (nowMs() < this.#primaryUntilMs) return primaryFreshness
      this.#primaryUntilMs = 0
    }
    return this.#freshness
  }

  get isRaised (): boolean { return this.#freshness !== anyFreshness || this.#primaryUntilMs !== 0 || this.#staleness !== undefined }

  /** A floor of its own that starts here; what is written above it raises this one too. */
  derive (): Floor {
    const derived = new Floor(this.#policy, { windowMs: this.#windowMs, parent: this, staleness: this.#staleness })
    derived.#freshness = this.#freshness
    derived.#writes = this.#writes
    derived.#located = this.#located
    derived.#position = this.#position
    derived.#primaryUntilMs = this.#primaryUntilMs
    derived.#pinned = this.#pinned
    return derived
  }

  get position (): Position | undefined { return this.#position }

  /** An own write has committed, or may have. */
  raise (position: Position | undefined): void {
    this.#parent?.raise(position)
    if (this.#policy === 'primary') {
      this.#freshness = primaryFreshness
      return
    }
    this.#writes++
    if (position === undefined) this.#freshness = primaryFreshness
    else this.locate(this.#writes, position)
  }

  /** A floor that was handed over (`$withToken`, a session's token). */
  raiseTo (position: Position): void {
    this.#advance(position)
    if (this.#freshness.type !== 'primary') this.#publish()
  }

  /** No replica will do any more (a token that carries only the time, or of another history). */
  raiseToPrimary (): void {
    this.#pinned = true
    this.#freshness = primaryFreshness
  }

  /** The newest write, if it has not been located: pass it to `locate` with a position looked up from now on. */
  get unlocatedWrite (): number | undefined {
    return this.#policy === 'position' && this.#located < this.#writes ? this.#writes : undefined
  }

  /** `write` was acknowledged before the look-up of `position` was sent. */
  locate (write: number, position: Position): void {
    if (write > this.#located) this.#located = write
    this.#advance(position)
    if (this.#located === this.#writes) this.#publish()
  }

  /** The primary does not tell positions. */
  locateFailed (write: number, nowMs: number): void {
    if (write > this.#located) this.#located = write
    this.#primaryUntilMs = nowMs + this.#windowMs
    if (this.#located === this.#writes) this.#publish()
  }

  /** The primary's history is not the position's any more. */
  forgetPosition (): void {
    if (this.#policy !== 'position') return
    this.#position = undefined
    this.#writes++
    this.#freshness = primaryFreshness
  }

  #advance (position: Position): void {
    const current = this.#position
    const later = current === undefined || current.system !== position.system ||
      (position.timeline ?? 0) > (current.timeline ?? 0) ||
      (position.timeline === current.timeline && position.lsn > current.lsn)
    if (later) this.#position = position
  }

  #publish (): void {
    if (this.#pinned) return
    this.#freshness = this.#position === undefined ? anyFreshness : { type: 'at-least', position: this.#position }
  }
}
