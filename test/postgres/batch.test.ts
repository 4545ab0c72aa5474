// Operations of several statements: one round trip, one transaction, one error in the words of what caused it.

import t from 'tap'
import type { Client } from '../../lib/query/args/client.ts'
import { Link } from '../../lib/testing/link.ts'
import * as schema from '../support/notes-schema.ts'
import { notesSql } from '../support/notes-sql.ts'
import { countRoundTrips } from '../support/round-trips.ts'
import { createTestDatabase } from '../support/shared-cluster.ts'
import { openClients } from '../support/test-clients.ts'

type Db = Client<typeof schema>

const database = await createTestDatabase(t, `${notesSql}
  create table later (id int constraint later_once unique deferrable initially deferred);
  create function collide() returns trigger language plpgsql as $$ begin insert into later values (1), (1); return new; end $$;
  create trigger collides before insert on note for each row when (new.text = 'collides') execute function collide()`)
const clients = await openClients(t, { schema, database: database.primaryUrl })
const db = clients.db as unknown as Db
const texts = async (): Promise<unknown[]> => (await database.exec('select text from note order by text')).map(({ text }) => text)

let id = 1_000
/** One row with its key and one that is given a key by the database: two inserts. */
const mixed = (a: string, b: string) => ({ data: [{ id: ++id, text: a }, { text: b }] })

await t.test('rows with and without a key are inserted in one transaction and one round trip, and stamped', async (t) => {
  const trips = await countRoundTrips(t, database.primaryUrl)
  const counted = await openClients(t, { schema, database: trips.through(database.primaryUrl) })
  const request = counted.request({ stamps: true })
  const requestDb = request.db as unknown as Db
  t.same(await requestDb.note.createMany(mixed('a', 'b')), { count: 2 })
  trips.take()
  t.same(await requestDb.note.createMany(mixed('c', 'd')), { count: 2 })
  t.equal(trips.take(), 1)
  t.match(request.commits, [{ outcome: 'committed', position: { lsn: BigInt } }, { outcome: 'committed', position: { lsn: BigInt } }])
  t.same(await texts(), ['a', 'b', 'c', 'd'])
})

await t.test('one that is refused undoes the others', async (t) => {
  const before = await texts()
  await t.rejects(Promise.resolve(db.note.createMany(mixed('new', 'a'))), { code: 'P2002' })
  t.same(await texts(), before)
})

await t.test('in an array with others: each has its own answer, and the one that fails its own words', async (t) => {
  const before = await texts()
  const [made, counted, found] = await db.$transaction([db.note.createMany(mixed('e', 'f')), db.note.count(), db.note.findFirst({ where: { text: 'f' } })])
  t.same([made, counted], [{ count: 2 }, before.length + 2])
  t.match(found, { text: 'f', likes: 0 })
  await t.rejects(db.$transaction([db.author.create({ data: { name: 'Ada' } }), db.note.createMany(mixed('g', 'a'))]), { code: 'P2002', meta: { modelName: 'Note' } })
  t.same(await texts(), [...before, 'e', 'f'])
  t.same(await database.exec('select * from author'), [])
})

await t.test('a connection that is lost behind the COMMIT: nobody knows, and nothing is sent again', async (t) => {
  const target = new URL(database.primaryUrl)
  const link = await Link.open({ from: 'iad', to: 'fra', purpose: 'database', target: { host: target.hostname, port: Number(target.port) } })
  t.teardown(async () => { await link.close() })
  target.port = String(link.port)
  const far = (await openClients(t, { schema, database: target.href })).db as unknown as Db
  await far.note.count()
  const before = await texts()
  link.resetOn({ direction: 'to-target', matches: (chunk) => chunk.toString('latin1').includes('commit'), chunk: 'deliver' })
  await t.rejects(Promise.resolve(far.note.createMany(mixed('lost', 'lost too'))), { code: 'FST_MR_COMMIT_UNKNOWN' })
  t.ok((await texts()).length <= before.length + 2)
})

await t.test('what is deferred to the COMMIT undoes an array that reads its answers one by one', async (t) => {
  const before = await texts()
  const request = clients.request({ stamps: true })
  const requestDb = request.db as unknown as Db
  // The row that must be there is judged before the COMMIT, which then is refused by a constraint.
  await t.rejects(requestDb.$transaction([requestDb.note.findUniqueOrThrow({ where: { text: 'a' } }), requestDb.note.create({ data: { text: 'collides' } })]), { code: 'P2002' })
  t.same(await texts(), before)
  t.same(request.commits, [], 'nothing was committed')
  await t.rejects(requestDb.$transaction([requestDb.note.create({ data: { text: 'undone' } }), requestDb.note.findUniqueOrThrow({ where: { text: 'nowhere' } })]), { code: 'P2025' })
  t.same(await texts(), before)
})

await t.test('a rollback that is lost rolls back all the same', async (t) => {
  const target = new URL(database.primaryUrl)
  const link = await Link.open({ from: 'iad', to: 'fra', purpose: 'database', target: { host: target.hostname, port: Number(target.port) } })
  t.teardown(async () => { await link.close() })
  target.port = String(link.port)
  const far = await openClients(t, { schema, database: target.href })
  const before = await texts()
  link.resetOn({ direction: 'to-target', matches: (chunk) => chunk.toString('latin1').includes('rollback'), chunk: 'drop' })
  await t.rejects(far.db.$transaction(async (tx) => {
    await tx.$executeRaw`insert into note (text) values ('abandoned')`
    throw new Error('the application')
  }), { message: 'the application' })
  t.same(await texts(), before)
  t.same(await far.db.$queryRaw`select 1 as one`, [{ one: 1 }])
})
