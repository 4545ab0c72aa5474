import t from 'tap'
import type { ClientOptions } from '../../lib/core/options.ts'
import { DatabaseCluster } from '../../lib/testing/database-cluster.ts'
import { Link } from '../../lib/testing/link.ts'
import { waitFor } from '../../lib/testing/wait-for.ts'
import type { Client } from '../../lib/query/args/client.ts'
import * as schema from '../support/notes-schema.ts'
import { notesSql } from '../support/notes-sql.ts'
import { openClients, type TestClients, type TestRequest } from '../support/test-clients.ts'

type Db = Client<typeof schema>
const typed = (request: TestRequest): Db => request.db as unknown as Db

interface Place {
  readonly cluster: DatabaseCluster
  /** What the client calls its local server and its primary. */
  readonly localLink: Link
  readonly primaryLink: Link
  readonly clients: TestClients
  readonly count: (server: string) => Promise<number>
}

async function start (t: { teardown (end: () => unknown): void }, options: { readonly local: 'fra' | 'iad', readonly statementTimeout?: number } & Pick<ClientOptions, 'health' | 'pool' | 'retries'>): Promise<Place> {
  const cluster = await DatabaseCluster.start({ primary: 'fra', standbys: ['iad'] })
  t.teardown(() => cluster.close())
  await cluster.primary.query(notesSql, { database: cluster.database })
  await cluster.waitForReplay()
  const link = async (to: string): Promise<Link> => {
    const made = await Link.open({ from: 'app', to, purpose: 'database', target: { host: '127.0.0.1', port: cluster.server(to).port } })
    t.teardown(() => made.close())
    return made
  }
  const [localLink, primaryLink] = [await link(options.local), await link('fra')]
  const urlOf = (link: Link): string => {
    const url = new URL(cluster.primary.url(cluster.database))
    url.hostname = link.host
    url.port = String(link.port)
    return url.href
  }
  const clients = await openClients(t as never, {
    schema,
    database: { primary: urlOf(primaryLink), replica: urlOf(localLink) },
    connectTimeout: 1_000,
    statementTimeout: options.statementTimeout ?? 5_000,
    health: { interval: 200, failures: 2, cooldown: 300, ...options.health },
    ...(options.pool !== undefined && { pool: options.pool }),
    ...(options.retries !== undefined && { retries: options.retries }),
  })
  return { cluster, localLink, primaryLink, clients, count: async (server) => Number((await cluster.server(server).query('select count(*)::text as n from note', { database: cluster.database }))[0]?.['n']) }
}

await t.test('a replica that dies: no read fails, and reads come home when it is back', async (t) => {
  const { cluster, clients } = await start(t, { local: 'iad' })
  const db = clients.db as unknown as Db
  await db.note.create({ data: { text: 'a' } })
  await cluster.waitForReplay()
  const load = { stop: false }
  t.teardown(() => { load.stop = true })
  let reads = 0
  const failures: unknown[] = []
  const readers = Array.from({ length: 4 }, async () => {
    while (!load.stop) {
      await db.note.findMany().then((rows) => { t.equal(rows.length, 1) }, (error: unknown) => { failures.push(error) })
      reads++
    }
  })
  await waitFor('some reads', () => reads > 50)
  await cluster.server('iad').kill()
  const before = reads
  await waitFor('reads without the replica', () => reads > before + 200)
  const request = clients.request()
  await t.rejects(typed(request).note.count(), { code: 'FST_MR_REPLAY_REQUESTED' }, 'a request that can be replayed is')
  t.same(request.replays, ['replica-down'])
  t.equal(await typed(clients.request({ blocked: 'replay-failed' })).note.count(), 1)
  await cluster.server('iad').start()
  await waitFor('the replica to serve again', async () => (await clients.db.$queryRaw<{ standby: boolean }[]>`select pg_is_in_recovery() as standby`)[0]?.standby === true)
  load.stop = true
  await Promise.all(readers)
  t.same(failures, [])
})

await t.test('a frozen replica costs a read its deadline, not the request', async (t) => {
  const { cluster, clients } = await start(t, { local: 'iad', statementTimeout: 500 })
  await cluster.server('iad').freeze()
  const request = clients.request({ blocked: 'off' })
  t.equal(await typed(request).note.count(), 0)
  t.equal(request.routed.at(-1)?.target, 'primary')
  await cluster.server('iad').thaw()
})

await t.test('a primary that dies: reads go on, writes are 503 with their reason', async (t) => {
  const { cluster, clients } = await start(t, { local: 'iad' })
  const db = clients.db as unknown as Db
  await cluster.server('fra').kill()
  t.equal(await db.note.count(), 0)
  await t.rejects(db.note.create({ data: { text: 'a' } }), { code: 'FST_MR_PRIMARY_UNAVAILABLE', statusCode: 503 })
  await t.rejects(db.$transaction((tx) => tx.note.create({ data: { text: 'a' } })), { code: 'FST_MR_PRIMARY_UNAVAILABLE', statusCode: 503 })
  await t.rejects(db.$primary.note.count(), { code: /FST_MR_(PRIMARY|DATABASE)_UNAVAILABLE/, statusCode: 503 })
  const stale = clients.request({ blocked: 'off', whenPrimaryIsDown: 'stale' })
  await waitFor('the breaker of the primary to open', () => clients.servers.facts.primary.breaker === 'open')
  t.equal(await typed(stale).$primary.note.count(), 0, 'a stale read where that is allowed')
  t.equal(await db.note.count(), 0)
  await cluster.server('fra').start()
  await waitFor('a write', () => db.note.create({ data: { text: 'back' } }).then(() => true, () => false))
})

await t.test('a primary that is back takes the very first request, however long its cooldown', async (t) => {
  const { clients, localLink, primaryLink } = await start(t, { local: 'fra', health: { cooldown: 600_000 } })
  const db = clients.db as unknown as Db
  const tries: Record<string, () => Promise<unknown>> = {
    'a read': () => db.note.count(),
    'a write': () => db.note.create({ data: { text: 'a' } }),
    'a transaction': () => db.$transaction((tx) => tx.note.create({ data: { text: 'b' } })),
    'a read that is bound to it': () => db.$primary.note.count(),
  }
  const links = [localLink, primaryLink]
  for (const [name, attempt] of Object.entries(tries)) {
    for (const link of links) {
      await link.refuse()
      link.reset()
    }
    await waitFor('both breakers to open', () => [clients.servers.facts.local, clients.servers.facts.primary].every(({ breaker }) => breaker === 'open'))
    await t.rejects(attempt(), { code: /FST_MR_(PRIMARY|DATABASE)_UNAVAILABLE/, statusCode: 503 }, `${name}, while it is away`)
    for (const link of links) await link.heal()
    await t.resolves(attempt(), name)
  }
})

await t.test('who waits for a connection while the breaker opens is refused only if the server is really down', async (t) => {
  const { cluster, clients } = await start(t, { local: 'iad', health: { failures: 1, cooldown: 600_000 }, pool: { primaryMax: 1 }, retries: { reads: 0 } })
  const db = clients.db as unknown as Db
  const breakers = new Set<string>()
  t.teardown(clients.servers.onChange(({ primary }) => { breakers.add(primary.breaker) }))
  const holder = db.$primary.$queryRaw`select pg_sleep(20)`.then(() => 'done', () => 'ended')
  await waitFor('it to sleep', async () => (await cluster.primary.query("select 1 from pg_stat_activity where wait_event = 'PgSleep'")).length === 1)
  const waiter = db.$primary.note.count().then((count) => count)
  await waitFor('the other to wait', () => clients.servers.primary.pool.stats().waiting === 1)
  await cluster.primary.query("select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep'")
  t.equal(await holder, 'ended')
  t.equal(await waiter, 0)
  t.strictSame([...breakers], ['open', 'half-open', 'closed'])
})

await t.test('demotion between two writes of one request: the second goes to the primary, and is not replayed', async (t) => {
  const { cluster, clients, localLink, count } = await start(t, { local: 'fra' })
  const request = clients.request()
  const db = typed(request)
  await db.note.create({ data: { text: 'first' } })
  t.equal(request.state.place, 'local')
  const epoch = clients.servers.local.epoch
  localLink.retarget({ host: '127.0.0.1', port: cluster.server('iad').port }, 'iad')
  localLink.reset()
  await waitFor('the connections to be gone', () => clients.servers.local.epoch > epoch, { everyMs: 1 })
  await db.note.create({ data: { text: 'second' } })
  t.same(request.replays, [])
  t.equal(request.state.place, 'local')
  t.same((await db.note.findMany({ orderBy: { id: 'asc' } })).map(({ text }) => text), ['first', 'second'])
  t.equal(await count('fra'), 2)
  await waitFor('the demotion to be known', () => clients.servers.facts.local.role === 'standby')
  const next = clients.request()
  await t.rejects(typed(next).note.create({ data: { text: 'third' } }), { code: 'FST_MR_REPLAY_REQUESTED' }, 'a new request is replayed')
  t.equal(await count('fra'), 2)
})

await t.test('a demotion that nobody has noticed: the refused write is replayed or sent on, never lost and never doubled', async (t) => {
  const { cluster, clients, localLink, count } = await start(t, { local: 'fra' })
  await (clients.db as unknown as Db).note.count()
  const epoch = clients.servers.local.epoch
  localLink.retarget({ host: '127.0.0.1', port: cluster.server('iad').port }, 'iad')
  localLink.reset()
  await waitFor('the connections to be gone', () => clients.servers.local.epoch > epoch, { everyMs: 1 })
  const request = clients.request()
  const outcome = await typed(request).note.create({ data: { text: 'a' } }).then(() => 'written', (error: { code: string }) => error.code)
  t.ok(outcome === 'written' || outcome === 'FST_MR_REPLAY_REQUESTED', outcome)
  t.equal(await count('fra'), outcome === 'written' ? 1 : 0)
  const job = clients.db as unknown as Db
  await waitFor('a write of a job', () => job.note.create({ data: { text: 'job' } }).then(() => true, (error: { statusCode: number }) => {
    if (error.statusCode !== 503) throw error
    return false
  }))
})

await t.test('a demotion that nobody has noticed: what must be fresh is not read from the standby that took its place', async (t) => {
  const { cluster, clients, localLink } = await start(t, { local: 'fra', health: { interval: 30_000 } })
  const request = clients.request()
  const db = typed(request)
  await cluster.server('iad').query('select pg_wal_replay_pause()')
  await db.note.create({ data: { text: 'first' } })
  const reads: Readonly<Record<string, () => PromiseLike<unknown>>> = {
    'one statement': () => db.note.findMany(),
    'raw SQL': () => db.$queryRaw`select text from note`,
    'an array': async () => (await db.$transaction([db.note.findMany()]))[0],
    'a callback': () => db.$transaction((tx) => tx.note.findMany(), { readOnly: true }),
  }
  for (const [name, read] of Object.entries(reads)) {
    const epoch = clients.servers.local.epoch
    localLink.retarget({ host: '127.0.0.1', port: cluster.server('iad').port }, 'iad')
    localLink.reset()
    await waitFor('the connections to be gone', () => clients.servers.local.epoch > epoch, { everyMs: 1 })
    t.equal(clients.servers.facts.local.role, 'primary', `${name}: not noticed`)
    const seen = await read().then((rows) => (rows as { text: string }[]).map(({ text }) => text), (error: { statusCode: number }) => error.statusCode)
    t.ok(seen === 503 || (Array.isArray(seen) && seen.includes('first')), `${name}: ${JSON.stringify(seen)}`)
    localLink.retarget({ host: '127.0.0.1', port: cluster.server('fra').port }, 'fra')
    localLink.reset()
    await waitFor('the primary to be back', async () => {
      await clients.servers.local.probe()
      return clients.servers.facts.local.writable
    })
  }
})

await t.test('without its replica, a read past an own write is not served by a primary that was demoted unnoticed', async (t) => {
  const { cluster, clients, localLink, primaryLink } = await start(t, { local: 'iad', health: { interval: 30_000, cooldown: 30_000 } })
  const db = clients.db as unknown as Db
  await cluster.server('iad').query('select pg_wal_replay_pause()')
  await db.note.create({ data: { text: 'first' } })
  t.equal((await db.note.findMany()).length, 1, 'from the primary, and located')
  localLink.retarget({ host: '127.0.0.1', port: 9 }, 'nowhere')
  localLink.reset()
  await waitFor('the replica to be given up', async () => {
    await clients.servers.local.probe()
    return clients.servers.facts.local.breaker === 'open'
  })
  const { epoch } = clients.servers.primary
  primaryLink.retarget({ host: '127.0.0.1', port: cluster.server('iad').port }, 'iad')
  primaryLink.reset()
  await waitFor('the connections to be gone', () => clients.servers.primary.epoch > epoch, { everyMs: 1 })
  t.equal(clients.servers.facts.primary.role, 'primary', 'not noticed')
  await t.rejects(db.note.findMany(), { code: 'FST_MR_PRIMARY_MOVED' })
})

await t.test('a promotion here: writes run here from then on', async (t) => {
  const { cluster, clients, count } = await start(t, { local: 'iad' })
  const db = clients.db as unknown as Db
  await db.note.create({ data: { text: 'before' } })
  await cluster.waitForReplay()
  await cluster.server('fra').kill()
  await cluster.promote('iad', { followers: 'stay' })
  let failures = 0
  await waitFor('a write on the promoted server', () => db.note.create({ data: { text: 'after' } }).then(() => true, (error: { statusCode?: number, code?: string }) => {
    failures++
    if (error.statusCode !== 503) throw new Error(`not a 503: ${error.code}`)
    return false
  }))
  t.equal(await count('iad'), 2, `once, after ${failures} refusals`)
  const request = clients.request()
  await typed(request).note.create({ data: { text: 'request' } })
  t.same(request.replays, [], 'nothing is replayed from a primary')
})
