// Promotion, clones, demotion and split brain, on clusters of their own.

import t from 'tap'
import { DriverFailure } from '../../lib/core/driver-failure.ts'
import type { EndpointInput } from '../../lib/core/endpoint.ts'
import { classify } from '../../lib/core/verdict.ts'
import { DatabaseCluster } from '../../lib/testing/database-cluster.ts'
import { Link } from '../../lib/testing/link.ts'
import type { PostgresServer } from '../../lib/testing/server.ts'
import { waitFor } from '../../lib/testing/wait-for.ts'
import { openTestServers } from '../support/open-servers.ts'

interface Teardown {
  teardown (end: () => void | Promise<void>): void
}

async function startCluster (t: Teardown, standbys: string[]): Promise<DatabaseCluster> {
  const cluster = await DatabaseCluster.start({ primary: 'fra', standbys })
  t.teardown(async () => { await cluster.close() })
  await cluster.primary.query('create table note (id int primary key)', { database: cluster.database })
  await cluster.waitForReplay()
  return cluster
}

const url = (cluster: DatabaseCluster, name: string): string => cluster.server(name).url(cluster.database)

async function openLink (t: Teardown, server: PostgresServer): Promise<Link> {
  const link = await Link.open({ from: 'here', to: server.name, purpose: 'database', target: { host: '127.0.0.1', port: server.port } })
  t.teardown(async () => { await link.close() })
  return link
}

const through = (link: Link, cluster: DatabaseCluster, name: string): string => {
  const changed = new URL(url(cluster, name))
  changed.port = String(link.port)
  return changed.href
}

const insert = (id: number): { text: string, params: string[] } => ({ text: 'insert into note values ($1::int)', params: [String(id)] })

await t.test('a promotion here, the old primary dead: writes go to the local server, in a new pool', async (t) => {
  const cluster = await startCluster(t, ['iad'])
  const { servers, logged } = await openTestServers(t, { database: { primary: url(cluster, 'fra'), replica: url(cluster, 'iad') } })
  const before = await servers.local.acquire()
  await before.simple('begin')
  await before.query({ text: 'select count(*) from note', params: [] })
  const oldPool = servers.local.pool
  await cluster.server('fra').kill()
  await cluster.promote('iad', { followers: 'stay' })
  await waitFor('the promotion to be seen', () => servers.facts.writeTo === 'local' && servers.facts.primary.up === false)
  t.match(servers.facts, { splitBrain: 'none', shared: false, local: { role: 'primary', timeline: 2, writable: true }, primary: { writable: false, fenced: 'older-timeline' } })
  t.not(servers.local.pool, oldPool, 'what was opened to a standby is replaced')

  const failure = await before.query(insert(1)).then(() => undefined, (error: DriverFailure) => error)
  t.match(failure, { code: '25006', onStandby: false }, 'a transaction from before the promotion stays read-only')
  t.equal(failure instanceof DriverFailure && classify(failure, 'standby'), 'promoted')
  await before.simple('rollback')
  servers.local.release(before)
  await waitFor('the old pool to be gone', () => oldPool.stats().open === 0)

  const after = await servers.local.acquire()
  t.match(await after.query(insert(1)), { command: 'INSERT', count: 1 })
  servers.local.release(after)
  t.ok(logged.some(({ message, fields }) => message === 'database role changed' && fields['endpoint'] === 'local' && fields['role'] === 'primary' && fields['was'] === 'standby'))
})

await t.test('a promotion here while the old primary lives on: the newer timeline is written, and split brain is said', async (t) => {
  const cluster = await startCluster(t, ['iad'])
  const { servers, logged } = await openTestServers(t, { database: { primary: url(cluster, 'fra'), replica: url(cluster, 'iad') } })
  await cluster.promote('iad', { followers: 'stay' })
  await waitFor('the promotion to be seen', () => servers.facts.writeTo === 'local')
  t.match(servers.facts, { splitBrain: 'older-timeline', local: { writable: true, fenced: undefined }, primary: { role: 'primary', writable: false, fenced: 'older-timeline' } })
  t.ok(logged.some(({ level, fields }) => level === 'error' && fields['reason'] === 'older-timeline'))
  await cluster.rejoin('fra')
  await waitFor('the old primary to be seen as a standby', () => servers.facts.primary.role === 'standby')
  t.match(servers.facts, { splitBrain: 'none', writeTo: 'local', primary: { fenced: undefined, writable: false } })
})

await t.test('a clone behind the replica\'s name is not written, and beside its origin nobody is', async (t) => {
  const cluster = await startCluster(t, ['iad'])
  const link = await openLink(t, cluster.server('iad'))
  const { servers } = await openTestServers(t, { database: { primary: url(cluster, 'fra'), replica: through(link, cluster, 'iad') } })
  const clone = await cluster.clone('copy')
  t.equal(clone.running, true)

  await t.rejects(openTestServers(t, { database: { primary: url(cluster, 'fra'), replica: url(cluster, 'copy') } }), { code: 'FST_MR_TOPOLOGY_INVALID', message: /clone/ }, 'at boot it is an error')
  const alone = await openTestServers(t, { database: { primary: 'postgres://postgres@127.0.0.1:1/app', replica: url(cluster, 'copy') } })
  t.match(alone.servers.facts, { writeTo: 'none', local: { role: 'primary', writable: false, fenced: 'unproven-promotion' } }, 'without the primary to compare it with it is not written')
  t.ok(alone.logged.some(({ level, message }) => level === 'warn' && message.includes('trustPromotedReplica')))
  const trusted = await openTestServers(t, { database: { primary: 'postgres://postgres@127.0.0.1:1/app', replica: url(cluster, 'copy') }, trustPromotedReplica: true })
  t.match(trusted.servers.facts, { writeTo: 'local', local: { writable: true } })

  link.retarget({ host: '127.0.0.1', port: clone.port }, 'copy')
  link.reset()
  await waitFor('the clone to be seen', () => servers.facts.splitBrain === 'equal-timeline')
  t.match(servers.facts, { writeTo: 'none', local: { writable: false, fenced: 'equal-timeline' }, primary: { writable: false, fenced: 'equal-timeline' } })
  link.retarget({ host: '127.0.0.1', port: cluster.server('iad').port }, 'iad')
  link.reset()
  await waitFor('the standby to be back', () => servers.facts.writeTo === 'primary')
  t.match(servers.facts, { splitBrain: 'none', primary: { writable: true } })
})

await t.test('a foreign system is read, and never written', async (t) => {
  const [cluster, other] = await Promise.all([startCluster(t, []), startCluster(t, [])])
  const { servers, logged } = await openTestServers(t, { database: { primary: url(cluster, 'fra'), replica: url(other, 'fra') } })
  t.match(servers.facts, { writeTo: 'primary', splitBrain: 'none', local: { role: 'primary', writable: false, fenced: 'foreign-system' }, primary: { writable: true } })
  t.ok(logged.some(({ fields }) => fields['reason'] === 'foreign-replica'))
})

await t.test('the primary moves: found in a list of candidates, or by a function, by its role', async (t) => {
  const cluster = await startCluster(t, ['iad', 'nrt'])
  const list = await openTestServers(t, { database: { primary: [url(cluster, 'iad'), url(cluster, 'fra')], replica: url(cluster, 'nrt') } })
  let answer: EndpointInput = url(cluster, 'fra')
  let asked = 0
  const found = await openTestServers(t, { database: { primary: () => { asked++; return Promise.resolve(answer) }, replica: url(cluster, 'nrt') } })
  for (const { servers } of [list, found]) t.match(servers.facts, { writeTo: 'primary', primary: { role: 'primary', timeline: 1 } }, 'the one out of recovery, wherever it stands')
  t.equal(asked, 1)

  await cluster.server('fra').kill()
  await cluster.promote('iad', { followers: 'follow' })
  answer = url(cluster, 'iad')
  for (const { servers } of [list, found]) {
    await waitFor('the new primary to be found', () => servers.facts.primary.writable && servers.facts.primary.timeline === 2, { withinMs: 10_000 })
    const connection = await servers.primary.acquire()
    t.match(await connection.query({ text: 'select pg_is_in_recovery()', params: [] }), { rows: [['f']] })
    servers.primary.release(connection)
    await waitFor('the replica\'s timeline to follow', async () => (await servers.local.probe()).timeline === 2, { withinMs: 10_000 })
    t.equal(servers.facts.local.role, 'standby')
  }
})

await t.test('a restart of the one server behind both names is no split brain', async (t) => {
  const cluster = await startCluster(t, [])
  const link = await openLink(t, cluster.server('fra'))
  const { servers } = await openTestServers(t, { database: { primary: through(link, cluster, 'fra'), replica: url(cluster, 'fra') } })
  const seen = new Set<string>()
  t.teardown(servers.onChange((facts) => { seen.add(facts.splitBrain) }))
  t.equal(servers.facts.shared, true)
  const connection = await servers.primary.acquire()
  for (let round = 0; round < 3; round++) {
    await cluster.server('fra').kill()
    await cluster.server('fra').start()
    await waitFor('both to be back', async () => {
      const facts = await Promise.all([servers.local.probe(), servers.primary.probe()])
      return facts.every((one) => one.up === true && one.breaker === 'closed') && servers.facts.shared && servers.facts.primary.writable
    }, { withinMs: 10_000 })
  }
  t.strictSame([...seen], ['none'])
  servers.primary.release(connection)
  const next = await servers.primary.acquire()
  t.match(await next.query(insert(1)), { count: 1 })
  servers.primary.release(next)
})

await t.test('a standby that conflicts with replay, crashes, or is frozen: the failure says which', async (t) => {
  const cluster = await startCluster(t, ['iad'])
  const { servers } = await openTestServers(t, { database: { primary: url(cluster, 'fra'), replica: url(cluster, 'iad') } })
  await cluster.server('iad').query("alter system set max_standby_streaming_delay = '0'")
  await cluster.server('iad').query('select pg_reload_conf()')
  const reader = await servers.local.acquire()
  await reader.batch([{ text: 'begin', params: [] }, { text: 'select count(*) from note', params: [] }])
  await cluster.primary.query('alter table note add column body text', { database: cluster.database })
  await waitFor('the session to be ended', () => reader.dead)
  const failure = await reader.query({ text: 'select 1', params: [] }).then(() => undefined, (error: DriverFailure) => error)
  t.match(failure, { kind: 'lost', sent: false })
  servers.local.release(reader)

  const sleeper = await servers.local.acquire()
  const running = sleeper.query({ text: 'select pg_sleep(1), count(*) from note', params: [] }).then(() => undefined, (error: DriverFailure) => error)
  await waitFor('it to run', async () => (await cluster.server('iad').query("select 1 from pg_stat_activity where wait_event = 'PgSleep'")).length > 0)
  await cluster.primary.query('alter table note drop column body', { database: cluster.database })
  const conflict = await running
  t.equal(conflict?.code, '40001')
  t.equal(conflict instanceof DriverFailure && classify(conflict, 'standby'), 'recovery-conflict')
  servers.local.release(sleeper)

  const victim = await servers.local.acquire()
  const dying = victim.query({ text: 'select pg_sleep(20)', params: [] }).then(() => undefined, (error: DriverFailure) => error)
  await waitFor('it to run', async () => (await cluster.server('iad').query("select 1 from pg_stat_activity where wait_event = 'PgSleep'")).length > 0)
  await cluster.server('iad').stop('immediate')
  const lost = await dying
  t.match(lost, { kind: 'lost', sent: true })
  t.ok(['57P01', '57P02', 'CONNECTION_CLOSED', 'ECONNRESET'].includes(lost?.code ?? ''), `an immediate shutdown is a ${lost?.code}`)
  servers.local.release(victim)
  await waitFor('the breaker to open', () => servers.facts.local.breaker === 'open')
  await cluster.server('iad').start()
  await waitFor('the breaker to close', () => servers.facts.local.breaker === 'closed' && servers.facts.local.role === 'standby', { withinMs: 10_000 })

  const frozen = await servers.local.acquire()
  await cluster.server('iad').freeze()
  const silent = await frozen.query({ text: 'select 1', params: [] }).then(() => undefined, (error: DriverFailure) => error)
  t.match(silent, { kind: 'lost' }, 'freed when the monitor has found out, not at the deadline')
  servers.local.release(frozen)
  t.equal(servers.facts.local.breaker, 'open')
  await cluster.server('iad').thaw()
  await waitFor('the breaker to close', () => servers.facts.local.breaker === 'closed', { withinMs: 10_000 })
})

await t.test('too many connections, starting up: refusals of the server have their code', async (t) => {
  const cluster = await startCluster(t, [])
  await cluster.primary.query('create role few login connection limit 1')
  const few = new URL(url(cluster, 'fra'))
  few.username = 'few'
  const { servers } = await openTestServers(t, { database: few.href })
  const failure = await Promise.resolve(servers.primary.acquire()).then(() => undefined, (error: DriverFailure) => error)
  t.match(failure, { kind: 'connect', code: '53300', sent: false })
  t.equal(failure instanceof DriverFailure && classify(failure, 'primary'), 'not-run')
  t.equal(servers.facts.primary.up, true, 'the monitor has its own')
})
