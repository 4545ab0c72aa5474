// A replica that was promoted before its monitor could look: what is raw must not run twice there.

import t from 'tap'
import { parseLsn } from '../../lib/core/lsn.ts'
import { Floor } from '../../lib/postgres/floor.ts'
import { startCluster } from '../../lib/testing/index.ts'
import { openClients } from '../support/test-clients.ts'

await t.test('raw SQL under a floor writes once, although its server is no standby any more', async (t) => {
  const cluster = await startCluster({ regions: ['fra', 'iad'], edge: 'off' })
  t.teardown(async () => { await cluster.close() })
  await cluster.query('primary', 'create table note (text text not null)')
  await cluster.waitForReplay()
  const { primary, replica } = cluster.region('iad').databaseUrls
  const clients = await openClients(t, { database: { primary, replica }, health: { interval: 60_000 } })
  await clients.request().db.$queryRaw`select 1`
  const { system, timeline } = clients.servers.facts.local
  const [row] = await cluster.query('primary', 'select pg_current_wal_flush_lsn()::text as lsn')
  const lsn = parseLsn(row?.['lsn'] ?? '')
  if (lsn === undefined) throw new Error('no position')
  await cluster.kill('fra')
  await cluster.promote('iad')

  const floor = new Floor('primary')
  floor.raiseTo({ system, timeline, lsn })
  const rows = await clients.request({ floor, blocked: 'test' }).db.$queryRaw<{ text: string }[]>`with made as (insert into note values ('once') returning text) select text from made`
  t.strictSame(rows.map(({ text }) => text), ['once'])
  t.equal((await cluster.query('iad', 'select text from note')).length, 1)
})
