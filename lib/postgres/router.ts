// Carries route decisions out: acquires, sends, classifies what failed, and asks core what follows.
// Every choice is made in core/route-decision.ts; here are only the effects and the order in which they happen:
//
// 1. A write counts in the request's state before its first byte is sent, and is taken back only by proof that it
//    did not run. So no other operation of the request can ask for a replay in between.
// 2. A connection is released (or destroyed) before anything is decided about its failure.
// 3. A commit is made known (floor, token) before its caller sees the result.

import { ClientClosedError, PrimaryMovedError } from '../core/errors.ts'
import { DriverFailure } from '../core/driver-failure.ts'
import { classify, type Verdict } from '../core/verdict.ts'
import {
  decideAfterFailure, decideRoute,
  type Access, type CaptureReason, type FailureDecision, type RefuseReason, type ReplayFact, type RouteDecision, type ServerView, type Unit,
} from '../core/route-decision.ts'
import { anyFreshness, type Position } from '../core/freshness.ts'
import type { Role, TargetFacts } from '../core/server-facts.ts'
import type { CompiledOperation, QueryResult, Work } from '../query/statement.ts'
import type { Connection } from './driver.ts'
import { conflictError, raisedError, refusedError } from './failure.ts'
import { operationJob, type Job, type JobRun, type Performed } from './job.ts'
import { compileOf, type Executor, type Operation } from './operation.ts'
import { pipeline, type Settled } from './pipeline.ts'
import { isOneServer, lookKind, lookStatements, provesPosition, readPositionLook, type LookKind } from './position-look.ts'
import type { SchemaReplays } from './schema-replays.ts'
import type { Scope } from './scope.ts'
import type { Servers } from './servers.ts'
import type { Target } from './target.ts'
import { closedError, OpenTransaction, positionOf, positionStatement, type BeginOptions } from './transaction.ts'
import { TransactionExecutor } from './transaction-executor.ts'
import type { UnrunOperations } from './unrun-operations.ts'

/** What all clients of one pair of servers share. */
export interface RouterShared {
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

export interface RouterOptions {
  readonly binding: 'auto' | 'primary'
  /** `untracked`: its writes raise no floor and stamp no token. */
  readonly tracking: 'tracked' | 'untracked'
}

export interface CallbackOptions extends BeginOptions {
  readonly timeoutMs: number
  readonly maxWaitMs: number
  readonly retry: number
}

/** Command tags of raw SQL that is taken for a read on a primary. */
const readingCommands: ReadonlySet<string> = new Set(['SELECT', 'SHOW', 'EXPLAIN', 'VALUES'])

/** Verdicts that prove that the server is none that can be written, or that nothing reached it. */
const provesNotRun: ReadonlySet<Verdict> = new Set<Verdict>(['standby-refusal', 'promoted', 'read-only-unknown', 'schema-behind', 'recovery-conflict', 'not-run'])

/** How long a failed callback's running statements may hold up the rollback. */
const ROLLBACK_PATIENCE_MS = 500

type StatementWork = Extract<Work<unknown>, { readonly type: 'statement' }>

/** A failed attempt that the caller of `run` has made. */
interface EarlierAttempt {
  readonly failure: unknown
  readonly target: Target
  /** `unsent`: no connection was to be had. */
  readonly at: 'unsent' | 'sent'
}

/** How far an operation has come, over its attempts. */
interface Progress {
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

const newProgress = (): Progress => ({ reads: 0, conflicts: 0, look: 'untried', stranger: false, waited: false, replay: 'unknown', withoutLocal: false, withoutPrimary: false, fellBack: 'no', lastFailure: undefined, trial: 'untried', raised: undefined, facts: 'good', refusedAsWrite: false })

export class Router implements Executor {
  readonly #shared: RouterShared
  readonly #scope: Scope
  readonly #options: RouterOptions

  constructor (shared: RouterShared, scope: Scope, options: RouterOptions) {
    this.#shared = shared
    this.#scope = scope
    this.#options = options
  }

  get shared (): RouterShared { return this.#shared }
  get scope (): Scope { return this.#scope }
  get unrun (): UnrunOperations | undefined { return this.#scope.unrun }

  with (change: { readonly scope?: Scope, readonly binding?: 'auto' | 'primary', readonly tracking?: 'tracked' | 'untracked' }): Router {
    return new Router(this.#shared, change.scope ?? this.#scope, { binding: change.binding ?? this.#options.binding, tracking: change.tracking ?? this.#options.tracking })
  }

  /** The hot path: an unconstrained read and a write of one statement run here without an async function. */
  execute (operation: Operation<unknown>): Promise<unknown> {
    const refusal = this.#refusal()
    if (refusal !== undefined) return Promise.reject(refusal)
    if (this.#shared.opening !== undefined) return this.#shared.opening().then(() => this.execute(operation))
    let compiled: CompiledOperation
    try {
      compiled = compileOf(operation)
    } catch (error) {
      return rejected(error)
    }
    const { work } = compiled
    if (work.type === 'constant') return Promise.resolve(work.value)
    if (compiled.access === 'read' && work.type === 'statement') {
      const decision = this.#decide('read', 'statement', undefined)
      if (decision.type === 'local' && decision.reason !== 'floor-reached') return this.#runDirect(compiled, work, this.#shared.servers.local, decision.reason)
    } else if (compiled.access === 'write' && work.type === 'statement') {
      const decision = this.#decide('write', 'statement', undefined)
      if (decision.type === 'local') return this.#runDirect(compiled, work, this.#shared.servers.local, decision.reason)
      if (decision.type === 'primary') return this.#runDirect(compiled, work, this.#shared.servers.primary, decision.reason)
    }
    return this.run(operationJob(compiled, work))
  }

  #refusal (): Error | undefined {
    return this.#scope.state.signal ?? (this.#shared.closed ? new ClientClosedError() : undefined)
  }

  #runDirect (compiled: CompiledOperation, work: StatementWork, target: Target, reason: string): Promise<unknown> {
    const writes = compiled.access === 'write'
    // As `run` does: the answer awaits a write that still waits for its connection, until its commit is known.
    if (writes) this.#scope.state.operationBegins()
    let acquired: Connection | Promise<Connection>
    try {
      acquired = this.#acquire(target, undefined)
    } catch (failure) {
      return this.#runAgain(compiled, work, { failure, target, at: 'unsent' })
    }
    if (acquired instanceof Promise) {
      return acquired.then(
        (connection) => writes ? this.#writeOn(connection, target, compiled, work, reason) : this.#readOn(connection, target, compiled, work, reason),
        (failure: unknown) => this.#runAgain(compiled, work, { failure, target, at: 'unsent' }))
    }
    return writes ? this.#writeOn(acquired, target, compiled, work, reason) : this.#readOn(acquired, target, compiled, work, reason)
  }

  /** What `#runDirect` began goes on in `run`, which counts for itself. */
  #runAgain (compiled: CompiledOperation, work: StatementWork, earlier: EarlierAttempt): Promise<unknown> {
    const again = this.run(operationJob(compiled, work), earlier)
    if (compiled.access === 'write') this.#scope.state.operationEnds()
    return again
  }

  #readOn (connection: Connection, target: Target, compiled: CompiledOperation, work: StatementWork, reason: string): Promise<unknown> {
    const { onRouted, statementTimeoutMs } = this.#scope
    const startedAtMs = onRouted === undefined ? 0 : this.#shared.nowMs()
    return (statementTimeoutMs === undefined ? connection.query(work.statement) : connection.query(work.statement, { deadlineMs: statementTimeoutMs })).then(
      (result) => {
        target.release(connection)
        if (onRouted !== undefined) this.#routed('local', 'read', reason, startedAtMs, false)
        return work.decode(result)
      },
      (failure: unknown) => {
        target.release(connection)
        if (onRouted !== undefined) this.#routed('local', 'read', reason, startedAtMs, true)
        return this.run(operationJob(compiled, work), { failure, target, at: 'sent' })
      })
  }

  /** As `#attempt`, for a write of one statement, which needs no look. */
  #writeOn (connection: Connection, target: Target, compiled: CompiledOperation, work: StatementWork, reason: string): Promise<unknown> {
    const { onRouted, statementTimeoutMs, state, stamps } = this.#scope
    const signal = state.beginWrite()
    if (signal !== undefined) {
      target.release(connection)
      state.operationEnds()
      return Promise.reject(signal)
    }
    const startedAtMs = onRouted === undefined ? 0 : this.#shared.nowMs()
    const ended = (failed: boolean): void => {
      this.#release(target, connection, 'write')
      if (onRouted !== undefined) this.#routed(target.name, 'write', reason, startedAtMs, failed)
    }
    const ran = (result: QueryResult, position: QueryResult | undefined): unknown => {
      ended(false)
      try {
        return this.#settleDirectWrite(target, work, result, position)
      } finally {
        state.operationEnds()
      }
    }
    const failed = (failure: unknown): Promise<unknown> => {
      ended(true)
      return this.#runAgain(compiled, work, { failure, target, at: 'sent' })
    }
    const options = statementTimeoutMs === undefined ? undefined : { deadlineMs: statementTimeoutMs }
    const answer = connection.query(work.statement, options)
    if (!stamps || this.#options.tracking === 'untracked') return answer.then((result) => ran(result, undefined), failed)
    // The look at the log travels behind the commit. The connection is given back when both have ended.
    return Promise.allSettled([answer, connection.query(positionStatement, options)]).then(([written, looked]) =>
      written.status === 'fulfilled' ? ran(written.value, looked.status === 'fulfilled' ? looked.value : undefined) : failed(written.reason))
  }

  #settleDirectWrite (target: Target, work: StatementWork, result: QueryResult, look: QueryResult | undefined): unknown {
    this.#scope.state.writeRan(target.name)
    let value: unknown
    try {
      value = work.decode(result)
    } catch (error) {
      // No row was there to change: nothing was committed that anybody could miss.
      if (result.count !== 0) this.#committed(positionOf(look, target.facts), 'committed')
      throw error
    }
    this.#committed(positionOf(look, target.facts), 'committed')
    return value
  }

  /** Runs a job wherever the facts say, until it has an outcome. */
  run<T> (job: Job<T>, earlier?: EarlierAttempt): Promise<T> {
    if (job.access === 'read') return this.#run(job, earlier)
    const { state } = this.#scope
    state.operationBegins()
    return this.#run(job, earlier).finally(() => { state.operationEnds() })
  }

  async #run<T> (job: Job<T>, earlier: EarlierAttempt | undefined): Promise<T> {
    if (this.#shared.opening !== undefined) await this.#shared.opening()
    const progress = newProgress()
    if (earlier !== undefined) {
      const { failure, target } = earlier
      const pending = earlier.at === 'sent' && job.access === 'write'
      if (!(failure instanceof DriverFailure)) {
        if (pending) this.#scope.state.writeRan(target.name)
        throw failure
      }
      target.report(failure)
      const verdict = earlier.at === 'unsent' ? 'not-run' : classify(failure, target.facts.role)
      if (pending) this.#settleFailedWrite(target, verdict, job.access)
      this.#afterFailure(failure, { job, target, verdict, progress })
    }
    for (;;) {
      if (progress.raised !== undefined) await this.#tryBeforeRaising(progress.raised, progress)
      if (progress.facts === 'doubtful') await this.#lookAtBoth(progress)
      const refusal = this.#refusal()
      if (refusal !== undefined) throw refusal
      const decision = this.#decide(job.access, job.unit === 'array' ? 'transaction' : 'statement', progress)
      switch (decision.type) {
        case 'refuse':
          if (!isDown(decision.reason) || progress.trial === 'over') throw this.#refused(decision, progress)
          await this.#tryServers(decision.reason, progress)
          break
        case 'replay': this.#replayOrGoOn(decision.reason, progress); break
        case 'wait': await this.#wait(decision.position, progress); break
        case 'look':
        case 'local':
        case 'primary': {
          const outcome = await this.#attempt(job, decision, progress)
          if (outcome.done) return outcome.value
          break
        }
        default: {
          const never: never = decision
          throw never
        }
      }
    }
  }

  /** Holds no connection and no transaction meanwhile. */
  async #wait (position: Position, progress: Progress): Promise<void> {
    progress.waited = true
    const outcome = await this.#shared.servers.waiter.wait(position, { timeoutMs: this.#scope.waitMs })
    if (outcome === 'reached') progress.look = 'untried'
  }

  async #attempt<T> (job: Job<T>, decision: Extract<RouteDecision, { type: 'local' | 'look' | 'primary' }>, progress: Progress): Promise<{ done: true, value: T } | { done: false }> {
    const { state, floor } = this.#scope
    const target = decision.type === 'primary' ? this.#shared.servers.primary : this.#shared.servers.local
    if (decision.type === 'look' && !job.pinnable && !isOneServer(target.facts)) {
      progress.look = 'behind'
      return { done: false }
    }
    const epoch = target.epoch
    const startedAtMs = this.#shared.nowMs()
    const connection = await this.#tryAcquire(target, undefined, (failure) => { this.#afterFailure(failure, { job, target, verdict: 'not-run', progress }) })
    if (connection === undefined) return { done: false }

    const mayWrite = job.access === 'write' || (job.access === 'unknown' && roleOf(connection, target.facts) !== 'standby')
    const isProvisional = decision.type === 'look' || decision.reason === 'floor-reached'
    // The session says that it is on no standby, and nobody knows that the server may be written: a clone would take
    // what raw SQL writes, and lose it.
    const isUnproven = job.access === 'unknown' && target.name === 'local' && connection.onStandby === false && !target.facts.writable
    // Its answer may have to be thrown away and asked for again; off a standby it could write each time.
    if (mayWrite && (isProvisional || isUnproven)) {
      target.release(connection)
      this.#contradicted(progress)
      return { done: false }
    }
    const signal = mayWrite ? state.beginWrite() : state.signal
    if (signal !== undefined) {
      target.release(connection)
      throw signal
    }
    if (!mayWrite && this.#isNoPrimary(connection, decision)) {
      target.release(connection)
      lookAt(target)
      throw new PrimaryMovedError()
    }

    const look = decision.type === 'look' ? (progress.stranger ? 'full' : lookKind(target.facts)) : undefined
    const unlocated = job.access !== 'write' && target.name === 'primary' ? floor.unlocatedWrite : undefined
    const run: JobRun = {
      connection,
      deadlineMs: this.#scope.statementTimeoutMs,
      preface: look !== undefined ? lookStatements[look] : unlocated === undefined ? undefined : positionStatement,
      pinned: look !== undefined && !isOneServer(target.facts),
      wantsPosition: mayWrite && this.#options.tracking === 'tracked' && this.#scope.stamps,
      probes: mayWrite && this.#probes(job, progress),
      commitSent: false,
    }
    let performed: Performed<T>
    try {
      performed = await job.perform(run)
    } catch (error) {
      this.#release(target, connection, job.access)
      this.#routed(target.name, job.access, decision.reason, startedAtMs, true)
      if (!(error instanceof DriverFailure)) {
        if (mayWrite) state.writeRan(target.name)
        throw error
      }
      target.report(error)
      const classified = classify(error, target.facts.role)
      const verdict = classified === 'unknown-outcome' && !run.commitSent ? 'not-run' : classified
      if (mayWrite) this.#settleFailedWrite(target, verdict, job.access)
      this.#afterFailure(error, { job, target, verdict, progress })
      return { done: false }
    }
    const promoted = job.access === 'unknown' && !mayWrite && hasLeftRecovery(connection, decision.type === 'look' ? performed.preface : undefined, target.facts)
    this.#release(target, connection, job.access)
    this.#routed(target.name, job.access, decision.reason, startedAtMs, false)

    if (promoted) {
      // Promoted before it ran: it may have written, so it does not run again; and a primary is never behind.
      lookAt(target)
      state.beginWrite()
      return { done: true, value: this.#settleWrite(target, job, performed, progress) }
    }
    if (decision.type === 'look' && !this.#proves(target, performed.preface, { position: decision.position, epoch, progress })) return { done: false }
    if (decision.reason === 'floor-reached' && target.epoch !== epoch) {
      // The position that proved it belongs to a run of the server that may have ended before the rows were read.
      return { done: false }
    }
    if (unlocated !== undefined) this.#locate(unlocated, performed.preface, target.facts)
    return { done: true, value: mayWrite ? this.#settleWrite(target, job, performed, progress) : performed.decode() }
  }

  /** A session says that the local server is no standby, against the facts: look, and do without it if that does not help. */
  #contradicted (progress: Progress): void {
    if (progress.conflicts >= this.#shared.retries.conflicts) progress.withoutLocal = true
    progress.conflicts++
    progress.facts = 'doubtful'
  }

  /** Development alone: raw SQL that nothing but its tag would tell to be a write. */
  #probes (job: Job<unknown>, progress: Progress): boolean {
    const { hiddenWrites, rawWrites } = this.#scope
    return hiddenWrites !== undefined && job.access === 'unknown' && job.unit === 'statement' && rawWrites === 'by-command' &&
      !progress.refusedAsWrite && this.#options.tracking === 'tracked' && hiddenWrites.wants(job.text)
  }

  /** A write, or raw SQL that may have been one, came back. */
  #settleWrite<T> (target: Target, job: Job<T>, performed: Performed<T>, progress: Progress): T {
    this.#scope.state.writeRan(target.name)
    const wrote = job.access === 'write' || this.#scope.rawWrites === 'always' || progress.refusedAsWrite || performed.commands.some((command) => !readingCommands.has(command))
    // What a probe says is told, not acted upon: where it does not run the outcome is the same.
    if ('wrote' in performed) this.#scope.hiddenWrites?.judge(job.text, performed.wrote)
    let value: T
    try {
      value = performed.decode()
    } catch (error) {
      // No row was there to change: nothing was committed that anybody could miss.
      if (wrote && performed.count !== 0) this.#committed(positionIn(performed, target.facts), 'committed')
      throw error
    }
    if (wrote) this.#committed(positionIn(performed, target.facts), 'committed')
    return value
  }

  #settleFailedWrite (target: Target, verdict: Verdict, access: Access): void {
    if (provesNotRun.has(verdict)) {
      this.#scope.state.writeRefused()
      return
    }
    this.#scope.state.writeRan(target.name)
    if (verdict === 'unknown-outcome' && access !== 'read') this.#committed(undefined, 'unknown')
  }

  #committed (position: Position | undefined, outcome: 'committed' | 'unknown'): void {
    if (this.#options.tracking === 'untracked') return
    this.#scope.floor.raise(position)
    this.#scope.onCommit?.({ position, outcome })
  }

  /** Returns when the operation should be tried again; throws what its caller sees. */
  #afterFailure (failure: DriverFailure, given: { readonly job: { readonly access: Access, readonly unit: Unit, readonly text: string, readonly mapError: (failure: Error) => Error }, readonly target: Target, readonly verdict: Verdict, readonly progress: Progress, readonly readOnly?: boolean }): void {
    const { job, target, progress } = given
    progress.lastFailure = failure
    if (given.verdict === 'standby-refusal') progress.refusedAsWrite = true
    for (;;) {
      const decision = this.#decideAfterFailure(failure, given)
      if (given.verdict === 'schema-behind' && decision.type !== 'raise' && job.text !== '') this.#shared.schemaReplays.spend(job.text, this.#shared.nowMs())
      switch (decision.type) {
        case 'replay': this.#replayOrGoOn(decision.reason, progress); continue
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
          const error = raisedError(decision.error, failure, { mapError: job.mapError, timeoutMs: this.#scope.statementTimeoutMs ?? this.#shared.statementTimeoutMs })
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

  #decideAfterFailure (failure: DriverFailure, given: { readonly job: { readonly access: Access, readonly unit: Unit, readonly text: string }, readonly target: Target, readonly verdict: Verdict, readonly progress: Progress, readonly readOnly?: boolean }): FailureDecision {
    const { job, target, progress } = given
    return decideAfterFailure({
      verdict: given.verdict,
      kind: failure.kind,
      access: job.access,
      unit: job.unit,
      ownReadOnly: given.readOnly === true && failure.code === '25006',
      target: target.name,
      role: failure.onStandby === undefined ? target.facts.role : failure.onStandby ? 'standby' : 'primary',
      binding: this.#options.binding,
      place: this.#scope.state.place,
      replay: this.#replayFact(progress),
      shared: this.#shared.servers.facts.shared,
      fellBack: progress.fellBack,
      whenPrimaryIsDown: this.#scope.whenPrimaryIsDown,
      attempts: progress,
      retries: this.#shared.retries,
      schemaReplay: job.text !== '' && this.#shared.schemaReplays.isSpent(job.text, this.#shared.nowMs()) ? 'spent' : 'allowed',
    })
  }

  /** A session and the monitor disagree about a role: promoted, or demoted and not noticed yet. One look tells; it is bounded by itself. */
  async #lookAtBoth (progress: Progress): Promise<void> {
    progress.facts = 'good'
    await Promise.all([this.#shared.servers.local.probe(), this.#shared.servers.primary.probe()])
  }

  /** Another region may have seen the server come back, and sent this request here: no refusal by what was known before it came. */
  async #tryServers (reason: RefuseReason, progress: Progress): Promise<void> {
    const { local, primary } = this.#shared.servers
    progress.trial = 'over'
    await Promise.all(reason === 'database-down' ? [local.trial(), primary.trial()] : [primary.trial()])
  }

  /** Others have opened the breaker, or this has: it has waited for a connection in vain. */
  async #tryBeforeRaising ({ error, target }: NonNullable<Progress['raised']>, progress: Progress): Promise<void> {
    progress.trial = 'over'
    progress.raised = undefined
    await target.trial()
    if (target.facts.breaker !== 'closed') throw error
  }

  #replayFact (progress: Progress | undefined): ReplayFact {
    if (this.#scope.gate === null) return 'none'
    return progress?.replay === 'blocked' || !this.#scope.state.mayReplay() ? 'blocked' : 'unasked'
  }

  /** Throws the signal, or notes that a replay is impossible. */
  #replayOrGoOn (reason: CaptureReason, progress: Progress): void {
    const { gate, state } = this.#scope
    if (gate !== null && gate.blocked() === null) {
      const signal = state.askReplay(() => gate.request(reason))
      if (signal !== undefined) throw signal
    }
    progress.replay = 'blocked'
  }

  #refused (decision: Extract<RouteDecision, { type: 'refuse' }>, progress: Progress): Error {
    if (decision.reason === 'replaying') return this.#scope.state.signal ?? new ClientClosedError()
    if (!isDown(decision.reason)) lookAt(this.#shared.servers.primary)
    return refusedError(decision.reason, progress.lastFailure)
  }

  #decide (access: Access, unit: 'statement' | 'transaction', progress: Progress | undefined): RouteDecision {
    const { servers } = this.#shared
    const { local, primary, splitBrain } = servers.facts
    const { floor } = this.#scope
    const freshness = floor.isRaised ? floor.freshness(this.#shared.nowMs) : anyFreshness
    const decision = decideRoute({
      access,
      unit,
      binding: this.#options.binding,
      freshness,
      place: this.#scope.state.place,
      replay: this.#replayFact(progress),
      local: progress?.withoutLocal === true ? withoutServer(local) : freshness.type === 'at-least' ? { ...local, appliedLsn: servers.waiter.appliedLsn } : local,
      primary: progress?.withoutPrimary === true ? withoutServer(primary) : primary,
      splitBrain: splitBrain === 'equal-timeline',
      look: progress?.look ?? 'untried',
      wait: this.#scope.waitMs > 0 && progress?.waited !== true ? 'allowed' : 'never',
      whenPrimaryIsDown: this.#scope.whenPrimaryIsDown,
    })
    if (decision.type === 'primary' && decision.reason === 'behind-floor' && freshness.type === 'at-least' && isOtherHistory(primary, freshness.position)) floor.forgetPosition()
    return decision
  }

  /** A fresh read on a server that says by itself that it is a standby would be a stale one. */
  #isNoPrimary (connection: Connection, decision: RouteDecision): boolean {
    return decision.type === 'primary' && decision.reason !== 'replica-down' && connection.onStandby === true
  }

  /** What a look says; `epoch` as it was before it was sent. */
  #proves (target: Target, look: Settled | undefined, given: { readonly position: Position, readonly epoch: number, readonly progress: Progress }): boolean {
    const looked = readPositionLook(look?.status === 'fulfilled' ? look.value : undefined, target.facts)
    this.#shared.servers.waiter.observe(looked, given.epoch)
    if (provesPosition(looked, given.position)) return true
    if (looked.type === 'stranger' && !given.progress.stranger) given.progress.stranger = true
    else given.progress.look = 'behind'
    if (looked.type === 'promoted' || looked.type === 'stranger') lookAt(target)
    return false
  }

  #locate (write: number, look: Settled | undefined, facts: TargetFacts): void {
    const position = look?.status === 'fulfilled' ? positionOf(look.value, facts) : undefined
    if (position === undefined) this.#scope.floor.locateFailed(write, this.#shared.nowMs())
    else this.#scope.floor.locate(write, position)
  }

  #acquire (target: Target, timeoutMs: number | undefined): Connection | Promise<Connection> {
    const { priority, farPriority = priority } = this.#scope
    const own = target.name === 'primary' && !this.#shared.servers.facts.shared ? farPriority : priority
    return own === 'native' && timeoutMs === undefined ? target.acquire() : target.acquire({ priority: own, timeoutMs })
  }

  async #tryAcquire (target: Target, timeoutMs: number | undefined, onFailure: (failure: DriverFailure) => void): Promise<Connection | undefined> {
    try {
      return await this.#acquire(target, timeoutMs)
    } catch (error) {
      if (!(error instanceof DriverFailure)) throw error
      target.report(error)
      onFailure(error)
      return undefined
    }
  }

  /** Raw SQL may have left a transaction open (`BEGIN` on a pooled connection); the next user must not inherit it. */
  #release (target: Target, connection: Connection, access: Access): void {
    if (access !== 'read' && !connection.dead && connection.inTransaction) connection.destroy()
    target.release(connection)
  }

  #routed (target: 'local' | 'primary', access: Access, reason: string, startedAtMs: number, failed: boolean): void {
    this.#scope.onRouted?.({ target, access, reason, durationMs: this.#shared.nowMs() - startedAtMs, failed })
  }

  /** `$transaction(callback)`. The callback runs once, or once more for each conflict that its caller allowed. */
  async transact<T> (callback: (executor: Executor) => Promise<T>, options: CallbackOptions): Promise<T> {
    if (options.readOnly === true) return this.#transact(callback, options)
    const { state } = this.#scope
    state.operationBegins()
    try {
      return await this.#transact(callback, options)
    } finally {
      state.operationEnds()
    }
  }

  async #transact<T> (callback: (executor: Executor) => Promise<T>, options: CallbackOptions): Promise<T> {
    if (this.#shared.opening !== undefined) await this.#shared.opening()
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#transactOnce(callback, options)
      } catch (error) {
        if (attempt >= options.retry || (error as { code?: unknown } | null)?.code !== 'P2034') throw error
      }
    }
  }

  async #transactOnce<T> (callback: (executor: Executor) => Promise<T>, options: CallbackOptions): Promise<T> {
    const writes = options.readOnly !== true
    // A standby has no serializable transactions (FACTS 1.1): for the choice of the server it is a write.
    const access: Access = writes || options.isolationLevel === 'Serializable' ? 'write' : 'read'
    const progress = newProgress()
    const opening = { access, unit: 'statement' as const, text: '', mapError: (failure: Error) => failure }
    for (;;) {
      if (progress.raised !== undefined) await this.#tryBeforeRaising(progress.raised, progress)
      const refusal = this.#refusal()
      if (refusal !== undefined) throw refusal
      const decision = this.#decide(access, 'transaction', progress)
      switch (decision.type) {
        case 'refuse':
          if (!isDown(decision.reason) || progress.trial === 'over') throw this.#refused(decision, progress)
          await this.#tryServers(decision.reason, progress)
          continue
        case 'replay': this.#replayOrGoOn(decision.reason, progress); continue
        case 'wait': await this.#wait(decision.position, progress); continue
        case 'look':
        case 'local':
        case 'primary': break
        default: {
          const never: never = decision
          throw never
        }
      }
      const target = decision.type === 'primary' ? this.#shared.servers.primary : this.#shared.servers.local
      const epoch = target.epoch
      const connection = await this.#tryAcquire(target, options.maxWaitMs, (failure) => { this.#afterFailure(failure, { job: opening, target, verdict: 'not-run', progress }) })
      if (connection === undefined) continue
      if (decision.type === 'look' || decision.reason === 'floor-reached') {
        // Before BEGIN: a look inside the transaction would hold the snapshot that it looks for.
        const kind: LookKind = progress.stranger ? 'full' : lookKind(target.facts)
        const reached = decision.type === 'look'
          ? isOneServer(target.facts)
            ? this.#proves(target, (await pipeline(connection, [lookStatements[kind]], this.#scope.statementTimeoutMs))[0], { position: decision.position, epoch, progress })
            // A pooler may send the transaction to another server than the look.
            : false
          : target.epoch === epoch
        if (!reached) {
          target.release(connection)
          if (decision.type === 'look' && !isOneServer(target.facts)) progress.look = 'behind'
          continue
        }
      }
      if (access === 'read' && this.#isNoPrimary(connection, decision)) {
        target.release(connection)
        lookAt(target)
        throw new PrimaryMovedError()
      }
      const signal = writes ? this.#scope.state.beginWrite() : this.#scope.state.signal
      if (signal !== undefined) {
        target.release(connection)
        throw signal
      }
      return this.#callbackOn(connection, target, callback, { options, access, writes, progress, reason: decision.reason })
    }
  }

  async #callbackOn<T> (connection: Connection, target: Target, callback: (executor: Executor) => Promise<T>, given: { readonly options: CallbackOptions, readonly access: Access, readonly writes: boolean, readonly progress: Progress, readonly reason: string }): Promise<T> {
    const { options, writes, progress } = given
    const { state } = this.#scope
    const startedAtMs = this.#shared.nowMs()
    const unit = { access: given.access, unit: 'callback' as const, text: '' }
    let pending = writes
    let captured: Error | undefined
    const settleState = (outcome: 'ran' | 'refused'): void => {
      if (!pending) return
      pending = false
      if (outcome === 'ran') state.writeRan(target.name)
      else state.writeRefused()
    }
    const judge = (failure: DriverFailure): { verdict: Verdict, decision: FailureDecision } => {
      const verdict = classify(failure, target.facts.role)
      return { verdict, decision: this.#decideAfterFailure(failure, { job: unit, target, verdict, progress, readOnly: options.readOnly === true }) }
    }
    /** Sees each failure before the application can swallow it. */
    const latch = (failure: DriverFailure): Error | undefined => {
      target.report(failure)
      if (captured !== undefined) return captured
      const { verdict } = judge(failure)
      // On a standby nothing of this transaction can have taken effect.
      if (verdict === 'standby-refusal' && !(options.readOnly === true && failure.code === '25006')) settleState('refused')
      const { decision } = judge(failure)
      if (decision.type !== 'replay') return undefined
      try {
        this.#replayOrGoOn(decision.reason, progress)
      } catch (error) {
        captured = error as Error // the signal
      }
      return captured
    }
    const word = (failure: DriverFailure, mapError: (failure: Error) => Error): Error => {
      const { decision } = judge(failure)
      return decision.type === 'raise'
        ? raisedError(decision.error, failure, { mapError, timeoutMs: this.#scope.statementTimeoutMs ?? this.#shared.statementTimeoutMs })
        : conflictError(failure)
    }
    const transaction = new OpenTransaction(connection, { ...options, deadlineMs: this.#scope.statementTimeoutMs, onFailure: latch })
    const executor = new TransactionExecutor(transaction, { state, readOnly: options.readOnly === true, unrun: this.unrun, wordFailure: word })

    let failed = true
    let timer: NodeJS.Timeout | undefined
    try {
      const expired = new Promise<never>((_resolve, reject) => {
        timer = setTimeout(() => {
          const error = closedError(`it ran longer than its timeout of ${options.timeoutMs} ms`)
          transaction.close(error)
          reject(error)
        }, options.timeoutMs)
        timer.unref()
      })
      let value: T
      try {
        value = await Promise.race([callback(executor), expired])
        // What the callback did not await belongs to the transaction all the same.
        await Promise.race([executor.whenIdle(), expired])
        if (transaction.closed !== undefined) throw executor.firstError ?? transaction.closed
      } catch (error) {
        await this.#abandon(transaction, executor, error)
        throw captured ?? state.signal ?? error
      }
      if (captured !== undefined) {
        await this.#abandon(transaction, executor, captured)
        throw captured
      }
      const outcome = await transaction.commit({ wantsPosition: writes && executor.wrote && this.#options.tracking === 'tracked' && this.#scope.stamps })
      switch (outcome.type) {
        case 'committed':
          settleState('ran')
          if (writes && executor.wrote) this.#committed(outcome.position === undefined ? undefined : positionOf(outcome.position, target.facts, outcome.synchronousCommit), 'committed')
          failed = false
          return value
        case 'rolled-back':
          throw executor.firstError ?? (outcome.failure === undefined ? closedError('it was rolled back') : word(outcome.failure, executor.lastMapError))
        case 'unknown': {
          target.report(outcome.failure)
          // All answers of a read-only transaction have come; there was nothing to commit.
          if (!writes) {
            failed = false
            return value
          }
          settleState('ran')
          this.#committed(undefined, 'unknown')
          throw raisedError('commit-unknown', outcome.failure, { mapError: executor.lastMapError, timeoutMs: 0 })
        }
        default: {
          const never: never = outcome
          throw never
        }
      }
    } finally {
      clearTimeout(timer)
      // Unless proof came before: what began on a writable server counts as run there.
      settleState(transaction.begun ? 'ran' : 'refused')
      if (!connection.dead && connection.inTransaction) connection.destroy()
      target.release(connection)
      this.#routed(target.name, given.access, given.reason, startedAtMs, failed)
    }
  }

  /** Rolls back; statements that still run get a moment, then the connection is ended, which rolls back as well. */
  async #abandon (transaction: OpenTransaction, executor: TransactionExecutor, error: unknown): Promise<void> {
    transaction.close(transaction.closed ?? closedError('it has been rolled back', error))
    if (executor.running > 0) {
      let timer: NodeJS.Timeout | undefined
      const patience = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, ROLLBACK_PATIENCE_MS)
        timer.unref()
      })
      await Promise.race([executor.whenIdle(), patience])
      clearTimeout(timer)
    }
    await transaction.rollback()
  }
}

/** Brings the monitor's next look forward; what it finds is in the facts, and it never rejects. */
function lookAt (target: Target): void {
  target.probe().catch(() => {})
}

async function rejected (error: unknown): Promise<never> {
  throw error
}

function roleOf (connection: Connection, facts: TargetFacts): Role {
  return connection.onStandby === undefined ? facts.role : connection.onStandby ? 'standby' : 'primary'
}

function hasLeftRecovery (connection: Connection, look: Settled | undefined, facts: TargetFacts): boolean {
  return connection.onStandby === false || (look?.status === 'fulfilled' && readPositionLook(look.value, facts).type === 'promoted')
}

function positionIn (performed: Performed<unknown>, facts: TargetFacts): Position | undefined {
  return positionOf(performed.position, facts, performed.synchronousCommit)
}

function isDown (reason: RefuseReason): boolean {
  return reason === 'primary-down' || reason === 'database-down'
}

/** The server has failed this operation: for its next attempt it is as good as down. */
function withoutServer (facts: TargetFacts): ServerView {
  return { ...facts, breaker: 'open', writable: false, appliedLsn: undefined }
}

function isOtherHistory (primary: TargetFacts, position: Position): boolean {
  return (primary.system !== undefined && primary.system !== position.system) ||
    (primary.timeline !== undefined && position.timeline !== undefined && primary.timeline > position.timeline)
}
