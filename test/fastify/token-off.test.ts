// Without the option `token` nothing is decoded, set or looked up; with it, a request without a token pays as little.

import t from 'tap'
import { startApp, type AppInRegions } from './app-in-regions.ts'

const key = Buffer.alloc(32, 3)

/** How often somebody looked at these headers; Fastify itself does not. */
const looked = { cookie: 0, 'multi-region-token': 0 }

const start = async (token: boolean): Promise<AppInRegions> => startApp(t, {
  ...(token ? { plugin: { token: { key } } } : {}),
  before (app) {
    app.addHook('onRequest', (request, _reply, done) => {
      for (const name of ['cookie', 'multi-region-token'] as const) {
        const value = request.raw.headers[name]
        Object.defineProperty(request.raw.headers, name, { get () { looked[name]++; return value }, configurable: true })
      }
      done()
    })
  },
  build (app) {
    app.get('/read', async (request) => await request.db.$queryRaw`select 1 as one`)
    app.post('/write', async (request) => { await request.db.$executeRaw`insert into note (text) values ('x')`; return 'ok' })
    app.get('/idle', async () => 'ok')
  },
})

const without = await start(false)
const withToken = await start(true)
const headers = { cookie: 'a=b; multi-region=AAAA', 'multi-region-token': 'AAAA' }

await t.test('without the option no header is read and none is set, and nothing of it is asked of a server', async (t) => {
  for (const [method, url] of [['GET', '/read'], ['POST', '/write'], ['GET', '/idle']] as const) {
    for (const region of ['fra', 'iad'] as const) {
      const answer = await without.ask(region, method, url, { headers })
      t.equal(answer.statusCode, 200)
      t.equal(answer.headers['set-cookie'], undefined)
      t.equal(answer.headers['multi-region-token'], undefined)
      t.equal(answer.headers['cache-control'], undefined)
    }
  }
  t.same(looked, { cookie: 0, 'multi-region-token': 0 })
  const asked = await without.database.exec("select query from pg_stat_activity where datname = current_database() and backend_type = 'client backend' and query like '%pg_walfile_name%' and query not like '%pg_is_in_recovery%' and pid <> pg_backend_pid()")
  t.same(asked, [])
})

await t.test('with it a request that brings no token reads two headers and no more', async (t) => {
  const before = withToken.apps.iad.multiRegion.counters().statements.local
  t.equal((await withToken.ask('iad', 'GET', '/idle')).headers['set-cookie'], undefined)
  t.equal((await withToken.ask('iad', 'GET', '/read')).headers['set-cookie'], undefined)
  t.equal(withToken.apps.iad.multiRegion.counters().statements.local, before + 1)
  t.ok(looked.cookie > 0)
})

await t.test('two databases with a token each have names of their own', async (t) => {
  const app = await startApp(t, {
    regions: ['fra'],
    register: async (app, _region, options) => {
      const { default: multiRegion } = await import('../../lib/index.ts')
      await app.register(multiRegion, { ...options, token: { key } })
      await app.register(multiRegion, { ...options, name: 'analytics', token: { key } })
    },
    build (app) {
      app.post('/both', async (request) => {
        await request.db.$executeRaw`insert into note (text) values ('x')`
        await request.getDecorator<typeof request.db>('analytics').$executeRaw`insert into note (text) values ('y')`
        return 'ok'
      })
    },
  })
  const answer = await app.ask('fra', 'POST', '/both')
  t.equal(answer.statusCode, 200, answer.body)
  t.match(answer.headers, { 'multi-region-token': /./, 'multi-region-token-analytics': /./ })
  t.match(String(answer.headers['set-cookie']), /multi-region=.*multi-region-analytics=/)
})

await t.test('another key in each region is said once', async (t) => {
  const other = await startApp(t, {
    regions: ['fra'],
    plugin: { token: { key: Buffer.alloc(32, 99) } },
    build (app) { app.get('/read', async (request) => await request.db.$queryRaw`select 1 as one`) },
  })
  const token = String((await withToken.ask('fra', 'POST', '/write')).headers['multi-region-token'])
  for (let i = 0; i < 50; i++) t.equal((await other.ask('fra', 'GET', '/read', { headers: { 'multi-region-token': token } })).statusCode, 200)
  t.equal(other.logs.filter((line) => line.msg.includes('MULTI_REGION_KEY')).length, 1)
})
