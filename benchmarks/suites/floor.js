// Where each microsecond of a one-row read goes. The floor is one local round trip of the protocol by a hand-written loop on
// a socket: a prepared statement's Bind, Execute and Sync, written once as bytes, and of the answer only its end is looked
// for. Above it, layer by layer: postgres.js, this package's session alone, the whole typed client, and Fastify around it.
// One caller; each layer's share is the difference of two medians of the same rounds.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { connect } from 'node:net'
import Fastify from 'fastify'
import multiRegion, { createClient } from 'fastify-multi-region'
import postgres from 'postgres'
import { compileOperation } from '../../dist/query/compile.js'
import { resolveSchema } from '../../dist/query/model.js'
import { BoundedCache } from '../../dist/core/bounded-cache.js'
import { startDatabase } from '../harness/database.js'
import { cut, cutUp, printTargets, table } from '../harness/report.js'
import { compare, drive, spread } from '../harness/rounds.js'
import * as schema from '../schema/ours.js'

export const description = 'where each microsecond of a one-row read goes, against a hand-written loop on a socket'

const SQL = 'select t0."id", t0."email", t0."name", t0."created_at" from "users" as t0 where t0."id" = $1'

export async function run ({ seed, quick }) {
  const database = await startDatabase()
  const closers = []
  try {
    const bare = await openSocket(database.url)
    closers.push(() => bare.close())
    const sql = postgres(database.url, { max: 10 })
    closers.push(() => sql.end({ timeout: 1 }))
    const db = createClient({ schema, database: database.url, pool: { max: 10 } })
    closers.push(() => db.$disconnect())
    const app = Fastify()
    await app.register(multiRegion, { schema, database: database.url, pool: { max: 10 } })
    app.get('/row/:id', (request) => request.db.user.findUnique({ where: { id: Number(request.params.id) } }))
    app.get('/none', () => ({ hello: 'world' }))
    closers.push(() => app.close())

    const layers = [
      ['socket', () => bare.ask()],
      ['postgres.js', (_caller, i) => sql`select id, email, name, created_at as "createdAt" from users where id = ${1 + i % 500}`],
      ['client', (_caller, i) => db.user.findUnique({ where: { id: 1 + i % 500 } })],
      ['inject without a database', () => app.inject('/none')],
      ['inject', (_caller, i) => app.inject(`/row/${1 + i % 500}`)],
    ]
    const [[fromSql], fromClient, fromApp] = [await layers[1][1](0, 41), await layers[2][1](0, 41), (await layers[4][1](0, 41)).json()]
    assert.deepEqual(fromClient, { ...fromSql }, 'the client reads the row that postgres.js reads')
    assert.deepEqual(fromApp, JSON.parse(JSON.stringify(fromSql)), 'and so does the app')
    for (const [, ask] of layers) for (let i = 0; i < 3000; i++) await ask(0, i)
    const rows = await compare({
      baseline: 'socket',
      rounds: quick ? 5 : 11,
      slices: quick ? 4 : 16,
      seed,
      contenders: layers.map(([name, ask]) => ({ name, slice: () => drive(ask, { callers: 1, ms: 25 }) })),
    })
    const micros = (name) => rows.find((row) => row.name === name).p50.median * 1000
    const steps = compileSteps(quick)
    console.log('\nOne caller: µs of the median read, and of this process on the processor; ratio to the socket')
    table(['layer', 'µs', 'processor, µs', 'ratio'], rows.map((row) => [row.name, cutUp(row.p50.median * 1000, 1), cutUp(row.cpu.median, 1), cut(1 / row.rateRatio.median)]))
    const shares = [
      ['the protocol: PostgreSQL, the kernel and the event loop', micros('socket')],
      ['walk over the arguments, look-up of the plan, encoding', steps.compile.median],
      ['the driver, routing, checkout, decoding (the rest of the client)', micros('client') - micros('socket') - steps.compile.median],
    ]
    console.log('\nA read through the typed client')
    table(['part', 'µs', 'share'], shares.map(([what, value]) => [what, cutUp(value, 1), `${Math.ceil(value / micros('client') * 100)} %`]))
    return {
      results: { layers: rows, compileMicros: steps.compile, shares: shares.map(([what, value]) => ({ what, micros: value })) },
      targets: printTargets([
        { what: 'one-row read of the typed client over the socket loop, time', value: micros('client') / micros('socket'), bound: 1.5, better: 'less' },
        { what: 'one-row read of the typed client over postgres.js, time', value: micros('client') / micros('postgres.js'), bound: 1 / 0.95, better: 'less' },
        { what: 'compiling a known shape, µs', value: steps.compile.median, bound: 2, better: 'less' },
      ]),
    }
  } finally {
    await Promise.allSettled(closers.map((close) => close()))
    await database.close()
  }
}

function compileSteps (quick) {
  const resolved = resolveSchema(schema)
  const context = { now: () => new Date(), uuid: () => '', cuid: () => '', limits: { maxDepth: 10, maxParameters: 32_767 }, planCache: new BoundedCache(1000) }
  const once = (n) => {
    const started = performance.now()
    for (let i = 0; i < n; i++) compileOperation(resolved, 'User', 'findUnique', { where: { id: i } }, context)
    return (performance.now() - started) * 1000 / n
  }
  once(50_000)
  return { compile: spread(Array.from({ length: quick ? 5 : 21 }, () => once(5000))) }
}

/** A session by hand: no password or MD5 alone, one statement, nothing read but where an answer ends. */
async function openSocket (url) {
  const { hostname, port, username, password, pathname } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port || 5432), noDelay: true })
  await new Promise((resolve, reject) => { socket.once('connect', resolve).once('error', reject) })
  const message = (type, ...parts) => {
    const body = Buffer.concat(parts.map((part) => typeof part === 'string' ? Buffer.from(`${part}\0`) : part))
    const head = Buffer.alloc(type === '' ? 4 : 5)
    if (type !== '') head.write(type)
    head.writeUInt32BE(body.length + 4, head.length - 4)
    return Buffer.concat([head, body])
  }
  const int16 = (value) => { const b = Buffer.alloc(2); b.writeInt16BE(value); return b }
  const int32 = (value) => { const b = Buffer.alloc(4); b.writeInt32BE(value); return b }
  let settle
  let onMessage = (chunk) => {
    if (chunk[0] === 0x45) throw new Error(chunk.toString('latin1'))
    if (chunk[0] === 0x52 && chunk.readInt32BE(5) === 5) {
      const md5 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash('md5')).digest('hex')
      socket.write(message('p', `md5${md5(md5(decodeURIComponent(password), username), chunk.subarray(9, 13))}`))
    }
    if (ends(chunk)) settle()
  }
  // ReadyForQuery ends an answer: Z, its length 5, the state.
  const ends = (chunk) => chunk.length >= 6 && chunk[chunk.length - 6] === 0x5a && chunk[chunk.length - 2] === 5
  socket.on('data', (chunk) => onMessage(chunk))
  const answer = (bytes) => new Promise((resolve) => { settle = resolve; socket.write(bytes) })
  await answer(message('', int32(196_608), 'user', decodeURIComponent(username), 'database', pathname.slice(1), Buffer.from([0])))
  const sync = message('S')
  await answer(Buffer.concat([message('P', 's', SQL, int16(0)), sync]))
  const ask = Buffer.concat([message('B', '', 's', int16(0), int16(1), int32(2), Buffer.from('42'), int16(0)), message('E', '', int32(0)), sync])
  onMessage = (chunk) => { if (ends(chunk)) settle() }
  return { ask: () => answer(ask), close: () => { socket.end(message('X')) } }
}
