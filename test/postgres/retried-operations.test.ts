// Attempts that fail, and what the next one finds: a plan that has aged, a server of another role, a primary that is gone.

import t from 'tap'
import type { Client } from '../../lib/query/args/client.ts'
import { Link } from '../../lib/testing/link.ts'
import * as schema from '../support/notes-schema.ts'
import { notesSql } from '../support/notes-sql.ts'
import { createTestDatabase } from '../support/shared-cluster.ts'
import { openClients } from '../support/test-clients.ts'

type Db = Client<typeof schema>

const targetOf = (url: string): { host: string, port: number } => ({ host: '127.0.0.1', port: Number(new URL(url).port) })
const through = (link: Link, url: string): string => url.replace(/:\d+\//, `:${link.port}/`)

async function openLink (t: { teardown (end: () => Promise<void>): void }, url: string): Promise<Link> {
  const link = await Link.open({ from: 'iad', to: 'there', purpose: 'database', target: targetOf(url) })
  t.teardown(async () => { await link.close() })
  return link
}

await t.test('a row that is not there is found missing by the second attempt, and nothing is stamped', async (t) => {
  const database = await createTestDatabase(t, `${notesSql}; insert into note (text) values ('first')`)
  const link = await openLink(t, database.primaryUrl)
  const clients = await openClients(t, { schema, database: through(link, database.primaryUrl), pool: { max: 1 }, health: { interval: 60_000 } })
  const request = clients.request({ stamps: true })
  const update = async (text: string): Promise<unknown> => (request.db as unknown as Db).note.update({ where: { text }, data: { likes: { increment: 1 } } })
  // The pool's first connection is lost while it opens: nothing was sent, so the write may be tried again.
  const lost = link.resetOn({ direction: 'to-target', matches: () => true, chunk: 'drop' })
  await t.rejects(update('nowhere'), { code: 'P2025' })
  await lost.happened
  t.same(request.commits, [])
  t.match(await update('first'), { likes: 1 })
  t.equal(request.commits.length, 1)
})

await t.test('a name that leads to the primary now, which nobody has noticed: raw SQL runs there, once, when the roles are known', async (t) => {
  const database = await createTestDatabase(t, notesSql)
  const link = await openLink(t, database.replicaUrls.iad)
  const clients = await openClients(t, { database: { primary: database.primaryUrl, replica: through(link, database.replicaUrls.iad) }, health: { interval: 60_000 } })
  t.equal(clients.servers.facts.local.role, 'standby')
  link.retarget(targetOf(database.primaryUrl))
  // The pool's connections alone; the monitor's is the one that has looked.
  await database.killBackends('iad')
  const request = clients.request({ blocked: 'no-proxy' })
  t.match(await request.db.$queryRaw`insert into note (text) values ('once') returning text`, [{ text: 'once' }])
  t.same(await database.exec('select text from note'), [{ text: 'once' }])
  t.match(clients.servers.facts.local, { role: 'primary', writable: true })
  t.match(request.commits, [{ outcome: 'committed' }])
})

await t.test('a primary that is lost while it reads: an older answer from here, where that is allowed', async (t) => {
  const database = await createTestDatabase(t, `${notesSql}; insert into note (text) values ('first')`)
  const link = await openLink(t, database.primaryUrl)
  const clients = await openClients(t, { schema, database: { primary: through(link, database.primaryUrl), replica: database.replicaUrls.iad }, health: { interval: 60_000, failures: 1 }, connectTimeout: 1_000, retries: { reads: 0, conflicts: 0 } })
  const ask = async (whenPrimaryIsDown: 'fail' | 'stale') => {
    await clients.db.$primary.$queryRaw`select 1`
    const request = clients.request({ blocked: 'no-proxy', whenPrimaryIsDown })
    request.scope.floor.raiseToPrimary()
    await link.refuse()
    link.resetOn({ direction: 'to-target', matches: (chunk) => chunk.includes('"note"'), chunk: 'drop' })
    const outcome = await (request.db as unknown as Db).note.findMany({ select: { text: true } }).then((rows: unknown) => rows, (error: unknown) => error)
    await link.heal()
    await clients.servers.primary.trial()
    return { outcome, routed: request.routed.map(({ target, reason, failed }) => [target, reason, failed]) }
  }
  const stale = await ask('stale')
  t.same(stale.outcome, [{ text: 'first' }])
  t.same(stale.routed, [['primary', 'fresh-read', true], ['local', 'stale-allowed', false]])
  t.match((await ask('fail')).outcome, { code: 'FST_MR_PRIMARY_UNAVAILABLE' })
})
