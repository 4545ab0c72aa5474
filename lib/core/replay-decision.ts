// May this request run again in the primary's region, as a whole? Facts in, a decision with its reason out.
//
// Two errors are possible here, and they are not alike. A replay that was possible and is not asked for costs
// one trip across the world: the write goes straight to the primary. A replay that should not have been asked
// for loops between regions, shows a bare 409 to a user, or writes twice. So each condition must be known to
// hold; what is not known (a body's length, say) counts as not holding.
//
// The one exception is a database that has never answered: its role is unknown, and the request may leave,
// since nothing could be done with it here. A server that was last seen as a primary keeps that role while it
// is down: a replay from a primary goes to another node that thinks the same, until the proxy's cap.
//
// Conditions (DESIGN 4.4): about the node, in `nodeBlock`; about the request, in `requestBlock`.
// `reply.replay()` names its own target and is bound by the second set alone.

import type { EarlyReason } from './intent.ts'
import type { Place } from './request-state.ts'
import type { CaptureReason } from './route-decision.ts'
import type { Role } from './server-facts.ts'

/** Why a request is replayed. `behind-token`: this replica has not seen what the session has. `explicit`: `reply.replay()`. */
export type ReplayReason = EarlyReason | CaptureReason | 'behind-token' | 'explicit'

export interface NodeFacts {
  readonly region: string | undefined
  readonly targetRegion: string | undefined
  /** This node's database, as last proven. */
  readonly localRole: Role
  /** The database of the target's region, as last proven. */
  readonly targetRole: Role
}

export interface RequestFacts {
  /** `config.multiRegion: false`. */
  readonly leftAlone: boolean
  /** Is there any transport? */
  readonly transport: boolean
  /** Did the request come through the proxy that would follow the answer? */
  readonly proxied: boolean
  /** A replay of this request has failed already, as the platform says. */
  readonly replayFailed: boolean
  /** It carries a valid marker of ours: we have replayed it once. */
  readonly hopMarked: boolean
  /** A handshake for another protocol has begun, or the handler took the socket over. */
  readonly upgraded: boolean
  /** Headers are out, or the last hook that could change the answer has run. */
  readonly answerBegun: boolean
  /** Undefined: not known yet, as with a chunked body that was not read to its end. */
  readonly bodyBytes: number | undefined
  readonly maxBodyBytes: number
  readonly place: Place
  readonly pendingWrites: number
}

export type NodeBlock = 'no-region' | 'node-is-primary' | 'target-is-here' | 'target-is-standby'
export type RequestBlock =
  | 'left-alone'
  | 'no-transport'
  | 'not-proxied'
  | 'replay-failed'
  | 'replayed-already'
  | 'upgraded'
  | 'answer-begun'
  | 'body-length-unknown'
  | 'body-too-large'
  | 'wrote-already'
  | 'replaying'

/** `other-primary`: a named database whose primary is in another region than the main one's. */
export type ReplayBlock = NodeBlock | RequestBlock | 'other-primary'

export type ReplayDecision =
  | { readonly type: 'replay', readonly region: string, readonly reason: ReplayReason }
  | { readonly type: 'stay', readonly reason: ReplayBlock }

export function nodeBlock (facts: NodeFacts): NodeBlock | null {
  if (facts.region === undefined || facts.targetRegion === undefined) return 'no-region'
  if (facts.localRole === 'primary') return 'node-is-primary'
  if (facts.region === facts.targetRegion) return 'target-is-here'
  if (facts.targetRole === 'standby') return 'target-is-standby'
  return null
}

export function requestBlock (facts: RequestFacts): RequestBlock | null {
  if (facts.leftAlone) return 'left-alone'
  if (!facts.transport) return 'no-transport'
  if (!facts.proxied) return 'not-proxied'
  if (facts.replayFailed) return 'replay-failed'
  if (facts.hopMarked) return 'replayed-already'
  if (facts.place === 'replaying') return 'replaying'
  if (facts.place !== 'open' || facts.pendingWrites > 0) return 'wrote-already'
  if (facts.upgraded) return 'upgraded'
  if (facts.answerBegun) return 'answer-begun'
  if (facts.bodyBytes === undefined) return 'body-length-unknown'
  if (facts.bodyBytes > facts.maxBodyBytes) return 'body-too-large'
  return null
}

export function decideReplay (node: NodeFacts, request: RequestFacts, reason: ReplayReason): ReplayDecision {
  const block = nodeBlock(node) ?? requestBlock(request)
  if (block !== null) return { type: 'stay', reason: block }
  // `nodeBlock` has refused an unknown region; the compiler cannot see that.
  return { type: 'replay', region: node.targetRegion ?? '', reason }
}

/** For people: why `reply.replay()` refused. */
export const BLOCK_TEXT: Readonly<Record<ReplayBlock, string>> = Object.freeze({
  'no-region': 'no region is configured',
  'node-is-primary': 'the database of this region is the primary',
  'target-is-here': 'the target is this region',
  'target-is-standby': 'the database of the target region is a standby',
  'left-alone': 'the route is left alone by its config',
  'no-transport': 'no replaying proxy is configured',
  'not-proxied': 'it did not come through a replaying proxy',
  'replay-failed': 'a replay of it has failed before',
  'replayed-already': 'it has been replayed before',
  upgraded: 'it has been upgraded or hijacked',
  'answer-begun': 'its answer has begun',
  'body-length-unknown': 'the length of its body is not known',
  'body-too-large': 'its body is larger than `maxReplayBody`',
  'wrote-already': 'it has written here already',
  replaying: 'a replay has been asked for already',
  'other-primary': 'the primary of this database is in another region than the main one',
})
