import Fastify from 'fastify'
import t from 'tap'
import multiRegion, { type PluginOptions } from '../../lib/index.ts'
import { waitFor } from '../../lib/testing/wait-for.ts'
import { createTestDatabase } from '../support/shared-cluster.ts'
import { NOTES, optionsFor, startApp } from './app-in-regions.ts'

await t.test('a misspelt word fails at start, with the nearest one', async (t) => {
  const database = await createTestDatabase(t, NOTES)
  const app = Fastify()
  t.teardown(async () => { await app.close() })
  await app.register(multiRegion, optionsFor(database, 'fra'))
  const rows: readonly [unknown, RegExp][] = [
    [{ intent: 'writes' }, /GET \/x .*did you mean 'write'/],
    [{ intend: 'write' }, /did you mean `intent`/],
    [{ consistency: 'session' }, /needs the option `token`/],
    [true, /must be false or an object/],
  ]
  for (const [config, message] of rows) {
    t.throws(() => app.get('/x', { config: { multiRegion: config as false } }, async () => 1), { code: 'FST_MR_ROUTE_CONFIG_INVALID', message })
  }
})

await t.test('routes that were declared before the plugin obey their config, and the method rule', async (t) => {
  const app = await startApp(t, {
    before (app, region) {
      app.get('/write', { config: { multiRegion: { intent: 'write' } } }, async () => ({ region }))
      app.post('/read', { config: { multiRegion: { intent: 'auto' } } }, async () => ({ region }))
      app.post('/plain', async () => ({ region }))
      app.get('/captured', async (request, reply) => {
        reply.header('set-cookie', 'a=b')
        await request.db.$executeRaw`insert into note (text) values ('x')`
        return { region }
      })
      app.get('/wrong', { config: { multiRegion: { intent: 'writes' as 'write' } } }, async () => ({ region }))
    },
    build () {},
  })
  t.match((await app.ask('iad', 'GET', '/write')).json(), { region: 'fra' })
  t.match((await app.ask('iad', 'POST', '/read')).json(), { region: 'iad' })
  t.match((await app.ask('iad', 'POST', '/plain')).json(), { region: 'fra' })
  t.match((await app.ask('iad', 'GET', '/captured')).json(), { region: 'fra' })
  const wrong = await app.ask('iad', 'GET', '/wrong')
  t.equal(wrong.statusCode, 500)
  t.match(wrong.json(), { code: 'FST_MR_ROUTE_CONFIG_INVALID', message: /GET \/wrong/ })
})

await t.test('`routes` configures what others declare, and names rows that match nothing', async (t) => {
  const app = await startApp(t, {
    plugin: {
      routes: [
        { url: '/graphql', method: 'POST', intent: 'auto' },
        { url: '/graphql', method: 'GET', intent: 'write' },
        { url: '/own', intent: 'write' },
        { url: '/nowhere', intent: 'auto' },
      ],
    },
    build (app, region) {
      app.route({ method: ['GET', 'POST', 'PUT'], url: '/graphql', handler: async () => ({ region }) })
      app.get('/own', { config: { multiRegion: { intent: 'read' } } }, async () => ({ region }))
    },
  })
  t.match((await app.ask('iad', 'POST', '/graphql')).json(), { region: 'iad' })
  t.match((await app.ask('iad', 'GET', '/graphql')).json(), { region: 'fra' })
  t.match((await app.ask('iad', 'PUT', '/graphql')).json(), { region: 'fra' }, 'no row: the method rule')
  t.match((await app.ask('iad', 'GET', '/own')).json(), { region: 'iad' }, 'the route\'s own words win')
  t.same(app.logs.filter((line) => line.level === 40 && line.region === 'iad').map((line) => line['route']), ['/nowhere'])
})

await t.test('other write methods', async (t) => {
  const app = await startApp(t, {
    plugin: { writeMethods: ['DELETE'] },
    build (app, region) {
      app.route({ method: ['POST', 'DELETE'], url: '/x', handler: async () => ({ region }) })
    },
  })
  t.match((await app.ask('iad', 'POST', '/x')).json(), { region: 'iad' })
  t.match((await app.ask('iad', 'DELETE', '/x')).json(), { region: 'fra' })
})

await t.test('a statement\'s deadline can be a route\'s own', async (t) => {
  const app = await startApp(t, {
    build (app) {
      app.get('/slow', { config: { multiRegion: { statementTimeout: 100 } } }, async (request) => await request.db.$queryRaw`select pg_sleep(5)::text`)
    },
  })
  const answer = await app.ask('iad', 'GET', '/slow')
  t.equal(answer.statusCode, 504)
  t.match(answer.json(), { code: 'FST_MR_STATEMENT_TIMEOUT' })
})

const strong: Partial<PluginOptions> = { consistency: 'strong' }

await t.test('strong reads of a request that cannot be replayed come from the primary', async (t) => {
  const app = await startApp(t, {
    plugin: strong,
    build (app, region) {
      app.get('/notes', async (request) => ({ region, rows: await request.db.$queryRaw`select count(*)::int as count from note` }))
      app.get('/eventual', { config: { multiRegion: { consistency: 'eventual' } } }, async (request) => ({ region, rows: await request.db.$queryRaw`select count(*)::int as count from note` }))
    },
  })
  await app.database.pauseReplay('iad')
  await app.database.exec("insert into note (text) values ('new')")
  t.same((await app.apps.iad.inject('/notes')).json(), { region: 'iad', rows: [{ count: 2 }] })
  t.same((await app.apps.iad.inject('/eventual')).json(), { region: 'iad', rows: [{ count: 1 }] })
  t.match((await app.ask('iad', 'GET', '/notes')).json(), { region: 'fra', rows: [{ count: 2 }] })
  await app.database.resumeReplay('iad')
  await waitFor('the replica to catch up', async () => (await app.apps.iad.inject('/eventual')).body.includes('2'))
})
