// Holds one shared cluster for the test suite; a process of its own, started on demand by `shared-cluster.ts`.
//
// A test process leases the whole cluster over a local socket, so that it may pause replay without disturbing
// another file; the end of its connection ends the lease, however the process ended. Databases are made ahead
// while nobody holds the lease, and the used ones are dropped after it. The keeper ends when nobody holds the
// lease and no test run that used it is alive.

import { chmodSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { DatabaseCluster, quoteName } from '../../lib/testing/database-cluster.ts'
import { type KeeperAnswer, type KeeperRequest, PRIMARY_REGION, REPLICA_REGIONS } from './shared-cluster-protocol.ts'

const SPARE_DATABASES = 2
const LOOK_EVERY_MS = 200
const FIRST_LEASE_WITHIN_MS = 20_000

const [socketPath, spawnerPid] = process.argv.slice(2) as [string, string]

const cluster = await DatabaseCluster.start({
  primary: PRIMARY_REGION,
  standbys: REPLICA_REGIONS,
  settings: { wal_level: 'logical' },
})

const runs = new Set<number>()
const spares: string[] = []
const used = new Set<string>()
let made = 0
let leaseholder: Socket | undefined
// Until its spawner has come, the cluster is kept for it.
let reservedFor: number | undefined = Number(spawnerPid)
let idleSinceMs = performance.now()
let everLeased = false
let tidying: Promise<void> = Promise.resolve()

async function makeDatabase (): Promise<string> {
  const name = `test_${process.pid}_${++made}`
  await cluster.primary.query(`create database ${name}`)
  return name
}

async function dropDatabase (name: string): Promise<void> {
  used.delete(name)
  await cluster.primary.query(`drop database if exists ${quoteName(name)} with (force)`)
}

/** Gives the next leaseholder what the last one found. */
async function tidy (): Promise<void> {
  for (const region of REPLICA_REGIONS) {
    await cluster.server(region).withConnection(async (connection) => {
      await connection.query('alter system reset all')
      await connection.query('select pg_reload_conf()')
      await connection.query('select pg_wal_replay_resume()')
    })
  }
  await cluster.primary.withConnection(async (connection) => {
    await connection.query('alter system reset all')
    await connection.query('select pg_reload_conf()')
  })
  for (const name of used) await dropDatabase(name)
  for (let missing = SPARE_DATABASES - spares.length; missing > 0; missing--) {
    // A lease that waits for the tidying is not kept for more than it needs.
    if (leaseholder !== undefined && spares.length > 0) break
    spares.push(await makeDatabase())
  }
  await cluster.waitForReplay()
}

async function answer (socket: Socket, request: KeeperRequest): Promise<KeeperAnswer> {
  switch (request.type) {
    case 'lease': {
      if (leaseholder !== undefined || (reservedFor !== undefined && reservedFor !== request.pid)) return { type: 'busy' }
      reservedFor = undefined
      leaseholder = socket
      everLeased = true
      runs.add(request.runPid)
      await tidying
      return { type: 'leased', ports: Object.fromEntries([...cluster.servers].map(([name, server]) => [name, server.port])) }
    }
    case 'make-database': {
      const name = spares.pop() ?? await makeDatabase()
      used.add(name)
      return { type: 'database', name }
    }
    case 'drop-database':
      await dropDatabase(request.name)
      return { type: 'done' }
    case 'end-run':
      runs.delete(request.runPid)
      if (inUse()) return { type: 'busy' }
      await end()
      return { type: 'done' }
  }
}

const server = createServer((socket) => {
  socket.on('error', () => {})
  socket.on('close', () => {
    if (leaseholder !== socket) return
    leaseholder = undefined
    idleSinceMs = performance.now()
    tidying = tidy().catch(endBroken)
  })
  createInterface({ input: socket }).on('line', (line) => {
    answer(socket, JSON.parse(line) as KeeperRequest)
      .catch((failure: unknown): KeeperAnswer => ({ type: 'failed', message: String(failure) }))
      .then((reply) => { socket.write(`${JSON.stringify(reply)}\n`) }, () => {})
  })
})

function inUse (): boolean {
  if (leaseholder !== undefined) return true
  for (const pid of runs) {
    if (isAlive(pid)) return true
    runs.delete(pid)
  }
  return !everLeased && isAlive(Number(spawnerPid)) && performance.now() - idleSinceMs < FIRST_LEASE_WITHIN_MS
}

function isAlive (pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (failure) {
    return (failure as NodeJS.ErrnoException).code === 'EPERM'
  }
}

async function end (): Promise<void> {
  rmSync(socketPath, { force: true })
  server.close()
  await tidying
  await cluster.close()
  // The answer to who asked for the end goes out first.
  setTimeout(() => process.exit(0), 50)
}

function endBroken (failure: unknown): void {
  process.stderr.write(`the shared cluster cannot be tidied: ${String(failure)}\n`)
  rmSync(socketPath, { force: true })
  cluster.close().then(() => process.exit(1), () => process.exit(1))
}

tidying = tidy().catch(endBroken)
server.listen(socketPath, () => chmodSync(socketPath, 0o600))
setInterval(() => { if (!inUse()) end().catch(() => process.exit(1)) }, LOOK_EVERY_MS)
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => { end().catch(() => process.exit(1)) })
