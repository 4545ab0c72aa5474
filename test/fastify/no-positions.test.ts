// Servers that do not tell log positions, as Aurora's refuse to: sessions are kept by time, and that is said once.

import postgres from 'postgres'
import t from 'tap'
import multiRegion from '../../lib/index.ts'
import { waitFor } from '../../lib/testing/wait-for.ts'
import { startApp } from './app-in-regions.ts'

const ROLE = 'no_positions'
const as = (url: string | undefined): string => String(url).replace('postgres@', `${ROLE}@`)
const WINDOW_MS = 1_000

const app = await startApp(t, {
  plugin: { token: { key: Buffer.alloc(32, 7), window: WINDOW_MS }, health: { interval: 50 } },
  async register (app, region, options) {
    const { primary, replica } = options.database as { primary: string, replica?: string } // as startApp gives them
    if (region === 'fra') {
      const sql = postgres(primary, { max: 1, onnotice () {} })
      await sql.unsafe(`drop role if exists ${ROLE}; create role ${ROLE} login; grant all on all tables in schema public to public; grant all on all sequences in schema public to public;
        revoke execute on function pg_last_wal_replay_lsn(), pg_last_wal_receive_lsn(), pg_current_wal_lsn(), pg_current_wal_flush_lsn(), pg_current_wal_insert_lsn(), pg_walfile_name(pg_lsn), pg_control_system(), pg_control_checkpoint(), pg_control_recovery() from public`)
      await sql.end()
    } else {
      await waitFor('the role to be there', async () => {
        const sql = postgres(as(replica), { max: 1 })
        return await sql`select 1 from note`.then(() => true, () => false).finally(async () => { await sql.end() })
      })
    }
    await app.register(multiRegion, { ...options, database: replica === undefined ? { primary: as(primary) } : { primary: as(primary), replica: as(replica) } })
  },
  build (app, region) {
    app.get('/read', async (request) => ({ region, rows: await request.db.$queryRaw`select text from note order by id` }))
    app.get('/bounded', { config: { multiRegion: { maxStaleness: 1_000, consistency: 'eventual' } } }, async (request) => ({ region, rows: await request.db.$queryRaw`select pg_is_in_recovery() as standby` }))
    app.post('/write', async (request) => { await request.db.$executeRaw`insert into note (text) values ('second')`; return { region } })
  },
})
t.teardown(async () => { await app.database.exec(`drop owned by ${ROLE}; drop role ${ROLE}`) })

await t.test('a session belongs to the primary for the window, then to any replica', async (t) => {
  await app.database.pauseReplay('iad')
  const wrote = await app.ask('iad', 'POST', '/write')
  t.match(wrote, { statusCode: 200, hops: { length: 2 } })
  const headers = { 'multi-region-token': String(wrote.headers['multi-region-token']) }
  t.match((await app.ask('iad', 'GET', '/read', { headers })).json(), { region: 'fra', rows: [{ text: 'first' }, { text: 'second' }] })
  t.match((await app.ask('iad', 'GET', '/read')).json(), { region: 'iad', rows: [{ text: 'first' }] }, 'others read here')
  await waitFor('the window to be over', async () => (await app.ask('iad', 'GET', '/read', { headers })).json<{ region: string }>().region === 'iad')
  await app.database.resumeReplay('iad')
})

await t.test('a bound that nobody can prove: the primary', async (t) => {
  t.match((await app.ask('iad', 'GET', '/bounded')).json(), { rows: [{ standby: false }] })
})

await t.test('the servers are well, and what they lack is said once of each', async (t) => {
  t.match(app.apps.iad.multiRegion.health(), { canRead: true, canWrite: true, endpoints: { local: { role: 'standby', breaker: 'closed' }, primary: { role: 'primary', breaker: 'closed' } } })
  t.equal(app.apps.iad.multiRegion.lag(), undefined)
  const warnings = app.logs.filter((line) => line['reason'] === 'no-positions')
  t.same(warnings.map((line) => [line.region, line.level, line['endpoint']]), [['iad', 40, 'local'], ['iad', 40, 'primary']])
  for (const { msg } of warnings) t.match(msg, /`token\.mode: 'time'`/)
  t.same(app.logs.filter((line) => line.level > 40), [])
})
