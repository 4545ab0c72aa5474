// A test of an app in two regions, as you would write it: node --test
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startCluster, type Cluster } from 'fastify-multi-region/testing'

// #region cluster
let cluster: Cluster

before(async () => {
  cluster = await startCluster({
    regions: ['fra', 'nrt'], // the first has the primary
    latency: 60,
    app: new URL('./quick-start/server.ts', import.meta.url), // run once a region, with DATABASE_URL, FLY_REGION … set
  })
  await cluster.query('primary', 'create table posts (id serial primary key, title text not null, created_at timestamptz(3) not null default now())')
  await cluster.waitForReplay()
})

after(async () => { await cluster.close() })
// #endregion cluster

// #region replay
test('a post from Tokyo is written once, in Frankfurt', async () => {
  const answer = await cluster.edge.inject({ region: 'nrt', method: 'POST', url: '/posts', payload: { title: 'konnichiwa' } })
  assert.equal(answer.statusCode, 200)
  assert.deepEqual(answer.hops.map((hop) => hop.region), ['nrt', 'fra'])
  assert.deepEqual(await cluster.query('primary', 'select title from posts'), [{ title: 'konnichiwa' }])
})
// #endregion replay

// #region stale
test('a replica that is behind shows an older page, without an error', async () => {
  await cluster.waitForReplay()
  await cluster.pauseReplay('nrt') // not a race: nothing arrives until it is resumed
  await cluster.query('primary', "insert into posts (title) values ('late')")
  const titles = async () => (await cluster.edge.inject({ region: 'nrt', url: '/posts' })).json<{ title: string }[]>().map((post) => post.title)
  assert.deepEqual(await titles(), ['konnichiwa'])
  await cluster.resumeReplay('nrt')
  await cluster.waitForReplay()
  assert.deepEqual(await titles(), ['late', 'konnichiwa'])
})
// #endregion stale

// #region fault
test('reads go on while the primary is away', async () => {
  await cluster.stop('fra')
  assert.equal((await cluster.edge.inject({ region: 'nrt', url: '/posts' })).statusCode, 200)
  await cluster.start('fra')
})
// #endregion fault
