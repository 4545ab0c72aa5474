// Waits until a standby has applied the log up to a position.
//
// One poller a target, however many wait: a look, then 2 ms of nothing, then the next look, and only while somebody
// waits. 10,000 waiting requests cost what one costs. Waiters stand in a heap by position, so that a look that finds
// the server further on touches those whom it frees and nobody else.
//
// What keeps it true:
// 1. A look is one statement on a connection that is given back: never inside a transaction, whose snapshot could
//    hold up the very replay that is waited for (FACTS 2.5).
// 2. What a look has found counts in the epoch in which it was sent and has come back, and nowhere else: a standby
//    goes back in time when it crashes, and keeps its address and its start while it does (FACTS 2.11).
// 3. Where connections to one address lead to several servers no position of one says anything of another: nothing
//    is waited for, and the read itself must look (router).
//
// A wait ends with a word of a closed set and never throws. Bounded by its own timeout; ended at once by a promotion
// (a primary never waits), by a server that does not answer, by the caller's signal, and by the close.

import type { Position } from '../core/freshness.ts'
import type { Lsn } from '../core/lsn.ts'
import { hasReached, mayReach } from '../core/route-decision.ts'
import type { Connection } from './driver.ts'
import { Heap } from './heap.ts'
import { isOneServer, lookKind, lookStatements, readPositionLook, type Looked } from './position-look.ts'
import type { Target } from './target.ts'

/**
 * - `reached`: it was proven.
 * - `timeout`: not within the time that was given.
 * - `promoted`: the server is a primary now.
 * - `unreachable`: it cannot show that position at all (another history), or does not answer, or does not tell.
 * - `aborted`: by the caller's signal, or the close.
 */
export type WaitOutcome = 'reached' | 'timeout' | 'promoted' | 'unreachable' | 'aborted'

export interface WaitOptions {
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

export interface Waited {
  readonly outcome: WaitOutcome
  /**
   * On the waiter's clock: when it was known. Of ten thousand whom one look frees the last goes on behind all that the
   * others do first.
   */
  readonly endedAtMs: number
}

interface Waiter {
  readonly position: Position
  readonly expiresAtMs: number
  /** Number of the first look that can speak for it. */
  readonly firstLook: number
  readonly resolve: (waited: Waited) => void
  readonly signal: AbortSignal | undefined
  onAbort: (() => void) | undefined
  settled: boolean
}

interface Sample {
  readonly lsn: Lsn
  readonly epoch: number
}

const TICK_MS = 2
/** For a look, its connection included: those who wait for the log must not wait for the pool as well. */
const ONE_LOOK_MS = 50
/** A heap keeps waiters that have left until they come up; it is cleaned when most of it is gone. */
const SWEEP_AT = 1_024

export class LsnWaiter {
  readonly #target: Target
  readonly #nowMs: () => number
  readonly #byLsn = new Heap<Waiter>((a, b) => a.position.lsn < b.position.lsn)
  readonly #byExpiry = new Heap<Waiter>((a, b) => a.expiresAtMs < b.expiresAtMs)
  #waiting = 0
  #sample: Sample | undefined
  #timer: NodeJS.Timeout | undefined
  #looking = false
  #looks = 0
  #answered = 0
  #stalledUntilMs = 0
  #closed = false

  constructor (target: Target, nowMs: () => number) {
    this.#target = target
    this.#nowMs = nowMs
  }

  /** Those who wait now. */
  get size (): number { return this.#waiting }
  /** Looks so far. */
  get looks (): number { return this.#looks }

  /** The newest position that is known to hold now; undefined: none is. */
  get appliedLsn (): Lsn | undefined {
    const { facts, epoch } = this.#target
    if (!isOneServer(facts)) return undefined
    const monitored = facts.sampleEpoch === epoch && facts.role === 'standby' ? facts.appliedLsn : undefined
    const own = this.#sample?.epoch === epoch ? this.#sample.lsn : undefined
    // Of one epoch, so of one run: the greater is the later.
    return monitored === undefined || (own !== undefined && own > monitored) ? own : monitored
  }

  /** Is it proven without asking? */
  hasReached (position: Position): boolean {
    return hasReached({ ...this.#target.facts, appliedLsn: this.appliedLsn }, position)
  }

  /** What somebody else's look has found; `epoch` as it was before that look was sent. */
  observe (looked: Looked, epoch: number): void {
    if (looked.type !== 'applied' || epoch !== this.#target.epoch || !isOneServer(this.#target.facts)) return
    this.#sample = { lsn: looked.lsn, epoch }
    this.#free(looked.lsn)
  }

  /** Has a wait just ended in vain? Then another one is not worth its time. */
  get isStalled (): boolean { return this.#stalledUntilMs !== 0 && this.#nowMs() < this.#stalledUntilMs }

  /** How long a standstill is remembered after a wait in vain. */
  noteStalled (forMs: number): void { this.#stalledUntilMs = this.#nowMs() + forMs }

  wait (position: Position, { timeoutMs, signal }: WaitOptions): Promise<Waited> {
    const known = this.#knownOutcome(position, signal)
    if (known !== undefined) return Promise.resolve({ outcome: known, endedAtMs: this.#nowMs() })
    return new Promise((resolve) => {
      const waiter: Waiter = { position, expiresAtMs: this.#nowMs() + timeoutMs, firstLook: this.#looks + 1, resolve, signal, onAbort: undefined, settled: false }
      if (signal !== undefined) {
        waiter.onAbort = () => {
          this.#settle(waiter, { outcome: 'aborted', endedAtMs: this.#nowMs() })
          this.#sweep()
        }
        signal.addEventListener('abort', waiter.onAbort, { once: true })
      }
      this.#waiting++
      this.#byLsn.push(waiter)
      this.#byExpiry.push(waiter)
      if (this.#timer === undefined) {
        this.#timer = setInterval(() => { this.#tick() }, TICK_MS).unref()
        this.#look()
      }
    })
  }

  /** Where nothing has to be asked. */
  #knownOutcome (position: Position, signal: AbortSignal | undefined): WaitOutcome | undefined {
    const { facts } = this.#target
    if (signal?.aborted === true || this.#closed) return 'aborted'
    if (facts.role === 'primary') return 'promoted'
    if (this.hasReached(position)) return 'reached'
    return !mayReach(facts, position) || !isOneServer(facts) || facts.breaker !== 'closed' || facts.positions === 'none' ? 'unreachable' : undefined
  }

  /** The server's role or health may have changed. */
  factsChanged (): void {
    if (this.#waiting === 0) return
    const { facts } = this.#target
    if (facts.role === 'primary') this.#settleAll('promoted')
    else if (facts.breaker !== 'closed') this.#settleAll('unreachable')
  }

  close (): void {
    this.#closed = true
    this.#settleAll('aborted')
  }

  #tick (): void {
    const nowMs = this.#nowMs()
    for (;;) {
      const first = this.#byExpiry.peek()
      if (first === undefined || (!first.settled && !this.#isOver(first, nowMs))) break
      this.#byExpiry.pop()
      this.#settle(first, { outcome: 'timeout', endedAtMs: nowMs })
    }
    this.#sweep()
    if (this.#waiting > 0 && !this.#looking) this.#look()
  }

  /** Nobody goes without an answer to one look of their own, unless the server or the pool is slow with it. */
  #isOver (waiter: Waiter, nowMs: number): boolean {
    return waiter.expiresAtMs <= nowMs && (this.#answered >= waiter.firstLook || waiter.expiresAtMs + ONE_LOOK_MS <= nowMs)
  }

  #look (): void {
    this.#looking = true
    this.#ask().catch(() => {
      // No connection, or none that answers: whether the server is down is for its breaker to say.
    }).finally(() => { this.#looking = false })
  }

  async #ask (): Promise<void> {
    const target = this.#target
    const connection: Connection = await target.acquire({ timeoutMs: ONE_LOOK_MS })
    const epoch = target.epoch
    let looked: Looked
    try {
      this.#looks++
      const kind = lookKind(target.facts)
      looked = readPositionLook(await connection.query(lookStatements[kind]), target.facts)
      this.#answered = this.#looks
    } finally {
      target.release(connection)
    }
    if (looked.type === 'promoted' || looked.type === 'stranger') {
      // The monitor finds out what it is now; whoever waits goes on elsewhere.
      target.probe().catch(() => {})
      this.#settleAll(looked.type === 'promoted' ? 'promoted' : 'unreachable')
    } else if (looked.type !== 'applied') this.#settleAll('unreachable')
    else if (target.epoch === epoch) {
      this.#sample = { lsn: looked.lsn, epoch }
      this.#free(looked.lsn)
    }
    // Otherwise a connection has come or gone meanwhile, and the next look is in 2 ms.
  }

  #free (applied: Lsn): void {
    this.#settleEach(this.#byLsn.take(({ settled, position }) => settled || position.lsn <= applied), 'reached')
  }

  #settleAll (outcome: WaitOutcome): void {
    this.#settleEach(this.#byLsn.drain(), outcome)
  }

  #settleEach (waiters: readonly Waiter[], outcome: WaitOutcome): void {
    const waited = { outcome, endedAtMs: this.#nowMs() }
    for (const waiter of waiters) this.#settle(waiter, waited)
    this.#sweep()
  }

  #settle (waiter: Waiter, waited: Waited): void {
    if (waiter.settled) return
    waiter.settled = true
    if (waiter.onAbort !== undefined) waiter.signal?.removeEventListener('abort', waiter.onAbort)
    this.#waiting--
    waiter.resolve(waited)
  }

  /** Forgets those who have left, once they are most of a heap; ends the poller when nobody waits. */
  #sweep (): void {
    if (this.#waiting === 0) {
      clearInterval(this.#timer)
      this.#timer = undefined
      this.#byLsn.drain()
      this.#byExpiry.drain()
      return
    }
    for (const heap of [this.#byLsn, this.#byExpiry]) {
      if (heap.size > SWEEP_AT && heap.size > 2 * this.#waiting) heap.retain((one) => !one.settled)
    }
  }
}
