// The app under load: reads of each form, writes of each form, all answered with which region and server did it.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import Fastify, { type FastifyInstance } from 'fastify'
import multiRegion, { type PluginOptions } from '../../lib/index.ts'
import type { DatabaseOf } from '../../lib/register.ts'
import * as schema from './schema.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void // the engine's own, which has no types

type Db = DatabaseOf<typeof schema>

/** Short ones, so that a fault is over in seconds; the promises are about deadlines, not about their defaults. */
export const TIMES = Object.freeze({ statementMs: 1_500, connectMs: 1_000, queueMs: 1_000, intervalMs: 250, cooldownMs: 500 })

/** The longest that a live process may take for one request: for a connection, in the queue, then until the client gives a statement up. */
export const DEADLINE_MS = TIMES.connectMs + TIMES.queueMs + TIMES.statementMs + 500

export interface AppParts {
  readonly region: string
  readonly primaryRegion: string
  readonly database: PluginOptions['database']
  readonly plugin?: Partial<PluginOptions> | undefined
}

export async function buildApp (parts: AppParts): Promise<FastifyInstance> {
  const app = Fastify({ logger: process.env['FAULTS_LOG'] === undefined ? false : { level: process.env['FAULTS_LOG'], base: { region: parts.region } } })
  const { region, primaryRegion } = parts
  await app.register(multiRegion, {
    database: parts.database,
    region,
    primaryRegion,
    schema,
    replay: 'fly',
    hints: 'off',
    pool: { max: 10, primaryMax: 5, queueTimeout: TIMES.queueMs },
    statementTimeout: TIMES.statementMs,
    connectTimeout: TIMES.connectMs,
    health: { interval: TIMES.intervalMs, failures: 3, cooldown: TIMES.cooldownMs },
    ...parts.plugin,
  } as PluginOptions)

  const db = (request: object): Db => (request as { db: Db }).db
  const who = async (client: Db) => ({ region, port: (await client.who.findFirst())?.port })

  app.get('/state', () => {
    collectGarbage()
    const handles = process.getActiveResourcesInfo()
    const sockets = handles.filter((one) => one === 'TCPSocketWrap').length
    return { heapBytes: process.memoryUsage().heapUsed, sockets, others: handles.length - sockets }
  })
  app.get('/ping', () => ({ region }))
  app.get('/read', (request) => who(db(request)))
  app.get('/raw', async (request) => {
    const [row] = await db(request).$queryRaw<{ port: number }[]>`select inet_server_port() as port, count(*) as n from handled`
    return { region, port: row?.port }
  })
  app.get('/array', async (request) => {
    const client = db(request)
    const [one] = await client.$transaction([client.who.findFirst(), client.handled.count()])
    return { region, port: one?.port }
  })
  app.get('/fresh', { config: { multiRegion: { consistency: 'strong' } } }, (request) => who(db(request)))
  app.get('/stale', { config: { multiRegion: { consistency: 'strong', whenPrimaryIsDown: 'stale' } } }, (request) => who(db(request)))
  app.get('/held', async (request) => {
    await db(request).$queryRaw`select pg_sleep(0.015)`
    return { region }
  })
  app.get('/hold', async (request) => {
    await db(request).$queryRaw`select pg_sleep(0.03)`
    return { region }
  })
  // Long enough for the log to meet them.
  const scan = (client: Db) => client.$queryRaw<{ port: number }[]>`select inet_server_port() as port, (select count(*) from handled) as n, pg_sleep(0.06)`
  app.get('/scan', async (request) => {
    const [row] = await scan(db(request))
    return { region, port: row?.port }
  })
  app.get('/scans', async (request) => {
    const client = db(request)
    const [[row]] = await client.$transaction([scan(client), client.handled.count()])
    return { region, port: row?.port }
  })
  app.get<{ Querystring: { ms: string } }>('/slow', async (request) => {
    await db(request).$queryRaw`select pg_sleep(${Number(request.query.ms) / 1_000}::float8)`
    return { region }
  })
  app.get<{ Querystring: { table: string } }>('/table', async (request) => {
    // The name comes from the program itself.
    const rows = await db(request).$queryRawUnsafe<{ n: number }[]>(`select count(*)::int as n, inet_server_port() as port from ${request.query.table}`)
    return { region, ...rows[0] }
  })

  app.post<{ Body: { id: string } }>('/write', async (request) => {
    await db(request).ledger.create({ data: { id: request.body.id } })
    return { region }
  })
  app.post<{ Body: { id: string } }>('/auto', { config: { multiRegion: { intent: 'auto' } } }, async (request) => {
    const seen = await who(db(request))
    await db(request).ledger.create({ data: { id: request.body.id } })
    return { region, port: seen.port }
  })
  app.post<{ Body: { id: string } }>('/sql', { config: { multiRegion: { intent: 'auto' } } }, async (request) => {
    // Behind a SELECT: only the server's refusal tells that it is a write.
    await db(request).$queryRaw`with added as (insert into ledger (id) values (${request.body.id}) returning seq) select seq from added`
    return { region }
  })
  app.post<{ Body: { id: string } }>('/pair', { config: { multiRegion: { intent: 'auto' } } }, async (request) => {
    await db(request).$transaction(async (tx) => {
      await tx.ledger.create({ data: { id: `${request.body.id}:a` } })
      await tx.ledger.create({ data: { id: `${request.body.id}:b` } })
    }, { maxWait: TIMES.queueMs })
    return { region }
  })
  app.post<{ Body: { id: string, pauseMs: number } }>('/two', async (request) => {
    await db(request).ledger.create({ data: { id: `${request.body.id}:1` } })
    await new Promise((resolve) => setTimeout(resolve, request.body.pauseMs))
    await db(request).ledger.create({ data: { id: `${request.body.id}:2` } })
    return { region }
  })
  app.post<{ Body: { id: string } }>('/direct', { config: { multiRegion: { intent: 'auto' } } }, async (request) => {
    await db(request).$primary.ledger.create({ data: { id: request.body.id } })
    return { region }
  })
  app.post<{ Body: { id: string } }>('/located', async (request) => {
    await db(request).ledger.create({ data: { id: request.body.id } })
    const [row] = await db(request).$primary.$queryRaw<{ lsn: string }[]>`select pg_current_wal_flush_lsn()::text as lsn`
    return { region, lsn: row?.lsn }
  })
  app.post<{ Body: { id: string } }>('/idempotent', async (request) => {
    const { id } = request.body
    // The key and the work in one transaction: whichever delivery comes second finds the key, or waits for it.
    await db(request).$transaction(async (tx) => {
      const added = await tx.$executeRaw`insert into handled (key, answer) values (${id}, 'done') on conflict do nothing`
      if (added === 1) await tx.ledger.create({ data: { id } })
    }, { maxWait: TIMES.queueMs })
    return { region }
  })
  return app
}
