// What one request knows of its session's token: what came with it, and what its own commits add.

import { mergeTokens, type SessionToken } from '../core/session-token.ts'
import type { TargetFacts } from '../core/server-facts.ts'
import type { Floor } from '../postgres/floor.ts'
import type { RouteSettings } from './route-settings.ts'
import type { SessionConsistency } from './session-consistency.ts'

export class RequestToken {
  readonly owner: SessionConsistency
  readonly arrived: SessionToken | undefined
  readonly floor: Floor
  readonly settings: RouteSettings
  /** The run of the local server when the request came; for 'monotonic'. */
  readonly mark: string
  /** The replica has been waited for: the request's reads do not wait once more. */
  waited: boolean
  waitedMs: number
  /** The headers are out, or about to go. */
  departed: boolean
  #stamped: SessionToken | undefined
  /** What the answer has to await, bounded. */
  #work: Promise<unknown> | undefined
  #refreshing: 'no' | 'asked' | 'answered'

  constructor (parts: { readonly owner: SessionConsistency, readonly arrived: SessionToken | undefined, readonly floor: Floor, readonly settings: RouteSettings, readonly mark: string }) {
    this.owner = parts.owner
    this.arrived = parts.arrived
    this.floor = parts.floor
    this.settings = parts.settings
    this.mark = parts.mark
    this.waited = false
    this.waitedMs = 0
    this.departed = false
    this.#stamped = undefined
    this.#work = undefined
    this.#refreshing = 'no'
  }

  /** Undefined when there is nothing left to await. */
  get work (): Promise<unknown> | undefined { return this.#work }

  /** The session's token as it is now. */
  get current (): SessionToken | undefined {
    return this.#stamped === undefined ? this.arrived : mergeTokens(this.arrived, this.#stamped)
  }

  stamp (token: SessionToken): void {
    this.#stamped = mergeTokens(this.#stamped, token)
  }

  forget (): void { this.#stamped = undefined }

  pending (work: Promise<unknown>): void {
    const all = this.#work === undefined ? work : Promise.all([this.#work, work])
    const done = (): void => { if (this.#work === all) this.#work = undefined }
    this.#work = all
    all.then(done, done)
  }

  /** The token that came belongs to another history; `look`: a look at the primary that was sent after it came. */
  refresh (look: Promise<unknown>): void {
    this.#refreshing = 'asked'
    this.pending(look.then(() => { this.#refreshing = 'answered' }))
  }

  /** What the answer should carry; undefined: nothing new. */
  fresh (primary: TargetFacts): SessionToken | undefined {
    const renewed = this.#refreshing === 'answered' ? this.#renewed(primary) : undefined
    if (renewed !== undefined) return this.#stamped === undefined ? renewed : mergeTokens(renewed, this.#stamped)
    return this.#stamped === undefined ? undefined : this.current
  }

  /** Where the primary is by now, instead of a place that it does not have. */
  #renewed (primary: TargetFacts): SessionToken | undefined {
    const position = this.arrived?.position
    if (position === undefined || primary.role !== 'primary' || primary.flushLsn === undefined || primary.system === undefined || primary.timeline === undefined) return undefined
    const isElsewhere = primary.system !== position.system || (primary.timeline === position.timeline && primary.flushLsn < position.lsn)
    if (!isElsewhere) return undefined
    return { position: { system: primary.system, timeline: primary.timeline, lsn: primary.flushLsn }, writtenAtMs: Date.now(), unlocatedAtMs: undefined, seen: undefined }
  }
}
