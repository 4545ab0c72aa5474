import t from 'tap'
import type { DriverFailureFields } from '../../lib/core/driver-failure.ts'
import type { Role } from '../../lib/core/server-facts.ts'
import { classify, countsAgainstServer, provesNoEffect, type Verdict } from '../../lib/core/verdict.ts'
import { expectedVerdict, failureOf, measuredRows, OK } from './standby-sqlstates.ts'

const server = (code: string, routine?: string, onStandby?: boolean): DriverFailureFields => ({ kind: 'server', code, routine, sent: true, onStandby })
const lost = (code: string, onStandby?: boolean): DriverFailureFields => ({ kind: 'lost', code, sent: true, onStandby })

await t.test('each measured row of a standby is told by code, routine and role', async (t) => {
  for (const row of measuredRows()) {
    for (const [version, code] of [['15', row.sqlstate], ['18', row.sqlstate18]] as const) {
      if (!/^[0-9A-Z]{5}$|^ECONN/.test(code) || code === OK) continue
      // The routine was read on 15; where 18 answers with another code it is another routine.
      const failure = code === row.sqlstate ? failureOf(row, code) : { ...failureOf(row, code), routine: undefined }
      t.equal(classify(failure, 'standby'), expectedVerdict(row, code), `${row.statement} (${version}: ${code})`)
      t.equal(classify({ ...failure, onStandby: true }, 'unknown'), expectedVerdict(row, code), `${row.statement} by the session's word`)
    }
  }
})

await t.test('no measured row asks for a replay off a standby', async (t) => {
  for (const row of measuredRows()) {
    if (row.sqlstate === OK) continue
    for (const role of ['primary', 'unknown'] as const) t.not(classify(failureOf(row, row.sqlstate), role), 'standby-refusal', `${row.statement} on ${role}`)
    t.not(classify({ ...failureOf(row, row.sqlstate), onStandby: false }, 'standby'), 'standby-refusal', `${row.statement} in a session that knows of the promotion`)
  }
})

const rows: { name: string, failure: DriverFailureFields, role: Role, expect: Verdict }[] = [
  { name: 'a write refused by a standby', failure: server('25006', 'PreventCommandIfReadOnly', true), role: 'standby', expect: 'standby-refusal' },
  { name: 'a refusal without a routine', failure: server('25006'), role: 'standby', expect: 'standby-refusal' },
  { name: 'the session knows that it is on a standby before the monitor does', failure: server('25006', undefined, true), role: 'primary', expect: 'standby-refusal' },
  { name: 'a 25006 from a primary', failure: server('25006', 'PreventCommandIfReadOnly', false), role: 'primary', expect: 'read-only-primary' },
  { name: 'a 25006 of a transaction from before the promotion, which the monitor has not seen', failure: server('25006', 'PreventCommandIfReadOnly', false), role: 'standby', expect: 'promoted' },
  { name: 'a 25006 from nobody knows what', failure: server('25006'), role: 'unknown', expect: 'read-only-unknown' },
  { name: 'pg_switch_wal on a standby', failure: server('55000', 'pg_switch_wal'), role: 'standby', expect: 'standby-refusal' },
  { name: 'pg_walfile_name on a standby', failure: server('55000', 'pg_walfile_name'), role: 'standby', expect: 'standby-refusal' },
  { name: 'pg_current_wal_lsn on a standby', failure: server('55000', 'pg_current_wal_lsn'), role: 'standby', expect: 'standby-refusal' },
  { name: 'BRIN control functions on a standby', failure: server('55000', 'brin_summarize_range'), role: 'standby', expect: 'standby-refusal' },
  { name: 'a GIN pending list on a standby', failure: server('55000', 'gin_clean_pending_list'), role: 'standby', expect: 'standby-refusal' },
  { name: 'pg_logical_emit_message on a standby', failure: server('XX000', 'XLogBeginInsert'), role: 'standby', expect: 'standby-refusal' },
  { name: 'a logical slot on a standby of 15', failure: server('0A000', 'CheckLogicalDecodingRequirements'), role: 'standby', expect: 'standby-refusal' },
  { name: 'an internal error on a standby', failure: server('XX000', 'table_open'), role: 'standby', expect: 'application' },
  { name: 'a missing feature on a standby', failure: server('0A000', 'transformLockingClause'), role: 'standby', expect: 'application' },
  { name: 'a state that is not about recovery on a standby', failure: server('55000', 'currval_oid'), role: 'standby', expect: 'application' },
  { name: 'an encoding that cannot be set on a standby', failure: server('0A000', 'call_string_check_hook'), role: 'standby', expect: 'application' },
  { name: 'a boolean setting refused by a primary', failure: server('0A000', 'call_bool_check_hook', false), role: 'primary', expect: 'application' },
  { name: 'a missing table on a standby', failure: server('42P01', 'parserOpenTable', true), role: 'standby', expect: 'schema-behind' },
  { name: 'a missing column on a standby', failure: server('42703', 'errorMissingColumn', true), role: 'unknown', expect: 'schema-behind' },
  { name: 'a missing table on a primary', failure: server('42P01', 'parserOpenTable', false), role: 'primary', expect: 'application' },
  { name: 'a missing table where the role is unknown', failure: server('42P01'), role: 'unknown', expect: 'application' },
  { name: 'a conflict with replay', failure: server('40001', 'ProcessRecoveryConflictInterrupt', true), role: 'standby', expect: 'recovery-conflict' },
  { name: 'a conflict with replay while idle in a transaction', failure: lost('40001', true), role: 'standby', expect: 'recovery-conflict' },
  { name: 'a dropped database on a standby', failure: lost('57P04', true), role: 'standby', expect: 'recovery-conflict' },
  { name: 'a serialization failure on a primary', failure: server('40001', 'CheckForSerializableConflictOut', false), role: 'primary', expect: 'serialization-conflict' },
  { name: 'a deadlock on a primary', failure: server('40P01', 'DeadLockReport', false), role: 'primary', expect: 'serialization-conflict' },
  { name: 'a plan that no longer fits', failure: server('0A000', 'RevalidateCachedQuery'), role: 'standby', expect: 'stale-plan' },
  { name: 'a prepared statement that is gone', failure: server('26000', 'FetchPreparedStatement'), role: 'primary', expect: 'stale-plan' },
  { name: 'a later statement of a failed transaction', failure: server('25P02'), role: 'standby', expect: 'aborted-transaction' },
  { name: 'statement_timeout', failure: server('57014', 'ProcessInterrupts'), role: 'primary', expect: 'statement-timeout' },
  { name: 'a unique violation', failure: server('23505', '_bt_check_unique'), role: 'primary', expect: 'application' },
  { name: 'a full disk', failure: server('53100'), role: 'primary', expect: 'application' },
  { name: 'an administrator ends the session in an answer', failure: server('57P01'), role: 'primary', expect: 'unknown-outcome' },
  { name: 'a protocol violation', failure: server('08P01'), role: 'primary', expect: 'unknown-outcome' },
  { name: 'the server itself does not know', failure: server('40003'), role: 'primary', expect: 'unknown-outcome' },
  { name: 'starting up', failure: server('57P03'), role: 'standby', expect: 'not-run' },
  { name: 'a connection lost in mid-statement', failure: lost('CONNECTION_CLOSED'), role: 'primary', expect: 'unknown-outcome' },
  { name: 'a connection ended by an administrator', failure: lost('57P01'), role: 'primary', expect: 'unknown-outcome' },
  { name: 'a conflict code on a primary\'s lost connection', failure: lost('57P04', false), role: 'primary', expect: 'unknown-outcome' },
  { name: 'a dropped database in an answer of a primary', failure: server('57P04', undefined, false), role: 'primary', expect: 'unknown-outcome' },
  { name: 'a session that ended for idling', failure: lost('57P05'), role: 'primary', expect: 'not-run' },
  { name: 'a connection that was gone before the statement', failure: { kind: 'lost', code: 'CONNECTION_ENDED', sent: false }, role: 'primary', expect: 'not-run' },
  { name: 'no connection', failure: { kind: 'connect', code: 'ECONNREFUSED', sent: false }, role: 'primary', expect: 'not-run' },
  { name: 'too many connections', failure: { kind: 'connect', code: '53300', sent: false }, role: 'standby', expect: 'not-run' },
  { name: 'a deadline after the bytes were sent', failure: { kind: 'deadline', code: 'DEADLINE', sent: true }, role: 'primary', expect: 'unknown-outcome' },
  { name: 'no connection came free, and none answered', failure: { kind: 'stalled', code: 'POOL_STALLED', sent: false }, role: 'standby', expect: 'not-run' },
  { name: 'a deadline before that', failure: { kind: 'deadline', code: 'DEADLINE', sent: false }, role: 'primary', expect: 'not-run' },
]

await t.test('a failure means what its code, routine, kind and role say', async (t) => {
  for (const { name, failure, role, expect } of rows) t.equal(classify(failure, role), expect, name)
})

await t.test('every verdict is reached', async (t) => {
  const all: Verdict[] = ['standby-refusal', 'promoted', 'read-only-primary', 'read-only-unknown', 'schema-behind', 'recovery-conflict', 'serialization-conflict',
    'stale-plan', 'aborted-transaction', 'statement-timeout', 'not-run', 'unknown-outcome', 'application']
  t.strictSame(new Set(rows.map((row) => row.expect)), new Set(all))
})

await t.test('only an unknown outcome leaves open whether a write took effect', async (t) => {
  for (const { expect } of rows) t.equal(provesNoEffect(expect), expect !== 'unknown-outcome', expect)
})

await t.test('the breaker counts what speaks of the server, and not what speaks of a statement', async (t) => {
  const counts: [string, DriverFailureFields, boolean][] = [
    ['no connection', { kind: 'connect', code: 'ECONNREFUSED', sent: false }, true],
    ['no answer on any connection', { kind: 'stalled', code: 'POOL_STALLED', sent: false }, true],
    ['a deadline', { kind: 'deadline', code: 'DEADLINE', sent: true }, true],
    ['a lost connection', lost('CONNECTION_CLOSED'), true],
    ['a session that ended for idling', lost('57P05'), false],
    ['a conflict with replay', lost('40001', true), false],
    ['too little memory', server('53200'), true],
    ['a shutdown', server('57P01'), true],
    ['a statement timeout', server('57014'), false],
    ['a refusal', server('25006'), false],
    ['a unique violation', server('23505'), false],
  ]
  for (const [name, failure, expect] of counts) t.equal(countsAgainstServer(failure), expect, name)
})
