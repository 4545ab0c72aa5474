// A commit that is acknowledged before it is flushed: its token must not be short, and must be a place that a
// standby reaches although nothing more is written (FACTS 2.2, 2.3).

import t from 'tap'
import type { Position } from '../../lib/core/freshness.ts'
import { openClients } from '../support/test-clients.ts'
import { createTestDatabase } from '../support/shared-cluster.ts'

const PAGE = 8192n
const MAX_TRIES = 20_000

const database = await createTestDatabase(t, 'create table note (id serial primary key, text text not null, other int references note deferrable initially deferred)')
const near = await openClients(t, { database: database.primaryUrl })
const far = await openClients(t, { database: { primary: database.primaryUrl, replica: database.replicaUrls.iad }, region: 'iad', primaryRegion: 'fra' })
const request = near.request({ stamps: true })
const { db } = request
const last = (): Position => {
  const position = request.commits.at(-1)?.position
  if (position === undefined) throw new Error('a commit without a position')
  return position
}

await t.test('a token that lands at the start of a page is reached on an idle primary', async (t) => {
  let landed: Position | undefined
  for (let i = 0; i < MAX_TRIES && landed === undefined; i++) {
    await db.$transaction(async (tx) => { await tx.$executeRawUnsafe(`insert into note (text) values ('${'x'.repeat(i % 13)}')`) }, { synchronousCommit: 'off' })
    // The header of the next page is not written yet: the raw position would point behind it.
    if (last().lsn % PAGE === 0n) landed = last()
  }
  if (landed === undefined) {
    t.fail(`no commit of ${MAX_TRIES} ended a page`)
    return
  }
  t.equal((await far.servers.waiter.wait(landed, { timeoutMs: 5_000 }).ended).outcome, 'reached')
})

await t.test('the token covers its own commit: asynchronous or not, with a deferred constraint', async (t) => {
  for (let i = 0; i < 20; i++) {
    await db.$transaction(async (tx) => { await tx.$executeRawUnsafe("insert into note (text, other) values ('a', 1)") }, { synchronousCommit: i % 2 === 0 ? 'off' : 'on' })
    const [row] = await near.db.$queryRawUnsafe<{ n: number }[]>('select count(*)::int as n from note')
    t.equal((await far.servers.waiter.wait(last(), { timeoutMs: 5_000 }).ended).outcome, 'reached')
    const [seen] = await database.exec('select count(*)::int as n from note', 'iad')
    t.ok(Number(seen?.['n']) >= Number(row?.n), 'the standby shows it once it has reached the token')
  }
})
