// What is said of the servers and their pools on `node:diagnostics_channel`, and in the log.

import { channel } from 'node:diagnostics_channel'
import t, { type Test } from 'tap'
import type { FastifyInstance } from 'fastify'
import multiRegion, { type PluginOptions } from '../../lib/index.ts'
import { Link } from '../../lib/testing/link.ts'
import { waitFor } from '../../lib/testing/wait-for.ts'
import { startApp, type AppInRegions } from './app-in-regions.ts'

const portOf = (url: string): { host: string, port: number } => ({ host: '127.0.0.1', port: Number(new URL(url).port) })

function listenTo (t: Test, name: string): object[] {
  const messages: object[] = []
  const listen = (message: unknown): void => { messages.push(message as object) }
  channel(`fastify-multi-region:${name}`).subscribe(listen)
  t.teardown(() => { channel(`fastify-multi-region:${name}`).unsubscribe(listen) })
  return messages
}

/** An app in iad whose replica is behind a link. */
async function startBehindLink (t: Test, build: (app: FastifyInstance) => void = () => {}, plugin: Partial<PluginOptions> = {}): Promise<{ app: AppInRegions, link: Link }> {
  let link: Link | undefined
  const app = await startApp(t, {
    regions: ['iad'],
    plugin: { health: { interval: 50, failures: 2, cooldown: 100 }, connectTimeout: 1_000, ...plugin },
    async register (app, _region, options) {
      const { primary, replica } = options.database as { primary: string, replica: string } // as startApp gives them
      link = await Link.open({ from: 'iad', to: 'replica', purpose: 'database', target: portOf(replica) })
      const behind = new URL(replica)
      behind.port = String(link.port)
      await app.register(multiRegion, { ...options, database: { primary, replica: behind.href } })
    },
    build,
  })
  if (link === undefined) throw new Error('no region was registered')
  const opened = link
  t.teardown(async () => { await opened.close() })
  return { app, link }
}

await t.test('endpoint:health: a server goes, and comes back', async (t) => {
  const messages = listenTo(t, 'endpoint:health')
  const { app, link } = await startBehindLink(t)
  messages.length = 0
  await link.refuse()
  link.reset()
  await waitFor('the server to be called down', () => app.apps.iad.multiRegion.health().endpoints.local.up === false && app.apps.iad.multiRegion.health().endpoints.local.breaker === 'open')
  const origin = { database: 'db', region: 'iad', endpoint: 'local' }
  t.same(messages.filter((message) => 'breaker' in message && message.breaker === 'closed' && 'up' in message && message.up === true), [])
  t.same(messages.at(-1), { ...origin, up: false, breaker: 'open' })
  await link.heal()
  await waitFor('it to be up', () => app.apps.iad.multiRegion.health().endpoints.local.breaker === 'closed')
  t.same(messages.at(-1), { ...origin, up: true, breaker: 'closed' })
  t.ok(messages.some((message) => 'breaker' in message && message.breaker === 'half-open'), 'the trial is told')
  t.match(app.logs.filter((line) => line.msg.startsWith('database endpoint is')).map((line) => [line.level, line['endpoint'], line.msg]), [[40, 'local', 'database endpoint is down'], [30, 'local', 'database endpoint is up']])
})

await t.test('endpoint:role: another server stands behind the name', async (t) => {
  const messages = listenTo(t, 'endpoint:role')
  const { app, link } = await startBehindLink(t)
  t.same(messages, [], 'what was found at boot is no change')
  link.retarget(portOf(app.database.primaryUrl))
  link.reset()
  await waitFor('the new role to be known', () => app.apps.iad.multiRegion.health().endpoints.local.role === 'primary')
  t.same(messages, [{ database: 'db', region: 'iad', endpoint: 'local', role: 'primary', previousRole: 'standby' }])
})

for (const { reason, pool } of [
  { reason: 'queue-full', pool: { max: 1, primaryMax: 1, queueSize: 1, queueTimeout: 20_000 } },
  { reason: 'queue-timeout', pool: { max: 1, primaryMax: 1, queueSize: 100, queueTimeout: 50 } },
] as const) {
  await t.test(`pool:saturated: ${reason}`, async (t) => {
    const messages = listenTo(t, 'pool:saturated')
    const { app } = await startBehindLink(t, (app) => {
      app.get('/held', async (request) => await request.db.$queryRaw`select pg_advisory_lock(7)`)
      app.get('/read', async (request) => await request.db.$queryRaw`select 1`)
    }, { pool })
    // The one connection waits for a lock that the test holds, for as long as the test likes.
    const lock = app.database.sql('iad')
    const held = await lock.reserve()
    await held`select pg_advisory_lock(7)`
    const blocked = app.apps.iad.inject('/held')
    await waitFor('the connection to be taken', async () => (await app.database.exec("select 1 from pg_stat_activity where wait_event = 'advisory' and datname = current_database()", 'iad')).length === 1)
    const reads = [1, 2, 3].map(async () => app.apps.iad.inject('/read'))
    await waitFor('the pool to be called saturated', () => messages.length > 0)
    const refused = reason === 'queue-full' ? 2 : 3
    await waitFor('all refusals to be told', () => messages.reduce((sum, message) => sum + ('refused' in message ? Number(message.refused) : 0), 0) === refused)
    t.match(messages[0], { database: 'db', region: 'iad', endpoint: 'local', reason, waiting: reason === 'queue-full' ? 1 : 0, refused: Number })
    await held`select pg_advisory_unlock(7)`
    held.release()
    await blocked
    const statuses = (await Promise.all(reads)).map(({ statusCode }) => statusCode).sort()
    t.same(statuses, reason === 'queue-full' ? [200, 503, 503] : [200, 200, 200], 'a server whose connections all say nothing is replaced by the other one')
    t.same(app.logs.filter((line) => line.msg === 'database pool is saturated').map((line) => [line.level, line['endpoint'], line['reason']]), [[40, 'local', reason]], 'said once')
    t.equal(app.apps.iad.multiRegion.counters().overloads.local, refused)
  })
}
