// Where an operation runs, and what to do after it failed. Pure: facts in, a decision with its reason out.
// `postgres/router.ts` carries the decisions out and chooses nothing.
//
// Unknown is on the safe side: a position that is not known is not reached, a server whose role is not known
// is not "the primary here", and whatever might have written is never run again.

import type { Freshness, Position } from './freshness.ts'
import type { Place } from './request-state.ts'
import type { DriverFailureKind } from './driver-failure.ts'
import type { Breaker, Role } from './server-facts.ts'
import type { Verdict } from './verdict.ts'

/** `unknown`: raw SQL, which only the server can judge. */
export type Access = 'read' | 'write' | 'unknown'

/** Why a client asks for a replay. */
export type CaptureReason =
  | 'known-write'
  | 'transaction'
  | 'standby-refusal'
  | 'schema-behind'
  | 'recovery-conflict'
  | 'replica-down'
  | 'behind-floor'

/** Can the request be sent elsewhere? `unasked`: perhaps; the gate is asked only when it matters. */
export type ReplayFact = 'none' | 'unasked' | 'blocked'

/** What is known of a server; a subset of the postgres layer's facts. */
export interface ServerView {
  readonly role: Role
  readonly breaker: Breaker
  /** Proven to be the primary, and not fenced. */
  readonly writable: boolean
  readonly fenced?: string | undefined
  readonly system?: string | undefined
  readonly timeline?: number | undefined
  /** Valid in the epoch of its sample only; the caller hides it otherwise. */
  readonly appliedLsn?: bigint | undefined
}

export interface RouteFacts {
  readonly access: Access
  /** What a write is called when a replay is asked for. */
  readonly unit: 'statement' | 'transaction'
  /** `primary`: the caller chose the primary (`$primary`); never replayed. */
  readonly binding: 'auto' | 'primary'
  readonly freshness: Freshness
  readonly place: Place
  readonly replay: ReplayFact
  readonly local: ServerView
  readonly primary: ServerView
  readonly splitBrain: boolean
  /** `behind`: the connection's own position was looked at, or waited for, and does not suffice. */
  readonly look: 'untried' | 'behind'
  /** May a read wait for the replica? Session consistency says so. */
  readonly wait: 'never' | 'allowed'
  readonly whenPrimaryIsDown: 'fail' | 'stale'
}

export type RouteDecision =
  | { readonly type: 'local', readonly reason: 'read' | 'unknown-access' | 'local-is-primary' | 'floor-reached' | 'stale-allowed' }
  /** Local, after the connection that will read has shown its own position: look first, read behind it. */
  | { readonly type: 'look', readonly reason: 'floor-unproven', readonly position: Position }
  | { readonly type: 'wait', readonly reason: 'behind-floor', readonly position: Position }
  | { readonly type: 'primary', readonly reason: 'bound-to-primary' | 'fresh-read' | 'behind-floor' | 'replica-down' | 'outside-request' | 'replay-blocked' | 'wrote-already' }
  | { readonly type: 'replay', readonly reason: CaptureReason }
  | { readonly type: 'refuse', readonly reason: RefuseReason }

export type RefuseReason = 'replaying' | 'split-brain' | 'primary-down' | 'primary-moved' | 'primary-fenced' | 'database-down'

// One object a decision without data: a decision on the hot path allocates nothing.
const decisions = {
  read: { type: 'local', reason: 'read' },
  unknownAccess: { type: 'local', reason: 'unknown-access' },
  localIsPrimary: { type: 'local', reason: 'local-is-primary' },
  floorReached: { type: 'local', reason: 'floor-reached' },
  staleAllowed: { type: 'local', reason: 'stale-allowed' },
  boundToPrimary: { type: 'primary', reason: 'bound-to-primary' },
  freshRead: { type: 'primary', reason: 'fresh-read' },
  behindFloor: { type: 'primary', reason: 'behind-floor' },
  replicaDown: { type: 'primary', reason: 'replica-down' },
  outsideRequest: { type: 'primary', reason: 'outside-request' },
  replayBlocked: { type: 'primary', reason: 'replay-blocked' },
  wroteAlready: { type: 'primary', reason: 'wrote-already' },
  replayWrite: { type: 'replay', reason: 'known-write' },
  replayTransaction: { type: 'replay', reason: 'transaction' },
  replayReplicaDown: { type: 'replay', reason: 'replica-down' },
  replayBehindFloor: { type: 'replay', reason: 'behind-floor' },
  replaying: { type: 'refuse', reason: 'replaying' },
  splitBrain: { type: 'refuse', reason: 'split-brain' },
  primaryDown: { type: 'refuse', reason: 'primary-down' },
  primaryMoved: { type: 'refuse', reason: 'primary-moved' },
  primaryFenced: { type: 'refuse', reason: 'primary-fenced' },
  databaseDown: { type: 'refuse', reason: 'database-down' },
} as const satisfies Record<string, RouteDecision>

// `half-open` is no way for requests: the trial is the monitor's look, and may take as long as a silent server lets it.

export function decideRoute (facts: RouteFacts): RouteDecision {
  if (facts.place === 'replaying') return decisions.replaying
  return facts.access === 'write' ? routeWrite(facts) : routeRead(facts)
}

function routeWrite (facts: RouteFacts): RouteDecision {
  if (facts.local.writable && facts.local.breaker === 'closed') return decisions.localIsPrimary
  if (facts.splitBrain) return decisions.splitBrain
  if (facts.binding === 'auto' && mayAskReplay(facts)) return facts.unit === 'transaction' ? decisions.replayTransaction : decisions.replayWrite
  if (facts.primary.fenced !== undefined) return decisions.primaryFenced
  if (facts.primary.breaker !== 'closed') return decisions.primaryDown
  // A primary that was last seen as a standby is tried all the same: it may have been promoted since, and it refuses by itself.
  if (facts.binding === 'primary') return decisions.boundToPrimary
  if (facts.replay === 'none') return decisions.outsideRequest
  return facts.place === 'open' ? decisions.replayBlocked : decisions.wroteAlready
}

/** Nothing has been asked of the proxy yet, and nothing written. */
const mayAskReplay = ({ replay, place }: RouteFacts): boolean => replay === 'unasked' && place === 'open'

function routeRead (facts: RouteFacts): RouteDecision {
  const { local, freshness } = facts
  if (facts.binding === 'primary' || freshness.type === 'primary') {
    if (local.writable && local.breaker === 'closed') return decisions.localIsPrimary
    // As a write: a replay may reach a primary that cannot be reached from here.
    if (facts.binding === 'auto' && facts.primary.breaker !== 'closed' && facts.whenPrimaryIsDown === 'fail' && !facts.splitBrain && mayAskReplay(facts)) return decisions.replayBehindFloor
    return toPrimary(facts, facts.binding === 'primary' ? decisions.boundToPrimary : decisions.freshRead)
  }
  if (local.breaker !== 'closed') {
    if (mayAskReplay(facts)) return decisions.replayReplicaDown
    // With both servers down the local one is not tried either: its breaker closes by the monitor's look.
    return facts.primary.breaker !== 'closed' ? decisions.databaseDown : toPrimary(facts, decisions.replicaDown)
  }
  // Out of recovery, and not to be written: a clone would take what raw SQL writes, and nobody would see it again.
  if (facts.access === 'unknown' && local.role === 'primary' && !local.writable) return routeWrite(facts)
  if (local.writable) return isOutdated(local, freshness) ? toPrimary(facts, decisions.behindFloor) : decisions.localIsPrimary
  if (freshness.type === 'at-least') return routeFloor(facts, freshness.position)
  return facts.access === 'read' ? decisions.read : decisions.unknownAccess
}

function routeFloor (facts: RouteFacts, position: Position): RouteDecision {
  if (hasReached(facts.local, position)) return decisions.floorReached
  if (facts.look === 'untried' && mayReach(facts.local, position)) return { type: 'look', reason: 'floor-unproven', position }
  if (facts.wait === 'allowed' && mayReach(facts.local, position)) return { type: 'wait', reason: 'behind-floor', position }
  if (mayAskReplay(facts)) return decisions.replayBehindFloor
  return toPrimary(facts, decisions.behindFloor)
}

/** A fresh read; a server that is known to be a standby cannot give one. */
function toPrimary (facts: RouteFacts, decision: RouteDecision): RouteDecision {
  const { primary } = facts
  const refusal = facts.splitBrain
    ? decisions.splitBrain
    : primary.fenced !== undefined
      ? decisions.primaryFenced
      : primary.breaker !== 'closed'
        ? decisions.primaryDown
        : (primary.role === 'standby' && facts.freshness.type !== 'any') || isOutdated(primary, facts.freshness) ? decisions.primaryMoved : undefined
  if (refusal === undefined) return decision
  return facts.whenPrimaryIsDown === 'stale' && facts.local.breaker === 'closed' ? decisions.staleAllowed : refusal
}

/** A server on an older timeline than a position of its own system has missed a failover, primary or not. */
function isOutdated (server: ServerView, freshness: Freshness): boolean {
  if (freshness.type !== 'at-least') return false
  const { system, timeline } = freshness.position
  return system !== undefined && server.system === system && timeline !== undefined && server.timeline !== undefined && server.timeline < timeline
}

/** Is this server on the position's history, or a later one that contains it? Unknown is no. */
export function mayReach (server: ServerView, position: Position): boolean {
  if (position.system === undefined || server.system === undefined || position.system !== server.system) return false
  return position.timeline !== undefined && server.timeline !== undefined && server.timeline >= position.timeline
}

/** Is it proven that the server has applied the log up to `position`? */
export function hasReached (server: ServerView, position: Position): boolean {
  return mayReach(server, position) && server.appliedLsn !== undefined && server.appliedLsn >= position.lsn
}

/** What ran: one statement (or one operation's own transaction), an array transaction, or a caller's callback, which the client never runs twice. */
export type Unit = 'statement' | 'array' | 'callback'

export interface FailureFacts {
  readonly verdict: Verdict
  readonly kind: DriverFailureKind
  readonly access: Access
  readonly unit: Unit
  /** The server said "read-only" inside a transaction that its caller declared so. */
  readonly ownReadOnly: boolean
  readonly target: 'local' | 'primary'
  /** The role of the server that failed, as its own session last knew it. */
  readonly role: Role
  readonly binding: 'auto' | 'primary'
  readonly place: Place
  readonly replay: ReplayFact
  /** One server behind both names. */
  readonly shared: boolean
  /** Has the other server failed this operation already? */
  readonly fellBack: 'no' | 'replica-down'
  readonly whenPrimaryIsDown: 'fail' | 'stale'
  readonly attempts: { readonly reads: number, readonly conflicts: number }
  readonly retries: { readonly reads: number, readonly conflicts: number }
  /** `spent`: a missing table or column of this statement's text has sent a request elsewhere less than a minute ago. */
  readonly schemaReplay: 'allowed' | 'spent'
}

export type RaisedError =
  | 'mapped'
  | 'conflict'
  | 'primary-unavailable'
  | 'primary-moved'
  | 'primary-read-only'
  | 'database-unavailable'
  | 'statement-timeout'
  | 'commit-unknown'
  | 'transaction-closed'
  | 'read-only'

export type FailureDecision =
  | { readonly type: 'replay', readonly reason: CaptureReason }
  /** Again on the same target, on a fresh connection. */
  | { readonly type: 'retry', readonly counts: 'reads' | 'conflicts', readonly reason: 'did-not-run' | 'connection-lost' | 'recovery-conflict' | 'serialization-conflict' | 'role-changed' }
  /** Again, on the primary: nothing ran, or nothing that writes. */
  | { readonly type: 'primary', readonly reason: 'standby-refusal' | 'schema-behind' | 'recovery-conflict' | 'replica-down' }
  /** Again, on the replica, though it may be behind: the caller allows that while the primary is down. */
  | { readonly type: 'stale', readonly reason: 'primary-down' }
  | { readonly type: 'raise', readonly error: RaisedError }

/** The facts are older than what the session said: look, and decide anew. */
const roleChanged: FailureDecision = { type: 'retry', counts: 'conflicts', reason: 'role-changed' }
const raise = (error: RaisedError): FailureDecision => ({ type: 'raise', error })

/**
 * After a failure. No write is run again unless its verdict proves that it had no effect; a callback is not run
 * again at all; a refusal by anything but a standby never asks for a replay.
 */
export function decideAfterFailure (facts: FailureFacts): FailureDecision {
  const decision = decideByVerdict(facts)
  return decision.type === 'raise' && mayBeStale(facts, decision.error) ? { type: 'stale', reason: 'primary-down' } : decision
}

/** No primary, for a read that may do without; and the replica has not failed it. */
function mayBeStale (facts: FailureFacts, error: RaisedError): boolean {
  if (facts.whenPrimaryIsDown !== 'stale' || facts.target !== 'primary' || facts.access !== 'read' || facts.unit === 'callback') return false
  if (facts.shared || facts.fellBack !== 'no') return false
  return error === 'primary-unavailable' || error === 'primary-moved' || (error === 'statement-timeout' && facts.verdict !== 'statement-timeout')
}

function decideByVerdict (facts: FailureFacts): FailureDecision {
  const { verdict } = facts
  switch (verdict) {
    case 'standby-refusal':
      if (facts.ownReadOnly) return raise('read-only')
      if (facts.target === 'primary') return raise('primary-moved')
      return elsewhere(facts, 'standby-refusal', raise('conflict'))
    case 'promoted':
      if (facts.unit === 'callback') return raise('conflict')
      return facts.attempts.conflicts < facts.retries.conflicts ? roleChanged : raise('primary-read-only')
    case 'read-only-primary':
      return raise(facts.ownReadOnly ? 'read-only' : 'primary-read-only')
    case 'read-only-unknown':
      if (facts.ownReadOnly) return raise('read-only')
      if (facts.target === 'primary' || facts.shared) return raise('primary-moved')
      // It may be a fenced primary: never a replay. It refused, so nothing ran, and the primary may run it.
      return facts.unit === 'callback' ? raise('conflict') : { type: 'primary', reason: 'standby-refusal' }
    case 'schema-behind':
      if (facts.target === 'primary' || facts.schemaReplay === 'spent') return raise('mapped')
      return elsewhere(facts, 'schema-behind', raise('mapped'))
    case 'recovery-conflict':
      if (facts.unit !== 'callback' && facts.attempts.conflicts < facts.retries.conflicts) return { type: 'retry', counts: 'conflicts', reason: 'recovery-conflict' }
      if (facts.target === 'primary') return raise('conflict')
      return elsewhere(facts, 'recovery-conflict', raise('conflict'))
    case 'serialization-conflict': {
      const repeatable = facts.unit === 'array' || (facts.unit === 'statement' && facts.access === 'read')
      if (repeatable && facts.attempts.conflicts < facts.retries.conflicts) return { type: 'retry', counts: 'conflicts', reason: 'serialization-conflict' }
      return raise('conflict')
    }
    case 'stale-plan':
      if (facts.unit === 'callback' || facts.attempts.reads >= Math.max(1, facts.retries.reads)) return raise('mapped')
      return { type: 'retry', counts: 'reads', reason: 'did-not-run' }
    case 'statement-timeout':
      return raise('statement-timeout')
    case 'not-run':
    case 'unknown-outcome':
      return afterLoss(facts)
    case 'aborted-transaction':
    case 'application':
      return raise('mapped')
    default: {
      const never: never = verdict
      return never
    }
  }
}

/** A replay where that is possible, else the primary; `otherwise` where the work cannot be run again by the client. */
function elsewhere (facts: FailureFacts, reason: 'standby-refusal' | 'schema-behind' | 'recovery-conflict' | 'replica-down', otherwise: FailureDecision): FailureDecision {
  if (facts.binding === 'auto' && facts.place === 'open' && facts.replay === 'unasked') return { type: 'replay', reason }
  if (facts.unit === 'callback') return otherwise
  // One server behind both names has nothing else to offer; unless they have just parted, which a look will tell.
  if (facts.shared && reason === 'standby-refusal') return facts.attempts.conflicts < facts.retries.conflicts ? roleChanged : raise('primary-moved')
  if (facts.shared) return otherwise
  return { type: 'primary', reason }
}

/** The session is gone, or never was. */
function afterLoss (facts: FailureFacts): FailureDecision {
  const { access, unit, target } = facts
  const mayWrite = access === 'write' || (access === 'unknown' && facts.role !== 'standby')
  if (facts.verdict === 'unknown-outcome' && mayWrite && unit !== 'callback') return raise('commit-unknown')
  const onReplica = target === 'local' && facts.role !== 'primary'
  if (unit === 'callback') {
    // Before COMMIT was sent a lost session rolls back; the callback has run, and is not run again.
    return onReplica && access === 'read' ? elsewhere(facts, 'replica-down', raise('transaction-closed')) : raise('transaction-closed')
  }
  if (facts.kind === 'deadline') {
    // The time is spent: no second try here. A frozen replica is what this looks like.
    return onReplica && !facts.shared ? elsewhere(facts, 'replica-down', raise('statement-timeout')) : raise('statement-timeout')
  }
  if (facts.kind === 'stalled') {
    // Nor here; but nothing was sent, so another server may do it.
    if (facts.fellBack === 'replica-down') return raise('database-unavailable')
    if (target === 'primary' || access === 'write' || facts.shared) return raise('primary-unavailable')
    return elsewhere(facts, 'replica-down', raise('database-unavailable'))
  }
  if (facts.attempts.reads < facts.retries.reads) {
    return { type: 'retry', counts: 'reads', reason: facts.verdict === 'not-run' ? 'did-not-run' : 'connection-lost' }
  }
  if (facts.fellBack === 'replica-down') return raise('database-unavailable')
  if (target === 'primary' || access === 'write') return raise('primary-unavailable')
  return elsewhere(facts, 'replica-down', raise('database-unavailable'))
}
