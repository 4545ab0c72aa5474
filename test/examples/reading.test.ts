// Examples about what a read sees: each started in two regions, and asked as a user there would.

import t from 'tap'
import { waitFor } from '../../lib/testing/wait-for.ts'
import { cookiesOf, hopsOf, startExample } from './example-in-regions.ts'

await t.test('read-your-writes: the redirect after a post shows the post, though the replica is behind', async (t) => {
  const { ask, database } = await startExample(t, 'read-your-writes')
  await database.waitForReplay()
  await database.pauseReplay('iad')
  const posted = await ask('iad', 'POST', '/posts', { payload: 'title=mine', headers: { 'content-type': 'application/x-www-form-urlencoded' } })
  t.equal(posted.statusCode, 303)
  t.match(posted.headers['set-cookie'], [/^multi-region=[^;]+; .*HttpOnly/i])
  const mine = await ask('iad', 'GET', '/posts', { headers: cookiesOf(posted) })
  t.match(mine.json(), [{ title: 'mine' }])
  t.same(hopsOf(mine), ['iad', 'fra'])
  t.same((await ask('iad', 'GET', '/posts')).json(), [], 'somebody else reads the replica')
  await database.resumeReplay('iad')
  await database.waitForReplay()
  const later = await ask('iad', 'GET', '/posts', { headers: cookiesOf(posted) })
  t.same(hopsOf(later), ['iad'], 'once the replica is there, the session reads it')
  t.match((await ask('iad', 'POST', '/import')).json(), { imported: true })
})

await t.test('fresh-reads: by route, by query, and with a bound', async (t) => {
  const { ask, database } = await startExample(t, 'fresh-reads', { rows: "insert into accounts (email, credit) values ('a@example.com', 1)" })
  await database.waitForReplay()
  await database.pauseReplay('iad')
  await database.exec('update accounts set credit = 2')
  t.same((await ask('iad', 'GET', '/credit/a@example.com')).json(), { credit: 2, region: 'fra' })
  t.same((await ask('iad', 'GET', '/checkout/a@example.com')).json(), { posts: 0, credit: 2, region: 'iad' })
  const servedIn = async (): Promise<unknown> => (await ask('iad', 'GET', '/prices')).json<{ region: string }>().region
  await waitFor('the replica to be older than the bound', async () => await servedIn() === 'fra', { withinMs: 20_000 })
  await database.resumeReplay('iad')
  await waitFor('the replica to be young enough', async () => await servedIn() === 'iad', { withinMs: 20_000 })
})

await t.test('regional-caches: a writer is never shown a copy from before the write', async (t) => {
  const { ask } = await startExample(t, 'regional-caches')
  t.equal((await ask('iad', 'GET', '/popular')).headers['x-cache'], 'miss')
  t.equal((await ask('iad', 'GET', '/popular')).headers['x-cache'], 'hit')
  const posted = await ask('iad', 'POST', '/posts', { payload: { title: 'new' } })
  const mine = await ask('iad', 'GET', '/popular', { headers: cookiesOf(posted) })
  t.equal(mine.headers['x-cache'], 'miss')
  t.match(mine.json(), [{ title: 'new' }])
})

await t.test('log-in: a session made beside the primary is read in every region', async (t) => {
  const { ask } = await startExample(t, 'log-in', { env: () => ({ SESSION_KEY: '5'.repeat(64) }) })
  const login = await ask('iad', 'POST', '/log-in', { payload: { email: 'ada@example.com' } })
  t.match(login.json(), { region: 'fra' })
  const me = await ask('iad', 'GET', '/me', { headers: cookiesOf(login) })
  t.match(me.json(), { email: 'ada@example.com' })
  t.equal((await ask('iad', 'GET', '/me')).statusCode, 401)
  t.same((await ask('iad', 'POST', '/log-out', { headers: cookiesOf(login) })).json(), { region: 'iad' })
})

await t.test('server-sent-events: each region streams what its own replica shows', async (t) => {
  const { ask, edge } = await startExample(t, 'server-sent-events')
  const answer = await fetch(`${edge.url('iad')}/events`)
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader()
  let seen = ''
  const until = async (wanted: string): Promise<void> => { while (!seen.includes(wanted)) seen += (await reader?.read())?.value ?? '' }
  await until(': from iad')
  await ask('iad', 'POST', '/posts', { payload: { title: 'streamed' } })
  await until('"title":"streamed"')
  t.match(seen, /^id: 1\nevent: post\ndata: /m)
  await reader?.cancel()
})
