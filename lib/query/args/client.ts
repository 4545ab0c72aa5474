// The type of a client: its models, raw SQL, transactions, and the same database seen with other demands on freshness.

import type { Models } from './model-client.ts'
import type { Operation } from './operation.ts'
import type { Sql } from '../sql.ts'

/** SQL as text. Values become parameters; nothing of them ever becomes SQL. */
export interface RawMethods {
  /**
   * Rows of a query; T is the type of the whole answer, an array.
   *
   * @example const rows = await db.$queryRaw<{ id: number }[]>`select id from users where email = ${email}`
   */
  $queryRaw<T = unknown> (query: TemplateStringsArray | Sql, ...values: readonly unknown[]): Operation<T>
  /** The same from a string: never build it from what a request brought. */
  $queryRawUnsafe<T = unknown> (query: string, ...values: readonly unknown[]): Operation<T>
  /** Runs a statement and tells how many rows it changed. */
  $executeRaw (query: TemplateStringsArray | Sql, ...values: readonly unknown[]): Operation<number>
  /** The same from a string: never build it from what a request brought. */
  $executeRawUnsafe (query: string, ...values: readonly unknown[]): Operation<number>
}

export type IsolationLevel = 'ReadUncommitted' | 'ReadCommitted' | 'RepeatableRead' | 'Serializable'
/** PostgreSQL's `synchronous_commit`: what a commit waits for. */
export type SynchronousCommit = 'off' | 'local' | 'remote_write' | 'on' | 'remote_apply'

export interface BatchTransactionOptions {
  /** @defaultValue the server's, which is `ReadCommitted` unless changed */
  isolationLevel?: IsolationLevel | undefined
  /** Only reads: runs on the replica, and a write in it is refused. @defaultValue `false` */
  readOnly?: boolean | undefined
  synchronousCommit?: SynchronousCommit | undefined
}

export interface TransactionOptions extends BatchTransactionOptions {
  /** Milliseconds that the function may take. @defaultValue 5000 */
  timeout?: number | undefined
  /** Milliseconds to wait for a connection. @defaultValue 2000 */
  maxWait?: number | undefined
  /** How many times more the function may be run after a conflict (P2034). @defaultValue 0 */
  retry?: number | undefined
}

/** What a transaction's function is given. */
export type TransactionClient<S> = Models<S> & RawMethods

export interface ClientMethods<S> extends RawMethods {
  /** Runs these operations in one transaction and one round trip, and answers with their results. */
  $transaction<Operations extends readonly Operation<unknown>[]> (operations: readonly [...Operations], options?: BatchTransactionOptions): Promise<{ -readonly [K in keyof Operations]: Awaited<Operations[K]> }>
  /** Runs the function in one transaction, which is committed when its promise resolves and undone when it rejects. */
  $transaction<T> (run: (transaction: TransactionClient<S>) => Promise<T>, options?: TransactionOptions): Promise<T>
  /** The same client, reading from the primary. */
  readonly $primary: Client<S>
  /** The same client, reading nothing older than what the token's session wrote. */
  $withToken (token: string): Client<S>
  /** The same client, whose writes no later read of the session waits for. */
  readonly $untracked: Client<S>
  $disconnect (): Promise<void>
}

/** A client of the schema S. */
export type Client<S> = Models<S> & ClientMethods<S>
