// The main job: where a request runs, end to end, through the edge.

import t from 'tap'
import { startApp } from './app-in-regions.ts'

const rows = async (app: { notes (): Promise<string[]> }): Promise<number> => (await app.notes()).length

await t.test('reads stay, writes run beside the primary', async (t) => {
  const app = await startApp(t, {
    regions: ['fra', 'iad', 'nrt'],
    build (app, region) {
      app.get('/notes', async (request) => ({ region, notes: await request.db.$queryRaw`select text from note order by id` }))
      app.post<{ Body: { text: string } }>('/notes', async (request, reply) => {
        await request.db.$executeRaw`insert into note (text) values (${request.body.text})`
        return reply.code(201).header('x-region', region).send({ region, replayed: request.multiRegion.replayed, origin: request.multiRegion.origin?.region })
      })
      app.get('/visit', async (request) => {
        await request.db.$executeRaw`insert into note (text) values ('visit')`
        return { region }
      })
      app.post('/search', { config: { multiRegion: { intent: 'auto' } } }, async (request) => ({ region, notes: await request.db.$queryRaw`select text from note` }))
      app.post('/raw', { config: { multiRegion: { intent: 'auto' } } }, async (request) => {
        await request.db.$queryRaw`insert into note (text) values ('raw') returning id`
        return { region }
      })
      app.get('/declared', { config: { multiRegion: { intent: 'write' } } }, async () => ({ region }))
      app.get('/strong', { config: { multiRegion: { consistency: 'strong' } } }, async (request) => ({ region, notes: await request.db.$queryRaw`select text from note` }))
    },
  })

  await t.test('a read is answered in its own region', async (t) => {
    for (const region of ['fra', 'iad', 'nrt'] as const) {
      const answer = await app.ask(region, 'GET', '/notes')
      t.match(answer.json(), { region, notes: [{ text: 'first' }] })
      t.equal(answer.hops.length, 1)
    }
  })

  await t.test('a POST far from the primary is replayed before its handler runs', async (t) => {
    const answer = await app.ask('nrt', 'POST', '/notes', { payload: { text: 'from nrt' } })
    t.equal(answer.statusCode, 201)
    t.same(answer.json(), { region: 'fra', replayed: true, origin: 'nrt' })
    t.equal(answer.headers['x-region'], 'fra')
    t.same(answer.hops.map((hop) => [hop.region, hop.cause]), [['nrt', 'request'], ['fra', 'replay']])
    t.match(answer.hops[0]?.replay, /^region=fra;timeout=5s;fallback=prefer_self;state=m1:nrt:[0-9a-z]+:[\w-]{16}$/)
  })

  await t.test('a POST in the primary\'s region stays there', async (t) => {
    const answer = await app.ask('fra', 'POST', '/notes', { payload: { text: 'from fra' } })
    t.match(answer.json(), { region: 'fra', replayed: false })
    t.equal(answer.hops.length, 1)
  })

  await t.test('a GET that writes is captured at the write', async (t) => {
    const before = await rows(app)
    const answer = await app.ask('iad', 'GET', '/visit')
    t.same([answer.statusCode, answer.json()], [200, { region: 'fra' }])
    t.equal(await rows(app), before + 1, 'once')
  })

  await t.test('a POST that may only read stays, and is captured when the server refuses a write', async (t) => {
    t.match((await app.ask('iad', 'POST', '/search')).json(), { region: 'iad' })
    const before = await rows(app)
    t.match((await app.ask('iad', 'POST', '/raw')).json(), { region: 'fra' })
    t.equal(await rows(app), before + 1)
  })

  await t.test('a declared intent and strong reads go to the primary at once', async (t) => {
    for (const url of ['/declared', '/strong']) {
      const answer = await app.ask('iad', 'GET', url)
      t.match(answer.json(), { region: 'fra' }, url)
      t.equal(answer.hops.length, 2)
    }
  })

  await t.test('an unknown route, OPTIONS and HEAD are not sent across the world', async (t) => {
    for (const [method, url] of [['POST', '/wp-login.php'], ['DELETE', '/nothing'], ['OPTIONS', '/notes'], ['HEAD', '/declared']] as const) {
      const answer = await app.ask('iad', method, url)
      t.equal(answer.hops.length, 1, `${method} ${url}`)
      t.same(answer.hops.map((hop) => hop.region), ['iad'])
    }
  })

  t.equal(app.edge.counters().bareConflicts, 0, 'no client has seen a bare 409')
  t.equal(app.edge.counters().replaysFrom['fra'], undefined, 'the primary has replayed nothing')
  t.match(app.apps.iad.multiRegion.counters(), { replays: { 'write-intent': 1, 'strong-consistency': 1, 'known-write': 1, 'standby-refusal': 1 } })
})

await t.test('the replay answer holds nothing of the handler\'s', async (t) => {
  const app = await startApp(t, {
    build (app) {
      app.get('/x', async (request, reply) => {
        reply.header('set-cookie', 'a=b').header('x-secret', 'yes').type('text/html')
        reply.raw.setHeader('x-raw', 'yes')
        await request.db.$executeRaw`insert into note (text) values ('x')`
        return 'never'
      })
    },
  })
  const answer = await fetch(`${app.url('iad')}/x`, { headers: { 'fly-forwarded-port': '443' } })
  t.equal(answer.status, 409)
  t.equal(await answer.text(), '')
  t.match(answer.headers.get('fly-replay'), /^region=fra;/)
  t.equal(answer.headers.get('cache-control'), 'no-store')
  t.same([...answer.headers.keys()].sort(), ['cache-control', 'connection', 'content-length', 'date', 'fly-replay', 'keep-alive'])
})
