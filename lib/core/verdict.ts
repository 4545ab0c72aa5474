// What a failure of the database means: by SQLSTATE, routine, the session's role and the kind of failure.
// Never by message text, which is localised.
//
// The problem: a standby refuses writes with more than 25006, and 25006 also comes from a primary (fenced, disk
// full, `default_transaction_read_only`, the app's own READ ONLY transaction) with the same routine and text.
// A library that replays on the code alone makes a read-only primary replay to itself (FACTS 1.1, 1.2).
// So a refusal is told by code and routine, and whose it is by the role that the session itself reported with
// the error (`in_hot_standby`, PostgreSQL 14 and later: brought up to date before each ReadyForQuery), else by the
// role that the monitor has proven.
//
// Where the session is off a standby and the monitor does not know that yet, a 25006 comes from a transaction that
// was opened before a promotion: it stays read-only, a new one on the same session writes (FACTS 1.4). Once the
// monitor knows, the same failure reads `read-only-primary`; whoever owns the transaction knows when it began.
//
// Not handled here: a write that plpgsql's `EXCEPTION WHEN OTHERS` swallows inside the server, which no client
// can see; and whether the caller's own transaction was READ ONLY, which only the caller knows.

import type { DriverFailureFields } from './driver-failure.ts'
import type { Role } from './server-facts.ts'

/**
 * - `standby-refusal`: this server is a standby and will not do it; the primary will.
 * - `promoted`: refused by what is left of a standby that has been promoted; works here in a new transaction.
 * - `read-only-primary`: the primary refuses writes, by its own setting or by the caller's READ ONLY transaction.
 * - `read-only-unknown`: a refusal by a server whose role nobody knows: look before anything else, never replay.
 * - `schema-behind`: a standby lacks a table or column, which may not have arrived yet.
 * - `recovery-conflict`: a standby ended the query so that replay could go on; again here, or elsewhere.
 * - `serialization-conflict`: lost against another transaction on a primary; rolled back, may be run again.
 * - `stale-plan`: a prepared statement no longer fits its tables or is gone; the same text works again.
 * - `aborted-transaction`: an earlier error of this transaction is the one to look at.
 * - `statement-timeout`: the server ended the statement and rolled it back.
 * - `not-run`: provably nothing was executed: never sent, no session, or a session that ended while idle.
 * - `unknown-outcome`: sent, and no answer that tells. A write may have taken effect.
 * - `application`: an error of the statement or its data; the same anywhere.
 */
export type Verdict =
  | 'standby-refusal'
  | 'promoted'
  | 'read-only-primary'
  | 'read-only-unknown'
  | 'schema-behind'
  | 'recovery-conflict'
  | 'serialization-conflict'
  | 'stale-plan'
  | 'aborted-transaction'
  | 'statement-timeout'
  | 'not-run'
  | 'unknown-outcome'
  | 'application'

// Which routines raise a code *because the server is in recovery*, where the code alone says less.
// Read in PostgreSQL 14 to 18; the rows of test/core/standby-sqlstates.tsv were measured on 15.18 and 18.4.
const RECOVERY_ROUTINES: Readonly<Record<string, ReadonlySet<string>>> = {
  '0A000': new Set([
    'call_bool_check_hook', // transaction_read_only off (check_transaction_read_only)
    'call_enum_check_hook', // transaction_isolation serializable (check_transaction_isolation)
    'GetSerializableTransactionSnapshot', // serializable by default: even a plain SELECT
    'get_relation_info', // unlogged tables
    'CheckLogicalDecodingRequirements', // logical slots, up to 15
  ]),
  55000: new Set([
    'pg_current_wal_lsn',
    'pg_current_wal_insert_lsn',
    'pg_current_wal_flush_lsn',
    'pg_switch_wal',
    'pg_create_restore_point',
    'pg_walfile_name',
    'pg_walfile_name_offset',
    'pg_log_standby_snapshot',
    'brin_summarize_range',
    'brin_desummarize_range',
    'gin_clean_pending_list',
    'heap_force_common', // pg_surgery
    'LockAcquireExtended', // locks on database objects; lo_unlink on 15
  ]),
  XX000: new Set([
    'GetNewTransactionId',
    'GetNewObjectId',
    'GetNewMultiXactId',
    'XLogBeginInsert',
  ]),
}

const isRefusal = (failure: DriverFailureFields): boolean =>
  failure.code === '25006' || (failure.routine !== undefined && RECOVERY_ROUTINES[failure.code]?.has(failure.routine) === true)

/** Sessions that ended by a FATAL which tells that nothing of ours was executing, or that it was rolled back. */
const ENDED_WITHOUT_EFFECT: ReadonlySet<string> = new Set([
  '25P03', // idle_in_transaction_session_timeout
  '25P04', // transaction_timeout
  '57P05', // idle_session_timeout
])

/** How a standby makes way for replay: a query's ERROR, an idle transaction's FATAL, a dropped database (FACTS 1.9). No other statement of a standby conflicts with anything. */
const CONFLICT_CODES: ReadonlySet<string> = new Set(['40001', '40P01', '57P04'])

/** An ErrorResponse with one of these leaves open what became of a commit. */
function leavesOutcomeOpen (code: string): boolean {
  return code === '57P01' || code === '57P02' || code === '40003' || code.startsWith('08')
}

/** `role`: of the target, as the monitor has proven it; the session's own word comes with the failure. */
export function classify (failure: DriverFailureFields, role: Role): Verdict {
  switch (failure.kind) {
    case 'connect': return 'not-run'
    case 'stalled': return 'not-run'
    case 'deadline': return failure.sent ? 'unknown-outcome' : 'not-run'
    case 'lost': return classifyLost(failure, role)
    case 'server': return classifyAnswer(failure, role)
    default: return failure.kind satisfies never
  }
}

function classifyLost (failure: DriverFailureFields, role: Role): Verdict {
  if (!failure.sent || ENDED_WITHOUT_EFFECT.has(failure.code)) return 'not-run'
  if (CONFLICT_CODES.has(failure.code) && provenRole(failure, role) === 'standby') return 'recovery-conflict'
  return 'unknown-outcome'
}

function classifyAnswer (failure: DriverFailureFields, role: Role): Verdict {
  const { code, routine } = failure
  if (isRefusal(failure)) return classifyRefusal(failure, role)
  if (code === '25P02') return 'aborted-transaction'
  if (code === '57014') return 'statement-timeout'
  if (code === '26000' || (code === '0A000' && routine === 'RevalidateCachedQuery')) return 'stale-plan'
  const standby = provenRole(failure, role) === 'standby'
  if (CONFLICT_CODES.has(code)) {
    if (standby) return 'recovery-conflict'
    return code === '57P04' ? 'unknown-outcome' : 'serialization-conflict'
  }
  if (code === '57P03') return 'not-run'
  if (leavesOutcomeOpen(code)) return 'unknown-outcome'
  if (standby && (code === '42P01' || code === '42703')) return 'schema-behind'
  return 'application'
}

function classifyRefusal (failure: DriverFailureFields, role: Role): Verdict {
  const session = sessionRole(failure)
  switch (session === 'unknown' ? role : session) {
    case 'standby': return 'standby-refusal'
    case 'primary':
      // Off a standby only 25006 speaks of read-only; the routines above raise the rest for other reasons there.
      if (failure.code !== '25006') return 'application'
      return role === 'standby' ? 'promoted' : 'read-only-primary'
    case 'unknown': return 'read-only-unknown'
  }
}

function sessionRole (failure: DriverFailureFields): Role {
  if (failure.onStandby === undefined) return 'unknown'
  return failure.onStandby ? 'standby' : 'primary'
}

/** The session's own word is the newer one: it came with the error. */
function provenRole (failure: DriverFailureFields, role: Role): Role {
  const session = sessionRole(failure)
  return session === 'unknown' ? role : session
}

/** May the same work be run again without being done twice? An error answer rolled it back, or it never began. */
export function provesNoEffect (verdict: Verdict): boolean {
  return verdict !== 'unknown-outcome'
}

/** Does the failure speak of the server, so that its breaker should count it? Refusals and errors of statements do not. */
export function countsAgainstServer (failure: DriverFailureFields): boolean {
  switch (failure.kind) {
    case 'connect': return true
    case 'deadline': return true
    case 'stalled': return true
    case 'lost': return !ENDED_WITHOUT_EFFECT.has(failure.code) && !CONFLICT_CODES.has(failure.code)
    case 'server': return failure.code.startsWith('57P0') || failure.code.startsWith('53')
    default: return failure.kind satisfies never
  }
}
