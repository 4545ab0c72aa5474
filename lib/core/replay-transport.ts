// How a replay is asked for. The core decides *that* a request goes elsewhere and *where*; a transport knows
// the proxy in front: whether a request came through it, what it says of a replayed request, and what answer it follows.

/** Node's incoming headers: lower-case names. */
export type IncomingHeaders = Readonly<Record<string, string | string[] | undefined>>

/** Where a request should run. Values are checked before they are written (`FST_MR_REPLAY_TARGET_INVALID`). */
export type ReplayPlace =
  | { readonly region: string | readonly [string, ...string[]] }
  | { readonly instance: string }
  | { readonly app: string, readonly region?: string | readonly [string, ...string[]] | undefined }
  | { readonly elsewhere: true }

/** The argument of `reply.replay()`. */
export type ReplayTarget = ReplayPlace & {
  /** An instance to prefer among those that match. */
  readonly preferInstance?: string | undefined
  /** Text for the other side (`request.multiRegion.origin.state`): letters, digits and `_.:-`. */
  readonly state?: string | undefined
  /** Milliseconds that the proxy may try to reach a machine; it says nothing of the time after that. */
  readonly timeout?: number | undefined
  /** Where the request goes when no machine could be reached. `prefer-self`: back here, or to a sibling; `force-self`: back here. The platform's own spelling is taken too. */
  readonly fallback?: 'prefer-self' | 'force-self' | 'prefer_self' | 'force_self' | undefined
}

/** What the platform says of a request that was replayed to us. Senders can forge it: never authorise on it. */
export interface ReplayOrigin {
  readonly region: string | undefined
  readonly instance: string | undefined
  readonly state: string | undefined
}

export interface ArrivedRequest {
  readonly headers: IncomingHeaders
  /** False for `inject()`, which has no proxy. */
  readonly realSocket: boolean
}

export interface ReplayAnswer {
  readonly statusCode: number
  readonly headers: Readonly<Record<string, string>>
}

/**
 * A replaying proxy. Methods are called on the request path: synchronous, and they never throw on hostile headers.
 * `answer` may throw `FST_MR_REPLAY_TARGET_INVALID`.
 */
export interface ReplayTransport {
  readonly name: string
  /** Did this request come through the proxy, so that it follows our answer? */
  accepts (request: ArrivedRequest): boolean
  /** Where the request was replayed from; null when it was not. */
  origin (headers: IncomingHeaders): ReplayOrigin | null
  /** True when a replay of this request has failed already: it must not be asked for again. */
  failed (headers: IncomingHeaders): boolean
  /** The answer that makes the proxy run the request at `target`. */
  answer (target: ReplayTarget): ReplayAnswer
}

export function isReplayTransport (value: unknown): value is ReplayTransport {
  if (typeof value !== 'object' || value === null) return false
  const candidate = value as Record<keyof ReplayTransport, unknown>
  return typeof candidate.name === 'string' && typeof candidate.accepts === 'function' &&
    typeof candidate.origin === 'function' && typeof candidate.failed === 'function' && typeof candidate.answer === 'function'
}
