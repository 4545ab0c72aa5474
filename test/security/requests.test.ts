// A client that sends whatever it likes: what the app answers, and what the proxy is told because of it.
//
// The promise (SECURITY.md): a forged header never chooses an instance, a region or an app, makes no loop, makes a
// primary replay nothing, and weakens no session's consistency; at most it makes its own request slower.

import { randomBytes } from 'node:crypto'
import { Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import fc from 'fast-check'
import t from 'tap'
import { startApp } from '../fastify/app-in-regions.ts'
import { headerText, runs } from './fuzz.ts'

const key = randomBytes(32)
const app = await startApp(t, {
  plugin: { token: { key, waitTimeout: 20, wait: 'always' }, hints: 'off', maxReplayBody: 1_000 },
  build (app, region) {
    app.get('/notes', async (request) => ({ region, texts: (await request.db.$queryRaw<{ text: string }[]>`select text from note order by id`).map((row) => row.text) }))
    app.get('/fresh', { config: { multiRegion: { consistency: 'strong' } } }, async (request) => ({ region, texts: (await request.db.$queryRaw<{ text: string }[]>`select text from note order by id`).map((row) => row.text) }))
    app.post<{ Body: { text: string } }>('/notes', async (request) => {
      await request.db.$executeRaw`insert into note (text) values (${request.body.text})`
      return { region }
    })
    app.get('/state', (request) => ({ region, origin: request.multiRegion.origin, replayed: request.multiRegion.replayed }))
  },
})
const agent = new Agent({ keepAlive: true, maxSockets: 4 })
t.teardown(() => { agent.destroy() })

interface Answer { readonly status: number, readonly headers: IncomingHttpHeaders, readonly body: string }

/** Straight to an instance: what a client would achieve if the proxy let every header through. */
async function send (region: 'fra' | 'iad', given: { readonly method: string, readonly path: string, readonly headers: Record<string, string | string[]>, readonly body?: string | undefined }): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const sent = httpRequest(`${app.url(region)}${given.path}`, { method: given.method, headers: given.headers, agent, timeout: 10_000 }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (chunk: string) => { body += chunk }).on('end', () => { resolve({ status: response.statusCode ?? 0, headers: response.headers, body }) })
    })
    sent.on('error', reject)
    sent.on('timeout', () => { sent.destroy(new Error('no answer in 10 s')) })
    sent.end(given.body)
  })
}

const headers = fc.record({
  'fly-forwarded-port': fc.oneof(fc.constant('443'), headerText),
  'fly-replay-src': fc.oneof(headerText, headerText.map((text) => `instance=x;region=iad;t=1;state=${text}`)),
  'fly-replay-failed': headerText,
  'fly-replay': headerText,
  'fly-replay-cache': headerText,
  'fly-region': headerText,
  'fly-prefer-region': headerText,
  'fly-force-region': headerText,
  'fly-force-instance-id': headerText,
  'fly-prefer-instance-id': headerText,
  'fly-client-ip': headerText,
  'multi-region-token': headerText,
  'multi-region-stale': headerText,
  cookie: fc.oneof(headerText, fc.array(headerText, { maxLength: 6 }).map((texts) => texts.map((text) => `multi-region=${text.replaceAll(';', '')}`).join('; '))),
  'x-forwarded-proto': headerText,
  'x-forwarded-host': headerText,
  'accept-encoding': headerText,
}, { requiredKeys: [] })

/** All that the proxy is ever told: the primary's region, our bounds, our marker. */
const OWN_REPLAY = /^region=fra;timeout=5s;fallback=prefer_self;state=[mb]1:iad:[0-9a-z]+:[A-Za-z0-9_-]+$/
/** What a handler or Fastify answers, and 503 with its reason. */
const STATUSES = new Set([200, 400, 404, 409, 413, 415, 503])

function judge (region: 'fra' | 'iad', answer: Answer): string | undefined {
  if (!STATUSES.has(answer.status)) return `status ${answer.status}: ${answer.body}`
  const replay = answer.headers['fly-replay']
  if (answer.status === 409 && replay === undefined) return 'a bare 409'
  if (replay !== undefined) {
    if (region === 'fra') return 'a primary replays'
    if (!OWN_REPLAY.test(String(replay))) return `fly-replay: ${String(replay)}`
    if (answer.body !== '' || answer.headers['set-cookie'] !== undefined) return 'a replay carries something of the handler'
  }
  for (const name of ['fly-replay-cache', 'fly-force-instance-id', 'fly-prefer-region']) if (answer.headers[name] !== undefined) return `${name} is answered`
  return undefined
}

await t.test('no header of a client crashes the app, chooses a place, or makes a primary replay', async (t) => {
  const path = fc.constantFrom('/notes', '/fresh', '/state', '/nowhere')
  await fc.assert(fc.asyncProperty(fc.constantFrom('fra', 'iad'), fc.constantFrom('GET', 'POST', 'DELETE', 'OPTIONS'), path, headers, async (region, method, url, given) => {
    const body = method === 'POST' ? '{"text":"fuzz"}' : undefined
    const answer = await send(region, { method, path: url, headers: { ...given, ...(body === undefined ? {} : { 'content-type': 'application/json' }) }, body })
    const breach = judge(region, answer)
    if (breach !== undefined) throw new Error(breach)
  }), runs(150))
  for (const region of ['fra', 'iad'] as const) t.equal((await send(region, { method: 'GET', path: '/notes', headers: {} })).status, 200, `${region} is alive`)
})

await t.test('through the edge a request takes one replay at most, and a write happens once', async (t) => {
  let count = 0
  await fc.assert(fc.asyncProperty(fc.constantFrom('fra', 'iad'), fc.constantFrom('GET', 'POST'), headers, async (region, method, given) => {
    const text = `edge-${++count}`
    // Where the platform itself lets clients choose, it is the client's choice (FACTS 4.8).
    const chosen = Object.fromEntries(Object.entries(given).filter(([name]) => !/^fly-(?:prefer|force)-/.test(name)))
    const answer = await app.ask(region, method, '/notes', { headers: chosen, ...(method === 'POST' ? { payload: { text } } : {}) })
    if (answer.hops.length > 2) throw new Error(`${answer.hops.length} hops`)
    if (answer.statusCode === 409) throw new Error('a client has seen a 409')
    if (method === 'POST' && answer.statusCode === 200) {
      const written = (await app.notes()).filter((note) => note === text).length
      if (written !== 1) throw new Error(`written ${written} times`)
    }
  }), runs(150))
  t.equal(app.edge.counters().bareConflicts, 0)
  t.equal(app.edge.counters().replaysFrom['fra'], undefined, 'the primary has replayed nothing')
})

await t.test('a session that has written sees its write, whatever else its client sends', async (t) => {
  const written = await app.ask('fra', 'POST', '/notes', { payload: { text: 'before' } })
  await app.database.waitForReplay('iad')
  await app.database.pauseReplay('iad')
  t.teardown(async () => { await app.database.resumeReplay('iad') })
  const latest = await app.ask('fra', 'POST', '/notes', { payload: { text: 'mine' }, headers: { 'multi-region-token': String(written.headers['multi-region-token']) } })
  const token = String(latest.headers['multi-region-token'])
  let seen = 0
  await fc.assert(fc.asyncProperty(headers, fc.boolean(), async (given, asCookie) => {
    const session = asCookie ? { cookie: `multi-region=${token}` } : { 'multi-region-token': token }
    const answer = await send('iad', { method: 'GET', path: '/notes', headers: { ...given, ...session } })
    const breach = judge('iad', answer)
    if (breach !== undefined) throw new Error(breach)
    if (answer.status !== 200) return
    seen++
    if (!(JSON.parse(answer.body) as { texts: string[] }).texts.includes('mine')) throw new Error('a stale answer')
  }), runs(150))
  t.ok(seen > 20, `${seen} were answered here, from the primary`)
  // The other way to the same: an older token beside the newer one takes nothing away.
  const both = await send('iad', { method: 'GET', path: '/notes', headers: { cookie: `multi-region=${String(written.headers['multi-region-token'])}; multi-region=${token}` } })
  t.match(both.body, /mine/)
})

await t.test('a fresh read is fresh, whatever its client sends', async (t) => {
  await app.database.pauseReplay('iad')
  t.teardown(async () => { await app.database.resumeReplay('iad') })
  await app.database.exec('insert into note (text) values (\'newest\')')
  await fc.assert(fc.asyncProperty(headers, async (given) => {
    const answer = await send('iad', { method: 'GET', path: '/fresh', headers: given })
    const breach = judge('iad', answer)
    if (breach !== undefined) throw new Error(breach)
    if (answer.status === 200 && !answer.body.includes('newest')) throw new Error('a stale answer')
  }), runs(150))
})

await t.test('a token that was changed anywhere is ignored', async (t) => {
  const token = String((await app.ask('fra', 'POST', '/notes', { payload: { text: 'x' } })).headers['multi-region-token'])
  const before = app.apps.iad.multiRegion.counters().tokens?.rejects ?? {}
  let forged = 0
  // The last character of either part also stands for bits that belong to no byte.
  const inner = token.length - 2
  await fc.assert(fc.asyncProperty(fc.nat(inner), fc.constantFrom(...'AZaz09-_'), async (at, other) => {
    const changed = token.slice(0, at) + other + token.slice(at + 1)
    if (changed === token || token[at + 1] === '.' || token[at] === '.') return
    forged++
    const answer = await send('iad', { method: 'GET', path: '/state', headers: { 'multi-region-token': changed } })
    if (answer.status !== 200) throw new Error(`status ${answer.status}`)
  }), runs(100))
  const after = app.apps.iad.multiRegion.counters().tokens?.rejects ?? {}
  t.equal((after.seal ?? 0) - (before.seal ?? 0), forged, 'each was rejected by its seal')
})
