// One transaction on one connection: BEGIN travels with its first statement, COMMIT with the look at the log.
//
// Everything that goes wrong here must end in "rolled back" or "unknown", never in a statement that runs
// outside its transaction:
// - A connection that is lost closes the transaction: everything later in it is rejected, nothing is sent on
//   another connection (postgres.js issues 1155 and 1216 report the rest of a killed transaction running outside it).
// - The first failure is kept: an application that catches it goes on, and the server answers COMMIT with
//   ROLLBACK; then the transaction rejects with that first failure, never with success.
// - Only a COMMIT whose answer did not come leaves the outcome open. Before it was sent, a lost session rolls back.

import { TransactionClosedError } from '../core/errors.ts'
import { DriverFailure } from '../core/driver-failure.ts'
import { normaliseInsertLsn, parseLsn, type LogGeometry } from '../core/lsn.ts'
import type { Position } from '../core/freshness.ts'
import type { TargetFacts } from '../core/server-facts.ts'
import type { QueryResult, Statement } from '../query/statement.ts'
import type { Connection } from './driver.ts'
import { control, pipeline, type Settled } from './pipeline.ts'

export type IsolationLevel = 'ReadUncommitted' | 'ReadCommitted' | 'RepeatableRead' | 'Serializable'
export type SynchronousCommit = 'on' | 'off' | 'local' | 'remote_write' | 'remote_apply'

const isolationSql: Readonly<Record<IsolationLevel, string>> = {
  ReadUncommitted: ' isolation level read uncommitted',
  ReadCommitted: ' isolation level read committed',
  RepeatableRead: ' isolation level repeatable read',
  Serializable: ' isolation level serializable',
}

const synchronousSql: Readonly<Record<SynchronousCommit, string>> = {
  on: 'set local synchronous_commit to on',
  off: 'set local synchronous_commit to off',
  local: 'set local synchronous_commit to local',
  remote_write: 'set local synchronous_commit to remote_write',
  remote_apply: 'set local synchronous_commit to remote_apply',
}

export interface BeginOptions {
  readonly isolationLevel?: IsolationLevel | undefined
  readonly readOnly?: boolean | undefined
  readonly synchronousCommit?: SynchronousCommit | undefined
}

export const isIsolationLevel = (value: unknown): value is IsolationLevel => typeof value === 'string' && Object.hasOwn(isolationSql, value)
export const isSynchronousCommit = (value: unknown): value is SynchronousCommit => typeof value === 'string' && Object.hasOwn(synchronousSql, value)

/** Statements that open a transaction; from tables, so no caller's text becomes SQL. */
export function beginStatements (options: BeginOptions): Statement[] {
  const begin = `begin${options.isolationLevel === undefined ? '' : isolationSql[options.isolationLevel]}${options.readOnly === true ? ' read only' : ''}`
  return options.synchronousCommit === undefined ? [control(begin)] : [control(begin), control(synchronousSql[options.synchronousCommit])]
}

/**
 * Where the log is, right behind a commit on the connection that committed (FACTS 2.2): the flush position,
 * which no acknowledged commit is beyond, unless the session itself commits asynchronously; the name of the
 * current log file begins with the timeline, right from a promotion on, for any role (FACTS 9.10).
 */
export const positionStatement: Statement = Object.freeze({
  text: "select pg_current_wal_flush_lsn(), pg_current_wal_insert_lsn(), pg_walfile_name(pg_current_wal_insert_lsn()), current_setting('synchronous_commit')",
  params: [],
})

/** A `SET LOCAL synchronous_commit` is gone after the COMMIT, so it is read before. */
export const synchronousCommitStatement: Statement = Object.freeze({ text: "select current_setting('synchronous_commit')", params: [] })

export const commitStatement = control('commit')

/** Undefined where the server did not tell; the commit stands all the same (FACTS 2.9). */
export function positionOf (result: QueryResult | undefined, facts: TargetFacts, synchronousCommit?: string | null | undefined): Position | undefined {
  const row = result?.rows[0]
  const timeline = typeof row?.[2] === 'string' ? Number.parseInt(row[2].slice(0, 8), 16) : Number.NaN
  const asynchronous = (synchronousCommit ?? row?.[3]) === 'off' || row?.[3] === 'off'
  const lsn = asynchronous ? normalised(lsnIn(row?.[1]), facts.settings?.geometry) : lsnIn(row?.[0])
  if (lsn === undefined) return undefined
  return { system: facts.system, timeline: Number.isNaN(timeline) ? undefined : timeline, lsn }
}

const lsnIn = (value: string | null | undefined): Position['lsn'] | undefined => typeof value === 'string' ? parseLsn(value) : undefined

function normalised (lsn: Position['lsn'] | undefined, geometry: LogGeometry | undefined): Position['lsn'] | undefined {
  // PostgreSQL's own defaults where the server was not asked; both are fixed when a cluster is made.
  return lsn === undefined ? undefined : normaliseInsertLsn(lsn, geometry ?? { blockSizeBytes: 8192, segmentSizeBytes: 16 * 1024 * 1024 })
}

const isRefused = (settled: Settled | undefined): settled is PromiseRejectedResult => settled?.status === 'rejected'

/**
 * Was BEGIN refused although what followed it ran? Then that ran by itself, and has committed. On a standby it wrote
 * nothing; elsewhere a refused BEGIN has never been seen, and its outcome is called unknown.
 */
export function ranOutside (settled: readonly Settled[], opening: number): DriverFailure | undefined {
  const begin = settled.slice(0, opening).find(isRefused)
  const failure: unknown = begin?.reason
  if (!(failure instanceof DriverFailure) || failure.kind !== 'server' || failure.onStandby === true) return undefined
  if (!settled.slice(opening).some((one) => one.status === 'fulfilled')) return undefined
  return new DriverFailure('BEGIN was refused, and what followed it ran.', { kind: 'lost', code: failure.code, sent: true, onStandby: failure.onStandby, cause: failure })
}

export type CommitOutcome =
  | { readonly type: 'committed', readonly position: QueryResult | undefined, readonly synchronousCommit: string | null | undefined }
  /** The server answered COMMIT with ROLLBACK, or refused it: nothing took effect. */
  | { readonly type: 'rolled-back', readonly failure: DriverFailure | undefined }
  /** COMMIT was sent, and no answer tells. */
  | { readonly type: 'unknown', readonly failure: DriverFailure }

export class OpenTransaction {
  readonly #connection: Connection
  readonly #begin: readonly Statement[]
  readonly #deadlineMs: number | undefined
  readonly #onFailure: (failure: DriverFailure) => Error | undefined
  #begun = false
  #closed: Error | undefined = undefined
  #firstFailure: DriverFailure | undefined = undefined
  #running = 0

  constructor (connection: Connection, options: BeginOptions & {
    readonly deadlineMs?: number | undefined
    /** Sees every failure of the server before the caller does; answers with what is thrown instead, if anything. */
    readonly onFailure?: (failure: DriverFailure) => Error | undefined
  }) {
    this.#connection = connection
    this.#begin = beginStatements(options)
    this.#deadlineMs = options.deadlineMs
    this.#onFailure = options.onFailure ?? (() => undefined)
  }

  get begun (): boolean { return this.#begun }
  get closed (): Error | undefined { return this.#closed }

  async query (statement: Statement): Promise<QueryResult> {
    return (await this.batch([statement]))[0] as QueryResult // one statement, one answer
  }

  /** With BEGIN in front when it is the first; rejects with the first failure. */
  async batch (statements: readonly Statement[]): Promise<QueryResult[]> {
    if (this.#closed !== undefined) throw this.#closed
    const opening = this.#begun ? [] : this.#begin
    this.#begun = true
    this.#running++
    let settled: Settled[]
    try {
      settled = await pipeline(this.#connection, [...opening, ...statements], this.#deadlineMs)
    } finally {
      this.#running--
    }
    const refused = settled.find(isRefused)
    if (refused !== undefined) throw this.#fail(ranOutside(settled, opening.length) ?? refused.reason)
    return settled.slice(opening.length).map((one) => (one as PromiseFulfilledResult<QueryResult>).value) // none was refused
  }

  /** From now on everything is rejected. */
  close (error: Error): void { this.#closed ??= error }

  async commit (options: { readonly wantsPosition: boolean }): Promise<CommitOutcome> {
    if (!this.#begun) {
      this.close(closedError('it has ended'))
      return { type: 'committed', position: undefined, synchronousCommit: undefined }
    }
    if (this.#closed !== undefined) return { type: 'rolled-back', failure: this.#firstFailure }
    this.close(closedError('it has ended'))
    const statements = options.wantsPosition ? [synchronousCommitStatement, commitStatement, positionStatement] : [commitStatement]
    const settled = await pipeline(this.#connection, statements, this.#deadlineMs)
    return commitOutcome(settled, { commitAt: options.wantsPosition ? 1 : 0, earlier: this.#firstFailure })
  }

  /** Never rejects: a connection that cannot roll back is destroyed, which rolls back as well. */
  async rollback (error: Error = closedError('it has ended')): Promise<void> {
    this.close(error)
    if (!this.#begun || this.#connection.dead) return
    // The answer of a statement that still runs is not awaited: nobody wants it, and it may be what hangs.
    if (this.#running > 0) {
      this.#connection.destroy()
      return
    }
    try {
      await this.#connection.simple('rollback', this.#deadlineMs === undefined ? undefined : { deadlineMs: this.#deadlineMs })
    } catch {
      this.#connection.destroy()
    }
  }

  #fail (reason: unknown): Error {
    if (!(reason instanceof DriverFailure)) return reason instanceof Error ? reason : new Error('a statement failed', { cause: reason })
    this.#firstFailure ??= reason
    if (reason.kind !== 'server' || this.#connection.dead) this.close(closedError('its connection was lost', reason))
    return this.#onFailure(reason) ?? reason
  }
}

export function closedError (why: string, cause?: unknown): Error {
  return cause === undefined ? new TransactionClosedError(why) : new TransactionClosedError(why, { cause })
}

/** What became of a transaction, from the answers to its COMMIT and what followed. */
export function commitOutcome (settled: readonly Settled[], where: { readonly commitAt: number, readonly earlier: DriverFailure | undefined }): CommitOutcome {
  const commit = settled[where.commitAt]
  if (commit === undefined) throw new RangeError('no COMMIT was sent')
  if (commit.status === 'rejected') {
    const failure: unknown = commit.reason
    if (!(failure instanceof DriverFailure)) throw failure
    // An ErrorResponse to COMMIT (a deferred constraint, a serialization failure) proves the rollback, unless it speaks of the session's end.
    const proven = !failure.sent || (failure.kind === 'server' && !/^(57P01|57P02|40003|08...)$/.test(failure.code))
    return proven ? { type: 'rolled-back', failure: where.earlier ?? failure } : { type: 'unknown', failure }
  }
  if (commit.value.command !== 'COMMIT') return { type: 'rolled-back', failure: where.earlier }
  const before = where.commitAt > 0 ? settled[where.commitAt - 1] : undefined
  const after = settled[where.commitAt + 1]
  return {
    type: 'committed',
    position: after?.status === 'fulfilled' ? after.value : undefined,
    synchronousCommit: before?.status === 'fulfilled' ? before.value.rows[0]?.[0] : undefined,
  }
}
