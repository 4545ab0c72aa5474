// What the suites of other libraries pin down, one test a record of peer-scenarios.jsonl. See peer-scenarios.md.

import { readFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import type { FastifyInstance, FastifyRequest, HTTPMethods } from 'fastify'
import t, { type Test } from 'tap'
import type { PluginOptions, RouteConfig } from '../../lib/index.ts'
import { waitFor } from '../../lib/testing/wait-for.ts'
import { startApp, type AppInRegions, type RegionName } from '../fastify/app-in-regions.ts'

interface PeerRecord {
  readonly id: string
  readonly area: string
  readonly applies: boolean | 'adapt'
  readonly why: string
  readonly when: string
  readonly then: { readonly action: string, readonly accept?: readonly string[] }
}

const here = (path: string): URL => new URL(path, import.meta.url)
const records = readFileSync(here('./peer-scenarios.jsonl'), 'utf8').trim().split('\n').map((line) => JSON.parse(line) as PeerRecord) // written beside this file

const INSERT = "insert into note (text) values ('x')"
const key = Buffer.alloc(32, 8)
const runs = new Map<string, number>()

const place = async (request: FastifyRequest, region: string) => ({ region, n: (await request.db.$queryRawUnsafe<{ n: number }[]>('select count(*)::int as n from note'))[0]?.n })

interface Route { readonly method?: HTTPMethods | HTTPMethods[], readonly config?: false | RouteConfig, readonly run: (request: FastifyRequest, region: string) => Promise<unknown> }

const sql = (...texts: string[]): Route => ({
  async run (request, region) {
    for (const text of texts) await request.db.$queryRawUnsafe(text)
    return { region }
  },
})

const routes: Readonly<Record<string, Route>> = {
  read: { method: ['GET', 'POST', 'DELETE', 'PROPFIND'], run: place },
  'read-intent': { method: 'POST', config: { intent: 'read' }, run: place },
  eventual: { config: { consistency: 'eventual' }, run: place },
  excluded: { method: ['GET', 'POST'], config: false, run: async (_request, region) => ({ region }) },
  write: { method: ['GET', 'POST'], async run (request, region) { await request.db.$executeRawUnsafe(INSERT); return { region } } },
  counted: { method: 'POST', async run (request, region) { runs.set(region, (runs.get(region) ?? 0) + 1); return { region } } },
  wrapped: {
    async run (request, region) {
      try {
        await request.db.$queryRawUnsafe(`${INSERT} returning id`)
      } catch (cause) {
        throw new Error('outer', { cause: new Error('inner', { cause }) })
      }
      return { region }
    },
  },
  business: { run: async () => { throw Object.assign(new Error('no'), { statusCode: 422 }) } },
  syntax: sql('selec 1'),
  late: { method: 'POST', async run (request) { await request.db.$executeRawUnsafe(INSERT); throw new Error('after the commit') } },
  rolledback: { method: 'POST', async run (request, region) { await request.db.$transaction(async (tx) => { await tx.$executeRawUnsafe(INSERT); throw new Error('no') }).catch(() => {}); return { region } } },
  pinned: { async run (request, region) { await request.db.$primary.$queryRawUnsafe('select 1'); return place(request, region) } },
  ownwrite: { config: { intent: 'auto' }, async run (request, region) { await request.db.$primary.$executeRawUnsafe(INSERT); return place(request, region) } },
  twowrites: { config: { intent: 'auto' }, async run (request, region) { await request.db.$primary.$executeRawUnsafe(INSERT); await request.db.$executeRawUnsafe(INSERT); return { region } } },
  unique: { async run (request, region) { await place(request, region); await request.db.$executeRawUnsafe(INSERT); return { region } } },
  related: {
    async run (request, region) {
      const helper = async (db: typeof request.db): Promise<unknown> => (await db.$queryRawUnsafe<{ s: boolean }[]>('select pg_is_in_recovery() as s'))[0]?.s
      const seen = [await helper(request.db.$primary), await helper(request.db.$primary)]
      if (seen.includes(true)) throw new Error('read from a standby')
      return { region }
    },
  },
  parallel: { async run (request, region) { const [far, near] = await Promise.all([request.db.$primary.$queryRawUnsafe<{ s: boolean }[]>('select pg_is_in_recovery() as s'), request.db.$queryRawUnsafe<{ s: boolean }[]>('select pg_is_in_recovery() as s')]); return { region, far: far[0]?.s, near: near[0]?.s } } },
  readonly: { async run (request, region) { await request.db.$transaction(async (tx) => tx.$queryRawUnsafe('select 1'), { readOnly: true }); return { region } } },
  'readonly-write': { method: ['GET', 'POST'], async run (request, region) { await request.db.$transaction(async (tx) => tx.$queryRawUnsafe(`${INSERT} returning id`), { readOnly: true }); return { region } } },
  readwrite: sql('begin read write'),
  serializable: { async run (request, region) { await request.db.$transaction(async (tx) => tx.$queryRawUnsafe('select 1'), { isolationLevel: 'Serializable' }); return { region } } },
  savepoint: { async run (request, region) { await request.db.$queryRawUnsafe(`do $$ begin ${INSERT}; end $$`).catch(() => {}); return { region } } },
  function: { method: 'POST', run: async (request, region) => { await request.db.$queryRawUnsafe('select add_note()'); return { region } } },
  'hides-write': sql(`/* select 1 */ ${INSERT}`),
  'names-write': sql('/* insert into note */ select 1'),
  truncate: sql('truncate note'),
  ddl: sql('create table other (id int)'),
  'do-block': sql(`do $$ begin ${INSERT}; end $$`),
  explain: sql('explain select 1', `explain ${INSERT}`),
  lastval: sql('select lastval()'),
  spaces: sql('  \n\t(select 1)', '-- a\nSeLeCt 1'),
  literal: sql("select 'for update'"),
  comments: sql(`${'-- a\n'.repeat(50)}${INSERT}`),
  multi: sql(`select 1; ${INSERT}`),
  prepared: sql(`prepare p as ${INSERT}`, 'execute p'),
  'reading-function': sql('select count_notes()'),
  lock: sql('select pg_advisory_xact_lock(1)'),
  redirect: { method: 'POST', run: async (request) => { await request.db.$executeRawUnsafe(INSERT); return { redirect: true } } },
}

function build (app: FastifyInstance, region: string): void {
  app.addHttpMethod('PROPFIND')
  for (const [name, { method = 'GET', config, run }] of Object.entries(routes)) {
    app.route({
      method,
      url: `/${name}`,
      ...(config === undefined ? {} : { config: { multiRegion: config } }),
      handler: async (request, reply) => {
        const answer = await run(request, region)
        return name === 'redirect' ? reply.redirect('/next', 303) : answer
      },
    })
  }
}

const start = async (t: Parameters<typeof startApp>[0], plugin: Partial<PluginOptions> = {}): Promise<AppInRegions> => startApp(t, { plugin: { token: { key }, ...plugin }, build })

const app = await start(t)
const { database } = app
await database.exec(`create function add_note() returns int language sql as $$ ${INSERT} returning id $$;
  create function count_notes() returns bigint language sql volatile as $$ select count(*) from note $$`)
await database.waitForReplay()

type Answer = Awaited<ReturnType<AppInRegions['ask']>>
type Asserts = Pick<Test, 'equal' | 'not' | 'match' | 'ok' | 'notOk' | 'same' | 'teardown'>
type Check = (t: Asserts) => Promise<unknown>

const ask = async (name: string, { method = 'GET', region = 'iad', headers = {} }: { method?: string, region?: RegionName, headers?: Record<string, string> } = {}): Promise<Answer> => app.ask(region, method, `/${name}`, { headers })
const token = async (): Promise<string> => String((await ask('write', { method: 'POST', region: 'fra' })).headers['multi-region-token'])
const hasToken = (answer: Answer): boolean => answer.headers['set-cookie'] !== undefined

const local = (name: string, options: Parameters<typeof ask>[1] = {}): Check => async (t) => {
  const answer = await ask(name, options)
  t.equal(answer.hops.length, 1)
  t.equal(answer.statusCode, 200, answer.body)
  t.notOk(hasToken(answer))
}
const replays = (name: string, options: Parameters<typeof ask>[1] = {}): Check => async (t) => {
  const answer = await ask(name, options)
  t.equal(answer.hops.length, 2, answer.body)
  t.equal(answer.headers['fly-replay'], undefined)
}
const failsHere = (name: string, options: Parameters<typeof ask>[1] = {}): Check => async (t) => {
  const answer = await ask(name, options)
  t.equal(answer.hops.length, 1)
  t.ok(answer.statusCode >= 400)
}
/** While the replica is behind the token of a fresh write. */
const behind = (check: (t: Asserts, token: string) => Promise<unknown>): Check => async (t) => {
  await database.pauseReplay('iad')
  try {
    await check(t, await token())
  } finally {
    await database.resumeReplay('iad')
    await database.waitForReplay('iad')
  }
}
const stamps = (name: string, method = 'POST'): Check => async (t) => { t.ok(hasToken(await ask(name, { method, region: 'fra' }))) }
const stampsNothing = (name: string, method = 'POST'): Check => async (t) => { t.notOk(hasToken(await ask(name, { method, region: 'fra' }))) }
const other = (plugin: Partial<PluginOptions>, check: (t: Asserts, app: AppInRegions) => Promise<unknown>): Check => async (t) => { await check(t, await start(t, plugin)) }

/** The record is held by a test of another file, which needs other servers, or none. */
const heldBy = (file: string, title: string): Check => async (t) => {
  t.ok(readFileSync(here(`../${file}`), 'utf8').includes(title), `${file}: ${title}`)
}

const checks: Readonly<Record<string, Check>> = {
  'rd-header-shape': heldBy('core/replay-header.test.ts', 'region='),
  'rd-large-body': heldBy('fastify/replay-impossible.test.ts', 'the body is over the limit'),
  'rd-read-only-reason-visible': heldBy('fastify/request.test.ts', 'channels tell decisions, replays and fallbacks'),
  'rd-redirect-passes-through': async (t) => {
    const answer = await ask('redirect', { method: 'POST' })
    t.match(answer, { statusCode: 303, headers: { location: '/next' } })
    t.ok(hasToken(answer))
  },
  'rd-route-intent-not-leaking': local('read'),
  'rd-schema-not-arrived': heldBy('postgres/capture.test.ts', 'a table that has not arrived asks for a replay once a text and minute'),
  'rd-side-effects-not-run': async (t) => {
    await ask('counted', { method: 'POST' })
    t.same(Object.fromEntries(runs), { fra: 1 })
  },
  'rd-static-untouched': behind(async (t, token) => {
    const answer = await ask('excluded', { headers: { 'multi-region-token': token } })
    t.equal(answer.hops.length, 1)
    t.notOk(hasToken(answer))
  }),
  'rd-unknown-route': async (t) => { t.match(await ask('nowhere', { method: 'POST' }), { statusCode: 404, hops: { length: 1 } }) },
  'rd-unrelated-error': async (t) => {
    t.match(await ask('business'), { statusCode: 422, hops: { length: 1 } })
    t.match(await ask('syntax'), { statusCode: 500, hops: { length: 1 } })
  },
  'rd-wrapped-error': replays('wrapped'),

  'mr-custom-list': other({ writeMethods: ['DELETE'] }, async (t, app) => {
    t.equal((await app.ask('iad', 'POST', '/read')).hops.length, 1)
    t.equal((await app.ask('iad', 'DELETE', '/read')).hops.length, 2)
  }),
  'mr-empty-list': other({ writeMethods: [] }, async (t, app) => {
    t.equal((await app.ask('iad', 'POST', '/read')).hops.length, 1)
    t.equal((await app.ask('iad', 'POST', '/write')).hops.length, 2)
  }),
  'mr-excluded-path-post': local('excluded', { method: 'POST' }),
  'mr-head': local('read', { method: 'HEAD' }),
  'mr-options': async (t) => { t.equal((await ask('read', { method: 'OPTIONS' })).hops.length, 1) },
  'mr-post-on-primary': async (t) => { t.match(await ask('write', { method: 'POST', region: 'fra' }), { statusCode: 200, hops: { length: 1 } }) },
  'mr-reason-precedence': behind(async (t, token) => {
    const answer = await ask('write', { method: 'POST', headers: { 'multi-region-token': token } })
    t.equal(answer.hops.length, 2)
    t.ok(hasToken(answer))
  }),
  'mr-unknown-method': async (t) => { t.equal((await ask('read', { method: 'PROPFIND' })).hops.length, 1) },

  'sw-boundary': heldBy('scenarios/session.test.ts', 'time mode: the primary for the window, then anywhere'),
  'sw-expired': heldBy('scenarios/session.test.ts', 'time mode: the primary for the window, then anywhere'),
  'sw-far-future-timestamp': heldBy('scenarios/session-history.test.ts', 'too old, or from the future: ignored'),
  'sw-longest-wins': heldBy('core/session-token.test.ts', 'a token never moves back'),
  'sw-manual-mark-request-only': local('pinned'),
  'sw-post-without-write': stampsNothing('read-intent'),
  'sw-process-reuse': behind(async (t, token) => {
    await ask('read', { headers: { 'multi-region-token': token } })
    t.match(await ask('read'), { hops: { length: 1 } })
  }),
  'sw-rolled-back-write': stampsNothing('rolledback'),
  'sw-same-request-outlives-ttl': heldBy('postgres/floor.test.ts', 'primary'),
  'sw-same-request-read-after-write': async (t) => {
    await database.pauseReplay('iad')
    const answer = await ask('ownwrite')
    t.equal(answer.json<{ n: number }>().n, (await app.notes()).length)
    await database.resumeReplay('iad')
    await database.waitForReplay('iad')
  },
  'sw-second-write-extends': async (t) => {
    const first = await token()
    const second = await ask('write', { method: 'POST', region: 'fra', headers: { 'multi-region-token': first } })
    t.ok(hasToken(second))
    t.not(second.headers['multi-region-token'], first)
  },
  'sw-stickiness-off': heldBy('scenarios/session.test.ts', '/untracked'),
  'sw-sticky-read-does-not-extend': behind(async (t, token) => {
    const answer = await ask('read', { headers: { 'multi-region-token': token } })
    t.equal(answer.hops.length, 2)
    t.notOk(hasToken(answer))
  }),

  'tk-ahead-of-primary': heldBy('scenarios/session-history.test.ts', 'ahead of a restored primary'),
  'tk-ahead-on-replica': heldBy('scenarios/session-history.test.ts', 'ahead of a restored primary'),
  'tk-api-client-header': behind(async (t, token) => { t.equal((await ask('read', { headers: { 'multi-region-token': token } })).json<{ region: string }>().region, 'fra') }),
  'tk-autocommit-write': stamps('write'),
  'tk-function-write': stamps('function'),
  'tk-garbage-time': local('read', { headers: { 'multi-region-token': '-1', cookie: 'multi-region=NaN' } }),
  'tk-lsn-case-and-padding': heldBy('core/lsn.test.ts', 'parse'),
  'tk-never-minted-on-replica': local('read-intent', { method: 'POST' }),
  'tk-null-replay-position': async (t) => { t.match(await ask('read', { region: 'fra', headers: { 'multi-region-token': await token() } }), { statusCode: 200, hops: { length: 1 } }) },
  'tk-other-history': heldBy('scenarios/session-failover.test.ts', 'tokens from before and after a promotion'),
  'tk-unknown-version': heldBy('core/session-token.test.ts', 'version'),

  'ck-attributes': heldBy('fastify/token-transport.test.ts', 'behind TLS: Secure'),
  'ck-duplicates': behind(async (t, fresh) => {
    t.equal((await ask('read', { headers: { cookie: `multi-region=old; multi-region=${fresh}` } })).hops.length, 2)
  }),
  'ck-expired-cleared-once': local('read', { headers: { cookie: 'multi-region=expired' } }),
  'ck-http-development': heldBy('fastify/token-transport.test.ts', 'plain http in development: no Secure'),
  'ck-lifetime-covers-token': heldBy('scenarios/session.test.ts', 'the window and the skew of clocks'),
  'ck-malformed-encoding': local('read', { headers: { cookie: 'multi-region=%E0%A4%A; multi-region; %%%' } }),
  'ck-no-session-needed': stamps('write'),
  'ck-not-on-replay-answer': behind(async (t, token) => {
    const direct = await fetch(`${app.url('iad')}/read`, { headers: { 'multi-region-token': token, 'fly-forwarded-port': '443' } })
    t.equal(direct.status, 409)
    t.match(direct.headers.get('fly-replay'), /^region=fra/)
    t.equal(direct.headers.get('set-cookie'), null)
  }),
  'ck-on-error-response': async (t) => {
    const answer = await ask('late', { method: 'POST', region: 'fra' })
    t.equal(answer.statusCode, 500)
    t.ok(hasToken(answer))
  },

  'lw-cached-position-fresh-enough': async (t) => {
    const old = await token()
    await database.waitForReplay('iad')
    await waitFor('a position that is known', async () => (await ask('read', { headers: { 'multi-region-token': old } })).hops.length === 1)
    t.match(await ask('read', { headers: { 'multi-region-token': old } }), { hops: { length: 1 } })
  },
  'lw-catches-up': heldBy('scenarios/session.test.ts', 'wait: a replica that is about to be there is waited for'),
  'lw-client-gone': other({ token: { key, wait: 'always', waitTimeout: 10_000 } }, async (t, app) => {
    await app.database.pauseReplay('iad')
    const wrote = await app.ask('fra', 'POST', '/write')
    const leaving = httpRequest(`${app.url('iad')}/read`, { headers: { 'multi-region-token': String(wrote.headers['multi-region-token']) } })
    leaving.on('error', () => {})
    leaving.end()
    await waitFor('the request to wait', () => app.logs.some((line) => line.region === 'iad' && line.msg === 'incoming request'))
    leaving.destroy()
    // Freed at once, not at the end of its time, and its handler has not asked the database.
    await waitFor('the request to be over', () => app.logs.some((line) => line.region === 'iad' && line.msg === 'request completed'), { withinMs: 5_000 }).catch(() => undefined)
    t.equal(app.apps.iad.multiRegion.counters().statements.local, 0)
    await app.database.resumeReplay('iad')
  }),
  'lw-committed-write-never-fails': async (t) => {
    await database.pauseReplay('iad')
    t.match(await ask('ownwrite'), { statusCode: 200 })
    await database.resumeReplay('iad')
    await database.waitForReplay('iad')
  },
  'lw-configurable-budget': heldBy('scenarios/session.test.ts', '/never-waits'),
  'lw-does-not-hold-snapshot': heldBy('postgres/lsn-waiter.test.ts', 'the poller and the monitor, and nobody else'),
  'lw-fresh-replica-chosen': heldBy('scenarios/session-history.test.ts', 'two servers behind one address'),
  'lw-idle-primary-boundary': heldBy('core/lsn.test.ts', 'an insert position behind an unwritten page header is moved to the end of the page before'),
  'lw-many-waiters-one-poll': heldBy('postgres/lsn-waiter.test.ts', 'by one poller'),
  'lw-opt-out': behind(async (t, token) => { t.match(await ask('eventual', { headers: { 'multi-region-token': token } }), { hops: { length: 1 } }) }),
  'lw-waiter-removed': heldBy('postgres/lsn-waiter.test.ts', 'a wait is bounded, and honours its signal'),

  'fb-black-hole': heldBy('postgres/servers.test.ts', 'a server that says nothing: running reads are freed long before their deadline'),
  'fb-cool-down': heldBy('postgres/servers.test.ts', 'a server that refuses: the breaker opens at once'),
  'fb-lag-under-limit': heldBy('scenarios/session.test.ts', 'maxStaleness: here while it is proven'),
  'fb-name-does-not-resolve': heldBy('postgres/client.test.ts', 'a replica that cannot be reached is replaced by the primary'),
  'fb-primary-down-reads-live': heldBy('postgres/router.test.ts', 'a primary that dies: reads go on'),
  'fb-replica-down-at-boot': heldBy('fastify/boot.test.ts', 'with a reachable primary and a dead replica the app boots and serves'),
  'fb-replica-url-is-primary': heldBy('postgres/servers.test.ts', 'one server behind both names shares one pool, by whatever way it is reached'),
  'fb-replication-stopped': heldBy('scenarios/session.test.ts', 'the bound to be over'),
  'fb-starting-up': heldBy('postgres/failover.test.ts', 'too many connections, starting up: refusals of the server have their code'),
  'fb-swap-needs-no-restart': heldBy('postgres/router.test.ts', 'a demotion that nobody has noticed'),
  'fb-write-outcome-unknown': heldBy('postgres/transaction.test.ts', 'a COMMIT whose answer is lost is unknown, and is not tried again'),

  'hl-check-bounded': heldBy('postgres/servers.test.ts', 'a server that says nothing: running reads are freed long before their deadline'),
  'hl-lag-over-limit': heldBy('fastify/request.test.ts', 'health, lag and counters'),
  'hl-lag-under-limit': heldBy('fastify/request.test.ts', 'health, lag and counters'),
  'hl-really-behind': heldBy('scenarios/session.test.ts', 'maxStaleness: here while it is proven'),
  'hl-status-cached': heldBy('postgres/servers.test.ts', 'a look that is asked for is sent after it was asked for, and shared'),
  'hl-unmeasurable': heldBy('postgres/servers.test.ts', 'a server that refuses its position functions is up, and says so'),

  'tx-caught-in-savepoint': replays('savepoint'),
  'tx-connection-lost-inside': heldBy('postgres/transaction.test.ts', 'a connection that is lost in a callback closes the transaction'),
  'tx-connection-lost-outside': heldBy('postgres/driver.test.ts', 'a connection killed while it idles is not handed out'),
  'tx-declared-read-write': replays('readwrite'),
  'tx-opened-before-promotion': heldBy('core/route-decision.test.ts', 'the remains of a promoted standby are tried again'),
  'tx-own-read-only-on-primary': failsHere('readonly-write', { method: 'POST', region: 'fra' }),
  'tx-read-only-on-replica': local('readonly'),
  'tx-serializable': replays('serializable'),

  'sql-advisory-lock': local('lock'),
  'sql-comment-hides-write': replays('hides-write'),
  'sql-comment-names-write': local('names-write'),
  'sql-ddl-truncate-merge': async (t) => {
    t.equal((await ask('ddl')).hops.length, 2)
    t.equal((await ask('truncate')).hops.length, 2)
  },
  'sql-do-block': replays('do-block'),
  'sql-explain': local('explain'),
  'sql-lastval': failsHere('lastval'),
  'sql-leading-space-case-comment': local('spaces'),
  'sql-literal-looks-like-lock': local('literal'),
  'sql-many-comments': replays('comments'),
  'sql-multi-statement': replays('multi'),
  'sql-prepared-write': replays('prepared'),
  'sql-stable-function': local('reading-function'),

  'ep-default-flipped': heldBy('postgres/client.test.ts', 'a strong client reads from the primary'),
  'ep-migrations': heldBy('postgres/client.test.ts', 'a process reads from its replica and writes to the primary'),
  'ep-outside-request': heldBy('fastify/replay-impossible.test.ts', 'a job outside a request writes directly and reads what it wrote'),
  'ep-primary-unreachable': heldBy('postgres/router.test.ts', 'a primary that dies: reads go on, writes are 503 with their reason'),
  'ep-related-reads-follow': local('related'),
  'ep-uniqueness-check': replays('unique'),
  'ep-write-then-captured-write': async (t) => {
    const before = (await app.notes()).length
    t.match(await ask('twowrites'), { statusCode: 200, hops: { length: 1 } })
    t.equal((await app.notes()).length, before + 2)
  },

  'ws-token-on-upgrade': behind(async (t, token) => {
    const answer = await ask('read', { headers: { 'multi-region-token': token } })
    t.equal(answer.hops.length, 2, 'decided in onRequest, before any upgrade')
  }),
  'ws-upgrade-not-method-replayed': heldBy('fastify/companions/websocket.test.ts', '/plain'),

  'lg-both-think-other': heldBy('fastify/explicit-replay.test.ts', 'a handler that replays everything is stopped at its second turn'),
  'lg-primary-unknown': heldBy('core/replay-decision.test.ts', 'no-region'),
  'lg-read-only-on-primary': heldBy('postgres/standby-sqlstates.test.ts', 'on a primary that is read-only by its own setting'),
  'lg-replayed-and-still-read-only': heldBy('fastify/replay-impossible.test.ts', 'it carries our own marker'),
  'lg-target-is-self': heldBy('scenarios/failover.test.ts', 'the target would be itself'),
  'lg-window-replay-on-arrival': behind(async (t, token) => {
    const answer = await ask('read', { region: 'fra', headers: { 'multi-region-token': token, 'fly-replay-src': 'instance=x;region=iad;t=1;state=none' } })
    t.match(answer, { statusCode: 200, hops: { length: 1 } })
  }),

  'cf-both-schemes': heldBy('core/endpoint.test.ts', 'postgresql://'),
  'cf-close-both': heldBy('postgres/servers.test.ts', 'close ends everything within its bound, once, and leaves no connection'),
  'cf-derived-replica-url': heldBy('core/endpoint.test.ts', '5433'),
  'cf-no-replicas': heldBy('postgres/servers.test.ts', 'one database is enough'),
  'cf-other-platform-region': heldBy('core/options.test.ts', "FLY_REGION: 'nrt'"),
  'cf-switched-off': other({ replay: 'off' }, async (t, app) => { t.match(await app.ask('iad', 'POST', '/read'), { statusCode: 200, hops: { length: 1 } }) }),
  'cf-two-apps-one-process': local('read'),
  'cf-unknown-option': heldBy('core/options.test.ts', 'unknown'),
  'cf-url-missing': heldBy('core/options.test.ts', 'DATABASE_URL'),

  'nc-inner-primary-wins': async (t) => { t.ok(hasToken(await ask('ownwrite'))) },
  'nc-no-downgrade-after-write': heldBy('postgres/capture.test.ts', 'a request that cannot be replayed writes directly, and reads what it wrote'),
  'nc-parallel-branches': async (t) => { t.match((await ask('parallel')).json(), { region: 'iad', far: false, near: true }) },
  'nc-worker-between-jobs': heldBy('postgres/client.test.ts', 'a far write followed by reads: primary until the replica has passed it, then local again'),
  'nc-write-in-scope-outlives-it': heldBy('postgres/capture.test.ts', 'a direct write followed by a captured one: the second goes to the primary too'),

  'fl-guard-fails-open': heldBy('postgres/servers.test.ts', 'a server that refuses its position functions is up, and says so'),
  'fl-position-on-recovering-primary': heldBy('postgres/router.test.ts', 'demotion between two writes of one request'),
  'fl-primary-lookup-slow': heldBy('fastify/boot.test.ts', 'a server that accepts and says nothing does not hold the start up'),
  'fl-replica-position-error': heldBy('postgres/lsn-waiter.test.ts', 'a position of another history is not waited for'),
  'fl-role-unknown': heldBy('core/route-decision.test.ts', 'a server whose role is unknown serves reads'),
}

t.equal(new Set(records.map(({ id }) => id)).size, records.length)

for (const record of records) {
  const check = checks[record.id]
  const name = `${record.id}: ${record.when}`
  if (record.applies === false) {
    t.equal(check, undefined, `${record.id} does not apply: ${record.why}`)
  } else if (check === undefined) {
    t.fail(`${record.id} has no test`)
  } else await t.test(name, check)
}
t.same(Object.keys(checks).filter((id) => !records.some((record) => record.id === id)), [], 'no test without a record')
