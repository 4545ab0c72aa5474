// One poller, however many wait; a position counts in one run of one server; every wait ends with a word.

import t from 'tap'
import fc from 'fast-check'
import { lsnOf, parseLsn, type Lsn } from '../../lib/core/lsn.ts'
import type { Position } from '../../lib/core/freshness.ts'
import { Heap } from '../../lib/postgres/heap.ts'
import { waitFor } from '../../lib/testing/wait-for.ts'
import { openClients } from '../support/test-clients.ts'
import { createTestDatabase, type TestDatabase } from '../support/shared-cluster.ts'

const NOTES = 'create table note (id serial primary key, text text not null)'

async function inReplica (t: Parameters<typeof createTestDatabase>[0]) {
  const database = await createTestDatabase(t, NOTES)
  const clients = await openClients(t, { database: { primary: database.primaryUrl, replica: database.replicaUrls.iad }, region: 'iad', primaryRegion: 'fra' })
  return { database, clients, servers: clients.servers, waiter: clients.servers.waiter }
}

async function write (database: TestDatabase): Promise<Lsn> {
  await database.exec("insert into note (text) values ('x')")
  return parseLsn(String((await database.exec('select pg_current_wal_flush_lsn()::text as lsn'))[0]?.['lsn'])) as Lsn // a server's own text
}

await t.test('a heap gives its items in order, whatever was pushed and dropped', async (t) => {
  fc.assert(fc.property(fc.array(fc.integer()), fc.integer(), (numbers, limit) => {
    const heap = new Heap<number>((a, b) => a < b)
    for (const number of numbers) heap.push(number)
    heap.retain((number) => number >= limit)
    const taken: number[] = []
    for (let next = heap.pop(); next !== undefined; next = heap.pop()) taken.push(next)
    return JSON.stringify(taken) === JSON.stringify(numbers.filter((number) => number >= limit).sort((a, b) => a - b))
  }))
  t.pass('for all lists')
})

await t.test('waiters are released in the order of their positions, by one poller', async (t) => {
  const { database, servers, waiter } = await inReplica(t)
  const { facts } = servers
  await database.pauseReplay('iad')
  const lsn = await write(database)
  const at = (value: Lsn): Position => ({ system: facts.local.system, timeline: facts.local.timeline, lsn: value })
  const before = waiter.looks
  const waits = Array.from({ length: 10_000 }, (_, index) => waiter.wait(at(lsnOf(lsn - BigInt(index % 7))), { timeoutMs: 20_000 }).ended)
  t.equal(waiter.size, 10_000)
  const never = waiter.wait(at(lsnOf(lsn + 1_000_000_000n)), { timeoutMs: 20_000 }).ended
  await waitFor('some looks', () => waiter.looks > before + 5)
  const [row] = await database.exec("select count(*)::int as n from pg_stat_activity where query like '%pg_last_wal_replay_lsn%' and query not like '%pg_stat_activity%' and backend_type = 'client backend'", 'iad')
  t.ok(Number(row?.['n']) <= 2, 'the poller and the monitor, and nobody else')
  const startedAt = performance.now()
  const looksBefore = waiter.looks
  await database.resumeReplay('iad')
  const ended = await Promise.all(waits)
  t.same(new Set(ended.map(({ outcome }) => outcome)), new Set(['reached']))
  t.ok(ended.every(({ endedAtMs }) => endedAtMs >= startedAt && endedAtMs <= performance.now()), 'released behind the catch-up')
  t.ok(waiter.looks - looksBefore <= (performance.now() - startedAt) / 2 + 2, 'at most one look in 2 ms')
  t.equal(waiter.size, 1, 'whoever waits for more still waits')
  waiter.close()
  t.equal((await never).outcome, 'aborted')
  t.equal((await waiter.wait(at(lsnOf(lsn + 1_000_000_000n)), { timeoutMs: 20_000 }).ended).outcome, 'aborted', 'closed')
})

await t.test('one look may free all who wait, and the next waits start anew', async (t) => {
  const { database, servers, waiter } = await inReplica(t)
  const { system, timeline } = servers.facts.local
  for (const round of [1, 2]) {
    await database.pauseReplay('iad')
    const positions = [await write(database), await write(database)]
    const waits = positions.map((lsn) => waiter.wait({ system, timeline, lsn }, { timeoutMs: 20_000 }).ended)
    t.equal(waiter.size, 2)
    await database.resumeReplay('iad')
    t.same((await Promise.all(waits)).map(({ outcome }) => outcome), ['reached', 'reached'], `round ${round}`)
    t.equal(waiter.size, 0)
  }
})

await t.test('nobody waits: nobody looks', async (t) => {
  const { database, servers, waiter } = await inReplica(t)
  const lsn = await write(database)
  await database.waitForReplay('iad')
  t.equal((await waiter.wait({ system: servers.facts.local.system, timeline: servers.facts.local.timeline, lsn }, { timeoutMs: 1_000 }).ended).outcome, 'reached')
  const looks = waiter.looks
  await servers.local.probe()
  await servers.local.probe()
  t.equal(waiter.looks, looks)
  t.equal(waiter.size, 0)
})

await t.test('a wait is bounded, and ends when its caller leaves', async (t) => {
  const { database, servers, waiter } = await inReplica(t)
  await database.pauseReplay('iad')
  const lsn = await write(database)
  const position = { system: servers.facts.local.system, timeline: servers.facts.local.timeline, lsn }
  t.equal((await waiter.wait(position, { timeoutMs: 20 }).ended).outcome, 'timeout')
  t.equal((await waiter.wait(position, { timeoutMs: 0 }).ended).outcome, 'timeout', 'one look, no wait')
  const left = waiter.wait(position, { timeoutMs: 20_000 })
  t.equal(waiter.size, 1)
  left.leave()
  t.equal(waiter.size, 0)
  t.equal((await left.ended).outcome, 'aborted')
})

await t.test('a position of another history is not waited for', async (t) => {
  const { servers, waiter } = await inReplica(t)
  const { system, timeline } = servers.facts.local
  const lsn = lsnOf(1n)
  t.equal((await waiter.wait({ system: '1', timeline, lsn }, { timeoutMs: 20_000 }).ended).outcome, 'unreachable')
  t.equal((await waiter.wait({ system, timeline: Number(timeline) + 1, lsn }, { timeoutMs: 20_000 }).ended).outcome, 'unreachable')
  t.equal((await waiter.wait({ system: undefined, timeline, lsn }, { timeoutMs: 20_000 }).ended).outcome, 'unreachable')
})

await t.test('a sample counts in its epoch alone: a connection that opens or closes voids it', async (t) => {
  const { database, clients, servers, waiter } = await inReplica(t)
  const lsn = await write(database)
  await database.waitForReplay('iad')
  const position = { system: servers.facts.local.system, timeline: servers.facts.local.timeline, lsn }
  t.equal((await waiter.wait(position, { timeoutMs: 1_000 }).ended).outcome, 'reached')
  t.ok(waiter.hasReached(position))
  await database.killBackends('iad')
  await waitFor('the loss of a connection to be noticed', () => !waiter.hasReached(position) || waiter.appliedLsn === undefined)
  t.equal((await waiter.wait(position, { timeoutMs: 5_000 }).ended).outcome, 'reached')
  t.ok(clients.db)
})
