// Carries route decisions out: acquires, sends, classifies what failed, and asks core what follows.
// Every choice is made in core/route-decision.ts; here are only the effects and the order in which they happen:
//
// 1. A write counts in the request's state before its first byte is sent, and is taken back only by proof that it
//    did not run. So no other operation of the request can ask for a replay in between.
// 2. A connection is released (or destroyed) before anything is decided about its failure.
// 3. A commit is made known (floor, token) before its caller sees the result.

import { DriverFailure } from '../core/driver-failure.ts'
import type { Position } from '../core/freshness.ts'
import type { Access } from '../core/route-decision.ts'
import type { Role, TargetFacts } from '../core/server-facts.ts'
import { classify, type Verdict } from '../core/verdict.ts'
import type { CompiledOperation, QueryResult, Work } from '../query/statement.ts'
import { CallbackTransaction, type CallbackOptions } from './callback-transaction.ts'
import type { Connection } from './driver.ts'
import { operationJob, type Job, type JobRun, type Performed } from './job.ts'
import { compileOf, type Executor, type Operation } from './operation.ts'
import type { Settled } from './pipeline.ts'
import { isOneServer, lookKind, lookStatements, readPositionLook } from './position-look.ts'
import { lookAt, newProgress, Routing, type Place, type Progress, type RoutingShared } from './routing.ts'
import type { Scope } from './scope.ts'
import type { Target } from './target.ts'
import { positionOf, positionStatement } from './transaction.ts'
import type { UnrunOperations } from './unrun-operations.ts'

/** Command tags of raw SQL that is taken for a read on a primary. */
const readingCommands: ReadonlySet<string> = new Set(['SELECT', 'SHOW', 'EXPLAIN', 'VALUES'])

/** Verdicts that prove that the server is none that can be written, or that nothing reached it. */
const provesNotRun: ReadonlySet<Verdict> = new Set<Verdict>(['standby-refusal', 'promoted', 'read-only-unknown', 'schema-behind', 'recovery-conflict', 'not-run'])

type StatementWork = Extract<Work<unknown>, { readonly type: 'statement' }>

/** A failed attempt that the caller of `run` has made. */
interface EarlierAttempt {
  readonly failure: unknown
  readonly target: Target
  /** `unsent`: no connection was to be had. */
  readonly at: 'unsent' | 'sent'
}

export class Router implements Executor {
  readonly #routing: Routing

  constructor (routing: Routing) {
    this.#routing = routing
  }

  get shared (): RoutingShared { return this.#routing.shared }
  get scope (): Scope { return this.#routing.scope }
  get unrun (): UnrunOperations | undefined { return this.#routing.scope.unrun }

  with (change: { readonly scope?: Scope, readonly binding?: 'auto' | 'primary', readonly tracking?: 'tracked' | 'untracked' }): Router {
    const { shared, scope, options } = this.#routing
    return new Router(new Routing(shared, change.scope ?? scope, { binding: change.binding ?? options.binding, tracking: change.tracking ?? options.tracking }))
  }

  /** The hot path: an unconstrained read and a write of one statement run here without an async function. */
  execute (operation: Operation<unknown>): Promise<unknown> {
    const refusal = this.#routing.refusal()
    if (refusal !== undefined) return Promise.reject(refusal)
    if (this.#routing.shared.opening !== undefined) return this.#routing.shared.opening().then(() => this.execute(operation))
    let compiled: CompiledOperation
    try {
      compiled = compileOf(operation)
    } catch (error) {
      return rejected(error)
    }
    const { work } = compiled
    if (work.type === 'constant') return Promise.resolve(work.value)
    if (compiled.access === 'read' && work.type === 'statement') {
      const decision = this.#routing.decide('read', 'statement', undefined)
      if (decision.type === 'local' && decision.reason !== 'floor-reached') return this.#runDirect(compiled, work, this.#routing.shared.servers.local, decision.reason)
    } else if (compiled.access === 'write' && work.type === 'statement') {
      const decision = this.#routing.decide('write', 'statement', undefined)
      if (decision.type === 'local') return this.#runDirect(compiled, work, this.#routing.shared.servers.local, decision.reason)
      if (decision.type === 'primary') return this.#runDirect(compiled, work, this.#routing.shared.servers.primary, decision.reason)
    }
    return this.run(operationJob(compiled, work))
  }

  #runDirect (compiled: CompiledOperation, work: StatementWork, target: Target, reason: string): Promise<unknown> {
    const writes = compiled.access === 'write'
    // As `run` does: the answer awaits a write that still waits for its connection, until its commit is known.
    if (writes) this.#routing.scope.state.operationBegins()
    // A deadline of its own belongs to the whole session.
    const acquired = this.#routing.acquire(target, undefined, work.brief === true && this.#routing.scope.statementTimeoutMs === undefined)
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
    if (compiled.access === 'write') this.#routing.scope.state.operationEnds()
    return again
  }

  #readOn (connection: Connection, target: Target, compiled: CompiledOperation, work: StatementWork, reason: string): Promise<unknown> {
    if (this.#routing.isDemoted(connection, target, reason)) {
      target.release(connection)
      return this.run(operationJob(compiled, work))
    }
    const { onRouted, statementTimeoutMs } = this.#routing.scope
    const startedAtMs = onRouted === undefined ? 0 : this.#routing.shared.nowMs()
    return (statementTimeoutMs === undefined ? connection.query(work.statement) : connection.query(work.statement, { deadlineMs: statementTimeoutMs })).then(
      (result) => {
        target.release(connection)
        if (onRouted !== undefined) this.#routing.routed('local', 'read', reason, startedAtMs, false)
        return work.decode(result)
      },
      (failure: unknown) => {
        target.release(connection)
        if (onRouted !== undefined) this.#routing.routed('local', 'read', reason, startedAtMs, true)
        return this.run(operationJob(compiled, work), { failure, target, at: 'sent' })
      })
  }

  /** As `#attempt`, for a write of one statement, which needs no look. */
  #writeOn (connection: Connection, target: Target, compiled: CompiledOperation, work: StatementWork, reason: string): Promise<unknown> {
    const { onRouted, statementTimeoutMs, state, stamps } = this.#routing.scope
    const signal = state.beginWrite()
    if (signal !== undefined) {
      target.release(connection)
      state.operationEnds()
      return Promise.reject(signal)
    }
    const startedAtMs = onRouted === undefined ? 0 : this.#routing.shared.nowMs()
    const ended = (failed: boolean): void => {
      this.#release(target, connection, 'write')
      if (onRouted !== undefined) this.#routing.routed(target.name, 'write', reason, startedAtMs, failed)
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
    if (!stamps || this.#routing.options.tracking === 'untracked') return answer.then((result) => ran(result, undefined), failed)
    // The look at the log travels behind the commit. The connection is given back when both have ended.
    return Promise.allSettled([answer, connection.query(positionStatement, options)]).then(([written, looked]) =>
      written.status === 'fulfilled' ? ran(written.value, looked.status === 'fulfilled' ? looked.value : undefined) : failed(written.reason))
  }

  #settleDirectWrite (target: Target, work: StatementWork, result: QueryResult, look: QueryResult | undefined): unknown {
    this.#routing.scope.state.writeRan(target.name)
    let value: unknown
    try {
      value = work.decode(result)
    } catch (error) {
      // No row was there to change: nothing was committed that anybody could miss.
      if (result.count !== 0) this.#routing.committed(positionOf(look, target.facts), 'committed')
      throw error
    }
    this.#routing.committed(positionOf(look, target.facts), 'committed')
    return value
  }

  /** Runs a job wherever the facts say, until it has an outcome. */
  run<T> (job: Job<T>, earlier?: EarlierAttempt): Promise<T> {
    if (job.access === 'read') return this.#run(job, earlier)
    const { state } = this.#routing.scope
    state.operationBegins()
    return this.#run(job, earlier).finally(() => { state.operationEnds() })
  }

  async #run<T> (job: Job<T>, earlier: EarlierAttempt | undefined): Promise<T> {
    if (this.#routing.shared.opening !== undefined) await this.#routing.shared.opening()
    const progress = newProgress()
    if (earlier !== undefined) {
      const { failure, target } = earlier
      const pending = earlier.at === 'sent' && job.access === 'write'
      if (!(failure instanceof DriverFailure)) {
        if (pending) this.#routing.scope.state.writeRan(target.name)
        throw failure
      }
      target.report(failure)
      const verdict = earlier.at === 'unsent' ? 'not-run' : classify(failure, target.facts.role)
      if (pending) this.#settleFailedWrite(target, verdict, job.access)
      this.#routing.afterFailure(failure, { job, target, verdict, progress })
    }
    for (;;) {
      const place = await this.#routing.place(job.access, job.unit === 'array' ? 'transaction' : 'statement', progress)
      const outcome = await this.#attempt(job, place, progress)
      if (outcome.done) return outcome.value
    }
  }

  async #attempt<T> (job: Job<T>, decision: Place, progress: Progress): Promise<{ done: true, value: T } | { done: false }> {
    const { state, floor } = this.#routing.scope
    const target = decision.type === 'primary' ? this.#routing.shared.servers.primary : this.#routing.shared.servers.local
    if (decision.type === 'look' && !job.pinnable && !isOneServer(target.facts)) {
      progress.look = 'behind'
      return { done: false }
    }
    const epoch = target.epoch
    const startedAtMs = this.#routing.shared.nowMs()
    const connection = await this.#routing.tryAcquire(target, undefined, (failure) => { this.#routing.afterFailure(failure, { job, target, verdict: 'not-run', progress }) })
    if (connection === undefined) return { done: false }

    const mayWrite = job.access === 'write' || (job.access === 'unknown' && roleOf(connection, target.facts) !== 'standby')
    const isProvisional = decision.type === 'look' || decision.reason === 'floor-reached'
    // The session says that it is on no standby, and nobody knows that the server may be written: a clone would take
    // what raw SQL writes, and lose it.
    const isUnproven = job.access === 'unknown' && target.name === 'local' && connection.onStandby === false && !target.facts.writable
    // Its answer may have to be thrown away and asked for again; off a standby it could write each time.
    if (mayWrite && (isProvisional || isUnproven)) {
      target.release(connection)
      this.#routing.contradicted(progress)
      return { done: false }
    }
    const signal = mayWrite ? state.beginWrite() : state.signal
    if (signal !== undefined) {
      target.release(connection)
      throw signal
    }
    if (!mayWrite && this.#routing.isDemoted(connection, target, decision.reason)) {
      this.#routing.leaveDemoted(connection, target, progress)
      return { done: false }
    }

    const look = decision.type === 'look' ? (progress.stranger ? 'full' : lookKind(target.facts)) : undefined
    const unlocated = job.access !== 'write' && target.name === 'primary' ? floor.unlocatedWrite : undefined
    const run: JobRun = {
      connection,
      deadlineMs: this.#routing.scope.statementTimeoutMs,
      preface: look !== undefined ? lookStatements[look] : unlocated === undefined ? undefined : positionStatement,
      pinned: look !== undefined && !isOneServer(target.facts),
      wantsPosition: mayWrite && this.#routing.options.tracking === 'tracked' && this.#routing.scope.stamps,
      probes: mayWrite && this.#probes(job, progress),
      commitSent: false,
    }
    let performed: Performed<T>
    try {
      performed = await job.perform(run)
    } catch (error) {
      this.#release(target, connection, job.access)
      this.#routing.routed(target.name, job.access, decision.reason, startedAtMs, true)
      if (!(error instanceof DriverFailure)) {
        if (mayWrite) state.writeRan(target.name)
        throw error
      }
      target.report(error)
      const classified = classify(error, target.facts.role)
      const verdict = classified === 'unknown-outcome' && !run.commitSent ? 'not-run' : classified
      if (mayWrite) this.#settleFailedWrite(target, verdict, job.access)
      this.#routing.afterFailure(error, { job, target, verdict, progress })
      return { done: false }
    }
    const promoted = job.access === 'unknown' && !mayWrite && hasLeftRecovery(connection, decision.type === 'look' ? performed.preface : undefined, target.facts)
    this.#release(target, connection, job.access)
    this.#routing.routed(target.name, job.access, decision.reason, startedAtMs, false)

    if (promoted) {
      // Promoted before it ran: it may have written, so it does not run again; and a primary is never behind.
      lookAt(target)
      state.beginWrite()
      return { done: true, value: this.#settleWrite(target, job, performed, progress) }
    }
    if (decision.type === 'look' && !this.#routing.proves(target, performed.preface, { position: decision.position, epoch, progress })) return { done: false }
    if (decision.reason === 'floor-reached' && target.epoch !== epoch) {
      // The position that proved it belongs to a run of the server that may have ended before the rows were read.
      return { done: false }
    }
    if (unlocated !== undefined) this.#locate(unlocated, performed.preface, target.facts)
    return { done: true, value: mayWrite ? this.#settleWrite(target, job, performed, progress) : performed.decode() }
  }

  /** Development alone: raw SQL that nothing but its tag would tell to be a write. */
  #probes (job: Job<unknown>, progress: Progress): boolean {
    const { hiddenWrites, rawWrites } = this.#routing.scope
    return hiddenWrites !== undefined && job.access === 'unknown' && job.unit === 'statement' && rawWrites === 'by-command' &&
      !progress.refusedAsWrite && this.#routing.options.tracking === 'tracked' && hiddenWrites.wants(job.text)
  }

  /** A write, or raw SQL that may have been one, came back. */
  #settleWrite<T> (target: Target, job: Job<T>, performed: Performed<T>, progress: Progress): T {
    this.#routing.scope.state.writeRan(target.name)
    const wrote = job.access === 'write' || this.#routing.scope.rawWrites === 'always' || progress.refusedAsWrite || performed.commands.some((command) => !readingCommands.has(command))
    // What a probe says is told, not acted upon: where it does not run the outcome is the same.
    if ('wrote' in performed) this.#routing.scope.hiddenWrites?.judge(job.text, performed.wrote)
    let value: T
    try {
      value = performed.decode()
    } catch (error) {
      // No row was there to change: nothing was committed that anybody could miss.
      if (wrote && performed.count !== 0) this.#routing.committed(positionIn(performed, target.facts), 'committed')
      throw error
    }
    if (wrote) this.#routing.committed(positionIn(performed, target.facts), 'committed')
    return value
  }

  #settleFailedWrite (target: Target, verdict: Verdict, access: Access): void {
    if (provesNotRun.has(verdict)) {
      this.#routing.scope.state.writeRefused()
      return
    }
    this.#routing.scope.state.writeRan(target.name)
    if (verdict === 'unknown-outcome' && access !== 'read') this.#routing.committed(undefined, 'unknown')
  }

  #locate (write: number, look: Settled | undefined, facts: TargetFacts): void {
    const position = look?.status === 'fulfilled' ? positionOf(look.value, facts) : undefined
    if (position === undefined) this.#routing.scope.floor.locateFailed(write, this.#routing.shared.nowMs())
    else this.#routing.scope.floor.locate(write, position)
  }

  /** Raw SQL may have left a transaction open (`BEGIN` on a pooled connection); the next user must not inherit it. */
  #release (target: Target, connection: Connection, access: Access): void {
    if (access !== 'read' && !connection.dead && connection.inTransaction) connection.destroy()
    target.release(connection)
  }

  /** `$transaction(callback)`. */
  transact<T> (callback: (executor: Executor) => Promise<T>, options: CallbackOptions): Promise<T> {
    return new CallbackTransaction(this.#routing).run(callback, options)
  }
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
