// Examples for those who come from another client, and of errors.

import t from 'tap'
import { hopsOf, loadExample, platformEnv, startExample, withEnv } from './example-in-regions.ts'

await t.test('moving-from-prisma: the service and its error codes stay as they were', async (t) => {
  const { ask, database } = await startExample(t, 'moving-from-prisma')
  const made = await ask('iad', 'POST', '/accounts', { payload: { email: 'ada@example.com' } })
  t.same(hopsOf(made), ['iad', 'fra'])
  t.match(made.json(), { email: 'ada@example.com', posts: [{ title: 'hello' }] })
  t.equal((await ask('iad', 'POST', '/accounts', { payload: { email: 'ada@example.com' } })).statusCode, 409)
  await database.waitForReplay()
  t.match((await ask('iad', 'GET', '/accounts')).json(), [{ email: 'ada@example.com', _count: { posts: 1 } }])
  const { seed } = await loadExample<{ seed: () => Promise<number> }>('moving-from-prisma')
  t.equal(await withEnv(platformEnv(database, 'fra'), seed), 2)
})

await t.test('moving-from-drizzle: relations, returning, transactions, SQL', async (t) => {
  const { ask, database } = await startExample(t, 'moving-from-drizzle', {
    rows: "insert into accounts (email, credit) values ('a@example.com', 5), ('b@example.com', 0); insert into posts (title, author_id) values ('Hello', 1), ('hello again', 1), ('other', 2)",
  })
  await database.waitForReplay()
  const found = await ask('iad', 'GET', '/search?q=HELLO')
  t.same(hopsOf(found), ['iad'])
  t.match(found.json(), [{ title: 'Hello', author: { email: 'a@example.com' } }, { title: 'hello again' }])
  t.match((await ask('iad', 'POST', '/posts', { payload: { title: 'new' } })).json(), { id: 4, title: 'new' })
  t.match((await ask('iad', 'POST', '/transfer', { payload: { from: 1, to: 2, credit: 3 } })).json(), [{ credit: 2 }, { credit: 3 }])
  t.equal((await ask('iad', 'POST', '/transfer', { payload: { from: 1, to: 2, credit: 3 } })).statusCode, 500, 'the check of the table')
  t.same((await database.exec('select credit from accounts order by id')).map((row) => row['credit']), ['2', '3'], 'nothing of the refused one')
  t.same((await ask('iad', 'GET', '/busy?ids=1,2')).json(), [{ email: 'a@example.com', posts: 2 }])
})

await t.test('moving-from-fastify-postgres: query(text, values) goes on', async (t) => {
  const { ask, database } = await startExample(t, 'moving-from-fastify-postgres', { rows: "insert into posts (title) values ('first')" })
  await database.waitForReplay()
  const read = await ask('iad', 'GET', '/posts/1')
  t.same([hopsOf(read), read.json()], [['iad'], [{ title: 'first' }]])
  const written = await ask('iad', 'POST', '/posts', { payload: { title: 'second' } })
  t.same([hopsOf(written), written.json()], [['iad', 'fra'], [{ id: 2, title: 'second' }]])
  await database.waitForReplay()
  t.same((await ask('iad', 'GET', '/posts?title=second')).json(), [{ id: 2 }])
})

await t.test('moving-from-a-method-rule: reads by POST stay, writes by GET are replayed', async (t) => {
  const { ask } = await startExample(t, 'moving-from-a-method-rule')
  t.match((await ask('iad', 'POST', '/search', { payload: { text: 'x' } })).json(), { posts: [], region: 'iad' })
  t.same((await ask('iad', 'GET', '/unsubscribe')).json(), { region: 'fra' })
  t.same((await ask('iad', 'POST', '/echo')).json(), { region: 'iad' })
})

await t.test('error-mapping: 409, 404 and 400 instead of 500', async (t) => {
  const { ask } = await startExample(t, 'error-mapping')
  t.equal((await ask('iad', 'POST', '/accounts', { payload: { email: 'ada@example.com' } })).statusCode, 200)
  const again = await ask('iad', 'POST', '/accounts', { payload: { email: 'ada@example.com' } })
  t.same([again.statusCode, again.json()], [409, { code: 'taken', fields: ['email'] }])
  const missing = await ask('iad', 'GET', '/accounts/nobody@example.com')
  t.same([missing.statusCode, missing.json()], [404, { code: 'not-found' }])
  const filter = await ask('iad', 'POST', '/find', { payload: { emial: 'x' } })
  t.same([filter.statusCode, filter.json()], [400, { code: 'filter', path: 'where.emial' }])
})
