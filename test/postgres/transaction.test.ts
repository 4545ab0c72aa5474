import t from 'tap'
import { Link } from '../../lib/testing/link.ts'
import type { Client } from '../../lib/query/args/client.ts'
import * as schema from '../support/notes-schema.ts'
import { notesSql } from '../support/notes-sql.ts'
import { countRoundTrips } from '../support/round-trips.ts'
import { createTestDatabase, type TestDatabase } from '../support/shared-cluster.ts'
import { openClients } from '../support/test-clients.ts'

type Db = Client<typeof schema>

const notes = async (database: TestDatabase): Promise<(string | null | undefined)[]> =>
  (await database.exec('select text from note order by id')).map((row) => row['text'])

await t.test('a callback commits when it resolves, and rolls back when it rejects', async (t) => {
  const database = await createTestDatabase(t, notesSql)
  const db = (await openClients(t, { schema, database: database.primaryUrl })).db as unknown as Db
  const made = await db.$transaction(async (tx) => {
    const author = await tx.author.create({ data: { name: 'Ada' } })
    return tx.note.create({ data: { text: 'kept', authorId: author.id } })
  })
  t.match(made, { text: 'kept', likes: 0 })
  await t.rejects(db.$transaction(async (tx) => {
    await tx.note.create({ data: { text: 'undone' } })
    throw new Error('the application')
  }), { message: 'the application' })
  t.same(await notes(database), ['kept'])
})

await t.test('a transaction client is closed when its callback has ended', async (t) => {
  const database = await createTestDatabase(t, notesSql)
  const db = (await openClients(t, { schema, database: database.primaryUrl })).db as unknown as Db
  let leaked: Parameters<Parameters<Db['$transaction']>[0] & ((tx: never) => unknown)>[0] | undefined
  await db.$transaction(async (tx) => {
    leaked = tx as never
    await tx.note.count()
  })
  await t.rejects((leaked as unknown as Db).note.count(), { code: 'FST_MR_TRANSACTION_CLOSED' })
  t.equal((leaked as unknown as Partial<Db>).$transaction, undefined, 'transactions do not nest')
})

await t.test('an error that the callback swallows still fails the transaction, with that error', async (t) => {
  const database = await createTestDatabase(t, notesSql)
  const db = (await openClients(t, { schema, database: database.primaryUrl })).db as unknown as Db
  await db.note.create({ data: { text: 'taken' } })
  await t.rejects(db.$transaction(async (tx) => {
    await tx.note.create({ data: { text: 'first' } })
    await tx.note.create({ data: { text: 'taken' } }).catch(() => {})
    await tx.note.count().catch(() => {})
    return 'fine'
  }), { code: 'P2002' })
  t.same(await notes(database), ['taken'])
})

await t.test('an error inside a savepoint of the application is really swallowed', async (t) => {
  const database = await createTestDatabase(t, notesSql)
  const db = (await openClients(t, { schema, database: database.primaryUrl })).db as unknown as Db
  await db.note.create({ data: { text: 'taken' } })
  t.equal(await db.$transaction(async (tx) => {
    await tx.$executeRaw`savepoint mine`
    await tx.note.create({ data: { text: 'taken' } }).catch(() => tx.$executeRaw`rollback to savepoint mine`)
    await tx.note.create({ data: { text: 'second' } })
    return 'fine'
  }), 'fine')
  t.same(await notes(database), ['taken', 'second'])
})

await t.test('an operation that finds no row fails alone; the transaction goes on', async (t) => {
  const database = await createTestDatabase(t, notesSql)
  const db = (await openClients(t, { schema, database: database.primaryUrl })).db as unknown as Db
  await db.$transaction(async (tx) => {
    await t.rejects(tx.note.update({ where: { id: 99 }, data: { likes: 1 } }), { code: 'P2025' })
    await tx.note.create({ data: { text: 'kept' } })
  })
  t.same(await notes(database), ['kept'])
})

await t.test('operations that the callback started and did not await belong to the transaction', async (t) => {
  const database = await createTestDatabase(t, notesSql)
  const db = (await openClients(t, { schema, database: database.primaryUrl })).db as unknown as Db
  let late: Promise<unknown> | undefined
  await db.$transaction(async (tx) => {
    await tx.note.create({ data: { text: 'awaited' } })
    late = tx.note.create({ data: { text: 'started' } }).then(() => 'done')
  })
  t.equal(await late, 'done')
  t.same(await notes(database), ['awaited', 'started'])
})

await t.test('operations side by side in a callback, one of which fails', async (t) => {
  const database = await createTestDatabase(t, notesSql)
  const db = (await openClients(t, { schema, database: database.primaryUrl })).db as unknown as Db
  await db.note.create({ data: { text: 'taken' } })
  await t.rejects(db.$transaction((tx) => Promise.all([
    tx.note.create({ data: { text: 'a' } }),
    tx.note.create({ data: { text: 'taken' } }),
    tx.note.create({ data: { text: 'b' } }),
  ])), { code: 'P2002' })
  t.same(await notes(database), ['taken'])
})

await t.test('a callback that takes too long is rolled back', async (t) => {
  const database = await createTestDatabase(t, notesSql)
  const { db: untyped, servers } = await openClients(t, { schema, database: database.primaryUrl })
  const db = untyped as unknown as Db
  await t.rejects(db.$transaction(async (tx) => {
    await tx.note.create({ data: { text: 'slow' } })
    await tx.$queryRaw`select pg_sleep(5)`
  }, { timeout: 100 }), { code: 'FST_MR_TRANSACTION_CLOSED' })
  await t.rejects(db.$transaction(async (tx) => {
    await tx.note.create({ data: { text: 'idle' } })
    await new Promise(() => {})
  }, { timeout: 100 }), { code: 'FST_MR_TRANSACTION_CLOSED' })
  t.same(await notes(database), [])
  t.equal(await db.note.count(), 0, 'the pool is whole')
  t.equal(servers.primary.pool.stats().inUse, 0)
})

await t.test('a read-only transaction refuses writes, here and on the server', async (t) => {
  const database = await createTestDatabase(t, notesSql)
  const { db: untyped, request } = await openClients(t, { schema, database: { primary: database.primaryUrl, replica: database.replicaUrls.iad } })
  const db = untyped as unknown as Db
  t.same(await db.$transaction((tx) => tx.$queryRaw`select pg_is_in_recovery() as standby, current_setting('transaction_read_only') as ro`, { readOnly: true }), [{ standby: true, ro: 'on' }])
  await t.rejects(db.$transaction((tx) => tx.note.create({ data: { text: 'x' } }), { readOnly: true }), { code: 'FST_MR_READ_ONLY' })
  const { db: requestDb, replays } = request()
  await t.rejects(requestDb.$transaction((tx) => tx.$executeRaw`insert into note (text) values ('x')`, { readOnly: true }), { code: 'FST_MR_READ_ONLY' })
  t.same(replays, [], 'a mistake of the program is not sent across the world')
  const [primary] = await Promise.all([db.$primary.$transaction((tx) => tx.$queryRaw`select pg_is_in_recovery() as standby`, { readOnly: true })])
  t.same(primary, [{ standby: false }])
  await t.rejects(db.$transaction([db.note.create({ data: { text: 'x' } })], { readOnly: true }), { code: 'FST_MR_QUERY_INVALID' })
})

await t.test('isolation level and synchronous commit are those that were asked for', async (t) => {
  const database = await createTestDatabase(t, notesSql)
  const { db } = await openClients(t, { database: database.primaryUrl })
  for (const [isolationLevel, expected] of [['ReadUncommitted', 'read uncommitted'], ['ReadCommitted', 'read committed'], ['RepeatableRead', 'repeatable read'], ['Serializable', 'serializable']] as const) {
    t.same(await db.$transaction((tx) => tx.$queryRaw`select current_setting('transaction_isolation') as level`, { isolationLevel }), [{ level: expected }])
    t.same(await db.$transaction([db.$queryRaw`select current_setting('transaction_isolation') as level`], { isolationLevel }), [[{ level: expected }]])
  }
  t.same(await db.$transaction((tx) => tx.$queryRaw`select current_setting('synchronous_commit') as sc`, { synchronousCommit: 'off' }), [{ sc: 'off' }])
  t.same(await db.$queryRaw`select current_setting('synchronous_commit') as sc`, [{ sc: 'on' }])
  for (const options of [{ isolationLevel: 'Chaos' }, { timeout: -1 }, { timout: 1 }, { readOnly: 'yes' }, { synchronousCommit: 'on; drop table note' }]) {
    await t.rejects(db.$transaction(async () => {}, options as object), { code: 'FST_MR_QUERY_INVALID' })
  }
})

await t.test('a conflict is P2034; the callback runs again only where that was allowed', async (t) => {
  const database = await createTestDatabase(t, `${notesSql} insert into note (text) values ('n');`)
  const db = (await openClients(t, { schema, database: database.primaryUrl })).db as unknown as Db
  const other = database.sql('primary')
  let runs = 0
  const bump = (limit: number) => async (tx: Pick<Db, 'note'>): Promise<void> => {
    runs++
    await tx.note.findFirst()
    if (runs <= limit) await other`update note set likes = likes + 1`
    await tx.note.updateMany({ data: { likes: { increment: 10 } } })
  }
  await t.rejects(db.$transaction(bump(1), { isolationLevel: 'RepeatableRead' }), { code: 'P2034' })
  t.equal(runs, 1)
  runs = 0
  await db.$transaction(bump(2), { isolationLevel: 'RepeatableRead', retry: 2 })
  t.equal(runs, 3)
  t.match(await db.note.findFirst(), { likes: 13 })
})

await t.test('a deferred constraint fails the COMMIT, and nothing is kept', async (t) => {
  const database = await createTestDatabase(t, 'create table pair (id int primary key, other int references pair deferrable initially deferred)')
  const { db } = await openClients(t, { database: database.primaryUrl })
  await t.rejects(db.$transaction(async (tx) => { await tx.$executeRaw`insert into pair values (1, 2)` }), { code: 'P2010', meta: { code: '23503' } })
  await t.rejects(db.$transaction([db.$executeRaw`insert into pair values (1, 2)`]), { code: 'P2010', meta: { code: '23503' } })
  t.same(await db.$queryRaw`select * from pair`, [])
})

await t.test('a list of operations is one transaction in one round trip', async (t) => {
  const database = await createTestDatabase(t, notesSql)
  const trips = await countRoundTrips(t, database.primaryUrl)
  const { db: untyped, request } = await openClients(t, { schema, database: trips.through(database.primaryUrl), pool: { max: 1 }, health: { interval: 60_000 } })
  const db = untyped as unknown as Db
  const ten = (from: number): ReturnType<Db['note']['create']>[] => Array.from({ length: 10 }, (_, i) => db.note.create({ data: { text: `n${from + i}` } }))
  await db.note.count()
  trips.take()
  const made = await db.$transaction(ten(0))
  t.equal(trips.take(), 1, 'the first time too')
  t.same(made.map((note) => note.text), ['n0', 'n1', 'n2', 'n3', 'n4', 'n5', 'n6', 'n7', 'n8', 'n9'])
  await db.$transaction(ten(10))
  t.equal(trips.take(), 1)
  await db.$transaction([db.note.update({ where: { text: 'n0' }, data: { likes: 1 } }), db.note.deleteMany({ where: { text: 'n1' } }), db.note.count()])
  t.equal(trips.take(), 1, 'updates and deletes too')
  const stamped = request({ stamps: true })
  await stamped.db.$transaction([stamped.db.$executeRaw`update note set likes = likes + 1`])
  t.equal(trips.take(), 1, 'with its position')
  t.equal(stamped.commits[0]?.position?.lsn === undefined, false)
  await stamped.db.$executeRaw`update note set likes = likes + 1`
  t.equal(trips.take(), 1, 'a single write with its position')
  t.equal(stamped.commits.length, 2)
  await stamped.db.$transaction(async (tx) => {
    await tx.$executeRaw`update note set likes = likes + 1`
    await tx.$executeRaw`update note set likes = likes + 1`
  })
  t.equal(trips.take(), 3, 'BEGIN goes with the first statement, the position with the COMMIT')
})

await t.test('a list is undone by any failure, also by a row that is not there', async (t) => {
  const database = await createTestDatabase(t, notesSql)
  const db = (await openClients(t, { schema, database: database.primaryUrl })).db as unknown as Db
  await db.note.create({ data: { text: 'taken' } })
  await t.rejects(db.$transaction([db.note.create({ data: { text: 'a' } }), db.note.create({ data: { text: 'taken' } }), db.note.create({ data: { text: 'b' } })]), { code: 'P2002' })
  await t.rejects(db.$transaction([db.note.create({ data: { text: 'a' } }), db.note.delete({ where: { id: 999 } })]), { code: 'P2025' })
  await t.rejects(db.$transaction([db.note.create({ data: { text: 'a' } }), db.note.findUniqueOrThrow({ where: { id: 999 } })]), { code: 'P2025' })
  await t.rejects(db.$transaction([db.note.create({ data: { text: 'a' } }), db.$executeRaw`insert into nosuch values (1)`]), { code: 'P2010' })
  t.same(await notes(database), ['taken'])
  t.same(await db.$transaction([]), [])
  t.match(await db.$transaction([db.note.create({ data: { text: 'c' } }), db.note.findUniqueOrThrow({ where: { text: 'c' } })]), [{ text: 'c' }, { text: 'c' }])
})

await t.test('a list takes operations alone, each once, before they ran', async (t) => {
  const database = await createTestDatabase(t, notesSql)
  const db = (await openClients(t, { schema, database: database.primaryUrl })).db as unknown as Db
  const operation = db.note.create({ data: { text: 'a' } })
  await t.rejects(db.$transaction([operation, operation]), { code: 'FST_MR_QUERY_INVALID' })
  const [made] = await db.$transaction([operation])
  t.same(await operation, made, 'asked by itself it answers with its part')
  await t.rejects(db.$transaction([operation]), { code: 'FST_MR_QUERY_INVALID' })
  const ran = db.note.count()
  await ran
  await t.rejects(db.$transaction([ran]), { code: 'FST_MR_QUERY_INVALID' })
  await t.rejects(db.$transaction([Promise.resolve(1) as never]), { code: 'FST_MR_QUERY_INVALID' })
  await t.rejects(db.$transaction('insert' as never), { code: 'FST_MR_QUERY_INVALID' })
})

await t.test('a connection that is lost in a callback closes the transaction, and nothing runs outside it', async (t) => {
  const database = await createTestDatabase(t, notesSql)
  const { db: untyped } = await openClients(t, { schema, database: database.primaryUrl })
  const db = untyped as unknown as Db
  const seen: unknown[] = []
  await t.rejects(db.$transaction(async (tx) => {
    await tx.note.create({ data: { text: 'before' } })
    const [{ pid } = { pid: 0 }] = await tx.$queryRaw<{ pid: number }[]>`select pg_backend_pid() as pid`
    await database.sql('primary')`select pg_terminate_backend(${pid}, 5000)`
    await tx.note.create({ data: { text: 'during' } }).catch((error: unknown) => { seen.push(error) })
    await tx.note.create({ data: { text: 'after' } }).catch((error: unknown) => { seen.push(error) })
    return 'fine'
  }), { code: 'FST_MR_TRANSACTION_CLOSED' })
  t.equal(seen.length, 2)
  t.match(seen[1], { code: 'FST_MR_TRANSACTION_CLOSED' })
  t.same(await notes(database), [])
  t.equal(await db.note.count(), 0)
})

await t.test('a COMMIT whose answer is lost is unknown, and is not tried again', async (t) => {
  const database = await createTestDatabase(t, notesSql)
  const target = new URL(database.primaryUrl)
  const link = await Link.open({ from: 'iad', to: 'fra', purpose: 'database', target: { host: target.hostname, port: Number(target.port) } })
  t.teardown(() => link.close())
  target.port = String(link.port)
  const { db: untyped, request } = await openClients(t, { schema, database: target.href })
  const db = untyped as unknown as Db
  const isCommit = (chunk: Buffer): boolean => chunk.toString('latin1').toLowerCase().includes('commit')

  const callback = request()
  link.resetOn({ direction: 'to-target', matches: isCommit, chunk: 'deliver' })
  await t.rejects(callback.db.$transaction((tx) => tx.$executeRaw`insert into note (text) values ('callback')`), { code: 'FST_MR_COMMIT_UNKNOWN', statusCode: 500 })
  t.same(callback.commits, [{ position: undefined, outcome: 'unknown' }], 'the session is sent to the primary for a while')
  t.equal(callback.state.place, 'local')

  link.resetOn({ direction: 'to-target', matches: isCommit, chunk: 'deliver' })
  await t.rejects(db.$transaction([db.note.create({ data: { text: 'array' } })]), { code: 'FST_MR_COMMIT_UNKNOWN' })

  link.resetOn({ direction: 'to-target', matches: (chunk) => chunk.includes('single'), chunk: 'deliver' })
  await t.rejects(db.note.create({ data: { text: 'single' } }), { code: 'FST_MR_COMMIT_UNKNOWN' })

  link.resetOn({ direction: 'to-target', matches: (chunk) => chunk.includes('readonly'), chunk: 'drop' })
  t.same(await db.$queryRaw`select 'readonly' as text`.catch((error: { code: string }) => error.code), 'FST_MR_COMMIT_UNKNOWN', 'raw SQL on a primary may have written')

  link.resetOn({ direction: 'to-target', matches: (chunk) => chunk.includes('"note"'), chunk: 'drop' })
  t.type(await db.note.count(), 'number', 'a read is tried again')

  const rows = await notes(database)
  for (const text of ['callback', 'array', 'single']) t.ok(rows.filter((row) => row === text).length <= 1, `${text} is there at most once`)
})
