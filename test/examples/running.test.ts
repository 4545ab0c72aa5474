// Examples about running it: connections, migrations, proxies, failover, signals.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import process from 'node:process'
import t from 'tap'
import { startCluster } from '../../lib/testing/cluster.ts'
import { freePort } from '../../lib/testing/server.ts'
import { waitFor } from '../../lib/testing/wait-for.ts'
import { createTestDatabase } from '../support/shared-cluster.ts'
import { hopsOf, listenIn, loadExample, platformEnv, startExample, withEnv } from './example-in-regions.ts'

await t.test('connection-limits: no more connections than allowed, and every request is answered', async (t) => {
  const { ask, database } = await startExample(t, 'connection-limits')
  const asked = Promise.all(Array.from({ length: 30 }, () => ask('iad', 'GET', '/slow')))
  let most = 0
  const looks = setInterval(() => { database.connections('iad').then((now) => { most = Math.max(most, now) }).catch(() => {}) }, 10)
  await asked
  clearInterval(looks)
  t.same(new Set((await asked).map((answer) => answer.statusCode)), new Set([200]))
  t.ok(most > 0 && most <= 5, `${most} connections: four for statements, one for the monitor`)
})

await t.test('connection-limits: without prepared statements', async (t) => {
  const { ask } = await startExample(t, 'connection-limits', { regions: ['fra'], build: 'buildAppBehindPooler' })
  t.same((await ask('fra', 'GET', '/count')).json(), { count: 0 })
})

await t.test('migrations: two deploys at once apply each step once', async (t) => {
  const database = await createTestDatabase(t)
  const { migrate } = await loadExample<{ migrate: () => Promise<number> }>('migrations')
  const done = await withEnv(platformEnv(database, 'iad'), () => Promise.all([migrate(), migrate()]))
  t.same(done.sort(), [0, 2])
  t.equal((await database.exec('select count(*) from migrations'))[0]?.['count'], '2')
})

await t.test('remote-apply: everybody sees it once the commit has returned, or a while later', async (t) => {
  const cluster = await startCluster({ regions: ['fra', 'iad'], synchronous: ['iad'] })
  t.teardown(async () => { await cluster.close() })
  await cluster.query('primary', readFileSync(new URL('../../examples/schema.sql', import.meta.url), 'utf8'))
  await cluster.waitForReplay()
  await cluster.setApplyDelay('iad', 400)
  const { ask } = await listenIn(t, { example: 'remote-apply', cluster, region: 'iad' })
  const titles = async (): Promise<string[]> => (await (await ask('GET', '/posts')).json() as { title: string }[]).map(({ title }) => title)
  // The session of another user, so no token and no floor.
  t.equal((await ask('POST', '/announcements', { title: 'all' })).status, 200)
  t.same(await titles(), ['all'], 'the commit has waited for the replica')
  await cluster.pauseReplay('iad')
  t.same(await (await ask('POST', '/beacon')).json(), { kept: true })
  t.same(await titles(), ['all'], 'the commit has waited for nobody')
  await cluster.resumeReplay('iad')
  await waitFor('the beacon to arrive', async () => (await titles()).includes('beacon'), { withinMs: 10_000 })
})

await t.test('running-off-fly: a write far from the primary travels by itself', async (t) => {
  const { ask, database } = await startExample(t, 'running-off-fly', {
    env: (database, region) => ({ FLY_REGION: '', PRIMARY_REGION: '', DATABASE_URL: '', DATABASE_REPLICA_URL: '', PRIMARY_URL: database.primaryUrl, REPLICA_URL: region === 'fra' ? database.primaryUrl : database.replicaUrls.iad, REGION: region, PRIMARY: 'fra' }),
  })
  const answer = await ask('iad', 'POST', '/sign-up', { payload: { email: 'a@example.com', title: 'first' } })
  t.same(hopsOf(answer), ['iad'])
  t.match(answer.json(), { id: 1, region: 'iad', decision: 'direct' })
  await database.waitForReplay()
  t.match((await ask('iad', 'GET', '/accounts')).json(), [{ email: 'a@example.com' }])
})

await t.test('other-proxies: a transport of one\'s own', async (t) => {
  const { ask, apps } = await startExample(t, 'other-proxies')
  const port = (region: 'fra' | 'iad'): number => (apps[region].server.address() as AddressInfo).port
  // What nginx does with `location @fra { proxy_pass … }`, as far as this needs it.
  const proxy = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = []
    const pass = (region: 'fra' | 'iad', extra: Record<string, string>): void => {
      const passed = httpRequest({ port: port(region), method: incoming.method, path: incoming.url, headers: { ...incoming.headers, 'x-edge': 'nginx', ...extra } }, (answer) => {
        const to = answer.headers['x-accel-redirect']
        if (typeof to === 'string') {
          answer.resume()
          pass(to.slice(1) as 'fra', { 'x-replay-from': region, 'x-replay-state': String(answer.headers['x-replay-state']) })
          return
        }
        outgoing.writeHead(answer.statusCode ?? 500, answer.headers)
        answer.pipe(outgoing)
      })
      passed.end(Buffer.concat(chunks))
    }
    incoming.on('data', (chunk: Buffer) => { chunks.push(chunk) })
    incoming.once('end', () => { pass('iad', {}) })
  })
  t.teardown(() => { proxy.close() })
  await once(proxy.listen(0, '127.0.0.1'), 'listening')
  const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/posts`
  const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ title: 'by nginx' }) })
  t.same(await answer.json(), { id: 1, region: 'fra', replayed: true })
  t.match((await ask('iad', 'POST', '/posts', { payload: { title: 'not by nginx' } })).json(), { region: 'iad', replayed: false }, 'no proxy that is known: a direct write')
})

const nginx = ['/usr/sbin/nginx', '/usr/bin/nginx', '/usr/local/bin/nginx', '/opt/homebrew/bin/nginx'].find((path) => existsSync(path))

await t.test('other-proxies: the configuration, by nginx itself', { skip: nginx === undefined && 'no nginx is installed' }, async (t) => {
  if (nginx === undefined) return
  const { apps } = await startExample(t, 'other-proxies')
  const port = await freePort()
  const directory = t.testdir()
  const ports: Readonly<Record<string, number>> = { 8080: port, 8081: (apps.iad.server.address() as AddressInfo).port, 8082: (apps.fra.server.address() as AddressInfo).port }
  const written = readFileSync(new URL('../../examples/nginx.conf', import.meta.url), 'utf8')
  const file = join(directory, 'nginx.conf')
  // Paths are nginx's own, below its prefix: they would end at a space.
  writeFileSync(file, `daemon off; pid pid; error_log stderr;\n${written.replace('http {', `http { access_log off; ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${name};`).join(' ')}`).replace(/\b808[012]\b/g, (example) => String(ports[example]))}`)
  // Its workers, as root's, could not enter the folder.
  const proxy = spawn(nginx, ['-p', directory, '-c', file, ...(process.getuid?.() === 0 ? ['-g', 'user root;'] : [])], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  proxy.stderr.on('data', (chunk: Buffer) => { said += chunk.toString() })
  const ended = once(proxy, 'close')
  t.teardown(async () => {
    proxy.kill('SIGTERM')
    await ended
  })
  const url = `http://127.0.0.1:${port}/posts`
  await waitFor('nginx to answer', async () => {
    if (proxy.exitCode !== null) throw new Error(said)
    return await fetch(url).then(({ status }) => status === 200, () => false)
  }, { withinMs: 10_000 })
  const post = async (headers: Readonly<Record<string, string>> = {}): Promise<unknown> =>
    await (await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify({ title: 'x'.repeat(100_000) }) })).json()
  t.same(await post(), { id: 1, region: 'fra', replayed: true }, 'method and body arrive')
  t.same(await post({ 'x-replay-from': 'iad', 'x-replay-state': 'forged' }), { id: 2, region: 'fra', replayed: true }, 'what a client sends under its names does not')
})

await t.test('observability: events, counters, the network panel, metrics', async (t) => {
  const { ask } = await startExample(t, 'observability')
  t.equal((await ask('iad', 'GET', '/careless')).statusCode, 200)
  t.match((await ask('iad', 'GET', '/late')).json(), [{ region: 'iad', route: '/careless', statements: 2 }])
  t.match((await ask('iad', 'GET', '/counters')).json(), { replays: { 'known-write': 1 }, lateCaptures: { '/careless': 1 } })
  t.match((await ask('iad', 'GET', '/posts')).headers['server-timing'], /region;desc="iad"/)
  const metrics = await ask('iad', 'GET', '/metrics')
  t.match(metrics.body, /^multi_region_replays_total\{[^}]*reason="known-write"[^}]*\} 1$/m)
})

await t.test('failover: reads go on, writes follow the promotion', async (t) => {
  const cluster = await startCluster({ regions: ['fra', 'iad'] })
  t.teardown(async () => { await cluster.close() })
  await cluster.query('primary', readFileSync(new URL('../../examples/schema.sql', import.meta.url), 'utf8'))
  await cluster.waitForReplay()
  const candidates = ['fra', 'iad'].map((region) => cluster.region(region).databaseUrls.replica).join(',')
  const { ask } = await listenIn(t, { example: 'failover', cluster, region: 'iad', env: { CANDIDATE_URLS: candidates } })
  const post = async (): Promise<Response> => await ask('POST', '/posts', { title: 'a' })
  t.equal((await post()).status, 200, 'straight to the primary')
  await cluster.kill('fra')
  const refused = await post()
  t.same([refused.status >= 500, (await ask('GET', '/health')).status], [true, 200], 'no writes, but this region reads')
  const stale = await waitFor('the page that may be old', async () => {
    const page = await ask('GET', '/posts')
    return page.status === 200 && page
  }, { withinMs: 10_000 })
  t.match(stale.headers.get('multi-region-stale'), /^\d+$|^unknown$/, 'and is marked as such')
  t.match(await stale.json(), { posts: [{ title: 'a' }], region: 'iad' })
  await cluster.promote('iad')
  await waitFor('the promoted server to be written', async () => (await post()).status === 200, { withinMs: 20_000 })
  await waitFor('the health to say so', async () => {
    const status = await (await ask('GET', '/status')).json() as { canRead: boolean, canWrite: boolean }
    return status.canRead && status.canWrite
  }, { withinMs: 10_000 })
})
