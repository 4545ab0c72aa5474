// The only file that knows postgres.js: one session, owned by one statement or batch at a time.

import type { QueryResult, Statement } from '../query/statement.ts'

export interface RunOptions {
  /** Milliseconds that this work may take, where that is less than the pool's `statementTimeoutMs`. */
  readonly deadlineMs?: number | undefined
}

export interface Connection {
  /** Which server process; for logs. */
  readonly pid: number | undefined
  /** `in_hot_standby` as this session last reported it (PostgreSQL 14 and later), else what it said at its start. */
  readonly onStandby: boolean | undefined
  /** Ended, or about to: never to be used again. */
  readonly dead: boolean
  /** Inside a transaction block, as the server last said; tells the truth only while nothing runs. */
  readonly inTransaction: boolean
  /** Rejects with a DriverFailure. */
  query (statement: Statement, options?: RunOptions): Promise<QueryResult>
  /**
   * Sent together, one round trip. No BEGIN is added: without one each statement is its own transaction, and
   * those behind a failed one run all the same. Waits for all, then rejects with the first failure.
   */
  batch (statements: readonly Statement[], options?: RunOptions): Promise<QueryResult[]>
  /** No parameters, never prepared: BEGIN, COMMIT, SET. */
  simple (text: string, options?: RunOptions): Promise<QueryResult>
  /** Ends the socket at once; whatever runs is rejected. */
  destroy (): void
}
