// What a session is promised, through the edge, hopping between regions; replay is paused where staleness is needed,
// so that nothing here depends on who is faster.

import { once } from 'node:events'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import t from 'tap'
import postgres from 'postgres'
import { waitFor } from '../../lib/testing/wait-for.ts'
import { startApp, type AppInRegions, type RegionName } from '../fastify/app-in-regions.ts'

const key = Buffer.alloc(32, 5)
const INSERT = "insert into note (text) values ('x')"

const count = async (request: FastifyRequest): Promise<number> => Number((await request.db.$queryRawUnsafe<{ n: number }[]>('select count(*)::int as n from note'))[0]?.n)

function build (app: FastifyInstance, region: string): void {
  const read = async (request: FastifyRequest) => ({ region, n: await count(request) })
  app.get('/count', read)
  for (const consistency of ['eventual', 'monotonic', 'strong'] as const) app.get(`/${consistency}`, { config: { multiRegion: { consistency } } }, read)
  app.get('/bounded', { config: { multiRegion: { maxStaleness: 1_000, consistency: 'eventual' } } }, read)
  app.get('/waits', { config: { multiRegion: { token: { wait: 'always' } } } }, read)
  app.get('/never-waits', { config: { multiRegion: { token: { wait: 'never' } } } }, read)
  app.get('/idle', async () => ({ region }))
  app.post('/notes', async (request) => { await request.db.$executeRawUnsafe(INSERT); return { region, n: await count(request) } })
  app.post('/read-only', { config: { multiRegion: { intent: 'auto' } } }, read)
  app.post('/transaction', async (request) => {
    await request.db.$transaction(async (tx) => { await tx.$executeRawUnsafe(INSERT) })
    return { region }
  })
  app.post('/array', async (request) => { await request.db.$transaction([request.db.$executeRawUnsafe(INSERT), request.db.$executeRawUnsafe(INSERT)]); return { region } })
  app.post('/rolled-back', async (request) => {
    await request.db.$transaction(async (tx) => {
      await tx.$executeRawUnsafe(INSERT)
      throw new Error('no')
    }).catch(() => {})
    return { region }
  })
  app.post('/behind-select', async (request) => await request.db.$queryRawUnsafe(`with w as (${INSERT} returning id) select id from w`))
  app.post('/untracked', async (request) => { await request.db.$untracked.$executeRawUnsafe(INSERT); return { region } })
  app.post('/forgets', async (request) => { await request.db.$executeRawUnsafe(INSERT); request.multiRegion.forget(); return { region } })
  app.post('/direct', { config: { multiRegion: false } }, async (request) => { await request.db.$executeRawUnsafe(INSERT); return { region, n: await count(request) } })
  app.post('/unfinished', async (request) => {
    request.db.$queryRawUnsafe(`with w as (${INSERT} returning id) select id, pg_sleep(0.4) from w`).then(() => {}, () => {})
    await waitFor('the write to be sent', () => request.db !== undefined)
    return { region }
  })
  app.post('/nearly-finished', async (request) => {
    request.db.$executeRawUnsafe("insert into note (text) select 'x' from pg_sleep(0.01)").then(() => {}, () => {})
    return { region }
  })
  app.post('/asynchronous', async (request) => {
    await request.db.$transaction(async (tx) => { await tx.$executeRawUnsafe(INSERT) }, { synchronousCommit: 'off' })
    return { region }
  })
  app.post('/tokens', async (request) => {
    const before = request.multiRegion.token
    await request.db.$executeRawUnsafe(INSERT)
    return { before, token: request.multiRegion.token, headers: request.multiRegion.tokenHeaders() }
  })
}

const start = (t: Parameters<typeof startApp>[0], plugin: Parameters<typeof startApp>[1]['plugin'] = {}): Promise<AppInRegions> =>
  startApp(t, { regions: ['fra', 'iad', 'nrt'], plugin: { token: { key }, ...plugin }, build })

type Answer = Awaited<ReturnType<AppInRegions['ask']>>
const tokenOf = (answer: Answer): string => String(answer.headers['multi-region-token'] ?? '')

/** A browser: it keeps the cookie and asks in any region. */
function browser (app: AppInRegions) {
  let cookie = ''
  return {
    get cookie () { return cookie },
    async ask (region: RegionName, method: string, url: string): Promise<Answer & { n: number, region: string }> {
      const answer = await app.ask(region, method, url, { headers: cookie === '' ? {} : { cookie } })
      const set = answer.headers['set-cookie']
      const text = Array.isArray(set) ? set.join('\n') : String(set ?? '')
      const found = /multi-region=[^;]+/.exec(text)?.[0]
      if (found !== undefined) cookie = found
      return Object.assign(answer, answer.statusCode === 200 ? answer.json<{ n: number, region: string }>() : { n: -1, region: '' })
    },
  }
}

const app = await start(t)
const { database } = app

await t.test('a user who is in another region with every request sees each of their writes', async (t) => {
  await database.pauseReplay('iad')
  const user = browser(app)
  let n = (await user.ask('fra', 'GET', '/count')).n
  const regions: RegionName[] = ['iad', 'nrt', 'fra', 'nrt', 'iad', 'fra', 'iad', 'nrt']
  for (const [index, region] of regions.entries()) {
    t.equal((await user.ask(region, 'POST', '/notes')).n, ++n)
    for (const next of [regions[(index + 1) % regions.length], regions[(index + 3) % regions.length]] as RegionName[]) {
      const seen = await user.ask(next, 'GET', '/count')
      t.equal(seen.n, n, `${region} then ${next}`)
      if (next === 'iad') t.equal(seen.region, 'fra', 'the replica that is behind does not serve')
    }
  }
  await database.resumeReplay('iad')
  await database.waitForReplay()
  t.equal((await user.ask('iad', 'GET', '/count')).region, 'iad')
})

await t.test('every path of a commit stamps; what commits nothing does not', async (t) => {
  for (const url of ['/notes', '/transaction', '/array', '/behind-select', '/direct', '/asynchronous', '/nearly-finished']) {
    for (const region of ['fra', 'iad'] as const) {
      const answer = await app.ask(region, 'POST', url)
      t.equal(answer.statusCode, 200, url)
      t.not(tokenOf(answer), '', `${url} in ${region}`)
    }
  }
  for (const url of ['/rolled-back', '/untracked', '/forgets', '/read-only']) {
    for (const region of ['fra', 'iad'] as const) t.equal(tokenOf(await app.ask(region, 'POST', url)), '', `${url} in ${region}`)
  }
})

await t.test('a stamped session sees what each path wrote', async (t) => {
  for (const url of ['/notes', '/transaction', '/array', '/behind-select', '/direct', '/asynchronous']) {
    for (const region of ['fra', 'iad'] as const) {
      const user = browser(app)
      await user.ask(region, 'POST', url)
      const expected = (await app.notes()).length
      await database.pauseReplay('nrt')
      t.ok((await user.ask('nrt', 'GET', '/count')).n >= expected, `${url} in ${region}`)
      await database.resumeReplay('nrt')
    }
  }
})

await t.test('a write that still runs when the headers go out: the session belongs to the primary for the window', async (t) => {
  const user = browser(app)
  const before = (await app.notes()).length
  await user.ask('fra', 'POST', '/unfinished')
  t.not(user.cookie, '')
  const n = await waitFor('the write to be over', async () => {
    const notes = await app.notes()
    return notes.length > before ? notes.length : undefined
  })
  const seen = await user.ask('iad', 'GET', '/count')
  t.match(seen, { region: 'fra', n })
  t.equal(app.apps.fra.multiRegion.counters().stays !== undefined, true)
})

await t.test('a direct write of a region that cannot replay is read back from the primary, and by the session', async (t) => {
  await database.pauseReplay('iad')
  const user = browser(app)
  const wrote = await user.ask('iad', 'POST', '/direct')
  t.equal(wrote.region, 'iad')
  t.equal(wrote.n, (await app.notes()).length)
  t.match(await user.ask('iad', 'GET', '/count'), { region: 'fra', n: wrote.n })
  await database.resumeReplay('iad')
  await database.waitForReplay()
})

await t.test('wait: a replica that is about to be there is waited for, or not, as the route says', async (t) => {
  await database.pauseReplay('iad')
  const user = browser(app)
  const { n } = await user.ask('fra', 'POST', '/notes')
  t.match(await user.ask('iad', 'GET', '/never-waits'), { region: 'fra', n })
  const waits = (): number => app.apps.iad.multiRegion.counters().tokens?.waits.reached ?? 0
  const before = waits()
  const arrival = once(app.apps.iad.server, 'request')
  const waiting = user.ask('iad', 'GET', '/waits')
  await arrival
  await database.resumeReplay('iad')
  t.match(await waiting, { region: 'iad', n })
  t.equal(waits(), before + 1)
})

await t.test('a transaction held open after its INSERT does not hold a stamped session up', async (t) => {
  const holder = postgres(database.primaryUrl, { max: 1 })
  t.teardown(async () => { await holder.end({ timeout: 1 }) })
  await holder.unsafe('begin')
  await holder.unsafe("insert into note (text) values ('held')")
  for (let i = 0; i < 5; i++) {
    const user = browser(app)
    await user.ask('fra', 'POST', '/notes')
    // An insert position would cover the record of the open transaction, which the standby has not been sent.
    t.match(await user.ask('iad', 'GET', '/waits'), { region: 'iad' })
  }
  await holder.unsafe('rollback')
})

await t.test('monotonic: what was read in one region is not unread in another', async (t) => {
  await database.pauseReplay('nrt')
  await app.ask('fra', 'POST', '/notes')
  await database.waitForReplay('iad')
  const user = browser(app)
  const first = await waitFor('a settled pool', async () => {
    const one = await user.ask('iad', 'GET', '/monotonic')
    return one.headers['set-cookie'] === undefined ? one : undefined
  })
  t.equal(first.headers['cache-control'], 'private')
  t.equal(first.region, 'iad')
  const elsewhere = await user.ask('nrt', 'GET', '/monotonic')
  t.match(elsewhere, { region: 'fra', n: first.n }, 'the replica that has not seen it does not answer')
  await database.resumeReplay('nrt')
  await database.waitForReplay('nrt')
  t.equal((await user.ask('nrt', 'GET', '/monotonic')).n, first.n)
})

await t.test('strong: beside the primary', async (t) => {
  t.equal((await browser(app).ask('iad', 'GET', '/strong')).region, 'fra')
})

await t.test('maxStaleness: here while it is proven, else beside the primary', async (t) => {
  await waitFor('samples', async () => (await browser(app).ask('iad', 'GET', '/bounded')).region === 'iad')
  await database.pauseReplay('iad')
  const n = (await app.notes()).length + 1
  await app.ask('fra', 'POST', '/notes')
  const stale = await browser(app).ask('iad', 'GET', '/bounded')
  t.ok(stale.region === 'iad' || stale.n === n, 'within the bound it may be stale')
  await waitFor('the bound to be over', async () => (await browser(app).ask('iad', 'GET', '/bounded')).region === 'fra')
  t.equal((await browser(app).ask('iad', 'GET', '/bounded')).n, n)
  await database.resumeReplay('iad')
  await waitFor('the replica to serve again', async () => (await browser(app).ask('iad', 'GET', '/bounded')).region === 'iad')
})

await t.test('the token is there for jobs and other services', async (t) => {
  const answer = await app.ask('fra', 'POST', '/tokens')
  const { before, token, headers } = answer.json<{ before: null, token: string, headers: Record<string, string> }>()
  t.equal(before, null)
  t.same(headers, { 'multi-region-token': headers['multi-region-token'] })
  await database.pauseReplay('iad')
  const late = (await app.ask('fra', 'POST', '/tokens')).json<{ token: string }>().token
  const n = (await app.notes()).length
  const inJob = async (one: string): Promise<number> => Number((await app.apps.iad.db.$withToken(one).$queryRawUnsafe<{ n: number }[]>('select count(*)::int as n from note'))[0]?.n)
  t.equal(await inJob(late), n)
  t.ok(await inJob(token) >= n - 1)
  t.ok(await inJob('nonsense') < n, 'what is no token raises nothing')
  await database.resumeReplay('iad')
})

await t.test('a client can strengthen nothing and weaken nothing: forged, foreign and mangled tokens are ignored and counted', async (t) => {
  const real = tokenOf(await app.ask('fra', 'POST', '/notes'))
  await database.waitForReplay()
  for (const text of ['', 'x', real.slice(1), `${real}A`, real.replace('.', ';'), 'A'.repeat(100_000), `${'A'.repeat(120)}.${'A'.repeat(32)}`]) {
    const answer = await app.ask('iad', 'GET', '/count', { headers: { 'multi-region-token': text, cookie: `multi-region=${encodeURIComponent(text)}`.slice(0, 8_000) } })
      .catch(() => ({ statusCode: 431, headers: {} as Record<string, unknown> }))
    t.ok(answer.statusCode === 200 || answer.statusCode === 431, text.slice(0, 20))
    t.equal(answer.headers['set-cookie'], undefined)
  }
})

await t.test('time mode: the primary for the window, then anywhere', async (t) => {
  const timed = await start(t, { token: { key, mode: 'time', window: 500 } })
  const user = browser(timed)
  const wrote = await user.ask('fra', 'POST', '/notes')
  t.match(String(wrote.headers['set-cookie']), /Max-Age=2;/, 'the window and the skew of clocks')
  t.equal((await user.ask('iad', 'GET', '/count')).region, 'fra')
  await waitFor('the window to be over', async () => (await user.ask('iad', 'GET', '/count')).region === 'iad')
})
