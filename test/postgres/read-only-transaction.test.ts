// Read-only transactions: where they run above a floor, what becomes of a refusal that the callback swallows, and of
// the ends that need no COMMIT.

import t from 'tap'
import { parseLsn, type Lsn } from '../../lib/core/lsn.ts'
import { Floor } from '../../lib/postgres/floor.ts'
import { Link } from '../../lib/testing/link.ts'
import { waitFor } from '../../lib/testing/wait-for.ts'
import { openBalancer } from '../support/balancer.ts'
import { createTestDatabase } from '../support/shared-cluster.ts'
import { openClients, type TestClients } from '../support/test-clients.ts'

const database = await createTestDatabase(t, 'create table note (id serial primary key, text text not null)')
const inIad = await openClients(t, { database: { primary: database.primaryUrl, replica: database.replicaUrls.iad } })

const portOf = (url: string): number => Number(new URL(url).port)
const at = (url: string, port: number): string => url.replace(/:\d+\//, `:${port}/`)

/** The position of a write that has been made now. */
async function written (clients: TestClients): Promise<Floor> {
  await database.exec("insert into note (text) values ('x')")
  const [row] = await database.exec('select pg_current_wal_flush_lsn()::text as lsn')
  const { system, timeline } = clients.servers.facts.primary
  const floor = new Floor('primary')
  floor.raiseTo({ system, timeline, lsn: parseLsn(String(row?.['lsn'])) as Lsn }) // a server's own text
  return floor
}

const read = (request: ReturnType<TestClients['request']>): Promise<{ standby: boolean, n: number }[]> =>
  request.db.$transaction(async (tx) => tx.$queryRaw<{ standby: boolean, n: number }[]>`select pg_is_in_recovery() as standby, count(*)::int as n from note`, { readOnly: true })
const count = async (): Promise<number> => Number((await database.exec('select count(*) from note'))[0]?.['count'])

await t.test('above a floor that the replica has reached: here, by a look before the BEGIN or by what is known', async (t) => {
  const floor = await written(inIad)
  await database.waitForReplay('iad')
  for (let i = 0; i < 2; i++) {
    const request = inIad.request({ floor })
    t.same(await read(request), [{ standby: true, n: await count() }])
    t.same(request.replays, [])
  }
})

await t.test('above a floor that the replica has not reached: a replay, else the primary, else after a wait', async (t) => {
  await database.pauseReplay('iad')
  const floor = await written(inIad)
  const replayed = inIad.request({ floor })
  await t.rejects(read(replayed), { code: 'FST_MR_REPLAY_REQUESTED' })
  t.same(replayed.replays, ['behind-floor'])
  t.same(await read(inIad.request({ floor, blocked: 'no-proxy' })), [{ standby: false, n: await count() }])
  const waiting = read(inIad.request({ floor, blocked: 'no-proxy', waitMs: 20_000 }))
  await database.resumeReplay('iad')
  t.same(await waiting, [{ standby: true, n: await count() }])
})

await t.test('several servers behind one address: no look of one connection counts for another, so the primary', async (t) => {
  const balancer = await openBalancer(t, [portOf(database.replicaUrls.iad), portOf(database.replicaUrls.nrt)])
  const clients = await openClients(t, { database: { primary: database.primaryUrl, replica: at(database.replicaUrls.iad, balancer.port) }, pool: { max: 4 } })
  await Promise.all(Array.from({ length: 8 }, async () => clients.request().db.$queryRaw`select 1`))
  // The last of them may still be opening when all have their answers.
  await waitFor('a session on each of the servers', () => clients.servers.facts.local.members === 'several')
  const floor = await written(clients)
  await database.waitForReplay()
  t.match(await read(clients.request({ floor, blocked: 'no-proxy' })), [{ standby: false }])
  const array = clients.request({ floor, blocked: 'no-proxy' })
  const [rows] = await array.db.$transaction([array.db.$queryRaw<{ standby: boolean }[]>`select pg_is_in_recovery() as standby`], { isolationLevel: 'RepeatableRead' })
  t.same(rows, [{ standby: false }], 'nor for a transaction whose snapshot would be older than the look')
})

await t.test('the monitor that comes back to another server of the address speaks for none of the sessions to the first', async (t) => {
  const [iad, nrt] = [portOf(database.replicaUrls.iad), portOf(database.replicaUrls.nrt)]
  const link = await Link.open({ from: 'iad', to: 'iad', purpose: 'database', target: { host: '127.0.0.1', port: iad } })
  t.teardown(async () => { await link.close() })
  const clients = await openClients(t, { database: { primary: database.primaryUrl, replica: at(database.replicaUrls.iad, link.port) } })
  t.match(await read(clients.request()), [{ standby: true }])
  link.retarget({ host: '127.0.0.1', port: nrt })
  await database.exec("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query like '%pg_postmaster_start_time%' and pid <> pg_backend_pid()", 'iad')
  await waitFor('the monitor to have come back', async () => {
    await clients.servers.local.probe()
    return clients.servers.facts.local.fingerprint.port === String(nrt)
  })
  await database.pauseReplay('iad')
  const floor = await written(clients)
  await database.waitForReplay('nrt')
  await clients.servers.local.probe()
  const request = clients.request({ floor, blocked: 'no-proxy' })
  const [row] = await request.db.$queryRaw<{ n: number }[]>`select count(*)::int as n from note`
  await database.resumeReplay('iad')
  t.equal(row?.n, await count())
})

await t.test('beside a primary that turns out to be a standby: it has moved', async (t) => {
  const moved = await openClients(t, { database: { primary: database.replicaUrls.nrt, replica: database.replicaUrls.iad } })
  await t.rejects(moved.db.$primary.$transaction(async (tx) => tx.$queryRaw`select 1`, { readOnly: true }), { code: 'FST_MR_PRIMARY_MOVED', statusCode: 503 })
})

await t.test('a table that has not arrived asks for a replay, also when the callback swallows the refusal', async (t) => {
  await database.pauseReplay('iad')
  for (const [table, swallow] of [['late_one', false], ['late_two', true]] as const) {
    await database.exec(`create table ${table} (id int)`)
    const request = inIad.request()
    await t.rejects(request.db.$transaction(async (tx) => {
      const rows = tx.$queryRawUnsafe(`select * from ${table}`)
      await (swallow ? rows.catch(() => {}) : rows)
      return 'went on'
    }, { readOnly: true }), { code: 'FST_MR_REPLAY_REQUESTED' })
    t.same(request.replays, ['schema-behind'])
    t.equal(request.state.place, 'replaying')
  }
  await database.resumeReplay('iad')
})

await t.test('a COMMIT whose answer is lost had nothing to commit', async (t) => {
  const link = await Link.open({ from: 'iad', to: 'iad', purpose: 'database', target: { host: '127.0.0.1', port: portOf(database.replicaUrls.iad) } })
  t.teardown(async () => { await link.close() })
  const clients = await openClients(t, { database: { primary: database.primaryUrl, replica: at(database.replicaUrls.iad, link.port) } })
  link.resetOn({ direction: 'to-target', matches: (chunk) => chunk.toString('latin1').includes('commit'), chunk: 'drop' })
  const request = clients.request()
  t.match(await read(request), [{ standby: true }])
  t.same(request.commits, [])
  t.same(request.routed.map(({ target, failed }) => [target, failed]), [['local', false]])
})

await t.test('a callback that runs nothing leaves its request as free as it was', async (t) => {
  for (const fails of [false, true]) {
    const request = inIad.request({ blocked: 'no-proxy' })
    const running = request.db.$transaction(async () => { if (fails) throw new Error('the application'); return 'nothing' })
    if (fails) await t.rejects(running, { message: 'the application' })
    else t.equal(await running, 'nothing')
    t.equal(request.state.place, 'open')
    t.ok(request.state.mayReplay())
    t.same(request.commits, [])
  }
})
