// What is found out about two servers, and what becomes of their health; on servers that stay as they are.

import { inspect } from 'node:util'
import t from 'tap'
import type { DriverFailure } from '../../lib/core/driver-failure.ts'
import { resolveClientOptions } from '../../lib/core/options.ts'
import type { Connection } from '../../lib/postgres/driver.ts'
import { openServers } from '../../lib/postgres/open-servers.ts'
import { Link } from '../../lib/testing/link.ts'
import { waitFor } from '../../lib/testing/wait-for.ts'
import { keepLog, openTestServers, quick, type Logged } from '../support/open-servers.ts'
import { createTestDatabase } from '../support/shared-cluster.ts'

const database = await createTestDatabase(t, 'create table note (id int primary key)')
const { primaryUrl, replicaUrls } = database
const one = { text: 'select 1', params: [] }
const target = (url: string): { host: string, port: number } => ({ host: '127.0.0.1', port: Number(new URL(url).port) })
const through = (link: Link, url: string): string => { const changed = new URL(url); changed.port = String(link.port); return changed.href }
const named = (url: string, name: string): string => `${url}?application_name=${name}`

async function openLink (t: { teardown (end: () => Promise<void>): void }, url: string): Promise<Link> {
  const link = await Link.open({ from: 'here', to: 'there', purpose: 'database', target: target(url) })
  t.teardown(async () => { await link.close() })
  return link
}

await t.test('a standby and a primary: each is what it says of itself', async (t) => {
  const { servers } = await openTestServers(t, { database: { primary: primaryUrl, replica: replicaUrls.iad } })
  const { local, primary } = servers.facts
  t.match(local, { name: 'local', role: 'standby', up: true, breaker: 'closed', writable: false, positions: 'available', timeline: 1, members: 'one', settings: { pooler: 'none' } })
  t.match(primary, { name: 'primary', role: 'primary', up: true, breaker: 'closed', writable: true, positions: 'available', timeline: 1 })
  t.equal(local.system, primary.system)
  t.type(local.appliedLsn, 'bigint')
  t.equal(local.flushLsn, undefined)
  t.type(primary.flushLsn, 'bigint')
  t.match(servers.facts, { shared: false, writeTo: 'primary', splitBrain: 'none' })
  t.not(servers.local.pool, servers.primary.pool)
  t.equal((await servers.local.acquire()).onStandby, true)
  t.equal((await servers.primary.acquire()).onStandby, false)
})

await t.test('one server behind both names shares one pool, by whatever way it is reached', async (t) => {
  const link = await openLink(t, primaryUrl)
  const { servers } = await openTestServers(t, { database: { primary: through(link, primaryUrl), replica: primaryUrl } })
  t.match(servers.facts, { shared: true, writeTo: 'primary', splitBrain: 'none', local: { writable: true }, primary: { writable: true } })
  t.equal(servers.local.pool, servers.primary.pool)
  link.retarget(target(replicaUrls.iad), 'elsewhere')
  link.reset()
  await waitFor('them to part when they differ', () => !servers.facts.shared)
  t.match(servers.facts, { primary: { role: 'standby', writable: false }, local: { role: 'primary' } })
})

await t.test('one database is enough', async (t) => {
  const { servers, logged } = await openTestServers(t, { database: named(primaryUrl, 'one-database') })
  t.match(servers.facts, { shared: true, writeTo: 'primary', local: { role: 'primary', writable: true } })
  t.equal(servers.local.pool, servers.primary.pool)
  t.equal(await database.connections('primary', 'one-database'), 1, 'the monitor has one connection, not two')
  t.strictSame(logged.filter(({ level }) => level === 'warn'), [], 'no warning noise')
})

await t.test('a position is renewed, and counts in the epoch of its sample', async (t) => {
  const { servers } = await openTestServers(t, { database: { primary: primaryUrl, replica: replicaUrls.iad } })
  const before = servers.facts.local.appliedLsn
  await database.exec('insert into note values (1)')
  await database.waitForReplay('iad')
  const facts = await servers.local.probe()
  t.ok(before !== undefined && facts.appliedLsn !== undefined && facts.appliedLsn > before)
  t.equal(facts.sampleEpoch, servers.local.epoch)
  const connection = await servers.local.acquire()
  t.not(servers.facts.local.sampleEpoch, servers.local.epoch, 'a connection has opened: it may have been another run of the server')
  await servers.local.probe()
  t.equal(servers.facts.local.sampleEpoch, servers.local.epoch)
  connection.destroy()
  t.not(servers.facts.local.sampleEpoch, servers.local.epoch, 'one has closed')
  servers.local.release(connection)
})

await t.test('a look that is asked for is sent after it was asked for, and shared', async (t) => {
  const { servers } = await openTestServers(t, { database: primaryUrl, health: { interval: 60_000 } })
  const startedAtMs = performance.now()
  const facts = await Promise.all([servers.local.probe(), servers.local.probe(), servers.primary.probe()])
  for (const { sampledAtMs } of facts) t.ok(sampledAtMs !== undefined && sampledAtMs >= startedAtMs)
})

await t.test('nothing answers at boot: a clear error within the connect timeout, which names what was tried', async (t) => {
  const link = await openLink(t, primaryUrl)
  link.blackHole()
  const logged: Logged[] = []
  const options = resolveClientOptions({ ...quick, connectTimeout: 400, database: { primary: 'postgres://app:hunter2@127.0.0.1:1/x', replica: through(link, primaryUrl).replace('postgres@', 'postgres:hunter2@') } }, {})
  const error = await openServers(options, { log: keepLog(logged) }).then(() => undefined, (failure: Error) => failure)
  t.match(error, { code: 'FST_MR_DATABASE_UNREACHABLE', message: /primary: ECONNREFUSED/ })
  t.match(error?.message, /replica: (ETIMEDOUT|no answer)/)
  t.notMatch(inspect({ error, logged }, { depth: 9, showHidden: true }), /hunter2/)
})

await t.test('one of the two is enough to boot, and the other is followed from then on', async (t) => {
  for (const dead of ['replica', 'primary'] as const) {
    const url = dead === 'replica' ? replicaUrls.iad : primaryUrl
    const link = await openLink(t, url)
    await link.refuse()
    const { servers, logged } = await openTestServers(t, { database: dead === 'replica' ? { primary: primaryUrl, replica: through(link, url) } : { primary: through(link, url), replica: replicaUrls.iad } })
    const name = dead === 'replica' ? 'local' : 'primary'
    t.match(servers.facts[name], { up: false, role: 'unknown', writable: false })
    t.match(logged.filter(({ level }) => level === 'warn').map(({ message }) => message), ['database endpoint cannot be reached; starting without it'])
    await waitFor('its breaker to open', () => servers.facts[name].breaker === 'open')
    await link.heal()
    await waitFor('it to be found', () => servers.facts[name].breaker === 'closed' && servers.facts[name].up === true)
    t.equal(servers.facts[name].role, dead === 'replica' ? 'standby' : 'primary')
    t.equal(servers.facts.writeTo, 'primary')
  }
})

await t.test('a server that refuses: the breaker opens at once, and closes by the monitor\'s trial alone', async (t) => {
  const link = await openLink(t, replicaUrls.iad)
  const { servers, logged } = await openTestServers(t, { database: { primary: primaryUrl, replica: through(link, replicaUrls.iad) } })
  const changes: string[] = []
  t.teardown(servers.onChange((facts) => { if (changes.at(-1) !== facts.local.breaker) changes.push(facts.local.breaker) }))
  await link.refuse()
  link.reset()
  await waitFor('the breaker to open', () => servers.facts.local.breaker === 'open')
  t.equal(servers.facts.local.role, 'standby', 'as last proven')
  await link.heal()
  await waitFor('the breaker to close', () => servers.facts.local.breaker === 'closed')
  t.ok(changes.includes('half-open'))
  t.match(logged.filter(({ message }) => message.startsWith('database endpoint is')).map(({ level, message }) => [level, message]), [['warn', 'database endpoint is down'], ['info', 'database endpoint is up']], 'said once each')
})

await t.test('a server that says nothing: running reads are freed long before their deadline', async (t) => {
  const link = await openLink(t, replicaUrls.iad)
  const { servers } = await openTestServers(t, { database: { primary: primaryUrl, replica: through(link, replicaUrls.iad) }, connectTimeout: 400 })
  const connection = await servers.local.acquire()
  await connection.query(one)
  link.blackHole()
  const failure = await connection.query(one).then(() => undefined, (error: DriverFailure) => error)
  servers.local.release(connection)
  t.match(failure, { kind: 'lost', sent: true }, 'the deadline, 15 s away, would say so')
  t.equal(servers.facts.local.breaker, 'open')
})

await t.test('ten connections that an administrator ends are no reason to call a server down', async (t) => {
  const { servers } = await openTestServers(t, { database: { primary: primaryUrl, replica: named(replicaUrls.iad, 'ended-at-once') } })
  const held = await Promise.all(Array.from({ length: 10 }, async () => await servers.local.acquire()))
  const breakers = new Set<string>()
  t.teardown(servers.onChange((facts) => { breakers.add(facts.local.breaker) }))
  const failures = Promise.all(held.map(async (connection: Connection) => {
    await connection.query({ text: 'select pg_sleep(20)', params: [] }).catch((failure: DriverFailure) => { servers.local.report(failure) })
    servers.local.release(connection)
  }))
  await waitFor('all to sleep', async () => (await database.exec("select 1 from pg_stat_activity where application_name = 'ended-at-once' and wait_event = 'PgSleep'", 'iad')).length === 10)
  await database.killBackends('iad', 'ended-at-once')
  await failures
  await servers.local.probe()
  t.strictSame([...breakers], ['closed'])
  t.match(await (await servers.local.acquire()).query(one), { rows: [['1']] })
})

await t.test('an unprivileged role sees role, timeline and positions', async (t) => {
  await database.exec('create role plain login')
  t.teardown(() => database.exec('drop owned by plain; drop role plain').then(() => {}, () => {}))
  await database.waitForReplay()
  const as = (url: string): string => url.replace('postgres@', 'plain@')
  const { servers } = await openTestServers(t, { database: { primary: as(primaryUrl), replica: as(replicaUrls.iad) } })
  t.match(servers.facts, { local: { role: 'standby', positions: 'available', timeline: 1 }, primary: { role: 'primary', positions: 'available', timeline: 1 }, shared: false })
  t.type(servers.facts.local.appliedLsn, 'bigint')
  t.ok(servers.facts.local.system)
})

await t.test('a server that refuses its position functions is up, and says so', async (t) => {
  const other = await createTestDatabase(t, `
    create role blind login;
    revoke execute on function pg_last_wal_replay_lsn(), pg_current_wal_flush_lsn(), pg_control_system(), pg_control_checkpoint(), pg_control_recovery(), pg_walfile_name(pg_lsn) from public;
    revoke select on pg_settings from public`)
  t.teardown(() => other.exec('drop owned by blind; drop role blind').then(() => {}, () => {}))
  await other.waitForReplay()
  const as = (url: string): string => url.replace('postgres@', 'blind@')
  const { servers, logged } = await openTestServers(t, { database: { primary: as(other.primaryUrl), replica: as(other.replicaUrls.iad) } })
  t.match(servers.facts, { writeTo: 'primary', local: { role: 'standby', up: true, breaker: 'closed', positions: 'none', system: undefined, timeline: undefined }, primary: { role: 'primary', writable: true, positions: 'none' } })
  t.strictSame(logged.filter(({ fields }) => fields['reason'] === 'no-positions').map(({ fields }) => fields['endpoint']), ['local', 'primary'], 'one warning each')
  await servers.local.probe()
  t.equal(servers.facts.local.breaker, 'closed')
})

await t.test('a pool that is larger than its server allows, and a primary that is a standby, are said at start', async (t) => {
  const { logged } = await openTestServers(t, { database: { primary: replicaUrls.iad, replica: replicaUrls.nrt }, pool: { max: 5_000 } })
  const warned = logged.filter(({ level }) => level === 'warn')
  t.strictSame(warned.map(({ fields }) => fields['reason']).sort(), ['pool-too-large', 'primary-is-standby'])
  t.match(warned.find(({ fields }) => fields['reason'] === 'pool-too-large')?.message, /`pool\.max`/, 'the setting is named')
})

await t.test('everything goes to one address of a name, and to another only after a failure', async (t) => {
  const link = await openLink(t, replicaUrls.iad)
  const asked: string[] = []
  const addresses = ['127.0.0.3', '127.0.0.1', '127.0.0.4']
  const resolve = (name: string): Promise<string[]> => { asked.push(name); return Promise.resolve(addresses) }
  const url = through(link, replicaUrls.iad).replace('127.0.0.1', 'members.test')
  const { servers } = await openTestServers(t, { database: { primary: primaryUrl, replica: url } }, { resolve })
  t.equal(servers.facts.local.up, true, 'the first address that answers')
  const held = await Promise.all([servers.local.acquire(), servers.local.acquire(), servers.local.acquire()])
  t.strictSame(asked, ['members.test'], 'resolved once for the monitor and the pool')
  for (const connection of held) servers.local.release(connection)
  link.reset()
  await waitFor('the connections to be back', async () => (await servers.local.probe()).up === true)
  t.equal(asked.length <= 2, true)
})

await t.test('close ends everything within its bound, once, and leaves no connection', async (t) => {
  const { servers } = await openTestServers(t, { database: { primary: named(primaryUrl, 'close-all'), replica: named(replicaUrls.iad, 'close-all') } })
  const connection = await servers.primary.acquire()
  const left = connection.query({ text: 'select pg_sleep(30)', params: [] }).catch((failure: DriverFailure) => failure.kind)
  const closing = servers.close(300)
  t.equal(servers.close(), closing)
  await closing
  t.equal(await left, 'lost', 'it would have slept for 30 s')
  await waitFor('the servers to have none of its idle connections', async () => await database.connections('iad', 'close-all') === 0)
  t.match(await Promise.resolve(servers.local.acquire()).catch((error: Error) => error), { code: 'FST_MR_CLIENT_CLOSED' })
})

await t.test('a boot that is aborted ends', async (t) => {
  const options = resolveClientOptions({ ...quick, database: named(primaryUrl, 'aborted-boot') }, {})
  await t.rejects(openServers(options, { log: keepLog([]), signal: AbortSignal.abort(new Error('no longer wanted')) }), { message: 'no longer wanted' })
  await waitFor('no connection to be left', async () => await database.connections('primary', 'aborted-boot') === 0)
})
