// Positions that a server does not have: of another database, ahead of a restored primary; and servers that share an
// address, of which one is behind.

import t from 'tap'
import { parseLsn, type Lsn } from '../../lib/core/lsn.ts'
import { Floor } from '../../lib/postgres/floor.ts'
import { startApp } from '../fastify/app-in-regions.ts'
import { openBalancer } from '../support/balancer.ts'
import { sealWith } from '../support/seal-with.ts'
import { createTestDatabase } from '../support/shared-cluster.ts'
import { openClients } from '../support/test-clients.ts'

const key = Buffer.alloc(32, 4)

const seal = await sealWith(t, key)

const app = await startApp(t, {
  plugin: { token: { key } },
  build (app, region) {
    app.get('/count', async (request) => ({ region, n: (await request.db.$queryRawUnsafe<{ n: number }[]>('select count(*)::int as n from note'))[0]?.n }))
    app.post('/notes', async (request) => { await request.db.$executeRawUnsafe("insert into note (text) values ('x')"); return { region } })
  },
})

const real = seal.open((await app.ask('fra', 'POST', '/notes')).headers['multi-region-token'])
const { position } = real
if (position === undefined) throw new Error('a write has a position')

for (const [name, token] of [
  ['of another database', { ...real, position: { ...position, system: '7000000000000000001' } }],
  ['ahead of a restored primary', { ...real, writtenAtMs: Date.now() - 60_000, position: { ...position, lsn: (position.lsn + 1_000_000_000n) as Lsn } }],
] as const) {
  await t.test(`a token ${name}: the primary answers, with a fresh one`, async (t) => {
    const answer = await app.ask('iad', 'GET', '/count', { headers: { 'multi-region-token': seal.seal(token) } })
    t.equal(answer.json<{ region: string }>().region, 'fra')
    const fresh = seal.open(answer.headers['multi-region-token'])
    t.equal(fresh.position?.system, position.system)
    t.ok((fresh.position?.lsn ?? 0n) >= position.lsn && (fresh.position?.lsn ?? 0n) < position.lsn + 1_000_000_000n)
    await app.database.waitForReplay('iad')
    const again = await app.ask('iad', 'GET', '/count', { headers: { 'multi-region-token': String(answer.headers['multi-region-token']) } })
    t.equal(again.json<{ region: string }>().region, 'iad')
    t.equal(again.headers['set-cookie'], undefined)
  })
}

await t.test('a token of a newer timeline than any server\'s is not served stale', async (t) => {
  const answer = await app.ask('iad', 'GET', '/count', { headers: { 'multi-region-token': seal.seal({ ...real, position: { ...position, timeline: (position.timeline ?? 0) + 1 } }) } })
  t.equal(answer.statusCode, 503)
  t.equal(answer.json<{ code: string }>().code, 'FST_MR_PRIMARY_MOVED')
})

await t.test('too old, or from the future: ignored', async (t) => {
  for (const atMs of [Date.now() - 48 * 3_600_000, Date.now() + 3_600_000]) {
    const answer = await app.ask('iad', 'GET', '/count', { headers: { 'multi-region-token': seal.seal({ ...real, writtenAtMs: atMs, position: { ...position, lsn: (position.lsn + 1_000_000_000n) as Lsn } }) } })
    t.equal(answer.json<{ region: string }>().region, 'iad')
  }
})

await t.test('two servers behind one address, of which one is paused: 1,000 reads above a floor, none stale', async (t) => {
  const database = await createTestDatabase(t, 'create table note (id serial primary key, text text not null)')
  const ports = [database.replicaUrls.iad, database.replicaUrls.nrt].map((url) => Number(new URL(url).port))
  const balancer = await openBalancer(t, ports)
  const replica = new URL(database.replicaUrls.iad)
  replica.port = String(balancer.port)
  const clients = await openClients(t, { database: { primary: database.primaryUrl, replica: replica.href }, region: 'iad', primaryRegion: 'fra', pool: { max: 6 } })
  await database.pauseReplay('nrt')
  let stale = 0
  let local = 0
  for (let round = 1; round <= 10; round++) {
    await database.exec("insert into note (text) values ('x')")
    const [row] = await database.exec('select pg_current_wal_flush_lsn()::text as lsn')
    await database.waitForReplay('iad')
    const { system, timeline } = clients.servers.facts.primary
    const at = { system, timeline, lsn: parseLsn(String(row?.['lsn'])) as Lsn }
    await Promise.all(Array.from({ length: 100 }, async () => {
      const floor = new Floor('primary')
      floor.raiseTo(at)
      const request = clients.request({ blocked: 'not-proxied', floor })
      const [seen] = await request.db.$queryRawUnsafe<{ n: number }[]>('select count(*)::int as n from note')
      if (seen?.n !== round) stale++
      if (request.routed.at(-1)?.target === 'local') local++
    }))
  }
  t.equal(stale, 0)
  t.equal(clients.servers.facts.local.members, 'several')
  t.ok(local > 0, `${local} of 1,000 were served by the member that is there`)
})
