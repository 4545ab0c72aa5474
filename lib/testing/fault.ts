// What can be done to a standby's replay and to a server's connections, by SQL on the server itself.

import { setSetting } from './database-cluster.ts'
import type { PostgresServer } from './server.ts'
import { waitFor } from './wait-for.ts'

/** Which connections {@link killBackends} ends; all of clients when nothing is named. */
export interface BackendFilter {
  readonly applicationName?: string
  readonly database?: string
}

/** Stops replay, and returns when it has stopped: from then on the standby shows one moment of the past. */
export async function pauseReplay (server: PostgresServer): Promise<void> {
  await server.withConnection(async (connection) => {
    await connection.query('select pg_wal_replay_pause()')
    // The request is honoured between two records; until then the state is `pause requested`.
    await waitFor(`replay to pause on ${server.name}`, async () => (await connection.query('select pg_get_wal_replay_pause_state() as state'))[0]?.['state'] === 'paused', { everyMs: 5 })
  })
}

export async function resumeReplay (server: PostgresServer): Promise<void> {
  await server.query('select pg_wal_replay_resume()')
}

/** Holds each commit back on a standby for so long after it was made on the primary; 0 ends it. */
export async function setApplyDelay (server: PostgresServer, delayMs: number): Promise<void> {
  await setSetting(server, 'recovery_min_apply_delay', String(delayMs))
}

/** Ends connections as an administrator would (57P01); returns how many. The kit's own are spared. */
export async function killBackends (server: PostgresServer, filter: BackendFilter = {}): Promise<number> {
  const conditions = ["backend_type = 'client backend'", 'pid <> pg_backend_pid()', "application_name <> 'multi-region-kit'"]
  if (filter.applicationName !== undefined) conditions.push(`application_name = ${quoteLiteral(filter.applicationName)}`)
  if (filter.database !== undefined) conditions.push(`datname = ${quoteLiteral(filter.database)}`)
  const rows = await server.query(`select pg_terminate_backend(pid)::text as ended from pg_stat_activity where ${conditions.join(' and ')}`)
  return rows.filter((row) => row['ended'] === 'true').length
}

function quoteLiteral (text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
