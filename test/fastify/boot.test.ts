// What a start needs, and how it fails.

import { createServer } from 'node:net'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import t from 'tap'
import multiRegion, { type PluginOptions } from '../../lib/index.ts'
import { Link } from '../../lib/testing/link.ts'
import { createTestDatabase } from '../support/shared-cluster.ts'
import { NOTES, optionsFor } from './app-in-regions.ts'

/** A port where nobody listens. */
async function deadPort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

function make (t: { teardown (end: () => Promise<void>): void }, options: FastifyServerOptions = {}): FastifyInstance {
  const app = Fastify(options)
  t.teardown(async () => { await app.close() })
  return app
}

await t.test('wrong options and environments reject the registration with all that is wrong', async (t) => {
  const app = make(t)
  app.register(multiRegion, { pool: { max: 0 }, replya: 'off' } as PluginOptions)
  await t.rejects(async () => { await app.ready() }, { code: 'FST_MR_OPTIONS_INVALID', message: /`replya`[\s\S]*`pool\.max`/ })
})

await t.test('a connect timeout that Fastify would cut short is refused', async (t) => {
  const app = make(t, { pluginTimeout: 1_000 })
  app.register(multiRegion, { database: 'postgres://127.0.0.1:1/x' })
  await t.rejects(async () => { await app.ready() }, { code: 'FST_MR_OPTIONS_INVALID', message: /pluginTimeout/ })
})

await t.test('an unreachable database rejects ready() within the connect timeout, naming what was tried', async (t) => {
  const app = make(t)
  const port = await deadPort()
  const startedAt = performance.now()
  app.register(multiRegion, { database: { primary: `postgres://ada:hunter2@127.0.0.1:${port}/x`, replica: `postgres://ada:hunter2@127.0.0.1:${port}/y` }, connectTimeout: 1_000 })
  const failure = await app.ready().then(() => undefined, (error: Error & { code: string }) => error)
  t.ok(performance.now() - startedAt < 3_000)
  t.equal(failure?.code, 'FST_MR_DATABASE_UNREACHABLE')
  t.match(failure?.message, /primary/)
  t.match(failure?.message, /replica/)
  t.notMatch(failure?.message, /hunter2/)
})

await t.test('a server that accepts and says nothing does not hold the start up', async (t) => {
  const silent = createServer().listen(0, '127.0.0.1')
  await once(silent, 'listening')
  t.teardown(() => { silent.close() })
  silent.on('connection', (socket) => { t.teardown(() => { socket.destroy() }) })
  const app = make(t)
  app.register(multiRegion, { database: `postgres://127.0.0.1:${(silent.address() as AddressInfo).port}/x`, connectTimeout: 500 })
  await t.rejects(async () => { await app.ready() }, { code: 'FST_MR_DATABASE_UNREACHABLE' })
})

await t.test('with a reachable primary and a dead replica the app boots and serves', async (t) => {
  const database = await createTestDatabase(t, NOTES)
  const app = make(t)
  const port = await deadPort()
  await app.register(multiRegion, { ...optionsFor(database, 'iad'), database: { primary: database.primaryUrl, replica: `postgres://postgres@127.0.0.1:${port}/${database.name}` }, connectTimeout: 2_000 })
  app.get('/notes', async (request) => await request.db.$queryRaw`select text from note`)
  const answer = await app.inject('/notes')
  t.same([answer.statusCode, answer.json()], [200, [{ text: 'first' }]])
  t.match(app.multiRegion.health(), { canWrite: true, canRead: false, endpoints: { primary: { up: true, role: 'primary' } } })
})

await t.test('with a reachable replica and a dead primary it boots, reads, and says what it cannot do', async (t) => {
  const database = await createTestDatabase(t, NOTES)
  const app = make(t)
  const port = await deadPort()
  await app.register(multiRegion, { ...optionsFor(database, 'iad'), database: { primary: `postgres://postgres:hunter2@127.0.0.1:${port}/${database.name}`, replica: database.replicaUrls.iad }, connectTimeout: 2_000 })
  app.get('/notes', async (request) => await request.db.$queryRaw`select text from note`)
  app.post('/notes', async (request) => await request.db.$executeRaw`insert into note (text) values ('x')`)
  t.equal((await app.inject('/notes')).statusCode, 200)
  const refused = await app.inject({ method: 'POST', url: '/notes' })
  t.equal(refused.statusCode, 503)
  t.equal(refused.headers['retry-after'], '1')
  t.match(refused.json(), { code: 'FST_MR_PRIMARY_UNAVAILABLE' })
  t.notMatch(refused.body, /127\.0\.0\.1|hunter2/)
  t.match(app.multiRegion.health(), { canRead: true, canWrite: false })
})

await t.test('a bound on staleness that no sample could prove is refused at ready(), with the least that can be', async (t) => {
  const database = await createTestDatabase(t, NOTES)
  const link = await Link.open({ from: 'iad', to: 'fra', purpose: 'database', target: { host: '127.0.0.1', port: Number(new URL(database.primaryUrl).port) }, roundTripMs: 200 })
  t.teardown(async () => { await link.close() })
  const far = database.primaryUrl.replace(/:\d+\//, `:${link.port}/`)
  const start = async (maxStaleness: number, primary: string, where: 'plugin' | 'route' | 'foreign route'): Promise<FastifyInstance> => {
    const app = make(t)
    await app.register(multiRegion, { ...optionsFor(database, 'iad'), database: { primary, replica: database.replicaUrls.iad }, ...(where === 'plugin' ? { maxStaleness } : {}), ...(where === 'foreign route' ? { routes: [{ url: '/', maxStaleness }] } : {}) })
    app.get('/', where === 'route' ? { config: { multiRegion: { maxStaleness } } } : {}, async () => 'x')
    await app.ready()
    return app
  }
  const message = /^[^]*`maxStaleness` is 150 ms, and the least that can be proven from here is (?:2[2-9]\d|[3-9]\d\d|\d{4,}) ms \(a sampling interval and a round trip to the primary\): raise it, or use `consistency: 'strong'`/
  for (const where of ['plugin', 'route', 'foreign route'] as const) {
    await t.rejects(start(150, far, where), { code: 'FST_MR_OPTIONS_INVALID', message }, where)
  }
  await t.resolves(start(2_000, far, 'route'), 'a larger one is proven over the same distance')
  // Far enough from its bound: a busy machine takes tens of milliseconds for a local round trip.
  await t.resolves(start(150, database.primaryUrl, 'route'), 'a nearer primary proves the smaller one')
})

await t.test('a single database with nothing else: reads, writes, no replay and no noise', async (t) => {
  const database = await createTestDatabase(t, NOTES)
  const lines: { level: number }[] = []
  const app = make(t, { logger: { level: 'debug', stream: { write: (line: string) => { lines.push(JSON.parse(line) as { level: number }) } } } })
  await app.register(multiRegion, { database: database.primaryUrl })
  app.post('/notes', async (request) => {
    await request.db.$executeRaw`insert into note (text) values ('x')`
    return { region: request.multiRegion.region ?? 'none', rows: await request.db.$queryRaw`select count(*)::int as count from note` }
  })
  t.same((await app.inject({ method: 'POST', url: '/notes' })).json(), { region: 'none', rows: [{ count: 2 }] })
  t.same(lines.filter((line) => line.level >= 40), [])
})

await t.test('close ends every connection, and work after it is refused', async (t) => {
  const database = await createTestDatabase(t, NOTES)
  const app = make(t)
  await app.register(multiRegion, { ...optionsFor(database, 'iad') })
  const { db } = app
  await db.$queryRaw`select 1`
  t.ok(await database.connections('iad') > 0)
  const startedAt = performance.now()
  await app.close()
  t.ok(performance.now() - startedAt < 4_000)
  t.equal(await database.connections('iad') + await database.connections('primary'), 0)
  await t.rejects(async () => { await db.$queryRaw`select 1` }, { code: 'FST_MR_CLIENT_CLOSED' })
})

await t.test('what was registered behind the plugin may still use the database while it closes', async (t) => {
  const database = await createTestDatabase(t, NOTES)
  const app = make(t)
  await app.register(multiRegion, optionsFor(database, 'fra'))
  app.addHook('onClose', async () => { await app.db.$executeRaw`insert into note (text) values ('last words')` })
  await app.ready()
  await app.close()
  t.equal((await database.exec('select 1 from note')).length, 2)
})
