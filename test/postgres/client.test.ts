import t from 'tap'
import { createClient } from '../../lib/create-client.ts'
import { Decimal } from 'decimal.js'
import { join, sql } from '../../lib/query/sql.ts'
import type { Client } from '../../lib/query/args/client.ts'
import * as schema from '../support/notes-schema.ts'
import { notesSql } from '../support/notes-sql.ts'
import { createTestDatabase } from '../support/shared-cluster.ts'
import { openClients } from '../support/test-clients.ts'

const setup = 'create table note (id int generated always as identity primary key, text text not null unique)'

await t.test('a process reads from its replica and writes to the primary', async (t) => {
  const database = await createTestDatabase(t, setup)
  const { db, servers } = await openClients(t, { database: { primary: database.primaryUrl, replica: database.replicaUrls.iad } })
  t.equal(servers.facts.local.role, 'standby')
  t.equal(servers.facts.primary.role, 'primary')
  t.same(await db.$queryRaw`select pg_is_in_recovery() as standby`, [{ standby: true }])
  t.equal(await db.$executeRaw`insert into note (text) values (${'a'})`, 1)
  t.same(await db.$queryRaw`select text from note`, [{ text: 'a' }], 'the write is seen, wherever the replica is')
})

await t.test('a far write followed by reads: primary until the replica has passed it, then local again', async (t) => {
  const database = await createTestDatabase(t, setup)
  const { db } = await openClients(t, { database: { primary: database.primaryUrl, replica: database.replicaUrls.iad } })
  await database.pauseReplay('iad')
  await db.$executeRaw`insert into note (text) values ('a')`
  for (let i = 0; i < 3; i++) {
    t.same(await db.$queryRaw`select text, pg_is_in_recovery() as standby from note`, [{ text: 'a', standby: false }], 'the replica is behind')
  }
  await database.resumeReplay('iad')
  await database.waitForReplay('iad')
  t.same(await db.$queryRaw`select text, pg_is_in_recovery() as standby from note`, [{ text: 'a', standby: true }], 'the replica has passed the write')
})

await t.test('raw values keep their types', async (t) => {
  const database = await createTestDatabase(t)
  const { db } = await openClients(t, { database: { primary: database.primaryUrl } })
  const [row] = await db.$queryRaw<Record<string, unknown>[]>`select ${1}::int as i, ${2n}::bigint as b, ${'x'}::text as t, ${new Date('2024-01-01T00:00:00.123Z')}::timestamptz as d, ${{ a: 1 }}::jsonb as j, ${new Decimal('1.5')}::numeric as n, ${new Uint8Array([1, 2])}::bytea as by, ${true}::bool as bo, ${['x', 'y']}::text[] as arr, ${null}::text as nil`
  t.match(row, { i: 1, b: 2n, t: 'x', d: new Date('2024-01-01T00:00:00.123Z'), j: { a: 1 }, bo: true, arr: ['x', 'y'], nil: null })
  t.ok(new Decimal('1.5').equals(row?.['n'] as Decimal))
  t.same([...row?.['by'] as Uint8Array], [1, 2])
  t.same(await db.$queryRaw`select n from generate_series(1, 5) as n where n in (${join([2, 4])}) and ${sql`n > ${3}`}`, [{ n: 4 }])
  t.same(await db.$queryRawUnsafe('select $1::int + $2::int as sum', 1, 2), [{ sum: 3 }])
  t.same(await db.$queryRawUnsafe('select 1 as one; select 2 as two'), [{ two: 2 }], 'without values it may hold several statements')
})

await t.test('a raw query that the server refuses is P2010 with its code', async (t) => {
  const database = await createTestDatabase(t)
  const { db } = await openClients(t, { database: { primary: database.primaryUrl } })
  await t.rejects(db.$queryRaw`select * from nosuch`, { code: 'P2010', meta: { code: '42P01' } })
  await t.rejects(db.$queryRawUnsafe('selec 1'), { code: 'P2010', meta: { code: '42601' } })
})

await t.test('an operation that is not awaited does not run, and one that is runs once', async (t) => {
  const database = await createTestDatabase(t, setup)
  const { db } = await openClients(t, { database: { primary: database.primaryUrl } })
  const operation = db.$executeRaw`insert into note (text) values ('once')`
  t.same(await db.$queryRaw`select count(*)::int as n from note`, [{ n: 0 }])
  t.equal(await operation, 1)
  t.equal(await operation, 1)
  t.same(await db.$queryRaw`select count(*)::int as n from note`, [{ n: 1 }])
  t.equal(Object.prototype.toString.call(operation), '[object Promise]')
  let cleaned = false
  await t.rejects(db.$executeRaw`insert into note (text) values ('once')`.finally(() => { cleaned = true }), { code: 'P2010' })
  t.ok(cleaned)
  t.equal(await db.$executeRaw`insert into note (text) values ('once')`.catch(() => 'caught'), 'caught')
})

await t.test('a raw BEGIN does not leak into the next user of its connection', async (t) => {
  const database = await createTestDatabase(t, setup)
  const { db } = await openClients(t, { database: { primary: database.primaryUrl }, pool: { max: 1 } })
  await db.$executeRawUnsafe('begin')
  await db.$executeRaw`insert into note (text) values ('kept')`
  const [row] = await database.exec('select count(*)::text as n from note')
  t.equal(row?.['n'], '1', 'the write has committed by itself')
})

await t.test('createClient connects with its first operation and closes', async (t) => {
  const database = await createTestDatabase(t, setup)
  const client = createClient({ database: database.primaryUrl })
  t.same(await client.$queryRaw`select 1 as one`, [{ one: 1 }])
  await client.$disconnect()
  await t.rejects(client.$queryRaw`select 1 as one`, { code: 'FST_MR_CLIENT_CLOSED' })
  const unused = createClient({ database: database.primaryUrl })
  await unused.$disconnect()
  const nowhere = createClient({ database: 'postgres://postgres@127.0.0.1:1/x', connectTimeout: 300 })
  await t.rejects(nowhere.$queryRaw`select 1`, { code: 'FST_MR_DATABASE_UNREACHABLE' })
  await nowhere.$disconnect()
})

await t.test('a replica that cannot be reached is replaced by the primary', async (t) => {
  const database = await createTestDatabase(t, setup)
  const { db } = await openClients(t, { database: { primary: database.primaryUrl, replica: `postgres://postgres@127.0.0.1:1/${database.name}` }, connectTimeout: 1_000 })
  for (let i = 0; i < 5; i++) t.same(await db.$queryRaw`select pg_is_in_recovery() as standby`, [{ standby: false }])
})

await t.test('models: methods, fields, and relations called on an operation', async (t) => {
  const database = await createTestDatabase(t, notesSql)
  const clients = await openClients(t, { schema, database: { primary: database.primaryUrl, replica: database.replicaUrls.iad } })
  const db = clients.db as unknown as Client<typeof schema>
  const ada = await db.author.create({ data: { name: 'Ada', notes: { create: [{ text: 'a' }, { text: 'b' }] } } })
  t.same((await db.author.findUnique({ where: { id: ada.id } }).notes({ orderBy: { text: 'desc' }, select: { text: true } }))?.map(({ text }) => text), ['b', 'a'])
  t.equal(await db.author.findUnique({ where: { id: 999 } }).notes(), null)
  await t.rejects(db.author.findUniqueOrThrow({ where: { id: 999 } }).notes(), { code: 'P2025' })
  t.match(await db.note.findFirst({ where: { text: 'a' } }).author(), { name: 'Ada' })
  t.equal((await db.note.findFirst({ where: { text: 'a' } }).author().notes())?.length, 2, 'relations chain through rows')
  t.same((await db.$transaction([db.note.findFirst({ where: { text: 'a' } }).author({ select: { name: true } })]))[0], { name: 'Ada' })
  t.same(await db.note.findMany({ where: { likes: { lt: db.note.fields.authorId } }, select: { text: true }, orderBy: { id: 'asc' } }), [{ text: 'a' }, { text: 'b' }])
  t.same(await db.note.createMany({ data: [] }), { count: 0 })
})

await t.test('a strong client reads from the primary', async (t) => {
  const database = await createTestDatabase(t)
  const client = createClient({ database: { primary: database.primaryUrl, replica: database.replicaUrls.iad }, consistency: 'strong' })
  t.teardown(() => client.$disconnect())
  t.same(await client.$queryRaw`select pg_is_in_recovery() as standby`, [{ standby: false }])
})
