// Each hazard of postgres.js that the driver closes, on a real server.

import { createServer, type AddressInfo } from 'node:net'
import { inspect } from 'node:util'
import t from 'tap'
import { DriverFailure } from '../../lib/core/driver-failure.ts'
import { parseEndpoint } from '../../lib/core/endpoint.ts'
import { MAX_PREPARED, openSession, type Connection } from '../../lib/postgres/driver.ts'
import { PreparedAdmission } from '../../lib/postgres/prepared-admission.ts'
import { strikeOut } from '../../lib/postgres/server-message.ts'
import type { QueryResult, Statement } from '../../lib/query/statement.ts'
import { Link } from '../../lib/testing/link.ts'
import { waitFor } from '../../lib/testing/wait-for.ts'
import { openPool } from '../support/open-pool.ts'
import { countRoundTrips } from '../support/round-trips.ts'
import { createTestDatabase } from '../support/shared-cluster.ts'

const statement = (text: string, ...params: (string | null)[]): Statement => ({ text, params })
const firstValue = (result: QueryResult): string | null | undefined => result.rows[0]?.[0]

async function failureOf (work: Promise<unknown>): Promise<DriverFailure> {
  try {
    await work
  } catch (failure) {
    if (failure instanceof DriverFailure) return failure
    throw failure
  }
  throw new Error('it should have failed')
}

const database = await createTestDatabase(t, 'create table note (id int primary key, body text); create table wide (id int)')
const host = { host: '127.0.0.1', port: Number(new URL(database.primaryUrl).port) }

await t.test('text goes in and text comes out, whatever the type', async (t) => {
  const pool = openPool(t, database.primaryUrl)
  const connection = await pool.acquire()
  const text = 'select $1::int, $2::bool, $3::jsonb, $4::timestamptz, $5::int[], $6::bytea, $7::text, $8::numeric, $9::timestamp'
  const params = ['42', 't', '{"a": 1}', '2026-08-01 10:00:00+02', '{1,2}', '\\x00ff', null, '1.50', '2026-08-01 10:00:00']
  for (const round of ['first', 'prepared', 'prepared again']) {
    const result = await connection.query(statement(text, ...params))
    t.strictSame(result.rows, [['42', 't', '{"a": 1}', '2026-08-01 08:00:00+00', '{1,2}', '\\x00ff', null, '1.50', '2026-08-01 10:00:00']], `${round}: UTC, ISO`)
    t.strictSame(result.columns.map((column) => column.type), [23, 16, 3802, 1184, 1007, 17, 25, 1700, 1114])
    t.equal(result.count, 1)
    t.equal(result.command, 'SELECT')
  }
  t.strictSame(params[0], '42', 'the caller\'s parameters are not touched')
  const frozen = Object.freeze(['7'])
  t.equal(firstValue(await connection.query({ text: 'select $1::int', params: frozen })), '7', 'frozen parameters are taken')
  pool.release(connection)
})

await t.test('a command tag and its count are handed on', async (t) => {
  const pool = openPool(t, database.primaryUrl)
  const connection = await pool.acquire()
  const inserted = await connection.query(statement('insert into wide select generate_series(1, $1::int)', '3'))
  t.match(inserted, { command: 'INSERT', count: 3, rows: [], columns: [] })
  t.match(await connection.query(statement('delete from wide where id > $1::int', '1')), { command: 'DELETE', count: 2 })
  t.match(await connection.simple('create table if not exists other (id int)'), { command: 'CREATE TABLE', count: 0 })
  t.match(await connection.query(statement('')), { command: '', rows: [] }, 'an empty statement is answered')
  t.match(await connection.simple('select 1; select 2, 3'), { rows: [['2', '3']], command: 'SELECT' }, 'of several statements the last')
  pool.release(connection)
})

await t.test('the session is told its role and its place', async (t) => {
  const primary = await openPool(t, database.primaryUrl).acquire()
  const standby = await openPool(t, database.replicaUrls.iad).acquire()
  t.equal(primary.onStandby, false)
  t.equal(standby.onStandby, true)
  t.equal(String(primary.pid), firstValue(await primary.query(statement('select pg_backend_pid()'))))
  t.match(await standby.query(statement('show timezone')), { rows: [['UTC']] })
})

await t.test('the environment does not reach the driver', async (t) => {
  const variables = { PGTARGETSESSIONATTRS: 'standby', PGDATABASE: 'nowhere', PGAPPNAME: 'stray', PGIDLE_TIMEOUT: '1', PGFETCH_TYPES: 'true' }
  for (const [name, value] of Object.entries(variables)) process.env[name] = value
  t.teardown(() => { for (const name of Object.keys(variables)) delete process.env[name] })
  const connection = await openPool(t, database.primaryUrl).acquire()
  t.strictSame((await connection.query(statement("select current_database(), current_setting('application_name')"))).rows, [[database.name, 'fastify-multi-region']])
})

await t.test('a batch is one round trip, the first use of its statements included', async (t) => {
  const trips = await countRoundTrips(t, database.primaryUrl)
  const connection = await openPool(t, trips.through(database.primaryUrl)).acquire()
  for (const round of [1, 2, 3]) {
    trips.take()
    const results = await connection.batch([
      statement('begin'),
      statement('insert into note values ($1::int, $2)', String(round), 'x'.repeat(3_000)),
      statement('insert into note values ($1::int, $2)', String(round + 100), 'y'),
      statement('commit'),
      statement('select pg_current_wal_flush_lsn()'),
    ])
    t.equal(trips.take(), 1, `round ${round}`)
    t.strictSame(results.map((result) => result.command), ['BEGIN', 'INSERT', 'INSERT', 'COMMIT', 'SELECT'])
  }
})

await t.test('a batch waits for all, rejects with the first failure, and leaves a transaction rolled back', async (t) => {
  const pool = openPool(t, database.primaryUrl)
  const connection = await pool.acquire()
  const failure = await failureOf(connection.batch([
    statement('begin'),
    statement('insert into note values ($1::int, $2)', '500', 'kept back'),
    statement('insert into note values ($1::int, $2)', '500', 'twice'),
    statement('insert into note values ($1::int, $2)', '501', 'behind the failure'),
    statement('commit'),
  ]))
  t.match(failure, { kind: 'server', code: '23505', routine: '_bt_check_unique', constraint: 'note_pkey', table: 'note', sent: true, onStandby: false })
  t.equal(connection.inTransaction, false, 'the COMMIT ended it')
  t.strictSame(await database.exec('select count(*)::text as n from note where id in (500, 501)'), [{ n: '0' }])
  t.equal(firstValue(await connection.query(statement('select 1'))), '1', 'the connection serves on')
  pool.release(connection)
})

await t.test('a connection killed in mid-batch: nothing of the rest ever runs, not even later', async (t) => {
  const pool = openPool(t, database.primaryUrl, { applicationName: 'mid-batch' })
  const connection = await pool.acquire()
  const work = connection.batch([
    statement('begin'),
    statement('insert into note values ($1::int, $2)', '600', 'before'),
    statement('select pg_sleep(30)'),
    ...Array.from({ length: 50 }, (_, index) => statement('insert into note values ($1::int, $2)', String(601 + index), 'z'.repeat(2_000))),
    statement('commit'),
  ])
  const outcome = failureOf(work)
  await waitFor('the batch to sleep', async () => (await database.exec("select 1 as x from pg_stat_activity where application_name = 'mid-batch' and wait_event = 'PgSleep'")).length === 1)
  await database.killBackends('primary', 'mid-batch')
  const failure = await outcome
  t.match(failure, { kind: 'lost', code: '57P01', sent: true }, 'the code of the FATAL is known')
  t.equal(connection.dead, true)
  t.match(await failureOf(connection.query(statement("insert into note values (699, 'later')"))), { kind: 'lost', sent: false }, 'a statement on it is proven not to have run')
  pool.release(connection)
  const next = await pool.acquire()
  t.equal(firstValue(await next.query(statement('select count(*) from note where id between 600 and 699'))), '0')
  pool.release(next)
})

await t.test('a connection killed while it idles is not handed out, and the next statement does not meet a stale FATAL', async (t) => {
  const pool = openPool(t, database.primaryUrl, { applicationName: 'idle-kill', max: 1 })
  const connection = await pool.acquire()
  pool.release(connection)
  await database.killBackends('primary', 'idle-kill')
  await waitFor('the pool to see it', () => connection.dead)
  const next = await pool.acquire()
  t.not(next, connection)
  t.equal(firstValue(await next.query(statement('select 1'))), '1')
  pool.release(next)
})

await t.test('a deadline ends its own connection alone, and the server has ended the statement before', async (t) => {
  const pool = openPool(t, database.primaryUrl, { statementTimeoutMs: 400, max: 20 })
  const outcomes = await Promise.all(Array.from({ length: 20 }, async (_, index) => {
    const connection = await pool.acquire()
    try {
      return await connection.query(statement(`select ${index}, pg_sleep($1::float)`, index % 2 === 0 ? '5' : '0.2')).then(() => 'answered', (failure: DriverFailure) => failure.code)
    } finally {
      pool.release(connection)
    }
  }))
  t.strictSame(outcomes, outcomes.map((_, index) => index % 2 === 0 ? '57014' : 'answered'))
  t.equal(pool.stats().open, 20, 'a timeout on the server costs no connection')
})

await t.test('a shorter deadline travels with the statement, and is gone with it', async (t) => {
  const pool = openPool(t, database.primaryUrl)
  const connection = await pool.acquire()
  const show = async (): Promise<string | null | undefined> => firstValue(await connection.query(statement('show statement_timeout')))
  t.match(await failureOf(connection.query(statement('select pg_sleep(5)'), { deadlineMs: 100 })), { kind: 'server', code: '57014' })
  t.equal(await show(), '15s')
  const [began, shown] = await connection.batch([statement('begin'), statement('show statement_timeout')], { deadlineMs: 250 })
  t.equal(began?.command, 'BEGIN')
  t.equal(shown?.rows[0]?.[0], '250ms')
  await connection.simple('rollback')
  t.equal(await show(), '15s', 'a rollback does not confuse it')
  pool.release(connection)
})

await t.test('a server that does not answer: the client ends the connection at the deadline, and its neighbours go on', async (t) => {
  const link = await Link.open({ from: 'here', to: 'there', purpose: 'database', target: host })
  t.teardown(() => link.close())
  const through = openPool(t, database.primaryUrl.replace(String(host.port), String(link.port)), { statementTimeoutMs: 300, max: 2 })
  const beside = openPool(t, database.primaryUrl, { statementTimeoutMs: 300, max: 1 })
  const [a, b, c] = await Promise.all([through.acquire(), through.acquire(), beside.acquire()])
  t.equal(firstValue(await a.query(statement('select 1'))), '1')
  link.blackHole()
  const failures = await Promise.all([failureOf(a.query(statement('select 1'))), failureOf(b.batch([statement('begin'), statement("insert into note values (700, 'x')"), statement('commit')]))])
  for (const failure of failures) t.match(failure, { kind: 'deadline', sent: true })
  t.equal(firstValue(await c.query(statement('select 1'))), '1')
  t.strictSame([a.dead, b.dead, c.dead], [true, true, false])
})

await t.test('a blocked event loop ends no statement that the server has answered', async (t) => {
  const pool = openPool(t, database.primaryUrl, { statementTimeoutMs: 200 })
  const held = await Promise.all(Array.from({ length: 5 }, async () => await pool.acquire()))
  const answers = held.map(async (connection) => await connection.query(statement('select pg_sleep(0.05)')))
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
  const blockedUntilMs = performance.now() + 1_500
  while (performance.now() < blockedUntilMs);
  t.equal((await Promise.all(answers)).length, 5)
})

await t.test('nothing is asked of the server at connect but the greeting', async (t) => {
  const pool = openPool(t, database.primaryUrl, { applicationName: 'quiet' })
  const connection = await pool.acquire()
  t.match(await database.exec("select query from pg_stat_activity where application_name = 'quiet'"), [{ query: 'select pg_is_in_recovery(), inet_server_addr(), inet_server_port()' }], 'no look at types')
  pool.release(connection)
})

await t.test('a reset in the middle of an answer rejects the statement', async (t) => {
  const link = await Link.open({ from: 'here', to: 'there', purpose: 'database', target: host })
  t.teardown(() => link.close())
  const pool = openPool(t, database.primaryUrl.replace(String(host.port), String(link.port)))
  const connection = await pool.acquire()
  link.resetAfter({ direction: 'from-target', bytes: 20_000 })
  const failure = await failureOf(connection.query(statement("select repeat('x', 1000) from generate_series(1, $1::int)", '1000')))
  t.equal(failure.kind, 'lost')
  t.equal(failure.sent, true)
})

await t.test('an error costs nothing that stays: no cache, no memory of the statement', async (t) => {
  const pool = openPool(t, database.primaryUrl, { max: 1 })
  const connection = await pool.acquire()
  for (let index = 0; index < 3; index++) await failureOf(connection.query(statement('select $1::int / $2::int', '1', '0')))
  t.equal(firstValue(await connection.query(statement('select $1::int / $2::int', '4', '2'))), '2', 'the prepared statement outlives its failures')
  t.equal(firstValue(await connection.query(statement("select count(*) from pg_prepared_statements where statement like 'select $1::int / %'"))), '1', 'prepared once')
  pool.release(connection)
})

await t.test('a text is prepared from its second use on', async (t) => {
  const pool = openPool(t, database.primaryUrl, { max: 1 })
  const connection = await pool.acquire()
  const prepared = async (): Promise<string | null | undefined> => firstValue(await connection.query(statement("select count(*) from pg_prepared_statements where statement like '%once or twice%'")))
  const text = 'select $1::int as "once or twice"'
  await prepared()
  await connection.query(statement(text, '1'))
  const before = Number(await prepared())
  await connection.query(statement(text, '1'))
  t.equal(Number(await prepared()) - before, 1)
  await Promise.all(Array.from({ length: 20 }, () => connection.query(statement(text, '1'))))
  t.equal(Number(await prepared()) - before, 1, 'and once a connection, however many are in flight')
  pool.release(connection)
})

await t.test('hostile shapes do not grow the server\'s memory without bound', async (t) => {
  const pool = openPool(t, database.primaryUrl, { max: 1 })
  const pids = new Set<number | undefined>()
  let most = 0
  for (let round = 0; round < 3; round++) {
    for (let shape = 0; shape < MAX_PREPARED + 50; shape += 50) {
      const connection = await pool.acquire()
      pids.add(connection.pid)
      const batch = Array.from({ length: 50 }, (_, index) => statement(`select $1::int + ${shape + index}`, '1'))
      await connection.batch([...batch, ...batch])
      most = Math.max(most, Number(firstValue(await connection.query(statement('select count(*) from pg_prepared_statements')))))
      pool.release(connection)
    }
  }
  t.ok(most > MAX_PREPARED / 2, `up to ${most} were kept`)
  t.ok(most <= MAX_PREPARED + 110, `at most ${most} at once`)
  t.ok(pids.size > 1, 'a worn connection is replaced')
})

await t.test('without prepared statements, for poolers in transaction mode, nothing is left on the server', async (t) => {
  const pool = openPool(t, database.primaryUrl, { max: 1, prepare: false, statementTimeoutMs: 400 })
  const connection = await pool.acquire()
  for (let index = 0; index < 3; index++) t.equal(firstValue(await connection.query(statement('select $1::int + 1', '1'))), '2')
  t.strictSame((await connection.batch([statement('begin'), statement('select $1::int', '5'), statement('commit')])).map((result) => result.command), ['BEGIN', 'SELECT', 'COMMIT'])
  t.equal(firstValue(await connection.query(statement('select count(*) from pg_prepared_statements'))), '0')
  t.equal(firstValue(await connection.query(statement('show statement_timeout'))), '0', 'no start-up parameter that a pooler refuses')
  t.match(await failureOf(connection.query(statement('select pg_sleep(5)'))), { kind: 'deadline' }, 'the client alone keeps the deadline')
  pool.release(connection)
})

await t.test('on a shared connection the late statement alone has missed its deadline', async (t) => {
  const pool = openPool(t, database.primaryUrl, { max: 1, prepare: false, statementTimeoutMs: 200 })
  const held = await pool.acquire()
  const waiting = ['select pg_sleep(60)', 'select 1', 'select 2'].map(async (text) => {
    const connection = await pool.acquire({ brief: true })
    return await failureOf(connection.query(statement(text))).finally(() => { pool.release(connection) })
  })
  pool.release(held)
  const [late, ...others] = await Promise.all(waiting)
  t.match(late, { kind: 'deadline' })
  for (const other of others) t.match(other, { kind: 'lost', sent: true }, 'a read that runs again elsewhere')
})

await t.test('a plan that no longer fits its table, among others of its kind on a shared connection, runs again', async (t) => {
  await database.exec('create table shared_shift (id int primary key, v int); insert into shared_shift values (1, 1)')
  const pool = openPool(t, database.primaryUrl, { max: 1 })
  const read = statement('select * from shared_shift where id = $1::int', '1')
  const held = await pool.acquire()
  for (let use = 0; use < 3; use++) await held.query(read)
  await database.exec('alter table shared_shift alter column v type text')
  const waiting = Array.from({ length: 3 }, async () => await pool.acquire({ brief: true }))
  pool.release(held)
  const answers = await Promise.all((await Promise.all(waiting)).map(async (connection) => {
    const { rows } = await connection.query(read)
    pool.release(connection)
    return rows
  }))
  t.strictSame(answers, [[['1', '1']], [['1', '1']], [['1', '1']]])
  t.match(pool.stats(), { open: 1, idle: 1, inUse: 0 })
})

await t.test('a plan that no longer fits its table: alone it runs again, in a transaction it does not, and never behind the rollback', async (t) => {
  await database.exec('create table shifting (id int, v int); insert into shifting values (1, 1)')
  const pool = openPool(t, database.primaryUrl, { max: 1 })
  const connection = await pool.acquire()
  const read = statement('select * from shifting where id = $1::int', '1')
  const write = statement('insert into shifting (id) values ($1::int) returning *', '2')
  for (let index = 0; index < 3; index++) {
    await connection.query(read)
    await connection.batch([statement('begin'), write, statement('rollback')])
  }
  await database.exec('alter table shifting alter column v type text')
  t.strictSame((await connection.query(read)).rows, [['1', '1']])
  const failure = await failureOf(connection.batch([statement('begin'), write, statement("insert into note values (800, 'x')"), statement('commit')]))
  t.match(failure, { kind: 'server', code: '0A000', routine: 'RevalidateCachedQuery' })
  t.strictSame(await database.exec('select (select count(*) from shifting where id = 2)::text as a, (select count(*) from note where id = 800)::text as b'), [{ a: '0', b: '0' }], 'postgres.js would have run it again behind the ROLLBACK')
  await connection.batch([statement('begin'), write, statement('rollback')])
  t.pass('the same text works again')
  await connection.simple('discard all')
  t.strictSame((await connection.query(read)).rows, [['1', '1']], 'a prepared statement that is gone is prepared again')
  pool.release(connection)
})

await t.test('COPY is refused, and does not leave a connection that waits for data', async (t) => {
  const pool = openPool(t, database.primaryUrl, { max: 1 })
  for (const text of ['copy note from stdin', 'copy note to stdout']) {
    const connection = await pool.acquire()
    t.match(await failureOf(connection.query(statement(text))), { kind: 'server', code: 'COPY_UNSUPPORTED' }, text)
    pool.release(connection)
  }
  const next = await pool.acquire()
  t.equal(firstValue(await next.query(statement('select 1'))), '1')
  pool.release(next)
})

await t.test('what cannot be a statement is not sent', async (t) => {
  const connection = await openPool(t, database.primaryUrl).acquire()
  t.match(await failureOf(connection.query(statement('select 1\0; drop table note'))), { code: 'NUL_IN_STATEMENT', sent: false })
  t.match(await failureOf(connection.simple('select 1\0')), { code: 'NUL_IN_STATEMENT', sent: false })
  t.match(await failureOf(connection.query(statement('select 1', ...Array.from({ length: 65_534 }, () => '1')))), { code: 'TOO_MANY_PARAMETERS', sent: false })
  t.equal(firstValue(await connection.query(statement('select 1'))), '1')
})

await t.test('no parameter and no password is in what a failure prints', async (t) => {
  const secret = 'hunter2-parameter'
  const pool = openPool(t, database.primaryUrl.replace('postgres@', 'postgres:hunter2-password@'))
  const connection = await pool.acquire()
  await connection.query(statement('insert into note values ($1::int, $2)', '900', secret))
  await database.exec('create unique index note_body on note (body) where id >= 900')
  const failures = [
    await failureOf(connection.query(statement('select $1::int', secret))),
    await failureOf(connection.query(statement('select $1::int[]', `{1,${secret}}`))),
    await failureOf(connection.query(statement('select $1::jsonb', `{"a": ${secret}}`))),
    await failureOf(connection.query(statement('insert into note values ($1::int, $2)', '901', secret))),
    await failureOf(connection.query(statement("do $$ begin raise exception 'no parameters here'; end $$"))),
  ]
  connection.destroy()
  failures.push(await failureOf(connection.query(statement('select $1', secret))))
  for (const failure of failures) {
    const { cause } = failure
    const printed = [inspect(failure, { depth: 6 }), JSON.stringify(failure), failure.stack, failure.message, cause instanceof Error ? `${cause.stack}${cause.message}` : ''].join('\n')
    t.notMatch(printed, /hunter2/, `${failure.code}: ${failure.message}`)
  }
  t.match(failures[3]?.detail, /hunter2-parameter/, 'the detail is there for who asks for it by name')
  t.notMatch(inspect(pool, { depth: 8, showHidden: true }) + inspect(connection, { depth: 8 }), /hunter2-password/)
})

await t.test('values are struck out of what the server quotes', async (t) => {
  t.equal(strikeOut('invalid input syntax for type integer: "abc"', ['abc']), 'invalid input syntax for type integer: "$1"')
  t.equal(strikeOut('invalid input syntax for type integer: "b"', ['{a,b}']), 'invalid input syntax for type integer: "$1"')
  t.equal(strikeOut('relation "users" does not exist', ['x']), 'relation "users" does not exist')
  t.equal(strikeOut('value 4111111111 is out of range', [null, '4111111111']), 'value $2 is out of range')
  t.equal(strikeOut('nothing of that', []), 'nothing of that')
})

await t.test('a server that refuses says so by its code', async (t) => {
  const url = new URL(database.primaryUrl)
  const attempt = async (change: (endpoint: URL) => void): Promise<DriverFailure> => {
    const changed = new URL(url)
    change(changed)
    const pool = openPool(t, changed.href, { connectTimeoutMs: 2_000 })
    return await failureOf(Promise.resolve(pool.acquire()))
  }
  t.match(await attempt((to) => { to.pathname = '/no_such_database' }), { kind: 'connect', code: '3D000', sent: false })
  t.match(await attempt((to) => { to.username = 'nobody_at_all' }), { kind: 'connect', code: '28000', sent: false })
  t.match(await attempt((to) => { to.port = '1' }), { kind: 'connect', code: 'ECONNREFUSED', sent: false })
  t.match(await attempt((to) => { to.searchParams.set('sslmode', 'require') }), { kind: 'connect', code: 'TLS_REFUSED', sent: false })
  t.match(await attempt((to) => { to.searchParams.set('no_such_setting', '1') }), { kind: 'connect', code: '42704', sent: false })
})

await t.test('a server that accepts and says nothing is given up within the connect timeout', async (t) => {
  const silent = createServer(() => {}).listen(0, '127.0.0.1')
  await new Promise((resolve) => silent.once('listening', resolve))
  t.teardown(() => { silent.close() })
  const url = `postgres://postgres@127.0.0.1:${(silent.address() as AddressInfo).port}/x`
  for (const suffix of ['', '?sslmode=require']) {
    const pool = openPool(t, url + suffix, { connectTimeoutMs: 200 })
    t.match(await failureOf(Promise.resolve(pool.acquire())), { kind: 'connect', code: 'ETIMEDOUT' })
  }
})

await t.test('a server that hangs up or talks nonsense is a failure, never a crash', async (t) => {
  for (const [name, answer] of [['hangs up', undefined], ['talks HTTP', 'HTTP/1.1 400 Bad Request\r\n\r\n'], ['asks for an unknown proof', Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 99])], ['sends a broken SASL', Buffer.from([0x52, 0, 0, 0, 10, 0, 0, 0, 11, 0x72, 0x3d])]] as const) {
    const rude = createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => { if (answer === undefined) socket.destroy(); else socket.end(answer) })
    }).listen(0, '127.0.0.1')
    await new Promise((resolve) => rude.once('listening', resolve))
    t.teardown(() => { rude.close() })
    const pool = openPool(t, `postgres://postgres:x@127.0.0.1:${(rude.address() as AddressInfo).port}/x`, { connectTimeoutMs: 300 })
    t.match(await failureOf(Promise.resolve(pool.acquire())), { kind: 'connect', sent: false }, name)
  }
})

await t.test('a password may be a function, asked for each connection', async (t) => {
  let asked = 0
  const base = parseEndpoint(database.primaryUrl, 'primary')
  const endpoint = { ...base, password: () => { asked++; return Promise.resolve('secret') } }
  const session = await openSession({
    endpoint,
    address: { at: base.host, port: base.port, hostName: base.host },
    connectTimeoutMs: 2_000,
    statementTimeoutMs: 1_000,
    prepare: true,
    clock: { tick: 0 },
    admission: new PreparedAdmission(),
    onDead: () => {},
  })
  t.teardown(() => { session.destroy() })
  t.equal(asked, 1)
  t.match(session.greeting, { onStandby: false, address: '127.0.0.1', port: String(base.port) })
})

await t.test('a transaction that is left open is seen, and does not reach the next owner', async (t) => {
  const pool = openPool(t, database.primaryUrl, { max: 1 })
  const connection: Connection = await pool.acquire()
  t.equal(connection.inTransaction, false)
  await connection.simple('begin')
  t.equal(connection.inTransaction, true)
  await failureOf(connection.query(statement('select 1/0')))
  t.equal(connection.inTransaction, true, 'a failed one is one too')
  pool.release(connection)
  const next = await pool.acquire()
  t.not(next.pid, connection.pid)
  t.equal(next.inTransaction, false)
  pool.release(next)
})
