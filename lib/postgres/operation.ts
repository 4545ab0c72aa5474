// An operation: what a method of the client returns. It looks like a promise and runs when it is first
// awaited, once; until then `$transaction([...])` can take it and run it in its own batch.
//
// The internals are reached through functions of this file, not through members: the names of an
// operation's members belong to the caller's schema (`db.user.findUnique(…).posts()`).

import { QueryInvalidError } from '../core/errors.ts'
import type { CompiledOperation } from '../query/statement.ts'
import type { UnrunOperations } from './unrun-operations.ts'

/** Turns a method and its arguments into statements; one object a model, one for raw SQL. */
export interface Compiler {
  compile (method: string, args: unknown): CompiledOperation
}

/** Carries operations out: a client's router, or one transaction. */
export interface Executor {
  execute (operation: Operation<unknown>): Promise<unknown>
  /** In development: watches for operations that nobody awaits. */
  readonly unrun?: UnrunOperations | undefined
}

// Set once by the class below, whose private fields they read.
let compiled: (operation: Operation<unknown>) => CompiledOperation
let describe: (operation: Operation<unknown>) => OperationParts
let isUnrun: (operation: Operation<unknown>) => boolean
let claim: (operation: Operation<unknown>, answer: () => Promise<unknown>) => void

export class Operation<T> implements Promise<T> {
  readonly #executor: Executor
  readonly #compiler: Compiler
  readonly #method: string
  readonly #args: unknown
  #promise: Promise<T> | undefined
  /** Where the answer comes from once a transaction has taken the operation; a promise is made only for who asks. */
  #taken: (() => Promise<T>) | undefined

  constructor (executor: Executor, compiler: Compiler, method: string, args: unknown) {
    this.#executor = executor
    this.#compiler = compiler
    this.#method = method
    this.#args = args
    this.#promise = undefined
    this.#taken = undefined
    executor.unrun?.watch(this, method)
  }

  // Promise's own signature.
  then<A = T, B = never> (onFulfilled?: ((value: T) => A | PromiseLike<A>) | null, onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<A | B> {
    return this.#run().then(onFulfilled, onRejected)
  }

  catch<B = never> (onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<T | B> {
    return this.#run().catch(onRejected)
  }

  finally (onFinally?: (() => void) | null): Promise<T> {
    return this.#run().finally(onFinally)
  }

  get [Symbol.toStringTag] (): string { return 'Promise' }

  #run (): Promise<T> {
    if (this.#promise === undefined) this.#executor.unrun?.used(this)
    // The executor answers with what the compiler's plan decodes, which is what T says.
    this.#promise ??= this.#taken === undefined ? this.#executor.execute(this) as Promise<T> : this.#taken()
    return this.#promise
  }

  static {
    compiled = (operation) => operation.#compiler.compile(operation.#method, operation.#args)
    describe = (operation) => {
      operation.#executor.unrun?.used(operation)
      return { executor: operation.#executor, compiler: operation.#compiler, method: operation.#method, args: operation.#args }
    }
    isUnrun = (operation) => operation.#promise === undefined && operation.#taken === undefined
    claim = (operation, answer) => {
      operation.#executor.unrun?.used(operation)
      operation.#taken = answer
    }
  }
}

export interface OperationParts {
  readonly executor: Executor
  readonly compiler: Compiler
  readonly method: string
  readonly args: unknown
}

/** The statements of an operation. @throws QueryInvalidError for arguments that the schema refuses */
export const compileOf = (operation: Operation<unknown>): CompiledOperation => compiled(operation)

/** What an operation was made of, for calls chained on it. */
export const partsOf = (operation: Operation<unknown>): OperationParts => describe(operation)

/** Takes an operation that has not run; from now on it answers with `answer`. */
export function claimOperation (operation: Operation<unknown>, answer: () => Promise<unknown>): void {
  assertUnrun(operation)
  claim(operation, answer)
}

/** @throws QueryInvalidError when it has been awaited, or taken by another transaction */
export function assertUnrun (operation: Operation<unknown>): void {
  if (!isUnrun(operation)) throw new QueryInvalidError('An operation in `$transaction([...])` has been awaited already, or stands in the list twice', { path: [] })
}
