import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { DriverFailure } from '../../lib/core/driver-failure.ts'
import { parseEndpoint, type ConnectionOptions } from '../../lib/core/endpoint.ts'
import type { Address } from '../../lib/postgres/dial.ts'
import { openSession, type Session } from '../../lib/postgres/driver.ts'
import { PreparedAdmission } from '../../lib/postgres/prepared-admission.ts'
import { createTestDatabase } from '../support/shared-cluster.ts'
import { certificate, openTlsFront } from '../support/tls-front.ts'

const database = await createTestDatabase(t)
const target = { host: '127.0.0.1', port: Number(new URL(database.primaryUrl).port) }

async function open (t: { teardown (end: () => void): void }, ssl: ConnectionOptions['ssl'], address: Address): Promise<Session> {
  const session = await openSession({
    endpoint: parseEndpoint({ host: address.hostName, port: address.port, user: 'postgres', database: database.name, ssl }, 'primary'),
    address,
    connectTimeoutMs: 2_000,
    statementTimeoutMs: 5_000,
    prepare: true,
    clock: { tick: 0 },
    admission: new PreparedAdmission(),
    onDead: () => {},
  })
  t.teardown(() => { session.destroy() })
  return session
}

const refusal = async (work: Promise<Session>): Promise<DriverFailure> => await work.then(() => { throw new Error('it should have been refused') }, (failure: DriverFailure) => failure)
const one = { text: 'select $1::int', params: ['1'] }

await t.test('TLS: what the modes accept', async (t) => {
  const front = await openTlsFront(t, target)
  const address = { at: '127.0.0.1', port: front.port, hostName: 'database.test' }
  for (const mode of ['prefer', 'require'] as const) t.match(await (await open(t, mode, address)).query(one), { rows: [['1']] }, `${mode}: whatever certificate`)
  t.match(await refusal(open(t, 'verify-full', address)), { kind: 'connect', code: 'DEPTH_ZERO_SELF_SIGNED_CERT', sent: false }, 'verify-full: not one that nobody vouches for')
  t.match(await (await open(t, { ca: certificate }, address)).query(one), { rows: [['1']] }, 'settings: with its authority, made out to the configured name')
  t.match(await refusal(open(t, { ca: certificate }, { ...address, hostName: 'other.test' })), { kind: 'connect', code: 'ERR_TLS_CERT_ALTNAME_INVALID' }, 'not to another name')
  t.ok(front.names.includes('database.test'), 'the server is told which name is meant, although an address was dialled')
})

await t.test('TLS: a batch larger than a buffer goes through', async (t) => {
  const front = await openTlsFront(t, target)
  const session = await open(t, 'require', { at: '127.0.0.1', port: front.port, hostName: 'database.test' })
  const big = 'x'.repeat(300_000)
  const results = await session.batch(Array.from({ length: 20 }, () => ({ text: 'select length($1), $1', params: [big] })))
  t.equal(results.every((result) => result.rows[0]?.[0] === '300000' && result.rows[0]?.[1] === big), true)
})

await t.test('TLS: a server without it is refused, or taken as it is where that is wanted', async (t) => {
  const address = { at: '127.0.0.1', port: target.port, hostName: 'database.test' }
  for (const mode of ['require', 'verify-full'] as const) t.match(await refusal(open(t, mode, address)), { kind: 'connect', code: 'TLS_REFUSED' }, mode)
  t.match(await (await open(t, 'prefer', address)).query(one), { rows: [['1']] })
})

await t.test('TLS: plain text smuggled in before the handshake is refused', async (t) => {
  const front = await openTlsFront(t, target, 'smuggling')
  t.match(await refusal(open(t, 'require', { at: '127.0.0.1', port: front.port, hostName: 'database.test' })), { kind: 'connect', code: 'TLS_REFUSED' })
})

await t.test('a Unix socket is dialled by its directory', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'dial-'))
  const server = createServer((socket) => {
    const upstream = connect(target)
    for (const end of [socket, upstream]) end.on('error', () => {})
    socket.pipe(upstream).pipe(socket)
  })
  await new Promise<void>((resolve) => { server.listen(join(directory, '.s.PGSQL.5432'), resolve) })
  t.teardown(() => { server.close(); rmSync(directory, { recursive: true, force: true }) })
  const session = await open(t, 'prefer', { at: directory, port: 5432, hostName: directory })
  t.match(await session.query(one), { rows: [['1']] })
  t.match(await refusal(open(t, false, { at: directory, port: 1, hostName: directory })), { kind: 'connect', code: 'ENOENT' })
})
