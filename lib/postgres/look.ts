// What the monitor asks, made of what the server can answer.
//
// Each part is tried by itself at the start of a session: a part that this server refuses (Aurora's recovery
// functions, `pg_control_*` without the right, a stub) is left out and opens no breaker. The rest is one statement.

import { parseLsn, type LogGeometry, type Lsn } from '../core/lsn.ts'
import type { Fingerprint, Role, ServerSettings } from '../core/server-facts.ts'
import type { QueryResult, Statement } from '../query/statement.ts'
import type { Connection } from './driver.ts'

// In recovery first and alone: `pg_last_wal_replay_lsn()` is frozen after a promotion, so a position means
// something only beside the role that was asked in the same statement (FACTS 1.3).
const PARTS = {
  recovery: 'pg_is_in_recovery()',
  address: 'host(inet_server_addr())',
  port: 'inet_server_port()',
  startedAt: '(extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint',
  system: '(select system_identifier from pg_control_system())',
  applied: 'case when pg_is_in_recovery() then pg_last_wal_replay_lsn() end',
  flush: 'case when not pg_is_in_recovery() then pg_current_wal_flush_lsn() end',
  // A primary's current timeline is in the name of its log file, right from the promotion on (FACTS 9.10).
  walFile: 'case when not pg_is_in_recovery() then pg_walfile_name(pg_current_wal_insert_lsn()) end',
  // A standby's timeline: the newest of three that learn of a promotion one after the other (FACTS 2.13).
  controlTimeline: '(select timeline_id from pg_control_checkpoint())',
  recoveryTimeline: '(select min_recovery_end_timeline from pg_control_recovery())',
  receivedTimeline: '(select received_tli from pg_stat_wal_receiver)',
} as const

export type Part = keyof typeof PARTS

const ALL = Object.keys(PARTS) as Part[] // the keys of a constant

/** A statement for each part, to be tried by itself. */
const trials: readonly { readonly part: Part, readonly statement: Statement }[] = ALL.map((part) => ({ part, statement: { text: `select ${PARTS[part]}`, params: [] } }))

export interface Look {
  readonly parts: readonly Part[]
  readonly statement: Statement
}

export interface Seen {
  readonly role: Role
  readonly fingerprint: Fingerprint
  readonly timeline: number | undefined
  readonly appliedLsn: Lsn | undefined
  readonly flushLsn: Lsn | undefined
}

const SETTINGS: Statement = {
  text: `select name, setting from pg_settings where name in ('server_version_num', 'max_connections', 'superuser_reserved_connections', 'reserved_connections',
    'synchronous_commit', 'default_transaction_read_only', 'wal_block_size', 'wal_segment_size', 'hot_standby_feedback', 'max_standby_streaming_delay')`,
  params: [],
}
const BACKEND: Statement = { text: 'select pg_backend_pid()', params: [] }

/** Finds out, in one round trip, what this server can answer and how it is set. */
export async function prepareLook (connection: Connection): Promise<{ look: Look, settings: ServerSettings }> {
  const [settings, backend, ...answers] = await Promise.allSettled([
    connection.query(SETTINGS),
    connection.query(BACKEND),
    ...trials.map((trial) => connection.query(trial.statement)),
  ])
  // A lost connection refuses all parts alike; it says nothing about the server.
  if (connection.dead) throw settings.status === 'rejected' ? settings.reason : new Error('the connection was lost')
  const parts = trials.filter((_trial, index) => answers[index]?.status === 'fulfilled').map((trial) => trial.part)
  return {
    look: { parts, statement: { text: `select ${parts.length === 0 ? '1' : parts.map((part) => PARTS[part]).join(', ')}`, params: [] } },
    settings: readSettings(valueOf(settings), { seen: valueOf(backend)?.rows[0]?.[0], expected: connection.pid }),
  }
}

function valueOf (outcome: PromiseSettledResult<QueryResult>): QueryResult | undefined {
  return outcome.status === 'fulfilled' ? outcome.value : undefined
}

export function readLook (look: Look, row: readonly (string | null)[], greeted: boolean | undefined): Seen {
  const value = (part: Part): string | undefined => {
    const index = look.parts.indexOf(part)
    return index === -1 ? undefined : row[index] ?? undefined
  }
  const recovery = value('recovery')
  const role: Role = recovery === undefined ? (greeted === undefined ? 'unknown' : greeted ? 'standby' : 'primary') : recovery === 't' ? 'standby' : 'primary'
  return {
    role,
    fingerprint: { system: value('system'), address: value('address'), port: value('port'), startedAt: value('startedAt') },
    timeline: timelineOf(role, value),
    appliedLsn: lsnOrUndefined(value('applied')),
    flushLsn: lsnOrUndefined(value('flush')),
  }
}

const TIMELINE_DIGITS = 8

function timelineOf (role: Role, value: (part: Part) => string | undefined): number | undefined {
  const file = value('walFile')
  if (role === 'primary' && file !== undefined) return Number.parseInt(file.slice(0, TIMELINE_DIGITS), 16)
  const known = [value('controlTimeline'), value('recoveryTimeline'), value('receivedTimeline')].filter((text) => text !== undefined).map(Number)
  return known.length === 0 ? undefined : Math.max(...known)
}

function lsnOrUndefined (text: string | undefined): Lsn | undefined {
  return text === undefined ? undefined : parseLsn(text)
}

function readSettings (result: QueryResult | undefined, pids: { seen: string | null | undefined, expected: number | undefined }): ServerSettings {
  const settings = new Map<string, string>()
  for (const [name, setting] of result?.rows ?? []) if (typeof name === 'string' && typeof setting === 'string') settings.set(name, setting)
  const number = (name: string): number | undefined => settings.has(name) ? Number(settings.get(name)) : undefined
  const flag = (name: string): boolean | undefined => settings.has(name) ? settings.get(name) === 'on' : undefined
  return Object.freeze({
    version: number('server_version_num'),
    maxConnections: number('max_connections'),
    reservedConnections: number('superuser_reserved_connections') === undefined ? undefined : (number('superuser_reserved_connections') ?? 0) + (number('reserved_connections') ?? 0),
    synchronousCommit: settings.get('synchronous_commit'),
    defaultReadOnly: flag('default_transaction_read_only'),
    geometry: geometryOf(number('wal_block_size'), number('wal_segment_size')),
    hotStandbyFeedback: flag('hot_standby_feedback'),
    maxStandbyStreamingDelayMs: number('max_standby_streaming_delay'),
    // A pooler greets with a process number of its own.
    pooler: typeof pids.seen !== 'string' || pids.expected === undefined ? 'unknown' : Number(pids.seen) === pids.expected ? 'none' : 'between',
  })
}

function geometryOf (blockSizeBytes: number | undefined, segmentSizeBytes: number | undefined): LogGeometry | undefined {
  return blockSizeBytes === undefined || segmentSizeBytes === undefined ? undefined : { blockSizeBytes, segmentSizeBytes }
}
