// What a request carries, what it costs, and what it tells.

import { channel } from 'node:diagnostics_channel'
import { inspect } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { sql, type DatabaseOf } from '../../lib/index.ts'
import { kContext } from '../../lib/fastify/request-context.ts'
import { autoincrement, model, t as column } from '../../lib/schema/index.ts'
import { waitFor } from '../../lib/testing/wait-for.ts'
import { startApp } from './app-in-regions.ts'

const schema = { Note: model('note', { id: column.int().id().default(autoincrement()), text: column.text() }) }
const typed = (db: unknown): DatabaseOf<typeof schema> => db as DatabaseOf<typeof schema>

await t.test('a request that leaves the database alone makes nothing', async (t) => {
  const app = await startApp(t, {
    regions: ['iad'],
    build (app) {
      app.get('/static', async () => ({ ok: true }))
      app.addHook('onResponse', async (request) => { t.equal(request[kContext], null) })
      app.post('/intent', { config: { multiRegion: { intent: 'auto' } } }, async () => ({ ok: true }))
    },
  })
  t.same((await app.ask('iad', 'GET', '/static')).json(), { ok: true })
  t.same((await app.ask('iad', 'POST', '/intent')).json(), { ok: true })
  t.equal((await app.ask('iad', 'GET', '/nothing')).statusCode, 404)
})

await t.test('request.db is one object a request, and each request has its own', async (t) => {
  const seen: unknown[] = []
  const app = await startApp(t, {
    regions: ['fra'],
    build (app) {
      app.get('/x', async (request) => {
        seen.push(request.db)
        return { same: request.db === request.db && request.multiRegion === request.multiRegion, process: request.db === app.db } // eslint-disable-line no-self-compare -- two reads of a getter
      })
    },
  })
  for (let i = 0; i < 2; i++) t.same((await app.ask('fra', 'GET', '/x')).json(), { same: true, process: false })
  t.not(seen[0], seen[1])
})

await t.test('Server-Timing tells region, decision and database time, beside the app\'s own', async (t) => {
  const app = await startApp(t, {
    plugin: { serverTiming: true },
    build (app) {
      app.get('/read', async (request, reply) => {
        reply.header('server-timing', 'render;dur=1')
        return await request.db.$queryRaw`select 1 as one`
      })
      app.post('/write', async (request) => await request.db.$executeRaw`insert into note (text) values ('x')`)
      app.get('/static', async () => 'x')
    },
  })
  t.match((await app.ask('iad', 'GET', '/read')).headers['server-timing'], /^render;dur=1, region;desc="iad", decision;desc="local", db;dur=\d+\.\d$/)
  t.match((await app.ask('iad', 'POST', '/write')).headers['server-timing'], /^region;desc="fra", decision;desc="replayed", db;dur=/)
  t.match((await app.apps.iad.inject({ method: 'POST', url: '/write' })).headers['server-timing'], /^region;desc="iad", decision;desc="direct", db;dur=/)
  t.equal((await app.ask('iad', 'GET', '/static')).headers['server-timing'], 'region;desc="iad"')
  t.equal((await app.ask('fra', 'GET', '/nothing')).headers['server-timing'], 'region;desc="fra"')
})

await t.test('without the option there is no such header', async (t) => {
  const app = await startApp(t, { regions: ['fra'], build (app) { app.get('/x', async () => 'x') } })
  t.equal((await app.ask('fra', 'GET', '/x')).headers['server-timing'], undefined)
})

await t.test('health, lag and counters', async (t) => {
  const app = await startApp(t, {
    build (app) {
      app.get('/x', async (request) => await request.db.$queryRaw`select 1 as one`)
      app.get('/health', async () => app.multiRegion.health())
    },
  })
  t.match((await app.ask('iad', 'GET', '/health')).json(), { canRead: true, canWrite: true, splitBrain: 'none', endpoints: { local: { role: 'standby', up: true, breaker: 'closed' }, primary: { role: 'primary', up: true } } })
  t.match((await app.ask('fra', 'GET', '/health')).json(), { canRead: true, canWrite: true, endpoints: { local: { role: 'primary' } } })
  t.equal(app.apps.fra.multiRegion.lag(), 0)
  t.ok((app.apps.iad.multiRegion.lag() ?? 0) >= 0)
  t.match({ region: app.apps.iad.multiRegion.region, primaryRegion: app.apps.iad.multiRegion.primaryRegion }, { region: 'iad', primaryRegion: 'fra' })
  await app.ask('iad', 'GET', '/x')
  t.equal(app.apps.iad.multiRegion.counters().statements.local, 1)
  const recovery = await Promise.all((['local', 'primary'] as const).map((which) => app.apps.iad.multiRegion.sql(which)<{ standby: boolean }>`select pg_is_in_recovery() as standby, ${1}::int as one`))
  t.same(recovery, [[{ standby: true, one: 1 }], [{ standby: false, one: 1 }]])
  t.same(await app.apps.iad.multiRegion.sql('local')(sql`select 2 as two`), [{ two: 2 }])
  await t.rejects(app.apps.iad.multiRegion.sql('local')`insert into note (text) values ('x')`, { code: 'P2010', meta: { dbCode: '25006' } })
  t.throws(() => app.apps.iad.multiRegion.health('nothing'), /known are db/)
})

await t.test('hints name the route and the remedy, once', async (t) => {
  const app = await startApp(t, {
    plugin: { hints: 'on' },
    build (app) {
      app.get<{ Params: { id: string } }>('/late/:id', async (request) => {
        for (let i = 0; i < 3; i++) await request.db.$queryRaw`select ${i}::int as i`
        await request.db.$executeRaw`insert into note (text) values ('x')`
        return 'x'
      })
      app.get('/says-read', { config: { multiRegion: { intent: 'read' } } }, async (request) => {
        await request.db.$executeRaw`insert into note (text) values ('x')`
        return 'x'
      })
      app.get('/process', async () => await app.db.$queryRaw`select 1 as one`)
    },
  })
  for (let i = 0; i < 2; i++) {
    await app.ask('iad', 'GET', `/late/${i}`)
    await app.ask('iad', 'GET', '/says-read')
    await app.ask('iad', 'GET', '/process')
  }
  const warnings = app.logs.filter((line) => line.level === 40 && line.region === 'iad')
  t.match(warnings.map((line) => [line['route'] ?? line['database'], line['intent'], line['statements']]), [
    ['/late/:id', 'write', 3],
    ['/late/:id', 'write', undefined],
    ['/says-read', 'read', undefined],
    ['db', undefined, undefined],
  ])
  t.match(warnings[0]?.msg, /GET \/late\/:id .* after 3 statements.*intent: 'write'/)
  t.match(app.apps.iad.multiRegion.counters(), { lateCaptures: { '/late/:id': 2 }, processClientInHandler: 2 })
})

for (const hints of ['on', 'off'] as const) {
  await t.test(`a raw text that writes behind a SELECT is named once, without its values: hints ${hints}`, async (t) => {
    const app = await startApp(t, {
      plugin: { hints, token: { key: Buffer.alloc(32, 1) } },
      build (app) {
        app.get('/hidden', async (request) => await request.db.$queryRawUnsafe("with made as (insert into note (text) values ('it''s mine') returning id) select id from made"))
        app.get('/process', async () => await app.db.$queryRawUnsafe("with made as (insert into note (text) values ('job') returning id) select id, 1 from made"))
        app.post('/hidden', async (request) => await request.db.$queryRaw`with made as (insert into note (text) values ('y') returning id) select id from made`)
      },
    })
    for (let i = 0; i < 2; i++) {
      for (const [method, url] of [['GET', '/hidden'], ['GET', '/process'], ['POST', '/hidden']] as const) t.equal((await app.ask('fra', method, url)).statusCode, 200)
    }
    t.equal((await app.notes()).length, 7, 'each ran once')
    const warnings = app.logs.filter((line) => line.level === 40 && line['statement'] !== undefined)
    t.same(warnings.map((line) => line['statement']), hints === 'off'
      ? []
      : [
          "with made as (insert into note (text) values ('…') returning id) select id from made",
          "with made as (insert into note (text) values ('…') returning id) select id, 1 from made",
        ])
    for (const { msg } of warnings) for (const remedy of ['$executeRaw', "intent: 'write'", 'markWritten()']) t.ok(msg.includes(remedy), remedy)
  })
}

await t.test('a route that is replayed for its method and only reads is named, once, and no other', async (t) => {
  const app = await startApp(t, {
    plugin: { hints: 'on', schema },
    build (app) {
      app.post('/search', async (request) => await typed(request.db).note.count())
      app.post('/declared', { config: { multiRegion: { intent: 'write' } } }, async (request) => await typed(request.db).note.count())
      app.post('/refused', async (request, reply) => await reply.code(422).send(await typed(request.db).note.count()))
      app.post('/idle', async () => 'x')
      app.post('/sometimes', async (request) => {
        if (request.url.includes('write')) await typed(request.db).note.create({ data: { text: 'x' } })
        return await typed(request.db).note.count()
      })
    },
  })
  await app.ask('iad', 'POST', '/sometimes?write=1')
  for (let i = 0; i < 6; i++) for (const url of ['/search', '/declared', '/refused', '/idle', '/sometimes']) await app.ask('iad', 'POST', url)
  // In the primary's own region nothing was sent anywhere.
  for (let i = 0; i < 6; i++) await app.ask('fra', 'POST', '/sometimes')
  const hints = app.logs.filter((line) => line.level === 40 && String(line.msg).includes('only read'))
  t.match(hints, [{ route: '/search', method: 'POST', region: 'fra', msg: /^5 requests to POST \/search .*intent: 'read'.*'auto'/ }])
  t.equal(hints.length, 1)
})

await t.test('an operation that nobody awaits is named with its place, and those that were used are not', async (t) => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const app = await startApp(t, {
    plugin: { hints: 'on' },
    build (app) {
      app.get('/forgets', async (request) => {
        const { db } = request
        db.$queryRaw`select 1 as one` // eslint-disable-line @typescript-eslint/no-floating-promises
        await db.$queryRaw`select 2 as two`
        await db.$transaction([db.$queryRaw`select 3 as three`])
        await db.$transaction(async (tx) => {
          tx.$executeRaw`insert into note (text) values ('never')` // eslint-disable-line @typescript-eslint/no-floating-promises
        })
        await Promise.all([db.$queryRaw`select 4 as four`, db.$queryRaw`select 5 as five`.catch(() => {})])
        return 'x'
      })
    },
  })
  for (let i = 0; i < 2; i++) t.equal((await app.ask('fra', 'GET', '/forgets')).statusCode, 200)
  const hints = await waitFor('the collector to find it', () => {
    collect()
    const found = app.logs.filter((line) => String(line.msg).includes('never awaited'))
    return found.length > 1 && found
  }, { withinMs: 20_000 })
  t.same(hints.map((line) => line['method']).sort(), ['$executeRaw', '$queryRaw'], 'once a place')
  t.match(hints.find((line) => line['method'] === '$queryRaw'), { level: 40, msg: /\$queryRaw\(\) was called at .*request\.test\.ts:\d+:\d+ and never awaited/ })
})

await t.test('hints are off when they are off', async (t) => {
  const app = await startApp(t, {
    plugin: { hints: 'off' },
    build (app) {
      app.get('/late', async (request) => {
        for (let i = 0; i < 3; i++) await request.db.$queryRaw`select 1 as one`
        await request.db.$executeRaw`insert into note (text) values ('x')`
        return 'x'
      })
    },
  })
  await app.ask('iad', 'GET', '/late')
  t.same(app.logs.filter((line) => line.level === 40), [])
})

await t.test('channels tell decisions, replays and fallbacks; nothing tells a password', async (t) => {
  const seen: [string, unknown][] = []
  for (const name of ['request:decided', 'request:replayed', 'query:routed', 'fallback:used', 'capture:late']) {
    const listen = (message: unknown): void => { seen.push([name, message]) }
    channel(`fastify-multi-region:${name}`).subscribe(listen)
    t.teardown(() => { channel(`fastify-multi-region:${name}`).unsubscribe(listen) })
  }
  const app = await startApp(t, {
    build (app) {
      app.get('/write', async (request) => {
        await request.db.$queryRaw`select 1 as one`
        await request.db.$queryRaw`select 1 as one`
        await request.db.$executeRaw`insert into note (text) values ('x')`
        return 'x'
      })
    },
  })
  await app.ask('iad', 'GET', '/write')
  await app.apps.iad.inject('/write')
  const of = (name: string): unknown[] => seen.filter(([channelName]) => channelName === name).map(([, message]) => message)
  t.match(of('request:replayed'), [{ database: 'db', region: 'iad', reason: 'known-write', targetRegion: 'fra', method: 'GET', route: '/write' }])
  t.match(of('request:decided'), [{ decision: 'replay', reason: 'known-write', region: 'iad' }, { decision: 'local', reason: 'local-write', region: 'fra' }, { decision: 'stay', reason: 'not-proxied', region: 'iad' }])
  t.match(of('fallback:used'), [{ reason: 'not-proxied' }])
  t.match(of('capture:late'), [{ statements: 2, route: '/write' }])
  t.ok(of('query:routed').length >= 6)
  t.notMatch(inspect(seen, { depth: 9 }) + JSON.stringify(app.logs), /postgres:\/\//)
})
