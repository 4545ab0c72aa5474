import t from 'tap'
import { DriverFailure } from '../../lib/core/driver-failure.ts'
import { parseEndpoint } from '../../lib/core/endpoint.ts'
import { openSession } from '../../lib/postgres/driver.ts'
import { Monitor, type MonitorOptions, type Sighting } from '../../lib/postgres/monitor.ts'
import { PreparedAdmission } from '../../lib/postgres/prepared-admission.ts'
import { waitFor } from '../../lib/testing/wait-for.ts'
import { createTestDatabase } from '../support/shared-cluster.ts'

const database = await createTestDatabase(t)

function monitorOf (t: { teardown (end: () => void): void }, options: Partial<MonitorOptions> & { url?: string } = {}): { monitor: Monitor, seen: Sighting[], failed: DriverFailure[], opened: () => number } {
  const seen: Sighting[] = []
  const failed: DriverFailure[] = []
  let opened = 0
  const { url = `${database.replicaUrls.iad}?application_name=looks`, ...rest } = options
  const endpoint = parseEndpoint(url, 'replica')
  const monitor = new Monitor({
    intervalMs: 20,
    timeoutMs: 1_000,
    open: async () => {
      opened++
      return await openSession({ endpoint, address: { at: endpoint.host, port: endpoint.port, hostName: endpoint.host }, connectTimeoutMs: 1_000, statementTimeoutMs: 1_000, prepare: true, clock: { tick: 0 }, admission: new PreparedAdmission(), onDead: () => {} })
    },
    epoch: () => 7,
    nowMs: () => performance.now(),
    random: () => 0.5,
    onLook: () => {},
    onSeen: (sighting) => { seen.push(sighting); return undefined },
    onFailed: (failure) => { failed.push(failure); return undefined },
    uses: () => performance.now(),
    ...rest,
  })
  t.teardown(() => { monitor.stop() })
  return { monitor, seen, failed, opened: () => opened }
}

await t.test('it looks again and again over one connection, and stops', async (t) => {
  const { monitor, seen, opened } = monitorOf(t)
  await monitor.look()
  await waitFor('five looks', () => seen.length >= 5)
  t.equal(opened(), 1)
  t.match(seen[4], { epoch: 7, seen: { role: 'standby', timeline: 1 } })
  const running = monitor.look()
  monitor.stop()
  await running
  const count = seen.length
  await waitFor('its connection to be closed', async () => await database.connections('iad', 'looks') === 0)
  t.equal(seen.length, count)
  await monitor.look()
  t.equal(seen.length, count, 'a look that is asked for afterwards does nothing')
})

await t.test('looks become rarer while nobody uses the server', async (t) => {
  const times: number[] = []
  const { monitor } = monitorOf(t, { uses: () => 0, onSeen: () => { times.push(performance.now()); return undefined } })
  await monitor.look()
  await waitFor('ten looks', () => times.length >= 10)
  const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0))
  t.ok((gaps.at(-1) ?? 0) > 70, `from 20 ms to ${gaps.at(-1)?.toFixed(0)} ms`)
})

await t.test('looks that are asked for while one runs share the next', async (t) => {
  let sent = 0
  const { monitor, seen } = monitorOf(t, { intervalMs: 60_000, onLook: () => { sent++ } })
  const first = monitor.look()
  await Promise.all([first, monitor.look(), monitor.look(), monitor.look()])
  t.equal(sent, 2)
  t.equal(seen.length, 2)
})

await t.test('a session that was lost while it idled is replaced within the look', async (t) => {
  const { monitor, seen, failed, opened } = monitorOf(t, { intervalMs: 60_000, url: `${database.replicaUrls.iad}?application_name=lost-looks` })
  await monitor.look()
  await database.killBackends('iad', 'lost-looks')
  await monitor.look()
  t.match({ seen: seen.length, failed: failed.length, opened: opened() }, { seen: 2, failed: 0, opened: 2 })
})

await t.test('a server that is not there is a failure each time, and soon tried again', async (t) => {
  const { monitor, failed } = monitorOf(t, { url: 'postgres://postgres@127.0.0.1:1/x', intervalMs: 60_000 })
  await monitor.look()
  t.match(failed[0], { kind: 'connect', code: 'ECONNREFUSED' })
  await waitFor('the next ones', () => failed.length >= 3, { withinMs: 2_000 })
  const other = monitorOf(t, { open: () => Promise.reject(new Error('a surprise')), intervalMs: 60_000 })
  await other.monitor.look()
  t.ok(other.failed[0] instanceof DriverFailure, 'a surprise is a failure like any other')
})

await t.test('a server that can answer less than before is asked for less', async (t) => {
  const own = await createTestDatabase(t, 'create role narrow login')
  t.teardown(() => own.exec('drop owned by narrow; drop role narrow').then(() => {}, () => {}))
  const { monitor, seen, failed } = monitorOf(t, { url: own.primaryUrl.replace('postgres@', 'narrow@'), intervalMs: 60_000 })
  await monitor.look()
  t.type(seen[0]?.seen.flushLsn, 'bigint')
  await own.exec('revoke execute on function pg_current_wal_flush_lsn() from public')
  await monitor.look()
  t.match({ failed: failed.length, role: seen[1]?.seen.role, flush: seen[1]?.seen.flushLsn }, { failed: 0, role: 'primary', flush: undefined })
})
