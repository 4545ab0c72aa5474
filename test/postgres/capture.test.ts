import t from 'tap'
import { RequestState } from '../../lib/core/request-state.ts'
import type { Client } from '../../lib/query/args/client.ts'
import { waitFor } from '../../lib/testing/wait-for.ts'
import * as schema from '../support/notes-schema.ts'
import { notesSql } from '../support/notes-sql.ts'
import { createTestDatabase, type TestDatabase } from '../support/shared-cluster.ts'
import { openClients, type TestClients, type TestRequest } from '../support/test-clients.ts'

type Db = Client<typeof schema>

async function inReplicasRegion (t: Parameters<typeof createTestDatabase>[0]): Promise<{ database: TestDatabase, clients: TestClients }> {
  const database = await createTestDatabase(t, notesSql)
  const clients = await openClients(t, { schema, database: { primary: database.primaryUrl, replica: database.replicaUrls.iad } })
  return { database, clients }
}

const typed = (request: TestRequest): Db => request.db as unknown as Db
const signal = { code: 'FST_MR_REPLAY_REQUESTED' }
const count = async (database: TestDatabase): Promise<number> => Number((await database.exec('select count(*)::text as n from note'))[0]?.['n'])

await t.test('a known write asks for a replay without touching a database', async (t) => {
  const { database, clients } = await inReplicasRegion(t)
  for (const [reason, write] of [
    ['known-write', (db: Db) => db.note.create({ data: { text: 'a' } })],
    ['known-write', (db: Db) => db.note.updateMany({ data: { likes: 1 } })],
    ['known-write', (db: Db) => db.note.upsert({ where: { id: 1 }, create: { text: 'a' }, update: {} })],
    ['known-write', (db: Db) => db.note.deleteMany()],
    ['known-write', (db: Db) => db.$executeRaw`insert into note (text) values ('a')`],
    ['known-write', (db: Db) => db.$executeRawUnsafe("insert into note (text) values ('a')")],
    ['transaction', (db: Db) => db.$transaction(async (tx) => tx.note.count())],
    ['transaction', (db: Db) => db.$transaction([db.note.count(), db.note.create({ data: { text: 'a' } })])],
    ['transaction', (db: Db) => db.$transaction((tx) => tx.note.count(), { isolationLevel: 'Serializable', readOnly: true })],
  ] as const) {
    const request = clients.request()
    await t.rejects(Promise.resolve(write(typed(request))), signal)
    t.same(request.replays, [reason])
    t.same(request.routed, [], 'nothing was sent')
  }
  t.equal(await count(database), 0)
})

await t.test('a mistake in the arguments is found before a replay is asked for', async (t) => {
  const { clients } = await inReplicasRegion(t)
  const request = clients.request()
  await t.rejects(typed(request).note.create({ data: { txt: 'a' } } as never), { code: 'FST_MR_QUERY_INVALID' })
  t.same(request.replays, [])
})

await t.test('raw SQL runs here; the refusal of the standby asks for a replay', async (t) => {
  const { clients } = await inReplicasRegion(t)
  const request = clients.request()
  t.same(await request.db.$queryRaw`select 1 as one`, [{ one: 1 }])
  await t.rejects(request.db.$queryRaw`insert into note (text) values ('a') returning id`, signal)
  t.same(request.replays, ['standby-refusal'])
  t.equal(request.state.place, 'replaying')
  for (const sql of ['select nextval(\'note_id_seq\')', 'select * from note for update', 'with x as (delete from note returning id) select * from x', 'select pg_current_wal_lsn()', 'create temp table x (i int)']) {
    const other = clients.request()
    await t.rejects(other.db.$queryRawUnsafe(sql), signal, sql)
    t.same(other.replays, ['standby-refusal'])
  }
})

await t.test('a handler that swallows the signal and goes on meets it again, and nothing runs', async (t) => {
  const { database, clients } = await inReplicasRegion(t)
  const request = clients.request()
  const db = typed(request)
  const first = await db.note.create({ data: { text: 'a' } }).then(() => undefined, (error: unknown) => error)
  const sent = request.routed.length
  for (const operation of [
    () => db.note.count(),
    () => db.note.create({ data: { text: 'b' } }),
    () => db.$queryRaw`select 1`,
    () => db.$primary.note.create({ data: { text: 'c' } }),
    () => db.$untracked.note.create({ data: { text: 'd' } }),
    () => db.$transaction([db.note.count()]),
    () => db.$transaction((tx) => tx.note.count(), { readOnly: true }),
  ]) {
    const error = await operation().then(() => undefined, (error: unknown) => error)
    t.equal(error, first, 'the same signal')
  }
  t.equal(request.routed.length, sent)
  t.equal(request.replays.length, 1)
  t.equal(await count(database), 0)
})

await t.test('writes side by side: one replay, and nothing runs', async (t) => {
  const { database, clients } = await inReplicasRegion(t)
  const request = clients.request()
  const outcomes = await Promise.allSettled([
    typed(request).note.create({ data: { text: 'a' } }),
    typed(request).note.create({ data: { text: 'b' } }),
    request.db.$queryRaw`insert into note (text) values ('c') returning id`,
  ])
  for (const outcome of outcomes) t.match(outcome, { status: 'rejected', reason: signal })
  t.equal(request.replays.length, 1)
  t.equal(await count(database), 0)
})

await t.test('a direct write followed by a captured one: the second goes to the primary too', async (t) => {
  const { database, clients } = await inReplicasRegion(t)
  const request = clients.request()
  const db = typed(request)
  await db.$primary.note.create({ data: { text: 'direct' } })
  t.equal(request.state.place, 'direct')
  await db.note.create({ data: { text: 'later' } })
  t.same(request.replays, [])
  t.same((await db.note.findMany({ orderBy: { id: 'asc' } })).map(({ text }) => text), ['direct', 'later'], 'and its reads see both')
  t.same(await db.$queryRaw`insert into note (text) values ('raw') returning text`, [{ text: 'raw' }], 'raw SQL as well')
  t.equal(await count(database), 3)
})

await t.test('a direct write and a captured one side by side: never a replay while the direct one is in flight', async (t) => {
  const { database, clients } = await inReplicasRegion(t)
  const request = clients.request()
  // Long enough in flight to be seen there.
  const sent = typed(request).$primary.$executeRaw`insert into note (text) select 'direct' from pg_sleep(0.3)`.then(() => 'ran')
  await waitFor('the direct write to be sent', () => request.state.pendingWrites === 1, { everyMs: 1 })
  await typed(request).note.create({ data: { text: 'captured' } })
  t.equal(await sent, 'ran')
  t.same(request.replays, [])
  t.equal(await count(database), 2)
})

await t.test('two registrations of one request with different primaries: a write of the one forbids the replay of the other', async (t) => {
  const { clients } = await inReplicasRegion(t)
  const other = await createTestDatabase(t, notesSql)
  const { request: requestOther } = await openClients(t, { schema, database: other.primaryUrl })
  const state = new RequestState()
  const main = clients.request({ state })
  const analytics = requestOther({ state })
  await typed(analytics).note.create({ data: { text: 'there' } })
  t.equal(state.place, 'local')
  await typed(main).note.create({ data: { text: 'here' } })
  t.same([main.replays, analytics.replays], [[], []])

  const second = new RequestState()
  const captured = clients.request({ state: second })
  const after = requestOther({ state: second })
  await t.rejects(typed(captured).note.create({ data: { text: 'x' } }), signal)
  await t.rejects(typed(after).note.create({ data: { text: 'x' } }), signal, 'after the replay was asked for nothing runs on either')
  t.equal(await count(other), 1)
})

await t.test('a request that cannot be replayed writes directly, and reads what it wrote', async (t) => {
  const { database, clients } = await inReplicasRegion(t)
  await database.pauseReplay('iad')
  const request = clients.request({ blocked: 'not-proxied' })
  const db = typed(request)
  await db.note.create({ data: { text: 'a' } })
  t.same((await db.note.findMany()).map(({ text }) => text), ['a'], 'the replica stands still, so this came from the primary')
  t.same(request.replays, [])
  t.same(request.routed.map(({ target, reason }) => `${target} ${reason}`), ['primary replay-blocked', 'primary fresh-read'])
  const raw = clients.request({ blocked: 'not-proxied' })
  t.same(await raw.db.$queryRaw`insert into note (text) values ('raw') returning text`, [{ text: 'raw' }], 'refused here, then run by the primary')
  t.equal(await raw.db.$transaction((tx) => tx.$executeRaw`insert into note (text) values ('tx')`), 1)
  t.equal(await count(database), 3)
})

await t.test('errors that a standby gives to reads are no captures', async (t) => {
  const { clients } = await inReplicasRegion(t)
  for (const sql of ['select 1 / 0', 'select lastval()', "select 'x'::int", 'selec']) {
    const request = clients.request()
    await t.rejects(request.db.$queryRawUnsafe(sql), { code: 'P2010' }, sql)
    t.same(request.replays, [])
  }
})

await t.test('a table that has not arrived asks for a replay once a text and minute', async (t) => {
  const { database, clients } = await inReplicasRegion(t)
  await database.pauseReplay('iad')
  await database.exec('create table late (id int)')
  const first = clients.request()
  await t.rejects(first.db.$queryRaw`select * from late`, signal)
  t.same(first.replays, ['schema-behind'])
  const second = clients.request()
  await t.rejects(second.db.$queryRaw`select * from late`, { code: 'P2010', meta: { code: '42P01' } }, 'for a misspelt name this is the answer')
  t.same(second.replays, [])
  t.same(await clients.db.$queryRaw`select * from late where id > 0`, [], 'a job asks the primary')
})

await t.test('after a replay was blocked late, the refused statement runs on the primary once', async (t) => {
  const { database, clients } = await inReplicasRegion(t)
  const request = clients.request({ blocked: 'body-too-large' })
  t.same(await request.db.$transaction([request.db.$queryRaw`insert into note (text) values ('a') returning text`, request.db.$queryRaw`select 1 as one`]), [[{ text: 'a' }], [{ one: 1 }]])
  t.equal(await count(database), 1)
})

await t.test('beside the primary nothing is ever replayed', async (t) => {
  const database = await createTestDatabase(t, notesSql)
  const clients = await openClients(t, { schema, database: { primary: database.primaryUrl, replica: database.primaryUrl } })
  const request = clients.request()
  await typed(request).note.create({ data: { text: 'a' } })
  await t.rejects(request.db.$queryRawUnsafe('begin read only; insert into note (text) values (\'b\')'), { code: 'FST_MR_PRIMARY_READ_ONLY' })
  t.same(request.replays, [])
  t.equal(request.state.place, 'local')
  t.equal(await count(database), 1)
})

await t.test('commits are told with their positions where somebody wants them', async (t) => {
  const { database, clients } = await inReplicasRegion(t)
  const request = clients.request({ blocked: 'off', stamps: true })
  const db = typed(request)
  await db.note.create({ data: { text: 'a' } })
  await db.$transaction((tx) => tx.note.create({ data: { text: 'b' } }))
  await db.$transaction([db.note.create({ data: { text: 'c' } })])
  await db.$transaction((tx) => tx.note.create({ data: { text: 'd' } }), { synchronousCommit: 'off' })
  const { system } = clients.servers.facts.primary
  for (const commit of request.commits) t.match(commit, { outcome: 'committed', position: { system, timeline: 1 } })
  t.equal(request.commits.length, 4)
  const lsns = request.commits.map((commit) => commit.position?.lsn ?? 0n)
  t.same(lsns, [...lsns].sort((a, b) => Number(a - b)), 'in the order of the log')
  await t.rejects(db.note.create({ data: { text: 'a' } }), { code: 'P2002' })
  await db.note.count()
  await t.rejects(db.note.update({ where: { id: 999 }, data: { likes: 1 } }), { code: 'P2025' })
  await db.$untracked.note.create({ data: { text: 'audit' } })
  await db.$primary.$queryRaw`select 1`
  t.equal(request.commits.length, 4, 'no stamp for failed writes, reads and untracked writes')
  await database.waitForReplay('iad')
  const [row] = await clients.db.$queryRaw<{ applied: string }[]>`select pg_last_wal_replay_lsn()::text as applied`
  t.ok(row, 'the replica has the last one')
})
