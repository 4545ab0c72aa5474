// Tokens across failovers and crashes: real promotions, a standby left behind, a standby that goes back in time.
// What may never be seen is a page without what the session has written; a 503 for a moment is honest.

import Fastify, { type FastifyInstance } from 'fastify'
import t from 'tap'
import multiRegion from '../../lib/index.ts'
import { startCluster, waitFor, type AppContext, type Cluster, type InjectResponse } from '../../lib/testing/index.ts'

const key = Buffer.alloc(32, 6)

async function build ({ region, primaryRegion, databaseUrls }: AppContext): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(multiRegion, {
    database: { primary: databaseUrls.primary, replica: databaseUrls.replica },
    region,
    primaryRegion,
    replay: 'fly',
    token: { key },
    connectTimeout: 2_000,
    statementTimeout: 2_000,
    health: { interval: 50, failures: 2, cooldown: 200 },
    hints: 'off',
  })
  app.get('/last', async (request) => {
    const rows = await request.db.$queryRawUnsafe<{ id: number }[]>('select coalesce(max(id), 0)::int as id from note')
    return { region, id: rows[0]?.id, server: (await request.db.$queryRawUnsafe<{ port: number }[]>('select inet_server_port() as port'))[0]?.port }
  })
  app.post<{ Body: { id: number } }>('/notes', async (request) => {
    await request.db.$executeRawUnsafe(`insert into note (id) values (${Number(request.body.id)})`)
    return { region }
  })
  return app
}

async function start (t: { teardown (end: () => Promise<void>): void }): Promise<Cluster> {
  const cluster = await startCluster({ regions: ['fra', 'iad', 'nrt'], app: build, links: 'everywhere', postgres: { max_wal_size: '4GB', checkpoint_timeout: '1h' } })
  t.teardown(async () => { await cluster.close() })
  await cluster.query('primary', 'create table note (id int primary key); create table ballast (text text)')
  await cluster.waitForReplay()
  return cluster
}

const write = async (cluster: Cluster, region: string, id: number, token = ''): Promise<InjectResponse> =>
  cluster.edge.inject({ region, method: 'POST', url: '/notes', payload: { id }, headers: token === '' ? {} : { 'multi-region-token': token } })
const read = async (cluster: Cluster, region: string, token: string): Promise<InjectResponse> =>
  cluster.edge.inject({ region, method: 'GET', url: '/last', headers: { 'multi-region-token': token } })
const tokenOf = (answer: InjectResponse): string => String(answer.headers['multi-region-token'] ?? '')

await t.test('tokens from before and after a promotion, and a standby left on the old timeline, ahead by bytes', async (t) => {
  const cluster = await start(t)
  const before = await write(cluster, 'nrt', 1)
  t.equal(before.statusCode, 200)
  const old = tokenOf(before)
  t.not(old, '')
  await cluster.waitForReplay()

  // fra goes on as a zombie, with nrt behind it; iad is the primary now.
  await cluster.promote('iad', { followers: 'stay', address: 'follow' })
  await cluster.query('fra', "insert into ballast select repeat('x', 1000) from generate_series(1, 2000)")
  await waitFor('nrt to be ahead of iad in bytes', async () => {
    const [zombie] = await cluster.query('nrt', "select (pg_last_wal_replay_lsn() - '0/0')::text as at")
    const [primary] = await cluster.query('iad', "select (pg_current_wal_flush_lsn() - '0/0')::text as at")
    return Number(zombie?.['at']) > Number(primary?.['at'])
  })
  const wrote = await waitFor('a write in iad', async () => {
    const answer = await write(cluster, 'iad', 2)
    return answer.statusCode === 200 && answer.json<{ region: string }>().region === 'iad' ? answer : undefined
  }, { withinMs: 10_000 })
  const token = tokenOf(wrote)
  let served = 0
  let honest = 0
  for (let i = 0; i < 50; i++) {
    for (const region of ['nrt', 'fra', 'iad']) {
      const answer = await read(cluster, region, token)
      if (answer.statusCode === 200) {
        served++
        t.ok(answer.json<{ id: number }>().id >= 2, `${region} served what the session wrote`)
      } else {
        t.equal(answer.statusCode, 503, answer.body)
        honest++
      }
    }
  }
  t.ok(served >= 50, `${served} served, ${honest} refused`)

  // The zombie ends; nrt finds the new primary and serves the session through it.
  await cluster.kill('fra')
  const through = await waitFor('nrt to reach the new primary', async () => {
    const answer = await cluster.instance('nrt1').running === undefined ? undefined : await read(cluster, 'nrt', token)
    return answer?.statusCode === 200 ? answer : undefined
  }, { withinMs: 20_000 })
  t.ok(through.json<{ id: number }>().id >= 2)

  // A token from before the promotion is compared by its position, which lies below the point where the timelines part.
  const earlier = await read(cluster, 'iad', old)
  t.equal(earlier.statusCode, 200)
  t.ok(earlier.json<{ id: number }>().id >= 1)

  // The standby follows: it serves both by itself again.
  await cluster.rejoin('nrt')
  const [port] = await cluster.query('nrt', 'select inet_server_port()::text as port')
  for (const one of [old, token]) {
    await waitFor('nrt to serve by itself', async () => {
      const answer = await read(cluster, 'nrt', one)
      if (answer.statusCode !== 200) return false
      if (answer.json<{ id: number }>().id < 2 && one === token) throw new Error('stale')
      return String(answer.json<{ server: number }>().server) === port?.['port']
    }, { withinMs: 20_000 })
  }
})

await t.test('a standby that crashes goes back in time, and serves nothing stale while it does', { timeout: 120_000 }, async (t) => {
  const cluster = await start(t)
  await cluster.query('iad', 'checkpoint')
  await cluster.query('primary', 'insert into ballast select repeat(md5(i::text), 32) from generate_series(1, 100000) as i')
  await cluster.waitForReplay('iad', { withinMs: 60_000 })
  let id = 100
  let reads = 0
  let stale = 0
  const state = { running: true }
  const token = { value: '' }
  const reader = async (): Promise<void> => {
    while (state.running) {
      const expected = id
      const current = token.value
      const answer = await read(cluster, 'iad', current)
      if (current === '' || answer.statusCode !== 200) continue
      reads++
      if (answer.json<{ id: number }>().id < expected) stale++
    }
  }
  const next = async (): Promise<void> => {
    const answer = await write(cluster, 'fra', id + 1)
    if (answer.statusCode !== 200) return
    token.value = tokenOf(answer)
    id++
  }
  await next()
  const readers = [reader(), reader()]
  for (const crash of ['backend', 'immediate'] as const) {
    for (let i = 0; i < 20; i++) await next()
    if (crash === 'immediate') {
      await cluster.stop('iad', 'immediate')
      await cluster.start('iad')
    } else {
      const [row] = await cluster.query('iad', "select pid::text from pg_stat_activity where backend_type = 'client backend' and application_name = 'fastify-multi-region' limit 1")
      process.kill(Number(row?.['pid']), 'SIGKILL')
    }
    const seen = reads
    for (let i = 0; i < 20; i++) await next()
    await waitFor('reads after the crash', () => reads > seen + 50, { withinMs: 20_000 })
  }
  state.running = false
  await Promise.all(readers)
  t.equal(stale, 0, `${reads} reads`)
})
