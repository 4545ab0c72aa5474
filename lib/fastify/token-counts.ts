// What happened to tokens since the start, and the one warning that a key which differs between regions deserves.

import type { TokenRejection } from '../core/session-token.ts'
import type { WaitOutcome } from '../postgres/lsn-waiter.ts'

export interface TokenCountSnapshot {
  /** Answers that carried a token. */
  readonly stamps: number
  /** Of them those that know only the time of the write. */
  readonly timeStamps: number
  /** Tokens that were ignored, by reason. */
  readonly rejects: Readonly<Partial<Record<TokenRejection, number>>>
  /** Reads that waited for the replica, by outcome. */
  readonly waits: Readonly<Partial<Record<WaitOutcome, number>>>
}

const WINDOW_MS = 60_000
/** Below it a rate says nothing: old cookies of a rotated key, a curious user. */
const MIN_FAILURES = 20

export class TokenCounts {
  readonly #rejects = new Map<TokenRejection, number>()
  readonly #waits = new Map<WaitOutcome, number>()
  readonly #onHighFailureRate: (failures: number, opened: number) => void
  #stamps = 0
  #timeStamps = 0
  #windowStartMs = 0
  #opened = 0
  #failed = 0
  #warned = false

  constructor (onHighFailureRate: (failures: number, opened: number) => void) {
    this.#onHighFailureRate = onHighFailureRate
  }

  stamped (outcome: 'position' | 'time'): void {
    this.#stamps++
    if (outcome === 'time') this.#timeStamps++
  }

  waited (outcome: WaitOutcome): void { this.#waits.set(outcome, (this.#waits.get(outcome) ?? 0) + 1) }

  opened (nowMs: number): void {
    this.#roll(nowMs)
    this.#opened++
  }

  rejected (reason: TokenRejection, nowMs: number): void {
    this.#rejects.set(reason, (this.#rejects.get(reason) ?? 0) + 1)
    if (reason !== 'seal' || this.#warned) return
    this.#roll(nowMs)
    this.#failed++
    if (this.#failed >= MIN_FAILURES && this.#failed > this.#opened) {
      this.#warned = true
      this.#onHighFailureRate(this.#failed, this.#opened)
    }
  }

  #roll (nowMs: number): void {
    if (nowMs - this.#windowStartMs < WINDOW_MS) return
    this.#windowStartMs = nowMs
    this.#opened = 0
    this.#failed = 0
  }

  snapshot (): TokenCountSnapshot {
    return { stamps: this.#stamps, timeStamps: this.#timeStamps, rejects: Object.fromEntries(this.#rejects), waits: Object.fromEntries(this.#waits) }
  }
}
