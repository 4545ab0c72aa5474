// How old is what the local server shows, in seconds? From the positions that the monitors see anyhow: the server
// lags since the first sighting of a primary's position that it has not applied. `now() - pg_last_xact_replay_timestamp()`
// grows on an idle primary, and so cannot be asked (FACTS 1.10). As fine as the monitor's interval.

import type { Lsn } from '../core/lsn.ts'
import type { ServersFacts } from '../postgres/servers.ts'

/** An hour of looks a second; beyond it the oldest that is left counts. */
const MAX_SIGHTINGS = 3_600

export class LagClock {
  readonly #nowMs: () => number
  readonly #sightings: { readonly lsn: Lsn, readonly atMs: number }[] = []
  #system: string | undefined
  #timeline: number | undefined

  constructor (nowMs: () => number) {
    this.#nowMs = nowMs
  }

  /** After every look at a server. */
  look ({ local, primary }: ServersFacts): void {
    // Positions of two histories cannot be compared.
    if (primary.system !== this.#system || primary.timeline !== this.#timeline) this.#sightings.length = 0
    this.#system = primary.system
    this.#timeline = primary.timeline
    const { flushLsn } = primary
    const last = this.#sightings[this.#sightings.length - 1]
    if (flushLsn !== undefined && (last === undefined || flushLsn > last.lsn)) {
      this.#sightings.push({ lsn: flushLsn, atMs: this.#nowMs() })
      if (this.#sightings.length > MAX_SIGHTINGS) this.#sightings.shift()
    }
    const { appliedLsn } = local
    if (appliedLsn === undefined) return
    const missing = this.#sightings.findIndex(({ lsn }) => lsn > appliedLsn)
    this.#sightings.splice(0, missing === -1 ? this.#sightings.length : missing)
    // Kept, so that the same position is not taken for a new one.
    if (missing === -1 && flushLsn !== undefined && flushLsn <= appliedLsn) this.#sightings.push({ lsn: flushLsn, atMs: this.#nowMs() })
  }

  /** Undefined where it is not known; 0 on a primary. */
  seconds ({ local, primary }: ServersFacts): number | undefined {
    if (local.role === 'primary') return 0
    const { appliedLsn } = local
    if (local.up !== true || appliedLsn === undefined || primary.flushLsn === undefined) return undefined
    const missing = this.#sightings.find(({ lsn }) => lsn > appliedLsn)
    return missing === undefined ? 0 : Math.max(0, this.#nowMs() - missing.atMs) / 1_000
  }
}
