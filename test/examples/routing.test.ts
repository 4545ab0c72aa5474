// Examples about where a request runs.

import { once } from 'node:events'
import t from 'tap'
import { WebSocket } from 'ws'
import { waitFor } from '../../lib/testing/wait-for.ts'
import { hopsOf, loadExample, startExample } from './example-in-regions.ts'

await t.test('graphql: queries stay, mutations are replayed', async (t) => {
  const { ask } = await startExample(t, 'graphql')
  const query = await ask('iad', 'POST', '/graphql', { payload: { query: '{ region posts { title } }' } })
  t.same(query.json(), { data: { region: 'iad', posts: [] } })
  const mutation = await ask('iad', 'POST', '/graphql', { payload: { query: 'mutation { addPost(title: "a") { id title } }' } })
  t.same(mutation.json(), { data: { addPost: { id: '1', title: 'a' } } })
  t.same(hopsOf(mutation), ['iad', 'fra'])
})

await t.test('file-uploads: a small body is replayed, a large one is written directly', async (t) => {
  const { ask, database } = await startExample(t, 'file-uploads')
  const form = (name: string, bytes: number): { payload: Buffer, headers: Record<string, string> } => ({
    payload: Buffer.from(`--x\r\ncontent-disposition: form-data; name="file"; filename="${name}"\r\ncontent-type: text/plain\r\n\r\n${'y'.repeat(bytes)}\r\n--x--\r\n`),
    headers: { 'content-type': 'multipart/form-data; boundary=x' },
  })
  t.match((await ask('iad', 'POST', '/files', form('small', 2_000))).json(), { name: 'small', bytes: 2_000, region: 'fra' })
  t.match((await ask('iad', 'POST', '/files', form('large', 1_200_000))).json(), { name: 'large', bytes: 1_200_000, region: 'iad', decision: { type: 'direct', reason: 'body-too-large' } })
  t.match((await ask('iad', 'POST', '/files/stored', { payload: { name: 'far', bytes: 5 } })).json(), { name: 'far', region: 'fra' })
  t.same((await database.exec('select name from uploads order by name')).map((row) => row['name']), ['far', 'large', 'small'])
})

await t.test('gets-that-write: declared, afterwards, and undeclared', async (t) => {
  const { ask, database } = await startExample(t, 'gets-that-write', { rows: "insert into accounts (email) values ('a@example.com'); insert into posts (title) values ('read me')" })
  await database.waitForReplay()
  t.same((await ask('iad', 'GET', '/confirm/1')).json(), { confirmed: true, region: 'fra' })
  t.match((await ask('iad', 'GET', '/posts/1')).json(), { title: 'read me', region: 'iad' })
  await waitFor('the view to be counted', async () => (await database.exec('select views from posts where id = 1'))[0]?.['views'] === '1', { withinMs: 5_000 })
  t.same((await ask('iad', 'GET', '/visit')).json(), { region: 'fra' })
  t.equal((await database.exec('select count(*) from posts'))[0]?.['count'], '2', 'once')
})

await t.test('side-effects: twice where the handler began too early, else once', async (t) => {
  const { ask } = await startExample(t, 'side-effects')
  const { mails } = await loadExample<{ mails: string[] }>('side-effects')
  const sent = async (path: string): Promise<number> => {
    mails.length = 0
    t.equal((await ask('iad', 'POST', path, { payload: { email: `${path}@example.com` } })).statusCode, 200)
    return mails.length
  }
  t.equal(await sent('/careless'), 2)
  t.equal(await sent('/declared'), 1)
  t.equal(await sent('/write-first'), 1)
  t.equal(await sent('/catch'), 0, 'a replay is no failure')
})

await t.test('idempotency-keys: delivered twice, by the edge or by the client, it takes effect once', async (t) => {
  const { ask, edge, database } = await startExample(t, 'idempotency-keys', { rows: "insert into accounts (email, credit) values ('a@example.com', 100)" })
  await database.waitForReplay()
  const pay = (key: string, amount = 10): ReturnType<typeof ask> => ask('iad', 'POST', '/payments', { payload: { email: 'a@example.com', amount }, headers: { 'idempotency-key': key } })
  edge.fault({ type: 'deliver-twice', region: 'fra' })
  const first = await pay('a-key-of-the-client-1')
  t.same([first.statusCode, first.json()], [201, { credit: 90 }])
  t.equal(edge.pendingFaults, 0, 'it was delivered twice')
  t.same((await Promise.all([1, 2, 3].map(() => pay('a-key-of-the-client-2')))).map((answer) => answer.body), Array.from({ length: 3 }, () => '{"credit":80}'))
  t.ok((await pay('a-key-of-the-client-3', 1_000)).statusCode >= 500, 'the check of the table')
  t.same((await pay('a-key-of-the-client-3')).json(), { credit: 70 }, 'a failed write leaves its key free')
  t.equal((await pay('short')).statusCode, 400)
})

await t.test('background-jobs: queued from anywhere, done beside the primary', async (t) => {
  const { ask, database } = await startExample(t, 'background-jobs')
  for (const task of ['one', 'two']) t.equal((await ask('iad', 'POST', '/jobs', { payload: { task } })).statusCode, 202)
  const results = await waitFor('both jobs to be done', async () => {
    const rows = await database.exec('select result from jobs where done_at is not null order by task')
    return rows.length === 2 ? rows.map((row) => row['result']) : false
  }, { withinMs: 10_000 })
  t.same(results, ['one: done in fra', 'two: done in fra'])
})

await t.test('websockets: beside the user, or beside the primary', async (t) => {
  const { edge } = await startExample(t, 'websockets')
  const talk = async (path: string): Promise<unknown> => {
    const socket = new WebSocket(`${edge.url('iad').replace('http', 'ws')}${path}`)
    await once(socket, 'open')
    socket.send('hello')
    const [message] = await once(socket, 'message') as [Buffer]
    socket.close()
    await once(socket, 'close')
    return JSON.parse(message.toString())
  }
  t.same(await talk('/feed'), { count: 1, region: 'iad' }, 'the socket reads what it wrote')
  t.same(await talk('/editor'), { region: 'fra' })
})

await t.test('sharding: a request runs where its account lives, also when that is not the primary', async (t) => {
  const { ask, database, edge } = await startExample(t, 'sharding', { regions: ['fra', 'iad', 'nrt'], rows: "insert into accounts (email, home_region) values ('a@example.com', 'iad')" })
  await database.waitForReplay()
  const answer = await ask('nrt', 'GET', '/accounts/1/drafts')
  t.same([hopsOf(answer), answer.json()], [['nrt', 'iad'], { region: 'iad', home: 'iad', drafts: [] }])
  edge.removeMachine('iad1')
  t.match((await ask('fra', 'GET', '/accounts/1/drafts')).json(), { region: 'fra', home: 'iad' }, 'home cannot be reached')
})

await t.test('latency-shedding: what is too much for a region runs elsewhere, once', async (t) => {
  const { ask, database } = await startExample(t, 'latency-shedding', { env: (_database, region) => ({ MAX_RUNNING: region === 'iad' ? '1' : '200' }) })
  await database.waitForReplay()
  const answers = await Promise.all([1, 2, 3].map(() => ask('iad', 'GET', '/slow')))
  t.same(answers.map((answer) => answer.json<{ region: string }>().region).sort(), ['fra', 'fra', 'iad'])
  t.same((await ask('iad', 'GET', '/slow')).json(), { region: 'iad' }, 'there is room again')
})

await t.test('asking-for-a-region: a link leads back to where its content is', async (t) => {
  const { ask } = await startExample(t, 'asking-for-a-region')
  const made = await ask('iad', 'POST', '/reports')
  t.equal(made.statusCode, 303)
  t.same(hopsOf(made), ['iad'])
  const { location = '' } = made.headers
  t.match(location, /\?region=iad$/)
  const report = await ask('fra', 'GET', location)
  t.same([hopsOf(report), report.json()], [['fra', 'iad'], { report: '0 posts', region: 'iad' }])
  const preferred = await ask('fra', 'GET', location.replace(/\?.*/, ''), { headers: { 'fly-prefer-region': 'iad' } })
  t.same([hopsOf(preferred), preferred.statusCode], [['iad'], 200], 'a client may ask the platform itself')
  t.equal((await ask('fra', 'GET', '/reports/x?region=i;a')).statusCode, 400)
})
