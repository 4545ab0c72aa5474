// `doctor` against real servers: a set-up as it should be, and set-ups as they should not be.

import { randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import { runCommandLine } from '../../lib/cli/command-line.ts'
import type { Finding } from '../../lib/cli/diagnosis.ts'
import { DatabaseCluster, setSetting } from '../../lib/testing/database-cluster.ts'
import type { PostgresServer } from '../../lib/testing/server.ts'
import { openTlsFront } from '../support/tls-front.ts'
import { openTransactionPooler } from '../support/transaction-pooler.ts'

const PASSWORD = 'hunter2-secret'
const cluster = await DatabaseCluster.start({ primary: 'fra', standbys: ['iad'] })
t.teardown(async () => { await cluster.close() })
const [fra, iad] = [cluster.primary, cluster.server('iad')]
await fra.query(`create role app login password '${PASSWORD}'`)
await cluster.waitForReplay()

const urlAt = (port: number, query = ''): string => `postgres://app:${PASSWORD}@127.0.0.1:${port}/${cluster.database}${query}`
const urlOf = (server: PostgresServer): string => urlAt(server.port)
const fly = { FLY_REGION: 'iad', PRIMARY_REGION: 'fra', MULTI_REGION_KEY: randomBytes(32).toString('base64') }

interface Examination { readonly code: number, readonly findings: readonly Finding[], readonly text: string }

async function examine (env: Record<string, string>, ...argv: string[]): Promise<Examination> {
  const made = { out: '', err: '' }
  const run = async (...flags: string[]): Promise<number> => await runCommandLine(['doctor', ...argv, ...flags], { env, cwd: '.', out: (text) => { made.out += text }, err: (text) => { made.err += text } })
  const code = await run('--json')
  const json = made.out
  made.out = ''
  t.equal(await run(), code, 'text and JSON agree')
  t.notMatch(`${json}${made.out}${made.err}`, /hunter2/, 'no password')
  if (json === '') return { code, findings: [], text: made.err }
  return { code, findings: (JSON.parse(json) as { findings: Finding[] }).findings, text: made.out }
}

const healthy = { ...fly, DATABASE_URL: urlOf(fra), DATABASE_REPLICA_URL: urlOf(iad) }
const serious = (findings: readonly Finding[]): string[] => findings.filter(({ level }) => level === 'warning' || level === 'error').map(({ level, endpoint, check }) => `${level} ${endpoint ?? 'set-up'} ${check}`)
const only = async (t: Test, env: Record<string, string>, expected: string[], code: number, ...argv: string[]): Promise<Examination> => {
  const found = await examine(env, ...argv)
  t.same(serious(found.findings), expected)
  t.equal(found.code, code)
  for (const finding of found.findings) if (finding.level === 'warning' || finding.level === 'error') t.ok(finding.remedy !== undefined || finding.check === 'options', `${finding.check} says what to change`)
  return found
}

await t.test('a set-up as it should be: nothing to change', async (t) => {
  const { findings, text } = await only(t, healthy, [], 0)
  for (const [endpoint, check] of [[undefined, 'platform'], [undefined, 'key'], ['primary', 'role'], ['primary', 'pool'], ['primary', 'clock'], ['primary', 'synchronous_commit'], ['replica', 'role'], ['replica', 'lag'], ['replica', 'max_standby_streaming_delay']] as const) {
    t.ok(findings.some((finding) => finding.endpoint === endpoint && finding.check === check && finding.level === 'ok'), `${endpoint ?? 'set-up'}: ${check}`)
  }
  t.match(text, /^Set-up\n {2}ok {7}this is iad; the primary's region is fra\n/)
  t.match(text, /0 errors, 0 warnings\n$/)
})

await t.test('the flags stand for the environment', async (t) => {
  await only(t, { ...fly, FLY_REGION: '' }, ['warning set-up platform'], 1, '--database', urlOf(fra), '--replica', urlOf(iad), '--region', 'iad', '--primary-region', 'fra')
})

await t.test('one database without regions is a set-up too', async (t) => {
  await only(t, { DATABASE_URL: urlOf(fra) }, [], 0)
})

await t.test('in the primary\'s region both names may lead to one server', async (t) => {
  await only(t, { ...healthy, FLY_REGION: 'fra', DATABASE_REPLICA_URL: urlOf(fra) }, [], 0)
  await only(t, { ...healthy, DATABASE_REPLICA_URL: urlOf(fra) }, ['warning replica role'], 1)
})

await t.test('what the app would not start with', async (t) => {
  await only(t, {}, ['error set-up options'], 2)
  await only(t, { ...healthy, PRIMARY_REGION: '' }, ['error set-up options'], 2)
  await only(t, { ...healthy, MULTI_REGION_KEY: 'short' }, ['error set-up key'], 2)
  t.match((await examine(healthy, '--timeout', 'soon')).text, /--timeout is a number/)
  t.match((await examine({}, '--replica', urlOf(iad))).text, /--replica needs the primary too/)
})

await t.test('no replica, where every read then crosses', async (t) => {
  const { findings } = await only(t, { ...fly, DATABASE_URL: urlOf(fra) }, ['warning set-up replica'], 1)
  t.ok(findings.some(({ check }) => check === 'key'))
})

await t.test('servers that cannot be reached, with the reason', async (t) => {
  const closed = `postgres://app:${PASSWORD}@127.0.0.1:1/app`
  await only(t, { ...healthy, DATABASE_REPLICA_URL: closed }, ['error replica reach'], 2)
  await only(t, { ...healthy, DATABASE_URL: `postgres://app:${PASSWORD}@nowhere.invalid/app` }, ['error primary reach'], 2)
  const { findings } = await only(t, { ...healthy, DATABASE_URL: `${urlOf(fra)}-missing` }, ['error primary reach'], 2)
  t.match(findings.find(({ check }) => check === 'reach'), { message: /3D000/, remedy: /no such database/ })
})

await t.test('a frozen server ends the wait at --timeout', async (t) => {
  await iad.freeze()
  try {
    const startedAt = performance.now()
    await only(t, healthy, ['error replica reach'], 2, '--timeout', '300')
    t.ok(performance.now() - startedAt < 5_000)
  } finally {
    await iad.thaw()
  }
})

await t.test('primary and replica exchanged', async (t) => {
  await only(t, { ...healthy, DATABASE_URL: urlOf(iad), DATABASE_REPLICA_URL: urlOf(fra) }, ['error primary role', 'error replica role'], 2)
})

await t.test('settings of the servers that cost reads or writes', async (t) => {
  await setSetting(fra, 'synchronous_commit', 'off')
  await setSetting(iad, 'max_standby_streaming_delay', '-1')
  await setSetting(iad, 'hot_standby_feedback', 'on')
  await iad.query('select pg_wal_replay_pause()')
  const { findings } = await only(t, healthy, ['warning primary synchronous_commit', 'error replica replay', 'warning replica max_standby_streaming_delay'], 2)
  t.ok(findings.some(({ check, level }) => check === 'hot_standby_feedback' && level === 'ok'))
  await iad.query('select pg_wal_replay_resume()')
  await setSetting(iad, 'max_standby_streaming_delay', '30000')
  await setSetting(fra, 'synchronous_commit', 'on')
  await setSetting(fra, 'default_transaction_read_only', 'on')
  await only(t, healthy, ['error primary read-only'], 2)
  await fra.withConnection(async (connection) => {
    await connection.query('set default_transaction_read_only = off')
    await connection.query('alter system reset default_transaction_read_only')
    await connection.query('select pg_reload_conf()')
  })
})

await t.test('a pool that its role may not fill', async (t) => {
  await fra.query('alter role app connection limit 4')
  await cluster.waitForReplay()
  await only(t, healthy, ['warning primary pool', 'warning replica pool'], 1)
  await fra.query('alter role app connection limit -1')
  await cluster.waitForReplay()
})

await t.test('a pooler in transaction mode, whether it takes start-up parameters or not', async (t) => {
  for (const refuses of [[], ['statement_timeout']]) {
    const port = await openTransactionPooler(t, { host: '127.0.0.1', port: iad.port, refuses })
    const { findings } = await only(t, { ...healthy, DATABASE_REPLICA_URL: urlAt(port) }, ['error replica pooler'], 2)
    t.match(findings.find(({ check }) => check === 'pooler'), { remedy: /prepare: false/ })
  }
})

await t.test('certificates that nobody vouches for', async (t) => {
  const front = await openTlsFront(t, { host: '127.0.0.1', port: iad.port })
  const required = await examine({ ...healthy, DATABASE_REPLICA_URL: urlAt(front.port, '?sslmode=require') })
  t.ok(serious(required.findings).includes('warning replica certificate'), JSON.stringify(required.findings))
  const { findings } = await only(t, { ...healthy, DATABASE_REPLICA_URL: urlAt(front.port, '?sslmode=verify-full') }, ['error replica certificate'], 2)
  t.match(findings.find(({ check }) => check === 'certificate'), { message: /SELF_SIGNED|UNABLE_TO/ })
  await only(t, { ...healthy, DATABASE_REPLICA_URL: urlOf(iad) + '?sslmode=require' }, ['error replica reach'], 2)
})

await t.test('a clone, and a replica that was promoted', async (t) => {
  const clone = await cluster.clone('clone')
  await only(t, { ...healthy, DATABASE_REPLICA_URL: urlOf(clone) }, ['error replica role'], 2)
  await cluster.promote('iad', { followers: 'stay' })
  const { findings } = await only(t, healthy, ['error replica role'], 2)
  t.match(findings.find(({ level }) => level === 'error'), { message: /was promoted/ })
})

await t.test('a replica of another cluster', async (t) => {
  const other = await DatabaseCluster.start({ primary: 'else', standbys: [] })
  t.teardown(async () => { await other.close() })
  await other.primary.query(`create role app login password '${PASSWORD}'`)
  await only(t, { ...healthy, DATABASE_REPLICA_URL: urlOf(other.primary) }, ['warning replica system'], 1)
})
