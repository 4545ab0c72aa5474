// Runs operations inside a callback's transaction.

import { DriverFailure } from '../core/driver-failure.ts'
import { ReadOnlyError } from '../core/errors.ts'
import type { RequestState } from '../core/request-state.ts'
import { runInTransaction } from './job.ts'
import { compileOf, type Executor, type Operation } from './operation.ts'
import { isRawOperation } from './raw.ts'
import type { OpenTransaction } from './transaction.ts'
import type { UnrunOperations } from './unrun-operations.ts'

export class TransactionExecutor implements Executor {
  readonly unrun: UnrunOperations | undefined
  readonly #transaction: OpenTransaction
  readonly #state: RequestState
  readonly #readOnly: boolean
  readonly #wordFailure: (failure: DriverFailure, mapError: (failure: Error) => Error) => Error
  #running = 0
  #wrote = false
  #idle: (() => void)[] = []
  #firstError: Error | undefined = undefined
  #lastMapError: (failure: Error) => Error = (failure) => failure

  constructor (transaction: OpenTransaction, options: { readonly state: RequestState, readonly readOnly: boolean, readonly unrun: UnrunOperations | undefined, readonly wordFailure: (failure: DriverFailure, mapError: (failure: Error) => Error) => Error }) {
    this.#transaction = transaction
    this.#state = options.state
    this.#readOnly = options.readOnly
    this.unrun = options.unrun
    this.#wordFailure = options.wordFailure
  }

  get running (): number { return this.#running }
  /** Did anything run that may have written? */
  get wrote (): boolean { return this.#wrote }
  /** The first error that the server caused, as its operation worded it. */
  get firstError (): Error | undefined { return this.#firstError }
  get lastMapError (): (failure: Error) => Error { return this.#lastMapError }

  async execute (operation: Operation<unknown>): Promise<unknown> {
    if (this.#state.signal !== undefined) throw this.#state.signal
    if (this.#transaction.closed !== undefined) throw this.#transaction.closed
    const compiled = compileOf(operation)
    // Raw SQL is left to the server: `SAVEPOINT` and `SET LOCAL` are executed too.
    if (this.#readOnly && compiled.access === 'write' && !isRawOperation(operation)) throw new ReadOnlyError()
    if (compiled.access !== 'read') this.#wrote = true
    this.#running++
    try {
      this.#lastMapError = compiled.mapError
      return await runInTransaction(this.#transaction, compiled)
    } catch (error) {
      if (!(error instanceof DriverFailure)) throw error
      const worded = this.#wordFailure(error, compiled.mapError)
      if (error.code !== '25P02') this.#firstError ??= worded
      throw worded
    } finally {
      this.#running--
      if (this.#running === 0) for (const resolve of this.#idle.splice(0)) resolve()
    }
  }

  /** Once no operation runs any more. */
  whenIdle (): Promise<void> {
    return this.#running === 0 ? Promise.resolve() : new Promise((resolve) => { this.#idle.push(resolve) })
  }
}
