// What happened since the start, by reason: plain numbers, which metrics and `fastify.multiRegion.counters()` read.

import type { ReplayBlock, ReplayReason } from '../core/replay-decision.ts'

export interface CounterSnapshot {
  /** Requests that were sent to another region. */
  readonly replays: Readonly<Partial<Record<ReplayReason, number>>>
  /** Replays that were wanted and not possible. */
  readonly stays: Readonly<Partial<Record<ReplayBlock, number>>>
  /** Captured after more than one statement, by route pattern. */
  readonly lateCaptures: Readonly<Record<string, number>>
  /** Statements, by the target that ran them. */
  readonly statements: { readonly local: number, readonly primary: number }
  /** `fastify.db` used in a handler, as far as it was noticed. */
  readonly processClientInHandler: number
}

export class Counters {
  readonly #replays = new Map<ReplayReason, number>()
  readonly #stays = new Map<ReplayBlock, number>()
  readonly #lateCaptures = new Map<string, number>()
  #local = 0
  #primary = 0
  #processClientInHandler = 0

  replayed (reason: ReplayReason): void { this.#replays.set(reason, (this.#replays.get(reason) ?? 0) + 1) }
  stayed (reason: ReplayBlock): void { this.#stays.set(reason, (this.#stays.get(reason) ?? 0) + 1) }
  capturedLate (route: string): void { this.#lateCaptures.set(route, (this.#lateCaptures.get(route) ?? 0) + 1) }

  routed (target: 'local' | 'primary'): void {
    if (target === 'local') this.#local++
    else this.#primary++
  }

  processClientUsedInHandler (): void { this.#processClientInHandler++ }

  snapshot (): CounterSnapshot {
    return {
      replays: Object.fromEntries(this.#replays),
      stays: Object.fromEntries(this.#stays),
      lateCaptures: Object.fromEntries(this.#lateCaptures),
      statements: { local: this.#local, primary: this.#primary },
      processClientInHandler: this.#processClientInHandler,
    }
  }
}
