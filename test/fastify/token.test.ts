// A session sees its own writes on every route and in every region: deterministic, since replay is paused.

import t from 'tap'
import { startApp } from './app-in-regions.ts'

const KEY = Buffer.alloc(32, 7).toString('base64')

const app = await startApp(t, {
  plugin: { token: { key: KEY, wait: 'always', waitTimeout: 500 } },
  build (app, region) {
    const count = async (request: { db: typeof app.db }): Promise<number> => Number((await request.db.$queryRawUnsafe<{ n: number }[]>('select count(*)::int as n from note'))[0]?.n)
    app.get('/count', async (request) => ({ region, n: await count(request) }))
    app.get('/eventual', { config: { multiRegion: { consistency: 'eventual' } } }, async (request) => ({ region, n: await count(request) }))
    app.get('/idle', async () => ({ region }))
    app.post('/notes', async (request) => {
      await request.db.$executeRawUnsafe("insert into note (text) values ('x')")
      return { region, n: await count(request) }
    })
    app.post('/fails', async (request) => {
      await request.db.$executeRawUnsafe("insert into note (text) values ('x')")
      throw new Error('after the commit')
    })
    app.post('/refused', async (request, reply) => {
      try {
        await request.db.$executeRawUnsafe('insert into note (text) values (null)')
      } catch {}
      return reply.code(422).send({ region })
    })
  },
})
const { database } = app

const cookieOf = (answer: { headers: Record<string, unknown> }): string => {
  const set = answer.headers['set-cookie']
  const text = Array.isArray(set) ? set.join('\n') : String(set ?? '')
  return /multi-region=([^;]+)/.exec(text)?.[1] ?? ''
}

await t.test('a write sets the token in a cookie and in a header; a read sets nothing', async (t) => {
  const wrote = await app.ask('iad', 'POST', '/notes')
  t.equal(wrote.statusCode, 200)
  t.match(String(wrote.headers['set-cookie']), /^multi-region=[\w.-]+; Max-Age=86400; Path=\/; HttpOnly; SameSite=Lax$/)
  t.equal(wrote.headers['multi-region-token'], cookieOf(wrote))
  t.equal(wrote.headers['cache-control'], 'private')
  t.ok(cookieOf(wrote).length < 200, 'under 200 bytes')
  await database.waitForReplay()
  const read = await app.ask('iad', 'GET', '/count', { headers: { cookie: `multi-region=${cookieOf(wrote)}` } })
  t.same(read.json(), { region: 'iad', n: 2 })
  t.equal(read.headers['set-cookie'], undefined)
  t.equal(read.headers['multi-region-token'], undefined)
  t.equal(read.headers['cache-control'], undefined)
})

await t.test('while the replica is behind the session is served beside the primary, and everybody else here', async (t) => {
  await database.pauseReplay('iad')
  const before = (await app.ask('iad', 'GET', '/count')).json<{ n: number }>().n
  const wrote = await app.ask('iad', 'POST', '/notes')
  const token = cookieOf(wrote)
  t.same((await app.ask('iad', 'GET', '/count')).json(), { region: 'iad', n: before })
  for (const headers of [{ cookie: `a=b; multi-region=${token}; c=d` }, { 'multi-region-token': token }]) {
    const read = await app.ask('iad', 'GET', '/count', { headers })
    t.same(read.json(), { region: 'fra', n: before + 1 })
    t.equal(read.headers['set-cookie'], undefined)
  }
  t.same((await app.ask('iad', 'GET', '/eventual', { headers: { 'multi-region-token': token } })).json(), { region: 'iad', n: before })
  await database.resumeReplay('iad')
  await database.waitForReplay('iad')
  t.same((await app.ask('iad', 'GET', '/count', { headers: { 'multi-region-token': token } })).json(), { region: 'iad', n: before + 1 })
})

await t.test('a handler that fails after its commit stamps all the same; a refused write does not', async (t) => {
  const failed = await app.ask('fra', 'POST', '/fails')
  t.equal(failed.statusCode, 500)
  t.not(cookieOf(failed), '')
  const refused = await app.ask('fra', 'POST', '/refused')
  t.equal(refused.statusCode, 422)
  t.equal(cookieOf(refused), '')
})
