// Options, environments, and two apps in one process.

import Fastify from 'fastify'
import t from 'tap'
import { resolveOptions } from '../../../lib/core/options.ts'
import multiRegion, { type PluginOptions } from '../../../lib/index.ts'
import { holdRecords } from './records.ts'
import { ask, startLinked, startStand } from './stand.ts'

const app = await startStand(t)

const fly = { FLY_REGION: 'nrt', PRIMARY_REGION: 'fra' }
const schemes = ['postgres', 'postgresql'] as const
const url = (scheme: string): string => `${scheme}://ada:s%40cret@top1.nearest.of.books-db.internal:5432/library?application_name=books`

await holdRecords('config', {
  'cf-both-schemes': async (t) => {
    const [short, long] = schemes.map((scheme) => resolveOptions({}, { ...fly, DATABASE_URL: url(scheme) }).database)
    t.match(short, { replica: { host: 'nrt.books-db.internal' } })
    t.same(short, long)
  },
  'cf-close-both': async (t) => {
    const { app: closing, links } = await startLinked(t, { plugin: { closeTimeout: 400 } })
    links.replica.blackHole()
    await closing.apps.iad.close()
    await closing.apps.fra.close()
    t.equal(await closing.database.connections('primary'), 0)
    await t.rejects(async () => { await closing.apps.iad.db.$queryRaw`select 1` }, { code: 'FST_MR_CLIENT_CLOSED' })
  },
  'cf-derived-replica-url': async (t) => {
    for (const scheme of schemes) {
      const { replica, primary } = resolveOptions({}, { ...fly, DATABASE_URL: url(scheme) }).database
      t.match(replica, { host: 'nrt.books-db.internal', port: 5433, user: 'ada', database: 'library', parameters: { application_name: 'books' } })
      t.equal(replica?.password, 's@cret')
      t.match(primary, [{ host: 'top1.nearest.of.books-db.internal', port: 5432 }])
    }
  },
  'cf-no-replicas': async (t) => {
    const alone = Fastify()
    t.teardown(async () => { await alone.close() })
    await alone.register(multiRegion, { database: app.database.primaryUrl })
    alone.post('/', async (request) => { await request.db.$executeRaw`insert into note (text) values ('alone')`; return await request.db.$queryRaw`select 1 from note where text = 'alone'` })
    const answer = await alone.inject({ method: 'POST', url: '/' })
    t.equal(answer.statusCode, 200)
    t.equal(answer.json<unknown[]>().length, 1)
  },
  'cf-other-platform-region': async (t) => {
    const database = { primary: 'postgres://primary/x', replica: 'postgres://replica/x' }
    t.match(resolveOptions({ database, region: 'iad', primaryRegion: 'ams' }, fly), { region: 'iad', primaryRegion: 'ams' })
    t.match(resolveOptions({ database }, fly), { region: 'nrt', primaryRegion: 'fra' })
  },
  'cf-switched-off': async (t) => {
    const off = await startStand(t, { plugin: { replay: 'off' } })
    t.match(await ask(off, 'read', { method: 'POST' }), { statusCode: 200, hops: { length: 1 } })
  },
  'cf-two-apps-one-process': async (t) => {
    const second = await startStand(t, { plugin: { writeMethods: ['DELETE'] } })
    for (let i = 0; i < 2; i++) {
      t.equal((await ask(app, 'read', { method: 'POST' })).hops.length, 2)
      t.equal((await ask(second, 'read', { method: 'POST' })).hops.length, 1)
    }
    t.same([app, second].map((one) => one.apps.iad.multiRegion.counters().replays), [{ 'write-method': 2 }, {}])
  },
  'cf-unknown-option': async (t) => {
    const wrong = Fastify()
    t.teardown(async () => { await wrong.close() })
    wrong.register(multiRegion, { database: app.database.primaryUrl, consistancy: 'session' } as PluginOptions)
    await t.rejects(Promise.resolve(wrong.ready()), { code: 'FST_MR_OPTIONS_INVALID', message: /`consistancy`.*`consistency`/ })
  },
  'cf-url-missing': async (t) => {
    t.throws(() => resolveOptions({}, fly), { code: 'FST_MR_DATABASE_URL_MISSING', message: 'No database is configured: set DATABASE_URL, or pass the option `database`.' })
  },
})
