// Operations that wait for a connection while something happens to their request, their client or the queue.

import t, { type Test } from 'tap'
import { RequestState } from '../../lib/core/request-state.ts'
import type { DatabaseClient } from '../../lib/postgres/client.ts'
import type { Target } from '../../lib/postgres/target.ts'
import { waitFor } from '../../lib/testing/wait-for.ts'
import { createTestDatabase } from '../support/shared-cluster.ts'
import { openClients } from '../support/test-clients.ts'

const database = await createTestDatabase(t, 'create table note (id serial primary key, text text not null)')
const servers = { primary: database.primaryUrl, replica: database.replicaUrls.iad }
const pool = { max: 1, primaryMax: 1, queueSize: 2, queueTimeout: 20_000 }
const count = async (): Promise<number> => Number((await database.exec('select count(*) from note'))[0]?.['count'])

/** The target's only connection, in other hands until `give` is called. */
async function hold (t: Test, target: Target): Promise<() => void> {
  const connection = await target.acquire()
  let held = true
  const give = (): void => {
    if (held) target.release(connection)
    held = false
  }
  t.teardown(give)
  return give
}

const waiting = async (target: Target, number: number): Promise<unknown> => waitFor(`${number} to wait`, () => target.pool.stats().waiting === number)

interface Row {
  readonly name: string
  readonly at: 'local' | 'primary'
  readonly run: (db: DatabaseClient) => Promise<unknown>
}

const rows: readonly Row[] = [
  { name: 'raw SQL', at: 'local', run: (db) => Promise.resolve(db.$queryRaw`select 1 as one`) },
  { name: 'a read-only transaction', at: 'local', run: (db) => db.$transaction(async (tx) => tx.$queryRaw`select 1 as one`, { readOnly: true }) },
  { name: 'a write', at: 'primary', run: (db) => Promise.resolve(db.$executeRaw`insert into note (text) values ('x')`) },
  { name: 'a transaction', at: 'primary', run: (db) => db.$transaction(async (tx) => tx.$executeRaw`insert into note (text) values ('x')`) },
]

await t.test('a write beside the primary that waits while another registration asks for a replay, or while the client closes', async (t) => {
  const far = await openClients(t, { database: servers })
  for (const event of ['replay', 'close'] as const) {
    const near = await openClients(t, { database: database.primaryUrl, pool })
    const give = await hold(t, near.servers.local)
    const before = await count()
    const state = new RequestState()
    const outcome = near.request({ state }).db.$executeRaw`insert into note (text) values ('x')`.then(() => undefined, (error: unknown) => error)
    await waiting(near.servers.local, 1)
    if (event === 'close') {
      const closing = near.servers.close(200)
      t.match(await outcome, { code: 'FST_MR_CLIENT_CLOSED' })
      t.equal(state.place, 'open')
      await closing
    } else {
      await t.rejects(Promise.resolve(far.request({ state }).db.$executeRaw`insert into note (text) values ('y')`), { code: 'FST_MR_REPLAY_REQUESTED' })
      give()
      t.match(await outcome, { code: 'FST_MR_REPLAY_REQUESTED' })
      t.equal(near.servers.local.pool.stats().inUse, 0)
    }
    t.equal(await count(), before)
    t.ok(state.isIdle)
  }
})

for (const { name, at, run } of rows) {
  await t.test(`${name} that waits while another registration asks for a replay: the same signal, and nothing runs`, async (t) => {
    const clients = await openClients(t, { database: servers, pool })
    const target = clients.servers[at]
    const give = await hold(t, target)
    const before = await count()
    const state = new RequestState()
    const outcome = run(clients.request({ state, blocked: at === 'primary' ? 'no-proxy' : null }).db).then(() => undefined, (error: unknown) => error)
    await waiting(target, 1)
    const asked = await clients.request({ state }).db.$executeRaw`insert into note (text) values ('y')`.then(() => undefined, (error: unknown) => error)
    t.match(asked, { code: 'FST_MR_REPLAY_REQUESTED' })
    give()
    t.equal(await outcome, asked)
    t.equal(await count(), before)
    t.equal(target.pool.stats().inUse, 0, 'its connection is given back')
    t.ok(state.isIdle)
  })

  await t.test(`${name} that waits while the client closes: refused at once`, async (t) => {
    const clients = await openClients(t, { database: servers, pool, closeTimeout: 200 })
    const target = clients.servers[at]
    await hold(t, target)
    const { db, state } = clients.request({ blocked: 'no-proxy' })
    const outcome = run(db).then(() => undefined, (error: unknown) => error)
    await waiting(target, 1)
    const closing = clients.servers.close(200)
    t.match(await outcome, { code: 'FST_MR_CLIENT_CLOSED' })
    await closing
    t.equal(state.place, 'open', 'it ran nowhere')
    t.ok(state.isIdle)
  })

  await t.test(`${name} that finds the queue full: refused at once`, async (t) => {
    const clients = await openClients(t, { database: servers, pool })
    const target = clients.servers[at]
    const give = await hold(t, target)
    const { db, state } = clients.request({ blocked: 'no-proxy' })
    const queued = [run(db), run(db)]
    await waiting(target, 2)
    await t.rejects(run(db), { code: 'FST_MR_OVERLOADED', statusCode: 503 })
    give()
    await Promise.all(queued)
    t.equal(target.pool.stats().inUse, 0)
    t.ok(state.isIdle)
  })
}
