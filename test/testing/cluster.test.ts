import t from 'tap'
import Fastify from 'fastify'
import { startCluster, waitFor, type Cluster } from '../../lib/testing/index.ts'

const latency = { 'fra-iad': 20, 'fra-nrt': 60, 'iad-nrt': 40 }

await t.test('a cluster of three regions, with an app in each', async (t) => {
  const cluster = await startCluster({
    latency,
    env: { EXTRA: 'yes' },
    app: (context) => {
      const app = Fastify()
      app.get('/', async () => ({ ...context.env, replica: context.databaseUrls.replica }))
      app.post('/', async (request, reply) => {
        if (context.region === context.primaryRegion) return { wrote: request.body, from: request.headers['fly-replay-src'] }
        return await reply.code(409).header('fly-replay', `region=${context.primaryRegion};state=s`).send()
      })
      return app
    },
  })
  t.teardown(() => cluster.close())

  await t.test('roles are as configured', async (t) => {
    t.equal(await cluster.primary.role(), 'primary')
    t.same(cluster.replicas.map((server) => server.name), ['iad', 'nrt'])
    for (const replica of cluster.replicas) t.equal(await replica.role(), 'standby')
    const rows = await cluster.query('primary', 'select application_name, state from pg_stat_replication order by 1')
    t.same(rows, [{ application_name: 'iad', state: 'streaming' }, { application_name: 'nrt', state: 'streaming' }])
  })

  await t.test('databases sort by code point', async (t) => {
    t.match(await cluster.query('iad', "select datcollate, datctype from pg_database where datname = 'app'"), [{ datcollate: /^C/, datctype: /^C/ }])
  })

  await t.test('each instance is told where it runs', async (t) => {
    const answer = await cluster.edge.inject({ region: 'nrt', url: '/' })
    const { databaseUrls } = cluster.region('nrt')
    t.match(answer.json(), {
      FLY_REGION: 'nrt',
      PRIMARY_REGION: 'fra',
      FLY_MACHINE_ID: 'nrt1',
      FLY_APP_NAME: 'app',
      EXTRA: 'yes',
      DATABASE_URL: databaseUrls.primary,
      DATABASE_REPLICA_URL: databaseUrls.replica,
      replica: cluster.server('nrt').url('app'),
    })
    t.not(databaseUrls.primary, cluster.primary.url('app'), 'the primary is behind a link')
    t.equal(cluster.region('fra').databaseUrls.primary, cluster.primary.url('app'), 'but not in its own region')
  })

  await t.test('inject gives the answer after the replay', async (t) => {
    const answer = await cluster.edge.inject({ region: 'nrt', method: 'POST', url: '/', payload: { a: 1 } })
    t.match(answer.json(), { wrote: { a: 1 }, from: /^instance=nrt1;region=nrt/ })
    t.same(answer.hops.map((hop) => hop.region), ['nrt', 'fra'])
  })

  await t.test('a row arrives at the standbys, and not while replay is paused', async (t) => {
    await cluster.query('primary', 'create table note (id int)')
    await cluster.waitForReplay()
    await cluster.pauseReplay('nrt')
    await cluster.query('primary', 'insert into note values (1)')
    await cluster.waitForReplay('iad')
    t.same(await cluster.query('iad', 'select id from note'), [{ id: '1' }])
    t.same(await cluster.query('nrt', 'select id from note'), [])
    await cluster.resumeReplay('nrt')
    await cluster.waitForReplay('nrt')
    t.same(await cluster.query('nrt', 'select id from note'), [{ id: '1' }])
  })

  await t.test('a standby lags by the delay that it is given', async (t) => {
    await cluster.setApplyDelay('iad', 300)
    const startedAt = performance.now()
    await cluster.query('primary', 'insert into note values (2)')
    await cluster.waitForReplay('iad')
    t.ok(performance.now() - startedAt >= 250)
    await cluster.setApplyDelay('iad', 0)
  })

  await t.test('a partition cuts WAL and requests between two regions, and heals', async (t) => {
    cluster.partition('fra', 'iad')
    await cluster.query('primary', 'insert into note values (3)')
    await cluster.waitForReplay('nrt')
    t.equal((await cluster.query('iad', 'select id from note where id = 3')).length, 0)
    const held = await cluster.edge.inject({ region: 'iad', method: 'POST', url: '/', payload: {}, timeoutMs: 200 }).catch((failure: Error) => failure.message)
    t.match(held, /no answer/)
    await cluster.heal('fra', 'iad')
    await cluster.waitForReplay('iad')
    t.equal((await cluster.edge.inject({ region: 'iad', method: 'POST', url: '/', payload: {} })).statusCode, 200)
  })

  await t.test('backends are ended by application name', async (t) => {
    t.equal(await cluster.killBackends('fra', { applicationName: 'nobody' }), 0)
  })

  await t.test('an instance stops and comes back at its address', async (t) => {
    const instance = cluster.instance('nrt1')
    const { url } = instance
    await instance.stop()
    t.match((await cluster.edge.inject({ region: 'nrt', url: '/' })).json(), { FLY_REGION: 'iad' }, 'the nearest other answers')
    await instance.start()
    t.equal(instance.url, url)
    t.match((await cluster.edge.inject({ region: 'nrt', url: '/' })).json(), { FLY_REGION: 'nrt' })
  })

  await t.test('what is not there is said', async (t) => {
    t.throws(() => cluster.region('xyz'), /no server "xyz".*fra, iad, nrt/)
    t.throws(() => cluster.instance('xyz'), /no instance "xyz".*fra1/)
    t.throws(() => cluster.link({ from: 'fra', to: 'fra', purpose: 'database' }), /links: 'everywhere'/)
    t.throws(() => cluster.partition('fra', 'xyz'), /no region "xyz"/)
    t.throws(() => cluster.edge.url('xyz'), /no entry in "xyz"/)
    await t.rejects(cluster.promote('iad', { address: 'follow' }), /links: 'everywhere'/)
  })
})

await t.test('faults of servers', async (t) => {
  const cluster = await startCluster({ edge: 'off', links: 'everywhere', synchronous: ['iad'] })
  t.teardown(() => cluster.close())
  await cluster.query('primary', 'create table note (id int)')
  await cluster.waitForReplay()

  await t.test('a commit waits for a synchronous standby', async (t) => {
    await cluster.pauseReplay('iad')
    await cluster.query('primary', 'insert into note values (1)')
    t.pass('receiving is enough, replay may be paused')
    await cluster.resumeReplay('iad')
    await cluster.freeze('iad')
    let committed = false
    const write = cluster.query('primary', 'insert into note values (2)').then(() => { committed = true })
    await waitFor('the commit to wait', async () => (await cluster.query('nrt', 'select 1')).length === 1 && (await cluster.query('primary', "select 1 from pg_stat_activity where wait_event = 'SyncRep'")).length === 1)
    t.equal(committed, false)
    await cluster.thaw('iad')
    await write
    await cluster.setSynchronous([])
  })

  await t.test('a frozen server answers nothing and comes back', async (t) => {
    await cluster.freeze('nrt')
    t.equal(await cluster.server('nrt').role(300), 'unknown')
    await cluster.thaw('nrt')
    t.equal(await cluster.server('nrt').role(), 'standby')
  })

  await t.test('a killed server comes back at its address', async (t) => {
    const { port } = cluster.server('nrt')
    await cluster.kill('nrt')
    t.equal(await cluster.server('nrt').role(), 'unknown')
    await cluster.start('nrt')
    t.equal(cluster.server('nrt').port, port)
    await cluster.query('primary', 'insert into note values (3)')
    await cluster.waitForReplay('nrt')
    await cluster.restart('nrt')
    t.equal(await cluster.server('nrt').role(), 'standby')
  })

  await t.test('a clone is out of recovery and has the same identity', async (t) => {
    const clone = await cluster.makeClone('copy')
    t.equal(await clone.role(), 'primary')
    const identity = 'select system_identifier, timeline_id from pg_control_system(), pg_control_checkpoint()'
    t.same(await clone.query(identity), await cluster.primary.query(identity))
    t.equal((await cluster.query('copy', 'select id from note')).length, 3)
    await t.rejects(cluster.makeClone('copy'), /already/)
  })

  await t.test('a standby is promoted, the other follows, the address moves, and the old primary rejoins', async (t) => {
    const before = cluster.region('nrt').databaseUrls.primary
    await cluster.kill('fra')
    await cluster.promote('iad', { address: 'follow' })
    t.equal(cluster.primary.name, 'iad')
    t.equal(cluster.region('nrt').databaseUrls.primary, before, 'under the same URL')
    t.equal(cluster.link({ from: 'nrt', to: 'primary', purpose: 'database' }).target.port, cluster.server('iad').port)
    await cluster.query('primary', 'insert into note values (4)')
    await cluster.waitForReplay('nrt')
    t.match(await cluster.query('iad', 'select substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) as timeline'), [{ timeline: '00000002' }])
    await t.rejects(cluster.rejoin('iad'), /is the primary/)
    await cluster.rejoin('fra')
    t.equal(await cluster.server('fra').role(), 'standby')
    await cluster.query('primary', 'insert into note values (5)')
    await cluster.waitForReplay()
    t.equal((await cluster.query('fra', 'select id from note')).length, 5)
  })

  await t.test('two primaries: the old one is left running', async (t) => {
    await cluster.promote('nrt', { followers: 'stay' })
    t.equal(await cluster.server('iad').role(), 'primary')
    t.equal(await cluster.server('nrt').role(), 'primary')
  })
})

await t.test('an app as processes of its own', async (t) => {
  const cluster = await startCluster({ regions: ['fra', 'iad'], app: new URL('./fixtures/app-process.mjs', import.meta.url), env: { EXTRA: 'yes' }, instances: 2 })
  t.teardown(() => cluster.close())
  const seen = new Set<string>()
  for (let i = 0; i < 4; i++) seen.add((await cluster.edge.inject({ region: 'iad', url: '/' })).json<{ machine: string }>().machine)
  t.same([...seen].sort(), ['iad1', 'iad2'])
  t.match((await cluster.edge.inject({ region: 'iad', url: '/' })).json(), { region: 'iad', primary: 'fra', extra: 'yes', database: cluster.region('iad').databaseUrls.primary })
  await cluster.instance('iad1').stop('kill')
  await cluster.edge.inject({ region: 'iad', url: '/crash' })
  await waitFor('the crash to be seen', () => !cluster.instance('iad2').running)
  t.match((await cluster.edge.inject({ region: 'iad', url: '/' })).json(), { region: 'fra' })
  await cluster.instance('iad1').start()
  t.match((await cluster.edge.inject({ region: 'iad', url: '/' })).json(), { region: 'iad' })
})

await t.test('close is idempotent and works in any state', async (t) => {
  const cluster: Cluster = await startCluster({ regions: ['fra', 'iad'] })
  await cluster.freeze('fra')
  await cluster.kill('iad')
  cluster.blackHole('fra', 'iad')
  const startedAt = performance.now()
  const first = cluster.close()
  t.equal(cluster.close(), first, 'the same promise')
  await first
  t.ok(performance.now() - startedAt < 8_000)
})

await t.test('options that cannot be are all named', async (t) => {
  const failure = await startCluster({ regions: ['fra', 'IAD', 'fra'], primaryRegion: 'xyz', latency: { 'fra-xyz': -1 }, synchronous: ['ams'], instances: 0 }).then(() => new Error('it started'), (error: Error) => error)
  for (const problem of ['"IAD" is not a region code', 'named once', '"xyz" is not one of the regions', '"fra-xyz" is not a pair', '-1 is not', 'synchronous: "ams"', 'instances:']) {
    t.ok(failure.message.includes(problem), problem)
  }
  await t.rejects(startCluster({ regions: [] }), /at least one/)
})

await t.test('an app that fails to start leaves nothing behind', async (t) => {
  let started = 0
  await t.rejects(startCluster({ regions: ['fra', 'iad'], app: () => { started++; throw new Error('no app today') } }), /no app today/)
  t.ok(started >= 1)
})
