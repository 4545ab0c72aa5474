// A database failover, with apps that keep running under environment variables that are wrong from then on:
// PRIMARY_REGION names the app's setting, not the database's (FACTS 4.9).

import Fastify, { type FastifyInstance } from 'fastify'
import t from 'tap'
import multiRegion from '../../lib/index.ts'
import { startCluster, waitFor, type AppContext, type InjectResponse } from '../../lib/testing/index.ts'

const apps = new Map<string, FastifyInstance>()

async function build ({ region, primaryRegion, databaseUrls }: AppContext): Promise<FastifyInstance> {
  const app = Fastify()
  apps.set(region, app)
  await app.register(multiRegion, {
    database: { primary: databaseUrls.primary, replica: databaseUrls.replica },
    region,
    primaryRegion,
    replay: 'fly',
    connectTimeout: 2_000,
    statementTimeout: 2_000,
    health: { interval: 50, failures: 2, cooldown: 200 },
    hints: 'off',
  })
  app.get('/notes', async (request) => ({ region, rows: await request.db.$queryRaw`select text from note order by id` }))
  app.post('/notes', async (request) => {
    await request.db.$executeRaw`insert into note (text) values (${region})`
    return { region, replayed: request.multiRegion.replayed }
  })
  app.get('/two-writes', async (request) => {
    request.multiRegion.markWritten()
    await request.db.$executeRaw`insert into note (text) values ('second')`
    return { region }
  })
  return app
}

const cluster = await startCluster({ regions: ['fra', 'iad'], app: build, links: 'everywhere' })
t.teardown(async () => { await cluster.close() })
await cluster.query('primary', 'create table note (id serial primary key, text text not null)')
await cluster.waitForReplay()

const post = async (region: string): Promise<InjectResponse> => await cluster.edge.inject({ region, method: 'POST', url: '/notes' })
const count = async (region: string): Promise<number> => (await cluster.query(region, 'select 1 from note')).length

await t.test('before: a write in iad runs in fra', async (t) => {
  t.match((await post('iad')).json(), { region: 'fra', replayed: true })
})

await t.test('iad is promoted and fra is gone: iad writes by itself, whatever PRIMARY_REGION says', async (t) => {
  await cluster.waitForReplay()
  await cluster.kill('fra')
  await cluster.promote('iad', { address: 'follow' })
  await waitFor('iad to know that it is the primary', () => apps.get('iad')?.multiRegion.health().endpoints.local.role === 'primary', { withinMs: 10_000 })
  cluster.edge.resetCounters()
  const before = await count('iad')
  const answer = await waitFor('a write in iad', async () => {
    const one = await post('iad')
    return one.statusCode === 200 ? one : undefined
  }, { withinMs: 10_000 })
  t.match(answer.json(), { region: 'iad' })
  t.equal(answer.hops.length, 1, 'a primary never replays')
  t.equal(await count('iad'), before + 1)
  t.equal(cluster.edge.counters().replaysFrom['iad'], undefined)
})

await t.test('fra comes back as a standby: its app, in the configured primary region, writes to iad without a loop', async (t) => {
  await cluster.rejoin('fra')
  await waitFor('fra to know that it is a standby', () => apps.get('fra')?.multiRegion.health().endpoints.local.role === 'standby', { withinMs: 15_000 })
  await waitFor('fra to find the primary', () => apps.get('fra')?.multiRegion.health().canWrite, { withinMs: 15_000 })
  cluster.edge.resetCounters()
  const before = await count('iad')
  const answer = await post('fra')
  t.equal(answer.statusCode, 200, answer.body)
  t.match(answer.json(), { region: 'fra' }, 'the target would be itself')
  t.equal(answer.hops.length, 1)
  t.equal(await count('iad'), before + 1, 'once')
  t.equal(cluster.edge.counters().bareConflicts, 0)
})

await t.test('a request that has written keeps to the primary, wherever it is by now', async (t) => {
  const before = await count('iad')
  const answer = await cluster.edge.inject({ region: 'fra', url: '/two-writes' })
  t.equal(answer.statusCode, 200, answer.body)
  t.equal(await count('iad'), before + 1)
})
