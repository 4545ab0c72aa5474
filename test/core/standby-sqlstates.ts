// Reads the measured table. `expected` says what a row means to a client whose server is a standby.

import { readFileSync } from 'node:fs'
import type { DriverFailureFields } from '../../lib/core/driver-failure.ts'
import type { Verdict } from '../../lib/core/verdict.ts'

export interface MeasuredRow {
  readonly statement: string
  readonly sqlstate: string
  readonly sqlstate18: string
  readonly category: string
  readonly severity: string
  readonly routine: string
}

export const OK = '00000'

export function measuredRows (): MeasuredRow[] {
  const lines = readFileSync(new URL('./standby-sqlstates.tsv', import.meta.url), 'utf8').split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return lines.slice(1).map((line) => {
    const [statement = '', sqlstate = '', sqlstate18 = '', category = '', severity = '', routine = ''] = line.split('\t')
    return { statement, sqlstate, sqlstate18, category, severity, routine }
  })
}

/** What the measured failure looks like when the driver hands it on. */
export function failureOf (row: MeasuredRow, code: string): DriverFailureFields {
  const kind = row.category === 'CONNECT' ? 'connect' : row.severity === 'FATAL' || row.category === 'SHUTDOWN' ? 'lost' : 'server'
  return { kind, code, routine: row.routine === '' ? undefined : row.routine, severity: row.severity, sent: kind !== 'connect', onStandby: undefined }
}

/** By the meaning of the statement, not by its code: what a person would say of this row on a standby. */
export function expectedVerdict (row: MeasuredRow, code: string): Verdict {
  const { statement, category } = row
  switch (category) {
    case 'CONNECT': return 'not-run'
    case 'CONFLICT': return statement.includes('next statement') ? 'aborted-transaction' : 'recovery-conflict'
    case 'TIMEOUT': return statement.includes('pg_cancel_backend') ? 'statement-timeout' : 'not-run'
    case 'SHUTDOWN': return 'unknown-outcome'
    case 'SCHEMALAG': return 'schema-behind'
    case 'PROMOTION': return 'standby-refusal' // until somebody knows of the promotion
    default:
  }
  if (statement.includes('SELECT 1') && code === '25P02') return 'aborted-transaction'
  if (/does_not_exist|pg_temp\.x/.test(statement)) return 'schema-behind'
  if (/statement_timeout=/.test(statement)) return 'statement-timeout'
  if (/not-an-int|currval|lastval|xact_commit_timestamp|1\/0|pg_stat_statements_reset|set_config|dblink|WAIT FOR|pg_wal_replay_wait/.test(statement)) return 'application'
  return 'standby-refusal'
}
