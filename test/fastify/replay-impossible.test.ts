// Where a request cannot be replayed its write goes straight to the primary, and the client notices nothing.

import { request as httpRequest, type IncomingMessage } from 'node:http'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { startApp, type AppInRegions } from './app-in-regions.ts'

const app: AppInRegions = await startApp(t, {
  plugin: { maxReplayBody: 1_000 },
  build (app, region) {
    const auto = { config: { multiRegion: { intent: 'auto' } } } as const
    app.get('/write', async (request) => {
      await request.db.$executeRaw`insert into note (text) values ('x')`
      return { region, decision: request.multiRegion.decision }
    })
    app.post('/write', async (request) => {
      await request.db.$executeRaw`insert into note (text) values ('x')`
      const seen = await request.db.$queryRaw<{ count: number }[]>`select count(*)::int as count from note`
      return { region, decision: request.multiRegion.decision, count: seen[0]?.count }
    })
    app.post('/captured', auto, async (request) => {
      await request.db.$queryRaw`insert into note (text) values ('x') returning id`
      return { region, decision: request.multiRegion.decision }
    })
    app.post('/unread', { ...auto, onRequest: async (request) => { await request.db.$executeRaw`insert into note (text) values ('x')` } }, async (request) => ({ region, decision: request.multiRegion.decision }))
    app.get('/alone', { config: { multiRegion: false } }, async (request) => {
      await request.db.$executeRaw`insert into note (text) values ('x')`
      return { region, decision: request.multiRegion.decision }
    })
    app.get('/hijack', (request, reply) => {
      reply.hijack()
      request.db.$executeRaw`insert into note (text) values ('x')`.then(
        () => reply.raw.end(JSON.stringify({ region, decision: request.multiRegion.decision })),
        (error: Error) => reply.raw.writeHead(500).end(error.message))
    })
    app.get('/sent-before', (request, reply) => {
      reply.send(Readable.from((async function * () {
        yield '{"early":true,'
        await request.db.$executeRaw`insert into note (text) values ('x')`
        yield `"region":"${region}","decision":${JSON.stringify(request.multiRegion.decision)}}`
      })()))
    })
    app.get('/marked', async (request) => {
      request.multiRegion.markWritten()
      await request.db.$executeRaw`insert into note (text) values ('x')`
      return { region, decision: request.multiRegion.decision }
    })
  },
})

const proxied = { 'fly-forwarded-port': '443' }

interface Answer { readonly status: number, readonly json: { region?: string, decision?: { type: string, reason: string }, count?: number } }

async function direct (path: string, options: { method?: string, headers?: Record<string, string>, body?: string | Readable } = {}): Promise<Answer> {
  const request = httpRequest(app.url('iad') + path, { method: options.method ?? 'GET', headers: options.headers ?? proxied })
  if (options.body instanceof Readable) options.body.pipe(request)
  else request.end(options.body)
  const [response] = await once(request, 'response') as [IncomingMessage]
  const body = await text(response)
  return { status: response.statusCode ?? 0, json: body === '' ? {} : JSON.parse(body) as Answer['json'] }
}

type Assertions = Pick<typeof t, 'equal' | 'match'>

async function writesDirectly (t: Assertions, ask: () => Promise<Answer>, reason: string): Promise<void> {
  const before = (await app.notes()).length
  const answer = await ask()
  t.equal(answer.status, 200)
  t.match(answer.json, { region: 'iad', decision: { type: 'direct', reason } })
  t.equal((await app.notes()).length, before + 1, 'one row')
}

const json = { ...proxied, 'content-type': 'application/json' }
const large = JSON.stringify({ text: 'x'.repeat(2_000) })

await t.test('all conditions hold: the control of this file', async (t) => {
  t.equal((await direct('/write')).status, 409)
  t.equal((await direct('/write', { method: 'POST', headers: json, body: '{}' })).status, 409)
})

await t.test('it came over the private network', async (t) => {
  await writesDirectly(t, () => direct('/write', { headers: {} }), 'not-proxied')
})

await t.test('it came by inject, whatever its headers say', async (t) => {
  await writesDirectly(t, async () => {
    const answer = await app.apps.iad.inject({ url: '/write', headers: proxied })
    return { status: answer.statusCode, json: answer.json() }
  }, 'not-proxied')
})

await t.test('the body is over the limit', async (t) => {
  await writesDirectly(t, () => direct('/write', { method: 'POST', headers: { ...json, 'content-length': String(large.length) }, body: large }), 'body-too-large')
})

await t.test('a chunked body is not known before it was read', async (t) => {
  // Decided before the body: the method rule cannot hold, and the write in the handler is captured instead.
  const small = await direct('/captured', { method: 'POST', headers: { ...json, 'transfer-encoding': 'chunked' }, body: Readable.from(['{"text":', '"short"}']) })
  t.equal(small.status, 409, 'counted once read')
  await writesDirectly(t, () => direct('/captured', { method: 'POST', headers: { ...json, 'transfer-encoding': 'chunked' }, body: Readable.from([large]) }), 'body-too-large')
  await writesDirectly(t, () => direct('/unread', { method: 'POST', headers: { ...json, 'transfer-encoding': 'chunked' }, body: Readable.from([large]) }), 'body-length-unknown')
})

await t.test('the platform says that a replay has failed', async (t) => {
  await writesDirectly(t, () => direct('/write', { headers: { ...proxied, 'fly-replay-failed': 'region=fra;reason=timeout' } }), 'replay-failed')
})

await t.test('it carries our own marker', async (t) => {
  const first = await fetch(`${app.url('iad')}/write`, { headers: proxied })
  const state = /state=(.*)$/.exec(first.headers.get('fly-replay') ?? '')?.[1] ?? ''
  await writesDirectly(t, () => direct('/write', { headers: { ...proxied, 'fly-replay-src': `instance=x;region=nrt;t=1;state=${state}` } }), 'replayed-already')
})

await t.test('a marker that is not ours changes nothing', async (t) => {
  for (const source of ['region=nrt;state=m1:nrt:aaaaaaaa:AAAAAAAAAAAAAAAA', 'region=nrt', 'state=', '\u00ff;;=', 'x'.repeat(4_000)]) {
    t.equal((await direct('/write', { headers: { ...proxied, 'fly-replay-src': source } })).status, 409, source.slice(0, 40))
  }
})

await t.test('the route is left alone', async (t) => {
  await writesDirectly(t, () => direct('/alone'), 'left-alone')
})

await t.test('the reply was hijacked', async (t) => {
  await writesDirectly(t, () => direct('/hijack'), 'upgraded')
})

await t.test('the answer has begun', async (t) => {
  await writesDirectly(t, () => direct('/sent-before'), 'answer-begun')
})

await t.test('another client has written', async (t) => {
  await writesDirectly(t, () => direct('/marked'), 'direct-write')
})

await t.test('after a direct write the request reads what it wrote', async (t) => {
  await app.database.waitForReplay()
  await app.database.pauseReplay('iad')
  const before = (await app.notes()).length
  const answer = await direct('/write', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' })
  t.match(answer.json, { region: 'iad', count: before + 1 })
  await app.database.resumeReplay('iad')
})

await t.test('a job outside a request writes directly and reads what it wrote', async (t) => {
  await app.database.waitForReplay()
  await app.database.pauseReplay('iad')
  const { db } = app.apps.iad
  const before = (await app.notes()).length
  await db.$executeRaw`insert into note (text) values ('job')`
  const seen = await db.$queryRaw<{ count: number }[]>`select count(*)::int as count from note`
  t.same(seen, [{ count: before + 1 }])
  await app.database.resumeReplay('iad')
})

await t.test('a replay that fails at the proxy comes back and writes directly', async (t) => {
  app.edge.removeMachine('fra1')
  const before = (await app.notes()).length
  const answer = await app.ask('iad', 'GET', '/write')
  t.equal(answer.statusCode, 200)
  t.match(answer.json(), { region: 'iad', decision: { type: 'direct', reason: 'replay-failed' } })
  t.equal((await app.notes()).length, before + 1)
})
