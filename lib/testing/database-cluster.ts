// A primary and its streaming standbys: started together, changed together, thrown away together.
//
// A standby is a copy of the data directory that initdb made and nobody started, with `standby.signal` and a
// physical slot; one that joins later (rejoin, clone) is a base backup of the running primary.

import { randomBytes } from 'node:crypto'
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { dataParent, findBinaries, type Binaries, type Storage } from './binaries.ts'
import { PostgresServer, SUPERUSER, removeCopiedSlots, type ServerSettings } from './server.ts'
import { waitFor } from './wait-for.ts'
import { Watchdog } from './watchdog.ts'

export interface DatabaseClusterOptions {
  /** Name of the server that starts as the primary. */
  readonly primary: string
  /** Names of the servers that start as its standbys. */
  readonly standbys: readonly string[]
  /** Standbys that a commit waits for, in order of preference. */
  readonly synchronous?: readonly string[]
  readonly settings?: ServerSettings
  /** @defaultValue 'memory' */
  readonly storage?: Storage
  /** Database made for the application. @defaultValue 'app' */
  readonly database?: string
  /** The address under which a standby reaches the server it follows; direct if not given. */
  readonly upstream?: (follower: string, leader: PostgresServer) => Promise<{ host: string, port: number }>
}

export class DatabaseCluster {
  readonly database: string
  readonly root: string
  readonly servers: ReadonlyMap<string, PostgresServer>
  readonly #servers: Map<string, PostgresServer>
  readonly #options: DatabaseClusterOptions
  readonly #binaries: Binaries
  readonly #watchdog: Watchdog
  #primary: string
  #closing: Promise<void> | undefined

  private constructor (options: DatabaseClusterOptions, binaries: Binaries, root: string) {
    this.#options = options
    this.#binaries = binaries
    this.root = root
    this.database = options.database ?? 'app'
    this.#primary = options.primary
    this.#watchdog = new Watchdog(root)
    this.#servers = new Map([options.primary, ...options.standbys].map((name) => [name, new PostgresServer({ name, root, binaries })]))
    this.servers = this.#servers
  }

  static async start (options: DatabaseClusterOptions): Promise<DatabaseCluster> {
    const binaries = await findBinaries()
    const parent = await dataParent(options.storage ?? 'memory', 1 + options.standbys.length)
    const root = join(parent, `multi-region-${process.pid}-${randomBytes(4).toString('hex')}`)
    await mkdir(root, { mode: 0o711 })
    await chmod(root, 0o711)
    const cluster = new DatabaseCluster(options, binaries, root)
    try {
      await cluster.#start()
    } catch (failure) {
      await cluster.close()
      throw failure
    }
    return cluster
  }

  async #start (): Promise<void> {
    const { standbys, synchronous = [] } = this.#options
    const primary = this.primary
    await primary.initialise()
    const copies = standbys.map(async (name) => await this.server(name).copyFrom(primary, 'never-started'))
    await Promise.all(copies)
    await primary.configure(this.#settings())
    await primary.start()
    await primary.query(`create database ${quoteName(this.database)}`)
    await Promise.all([
      ...standbys.map(async (name) => {
        await this.#follow(name)
        await this.server(name).start()
      }),
    ])
    await this.waitForReplay()
    if (synchronous.length > 0) await this.setSynchronous(synchronous)
  }

  /** The server that was last made the primary by this object. */
  get primary (): PostgresServer {
    return this.server(this.#primary)
  }

  /** The names of the servers that should be standbys. */
  get standbyNames (): string[] {
    return [...this.#servers.keys()].filter((name) => name !== this.#primary && !this.#clones.has(name))
  }

  readonly #clones = new Set<string>()

  server (name: string): PostgresServer {
    const server = this.#servers.get(name)
    if (server === undefined) throw new Error(`There is no server "${name}" in this cluster; there are ${[...this.#servers.keys()].join(', ')}.`)
    return server
  }

  /** Waits until `names` (all running standbys by default) have replayed all that the primary had flushed at the call. */
  async waitForReplay (options: { names?: readonly string[], withinMs?: number } = {}): Promise<void> {
    const names = options.names ?? this.standbyNames.filter((name) => this.server(name).running && !this.server(name).frozen)
    if (names.length === 0) return
    const [row] = await this.primary.query('select pg_current_wal_flush_lsn()::text as target')
    const target = row?.['target'] as string
    await Promise.all(names.map((name) => this.waitForPosition(name, target, options.withinMs)))
  }

  /** Waits until a standby has replayed a log position. */
  async waitForPosition (name: string, target: string, withinMs = 10_000): Promise<void> {
    await this.server(name).withConnection(async (connection) => {
      await waitFor(`the standby ${name} to replay ${target}`, async () => {
        const [row] = await connection.query(`select (pg_last_wal_replay_lsn() >= '${target}'::pg_lsn)::text as reached, pg_last_wal_replay_lsn()::text as replayed`)
        if (row?.['reached'] === 'true') return true
        throw new Error(`replayed up to ${row?.['replayed']}`)
      }, { withinMs, everyMs: 5 })
    })
  }

  /** Makes commits wait for these standbys; none with an empty list. */
  async setSynchronous (names: readonly string[]): Promise<void> {
    const value = names.length === 0 ? '' : `FIRST ${names.length} (${names.map((name) => quoteName(name)).join(', ')})`
    await setSetting(this.primary, 'synchronous_standby_names', value)
  }

  /** Makes a standby the primary; the other running standbys follow it. The old primary is left as it is. */
  async promote (name: string, options: { followers: 'follow' | 'stay' }): Promise<void> {
    const previous = this.#primary
    await this.server(name).promote()
    this.#primary = name
    if (options.followers === 'stay') return
    for (const follower of this.standbyNames.filter((other) => other !== previous)) {
      await this.#follow(follower)
      if (this.server(follower).running && !this.server(follower).frozen) await this.server(follower).query('select pg_reload_conf()')
    }
  }

  /** Brings a server back as a standby of the present primary, from a new copy: whatever it had of its own is lost. */
  async rejoin (name: string): Promise<void> {
    if (name === this.#primary) throw new Error(`${name} is the primary: promote another server first.`)
    const server = this.server(name)
    await server.stop('immediate')
    await this.#backup(server)
    this.#clones.delete(name)
    await this.#follow(name)
    await server.start()
  }

  /** A real clone: a copy of the primary brought up outside recovery, with the same system identifier and timeline. */
  async clone (name: string): Promise<PostgresServer> {
    if (this.#servers.has(name)) throw new Error(`There is a server "${name}" already.`)
    const server = new PostgresServer({ name, root: this.root, binaries: this.#binaries })
    this.#servers.set(name, server)
    this.#clones.add(name)
    await this.#backup(server)
    await server.configure(this.#settings())
    await server.start()
    return server
  }

  async #backup (target: PostgresServer): Promise<void> {
    const source = this.primary
    const function15 = this.#binaries.major >= 15
    await source.withConnection(async (connection) => {
      await connection.query(function15 ? "select pg_backup_start('kit', fast => true)" : "select pg_start_backup('kit', true, false)", 30_000)
      await target.copyFrom(source, 'running')
      const [row] = await connection.query(function15 ? 'select labelfile from pg_backup_stop(wait_for_archive => false)' : 'select labelfile from pg_stop_backup(false, false)', 30_000)
      await removeCopiedSlots(target)
      await target.copyLog(source)
      await writeFile(join(target.dataDirectory, 'backup_label'), row?.['labelfile'] ?? '', { mode: 0o644 })
      for (const signalFile of ['standby.signal', 'recovery.signal', 'postmaster.opts']) await rm(join(target.dataDirectory, signalFile), { force: true })
      await target.own('backup_label')
    })
  }

  async #follow (name: string): Promise<void> {
    const leader = this.primary
    const slot = slotName(name)
    await leader.query(`select pg_create_physical_replication_slot('${slot}', true) where not exists (select from pg_replication_slots where slot_name = '${slot}')`)
    const { host, port } = await this.#options.upstream?.(name, leader) ?? leader
    const server = this.server(name)
    await server.configure({ ...this.#settings(), primary_conninfo: `host=${host} port=${port} user=${SUPERUSER} application_name=${name} sslmode=disable gssencmode=disable`, primary_slot_name: slot, synchronous_standby_names: '' })
    await server.markStandby()
  }

  #settings (): ServerSettings {
    return this.#options.settings ?? {}
  }

  /** Ends all servers and removes their data. Idempotent, bounded. */
  close (): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close (): Promise<void> {
    await Promise.all([...this.#servers.values()].map((server) => server.dispose()))
    await rm(this.root, { recursive: true, force: true, maxRetries: 3 })
    this.#watchdog.dismiss()
  }
}

/** Changes a setting of a running server, with a reload. */
export async function setSetting (server: PostgresServer, name: string, value: string): Promise<void> {
  await server.withConnection(async (connection) => {
    await connection.query(`alter system set ${name} = '${value.replaceAll("'", "''")}'`)
    await connection.query('select pg_reload_conf()')
    await waitFor(`${server.name} to take ${name}`, async () => (await server.query(`select setting from pg_settings where name = '${name}'`))[0]?.['setting'] === value, { everyMs: 5 })
  })
}

export function quoteName (name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

function slotName (name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9_]/g, '_')
}
