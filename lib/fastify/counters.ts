// What happened since the start, by reason: plain numbers, which metrics and `fastify.multiRegion.counters()` read.

import type { ReplayBlock, ReplayReason } from '../core/replay-decision.ts'
import type { Access } from '../core/route-decision.ts'
import type { Verdict } from '../core/verdict.ts'
import type { RequestDecision } from './request-view.ts'
import type { TokenCountSnapshot } from './token-counts.ts'

export type CountedDecision = RequestDecision['type']
export type CountedReason = RequestDecision['reason']

/** Statements of one target, by what they may do; `unknown` is raw SQL. */
export type AccessCounts = Readonly<Record<Access, number>>

export interface CounterSnapshot {
  /** Requests that used a database, or for which a replay was considered, by their last decision. */
  readonly requests: Readonly<Partial<Record<CountedDecision, Readonly<Partial<Record<CountedReason, number>>>>>>
  /** Requests that were sent to another region. */
  readonly replays: Readonly<Partial<Record<ReplayReason, number>>>
  /** Replays that were wanted and not possible. */
  readonly stays: Readonly<Partial<Record<ReplayBlock, number>>>
  /** Statements that ran elsewhere, or on older data, than they would have in good health. */
  readonly fallbacks: Readonly<Record<string, number>>
  /** Captured after more than one statement, by route pattern. */
  readonly lateCaptures: Readonly<Record<string, number>>
  /** Statements, by the target that ran them. */
  readonly statements: { readonly local: number, readonly primary: number }
  /** The same, by what they may do. */
  readonly queries: { readonly local: AccessCounts, readonly primary: AccessCounts }
  /** Reads, by the role of the server that answered. */
  readonly reads: { readonly replica: number, readonly primary: number }
  /** Failures of statements and connections, by what they mean. */
  readonly failures: Readonly<Partial<Record<Verdict, number>>>
  /** Writes of which nobody knows whether they took effect. */
  readonly commitsUnknown: number
  /** Statements that found the queue full, or waited too long in it. */
  readonly overloads: { readonly local: number, readonly primary: number }
  /** `fastify.db` used in a handler, as far as it was noticed. */
  readonly processClientInHandler: number
  /** Undefined without the option `token`. */
  readonly tokens: TokenCountSnapshot | undefined
}

/** Decisions of the router that a healthy region does not take; a blocked replay is counted under the word of its block. */
export const FALLBACK_REASONS: ReadonlySet<string> = new Set(['replica-down', 'behind-floor', 'replay-blocked', 'stale-allowed'])

const noAccess = (): Record<Access, number> => ({ read: 0, write: 0, unknown: 0 })

export class Counters {
  readonly #requests = new Map<CountedDecision, Map<CountedReason, number>>()
  readonly #replays = new Map<ReplayReason, number>()
  readonly #stays = new Map<ReplayBlock, number>()
  readonly #fallbacks = new Map<string, number>()
  readonly #lateCaptures = new Map<string, number>()
  readonly #failures = new Map<Verdict, number>()
  readonly #local = noAccess()
  readonly #primary = noAccess()
  #replicaReads = 0
  #primaryReads = 0
  #commitsUnknown = 0
  #localOverloads = 0
  #primaryOverloads = 0
  #processClientInHandler = 0

  decided (type: CountedDecision, reason: CountedReason): void {
    let reasons = this.#requests.get(type)
    if (reasons === undefined) this.#requests.set(type, reasons = new Map())
    raise(reasons, reason)
  }

  replayed (reason: ReplayReason): void { raise(this.#replays, reason) }
  stayed (reason: ReplayBlock): void { raise(this.#stays, reason) }
  fellBack (reason: string): void { raise(this.#fallbacks, reason) }
  capturedLate (route: string): void { raise(this.#lateCaptures, route) }
  failed (verdict: Verdict): void { raise(this.#failures, verdict) }
  commitUnknown (): void { this.#commitsUnknown++ }
  processClientUsedInHandler (): void { this.#processClientInHandler++ }

  /** `from`: the role of the server that answered, for a read. */
  routed (target: 'local' | 'primary', access: Access, from: 'replica' | 'primary'): void {
    const counts = target === 'local' ? this.#local : this.#primary
    counts[access]++
    if (access !== 'read') return
    if (from === 'replica') this.#replicaReads++
    else this.#primaryReads++
  }

  overloaded (target: 'local' | 'primary', times: number): void {
    if (target === 'local') this.#localOverloads += times
    else this.#primaryOverloads += times
  }

  snapshot (tokens: TokenCountSnapshot | undefined): CounterSnapshot {
    return {
      requests: Object.fromEntries([...this.#requests].map(([type, reasons]) => [type, Object.fromEntries(reasons)])),
      replays: Object.fromEntries(this.#replays),
      stays: Object.fromEntries(this.#stays),
      fallbacks: Object.fromEntries(this.#fallbacks),
      lateCaptures: Object.fromEntries(this.#lateCaptures),
      statements: { local: total(this.#local), primary: total(this.#primary) },
      queries: { local: { ...this.#local }, primary: { ...this.#primary } },
      reads: { replica: this.#replicaReads, primary: this.#primaryReads },
      failures: Object.fromEntries(this.#failures),
      commitsUnknown: this.#commitsUnknown,
      overloads: { local: this.#localOverloads, primary: this.#primaryOverloads },
      processClientInHandler: this.#processClientInHandler,
      tokens,
    }
  }
}

function raise<K> (counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

const total = (counts: AccessCounts): number => counts.read + counts.write + counts.unknown
