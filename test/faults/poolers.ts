// A pooler in transaction mode between the apps and each server: PgBouncer where it is installed, else the small one
// of the tests.

import { spawn, spawnSync } from 'node:child_process'
import { connect } from 'node:net'
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findBinaries } from '../../lib/testing/binaries.ts'
import { freePort } from '../../lib/testing/server.ts'
import { waitFor } from '../../lib/testing/index.ts'
import { openTransactionPooler } from '../support/transaction-pooler.ts'

export interface Poolers {
  readonly kind: 'pgbouncer' | 'stand-in'
  /** The same server, through the pooler. */
  through (url: string): string
  close (): Promise<void>
}

export async function openPoolers (urls: readonly string[]): Promise<Poolers> {
  return spawnSync('pgbouncer', ['--version']).status === 0 ? await openPgBouncer(urls) : await openStandIns(urls)
}

async function openStandIns (urls: readonly string[]): Promise<Poolers> {
  const ends: (() => void | Promise<void>)[] = []
  const ports = new Map<string, number>()
  for (const url of urls) {
    const { hostname, port } = new URL(url)
    ports.set(url, await openTransactionPooler({ teardown: (end) => { ends.push(end) } }, { host: hostname, port: Number(port) }))
  }
  return {
    kind: 'stand-in',
    through: (url) => withChange(url, (to) => { to.port = String(ports.get(url)) }),
    async close () { await Promise.all(ends.map(async (end) => { await end() })) },
  }
}

async function openPgBouncer (urls: readonly string[]): Promise<Poolers> {
  const { runAs } = await findBinaries()
  const directory = await mkdtemp(join(tmpdir(), 'multi-region-pgbouncer-'))
  if (runAs !== undefined) await chown(directory, runAs.uid, runAs.gid)
  const port = await freePort()
  const databases = urls.map((url, index) => {
    const { hostname, port: serverPort, pathname, username } = new URL(url)
    return `server${index} = host=${hostname} port=${serverPort} dbname=${pathname.slice(1)} user=${username}`
  })
  const file = join(directory, 'pgbouncer.ini')
  await writeFile(file, `[databases]
${databases.join('\n')}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 15
server_connect_timeout = 1
server_login_retry = 1
query_wait_timeout = 2
logfile = ${join(directory, 'log')}
`)
  const pooler = spawn('pgbouncer', ['--quiet', file], { stdio: 'ignore', ...(runAs !== undefined && { uid: runAs.uid, gid: runAs.gid }) })
  const ended = new Promise<void>((resolve) => { pooler.once('exit', () => { resolve() }) })
  await waitFor('pgbouncer to listen', async () => await isListening(port))
  return {
    kind: 'pgbouncer',
    through: (url) => withChange(url, (to) => {
      to.port = String(port)
      to.pathname = `/server${urls.indexOf(url)}`
    }),
    async close () {
      pooler.kill('SIGKILL')
      await ended
      await rm(directory, { recursive: true, force: true })
    },
  }
}

async function isListening (port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port }, () => { socket.destroy(); resolve(true) })
    socket.once('error', () => { resolve(false) })
  })
}

function withChange (url: string, change: (to: URL) => void): string {
  const to = new URL(url)
  change(to)
  return to.href
}
