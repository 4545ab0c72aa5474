// Servers that are down, behind, slow to answer, of another role than was thought, or that do not tell their position.

import postgres from 'postgres'
import t from 'tap'
import { classify } from '../../../lib/core/verdict.ts'
import type { PluginOptions } from '../../../lib/index.ts'
import { waitFor } from '../../../lib/testing/wait-for.ts'
import type { AppInRegions } from '../../fastify/app-in-regions.ts'
import { holdRecords, type Check } from './records.ts'
import { ask, freshToken, startLinked, startStand, targetOf, through, withToken, type LinkedOptions, type Links, type ServerUrls } from './stand.ts'

const app = await startStand(t, { plugin: { health: { interval: 50 } } })
const { database } = app

const linked = (options: LinkedOptions, check: (t: Parameters<Check>[0], app: AppInRegions, links: Links) => Promise<unknown>): Check => async (t) => {
  const { app, links } = await startLinked(t, options)
  await check(t, app, links)
}

const health = (one: AppInRegions, region: 'fra' | 'iad' = 'iad') => one.apps[region].multiRegion.health().endpoints
/** Answered, wherever that was. */
const isServed = async (t: Parameters<Check>[0], one: AppInRegions): Promise<void> => {
  const answer = await ask(one, 'read')
  t.equal(answer.statusCode, 200, answer.body)
}
const boundedRegion = async (): Promise<string> => (await ask(app, 'bounded')).json<{ region: string }>().region

const neverResolves = async (): Promise<never> => new Promise(() => {})
/** The same in fra, something else in iad. */
const inIad = (change: (database: ServerUrls) => PluginOptions['database']): LinkedOptions => ({ change: (database, region) => region === 'iad' ? change(database) : database })

// A role that may not ask a server where it is, as on servers that have no positions.
await database.exec('create role blind_peer login')
t.teardown(async () => { await database.exec('drop role blind_peer') })
const asBlind = (url: string | undefined): string => String(url).replace('postgres@', 'blind_peer@')
const blind: LinkedOptions = {
  async prepare (_links, region, primaryUrl) {
    if (region !== 'fra') return
    const sql = postgres(primaryUrl, { max: 1 })
    await sql.unsafe(`grant all on all tables in schema public to public; grant all on all sequences in schema public to public;
      revoke execute on function pg_last_wal_replay_lsn(), pg_current_wal_flush_lsn(), pg_control_system(), pg_control_checkpoint(), pg_control_recovery(), pg_walfile_name(pg_lsn) from public`)
    await sql.end()
    await database.waitForReplay()
  },
  change: ({ primary, replica }, region) => region === 'fra' ? { primary: asBlind(primary) } : { primary, replica: asBlind(replica) },
}

await holdRecords('servers', {
  'fb-black-hole': linked({}, async (t, app, { replica }) => {
    await isServed(t, app)
    replica.blackHole()
    await isServed(t, app)
  }),
  'fb-cool-down': linked({ plugin: { connectTimeout: 700, health: { interval: 100, failures: 2, cooldown: 60_000 } } }, async (t, app, { replica }) => {
    replica.blackHole()
    await waitFor('the breaker to open', () => health(app).local.breaker === 'open')
    const before = replica.opened
    for (let i = 0; i < 30; i++) await isServed(t, app)
    t.ok(replica.opened - before <= 1, `${replica.opened - before} attempts for 30 requests`)
  }),
  'fb-lag-under-limit': async (t) => {
    await waitFor('a sample', async () => await boundedRegion() === 'iad')
    t.equal((await ask(app, 'bounded')).hops.length, 1)
  },
  'fb-name-does-not-resolve': linked(inIad(({ primary }) => ({ primary, replica: 'postgres://postgres@nowhere.invalid/x' })), isServed),
  'fb-primary-down-reads-live': linked({}, async (t, app, { primary }) => {
    await primary.refuse()
    primary.reset()
    await waitFor('the primary to be known as down', () => health(app).primary.breaker === 'open')
    t.match(await ask(app, 'read'), { statusCode: 200, hops: { length: 1 } })
  }),
  'fb-replica-down-at-boot': linked({ async prepare ({ replica }, region) { if (region === 'iad') await replica.refuse() } }, isServed),
  'fb-replica-url-is-primary': linked({ prepare ({ replica, own }, region) { if (region === 'iad') replica.retarget(own.target) } }, async (t, app) => {
    const before = (await app.notes()).length
    t.match(await ask(app, 'write', { method: 'POST' }), { statusCode: 200, hops: { length: 1 } })
    t.equal((await app.notes()).length, before + 1)
    t.match(health(app), { local: { role: 'primary' } })
  }),
  'fb-replication-stopped': linked({}, async (t, app, { primary }) => {
    await waitFor('a sample', async () => (await ask(app, 'bounded')).hops.length === 1)
    await primary.refuse()
    primary.reset()
    await waitFor('nobody to know how far the primary is', async () => (await ask(app, 'bounded')).hops.length === 2)
    t.match(await ask(app, 'read'), { statusCode: 200, hops: { length: 1 } }, 'reads without a limit stay')
  }),
  'fb-starting-up': async (t) => {
    for (const code of ['57P03', '53300']) {
      t.equal(classify({ kind: 'connect', code, routine: undefined, sent: false, onStandby: undefined }, 'standby'), 'not-run', code)
    }
  },
  'fb-swap-needs-no-restart': linked({ change: (database, region, links) => region === 'fra' ? { primary: through(links.primary, database.primary), replica: database.primary } : database }, async (t, app, { own }) => {
    t.match(health(app, 'fra'), { local: { role: 'primary' } })
    own.retarget(targetOf(database.replicaUrls.nrt))
    own.reset()
    const before = (await app.notes()).length
    t.match(await ask(app, 'write', { method: 'POST', region: 'fra' }), { statusCode: 200, hops: { length: 1 } })
    t.equal((await app.notes()).length, before + 1)
    await waitFor('the role to be known', () => health(app, 'fra').local.role === 'standby')
  }),
  'fb-write-outcome-unknown': linked({}, async (t, app, { own }) => {
    const before = (await app.notes()).length
    const running = ask(app, 'slow', { method: 'POST', region: 'fra' })
    const sleeping = async (): Promise<number> => (await database.exec("select 1 from pg_stat_activity where wait_event = 'PgSleep'")).length
    await waitFor('the write to run', async () => await sleeping() > 0)
    own.reset()
    const answer = await running
    t.equal(answer.statusCode, 500)
    t.match(answer.json(), { code: 'FST_MR_COMMIT_UNKNOWN' })
    await waitFor('the server to be done with it', async () => await sleeping() === 0)
    t.ok((await app.notes()).length <= before + 1, 'not sent again')
  }),

  'hl-check-bounded': linked({}, async (t, app, { replica }) => {
    replica.blackHole()
    await waitFor('the check to have ended', () => health(app).local.up === false)
    await isServed(t, app)
  }),
  'hl-lag-over-limit': async (t) => {
    await database.pauseReplay('iad')
    await database.exec("insert into note (text) select repeat('x', 1000) from generate_series(1, 100)")
    await waitFor('the readiness route to say so', async () => (await ask(app, 'ready')).statusCode === 503)
    await database.resumeReplay('iad')
    await database.waitForReplay('iad')
    await waitFor('the readiness route to be well again', async () => (await ask(app, 'ready')).statusCode === 200)
    t.ok((app.apps.iad.multiRegion.lag() ?? Infinity) <= 1_000)
  },
  'hl-lag-under-limit': async (t) => {
    await database.waitForReplay('iad')
    await waitFor('the lag to be small', async () => (await ask(app, 'ready')).statusCode === 200)
    t.ok((await ask(app, 'ready')).json<{ lag: number }>().lag <= 1_000)
  },
  'hl-really-behind': async (t) => {
    await waitFor('a sample', async () => await boundedRegion() === 'iad')
    await database.pauseReplay('iad')
    await ask(app, 'write', { method: 'POST', region: 'fra' })
    await waitFor('the limit to be over', async () => await boundedRegion() === 'fra')
    await database.resumeReplay('iad')
    await database.waitForReplay('iad')
    await waitFor('the replica to serve again', async () => await boundedRegion() === 'iad')
    t.pass('and back')
  },
  'hl-status-cached': linked({ plugin: { health: { interval: 60_000 } } }, async (t, app) => {
    const before = app.apps.iad.multiRegion.counters().statements.local
    const looks = async (): Promise<unknown> => app.database.exec("select pid::text, query_start::text from pg_stat_activity where datname = current_database() and query like '%pg_is_in_recovery%' and pid <> pg_backend_pid() order by pid", 'iad')
    await ask(app, 'read')
    const earlier = await looks()
    for (let i = 0; i < 100; i++) await ask(app, 'read')
    t.same(await looks(), earlier, 'nobody has looked meanwhile')
    t.equal(app.apps.iad.multiRegion.counters().statements.local, before + 101)
  }),
  'hl-unmeasurable': linked(blind, async (t, app) => {
    t.equal(app.apps.iad.multiRegion.lag(), undefined)
    t.match(health(app), { local: { role: 'standby', up: true, breaker: 'closed' } })
    t.match((await ask(app, 'bounded')).json(), { standby: false }, 'not known counts as too much')
  }),

  'fl-guard-fails-open': linked(blind, async (t, app) => {
    for (const region of ['fra', 'iad'] as const) t.match(await ask(app, 'read', { region }), { statusCode: 200, hops: { length: 1 } })
    t.match(await ask(app, 'write', { method: 'POST', region: 'fra' }), { statusCode: 200 })
  }),
  'fl-position-on-recovering-primary': linked({}, async (t, app, { primary }) => {
    await ask(app, 'pinned')
    primary.retarget(targetOf(database.replicaUrls.nrt))
    primary.reset()
    for (const name of ['ownwrite', 'pinned', 'read']) {
      const answer = await ask(app, name)
      t.ok(answer.statusCode === 200 || answer.statusCode === 503, answer.body)
      t.notMatch(answer.body, /recovery|55000/)
    }
  }),
  'fl-primary-lookup-slow': linked(inIad(({ primary, replica }) => {
    let asked = 0
    return { primary: async () => asked++ === 0 ? primary : neverResolves(), replica: String(replica) }
  }), async (t, app, { primary }) => {
    await primary.refuse()
    primary.reset()
    t.match(await ask(app, 'write', { method: 'POST' }), { statusCode: 200, hops: { length: 2 } })
    const direct = await app.apps.iad.inject({ method: 'POST', url: '/write' })
    t.equal(direct.statusCode, 503)
    t.match(await ask(app, 'read'), { statusCode: 200, hops: { length: 1 } })
  }),
  'fl-replica-position-error': linked({ ...blind, change: ({ primary, replica }, region) => region === 'fra' ? { primary } : { primary, replica: asBlind(replica) } }, async (t, app) => {
    t.match(await ask(app, 'read', withToken(await freshToken(app))), { statusCode: 200, hops: { length: 2 } })
  }),
  'fl-role-unknown': linked({ prepare ({ replica }, region) { if (region === 'iad') replica.blackHole() } }, async (t, app, { replica }) => {
    t.match(health(app), { local: { role: 'unknown' } })
    t.match(await ask(app, 'write', { method: 'POST' }), { statusCode: 200, hops: { length: 2 } })
    await replica.heal()
    await waitFor('the role to be known', () => health(app).local.role === 'standby')
    // A connection that was begun in the dark may still have to fail; the request then goes to the primary.
    await waitFor('a read to be served here', async () => {
      const { statusCode, hops } = await ask(app, 'read')
      t.equal(statusCode, 200)
      return hops.length === 1
    })
  }),
})
