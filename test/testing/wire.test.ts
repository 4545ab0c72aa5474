import t from 'tap'
import { createServer, type AddressInfo } from 'node:net'
import { WireConnection } from '../../lib/testing/wire.ts'
import { createTestDatabase } from '../support/shared-cluster.ts'

await t.test('statements, their values and their failures', async (t) => {
  const database = await createTestDatabase(t)
  const { hostname: host, port } = new URL(database.primaryUrl)
  const connection = await WireConnection.open({ host, port: Number(port), user: 'postgres', database: database.name })
  t.teardown(() => connection.destroy())
  t.same(await connection.query("select 1 as a, null as b, '' as c, 'ü' as d"), [{ a: '1', b: null, c: '', d: 'ü' }])
  t.same(await connection.query('create table x (a int); insert into x values (1), (2); select a from x order by a'), [{ a: '1' }, { a: '2' }])
  t.equal((await connection.query('select repeat(\'x\', 1000000) as long'))[0]?.['long']?.length, 1_000_000)
  await t.rejects(connection.query('select 1/0'), { code: '22012', message: 'division by zero' })
  t.same(await connection.query('select 1 as a'), [{ a: '1' }], 'it is usable after an error')
  const running = connection.query('select pg_sleep(0.05)')
  await t.rejects(connection.query('select 1'), /already running/)
  await running
  await t.rejects(connection.query('select pg_sleep(10)', 30), /did not answer within 30 ms/)
  await t.rejects(connection.query('select 1'), /did not answer/, 'a connection that was given up stays so')
})

await t.test('a server that ends, or wants a password, is an error', async (t) => {
  const answers = [Buffer.from([]), Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3])]
  const server = createServer((socket) => socket.end(answers.shift() ?? ''))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const address = { host: '127.0.0.1', port: (server.address() as AddressInfo).port, user: 'a', database: 'a' }
  await t.rejects(WireConnection.open(address), /closed the connection/)
  await t.rejects(WireConnection.open(address), /trust/)
  await t.rejects(WireConnection.open({ ...address, port: 1 }), { code: 'ECONNREFUSED' })
})
