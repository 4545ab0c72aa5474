// The guestbook's write with more statements in its handler, carried out in two ways: once in the primary's region
// by a replay, or statement by statement over the wide-area link, as a client that routes each query does.
// Started once a region, as a process of its own, beside the guestbook.

import Fastify from 'fastify'
import { createClient } from '../create-client.ts'
import { plugin as multiRegion } from '../fastify/plugin.ts'

interface Signing {
  readonly Body: { readonly author: string, readonly message: string }
  readonly Querystring: { readonly queries: number }
}

/** What the handler needs of a client. */
interface RawClient {
  $queryRaw<T> (strings: TemplateStringsArray, ...values: readonly unknown[]): PromiseLike<T>
}

const schema = {
  querystring: { type: 'object', properties: { queries: { type: 'integer', minimum: 1, maximum: 20, default: 1 } } },
  body: {
    type: 'object',
    required: ['author', 'message'],
    properties: { author: { type: 'string', minLength: 1, maxLength: 80 }, message: { type: 'string', minLength: 1, maxLength: 500 } },
  },
} as const

const { PORT, HOST, DATABASE_URL = '', DATABASE_REPLICA_URL = '', FLY_REGION = '', MULTI_REGION_KEY } = process.env

const app = Fastify()
await app.register(multiRegion, { serverTiming: true, ...(MULTI_REGION_KEY !== undefined && { token: { key: MULTI_REGION_KEY } }) })

// At its best: a click after a pause must not pay for a new connection.
const KEPT = { idleTimeout: 24 * 60 * 60_000 }

// A client that routes each query: writes, and what must see them, go to the primary; the rest to the replica.
const primary = createClient({ database: { primary: DATABASE_URL }, pool: KEPT }) as unknown as RawClient & { $disconnect (): Promise<void> }
const replica = createClient({ database: { primary: DATABASE_REPLICA_URL }, pool: KEPT }) as unknown as typeof primary
app.addHook('onClose', async () => { await Promise.all([primary.$disconnect(), replica.$disconnect()]) })

async function sign (db: RawClient, { body, query }: { body: Signing['Body'], query: Signing['Querystring'] }): Promise<object> {
  // May this author sign again? What an app looks up before it writes, and must look up where writes are.
  for (let statement = 1; statement < query.queries; statement++) {
    await db.$queryRaw`select count(*)::int as entries from entries where author = ${body.author} and id % 20 = ${statement}`
  }
  const [entry] = await db.$queryRaw<object[]>`insert into entries (author, message, region) values (${body.author}, ${body.message}, ${FLY_REGION}) returning id, author, message, region, created_at as "createdAt"`
  return entry ?? {}
}

async function latest (db: RawClient): Promise<object[]> {
  return await db.$queryRaw<object[]>`select id, author, message, region, created_at as "createdAt" from entries order by id desc limit 20`
}

app.post<Signing>('/replay/entries', { schema }, async (request, reply) => {
  const entry = await sign((request as unknown as { db: RawClient }).db, request)
  return reply.code(201).send(entry)
})

app.post<Signing>('/per-query/entries', { schema, config: { multiRegion: false } }, async (request, reply) => {
  const startedAtMs = performance.now()
  const entry = await sign(primary, request)
  return reply.code(201).header('server-timing', timing('direct', startedAtMs)).send(entry)
})

app.get('/per-query/entries', { config: { multiRegion: false } }, async (_request, reply) => {
  const startedAtMs = performance.now()
  const entries = await latest(replica)
  return reply.header('server-timing', timing('local', startedAtMs)).send(entries)
})

app.get('/strong/entries', { config: { multiRegion: { consistency: 'strong' } } }, (request) =>
  latest((request as unknown as { db: RawClient }).db))

function timing (decision: 'direct' | 'local', startedAtMs: number): string {
  return `region;desc="${FLY_REGION}", decision;desc="${decision}", db;dur=${(performance.now() - startedAtMs).toFixed(1)}`
}

await app.listen({ host: HOST ?? '127.0.0.1', port: Number(PORT) })
process.once('SIGTERM', () => { app.close().then(() => process.exit(0), () => process.exit(1)) })
