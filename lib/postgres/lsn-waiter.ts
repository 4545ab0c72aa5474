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
// (a primary never waits), by a server that does not answer, by a caller that leaves, and by the close.
//
// One look can free ten thousand, and the last of them is behind all others: freeing one costs a step in an array and
// the settling of a promise. No AbortSignal: to take a listener off one costs ten times as much.

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
 * - `aborted`: the caller has left, or the close.
 */
export type WaitOutcome = 'reached' | 'timeout' | 'promoted' | 'unreachable' | 'aborted'

export interface Waited {
  readonly outcome: WaitOutcome
  /**
   * On the waiter's clock: when this one was released. Whoever waited beside it, and goes on first, may have much to do
   * before it runs.
   */
  readonly endedAtMs: number
}

export interface Wait {
  readonly ended: Promise<Waited>
  /** Ends it with `aborted`; a wait that is over stays what it was. */
  leave (): void
}

interface Waiter {
  readonly lsn: Lsn
  readonly expiresAtMs: number
  /** Number of the first look that can speak for it. */
  readonly firstLook: number
  /** undefined: its wait is over. */
  resolve: ((waited: Waited) => void) | undefined
}

interface Sample {
  readonly lsn: Lsn
  readonly epoch: number
}

const TICK_MS = 2
/** For a look, its connection included: those who wait for the log must not wait for the pool as well. */
const ONE_LOOK_MS = 50
/** Of many whom one look frees; to read the clock for each of them would cost more than to release it. */
const CLOCK_EVERY = 64
/** A heap keeps waiters that have left until they come up; it is cleaned when most of it is gone. */
const SWEEP_AT = 1_024

export class LsnWaiter {
  readonly #target: Target
  readonly #nowMs: () => number
  readonly #byLsn = new Heap<Waiter>((a, b) => a.lsn < b.lsn)
  readonly #byExpiry = new Heap<Waiter>((a, b) => a.expiresAtMs < b.expiresAtMs)
  #waiting = 0
  /** No waiter in the heap is for a later position. */
  #latest: Lsn | undefined
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

  wait (position: Position, { timeoutMs }: { readonly timeoutMs: number }): Wait {
    const known = this.#knownOutcome(position)
    if (known !== undefined) return { ended: Promise.resolve({ outcome: known, endedAtMs: this.#nowMs() }), leave: () => {} }
    const waiter: Waiter = { lsn: position.lsn, expiresAtMs: this.#nowMs() + timeoutMs, firstLook: this.#looks + 1, resolve: undefined }
    const ended = new Promise<Waited>((resolve) => { waiter.resolve = resolve })
    this.#add(waiter)
    return { ended, leave: () => { this.#settle([waiter], 'aborted') } }
  }

  #add (waiter: Waiter): void {
    this.#waiting++
    if (this.#latest === undefined || waiter.lsn > this.#latest) this.#latest = waiter.lsn
    this.#byLsn.push(waiter)
    this.#byExpiry.push(waiter)
    if (this.#timer === undefined) {
      this.#timer = setInterval(() => { this.#tick() }, TICK_MS).unref()
      this.#look()
    }
  }

  /** Where nothing has to be asked. */
  #knownOutcome (position: Position): WaitOutcome | undefined {
    const { facts } = this.#target
    if (this.#closed) return 'aborted'
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
    const over: Waiter[] = []
    for (;;) {
      const first = this.#byExpiry.peek()
      if (first === undefined || (first.resolve !== undefined && !this.#isOver(first, nowMs))) break
      this.#byExpiry.pop()
      over.push(first)
    }
    this.#settle(over, 'timeout')
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
    if (this.#latest !== undefined && this.#latest <= applied) this.#settleAll('reached')
    else this.#settle(this.#byLsn.take(({ resolve, lsn }) => resolve === undefined || lsn <= applied), 'reached')
  }

  #settleAll (outcome: WaitOutcome): void {
    this.#settle(this.#byLsn.drain(), outcome)
  }

  #settle (waiters: readonly Waiter[], outcome: WaitOutcome): void {
    let waited: Waited = { outcome, endedAtMs: this.#nowMs() }
    let sinceClock = 0
    for (const waiter of waiters) {
      const { resolve } = waiter
      if (resolve === undefined) continue
      waiter.resolve = undefined
      this.#waiting--
      if (++sinceClock === CLOCK_EVERY) {
        sinceClock = 0
        waited = { outcome, endedAtMs: this.#nowMs() }
      }
      resolve(waited)
    }
    this.#sweep()
  }

  /** Forgets those who have left, once they are most of a heap; ends the poller when nobody waits. */
  #sweep (): void {
    if (this.#waiting === 0) {
      clearInterval(this.#timer)
      this.#timer = undefined
      this.#latest = undefined
      this.#byLsn.drain()
      this.#byExpiry.drain()
      return
    }
    for (const heap of [this.#byLsn, this.#byExpiry]) {
      if (heap.size > SWEEP_AT && heap.size > 2 * this.#waiting) heap.retain((one) => one.resolve !== undefined)
    }
  }
}
