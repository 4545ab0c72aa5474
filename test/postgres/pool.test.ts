import t from 'tap'
import { DriverFailure } from '../../lib/core/driver-failure.ts'
import type { Connection } from '../../lib/postgres/driver.ts'
import type { Pool } from '../../lib/postgres/pool.ts'
import { Link } from '../../lib/testing/link.ts'
import { waitFor } from '../../lib/testing/wait-for.ts'
import { openPool } from '../support/open-pool.ts'
import { createTestDatabase } from '../support/shared-cluster.ts'

const database = await createTestDatabase(t)
const host = { host: '127.0.0.1', port: Number(new URL(database.primaryUrl).port) }
const one = { text: 'select 1', params: [] }

async function rejection (work: unknown): Promise<Error & { code?: string, statusCode?: number }> {
  try {
    await work
  } catch (error) {
    return error as Error // only errors are thrown here
  }
  throw new Error('it should have been refused')
}

const take = async (pool: Pool, count: number): Promise<Connection[]> => await Promise.all(Array.from({ length: count }, async () => await pool.acquire()))

await t.test('a free connection is given at once, without a promise', async (t) => {
  const pool = openPool(t, database.primaryUrl)
  const first = await pool.acquire()
  pool.release(first)
  const second = pool.acquire()
  t.equal(second, first, 'the one that was used last')
  pool.release(first)
  pool.release(first)
  t.match(pool.stats(), { open: 1, idle: 1, inUse: 0 }, 'a second release does nothing')
})

await t.test('no more connections than allowed, and waiters are served in the order in which they came', async (t) => {
  const pool = openPool(t, database.primaryUrl, { max: 3 })
  const held = await take(pool, 3)
  const order: number[] = []
  const waiting = Array.from({ length: 5 }, async (_, index) => {
    const connection = await pool.acquire()
    order.push(index)
    pool.release(connection)
  })
  t.match(pool.stats(), { open: 3, opening: 0, inUse: 3, waiting: 5, idle: 0, max: 3 })
  for (const connection of held) pool.release(connection)
  await Promise.all(waiting)
  t.strictSame(order, [0, 1, 2, 3, 4])
  t.match(pool.stats(), { inUse: 0, waiting: 0, idle: 3 })
})

await t.test('a busy connection never keeps a statement waiting while another could be opened', async (t) => {
  const pool = openPool(t, database.primaryUrl, { max: 2 })
  const slow = await pool.acquire()
  const sleeping = rejection(slow.query({ text: 'select pg_sleep(60)', params: [] }))
  const quick = await pool.acquire()
  await quick.query(one)
  pool.release(quick)
  slow.destroy()
  t.match(await sleeping, { kind: 'lost' }, 'it still slept')
  pool.release(slow)
})

await t.test('a full queue and a long wait are refused with 503', async (t) => {
  const pool = openPool(t, database.primaryUrl, { max: 1, queueSize: 2, queueTimeoutMs: 200 })
  const held = await pool.acquire()
  const startedAtMs = performance.now()
  const waiting = [rejection(pool.acquire()), rejection(pool.acquire())]
  t.match(await rejection(pool.acquire()), { code: 'FST_MR_OVERLOADED', statusCode: 503 })
  for (const error of await Promise.all(waiting)) t.match(error, { code: 'FST_MR_OVERLOADED' })
  const tookMs = performance.now() - startedAtMs
  t.ok(tookMs >= 190, `refused after ${tookMs.toFixed(0)} ms`)
  t.equal(pool.stats().overloads, 3)
  t.match(await rejection(pool.acquire({ timeoutMs: 50 })), { code: 'FST_MR_OVERLOADED' }, 'a shorter wait of its own')
  pool.release(held)
  t.equal((await pool.acquire()).dead, false, 'and it serves again')
})

await t.test('an abort ends the wait, with the caller\'s reason', async (t) => {
  const pool = openPool(t, database.primaryUrl, { max: 1 })
  const held = await pool.acquire()
  const controller = new AbortController()
  const waiting = rejection(pool.acquire({ signal: controller.signal }))
  const behind = pool.acquire()
  controller.abort(new Error('the client has gone'))
  t.equal((await waiting).message, 'the client has gone')
  t.equal((await rejection(pool.acquire({ signal: controller.signal }))).message, 'the client has gone')
  pool.release(held)
  t.equal(await behind, held, 'whoever stood behind moves up')
})

await t.test('brief statements that wait share a connection; others have theirs alone', async (t) => {
  const pool = openPool(t, database.primaryUrl, { max: 2 })
  const held = await take(pool, 2)
  const got: [string, Connection][] = []
  const wait = async (name: string, brief: boolean): Promise<void> => {
    const connection = await pool.acquire({ brief })
    got.push([name, connection])
  }
  const waiting = [wait('brief 1', true), wait('brief 2', true), wait('long', false), wait('brief 3', true)]
  const [first, second] = held as [Connection, Connection]
  pool.release(first)
  await Promise.all(waiting.slice(0, 2))
  t.strictSame(got, [['brief 1', first], ['brief 2', first]], 'nobody overtakes the long one')
  t.match(pool.stats(), { inUse: 2, waiting: 2 })
  const running = Promise.all([first.query(one), first.query(one)])
  pool.release(first)
  t.equal(pool.stats().waiting, 2, 'given back when all have done so')
  await running
  pool.release(second)
  await waiting[2]
  t.strictSame(got[2], ['long', second])
  t.equal(pool.stats().waiting, 1, 'what is not brief shares with nobody')
  pool.release(first)
  await waiting[3]
  t.strictSame(got[3], ['brief 3', first])
  pool.release(first)
  pool.release(second)
  t.match(pool.stats(), { inUse: 0, idle: 2, waiting: 0 })
})

await t.test('no more than eight share, none of another priority, and each has its own outcome', async (t) => {
  const pool = openPool(t, database.primaryUrl, { max: 1 })
  const held = await pool.acquire()
  const waiting = Array.from({ length: 10 }, async () => await pool.acquire({ brief: true }))
  const borrowed = pool.acquire({ brief: true, priority: 'borrowed' })
  pool.release(held)
  const sharers = await Promise.all(waiting.slice(0, 8))
  t.equal(pool.stats().waiting, 3)
  const answers = await Promise.allSettled(sharers.map(async (connection, index) => await connection.query({ text: 'select 1 / $1::int', params: [String(index % 2)] })))
  t.strictSame(answers.map(({ status }) => status), Array.from({ length: 8 }, (_, index) => index % 2 === 0 ? 'rejected' : 'fulfilled'), 'a refused statement concerns its own sender alone')
  for (const connection of sharers) pool.release(connection)
  const rest = await Promise.all(waiting.slice(8))
  t.match(pool.stats(), { waiting: 1, borrowed: 0 })
  for (const connection of rest) pool.release(connection)
  pool.release(await borrowed)
  t.match(pool.stats(), { inUse: 0, idle: 1, waiting: 0, borrowed: 0 })
})

await t.test('a shared connection that dies is replaced once all have given it back', async (t) => {
  const pool = openPool(t, database.primaryUrl, { max: 1 })
  const held = await pool.acquire()
  const waiting = Array.from({ length: 3 }, async () => await pool.acquire({ brief: true }))
  const behind = pool.acquire()
  pool.release(held)
  const sharers = await Promise.all(waiting)
  const failures = sharers.map((connection) => rejection(connection.query({ text: 'select pg_sleep(60)', params: [] })))
  sharers[0]?.destroy()
  for (const failure of await Promise.all(failures)) t.match(failure, { kind: 'lost' })
  for (const connection of sharers) pool.release(connection)
  const next = await behind
  t.not(next, held)
  await next.query(one)
  pool.release(next)
  t.match(pool.stats(), { open: 1, inUse: 0, idle: 1, waiting: 0 })
})

await t.test('borrowed work gets its share, and stands behind native work', async (t) => {
  const pool = openPool(t, database.primaryUrl, { max: 3, borrowedShare: 1 / 3, queueSize: 6 })
  const borrowed = await pool.acquire({ priority: 'borrowed' })
  const order: string[] = []
  const wait = async (priority: 'native' | 'borrowed', name: string): Promise<void> => {
    const connection = await pool.acquire({ priority })
    order.push(name)
    pool.release(connection)
  }
  const second = wait('borrowed', 'borrowed 2')
  t.equal(pool.stats().borrowed, 1)
  const native = await take(pool, 2)
  t.equal(pool.stats().open, 3, 'native work has the rest')
  const third = wait('native', 'native 3')
  const last = wait('borrowed', 'borrowed 3')
  t.match(await rejection(pool.acquire({ priority: 'borrowed' })), { code: 'FST_MR_OVERLOADED' }, 'a third of the queue, no more')
  pool.release(native[0] as Connection)
  await third
  t.strictSame(order, ['native 3'], 'a free connection is not for borrowed work beyond its share')
  pool.release(borrowed)
  await Promise.all([second, last])
  t.strictSame(order, ['native 3', 'borrowed 2', 'borrowed 3'])
  pool.release(native[1] as Connection)
})

await t.test('a dead connection is replaced for whoever waits, and the epoch tells', async (t) => {
  const pool = openPool(t, database.primaryUrl, { max: 1, applicationName: 'replaced' })
  const first = await pool.acquire()
  t.equal(pool.epoch, 1)
  const waiting = pool.acquire()
  await database.killBackends('primary', 'replaced')
  const second = await waiting
  t.not(second, first)
  t.equal(pool.epoch, 3, 'one closed, one opened')
  pool.release(first)
  t.match(pool.stats(), { open: 1, inUse: 1 })
  pool.release(second)
})

await t.test('what is given back in mid-statement is ended, not handed on', async (t) => {
  const pool = openPool(t, database.primaryUrl, { max: 1 })
  const first = await pool.acquire()
  const left = rejection(first.query({ text: 'select pg_sleep(5)', params: [] }))
  pool.release(first)
  t.ok(await left instanceof DriverFailure)
  const second = await pool.acquire()
  t.match(await second.query(one), { rows: [['1']] })
  pool.release(second)
})

await t.test('idle connections are closed after a while, all but one', async (t) => {
  const pool = openPool(t, database.primaryUrl, { idleTimeoutMs: 100, applicationName: 'idlers' })
  for (const connection of await take(pool, 5)) pool.release(connection)
  t.equal(pool.stats().open, 5)
  await waitFor('four of them to be closed', () => pool.stats().open === 1)
  await waitFor('the server to know', async () => await database.connections('primary', 'idlers') === 1)
  t.match(await (await pool.acquire()).query(one), { rows: [['1']] }, 'the one that is left works')
})

await t.test('a server that cannot be reached rejects everybody who waits, and is tried anew', async (t) => {
  const link = await Link.open({ from: 'here', to: 'there', purpose: 'database', target: host })
  t.teardown(() => link.close())
  const pool = openPool(t, database.primaryUrl.replace(String(host.port), String(link.port)), { max: 2 })
  await link.refuse()
  const errors = await Promise.all(Array.from({ length: 6 }, () => rejection(pool.acquire())))
  for (const error of errors) t.match(error, { kind: 'connect', code: 'ECONNREFUSED', sent: false })
  await link.heal()
  const connection = await pool.acquire()
  t.match(await connection.query(one), { rows: [['1']] })
  pool.release(connection)
})

await t.test('when no further connection is to be had, those that are there serve on', async (t) => {
  await database.exec('create role few login superuser; alter role few connection limit 2')
  t.teardown(() => database.exec('drop role few'))
  // A superuser is bound by no limit; the role is made one for the drop alone.
  await database.exec('alter role few nosuperuser')
  const pool = openPool(t, database.primaryUrl.replace('postgres@', 'few@'), { max: 5 })
  const held = await take(pool, 2)
  const waiting = Array.from({ length: 4 }, async () => {
    const connection = await pool.acquire()
    await connection.query(one)
    pool.release(connection)
  })
  await waitFor('the server to refuse a third', () => pool.stats().opening === 0)
  for (const connection of held) pool.release(connection)
  await Promise.all(waiting)
  t.equal(pool.stats().open, 2)
  await pool.close(500)
})

await t.test('close ends: idle at once, busy at the bound, waiters rejected', async (t) => {
  const pool = openPool(t, database.primaryUrl, { max: 2, applicationName: 'closing' })
  const [busy, idle] = await take(pool, 2) as [Connection, Connection]
  pool.release(idle)
  const left = rejection(busy.query({ text: 'select pg_sleep(30)', params: [] }))
  const other = await pool.acquire()
  const waiting = rejection(pool.acquire())
  const closing = pool.close(300)
  t.equal(pool.close(9_999), closing, 'a second close is the first')
  t.match(await waiting, { code: 'FST_MR_CLIENT_CLOSED' })
  pool.release(other)
  await closing
  t.match(await left, { kind: 'lost' }, 'it would have slept for 30 s')
  t.match(await rejection(pool.acquire()), { code: 'FST_MR_CLIENT_CLOSED' })
  t.equal(pool.stats().open, 0)
})

await t.test('close ends at once where nothing runs, after connection errors too', async (t) => {
  const link = await Link.open({ from: 'here', to: 'there', purpose: 'database', target: host })
  t.teardown(() => link.close())
  const pool = openPool(t, database.primaryUrl.replace(String(host.port), String(link.port)), { max: 3 })
  for (const connection of await take(pool, 3)) pool.release(connection)
  link.reset()
  await link.refuse()
  await waitFor('the connections to be seen dead', () => pool.stats().open === 0)
  t.match(await rejection(pool.acquire()), { kind: 'connect' })
  // A bound beyond that of this file: only a close that waits for nothing ends in time.
  await pool.close(600_000)
})

await t.test('a pool that is replaced hands its waiters to its heir, and ends when its last owner is done', async (t) => {
  const old = openPool(t, database.primaryUrl, { max: 1 })
  const heir = openPool(t, database.primaryUrl, { max: 1 })
  const held = await old.acquire()
  const waiting = old.acquire()
  const closing = old.close(5_000, heir)
  const inherited = await waiting
  t.match(await inherited.query(one), { rows: [['1']] })
  t.match(heir.stats(), { inUse: 1 })
  t.match(await held.query(one), { rows: [['1']] }, 'what runs there runs on')
  old.release(held)
  await closing
  heir.release(inherited)
})

await t.test('reset ends what idles, or everything', async (t) => {
  const pool = openPool(t, database.primaryUrl, { max: 2 })
  const [busy, idle] = await take(pool, 2) as [Connection, Connection]
  pool.release(idle)
  pool.reset('idle')
  t.strictSame([idle.dead, busy.dead], [true, false])
  pool.reset('all')
  t.equal(busy.dead, true)
  pool.release(busy)
  t.match(await (await pool.acquire()).query(one), { rows: [['1']] })
})

await t.test('a wait that is too long is an overload, unless all connections were busy without an answer', async (t) => {
  const pool = openPool(t, database.primaryUrl, { max: 2, queueTimeoutMs: 100 })
  const held = await take(pool, 2)
  t.match(await rejection(pool.acquire()), { code: 'FST_MR_OVERLOADED' }, 'held without a statement: not the server\'s doing')
  const running = held.map((connection) => connection.query({ text: 'select pg_sleep(0.6)', params: [] }))
  t.match(await rejection(pool.acquire()), { kind: 'stalled', code: 'POOL_STALLED', sent: false })
  await Promise.all(running)
  for (const connection of held) pool.release(connection)
})

await t.test('waiters are refused at once when the server is known to be down', async (t) => {
  const pool = openPool(t, database.primaryUrl, { max: 1 })
  const held = await pool.acquire()
  const waiting = [rejection(pool.acquire()), rejection(pool.acquire({ priority: 'borrowed' }))]
  pool.refuseWaiters(new DriverFailure('down', { kind: 'connect', code: 'SERVER_DOWN', sent: false }))
  for (const failure of await Promise.all(waiting)) t.match(failure, { kind: 'connect', code: 'SERVER_DOWN' })
  t.equal(pool.stats().waiting, 0)
  pool.release(held)
})
