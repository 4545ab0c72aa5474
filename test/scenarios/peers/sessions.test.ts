// What a session sees after its writes, what its token and cookie are, and how long a request waits for a replica.

import { channel } from 'node:diagnostics_channel'
import { request as httpRequest } from 'node:http'
import { lsnOf, normaliseInsertLsn, parseLsn, type Lsn } from '../../../lib/core/lsn.ts'
import { judgeToken, mergeTokens, type SessionToken } from '../../../lib/core/session-token.ts'
import type { PluginOptions } from '../../../lib/index.ts'
import { Floor } from '../../../lib/postgres/floor.ts'
import { waitFor } from '../../../lib/testing/wait-for.ts'
import t from 'tap'
import type { AppInRegions } from '../../fastify/app-in-regions.ts'
import { openBalancer } from '../../support/balancer.ts'
import { sealWith } from '../../support/seal-with.ts'
import { openClients } from '../../support/test-clients.ts'
import { holdRecords, type Check } from './records.ts'
import { arrivals, ask, freshToken, KEY, setsCookie, startStand, tokenOf, withToken, wordsFor } from './stand.ts'

const app = await startStand(t)
const { database } = app
const { local, stamps, stampsNothing, behind } = wordsFor(app)
/** Waits for as long as it takes. */
const patient = await startStand(t, { plugin: { token: { key: KEY, wait: 'always', waitTimeout: 20_000 } } })
const seal = await sealWith(t, KEY)

const real = seal.open(await freshToken(app))
const { position } = real
if (position === undefined) throw new Error('a write has a position')
/** From a minute ago, so that a look at the primary since then has seen less. */
const ahead = (bytes: bigint): SessionToken => ({ ...real, writtenAtMs: Date.now() - 60_000, position: { ...position, lsn: lsnOf(position.lsn + bytes) } })

const other = (plugin: Partial<PluginOptions>, check: (t: Parameters<Check>[0], app: AppInRegions) => Promise<unknown>, fastify = {}): Check => async (t) => { await check(t, await startStand(t, { plugin, fastify })) }
const cookieOf = (answer: { headers: Record<string, unknown> }): string => String(answer.headers['set-cookie'] ?? '')

/** How the waits of a region ended, from now on. */
function waits (t: Parameters<Check>[0], region: string): string[] {
  const outcomes: string[] = []
  const listen = (message: unknown): void => {
    const { region: where, outcome } = message as { region: string, outcome: string } // the channel's own message
    if (where === region) outcomes.push(outcome)
  }
  channel('fastify-multi-region:token:awaited').subscribe(listen)
  t.teardown(() => { channel('fastify-multi-region:token:awaited').unsubscribe(listen) })
  return outcomes
}

/** The kit's databases are on one cluster: replay pauses for all of them. */
async function paused<T> (run: () => Promise<T>): Promise<T> {
  await database.pauseReplay('iad')
  try {
    return await run()
  } finally {
    await database.resumeReplay('iad')
    await database.waitForReplay('iad')
  }
}

/** A write that the replica lacks, requests that wait for it, something meanwhile, and then the replica catches up. */
async function caughtUp (number: number, meanwhile: () => Promise<unknown> = async () => {}): Promise<Awaited<ReturnType<typeof ask>>[]> {
  let asked: ReturnType<typeof ask>[] = []
  await paused(async () => {
    const token = await freshToken(patient)
    await arrivals(patient, 'iad', () => { asked = Array.from({ length: number }, () => ask(patient, 'read', withToken(token))) }, number)
    await meanwhile()
  })
  return Promise.all(asked)
}

const WINDOW_MS = 5_000
const timed = await startStand(t, { plugin: { token: { key: KEY, mode: 'time', window: WINDOW_MS } } })
const SKEW_MS = 1_000
const writtenAgo = (ms: number): string => seal.seal({ position: undefined, writtenAtMs: Date.now() - ms, unlocatedAtMs: undefined, seen: undefined })

await holdRecords('sessions', {
  'sw-boundary': async (t) => {
    const token = { position: undefined, writtenAtMs: 100_000, unlocatedAtMs: undefined, seen: undefined }
    const judge = (ageMs: number): unknown => judgeToken(token, { nowMs: 100_000 + ageMs, lifetimeMs: WINDOW_MS, skewMs: SKEW_MS })
    t.same([WINDOW_MS + SKEW_MS, WINDOW_MS + SKEW_MS + 1].map(judge), [null, 'expired'])
  },
  'sw-expired': async (t) => {
    t.equal((await ask(timed, 'read', withToken(writtenAgo(1_000)))).hops.length, 2, 'inside the window')
    t.equal((await ask(timed, 'read', withToken(writtenAgo(WINDOW_MS + SKEW_MS + 1)))).hops.length, 1)
  },
  'sw-far-future-timestamp': async (t) => {
    const answer = await ask(timed, 'read', withToken(writtenAgo(-365 * 24 * 3_600_000)))
    t.match(answer, { statusCode: 200, hops: { length: 1 } }, 'ignored')
    t.notOk(setsCookie(answer))
  },
  'sw-longest-wins': async (t) => {
    const [earlier, later] = [seal.open(writtenAgo(-500)), seal.open(writtenAgo(2_000))]
    t.same(mergeTokens(earlier, later).writtenAtMs, earlier.writtenAtMs)
    const wrote = await ask(timed, 'write', { method: 'POST', region: 'fra', ...withToken(seal.seal(earlier)) })
    t.ok((seal.open(tokenOf(wrote)).writtenAtMs ?? 0) >= (earlier.writtenAtMs ?? 0))
  },
  'sw-manual-mark-request-only': local('pinned'),
  'sw-post-without-write': stampsNothing('read-intent'),
  'sw-process-reuse': behind(async (t, token) => {
    await ask(app, 'read', withToken(token))
    t.match(await ask(app, 'read'), { hops: { length: 1 } })
  }),
  'sw-rolled-back-write': stampsNothing('rolledback'),
  'sw-same-request-outlives-ttl': async (t) => {
    const floor = new Floor('primary', { windowMs: 1 })
    floor.raise(undefined)
    t.equal(floor.freshness(() => 1_000_000_000).type, 'primary', 'a request\'s own write is no matter of time')
  },
  'sw-same-request-read-after-write': async (t) => paused(async () => {
    t.equal((await ask(app, 'ownwrite')).json<{ n: number }>().n, (await app.notes()).length)
  }),
  'sw-second-write-extends': async (t) => {
    const first = writtenAgo(WINDOW_MS - 1_000)
    const before = Date.now()
    const second = await ask(timed, 'write', { method: 'POST', region: 'fra', ...withToken(first) })
    t.ok(setsCookie(second))
    t.ok((seal.open(tokenOf(second)).writtenAtMs ?? 0) >= before, 'a full window from now')
  },
  'sw-stickiness-off': async (t) => paused(async () => {
    const answer = await ask(app, 'untracked')
    t.ok(answer.json<{ n: number }>().n < (await app.notes()).length, 'only when asked for')
    t.notOk(setsCookie(answer))
  }),
  'sw-sticky-read-does-not-extend': behind(async (t, token) => {
    const answer = await ask(app, 'read', withToken(token))
    t.equal(answer.hops.length, 2)
    t.notOk(setsCookie(answer))
  }),

  'tk-ahead-of-primary': async (t) => {
    const answer = await ask(app, 'read', { region: 'fra', ...withToken(seal.seal(ahead(1_000_000_000n))) })
    t.match(answer, { statusCode: 200, hops: { length: 1 } })
    t.ok((seal.open(tokenOf(answer)).position?.lsn ?? 0n) < position.lsn + 1_000_000_000n, 'replaced')
  },
  'tk-ahead-on-replica': async (t) => {
    const outcomes = waits(t, 'iad')
    for (let i = 0; i < 5; i++) {
      const answer = await ask(app, 'read', withToken(seal.seal(ahead(1_000_000_000n))))
      t.match(answer, { statusCode: 200, hops: { length: 2 } })
      t.ok(setsCookie(answer))
    }
    t.ok(outcomes.length <= 5, 'none waits twice')
  },
  'tk-api-client-header': behind(async (t, token) => { t.equal((await ask(app, 'read', withToken(token))).json<{ region: string }>().region, 'fra') }),
  'tk-autocommit-write': stamps('write'),
  'tk-function-write': stamps('function'),
  'tk-garbage-time': async (t) => {
    await local('read', { headers: { 'multi-region-token': '-1', cookie: 'multi-region=NaN' } })(t)
    for (const text of ['1.....-1..', '1....NaN..', '1....zzzzzzzzzz..']) await local('read', withToken(seal.text(text)))(t)
  },
  'tk-lsn-case-and-padding': async (t) => {
    t.same(['0/017bb660', '0/17BB660', '0/17bb660', '00000000/017BB660'].map(parseLsn), Array.from({ length: 4 }, () => 0x17BB660n))
  },
  'tk-never-minted-on-replica': local('read-intent', { method: 'POST' }),
  'tk-null-replay-position': async (t) => { t.match(await ask(app, 'read', { region: 'fra', ...withToken(await freshToken(app)) }), { statusCode: 200, hops: { length: 1 } }) },
  'tk-other-history': async (t) => {
    const answer = await ask(app, 'read', withToken(seal.seal({ ...real, position: { ...position, system: '7123456789012345678' } })))
    t.match(answer, { statusCode: 200, hops: { length: 2 } })
    t.equal(seal.open(tokenOf(answer)).position?.system, position.system, 'the primary gives a fresh one')
  },
  'tk-unknown-version': async (t) => {
    for (const text of ['2.a.b.c.d.e.f', '9z.1', '2.']) await local('read', withToken(seal.text(text)))(t)
  },

  'ck-attributes': other({}, async (t, app) => {
    const answer = await app.apps.fra.inject({ method: 'POST', url: '/write', headers: { 'x-forwarded-proto': 'https' } })
    t.match(cookieOf(answer), /^multi-region=[\w.-]+; Max-Age=\d+; Path=\/; HttpOnly; SameSite=Lax; Secure$/)
  }, { trustProxy: true }),
  'ck-duplicates': behind(async (t, fresh) => {
    t.equal((await ask(app, 'read', { headers: { cookie: `multi-region=old; multi-region=${fresh}` } })).hops.length, 2)
    t.equal((await ask(app, 'read', { headers: { cookie: `multi-region=${fresh}; multi-region=${seal.seal(real)}` } })).hops.length, 2)
  }),
  'ck-expired-cleared-once': async (t) => {
    await local('read', { headers: { cookie: 'multi-region=expired' } })(t)
    await local('read', { headers: { cookie: `multi-region=${seal.seal({ ...ahead(1_000_000n), writtenAtMs: Date.now() - 48 * 3_600_000 })}` } })(t)
  },
  'ck-http-development': async (t) => {
    const set = cookieOf(await ask(app, 'write', { method: 'POST', region: 'fra' }))
    t.match(set, /HttpOnly; SameSite=Lax$/)
    t.notMatch(set, /Secure/)
  },
  'ck-lifetime-covers-token': async (t) => {
    const age = /Max-Age=(\d+)/.exec(cookieOf(await ask(timed, 'write', { method: 'POST', region: 'fra' })))?.[1]
    t.ok(Number(age) * 1_000 >= WINDOW_MS + SKEW_MS, `${age} s`)
  },
  'ck-malformed-encoding': local('read', { headers: { cookie: 'multi-region=%E0%A4%A; multi-region; %%%' } }),
  'ck-no-session-needed': stamps('write'),
  'ck-not-on-replay-answer': behind(async (t, token) => {
    const direct = await fetch(`${app.url('iad')}/read`, { headers: { 'multi-region-token': token, 'fly-forwarded-port': '443' } })
    t.equal(direct.status, 409)
    t.match(direct.headers.get('fly-replay'), /^region=fra/)
    t.equal(direct.headers.get('set-cookie'), null)
  }),
  'ck-on-error-response': async (t) => {
    const answer = await ask(app, 'after-commit', { method: 'POST', region: 'fra' })
    t.equal(answer.statusCode, 500)
    t.ok(setsCookie(answer))
  },

  'lw-cached-position-fresh-enough': async (t) => {
    const old = await freshToken(app)
    await database.waitForReplay('iad')
    await waitFor('a position that is known', async () => (await ask(app, 'read', withToken(old))).hops.length === 1)
    const outcomes = waits(t, 'iad')
    t.match(await ask(app, 'read', withToken(old)), { hops: { length: 1 } })
    t.same(outcomes, [], 'nobody has looked')
  },
  'lw-catches-up': async (t) => {
    const outcomes = waits(t, 'iad')
    const [answer] = await caughtUp(1)
    t.match(answer, { statusCode: 200, hops: { length: 1 } })
    t.same(outcomes, ['reached'])
  },
  'lw-client-gone': async (t) => {
    const outcomes = waits(t, 'iad')
    const before = patient.apps.iad.multiRegion.counters().statements.local
    await paused(async () => {
      const token = await freshToken(patient)
      const leaving = httpRequest(`${patient.url('iad')}/read`, { headers: { 'multi-region-token': token } })
      leaving.on('error', () => {})
      await arrivals(patient, 'iad', () => { leaving.end() })
      leaving.destroy()
      await waitFor('the wait to end while the replica is still behind', () => outcomes.length > 0)
    })
    t.same(outcomes, ['aborted'])
    t.equal(patient.apps.iad.multiRegion.counters().statements.local, before, 'its handler has asked nothing')
  },
  'lw-committed-write-never-fails': async (t) => paused(async () => { t.match(await ask(app, 'ownwrite'), { statusCode: 200 }) }),
  'lw-configurable-budget': behind(async (t, token) => {
    const outcomes = waits(t, 'iad')
    const budget = async (one: AppInRegions, name: string): Promise<number> => {
      await ask(one, name, withToken(token))
      return outcomes.length
    }
    t.equal(await budget(app, 'never-waits'), 1)
    t.equal(await budget(app, 'waits'), 2)
    t.same(outcomes, ['timeout', 'timeout'], 'the route\'s, though the server would wait for the longer one')
  }),
  'lw-does-not-hold-snapshot': async (t) => {
    const [answer] = await caughtUp(1, async () => {
      // Replay has to remove these rows' versions; a snapshot held meanwhile would stop it for 30 s.
      await patient.database.exec('delete from note')
      await patient.database.exec('vacuum note')
      const held = await database.exec("select pid from pg_stat_activity where backend_xmin is not null and pid <> pg_backend_pid() and backend_type = 'client backend'", 'iad')
      t.same(held.length > 1, false, 'no snapshot is older than a look')
    })
    t.match(answer, { statusCode: 200, hops: { length: 1 } })
  },
  'lw-fresh-replica-chosen': async (t) => {
    const ports = [database.replicaUrls.iad, database.replicaUrls.nrt].map((url) => Number(new URL(url).port))
    const balancer = await openBalancer(t, ports)
    const replica = new URL(database.replicaUrls.iad)
    replica.port = String(balancer.port)
    const clients = await openClients(t, { database: { primary: database.primaryUrl, replica: replica.href }, region: 'iad', primaryRegion: 'fra' })
    await database.pauseReplay('nrt')
    const fresh = seal.open(await freshToken(app)).position
    await database.waitForReplay('iad')
    const expected = (await app.notes()).length
    const served: string[] = []
    for (let i = 0; i < 5; i++) {
      await Promise.all(Array.from({ length: 10 }, async () => {
        const floor = new Floor('primary')
        if (fresh !== undefined) floor.raiseTo(fresh)
        const request = clients.request({ blocked: 'not-proxied', floor })
        t.same(await request.db.$queryRawUnsafe('select count(*)::int as n from note'), [{ n: expected }])
        served.push(String(request.routed.at(-1)?.target))
      }))
    }
    t.ok(served.includes('local'), served.join(' '))
  },
  'lw-idle-primary-boundary': async (t) => {
    const geometry = { blockSizeBytes: 8192, segmentSizeBytes: 16 * 1024 * 1024 }
    const at = (lsn: bigint): bigint => normaliseInsertLsn(lsnOf(lsn), geometry)
    const page = 5n * 8192n
    const segment = 3n * 16n * 1024n * 1024n
    t.same([at(page + 24n), at(segment + 40n), at(page + 25n), at(page)], [page, segment, page + 25n, page], 'a position that the standby reaches without more log')
  },
  'lw-many-waiters-one-poll': async (t) => {
    const looking = async (): Promise<number> => (await patient.database.exec("select pid from pg_stat_activity where datname = current_database() and query like '%pg_last_wal_replay_lsn%' and pid <> pg_backend_pid()", 'iad')).length
    const answers = await caughtUp(50, async () => {
      for (let i = 0; i < 5; i++) t.ok(await looking() <= 2, 'the poller and the monitor')
    })
    t.same(new Set(answers.map(({ statusCode, hops }) => `${statusCode} ${hops.length}`)), new Set(['200 1']))
  },
  'lw-opt-out': behind(async (t, token) => { t.match(await ask(app, 'eventual', withToken(token)), { hops: { length: 1 } }) }),
  'lw-waiter-removed': async (t) => {
    const clients = await openClients(t, { database: { primary: database.primaryUrl, replica: database.replicaUrls.iad }, region: 'iad', primaryRegion: 'fra' })
    const { waiter, facts } = clients.servers
    const unreached = { system: facts.local.system, timeline: facts.local.timeline, lsn: (position.lsn + 1_000_000_000n) as Lsn }
    const floor = new Floor('primary')
    floor.raiseTo(unreached)
    const request = clients.request({ blocked: 'not-proxied', floor, waitMs: 30 })
    t.match(await request.db.$queryRawUnsafe('select pg_is_in_recovery() as standby'), [{ standby: false }])
    t.equal(waiter.size, 0)
  },
})
