// At `trace`, with everything on that can speak, nobody says a password, a key or a value.

import { channel } from 'node:diagnostics_channel'
import { inspect } from 'node:util'
import Fastify from 'fastify'
import promClient from 'prom-client'
import t from 'tap'
import { channels } from '../../lib/core/diagnostics.ts'
import multiRegion from '../../lib/index.ts'
import { waitFor } from '../../lib/testing/wait-for.ts'
import { createTestDatabase } from '../support/shared-cluster.ts'

const PASSWORD = 'hunter2-secret'
const KEY = 'c2VjcmV0LWtleS1vZi10aGUtdG9rZW5zLTEyMzQ1Njc='
const VALUE = 'value-of-a-user'
const database = await createTestDatabase(t, 'create table note (id serial primary key, text text not null unique)')
/** The cluster trusts everybody; what is not asked for is carried along all the same. */
const withPassword = (url: string): string => url.replace('postgres@', `postgres:${PASSWORD}@`)

const said: string[] = []
const say = (thing: unknown): void => { said.push(inspect(thing, { depth: 14, breakLength: Number.POSITIVE_INFINITY })) }
for (const { name } of Object.values(channels)) {
  const listen = (message: unknown): void => { say([name, message]) }
  channel(name).subscribe(listen)
  t.teardown(() => { channel(name).unsubscribe(listen) })
}
const registry = new promClient.Registry()
const app = Fastify({ logger: { level: 'trace', stream: { write: (line: string) => { said.push(line) } } } })
t.teardown(async () => { await app.close() })
await app.register(multiRegion, {
  database: { primary: withPassword(database.primaryUrl), replica: withPassword(database.replicaUrls.iad) },
  region: 'iad',
  primaryRegion: 'fra',
  replay: 'fly',
  token: { key: KEY },
  metrics: { registry },
  serverTiming: true,
  hints: 'on',
  health: { interval: 20, failures: 1, cooldown: 50 },
  pool: { max: 2, primaryMax: 1, queueSize: 1 },
})
app.get('/read', async (request) => await request.db.$queryRaw`select * from note where text = ${VALUE}`)
app.post('/write', async (request) => await request.db.$executeRaw`insert into note (text) values (${VALUE})`)
app.get('/broken', async (request) => await request.db.$queryRaw`select ${VALUE}::int`)
app.get('/slow', async (request) => await request.db.$queryRaw`select pg_sleep(0.2)`)
await app.listen({ port: 0, host: '127.0.0.1' })

await t.test('work, failures, refusals, lost connections, a server that goes and comes back', async (t) => {
  for (const url of ['/read', '/broken', '/nowhere']) await app.inject(url)
  for (let i = 0; i < 2; i++) say((await app.inject({ method: 'POST', url: '/write' })).body)
  await Promise.all([1, 2, 3, 4, 5].map(async () => { say((await app.inject('/slow')).body) }))
  const slow = app.inject('/slow').then(({ body }) => { say(body) })
  await waitFor('the statement to run', async () => (await database.exec('select 1 from pg_stat_activity where query like \'%pg_sleep%\' and pid <> pg_backend_pid() and datname = current_database()', 'iad')).length > 0)
  await database.killBackends('iad')
  await slow
  await waitFor('the failure to be counted', () => Object.keys(app.multiRegion.counters().failures).length >= 2)
  for (const work of [
    async () => await app.db.$queryRaw`select ${VALUE}::int`,
    async () => await app.db.$executeRaw`insert into note (text) values (${VALUE})`,
    async () => await app.multiRegion.sql('local')`insert into note (text) values (${VALUE})`,
  ]) await t.rejects(work().catch((error: unknown) => { say(error); throw error }))
  say(await registry.metrics())
  say([app.multiRegion.health(), app.multiRegion.counters(), app.multiRegion, app.db])
})

await t.test('a start that fails', async (t) => {
  for (const options of [
    { database: `postgres://app:${PASSWORD}@127.0.0.1:1/x` },
    { database: `postgres://app:${PASSWORD}@127.0.0.1:99999/x` },
    { database: { primary: withPassword(database.primaryUrl), replica: `mysql://app:${PASSWORD}@x/y` } },
    { database: `postgres://app:${PASSWORD}@nowhere.invalid/x`, connectTimeout: 1_000 },
    { database: withPassword(database.primaryUrl), token: { key: `${KEY}too-long` } },
  ]) {
    const broken = Fastify({ logger: { level: 'trace', stream: { write: (line: string) => { said.push(line) } } } })
    broken.register(multiRegion, { replay: 'off', ...options })
    await t.rejects(Promise.resolve(broken.ready()).catch((error: unknown) => { say(error); broken.log.error({ err: error }, 'start'); throw error }))
    await broken.close()
  }
})

await t.test('nothing of it was said', (t) => {
  const text = said.join('\n')
  t.ok(said.length > 30, `${said.length} things were said`)
  for (const word of ['query:routed', 'query:failed', 'request:decided', 'fallback:used', 'token:stamped', 'multi_region_queries_total']) t.ok(text.includes(word), `${word} has spoken`)
  const rest = (secret: string): string[] => said.filter((one) => one.includes(secret)).map((one) => one.slice(0, 400))
  t.same(rest(PASSWORD), [], 'no password')
  t.same(rest(KEY), [], 'no key')
  t.same(rest(Buffer.from(KEY, 'base64').toString('latin1')), [], 'no key in clear')
  t.same(rest(VALUE), [], 'no value of a statement')
  t.end()
})
