// One PostgreSQL server: its data directory, its process, and what can be done to it.

import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { appendFile, chown, mkdir, readFile, readdir, rm, writeFile, open, type FileHandle } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Binaries } from './binaries.ts'
import { waitFor } from './wait-for.ts'
import { WireConnection, type TextRow } from './wire.ts'

const run = promisify(execFile)

/** What the server says it is; `unknown` when it does not answer. */
export type ServerRole = 'primary' | 'standby' | 'unknown'

/** Settings as in postgresql.conf. */
export type ServerSettings = Readonly<Record<string, string | number | boolean>>

/** How a server stops: `fast` ends sessions in order and tells standbys, `immediate` is a controlled crash. */
export type StopMode = 'fast' | 'immediate'

export const SUPERUSER = 'postgres'
const HOST = '127.0.0.1'
const START_WITHIN_MS = 30_000
const STOP_WITHIN_MS = 10_000

// Durability against a crash of the machine is not needed for data that is thrown away; against a crash of the
// server it holds all the same. Autovacuum would move log positions at times of its own.
const BASE_SETTINGS: ServerSettings = {
  listen_addresses: HOST,
  unix_socket_directories: '',
  // In the data directory, so that nothing is left in /dev/shm by a killed server.
  dynamic_shared_memory_type: 'mmap',
  fsync: false,
  autovacuum: false,
  jit: false,
  shared_buffers: '32MB',
  max_connections: 200,
  max_wal_senders: 16,
  max_replication_slots: 16,
  max_prepared_transactions: 8,
  wal_level: 'replica',
  hot_standby: true,
  wal_retrieve_retry_interval: '50ms',
  wal_receiver_status_interval: '1s',
  wal_sender_timeout: '10s',
  wal_receiver_timeout: '10s',
  max_slot_wal_keep_size: '2GB',
  lc_messages: 'C',
  timezone: 'UTC',
  log_timezone: 'UTC',
}

export class PostgresServer {
  readonly name: string
  /** Holds `data`, `log` and `kit.conf`. */
  readonly directory: string
  readonly dataDirectory: string
  readonly host = HOST
  readonly #binaries: Binaries
  #port = 0
  #process: ChildProcess | undefined
  #exited: Promise<void> = Promise.resolve()
  #frozen: number[] = []
  /** System V segment of a killed server: nobody but a restart on the same data would remove it. */
  #orphanedMemory: string | undefined

  constructor (options: { name: string, root: string, binaries: Binaries }) {
    this.name = options.name
    this.directory = join(options.root, options.name)
    this.dataDirectory = join(this.directory, 'data')
    this.#binaries = options.binaries
  }

  /** Stays the same over restarts. */
  get port (): number {
    return this.#port
  }

  /** The process id of the postmaster, while it runs. */
  get pid (): number | undefined {
    return this.#process?.pid
  }

  get running (): boolean {
    return this.#process !== undefined
  }

  get frozen (): boolean {
    return this.#frozen.length > 0
  }

  /** A connection string, direct: without the distance of a link. */
  url (database: string): string {
    return `postgres://${SUPERUSER}@${HOST}:${this.#port}/${database}`
  }

  /** Makes the directory, owned by the user that the server runs as. */
  async prepare (): Promise<void> {
    await mkdir(this.directory, { recursive: true, mode: 0o700 })
    const { runAs } = this.#binaries
    if (runAs !== undefined) await chown(this.directory, runAs.uid, runAs.gid)
  }

  /** A new, never started data directory. */
  async initialise (): Promise<void> {
    await this.prepare()
    const initdb = (locale: string[]): Promise<unknown> => this.#asServer(this.#binaries.initdb, ['-D', this.dataDirectory, '-U', SUPERUSER, '-A', 'trust', '--encoding=UTF8', '--no-sync', '--no-instructions', ...locale])
    try {
      await initdb(['--locale=C.UTF-8'])
    } catch {
      // A system without that locale (older macOS): the order of characters is the same, classes of letters differ.
      await rm(this.dataDirectory, { recursive: true, force: true })
      await initdb(['--locale=C'])
    }
    await appendFile(join(this.dataDirectory, 'postgresql.conf'), "\ninclude '../kit.conf'\n")
  }

  /** A copy of another server's data: of one that never ran, or of a running one between backup start and stop. */
  async copyFrom (source: PostgresServer, state: 'never-started' | 'running'): Promise<void> {
    await this.prepare()
    await rm(this.dataDirectory, { recursive: true, force: true })
    try {
      await this.#asServer('cp', ['-a', source.dataDirectory, this.dataDirectory])
    } catch (failure) {
      // Files come and go below a running server; those that matter are in the log.
      if (state === 'never-started' || !/No such file|vanished/.test(String((failure as { stderr?: string }).stderr))) throw failure
    }
    if (state === 'running') await rm(join(this.dataDirectory, 'postmaster.pid'), { force: true })
  }

  /** Replaces the kit's part of the configuration; effective from the next start or reload. */
  async configure (settings: ServerSettings): Promise<void> {
    const lines = Object.entries({ ...BASE_SETTINGS, ...settings }).map(([key, value]) => `${key} = '${typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value).replaceAll("'", "''")}'`)
    await writeFile(join(this.directory, 'kit.conf'), lines.join('\n') + '\n', { mode: 0o644 })
  }

  async markStandby (): Promise<void> {
    await writeFile(join(this.dataDirectory, 'standby.signal'), '')
    await this.own('standby.signal')
  }

  /** Gives a file of the data directory to the user that the server runs as. */
  async own (file: string): Promise<void> {
    const { runAs } = this.#binaries
    if (runAs !== undefined) await chown(join(this.dataDirectory, file), runAs.uid, runAs.gid)
  }

  /** Copies the write-ahead log of another server over the one here: the segments written during a backup. */
  async copyLog (source: PostgresServer): Promise<void> {
    await rm(join(this.dataDirectory, 'pg_wal'), { recursive: true, force: true })
    await this.#asServer('cp', ['-a', join(source.dataDirectory, 'pg_wal'), join(this.dataDirectory, 'pg_wal')])
  }

  /** Starts the server and waits until it accepts connections. A port is chosen at the first start. */
  async start (): Promise<void> {
    if (this.#process !== undefined) throw new Error(`The server ${this.name} is already running.`)
    for (let attempt = 1; ; attempt++) {
      const fresh = this.#port === 0
      if (fresh) this.#port = await freePort()
      try {
        await this.#launch()
        return
      } catch (failure) {
        if (!fresh || attempt === 5 || !String(failure).includes('Address already in use')) throw failure
        this.#port = 0
      }
    }
  }

  async #launch (): Promise<void> {
    const logPath = join(this.directory, 'log')
    const log: FileHandle = await open(logPath, 'a', 0o600)
    const child = spawn(this.#binaries.postgres, ['-D', this.dataDirectory, '-p', String(this.#port), '-c', `cluster_name=${this.name}`], {
      ...this.#binaries.runAs,
      cwd: this.directory,
      env: serverEnvironment(),
      // Its own process group: Ctrl-C in the terminal ends the parent, which ends the servers in order.
      detached: true,
      stdio: ['ignore', 'ignore', log.fd],
    })
    let gone = false
    const exited = new Promise<void>((resolve) => {
      const end = (): void => {
        gone = true
        if (this.#process === child) this.#process = undefined
        resolve()
      }
      child.once('exit', end)
      child.once('error', end)
    })
    child.unref()
    this.#process = child
    this.#exited = exited
    this.#orphanedMemory = undefined
    await log.close()
    const pidFile = join(this.dataDirectory, 'postmaster.pid')
    try {
      await waitFor(`PostgreSQL "${this.name}" to accept connections`, async () => {
        if (gone) return true
        // The eighth line is the status; `ready` on a standby means that it is consistent. The first must be ours: a killed server leaves its file.
        const lines = (await readFile(pidFile, 'utf8')).split('\n')
        return Number(lines[0]) === child.pid && lines[7]?.trim() === 'ready'
      }, { withinMs: START_WITHIN_MS, everyMs: 5 })
    } catch (failure) {
      child.kill('SIGKILL')
      throw new Error(`PostgreSQL "${this.name}" did not start. Its log ends with:\n${await this.logTail()}`, { cause: failure })
    }
    if (gone) throw new Error(`PostgreSQL "${this.name}" ended at start. Its log ends with:\n${await this.logTail()}`)
  }

  /** The last lines of the server's log. */
  async logTail (lines = 20): Promise<string> {
    const log = await readFile(join(this.directory, 'log'), 'utf8').catch(() => '')
    return log.trimEnd().split('\n').slice(-lines).join('\n')
  }

  async stop (mode: StopMode = 'fast'): Promise<void> {
    const child = this.#process
    if (child === undefined) return
    await this.thaw()
    // Unreferenced otherwise, so that a forgotten cluster keeps no process alive; here somebody waits for the end.
    child.ref()
    child.kill(mode === 'fast' ? 'SIGINT' : 'SIGQUIT')
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<'late'>((resolve) => { timer = setTimeout(resolve, STOP_WITHIN_MS, 'late') })
    const outcome = await Promise.race([this.#exited, late])
    clearTimeout(timer)
    if (outcome === 'late') await this.kill()
  }

  /** Ends every process of the server at once, as a crash of the machine would. Connections are reset. */
  async kill (): Promise<void> {
    const child = this.#process
    if (child?.pid === undefined) return
    child.ref()
    const pidFile = join(this.dataDirectory, 'postmaster.pid')
    this.#orphanedMemory = (await readFile(pidFile, 'utf8').catch(() => '')).split('\n')[6]?.trim().split(/\s+/)[1]
    // A stopped postmaster starts no more children, so the list is complete.
    signal(child.pid, 'SIGSTOP')
    const children = await childrenOf(child.pid)
    child.kill('SIGKILL')
    for (const pid of children) signal(pid, 'SIGKILL')
    this.#frozen = []
    await this.#exited
    // A restart refuses to run beside processes that still use the old shared memory.
    await waitFor('the killed processes to be gone', async () => (await Promise.all(children.map(isAlive))).every((alive) => !alive), { withinMs: 5_000, everyMs: 5 }).catch(() => {})
    // Its process id may belong to somebody else soon.
    await rm(pidFile, { force: true })
  }

  /** Ends the server and what a kill has left in the system. */
  async dispose (): Promise<void> {
    // The data is thrown away, so nothing needs an orderly end.
    await this.stop('immediate')
    if (this.#orphanedMemory !== undefined) await run('ipcrm', ['-m', this.#orphanedMemory]).catch(() => {})
  }

  /** Stops all of the server's processes (SIGSTOP): connections stay open, nothing answers. */
  async freeze (): Promise<void> {
    const pid = this.#process?.pid
    if (pid === undefined) throw new Error(`The server ${this.name} does not run.`)
    if (this.frozen) return
    signal(pid, 'SIGSTOP')
    const children = await childrenOf(pid)
    for (const child of children) signal(child, 'SIGSTOP')
    this.#frozen = [pid, ...children]
  }

  async thaw (): Promise<void> {
    for (const pid of this.#frozen.reverse()) signal(pid, 'SIGCONT')
    this.#frozen = []
  }

  async promote (): Promise<void> {
    await this.query('select pg_promote(wait => true, wait_seconds => 30)', { timeoutMs: 31_000 })
    await waitFor(`${this.name} to leave recovery`, async () => await this.role() === 'primary', { everyMs: 5, withinMs: 30_000 })
  }

  async role (timeoutMs = 2_000): Promise<ServerRole> {
    try {
      const [row] = await this.query('select pg_is_in_recovery()::text as recovering', { timeoutMs })
      return row?.['recovering'] === 'true' ? 'standby' : 'primary'
    } catch {
      return 'unknown'
    }
  }

  /** Runs SQL as superuser on a connection of its own, directly. Several statements are allowed; values come as text. */
  async query (text: string, options: { database?: string, timeoutMs?: number } = {}): Promise<TextRow[]> {
    return await this.withConnection((connection) => connection.query(text, options.timeoutMs), options)
  }

  async withConnection<T> (use: (connection: WireConnection) => Promise<T>, options: { database?: string, timeoutMs?: number } = {}): Promise<T> {
    const connection = await WireConnection.open({ host: HOST, port: this.#port, user: SUPERUSER, database: options.database ?? 'postgres' }, options.timeoutMs)
    try {
      return await use(connection)
    } finally {
      connection.close()
    }
  }

  async #asServer (program: string, parameters: string[]): Promise<unknown> {
    return await run(program, parameters, { ...this.#binaries.runAs, cwd: this.directory, env: serverEnvironment(), timeout: 60_000 })
  }
}

/** PG* variables of the user's shell would change what the programs do. */
function serverEnvironment (): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = {}
  for (const [key, value] of Object.entries(process.env)) {
    if (!key.startsWith('PG') && !key.startsWith('LC_') && !key.startsWith('NODE_')) environment[key] = value
  }
  return environment
}

/** Signal 0 asks whether the process is there. */
function signal (pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name)
  } catch {
    return false
  }
}

/** A killed process that its new parent has not collected yet is dead all the same. */
async function isAlive (pid: number): Promise<boolean> {
  if (!signal(pid, 0)) return false
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  return !/\) Z /.test(stat)
}

/** Every backend leads a process group of its own, so the group is of no use for reaching them. */
async function childrenOf (pid: number): Promise<number[]> {
  try {
    return (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).split(' ').filter(Boolean).map(Number)
  } catch {
    const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid=']).catch(() => ({ stdout: '' }))
    return stdout.split('\n').map((line) => line.trim().split(/\s+/).map(Number)).filter(([, parent]) => parent === pid).map(([child]) => child as number)
  }
}

// Below the range that systems hand out for outgoing connections: a killed server's port must still be free at its restart.
const FIRST_PORT = 20_000
const LAST_PORT = 32_000

/** A TCP port that nobody listens on. */
export async function freePort (): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT))
    if (await isFree(port)) return port
  }
  throw new Error(`No free TCP port was found between ${FIRST_PORT} and ${LAST_PORT}.`)
}

function isFree (port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: HOST, exclusive: true }, () => server.close(() => resolve(true)))
  })
}

/** Empties the slots that came along with a copy. */
export async function removeCopiedSlots (server: PostgresServer): Promise<void> {
  const slots = join(server.dataDirectory, 'pg_replslot')
  for (const name of await readdir(slots)) await rm(join(slots, name), { recursive: true, force: true })
}
