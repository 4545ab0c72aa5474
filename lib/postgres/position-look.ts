// How far is this server, asked on the connection that will read (or by the waiter): a position proves something
// only of the server that gave it.
//
// The quick look asks for the position, the role (a position is frozen after a promotion) and the moment at which
// the server was started: where that is the monitor's own, what the monitor knows of system and timeline holds
// for this connection too. Where it differs, or where several servers stand behind one address, the full look asks
// the server itself; a server that refuses to tell proves nothing.

import type { Position } from '../core/freshness.ts'
import { parseLsn, type Lsn } from '../core/lsn.ts'
import { hasReached } from '../core/route-decision.ts'
import type { TargetFacts } from '../core/server-facts.ts'
import type { QueryResult, Statement } from '../query/statement.ts'

const QUICK = 'pg_is_in_recovery(), pg_last_wal_replay_lsn(), (extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint'

/** `greatest` ignores null: a part that is not visible is left out (FACTS 2.13). */
const IDENTITY = `(select system_identifier from pg_control_system()),
  greatest((select timeline_id from pg_control_checkpoint()), (select min_recovery_end_timeline from pg_control_recovery()), (select received_tli from pg_stat_wal_receiver))`

export type LookKind = 'quick' | 'full'

export const lookStatements: Readonly<Record<LookKind, Statement>> = Object.freeze({
  quick: Object.freeze({ text: `select ${QUICK}`, params: [] }),
  full: Object.freeze({ text: `select ${QUICK}, ${IDENTITY}`, params: [] }),
})

/** Do connections to this address lead to one server, as far as is known? */
export function isOneServer (facts: TargetFacts): boolean {
  return facts.members === 'one' && facts.settings?.pooler !== 'between'
}

export function lookKind (facts: TargetFacts): LookKind {
  return isOneServer(facts) && facts.fingerprint.startedAt !== undefined ? 'quick' : 'full'
}

/**
 * - `stranger`: another server than the monitor's has answered a quick look; only a full one tells.
 * - `promoted`: not in recovery.
 * - `silent`: it does not tell positions.
 */
export type Looked =
  | { readonly type: 'applied', readonly lsn: Lsn, readonly system: string | undefined, readonly timeline: number | undefined }
  | { readonly type: 'stranger' | 'promoted' | 'silent' }

export function readPositionLook (result: QueryResult | undefined, facts: TargetFacts): Looked {
  const row = result?.rows[0]
  if (row === undefined) return { type: 'silent' }
  if (row[0] === 'f') return { type: 'promoted' }
  const lsn = typeof row[1] === 'string' ? parseLsn(row[1]) : undefined
  if (lsn === undefined) return { type: 'silent' }
  if (row.length > 3) return { type: 'applied', lsn, system: row[3] ?? undefined, timeline: typeof row[4] === 'string' ? Number(row[4]) : undefined }
  if (row[2] !== facts.fingerprint.startedAt) return { type: 'stranger' }
  return { type: 'applied', lsn, system: facts.system, timeline: facts.timeline }
}

/** Does the look prove that its server shows the log up to `position`? */
export function provesPosition (looked: Looked, position: Position): boolean {
  return looked.type === 'applied' &&
    hasReached({ role: 'standby', breaker: 'closed', writable: false, system: looked.system, timeline: looked.timeline, appliedLsn: looked.lsn }, position)
}
