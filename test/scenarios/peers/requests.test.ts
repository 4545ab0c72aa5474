// Which requests are replayed, and which never: by method, by what the handler meets, with loops in sight.

import { request as httpRequest, type IncomingMessage } from 'node:http'
import { channel } from 'node:diagnostics_channel'
import Fastify from 'fastify'
import t from 'tap'
import multiRegion, { type PluginOptions } from '../../../lib/index.ts'
import type { RegionName } from '../../fastify/app-in-regions.ts'
import { holdRecords, type Check } from './records.ts'
import { ask, freshToken, runs, setsCookie, startStand, withToken, wordsFor } from './stand.ts'

const app = await startStand(t)
const { database } = app
const { local, replays, behind } = wordsFor(app)

const other = (plugin: Partial<PluginOptions>, check: (t: Parameters<Check>[0], app: Awaited<ReturnType<typeof startStand>>) => Promise<unknown>): Check => async (t) => { await check(t, await startStand(t, { plugin })) }

/** Straight to an instance, with the header that the proxy always sets. */
async function direct (region: RegionName, path: string, { method = 'GET', headers = {} }: { method?: string, headers?: Record<string, string> } = {}): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(`${app.url(region)}/${path}`, { method, headers: { 'fly-forwarded-port': '443', ...headers } }, (answer) => {
      answer.resume()
      resolve(answer)
    })
    outgoing.on('error', reject)
    outgoing.end()
  })
}

/** The stand with other servers behind the names of one region, or another place in the world. */
const misplaced = (change: (options: PluginOptions, region: RegionName) => PluginOptions, check: (t: Parameters<Check>[0], app: Awaited<ReturnType<typeof startStand>>) => Promise<unknown>): Check => async (t) => {
  await check(t, await startStand(t, { register: async (app, region, options) => { await app.register(multiRegion, change(options, region)) } }))
}

const upgrade = { connection: 'upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' }

await holdRecords('requests', {
  'rd-header-shape': async (t) => {
    const answer = await direct('iad', 'read', { method: 'POST' })
    t.equal(answer.statusCode, 409)
    t.match(answer.headers['fly-replay'], /^region=fra(;[a-z_]+=[A-Za-z0-9_.:-]+)+$/)
  },
  'rd-large-body': async (t) => {
    const before = (await app.notes()).length
    const answer = await ask(app, 'write', { method: 'POST', payload: JSON.stringify('x'.repeat(1_010_000)), headers: { 'content-type': 'application/json' } })
    t.match(answer, { statusCode: 200, hops: { length: 1 } })
    t.match(answer.json(), { region: 'iad' })
    t.equal((await app.notes()).length, before + 1, 'the write went to the primary directly')
  },
  'rd-read-only-reason-visible': async (t) => {
    const seen: unknown[] = []
    const listen = (message: unknown): void => { seen.push(message) }
    channel('fastify-multi-region:request:replayed').subscribe(listen)
    t.teardown(() => { channel('fastify-multi-region:request:replayed').unsubscribe(listen) })
    t.match((await ask(app, 'why')).json(), { region: 'fra', replayed: true, origin: 'iad' })
    await ask(app, 'write', { method: 'POST' })
    t.match(seen, [{ reason: 'known-write', route: '/why', targetRegion: 'fra' }, { reason: 'method', route: '/write' }])
  },
  'rd-redirect-passes-through': async (t) => {
    const answer = await ask(app, 'redirect', { method: 'POST' })
    t.match(answer, { statusCode: 303, headers: { location: '/next' }, hops: { length: 2 } })
    t.ok(setsCookie(answer))
  },
  'rd-route-intent-not-leaking': async (t) => {
    await replays('declared')(t)
    await local('read')(t)
  },
  'rd-schema-not-arrived': async (t) => {
    await database.pauseReplay('iad')
    await database.exec('create table late_table (id int); insert into late_table values (7)')
    const answer = await ask(app, 'late')
    t.match(answer, { statusCode: 200, hops: { length: 2 } })
    t.same(answer.json(), { region: 'fra', rows: [{ id: 7 }] })
    await database.resumeReplay('iad')
    await database.waitForReplay('iad')
    await local('late')(t)
  },
  'rd-side-effects-not-run': async (t) => {
    await ask(app, 'counted', { method: 'POST' })
    t.same(Object.fromEntries(runs), { fra: 1 })
  },
  'rd-static-untouched': behind(async (t, token) => {
    const answer = await ask(app, 'excluded', withToken(token))
    t.equal(answer.hops.length, 1)
    t.notOk(setsCookie(answer))
  }),
  'rd-unknown-route': async (t) => { t.match(await ask(app, 'nowhere', { method: 'POST' }), { statusCode: 404, hops: { length: 1 } }) },
  'rd-unrelated-error': async (t) => {
    for (const [name, statusCode] of [['business', 422], ['syntax', 500]] as const) {
      const answers = [await ask(app, name), await ask(app, name, { region: 'fra' })]
      t.match(answers, [{ statusCode, hops: { length: 1 } }, { statusCode, hops: { length: 1 } }])
      t.equal(answers[0]?.body, answers[1]?.body, 'as on the primary')
    }
  },
  'rd-wrapped-error': replays('wrapped'),

  'mr-custom-list': other({ writeMethods: ['DELETE'] }, async (t, app) => {
    t.equal((await ask(app, 'read', { method: 'POST' })).hops.length, 1)
    t.equal((await ask(app, 'read', { method: 'DELETE' })).hops.length, 2)
  }),
  'mr-empty-list': other({ writeMethods: [] }, async (t, app) => {
    t.equal((await ask(app, 'read', { method: 'POST' })).hops.length, 1)
    t.equal((await ask(app, 'write', { method: 'POST' })).hops.length, 2)
  }),
  'mr-excluded-path-post': local('excluded', { method: 'POST' }),
  'mr-head': local('read', { method: 'HEAD' }),
  'mr-options': async (t) => { t.equal((await ask(app, 'read', { method: 'OPTIONS' })).hops.length, 1) },
  'mr-post-on-primary': async (t) => { t.match(await ask(app, 'write', { method: 'POST', region: 'fra' }), { statusCode: 200, hops: { length: 1 } }) },
  'mr-reason-precedence': behind(async (t, token) => {
    const answer = await ask(app, 'write', { method: 'POST', ...withToken(token) })
    t.equal(answer.hops.length, 2)
    t.ok(setsCookie(answer))
  }),
  'mr-unknown-method': async (t) => { t.equal((await ask(app, 'read', { method: 'PROPFIND' })).hops.length, 1) },

  'lg-both-think-other': misplaced((options, region) => ({
    ...options,
    // Neither database can be written: the two standbys, each taken for the other's primary.
    database: region === 'fra' ? { primary: database.replicaUrls.iad, replica: database.replicaUrls.nrt } : { primary: database.replicaUrls.nrt, replica: database.replicaUrls.iad },
    primaryRegion: region === 'fra' ? 'iad' : 'fra',
  }), async (t, app) => {
    for (const region of ['fra', 'iad'] as const) {
      const answer = await ask(app, 'write', { method: 'POST', region })
      t.equal(answer.statusCode, 503, answer.body)
      t.match(answer.json(), { code: 'FST_MR_PRIMARY_MOVED' })
      t.ok(answer.hops.length <= 2, `${answer.hops.length} hops`)
    }
  }),
  'lg-primary-unknown': async (t) => {
    const lost = Fastify()
    t.teardown(async () => { await lost.close() })
    lost.register(multiRegion, { database: { primary: database.primaryUrl, replica: database.replicaUrls.iad }, region: 'iad', replay: 'fly' })
    await t.rejects(Promise.resolve(lost.ready()), { code: 'FST_MR_TOPOLOGY_INVALID', message: /primaryRegion/ })
  },
  'lg-read-only-on-primary': async (t) => {
    const fenced = await startStand(t)
    await fenced.database.exec("do $$ begin execute format('alter database %I set default_transaction_read_only = on', current_database()); end $$")
    await fenced.database.killBackends('primary')
    const answer = await ask(fenced, 'write', { method: 'POST', region: 'fra' })
    t.match(answer, { statusCode: 503, hops: { length: 1 } })
    t.match(answer.json(), { code: 'FST_MR_PRIMARY_READ_ONLY' })
    t.equal(answer.headers['fly-replay'], undefined)
  },
  'lg-replayed-and-still-read-only': async (t) => {
    const marker = /;state=([^;]+)/.exec(String((await direct('iad', 'write', { method: 'POST' })).headers['fly-replay']))?.[1]
    const before = (await app.notes()).length
    const again = await direct('iad', 'write', { method: 'POST', headers: { 'fly-replay-src': `instance=x;region=nrt;t=1;state=${marker}` } })
    t.equal(again.statusCode, 200)
    t.equal(again.headers['fly-replay'], undefined)
    t.equal((await app.notes()).length, before + 1, 'it has been replayed once: the write goes to the primary directly')
  },
  'lg-target-is-self': misplaced((options, region) => region === 'fra' ? { ...options, database: { primary: database.primaryUrl, replica: database.replicaUrls.iad } } : options, async (t, app) => {
    const before = (await database.exec('select 1 from note')).length
    const answer = await ask(app, 'write', { method: 'POST', region: 'fra' })
    t.match(answer, { statusCode: 200, hops: { length: 1 } })
    t.equal((await database.exec('select 1 from note')).length, before + 1)
  }),
  'lg-window-replay-on-arrival': behind(async (t, token) => {
    const answer = await ask(app, 'read', { region: 'fra', headers: { 'multi-region-token': token, 'fly-replay-src': 'instance=x;region=iad;t=1;state=none' } })
    t.match(answer, { statusCode: 200, hops: { length: 1 } })
  }),

  'ws-token-on-upgrade': behind(async (t, token) => {
    const answer = await direct('iad', 'read', { headers: { ...upgrade, 'multi-region-token': token } })
    t.equal(answer.statusCode, 409, 'a plain answer, before any upgrade')
    t.match(answer.headers['fly-replay'], /^region=fra/)
  }),
  'ws-upgrade-not-method-replayed': async (t) => {
    const token = await freshToken(app)
    await database.waitForReplay('iad')
    const answer = await direct('iad', 'read', { headers: { ...upgrade, 'multi-region-token': token } })
    t.equal(answer.statusCode, 200)
    t.equal(answer.headers['fly-replay'], undefined)
  },
})
