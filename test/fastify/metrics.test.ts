// The option `metrics`: what a scrape shows, and what it costs who wants none.

import { randomBytes } from 'node:crypto'
import { channel } from 'node:diagnostics_channel'
import { readFile } from 'node:fs/promises'
import Fastify from 'fastify'
import promClient from 'prom-client'
import t from 'tap'
import multiRegion from '../../lib/index.ts'
import { METRICS } from '../../lib/fastify/metrics.ts'
import { waitFor } from '../../lib/testing/wait-for.ts'
import { optionsFor, startApp, type RegionName } from './app-in-regions.ts'

const registries = { fra: new promClient.Registry(), iad: new promClient.Registry(), nrt: new promClient.Registry() } as const
const key = randomBytes(32)
const app = await startApp(t, {
  register: async (app, region, options) => {
    await app.register(multiRegion, { ...options, token: { key }, health: { interval: 20 }, metrics: { registry: registries[region], route: '/metrics' }, hints: 'off' })
  },
  build (app) {
    app.get('/notes', async (request) => await request.db.$queryRaw`select text from note`)
    app.post('/notes', async (request) => ({ made: await request.db.$executeRaw`insert into note (text) values ('x')` }))
    app.get('/late', async (request) => {
      for (let i = 0; i < 3; i++) await request.db.$queryRaw`select 1 as one`
      return { made: await request.db.$executeRaw`insert into note (text) values ('y')` }
    })
    app.get('/broken', async (request) => await request.db.$queryRaw`select 1 / 0`)
  },
})

const scrape = async (region: RegionName): Promise<string> => await (await fetch(`${app.url(region)}/metrics`)).text()
const value = (text: string, series: RegExp): number | undefined => {
  const line = text.split('\n').find((one) => series.test(one))
  return line === undefined ? undefined : Number(line.split(' ').at(-1))
}

await t.test('requests, replays, fallbacks, late captures and statements are counted by their words', async (t) => {
  await app.ask('iad', 'GET', '/notes')
  await app.ask('iad', 'POST', '/notes', { payload: {} })
  await app.ask('iad', 'GET', '/late')
  await app.apps.iad.inject({ method: 'POST', url: '/notes' })
  const iad = await scrape('iad')
  t.equal(value(iad, /^multi_region_requests_total\{database="db",decision="local",reason="open"\}/), 1)
  t.equal(value(iad, /^multi_region_requests_total\{database="db",decision="direct",reason="not-proxied"\}/), 1)
  t.equal(value(iad, /^multi_region_replays_total\{database="db",reason="write-method"\}/), 1)
  t.equal(value(iad, /^multi_region_replays_total\{database="db",reason="known-write"\}/), 1)
  t.equal(value(iad, /^multi_region_fallbacks_total\{database="db",reason="not-proxied"\}/), 1)
  t.equal(value(iad, /^multi_region_captures_late_total\{database="db",route="\/late"\}/), 1)
  t.equal(value(iad, /^multi_region_queries_total\{database="db",endpoint="local",kind="unknown"\}/), 4)
  t.equal(value(iad, /^multi_region_queries_total\{database="db",endpoint="primary",kind="write"\}/), 1)
  t.equal(value(iad, /^multi_region_query_duration_seconds_count\{database="db",endpoint="local",kind="unknown"\}/), 4)
  const fra = await scrape('fra')
  t.equal(value(fra, /^multi_region_queries_total\{database="db",endpoint="local",kind="write"\}/), 2)
  t.equal(value(fra, /^multi_region_token_stamps_total\{/), 2)
  t.match(app.apps.iad.multiRegion.counters(), { requests: { local: { open: 1 }, direct: { 'not-proxied': 1 } }, queries: { primary: { write: 1 } }, tokens: { stamps: 1 } })
})

await t.test('servers show their role, health, pools and lag', async (t) => {
  await app.database.waitForReplay('iad')
  await waitFor('the replica to be seen up to date', async () => value(await scrape('iad'), /^multi_region_replication_lag_bytes\{/) === 0)
  let text = await scrape('iad')
  t.equal(value(text, /^multi_region_endpoint_up\{database="db",endpoint="local",role="standby"\}/), 1)
  t.equal(value(text, /^multi_region_endpoint_up\{database="db",endpoint="primary",role="primary"\}/), 1)
  t.equal(value(text, /^multi_region_breaker_state\{database="db",endpoint="local"\}/), 0)
  t.ok((value(text, /^multi_region_pool_connections\{database="db",endpoint="local",state="idle"\}/) ?? 0) >= 1)
  t.equal(value(text, /^multi_region_pool_queue\{database="db",endpoint="local"\}/), 0)
  t.equal(value(text, /^multi_region_replication_lag_seconds\{/), 0)
  await app.database.pauseReplay('iad')
  await app.ask('iad', 'POST', '/notes', { payload: {} })
  await waitFor('the lag to be seen', async () => {
    text = await scrape('iad')
    return (value(text, /^multi_region_replication_lag_bytes\{/) ?? 0) > 0 && (value(text, /^multi_region_replication_lag_seconds\{/) ?? 0) > 0.02
  })
  await app.database.resumeReplay('iad')
  await waitFor('the replica to have caught up', async () => value(await scrape('iad'), /^multi_region_replication_lag_seconds\{/) === 0)
})

await t.test('a session that waits is timed', async (t) => {
  const written = await app.ask('iad', 'POST', '/notes', { payload: {} })
  const token = String(written.headers['multi-region-token'])
  await app.database.pauseReplay('iad')
  const rewritten = await app.ask('iad', 'POST', '/notes', { payload: {}, headers: { 'multi-region-token': token } })
  await app.ask('iad', 'GET', '/notes', { headers: { 'multi-region-token': String(rewritten.headers['multi-region-token']) } })
  await app.database.resumeReplay('iad')
  const text = await scrape('iad')
  t.ok((value(text, /^multi_region_token_waits_total\{database="db",outcome="timeout"\}/) ?? 0) >= 1)
  t.ok((value(text, /^multi_region_token_wait_duration_seconds_count\{/) ?? 0) >= 1)
  await app.ask('iad', 'GET', '/notes', { headers: { 'multi-region-token': 'x'.repeat(90) } })
  t.equal(value(await scrape('iad'), /^multi_region_token_rejects_total\{database="db",reason="malformed"\}/), 1)
})

await t.test('every metric of the reference is there, with its help, and no other', async (t) => {
  const text = `${await scrape('iad')}${await scrape('fra')}`
  for (const [name, { type, help }] of Object.entries(METRICS)) {
    t.ok(text.includes(`# TYPE multi_region_${name} ${type}`), name)
    t.ok(text.includes(`# HELP multi_region_${name} ${help}`), name)
  }
  t.same(new Set([...text.matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name)), new Set(Object.keys(METRICS).map((name) => `multi_region_${name}`)))
})

await t.test('failures are told with what they mean, and no word of the statement', async (t) => {
  const seen: unknown[] = []
  const listen = (message: unknown): void => { seen.push(message) }
  channel('fastify-multi-region:query:failed').subscribe(listen)
  t.teardown(() => { channel('fastify-multi-region:query:failed').unsubscribe(listen) })
  await app.ask('iad', 'GET', '/broken')
  t.match(seen, [{ database: 'db', region: 'iad', endpoint: 'local', verdict: 'application', code: '22012' }])
  t.ok((app.apps.iad.multiRegion.counters().failures.application ?? 0) >= 1)
})

await t.test('two databases of one app share a registry, and what is closed is scraped no more', async (t) => {
  const registry = new promClient.Registry()
  const options = { ...optionsFor(app.database, 'iad'), replay: 'off', metrics: { registry, route: '/metrics' } } as const
  const instance = Fastify()
  t.teardown(async () => { await instance.close() })
  await instance.register(multiRegion, options)
  await instance.register(multiRegion, { ...options, name: 'other' })
  await instance.ready()
  await instance.multiRegion.sql('local', 'other')`select 1`
  const text = (await instance.inject('/metrics')).body
  for (const database of ['db', 'other']) t.equal(value(text, new RegExp(`^multi_region_endpoint_up\\{database="${database}",endpoint="local"`)), 1)
  await instance.close()
  t.equal(await registry.metrics(), '\n')
})

await t.test('an object that is no registry is refused', async (t) => {
  const instance = Fastify()
  t.teardown(async () => { await instance.close() })
  instance.register(multiRegion, { ...optionsFor(app.database, 'fra'), metrics: { registry: {} } })
  await t.rejects(Promise.resolve(instance.ready()), { code: 'FST_MR_OPTIONS_INVALID', message: /metrics\.registry/ })
})

await t.test('without the option nothing of it is loaded', async (t) => {
  const plugin = await readFile(new URL('../../lib/fastify/plugin.ts', import.meta.url), 'utf8')
  t.notMatch(plugin, /^import [^\n]*'\.\/metrics\.ts'/m)
  t.match(plugin, /await import\('\.\/metrics\.ts'\)/)
})
