// What an operation may do next, and the steps that every operation shares: the facts of the moment for core's decisions, the
// wait, the look, a connection, what a failure leads to. Which statement is sent, and what its answer is, belongs to those
// who use it: the router for operations, and callback transactions.

import { ClientClosedError, PrimaryMovedError } from '../core/errors.ts'
import { DriverFailure } from '../core/driver-failure.ts'
import { anyFreshness, type Position } from '../core/freshness.ts'
import { decideAfterFailure, decideRoute, type Access, type CaptureReason, type FailureDecision, type RefuseReason, type ReplayFact, type RouteDecision, type ServerView, type Unit } from '../core/route-decision.ts'
import type { TargetFacts } from '../core/server-facts.ts'
import type { Verdict } from '../core/verdict.ts'
import type { Connection } from './driver.ts'
import { raisedError, refusedError } from './failure.ts'
import type { Settled } from './pipeline.ts'
import { provesPosition, readPositionLook } from './position-look.ts'
import type { SchemaReplays } from './schema-replays.ts'
import type { Scope } from './scope.ts'
import type { Servers } from './servers.ts'
import type { Target } from './target.ts'

/** What all clients of one pair of servers share. */
export interface RoutingShared {
  /** Not to be touched before `opening` is undefined. */
  servers: Servers
  readonly retries: { readonly reads: number, readonly conflicts: number }
  readonly statementTimeoutMs: number
  readonly schemaReplays: SchemaReplays
  /** Monotonic. */
  readonly nowMs: () => number
  /** Opens the servers; undefined once they are open. */
  opening: (() => Promise<void>) | undefined
  closed: boolean
}

export interface RoutingOptions {
  readonly binding: 'auto' | 'primary'
  /** `untracked`: its writes raise no floor and stamp no token. */
  readonly tracking: 'tracked' | 'untracked'
}

/** How far an operation has come, over its attempts. */
export interface Progress {
  reads: number
  conflicts: number
  look: 'untried' | 'behind'
  /** A quick look was answered by another server than the monitor's. */
  stranger: boolean
  waited: boolean
  replay: 'unknown' | 'blocked'
  /** The local server has failed this operation. */
  withoutLocal: boolean
  /** The primary has failed it, and an older answer is allowed. */
  withoutPrimary: boolean
  fellBack: 'no' | 'replica-down'
  lastFailure: Error | undefined
  /** Has a server that is down been looked at for it? Before it is refused, once. */
  trial: 'untried' | 'over'
  /** Raised, unless the look finds the server. */
  raised: { readonly error: Error, readonly target: Target } | undefined
  /** `doubtful`: they contradict what a session said, so both servers are looked at before the next attempt. */
  facts: 'good' | 'doubtful'
  /** A standby has refused it, so raw SQL is known to write, whatever its tag says. */
  refusedAsWrite: boolean
}

/** A server on which the operation may run, perhaps behind a look. */
export type Place = Extract<RouteDecision, { type: 'local' | 'look' | 'primary' }>

export const newProgress = (): Progress => ({ reads: 0, conflicts: 0, look: 'untried', stranger: false, waited: false, replay: 'unknown', withoutLocal: false, withoutPrimary: false, fellBack: 'no', lastFailure: undefined, trial: 'untried', raised: undefined, facts: 'good', refusedAsWrite: false })

export class Routing {
  readonly shared: RoutingShared
  readonly scope: Scope
  readonly options: RoutingOptions

  constructor (shared: RoutingShared, scope: Scope, options: RoutingOptions) {
    this.shared = shared
    this.scope = scope
    this.options = options
  }

  refusal (): Error | undefined {
    return this.scope.state.signal ?? (this.shared.closed ? new ClientClosedError() : undefined)
  }

  decide (access: Access, unit: 'statement' | 'transaction', progress: Progress | undefined): RouteDecision {
    const { servers } = this.shared
    const { local, primary, splitBrain } = servers.facts
    const { floor } = this.scope
    const freshness = floor.isRaised ? floor.freshness(this.shared.nowMs) : anyFreshness
    const decision = decideRoute({
      access,
      unit,
      binding: this.options.binding,
      freshness,
      place: this.scope.state.place,
      replay: this.#replayFact(progress),
      local: progress?.withoutLocal === true ? withoutServer(local) : freshness.type === 'at-least' ? { ...local, appliedLsn: servers.waiter.appliedLsn } : local,
      primary: progress?.withoutPrimary === true ? withoutServer(primary) : primary,
      splitBrain: splitBrain === 'equal-timeline',
      look: progress?.look ?? 'untried',
      wait: this.scope.waitMs > 0 && progress?.waited !== true ? 'allowed' : 'never',
      whenPrimaryIsDown: this.scope.whenPrimaryIsDown,
    })
    if (decision.type === 'primary' && decision.reason === 'behind-floor' && freshness.type === 'at-least' && isOtherHistory(primary, freshness.position)) floor.forgetPosition()
    return decision
  }

  /** Looks, waits and asks for a replay as core decides, until a server is named. @throws what the operation's caller sees */
  async place (access: Access, unit: 'statement' | 'transaction', progress: Progress): Promise<Place> {
    for (;;) {
      if (progress.raised !== undefined) await this.#tryBeforeRaising(progress.raised, progress)
      if (progress.facts === 'doubtful') await this.#lookAtBoth(progress)
      const refusal = this.refusal()
      if (refusal !== undefined) throw refusal
      const decision = this.decide(access, unit, progress)
      switch (decision.type) {
        case 'refuse': await this.#refuseOrTry(decision.reason, progress); break
        case 'replay': this.replayOrGoOn(decision.reason, progress); break
        case 'wait': await this.#wait(decision.position, progress); break
        case 'look':
        case 'local':
        case 'primary': return decision
        default: {
          const never: never = decision
          throw never
        }
      }
    }
  }

  /** Returns when a server that is down has been looked at, which happens once; throws otherwise. */
  async #refuseOrTry (reason: RefuseReason, progress: Progress): Promise<void> {
    if (reason === 'replaying') throw this.scope.state.signal ?? new ClientClosedError()
    const { local, primary } = this.shared.servers
    const isDown = reason === 'primary-down' || reason === 'database-down'
    if (!isDown) lookAt(primary)
    if (!isDown || progress.trial === 'over') throw refusedError(reason, progress.lastFailure)
    // Another region may have seen the server come back, and sent this request here: no refusal by what was known before it came.
    progress.trial = 'over'
    await Promise.all(reason === 'database-down' ? [local.trial(), primary.trial()] : [primary.trial()])
  }

  /** A session and the monitor disagree about a role: promoted, or demoted and not noticed yet. One look tells; it is bounded by itself. */
  async #lookAtBoth (progress: Progress): Promise<void> {
    progress.facts = 'good'
    await Promise.all([this.shared.servers.local.probe(), this.shared.servers.primary.probe()])
  }

  /** Others have opened the breaker, or this has: it has waited for a connection in vain. */
  async #tryBeforeRaising ({ error, target }: NonNullable<Progress['raised']>, progress: Progress): Promise<void> {
    progress.trial = 'over'
    progress.raised = undefined
    await target.trial()
    if (target.facts.breaker !== 'closed') throw error
  }

  /** Holds no connection and no transaction meanwhile. */
  async #wait (position: Position, progress: Progress): Promise<void> {
    progress.waited = true
    const { outcome } = await this.shared.servers.waiter.wait(position, { timeoutMs: this.scope.waitMs }).ended
    if (outcome === 'reached') progress.look = 'untried'
  }

  /** Returns when the operation should be tried again; throws what its caller sees. */
  afterFailure (failure: DriverFailure, given: { readonly job: { readonly access: Access, readonly unit: Unit, readonly text: string, readonly mapError: (failure: Error) => Error }, readonly target: Target, readonly verdict: Verdict, readonly progress: Progress, readonly readOnly?: boolean }): void {
    const { job, target, progress } = given
    progress.lastFailure = failure
    if (given.verdict === 'standby-refusal') progress.refusedAsWrite = true
    for (;;) {
      const decision = this.decideAfterFailure(failure, given)
      if (given.verdict === 'schema-behind' && decision.type !== 'raise' && job.text !== '') this.shared.schemaReplays.spend(job.text, this.shared.nowMs())
      switch (decision.type) {
        case 'replay': this.replayOrGoOn(decision.reason, progress); continue
        case 'retry':
          progress[decision.counts]++
          if (decision.reason === 'role-changed') progress.facts = 'doubtful'
          return
        case 'stale':
          progress.withoutPrimary = true
          return
        case 'primary':
          progress.withoutLocal = true
          if (decision.reason === 'replica-down') progress.fellBack = 'replica-down'
          return
        case 'raise': {
          if (decision.error === 'primary-moved' || decision.error === 'primary-read-only') lookAt(target)
          const error = raisedError(decision.error, failure, { mapError: job.mapError, timeoutMs: this.scope.statementTimeoutMs ?? this.shared.statementTimeoutMs })
          const isUnavailable = decision.error === 'primary-unavailable' || decision.error === 'database-unavailable'
          if (!isUnavailable || progress.trial === 'over' || target.facts.breaker === 'closed') throw error
          progress.raised = { error, target }
          return
        }
        default: {
          const never: never = decision
          throw never
        }
      }
    }
  }

  decideAfterFailure (failure: DriverFailure, given: { readonly job: { readonly access: Access, readonly unit: Unit, readonly text: string }, readonly target: Target, readonly verdict: Verdict, readonly progress: Progress, readonly readOnly?: boolean }): FailureDecision {
    const { job, target, progress } = given
    return decideAfterFailure({
      verdict: given.verdict,
      kind: failure.kind,
      access: job.access,
      unit: job.unit,
      ownReadOnly: given.readOnly === true && failure.code === '25006',
      target: target.name,
      role: failure.onStandby === undefined ? target.facts.role : failure.onStandby ? 'standby' : 'primary',
      binding: this.options.binding,
      place: this.scope.state.place,
      replay: this.#replayFact(progress),
      shared: this.shared.servers.facts.shared,
      fellBack: progress.fellBack,
      whenPrimaryIsDown: this.scope.whenPrimaryIsDown,
      attempts: progress,
      retries: this.shared.retries,
      schemaReplay: job.text !== '' && this.shared.schemaReplays.isSpent(job.text, this.shared.nowMs()) ? 'spent' : 'allowed',
    })
  }

  #replayFact (progress: Progress | undefined): ReplayFact {
    if (this.scope.gate === null) return 'none'
    return progress?.replay === 'blocked' || !this.scope.state.mayReplay() ? 'blocked' : 'unasked'
  }

  /** Throws the signal, or notes that a replay is impossible. */
  replayOrGoOn (reason: CaptureReason, progress: Progress): void {
    const { gate, state } = this.scope
    if (gate !== null && gate.blocked() === null) {
      const signal = state.askReplay(() => gate.request(reason))
      if (signal !== undefined) throw signal
    }
    progress.replay = 'blocked'
  }

  /** A session says of its server what the facts do not: look, and do without the local server if that does not help. */
  contradicted (progress: Progress): void {
    if (progress.conflicts >= this.shared.retries.conflicts) progress.withoutLocal = true
    progress.conflicts++
    progress.facts = 'doubtful'
  }

  /**
   * A read goes to a server because that is the primary, and the session says that it is on a standby: demoted, and not
   * noticed yet. The answer would be a stale one, unless any will do.
   */
  isDemoted (connection: Connection, target: Target, reason: string): boolean {
    return connection.onStandby === true && (target.name === 'local' ? reason === 'local-is-primary' : reason !== 'replica-down' || this.scope.floor.isRaised)
  }

  /** Its connection is given back, and the read is placed anew. @throws FST_MR_PRIMARY_MOVED where it was not the local server */
  leaveDemoted (connection: Connection, target: Target, progress: Progress): void {
    target.release(connection)
    if (target.name === 'local') {
      this.contradicted(progress)
      return
    }
    lookAt(target)
    throw new PrimaryMovedError()
  }

  /** What a look says; `epoch` as it was before it was sent. */
  proves (target: Target, look: Settled | undefined, given: { readonly position: Position, readonly epoch: number, readonly progress: Progress }): boolean {
    const looked = readPositionLook(look?.status === 'fulfilled' ? look.value : undefined, target.facts)
    this.shared.servers.waiter.observe(looked, given.epoch)
    if (provesPosition(looked, given.position)) return true
    if (looked.type === 'stranger' && !given.progress.stranger) given.progress.stranger = true
    else given.progress.look = 'behind'
    if (looked.type === 'promoted' || looked.type === 'stranger') lookAt(target)
    return false
  }

  acquire (target: Target, timeoutMs: number | undefined, brief = false): Connection | Promise<Connection> {
    const { priority, farPriority = priority } = this.scope
    const own = target.name === 'primary' && !this.shared.servers.facts.shared ? farPriority : priority
    if (own === 'native' && timeoutMs === undefined) return brief ? target.acquire(BRIEF) : target.acquire()
    return target.acquire({ priority: own, timeoutMs, brief })
  }

  async tryAcquire (target: Target, timeoutMs: number | undefined, onFailure: (failure: DriverFailure) => void): Promise<Connection | undefined> {
    try {
      return await this.acquire(target, timeoutMs)
    } catch (error) {
      if (!(error instanceof DriverFailure)) throw error
      target.report(error)
      onFailure(error)
      return undefined
    }
  }

  committed (position: Position | undefined, outcome: 'committed' | 'unknown'): void {
    if (this.options.tracking === 'untracked') return
    this.scope.floor.raise(position)
    this.scope.onCommit?.({ position, outcome })
  }

  routed (target: 'local' | 'primary', access: Access, reason: string, startedAtMs: number, failed: boolean): void {
    this.scope.onRouted?.({ target, access, reason, durationMs: this.shared.nowMs() - startedAtMs, failed })
  }
}

const BRIEF = Object.freeze({ brief: true })

/** Brings the monitor's next look forward; what it finds is in the facts, and it never rejects. */
export function lookAt (target: Target): void {
  target.probe().catch(() => {})
}

/** The server has failed this operation: for its next attempt it is as good as down. */
function withoutServer (facts: TargetFacts): ServerView {
  return { ...facts, breaker: 'open', writable: false, appliedLsn: undefined }
}

function isOtherHistory (primary: TargetFacts, position: Position): boolean {
  return (primary.system !== undefined && primary.system !== position.system) ||
    (primary.timeline !== undefined && position.timeline !== undefined && primary.timeline > position.timeline)
}
