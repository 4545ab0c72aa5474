// Several databases in one app, and Fastify's encapsulation.

import Fastify from 'fastify'
import t from 'tap'
import multiRegion from '../../lib/index.ts'
import { createTestDatabase } from '../support/shared-cluster.ts'
import { NOTES, optionsFor, startApp, type RegionName } from './app-in-regions.ts'

declare module 'fastify' {
  interface FastifyRequest { analytics: FastifyRequest['db'] }
  interface FastifyInstance { analytics: FastifyInstance['db'] }
}

await t.test('two databases of one app', async (t) => {
  const second = await createTestDatabase(t, NOTES)
  const app = await startApp(t, {
    register: async (app, region, options) => {
      await app.register(multiRegion, options)
      await app.register(multiRegion, { ...optionsFor(second, region), name: 'analytics' })
    },
    build (app, region: RegionName) {
      app.get('/read', async (request) => ({
        region,
        db: await request.db.$queryRaw`select current_database() as name`,
        analytics: await request.analytics.$queryRaw`select current_database() as name`,
      }))
      app.get('/write-second', async (request) => {
        await request.analytics.$executeRaw`insert into note (text) values ('x')`
        return { region }
      })
      app.get('/both', async (request) => {
        await request.analytics.$executeRaw`insert into note (text) values ('x')`
        await request.db.$executeRaw`insert into note (text) values ('x')`
        return { region }
      })
      app.get('/swallow', async (request) => {
        await request.analytics.$executeRaw`insert into note (text) values ('x')`.catch(() => {})
        const second = await request.db.$executeRaw`insert into note (text) values ('x')`.catch((error: Error) => error)
        return { region, second: String(second) }
      })
      app.get('/marked', async (request) => {
        request.multiRegion.markWritten()
        await request.analytics.$executeRaw`insert into note (text) values ('x')`
        await request.db.$executeRaw`insert into note (text) values ('x')`
        return { region }
      })
      app.get('/names', async () => Object.keys(app.multiRegion.databases))
    },
  })
  const count = async (): Promise<number[]> => [(await app.notes()).length, (await second.exec('select 1 from note')).length]

  t.match((await app.ask('iad', 'GET', '/read')).json(), { region: 'iad', db: [{ name: app.database.name }], analytics: [{ name: second.name }] })
  t.same((await app.ask('iad', 'GET', '/names')).json(), ['db', 'analytics'])

  await t.test('a write of the named one is captured too, and runs once', async (t) => {
    const before = await count()
    t.match((await app.ask('iad', 'GET', '/write-second')).json(), { region: 'fra' })
    t.same(await count(), [before[0], (before[1] ?? 0) + 1])
  })

  await t.test('the request has one state: what one database asked for binds the other', async (t) => {
    const before = await count()
    for (const url of ['/both', '/swallow']) t.match((await app.ask('iad', 'GET', url)).json(), { region: 'fra' }, url)
    t.same(await count(), before.map((rows) => rows + 2))
    t.match((await app.ask('iad', 'GET', '/marked')).json(), { region: 'iad' }, 'a write that another client made keeps both here')
    t.same(await count(), before.map((rows) => rows + 3))
  })
})

await t.test('a named database whose primary is elsewhere writes directly', async (t) => {
  const second = await createTestDatabase(t, NOTES)
  const app = await startApp(t, {
    register: async (app, region, options) => {
      await app.register(multiRegion, options)
      await app.register(multiRegion, { ...optionsFor(second, region), name: 'analytics', primaryRegion: 'nrt' })
    },
    build (app, region) {
      app.get('/write-second', async (request) => {
        await request.analytics.$executeRaw`insert into note (text) values ('x')`
        return { region, decision: request.multiRegion.decision }
      })
    },
  })
  t.match((await app.ask('iad', 'GET', '/write-second')).json(), { region: 'iad', decision: { type: 'direct', reason: 'other-primary' } })
  t.equal((await second.exec('select 1 from note')).length, 2)
})

await t.test('a named database alone captures writes and has no rule by method', async (t) => {
  const app = await startApp(t, {
    plugin: { name: 'analytics' },
    build (app, region) {
      app.post('/nothing', async () => ({ region }))
      app.post('/write', async (request) => {
        await request.analytics.$executeRaw`insert into note (text) values ('x')`
        return { region }
      })
    },
  })
  t.match((await app.ask('iad', 'POST', '/nothing')).json(), { region: 'iad' })
  t.match((await app.ask('iad', 'POST', '/write')).json(), { region: 'fra' })
})

await t.test('a name is taken once a scope, by whomever', async (t) => {
  const database = await createTestDatabase(t, NOTES)
  const options = optionsFor(database, 'fra')
  const twice = Fastify()
  t.teardown(async () => { await twice.close() })
  await twice.register(multiRegion, options)
  await t.rejects(async () => { await twice.register(multiRegion, options) }, { code: 'FST_MR_NAME_TAKEN', message: /`db`/ })
  const taken = Fastify()
  t.teardown(async () => { await taken.close() })
  taken.decorateRequest('db', { getter: () => twice.db })
  await t.rejects(async () => { await taken.register(multiRegion, options) }, { code: 'FST_MR_NAME_TAKEN' })
})

await t.test('in a child scope it serves that scope alone', async (t) => {
  const app = await startApp(t, {
    register: async (app, region, options) => {
      await app.register(async (child) => {
        await child.register(multiRegion, options)
        child.post('/inside', async (request) => {
          await request.db.$executeRaw`insert into note (text) values ('x')`
          return { region }
        })
        await child.register(async (grandchild) => {
          grandchild.get('/deep', async (request) => ({ region, rows: await request.db.$queryRaw`select 1 as one` }))
        })
      })
      app.post('/outside', async (request) => ({ region, db: typeof request.db, view: typeof request.multiRegion }))
    },
    build () {},
  })
  t.match((await app.ask('iad', 'POST', '/inside')).json(), { region: 'fra' })
  t.match((await app.ask('iad', 'GET', '/deep')).json(), { region: 'iad', rows: [{ one: 1 }] })
  t.same((await app.ask('iad', 'POST', '/outside')).json(), { region: 'iad', db: 'undefined', view: 'undefined' })
  t.equal((await app.ask('iad', 'POST', '/unknown')).hops.length, 1)
})

await t.test('sibling scopes have databases of their own under one name', async (t) => {
  const second = await createTestDatabase(t, NOTES)
  const app = await startApp(t, {
    register: async (app, region, options) => {
      for (const [prefix, own] of [['/one', options], ['/two', { ...optionsFor(second, region) }]] as const) {
        await app.register(async (child) => {
          await child.register(multiRegion, own)
          child.get(prefix, async (request) => await request.db.$queryRaw`select current_database() as name`)
          child.post(prefix, async (request) => {
            await request.db.$executeRaw`insert into note (text) values ('x')`
            return { region }
          })
        })
      }
    },
    build () {},
  })
  t.same((await app.ask('iad', 'GET', '/one')).json(), [{ name: app.database.name }])
  t.same((await app.ask('iad', 'GET', '/two')).json(), [{ name: second.name }])
  for (const url of ['/one', '/two']) t.match((await app.ask('iad', 'POST', url)).json(), { region: 'fra' })
  t.equal((await app.notes()).length, 2)
  t.equal((await second.exec('select 1 from note')).length, 2)
})

await t.test('an unnamed database in a child scope, a named one in its parent', async (t) => {
  const second = await createTestDatabase(t, NOTES)
  const app = await startApp(t, {
    register: async (app, region, options) => {
      await app.register(multiRegion, { ...optionsFor(second, region), name: 'analytics' })
      app.post('/parent', async () => ({ region }))
      await app.register(async (child) => {
        await child.register(multiRegion, options)
        child.post('/child', async (request) => {
          await request.analytics.$executeRaw`insert into note (text) values ('x')`
          await request.db.$executeRaw`insert into note (text) values ('x')`
          return { region, databases: Object.keys(child.multiRegion.databases) }
        })
      })
    },
    build () {},
  })
  t.match((await app.ask('iad', 'POST', '/parent')).json(), { region: 'iad' })
  t.match((await app.ask('iad', 'POST', '/child')).json(), { region: 'fra', databases: ['analytics', 'db'] })
  t.equal((await app.notes()).length, 2)
  t.equal((await second.exec('select 1 from note')).length, 2)
})

await t.test('where no answer can become a replay, routes get no hooks of their own, and requests are counted all the same', async (t) => {
  const database = await createTestDatabase(t, NOTES)
  for (const replay of ['off', 'fly'] as const) {
    const app = Fastify()
    t.teardown(() => app.close())
    await app.register(multiRegion, { ...optionsFor(database, 'fra'), replay, serverTiming: replay === 'off' })
    const hooks: boolean[] = []
    app.addHook('onRoute', ({ onSend, preParsing }) => { hooks.push(onSend !== undefined, preParsing !== undefined) })
    app.post('/count', async (request) => await request.db.$queryRaw`select count(*)::int as n from note`)
    app.get('/untouched', { exposeHeadRoute: false }, async () => 'nothing')
    t.same((await app.inject({ method: 'POST', url: '/count' })).json(), [{ n: 1 }])
    const { headers } = await app.inject('/untouched')
    t.same(hooks, replay === 'off' ? [false, false, false, false] : [true, true, true, false], replay)
    t.equal(headers['server-timing'], replay === 'off' ? 'region;desc="fra"' : undefined)
    t.match(app.multiRegion.counters().requests, { local: {} })
    t.equal(Object.values(app.multiRegion.counters().requests.local ?? {}).reduce((a, b) => a + b, 0), 1, 'one request used the database')
  }
})
