// Where the primary was, and when: for reads that may be stale, but provably no more than so many milliseconds.
//
// A replica that has applied a sample of the primary's flush position shows everything that was committed before the
// sample's query was *sent*. So its data is no older than that moment, by this process's own monotonic clock: no
// clock of another machine is believed, and no lag that a standby tells of itself (it grows while nothing is written,
// FACTS 1.10).
//
// The least age that can be proven is the sampling interval and a round trip. Sampling begins with the first read
// that asks, and ends when none has asked for a while.

import type { Position } from '../core/freshness.ts'
import type { Target } from './target.ts'
import { positionOf, positionStatement } from './transaction.ts'

interface Sample {
  readonly position: Position
  readonly sentAtMs: number
}

const MIN_INTERVAL_MS = 20
const MAX_INTERVAL_MS = 1_000
/** Samples within one bound: so much of it is lost to sampling at most. */
const SAMPLES_IN_BOUND = 4
/** Without a read that asks. */
const IDLE_MS = 5_000
const TIMEOUT_MS = 1_000

export const samplingIntervalMs = (boundMs: number): number => Math.min(MAX_INTERVAL_MS, Math.max(MIN_INTERVAL_MS, boundMs / SAMPLES_IN_BOUND))

/** The least bound that can be proven. */
export const leastBoundMs = (roundTripMs: number): number => MIN_INTERVAL_MS + roundTripMs

export class PrimarySampler {
  readonly #target: () => Target
  readonly #nowMs: () => number
  /** By time; the oldest first. */
  #samples: Sample[] = []
  #intervalMs = MAX_INTERVAL_MS
  #keptMs = 0
  #askedAtMs = 0
  #sampledAtMs = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | undefined
  #sampling = false
  #closed = false

  constructor (target: () => Target, nowMs: () => number) {
    this.#target = target
    this.#nowMs = nowMs
  }

  get isRunning (): boolean { return this.#timer !== undefined }

  /** The oldest place that is young enough: the one that a replica reaches first. `primary`: none is known. */
  position (boundMs: number): Position | 'primary' {
    const nowMs = this.#nowMs()
    this.#use(boundMs, nowMs)
    for (const sample of this.#samples) if (nowMs - sample.sentAtMs < boundMs) return sample.position
    return 'primary'
  }

  close (): void {
    this.#closed = true
    this.#stop()
  }

  #use (boundMs: number, nowMs: number): void {
    this.#askedAtMs = nowMs
    const intervalMs = samplingIntervalMs(boundMs)
    this.#keptMs = Math.max(this.#keptMs, boundMs)
    if (this.#closed || (this.#timer !== undefined && intervalMs >= this.#intervalMs)) return
    clearInterval(this.#timer)
    this.#intervalMs = intervalMs
    this.#timer = setInterval(() => { this.#tick() }, intervalMs).unref()
    this.#tick()
  }

  #stop (): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#intervalMs = MAX_INTERVAL_MS
    this.#keptMs = 0
    this.#samples = []
  }

  #tick (): void {
    const nowMs = this.#nowMs()
    if (nowMs - this.#askedAtMs > IDLE_MS + this.#intervalMs) {
      this.#stop()
      return
    }
    // Of what is too old for every bound the newest is kept no longer either: nobody could use it.
    const firstKept = this.#samples.findIndex((sample) => nowMs - sample.sentAtMs < this.#keptMs)
    if (firstKept === -1) this.#samples = []
    else if (firstKept > 0) this.#samples.splice(0, firstKept)
    if (this.#sampling) return
    this.#sampling = true
    this.#sample().catch(() => {
      // No sample: the bound cannot be proven, and reads go to the primary, which says what is wrong.
    }).finally(() => { this.#sampling = false })
  }

  async #sample (): Promise<void> {
    const target = this.#target()
    const connection = await target.acquire({ timeoutMs: TIMEOUT_MS })
    try {
      const sentAtMs = this.#nowMs()
      const position = positionOf(await connection.query(positionStatement, { deadlineMs: TIMEOUT_MS }), target.facts)
      if (position?.system === undefined || position.timeline === undefined || sentAtMs <= this.#sampledAtMs || this.#closed) return
      this.#sampledAtMs = sentAtMs
      this.#samples.push({ position, sentAtMs })
    } finally {
      target.release(connection)
    }
  }
}
