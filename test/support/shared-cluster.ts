// A database of its own for each test, on a cluster that the test run shares.
//
// The first test process that needs one starts a keeper (`shared-cluster-keeper.ts`) with a primary and two
// streaming standbys; a process leases the whole cluster until it exits, so replay may be paused at will. With
// several test processes at once there are as many clusters. The keepers end with the test run. Tests that
// promote, kill or freeze a server start a cluster of their own instead.

import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import postgres from 'postgres'
import { waitFor } from '../../lib/testing/wait-for.ts'
import { WireConnection, type TextRow } from '../../lib/testing/wire.ts'
import { KeeperConnection, PRIMARY_REGION, REPLICA_REGIONS, keeperDirectory, keeperSockets, projectRoot } from './shared-cluster-protocol.ts'

/** Regions of the shared cluster's standbys. */
export type ReplicaRegion = typeof REPLICA_REGIONS[number]
export type Which = 'primary' | ReplicaRegion

/** The part of tap's test object that is used. */
interface Teardown {
  teardown (end: () => void | Promise<void>): void
}

export interface TestDatabase {
  readonly name: string
  readonly primaryRegion: typeof PRIMARY_REGION
  readonly primaryUrl: string
  readonly replicaUrls: Readonly<Record<ReplicaRegion, string>>
  /** Unique to this database; for connections that the test wants to find in `pg_stat_activity`. */
  readonly applicationName: string
  url (which: Which): string
  /** An observer: a plain postgres.js client with at most two connections, closed with the test. */
  sql (which: Which): postgres.Sql
  /** Runs SQL on the primary, several statements allowed; values come back as text. */
  exec (text: string, which?: Which): Promise<TextRow[]>
  /** Until the standbys (those whose replay is not paused) have replayed all that the primary has flushed. */
  waitForReplay (region?: ReplicaRegion): Promise<void>
  /** Freezes what the region's standby shows: staleness without a race. */
  pauseReplay (region?: ReplicaRegion): Promise<void>
  resumeReplay (region?: ReplicaRegion): Promise<void>
  /** Holds each commit back for so long on the standby; 0 ends it. */
  setApplyDelay (region: ReplicaRegion, delayMs: number): Promise<void>
  /** Ends the database's connections on a server, or those of one application; returns how many. */
  killBackends (which: Which, applicationName?: string): Promise<number>
  /** Connections to this database on a server, without the kit's own and the observers'. */
  connections (which: Which, applicationName?: string): Promise<number>
}

interface Lease {
  readonly keeper: KeeperConnection
  readonly ports: Record<string, number>
}

const USER = 'postgres'
const OBSERVER = 'multi-region-observer'
const paused = new Set<ReplicaRegion>()
let lease: Promise<Lease> | undefined

/**
 * A new, empty database on the shared cluster, there on the standbys too; dropped when `t` ends.
 * `setup` is SQL to run in it first.
 */
export async function createTestDatabase (t: Teardown, setup?: string): Promise<TestDatabase> {
  lease ??= leaseCluster()
  const { keeper, ports } = await lease
  const made = await keeper.ask({ type: 'make-database' })
  if (made.type !== 'database') throw new Error(`The shared cluster gave no database: ${JSON.stringify(made)}`)
  const { name } = made
  const observers = new Map<Which, postgres.Sql>()
  const touched = new Set<ReplicaRegion>()
  const delayed = new Set<ReplicaRegion>()
  const port = (which: Which): number => ports[which === 'primary' ? PRIMARY_REGION : which] as number
  const url = (which: Which): string => `postgres://${USER}@127.0.0.1:${port(which)}/${name}`

  const withConnection = async <T>(which: Which, use: (connection: WireConnection) => Promise<T>, inDatabase = name): Promise<T> => {
    const connection = await WireConnection.open({ host: '127.0.0.1', port: port(which), user: USER, database: inDatabase })
    try {
      return await use(connection)
    } finally {
      connection.close()
    }
  }

  const database: TestDatabase = {
    name,
    primaryRegion: PRIMARY_REGION,
    primaryUrl: url('primary'),
    replicaUrls: { iad: url('iad'), nrt: url('nrt') },
    applicationName: `app-${name}`,
    url,
    sql (which) {
      let observer = observers.get(which)
      if (observer === undefined) {
        observer = postgres(url(which), { max: 2, onnotice: () => {}, connection: { application_name: OBSERVER } })
        observers.set(which, observer)
      }
      return observer
    },
    exec: (text, which = 'primary') => withConnection(which, (connection) => connection.query(text, 30_000)),
    async waitForReplay (region) {
      const regions = region === undefined ? REPLICA_REGIONS.filter((one) => !paused.has(one)) : [region]
      const [row] = await withConnection('primary', (connection) => connection.query('select pg_current_wal_flush_lsn()::text as target'), 'postgres')
      await Promise.all(regions.map((one) => withConnection(one, (connection) => waitFor(`the standby ${one} to replay ${row?.['target']}`, async () => {
        const [seen] = await connection.query(`select (pg_last_wal_replay_lsn() >= '${row?.['target']}'::pg_lsn)::text as reached, pg_last_wal_replay_lsn()::text as replayed`)
        if (seen?.['reached'] === 'true') return true
        throw new Error(`it has replayed up to ${seen?.['replayed']}`)
      }, { withinMs: 10_000, everyMs: 5 }), 'postgres')))
    },
    async pauseReplay (region) {
      for (const one of region === undefined ? REPLICA_REGIONS : [region]) {
        paused.add(one)
        touched.add(one)
        await withConnection(one, async (connection) => {
          await connection.query('select pg_wal_replay_pause()')
          await waitFor(`replay to pause on ${one}`, async () => (await connection.query('select pg_get_wal_replay_pause_state() as state'))[0]?.['state'] === 'paused', { everyMs: 5 })
        }, 'postgres')
      }
    },
    async resumeReplay (region) {
      for (const one of region === undefined ? REPLICA_REGIONS : [region]) {
        paused.delete(one)
        await withConnection(one, (connection) => connection.query('select pg_wal_replay_resume()'), 'postgres')
      }
    },
    async setApplyDelay (region, delayMs) {
      if (delayMs > 0) delayed.add(region)
      await withConnection(region, async (connection) => {
        await connection.query(delayMs > 0 ? `alter system set recovery_min_apply_delay = '${delayMs}ms'` : 'alter system reset recovery_min_apply_delay')
        await connection.query('select pg_reload_conf()')
        await waitFor(`${region} to take its apply delay`, () => withConnection(region, async (fresh) => (await fresh.query("select setting from pg_settings where name = 'recovery_min_apply_delay'"))[0]?.['setting'] === String(delayMs), 'postgres'), { everyMs: 5 })
      }, 'postgres')
    },
    async killBackends (which, applicationName) {
      const rows = await withConnection(which, (connection) => connection.query(`select pg_terminate_backend(pid)::text as ended from pg_stat_activity where ${backendsOf(name, applicationName)}`), 'postgres')
      return rows.length
    },
    async connections (which, applicationName) {
      const [row] = await withConnection(which, (connection) => connection.query(`select count(*)::text as count from pg_stat_activity where ${backendsOf(name, applicationName)}`), 'postgres')
      return Number(row?.['count'])
    },
  }

  t.teardown(async () => {
    await Promise.all([...observers.values()].map((observer) => observer.end({ timeout: 1 })))
    for (const region of touched) await database.resumeReplay(region)
    for (const region of delayed) await database.setApplyDelay(region, 0)
    await keeper.ask({ type: 'drop-database', name })
  })
  if (setup !== undefined) await database.exec(setup)
  await database.waitForReplay()
  return database
}

function backendsOf (database: string, applicationName: string | undefined): string {
  const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`
  const application = applicationName === undefined ? `application_name not in ('multi-region-kit', '${OBSERVER}')` : `application_name = ${literal(applicationName)}`
  return `datname = ${literal(database)} and backend_type = 'client backend' and pid <> pg_backend_pid() and ${application}`
}

/** Takes a free shared cluster, or starts one. */
async function leaseCluster (): Promise<Lease> {
  for (const path of keeperSockets()) {
    const taken = await tryLease(path)
    if (taken !== undefined) return taken
  }
  const path = join(keeperDirectory(), `${process.pid}-${randomBytes(3).toString('hex')}.sock`)
  const logPath = path.replace(/sock$/, 'log')
  const log = openSync(logPath, 'a', 0o600)
  const child = spawn(process.execPath, ['--import', 'tsx', join(projectRoot, 'test/support/shared-cluster-keeper.ts'), path, String(process.pid)], {
    cwd: projectRoot,
    detached: true,
    env: keeperEnvironment(),
    stdio: ['ignore', log, log],
  })
  closeSync(log)
  let ended = false
  child.once('exit', () => { ended = true })
  child.unref()
  const taken = await waitFor('the shared cluster to start', () => {
    if (ended) throw new Error(`its keeper ended: ${readFileSync(logPath, 'utf8')}`)
    return tryLease(path)
  }, { withinMs: 60_000 })
  rmSync(logPath, { force: true })
  return taken
}

async function tryLease (path: string): Promise<Lease | undefined> {
  const keeper = await KeeperConnection.open(path)
  if (keeper === undefined) return undefined
  const answer = await keeper.ask({ type: 'lease', pid: process.pid, runPid: runPid() }).catch(() => undefined)
  if (answer?.type === 'leased') return { keeper, ports: answer.ports }
  keeper.close()
  return undefined
}

/** The process whose end is the end of the test run: tap's runner, or this one when a file runs by itself. */
function runPid (): number {
  return process.env['TAP'] === '1' ? process.ppid : process.pid
}

/** The runner's loaders and its coverage collection are not for a process that outlives the test. */
function keeperEnvironment (): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = {}
  for (const [key, value] of Object.entries(process.env)) {
    if (!/^(NODE_|TAP|_TAP|TS|PG)/.test(key)) environment[key] = value
  }
  return environment
}
