// `request.multiRegion`: what a handler may ask about its request.

import { requestBlock, type ReplayBlock, type ReplayReason } from '../core/replay-decision.ts'
import type { RequestContext } from './request-context.ts'

/** Where a replayed request came from, as the platform says. It can be forged: never authorise on it. */
export interface RequestOrigin {
  readonly region: string | undefined
  readonly instance: string | undefined
  /** The `state` of `reply.replay()`. */
  readonly state: string | undefined
}

/** `local`: runs here. `direct`: wrote to the primary over the far connection. `replay`: runs elsewhere. */
export type RequestDecision =
  | { readonly type: 'local', readonly reason: 'open' | 'local-write' }
  | { readonly type: 'direct', readonly reason: ReplayBlock | 'direct-write' }
  | { readonly type: 'replay', readonly reason: ReplayReason }

export interface RequestView {
  /** Region of this process. */
  readonly region: string | undefined
  /** Null for a request that was not replayed. */
  readonly origin: RequestOrigin | null
  /** Has the request been replayed here, by this package (proven by its marker)? */
  readonly replayed: boolean
  /** Would `reply.replay()` be possible now? */
  readonly replayable: boolean
  readonly decision: RequestDecision
  /** The session's token as it is now, for whoever continues the session's work (`db.$withToken(token)`); null where there is none. */
  readonly token: string | null
  /** Another client has written within this request, and that is over: the request is not replayed any more, its reads go to the primary, and its answer carries a token. */
  markWritten (): void
  /** The writes so far pin nobody: the answer carries no token because of them. What the session had before stays. */
  forget (): void
  /** Headers that hand the session's token on to another service; empty where there is none. */
  tokenHeaders (): Record<string, string>
}

export class MultiRegionRequest implements RequestView {
  readonly #context: RequestContext

  constructor (context: RequestContext) {
    this.#context = context
  }

  get region (): string | undefined { return this.#context.lead?.options.region }

  get origin (): RequestOrigin | null {
    const { origin, hop } = this.#context
    if (origin === null) return null
    return { region: origin.region, instance: origin.instance, state: hop.state }
  }

  get replayed (): boolean { return this.#context.hop.type === 'valid' }

  get replayable (): boolean { return requestBlock(this.#context.facts()) === null }

  get decision (): RequestDecision {
    const { replayReason, stayReason, state } = this.#context
    if (replayReason !== null) return { type: 'replay', reason: replayReason }
    switch (state.place) {
      case 'direct': return { type: 'direct', reason: stayReason ?? 'direct-write' }
      case 'local': return { type: 'local', reason: 'local-write' }
      default: return { type: 'local', reason: 'open' }
    }
  }

  markWritten (): void {
    const { state, lead, floors, request } = this.#context
    state.markWritten(lead?.servers.facts.local.writable === true ? 'local' : 'primary')
    for (const floor of floors) floor.raise(undefined)
    lead?.session?.floor(request).raise(undefined)
    lead?.session?.marked(request)
  }

  get token (): string | null { return this.#context.lead?.session?.token(this.#context.request) ?? null }

  forget (): void { this.#context.lead?.session?.forget(this.#context.request) }

  tokenHeaders (): Record<string, string> { return this.#context.lead?.session?.headers(this.#context.request) ?? {} }
}

export function viewOf (context: RequestContext): MultiRegionRequest {
  context.view ??= new MultiRegionRequest(context)
  return context.view
}
