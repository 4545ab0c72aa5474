// COMMIT PREPARED commits what another session prepared: the token of whoever sends it must cover it.

import t from 'tap'
import { startCluster } from '../../lib/testing/index.ts'
import { openClients } from '../support/test-clients.ts'

const cluster = await startCluster({ regions: ['fra', 'iad'], primaryRegion: 'fra', edge: 'off', postgres: { max_prepared_transactions: 4 } })
t.teardown(async () => { await cluster.close() })
await cluster.query('fra', 'create table note (id int primary key)')
await cluster.waitForReplay()

const near = await openClients(t, { database: cluster.region('fra').databaseUrls.primary })
const far = await openClients(t, { database: cluster.region('iad').databaseUrls, region: 'iad', primaryRegion: 'fra' })
const request = near.request({ stamps: true })

await t.test('the token of a two-phase commit is not short', async (t) => {
  for (let i = 0; i < 10; i++) {
    await cluster.query('fra', `begin; insert into note values (${i}); prepare transaction 'note-${i}'`)
    const before = request.commits.length
    await request.db.$executeRawUnsafe(`commit prepared 'note-${i}'`)
    const position = request.commits.at(-1)?.position
    t.ok(request.commits.length > before && position !== undefined, 'COMMIT PREPARED is a write, and its position is known')
    if (position === undefined) return
    t.equal((await far.servers.waiter.wait(position, { timeoutMs: 5_000 }).ended).outcome, 'reached')
    const [row] = await cluster.query('iad', `select count(*) as n from note where id = ${i}`)
    t.equal(row?.['n'], '1', 'the standby shows it once it has reached the token')
  }
})
