// `$transaction(callback)`: the callback's statements on one connection of the server that the facts name, and never run a
// second time unless the caller allowed it.

import type { DriverFailure } from '../core/driver-failure.ts'
import type { Access, FailureDecision } from '../core/route-decision.ts'
import { classify } from '../core/verdict.ts'
import type { Connection } from './driver.ts'
import { conflictError, raisedError } from './failure.ts'
import type { Executor } from './operation.ts'
import { pipeline } from './pipeline.ts'
import { isOneServer, lookKind, lookStatements, type LookKind } from './position-look.ts'
import { newProgress, type Progress, type Routing } from './routing.ts'
import type { Target } from './target.ts'
import { TransactionExecutor } from './transaction-executor.ts'
import { closedError, OpenTransaction, positionOf, type BeginOptions } from './transaction.ts'

export interface CallbackOptions extends BeginOptions {
  readonly timeoutMs: number
  readonly maxWaitMs: number
  readonly retry: number
}

/** How long a failed callback's running statements may hold up the rollback. */
const ROLLBACK_PATIENCE_MS = 500

export class CallbackTransaction {
  readonly #routing: Routing

  constructor (routing: Routing) {
    this.#routing = routing
  }

  /** `$transaction(callback)`. The callback runs once, or once more for each conflict that its caller allowed. */
  async run<T> (callback: (executor: Executor) => Promise<T>, options: CallbackOptions): Promise<T> {
    if (options.readOnly === true) return this.#transact(callback, options)
    const { state } = this.#routing.scope
    state.operationBegins()
    try {
      return await this.#transact(callback, options)
    } finally {
      state.operationEnds()
    }
  }

  async #transact<T> (callback: (executor: Executor) => Promise<T>, options: CallbackOptions): Promise<T> {
    if (this.#routing.shared.opening !== undefined) await this.#routing.shared.opening()
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
      const decision = await this.#routing.place(access, 'transaction', progress)
      const target = decision.type === 'primary' ? this.#routing.shared.servers.primary : this.#routing.shared.servers.local
      const epoch = target.epoch
      const connection = await this.#routing.tryAcquire(target, options.maxWaitMs, (failure) => { this.#routing.afterFailure(failure, { job: opening, target, verdict: 'not-run', progress }) })
      if (connection === undefined) continue
      if (decision.type === 'look' || decision.reason === 'floor-reached') {
        // Before BEGIN: a look inside the transaction would hold the snapshot that it looks for.
        const kind: LookKind = progress.stranger ? 'full' : lookKind(target.facts)
        const reached = decision.type === 'look'
          ? isOneServer(target.facts)
            ? this.#routing.proves(target, (await pipeline(connection, [lookStatements[kind]], this.#routing.scope.statementTimeoutMs))[0], { position: decision.position, epoch, progress })
            // A pooler may send the transaction to another server than the look.
            : false
          : target.epoch === epoch
        if (!reached) {
          target.release(connection)
          if (decision.type === 'look' && !isOneServer(target.facts)) progress.look = 'behind'
          continue
        }
      }
      if (access === 'read' && this.#routing.isDemoted(connection, target, decision.reason)) {
        this.#routing.leaveDemoted(connection, target, progress)
        continue
      }
      const signal = writes ? this.#routing.scope.state.beginWrite() : this.#routing.scope.state.signal
      if (signal !== undefined) {
        target.release(connection)
        throw signal
      }
      return this.#callbackOn(connection, target, callback, { options, access, writes, progress, reason: decision.reason })
    }
  }

  async #callbackOn<T> (connection: Connection, target: Target, callback: (executor: Executor) => Promise<T>, given: { readonly options: CallbackOptions, readonly access: Access, readonly writes: boolean, readonly progress: Progress, readonly reason: string }): Promise<T> {
    const { options, writes, progress } = given
    const { state } = this.#routing.scope
    const startedAtMs = this.#routing.shared.nowMs()
    const unit = { access: given.access, unit: 'callback' as const, text: '' }
    let pending = writes
    let captured: Error | undefined
    const settleState = (outcome: 'ran' | 'refused'): void => {
      if (!pending) return
      pending = false
      if (outcome === 'ran') state.writeRan(target.name)
      else state.writeRefused()
    }
    const decide = (failure: DriverFailure): FailureDecision => this.#routing.decideAfterFailure(failure, { job: unit, target, verdict: classify(failure, target.facts.role), progress, readOnly: options.readOnly === true })
    /** Sees each failure before the application can swallow it. */
    const latch = (failure: DriverFailure): Error | undefined => {
      target.report(failure)
      if (captured !== undefined) return captured
      // On a standby nothing of this transaction can have taken effect.
      if (classify(failure, target.facts.role) === 'standby-refusal' && !(options.readOnly === true && failure.code === '25006')) settleState('refused')
      const decision = decide(failure)
      if (decision.type !== 'replay') return undefined
      try {
        this.#routing.replayOrGoOn(decision.reason, progress)
      } catch (error) {
        captured = error as Error // the signal
      }
      return captured
    }
    const word = (failure: DriverFailure, mapError: (failure: Error) => Error): Error => {
      const decision = decide(failure)
      return decision.type === 'raise'
        ? raisedError(decision.error, failure, { mapError, timeoutMs: this.#routing.scope.statementTimeoutMs ?? this.#routing.shared.statementTimeoutMs })
        : conflictError(failure)
    }
    const transaction = new OpenTransaction(connection, { ...options, deadlineMs: this.#routing.scope.statementTimeoutMs, onFailure: latch })
    const executor = new TransactionExecutor(transaction, { state, readOnly: options.readOnly === true, unrun: this.#routing.scope.unrun, wordFailure: word })

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
      const outcome = await transaction.commit({ wantsPosition: writes && executor.wrote && this.#routing.options.tracking === 'tracked' && this.#routing.scope.stamps })
      switch (outcome.type) {
        case 'committed':
          // A callback that ran nothing has sent nothing.
          settleState(transaction.begun ? 'ran' : 'refused')
          if (writes && executor.wrote) this.#routing.committed(outcome.position === undefined ? undefined : positionOf(outcome.position, target.facts, outcome.synchronousCommit), 'committed')
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
          this.#routing.committed(undefined, 'unknown')
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
      this.#routing.routed(target.name, given.access, given.reason, startedAtMs, failed)
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
