// One app with a route a situation, in a replica's region (`iad`) and the primary's (`fra`), behind the edge; and the
// words in which most records can be said.

import type { FastifyInstance, FastifyRequest, FastifyServerOptions, HTTPMethods } from 'fastify'
import type { Test } from 'tap'
import multiRegion, { type PluginOptions, type RouteConfig } from '../../../lib/index.ts'
import { Link } from '../../../lib/testing/link.ts'
import { waitFor } from '../../../lib/testing/wait-for.ts'
import { startApp, type AppInRegions, type AppOptions, type RegionName } from '../../fastify/app-in-regions.ts'
import type { Check } from './records.ts'

export const KEY = Buffer.alloc(32, 8)
export const INSERT = "insert into note (text) values ('x')"
const IN_RECOVERY = 'select pg_is_in_recovery() as standby'
/** Bytes of log behind which the readiness route gives up. */
const LAG_LIMIT = 1_000

type Db = FastifyRequest['db']

interface Route {
  readonly method?: HTTPMethods | HTTPMethods[]
  readonly config?: false | RouteConfig
  readonly run: (request: FastifyRequest, region: string) => Promise<unknown>
}

const count = async (db: Pick<Db, '$queryRawUnsafe'>): Promise<number | undefined> => (await db.$queryRawUnsafe<{ n: number }[]>('select count(*)::int as n from note'))[0]?.n
const isStandby = async (db: Pick<Db, '$queryRawUnsafe'>): Promise<boolean | undefined> => (await db.$queryRawUnsafe<{ standby: boolean }[]>(IN_RECOVERY))[0]?.standby
const place = async (request: FastifyRequest, region: string) => ({ region, n: await count(request.db) })

const sql = (...texts: string[]): Route => ({
  async run (request, region) {
    for (const text of texts) await request.db.$queryRawUnsafe(text)
    return { region }
  },
})

/** How often a handler with a side effect has run, by region. */
export const runs = new Map<string, number>()

const routes: Readonly<Record<string, Route>> = {
  // Reads
  read: { method: ['GET', 'POST', 'DELETE', 'PROPFIND'], run: place },
  'read-intent': { method: 'POST', config: { intent: 'read' }, run: place },
  eventual: { config: { consistency: 'eventual' }, run: place },
  bounded: { config: { consistency: 'eventual', maxStaleness: 1_000 }, run: async (request, region) => ({ region, standby: await isStandby(request.db) }) },
  waits: { config: { token: { wait: 'always' } }, run: place },
  'never-waits': { config: { token: { wait: 'never' } }, run: place },
  excluded: { method: ['GET', 'POST'], config: false, run: async (_request, region) => ({ region }) },
  late: { run: async (request, region) => ({ region, rows: await request.db.$queryRawUnsafe('select * from late_table') }) },
  server: { run: async (request, region) => ({ region, standby: await isStandby(request.db) }) },
  // Writes
  write: { method: ['GET', 'POST'], async run (request, region) { await request.db.$executeRawUnsafe(INSERT); return { region } } },
  declared: { config: { intent: 'write' }, run: place },
  why: { async run (request, region) { await request.db.$executeRawUnsafe(INSERT); return { region, replayed: request.multiRegion.replayed, origin: request.multiRegion.origin?.region } } },
  counted: { method: 'POST', async run (_request, region) { runs.set(region, (runs.get(region) ?? 0) + 1); return { region } } },
  slow: { method: 'POST', async run (request, region) { await request.db.$executeRawUnsafe("insert into note (text) select 'slow' from pg_sleep(0.4)"); return { region } } },
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
  'after-commit': { method: 'POST', async run (request) { await request.db.$executeRawUnsafe(INSERT); throw new Error('after the commit') } },
  redirect: { method: 'POST', run: async (request) => { await request.db.$executeRawUnsafe(INSERT); return { redirect: true } } },
  // Beside the primary by word
  pinned: { async run (request, region) { await request.db.$primary.$queryRawUnsafe('select 1'); return place(request, region) } },
  ownwrite: { config: { intent: 'auto' }, async run (request, region) { await request.db.$primary.$executeRawUnsafe(INSERT); return place(request, region) } },
  'own-scope': { config: { intent: 'auto' }, async run (request, region) { await request.db.$primary.$transaction(async (tx) => { await tx.$executeRawUnsafe(INSERT) }); return place(request, region) } },
  'own-then-read-only': { config: { intent: 'auto' }, async run (request, region) { await request.db.$primary.$executeRawUnsafe(INSERT); return { region, n: await request.db.$transaction(async (tx) => count(tx), { readOnly: true }) } } },
  untracked: { config: { intent: 'auto' }, async run (request, region) { await request.db.$untracked.$primary.$executeRawUnsafe(INSERT); return place(request, region) } },
  twowrites: { config: { intent: 'auto' }, async run (request, region) { await request.db.$primary.$executeRawUnsafe(INSERT); await request.db.$executeRawUnsafe(INSERT); return { region } } },
  unique: { async run (request, region) { await place(request, region); await request.db.$executeRawUnsafe(INSERT); return { region } } },
  related: { async run (request, region) { return { region, standby: [await isStandby(request.db.$primary), await isStandby(request.db.$primary)] } } },
  parallel: { async run (request, region) { const [far, near] = await Promise.all([isStandby(request.db.$primary), isStandby(request.db)]); return { region, far, near } } },
  // Transactions
  rolledback: { method: 'POST', async run (request, region) { await request.db.$transaction(async (tx) => { await tx.$executeRawUnsafe(INSERT); throw new Error('no') }).catch(() => {}); return { region } } },
  readonly: { async run (request, region) { await request.db.$transaction(async (tx) => tx.$queryRawUnsafe('select 1'), { readOnly: true }); return { region } } },
  'readonly-write': { method: ['GET', 'POST'], async run (request, region) { await request.db.$transaction(async (tx) => tx.$queryRawUnsafe(`${INSERT} returning id`), { readOnly: true }); return { region } } },
  serializable: { async run (request, region) { await request.db.$transaction(async (tx) => tx.$queryRawUnsafe('select 1'), { isolationLevel: 'Serializable' }); return { region } } },
  savepoint: { async run (request, region) { await request.db.$queryRawUnsafe(`do $$ begin ${INSERT}; end $$`).catch(() => {}); return { region } } },
  cut: {
    method: 'POST',
    async run (request, region) {
      await request.db.$transaction(async (tx) => {
        await tx.$executeRawUnsafe(INSERT)
        await tx.$queryRawUnsafe('select pg_terminate_backend(pg_backend_pid())').catch(() => {})
        await tx.$executeRawUnsafe(INSERT)
      })
      return { region }
    },
  },
  // Raw SQL
  readwrite: sql('begin read write'),
  syntax: sql('selec 1'),
  function: { method: 'POST', run: async (request, region) => { await request.db.$queryRawUnsafe('select add_note()'); return { region } } },
  'hides-write': sql(`/* select 1 */ ${INSERT}`),
  'names-write': sql('/* insert into note */ select 1'),
  truncate: sql('truncate note'),
  ddl: sql('create table other (id int)'),
  merge: sql("merge into note using (select 1) as s on false when not matched then insert (text) values ('merged')"),
  'do-block': sql(`do $$ begin ${INSERT}; end $$`),
  'do-swallows': sql(`do $$ begin ${INSERT}; exception when others then null; end $$`),
  explain: sql('explain select 1', `explain ${INSERT}`),
  lastval: sql('select lastval()'),
  spaces: sql('  \n\t(select 1)', '-- a\nSeLeCt 1'),
  literal: sql("select 'for update'"),
  comments: sql(`${'-- a\n'.repeat(50)}${INSERT}`),
  multi: sql(`select 1; ${INSERT}`),
  prepared: sql(`prepare p as ${INSERT}`, 'execute p'),
  'reading-function': sql('select count_notes()'),
  lock: sql('select pg_advisory_xact_lock(1)'),
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
  app.get('/ready', async (_request, reply) => {
    const lag = app.multiRegion.lag()
    return reply.code(lag === undefined || lag > LAG_LIMIT ? 503 : 200).send({ lag })
  })
}

export interface StandOptions {
  readonly plugin?: Partial<PluginOptions>
  readonly fastify?: FastifyServerOptions
  readonly register?: AppOptions['register']
}

const FUNCTIONS = `create function add_note() returns int language sql as $$ ${INSERT} returning id $$;
  create function count_notes() returns bigint language sql volatile as $$ select count(*) from note $$`

export async function startStand (t: Parameters<typeof startApp>[0], { plugin, fastify, register }: StandOptions = {}): Promise<AppInRegions> {
  const app = await startApp(t, { plugin: { token: { key: KEY }, ...plugin }, build, ...(fastify === undefined ? {} : { fastify }), ...(register === undefined ? {} : { register }) })
  await app.database.exec(FUNCTIONS)
  await app.database.waitForReplay()
  return app
}

export type Answer = Awaited<ReturnType<AppInRegions['ask']>>

export interface Asking {
  readonly method?: string
  readonly region?: RegionName
  readonly headers?: Record<string, string>
  readonly payload?: string
}

export const ask = async (app: AppInRegions, name: string, { method = 'GET', region = 'iad', ...extra }: Asking = {}): Promise<Answer> => app.ask(region, method, `/${name}`, extra)
export const tokenOf = (answer: Answer): string => String(answer.headers['multi-region-token'])
export const freshToken = async (app: AppInRegions): Promise<string> => tokenOf(await ask(app, 'write', { method: 'POST', region: 'fra' }))
export const withToken = (token: string): { headers: Record<string, string> } => ({ headers: { 'multi-region-token': token } })
export const setsCookie = (answer: Answer): boolean => answer.headers['set-cookie'] !== undefined

/** Until the region's app has seen so many requests arrive; their hooks have run as far as they go at once. */
export async function arrivals (app: AppInRegions, region: RegionName, more: () => void, number = 1): Promise<void> {
  const arrived = (): number => app.logs.filter((line) => line.region === region && line.msg === 'incoming request').length
  const before = arrived()
  more()
  await waitFor(`${number} requests to arrive`, () => arrived() >= before + number)
}

/** What most records say, on one app. */
export interface Words {
  /** The replica's region answers by itself, and sets no cookie. */
  local (name: string, asking?: Asking): Check
  /** The request runs in the primary's region, and nobody sees the answer that asked for it. */
  replays (name: string, asking?: Asking): Check
  /** An error, and no replay. */
  failsHere (name: string, asking?: Asking): Check
  stamps (name: string, method?: string): Check
  stampsNothing (name: string, method?: string): Check
  /** While the replica is behind the token of a fresh write. */
  behind (check: (t: Test, token: string) => Promise<unknown>): Check
}

export function wordsFor (app: AppInRegions): Words {
  const { database } = app
  return {
    local: (name, asking) => async (t) => {
      const answer = await ask(app, name, asking)
      t.equal(answer.hops.length, 1)
      t.equal(answer.statusCode, 200, answer.body)
      t.notOk(setsCookie(answer))
    },
    replays: (name, asking) => async (t) => {
      const answer = await ask(app, name, asking)
      t.equal(answer.hops.length, 2, answer.body)
      t.equal(answer.headers['fly-replay'], undefined)
    },
    failsHere: (name, asking) => async (t) => {
      const answer = await ask(app, name, asking)
      t.equal(answer.hops.length, 1)
      t.ok(answer.statusCode >= 400)
    },
    stamps: (name, method = 'POST') => async (t) => { t.ok(setsCookie(await ask(app, name, { method, region: 'fra' }))) },
    stampsNothing: (name, method = 'POST') => async (t) => { t.notOk(setsCookie(await ask(app, name, { method, region: 'fra' }))) },
    behind: (check) => async (t) => {
      await database.pauseReplay('iad')
      try {
        await check(t, await freshToken(app))
      } finally {
        await database.resumeReplay('iad')
        await database.waitForReplay('iad')
      }
    },
  }
}

/** The ways to the two servers, each a link that can break. */
export interface Links {
  /** iad's, to its replica. */
  readonly replica: Link
  /** iad's, to the primary. */
  readonly primary: Link
  /** fra's, to its own server, which is the primary. */
  readonly own: Link
}

export interface LinkedOptions {
  readonly plugin?: Partial<PluginOptions>
  /** Before the region's app is registered. */
  readonly prepare?: (links: Links, region: RegionName, primaryUrl: string) => Promise<void> | void
  /** Other servers than those behind the region's links. */
  readonly change?: (database: ServerUrls, region: RegionName, links: Links) => PluginOptions['database']
}

export interface ServerUrls { readonly primary: string, readonly replica?: string }

export const targetOf = (url: string): { host: string, port: number } => ({ host: '127.0.0.1', port: Number(new URL(url).port) })

export function through (link: Link, url: string): string {
  const changed = new URL(url)
  changed.port = String(link.port)
  return changed.href
}

/** A stand whose servers can be lost, with a monitor that notices soon. */
export async function startLinked (t: Parameters<typeof startApp>[0], { plugin, prepare, change = (database) => database }: LinkedOptions = {}): Promise<{ readonly app: AppInRegions, readonly links: Links }> {
  const made: Partial<Record<keyof Links, Link>> = {}
  const open = async (name: keyof Links, url: string): Promise<Link> => {
    const link = await Link.open({ from: 'here', to: name, purpose: 'database', target: targetOf(url) })
    t.teardown(async () => { await link.close() })
    made[name] = link
    return link
  }
  let links: Links | undefined
  const app = await startStand(t, {
    plugin: { connectTimeout: 700, statementTimeout: 3_000, health: { interval: 100, failures: 2, cooldown: 300 }, ...plugin },
    async register (app, region, options) {
      const { primary, replica } = options.database as ServerUrls // as startApp gives them
      if (links === undefined) {
        links = { own: await open('own', primary), primary: await open('primary', primary), replica: await open('replica', primary) }
      }
      if (replica !== undefined) links.replica.retarget(targetOf(replica))
      await prepare?.(links, region, primary)
      const database = region === 'fra' ? { primary: through(links.own, primary) } : { primary: through(links.primary, primary), replica: through(links.replica, String(replica)) }
      await app.register(multiRegion, { ...options, database: change(database, region, links) })
    },
  })
  if (links === undefined) throw new Error('no region was registered')
  return { app, links }
}
