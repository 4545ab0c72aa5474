// The edge against what the platform documents. Apps here are bare HTTP servers that answer as they are told.

import t from 'tap'
import { createServer, request, Agent, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { Edge, type EdgeOptions } from '../../lib/testing/edge.ts'
import { Link } from '../../lib/testing/link.ts'
import { waitFor } from '../../lib/testing/wait-for.ts'

interface Teardown { teardown (end: () => unknown): void }

interface Seen {
  machine: string
  method: string
  url: string
  headers: IncomingMessage['headers']
  body: string
}

type Answer = (seen: Seen, response: ServerResponse, request: IncomingMessage) => void

const REGIONS = ['fra', 'iad', 'nrt']
const DISTANCES: Record<string, number> = { 'fra-iad': 20, 'fra-nrt': 60, 'iad-nrt': 40 }

interface World {
  edge: Edge
  seen: Seen[]
  links: Map<string, Link>
  /** Replaces what a machine answers. */
  answers: Record<string, Answer>
  close (machine: string): Promise<void>
}

/** One machine in each region (named after it), and links with distance between them. */
async function world (t: Teardown, options: Partial<EdgeOptions> & { machines?: Record<string, { region: string, app?: string }> } = {}): Promise<World> {
  const { machines = { fra1: { region: 'fra' }, iad1: { region: 'iad' }, nrt1: { region: 'nrt' } }, ...edgeOptions } = options
  const distanceMs = (from: string, to: string): number => from === to ? 0 : DISTANCES[`${from}-${to}`] ?? DISTANCES[`${to}-${from}`] ?? 0
  const edge = await Edge.start({ regions: REGIONS, app: 'app', distanceMs, unreachableAfterMs: 400, ...edgeOptions })
  t.teardown(() => edge.close())
  const seen: Seen[] = []
  const answers: Record<string, Answer> = {}
  const links = new Map<string, Link>()
  const closers = new Map<string, () => Promise<void>>()
  for (const [id, { region, app = 'app' }] of Object.entries(machines)) {
    const server = createServer((incoming, response) => {
      const chunks: Buffer[] = []
      const entry = { machine: id, method: incoming.method ?? '', url: incoming.url ?? '', headers: incoming.headers, body: '' }
      const answer = answers[id] ?? ((_seen, response) => { response.end(`hello from ${id}`) })
      if (incoming.headers['x-answer-early'] !== undefined) {
        seen.push(entry)
        answer(entry, response, incoming)
        return
      }
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.on('end', () => {
        entry.body = Buffer.concat(chunks).toString()
        seen.push(entry)
        answer(entry, response, incoming)
      })
    })
    server.on('upgrade', (incoming: IncomingMessage, socket: Socket) => {
      seen.push({ machine: id, method: 'UPGRADE', url: incoming.url ?? '', headers: incoming.headers, body: '' })
      socket.on('error', () => {})
      if (answers[`${id} upgrade`] !== undefined) {
        socket.end('HTTP/1.1 409 Conflict\r\nfly-replay: region=fra\r\ncontent-length: 0\r\n\r\n')
        return
      }
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n')
      socket.on('end', () => socket.end())
      socket.on('data', (chunk: Buffer) => socket.write(`${id}:${chunk.toString()}`))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    for (const from of REGIONS) {
      if (from === region) continue
      const link = await Link.open({ from, to: region, purpose: 'http', target: { host: '127.0.0.1', port }, roundTripMs: distanceMs(from, region) })
      links.set(`${from}>${id}`, link)
      t.teardown(() => link.close())
    }
    const close = (): Promise<void> => new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
    closers.set(id, close)
    t.teardown(close)
    edge.addMachine({ id, region, app, host: '127.0.0.1', port, via: (from) => links.get(`${from}>${id}`) })
  }
  return { edge, seen, links, answers, close: (id) => closers.get(id)?.() ?? Promise.resolve() }
}

const replayWith = (header: string, status = 409): Answer => (_seen, response) => {
  response.writeHead(status, { 'fly-replay': header, 'set-cookie': 'lost=1', 'x-mine': 'lost' })
  response.end('lost')
}

await t.test('a request goes to the machine of its region and carries what the platform adds', async (t) => {
  const { edge, seen } = await world(t)
  const answer = await edge.inject({ region: 'nrt', url: '/a?b=c', headers: { 'x-forwarded-for': '9.9.9.9', 'fly-region': 'xxx', 'x-own': 'kept' } })
  t.equal(answer.statusCode, 200)
  t.equal(answer.body, 'hello from nrt1')
  const headers = seen[0]?.headers ?? {}
  t.match(headers, {
    'fly-region': 'nrt',
    'fly-client-ip': '127.0.0.1',
    'fly-forwarded-port': edge.url('nrt').split(':').at(-1),
    'x-forwarded-for': /^9\.9\.9\.9, 127\.0\.0\.1/,
    'x-forwarded-proto': 'http',
    'x-own': 'kept',
    via: /fly\.io/,
  })
  t.match(answer.headers, { 'fly-request-id': headers['fly-request-id'] }, 'the request id is the same on both sides')
  t.equal(headers['fly-replay-src'], undefined)
  t.match(answer.hops, [{ region: 'nrt', instance: 'nrt1', cause: 'request', status: 200 }])
})

await t.test('a replay answer never reaches the client; the kept request goes where it says', async (t) => {
  const { edge, seen, answers } = await world(t)
  answers['nrt1'] = replayWith('region=fra;state=hop:1')
  answers['fra1'] = (entry, response) => response.end(`wrote ${entry.body}`)
  const answer = await edge.inject({ region: 'nrt', method: 'POST', url: '/posts', payload: { title: 'a' } })
  t.equal(answer.statusCode, 200)
  t.equal(answer.body, 'wrote {"title":"a"}', 'with its body')
  t.equal(answer.headers['set-cookie'], undefined, 'cookies of the first answer are gone')
  t.equal(answer.headers['x-mine'], undefined)
  t.match(seen[1]?.headers['fly-replay-src'], /^instance=nrt1;region=nrt;t=\d{16};state=hop:1$/)
  t.equal(seen[1]?.headers['fly-region'], 'nrt', 'the edge stays the client\'s')
  t.match(answer.hops, [{ region: 'nrt', status: 409, replay: 'region=fra;state=hop:1' }, { region: 'fra', cause: 'replay', status: 200 }])
  t.match(edge.counters(), { requests: 1, replays: 1, replaysFrom: { nrt: 1 }, bareConflicts: 0 })
})

await t.test('a replay costs one trip over the distance once the connection is there', async (t) => {
  const { edge, answers } = await world(t)
  answers['nrt1'] = replayWith('region=fra')
  await edge.inject({ region: 'nrt', method: 'POST', url: '/' })
  const took = await waitFor('a replay that is too quick for two trips of 60 ms', async () => {
    const startedAt = performance.now()
    await edge.inject({ region: 'nrt', method: 'POST', url: '/' })
    const tookMs = performance.now() - startedAt
    return tookMs < 118 && tookMs
  })
  t.ok(took >= 58, `took ${took} ms: one trip`)
})

await t.test('the JSON form, with its transformations', async (t) => {
  const { edge, seen, answers } = await world(t)
  answers['nrt1'] = (_seen, response) => {
    response.writeHead(200, { 'content-type': 'application/vnd.fly.replay+json' })
    response.end(JSON.stringify({ region: 'iad', state: 'x', transform: { path: '/new?q=1', delete_headers: ['cookie'], set_headers: [{ name: 'x-added', value: 'yes' }] } }))
  }
  const answer = await edge.inject({ region: 'nrt', url: '/old', headers: { cookie: 'a=b' } })
  t.equal(answer.body, 'hello from iad1')
  t.match(seen[1], { url: '/new?q=1', headers: { 'x-added': 'yes', 'fly-replay-src': /state=x$/ } })
  t.equal(seen[1]?.headers.cookie, undefined)
})

await t.test('each field leads where it says', async (t) => {
  const machines = { fra1: { region: 'fra' }, iad1: { region: 'iad' }, iad2: { region: 'iad' }, nrt1: { region: 'nrt' }, other1: { region: 'fra', app: 'other' } }
  const rows: { header: string, goes: string | string[] }[] = [
    { header: 'region=fra', goes: 'fra1' },
    { header: 'region="xyz,fra"', goes: 'fra1' },
    { header: 'region="xyz,any"', goes: 'nrt1' },
    { header: 'region=eu', goes: 'fra1' },
    { header: 'instance=iad2', goes: 'iad2' },
    { header: 'prefer_instance=iad2', goes: 'iad2' },
    { header: 'prefer_instance=gone;region=fra', goes: 'fra1' },
    { header: 'app=other', goes: 'other1' },
    { header: 'elsewhere=true', goes: ['iad1', 'iad2'] },
    { header: 'region=fra;unknown=1', goes: 'fra1' },
  ]
  for (const { header, goes } of rows) {
    const { edge, seen, answers } = await world(t, { machines, aliases: { eu: ['ams', 'fra'] } })
    answers['nrt1'] = (entry, response) => {
      if (entry.headers['fly-replay-src'] !== undefined) response.end('replayed')
      else replayWith(header)(entry, response, undefined as never)
    }
    await edge.inject({ region: 'nrt', url: '/' })
    t.ok([goes].flat().includes(seen[1]?.machine ?? ''), `${header} goes to ${String(goes)}, went to ${seen[1]?.machine}`)
    if (header.includes('gone')) t.equal(seen[1]?.headers['fly-preferred-instance-unavailable'], 'gone')
    await edge.close()
  }
})

await t.test('an instruction that cannot be read is PA03', async (t) => {
  const { edge, answers } = await world(t)
  for (const header of ['region=fra; state=x', 'region = fra', 'region=fra,iad', 'region', 'timeout=soon', 'fallback=self', 'elsewhere=maybe', '']) {
    answers['nrt1'] = replayWith(header)
    const answer = await edge.inject({ region: 'nrt', url: '/' })
    t.match(answer, { statusCode: 502, headers: { 'x-edge-error': 'PA03' } }, JSON.stringify(header))
  }
  answers['nrt1'] = (_seen, response) => {
    response.writeHead(200, { 'content-type': 'application/vnd.fly.replay+json' })
    response.end('{')
  }
  t.match(await edge.inject({ region: 'nrt', url: '/' }), { statusCode: 502, headers: { 'x-edge-error': 'PA03' } })
})

await t.test('more than ten replays are PA02', async (t) => {
  const { edge, seen, answers } = await world(t)
  answers['nrt1'] = replayWith('region=nrt')
  t.match(await edge.inject({ region: 'nrt', url: '/' }), { statusCode: 502, headers: { 'x-edge-error': 'PA02' } })
  t.equal(seen.length, 11, 'the request and ten replays')
})

await t.test('a body of 1,048,576 bytes is replayed, one byte more is not', async (t) => {
  const { edge, seen, answers } = await world(t)
  answers['nrt1'] = replayWith('region=fra')
  const fits = await edge.inject({ region: 'nrt', method: 'POST', url: '/', payload: 'x'.repeat(1_048_576) })
  t.equal(fits.statusCode, 200)
  t.equal(seen[1]?.body.length, 1_048_576)
  const large = await edge.inject({ region: 'nrt', method: 'POST', url: '/', payload: 'x'.repeat(1_048_577) })
  t.match(large, { statusCode: 502, headers: { 'x-edge-error': 'body-too-large' } })
  const plain = await edge.inject({ region: 'fra', method: 'POST', url: '/', payload: 'x'.repeat(3_000_000) })
  t.equal(plain.statusCode, 200, 'without a replay there is no limit')
})

await t.test('a machine that answers before it has read the body gets a replay all the same', async (t) => {
  const { edge, seen, answers } = await world(t)
  answers['nrt1'] = replayWith('region=fra')
  answers['fra1'] = (_seen, response, incoming) => {
    let bytes = 0
    incoming.on('data', (chunk: Buffer) => { bytes += chunk.length })
    incoming.on('end', () => response.end(String(bytes)))
  }
  for (const headers of [{}, { 'transfer-encoding': 'chunked' }]) {
    const answer = await edge.inject({ region: 'nrt', method: 'POST', url: '/', headers: { 'x-answer-early': '1', ...headers }, payload: 'x'.repeat(500_000) })
    t.equal(answer.body, '500000')
  }
  t.equal(seen.length, 4)
})

await t.test('a target region without machines is 502 after a while', async (t) => {
  const { edge, answers } = await world(t, { unreachableAfterMs: 1_500 })
  answers['nrt1'] = replayWith('region=xyz')
  const startedAt = performance.now()
  t.match(await edge.inject({ region: 'nrt', url: '/' }), { statusCode: 502, headers: { 'x-edge-error': 'unreachable' } })
  const took = performance.now() - startedAt
  t.ok(took >= 1_490, `after unreachableAfterMs, was ${took}`)
})

await t.test('a timeout of the replay\'s own goes before', async (t) => {
  // A bound beyond that of this file.
  const { edge, answers } = await world(t, { unreachableAfterMs: 600_000 })
  answers['nrt1'] = replayWith('region=xyz;timeout=100ms')
  t.match(await edge.inject({ region: 'nrt', url: '/' }), { statusCode: 502, headers: { 'x-edge-error': 'unreachable' } })
})

await t.test('with a fallback the request comes back to its sender, which may not replay again', async (t) => {
  const { edge, seen, answers, links, close } = await world(t)
  const failing = (header: string, again = false): void => {
    answers['nrt1'] = (entry, response) => {
      if (entry.headers['fly-replay-failed'] === undefined || again) replayWith(header)(entry, response, undefined as never)
      else response.end('handled the failure')
    }
  }
  failing('region=xyz;fallback=prefer_self')
  t.equal((await edge.inject({ region: 'nrt', method: 'POST', url: '/', payload: 'body' })).body, 'handled the failure')
  t.match(seen.at(-1), { machine: 'nrt1', body: 'body' })
  t.match(seen.at(-1)?.headers['fly-replay-failed'], /^app=app;region=xyz;replay_source=nrt1;reason=no_candidate;elapsed_ms=\d+$/)
  t.equal(seen.at(-1)?.headers['fly-replay-src'], undefined)

  failing('region=fra;timeout=150ms;fallback=force_self')
  links.get('nrt>fra1')?.partition()
  t.equal((await edge.inject({ region: 'nrt', url: '/' })).body, 'handled the failure')
  t.match(seen.at(-1)?.headers['fly-replay-failed'], /^instance=fra1;app=app;region=fra;replay_source=nrt1;reason=timeout;elapsed_ms=\d{3}$/)
  await links.get('nrt>fra1')?.heal()

  await close('fra1')
  failing('region=fra;timeout=5s;fallback=prefer_self')
  t.equal((await edge.inject({ region: 'nrt', url: '/' })).body, 'handled the failure')
  t.match(seen.at(-1)?.headers['fly-replay-failed'], /reason=retries_exhausted/)

  failing('region=xyz;fallback=prefer_self', true)
  t.match(await edge.inject({ region: 'nrt', url: '/' }), { statusCode: 502, headers: { 'x-edge-error': 'fallback-replayed' } })
  t.equal(edge.counters().fallbacks, 4)
})

await t.test('prefer_self goes to another machine of the app when the sender is gone, force_self does not', async (t) => {
  const { edge, seen, answers } = await world(t)
  for (const [fallback, expected] of [['prefer_self', 200], ['force_self', 502]] as const) {
    seen.length = 0
    answers['nrt1'] = (entry, response) => {
      edge.removeMachine('nrt1')
      replayWith(`region=xyz;fallback=${fallback}`)(entry, response, undefined as never)
    }
    const nrt = edge.machines.find((machine) => machine.id === 'nrt1')
    const answer = await edge.inject({ region: 'nrt', url: '/' })
    t.equal(answer.statusCode, expected, fallback)
    if (fallback === 'prefer_self') t.match(seen.at(-1)?.headers, { 'fly-replay-failed': /replay_source=nrt1/ })
    if (nrt !== undefined) edge.addMachine(nrt)
  }
})

await t.test('timeout ends with the connection: a machine that hangs keeps the client, and no fallback follows', async (t) => {
  const { edge, seen, answers } = await world(t, { idleTimeoutMs: 1_200 })
  answers['nrt1'] = replayWith('region=fra;timeout=600ms;fallback=force_self')
  answers['fra1'] = () => {}
  const startedAt = performance.now()
  const answer = await edge.inject({ region: 'nrt', method: 'POST', url: '/' })
  t.match(answer, { statusCode: 502, headers: { 'x-edge-error': 'broken' } })
  t.ok(performance.now() - startedAt >= 1_190, 'after the idle timeout')
  t.same(seen.map(({ machine }) => machine), ['nrt1', 'fra1'], 'the sender does not see it again')
})

await t.test('clients may prefer or force a region or an instance', async (t) => {
  const { edge, seen } = await world(t, { machines: { fra1: { region: 'fra' }, fra2: { region: 'fra' }, nrt1: { region: 'nrt' } } })
  const rows: [Record<string, string>, number, string | undefined][] = [
    [{ 'fly-prefer-region': 'fra' }, 200, 'fra'],
    [{ 'fly-prefer-region': 'xyz, fra' }, 200, 'fra'],
    [{ 'fly-prefer-region': 'xyz' }, 200, 'nrt1'],
    [{ 'fly-force-region': 'fra' }, 200, 'fra'],
    [{ 'fly-force-region': 'xyz' }, 502, undefined],
    [{ 'fly-prefer-instance-id': 'fra2' }, 200, 'fra2'],
    [{ 'fly-prefer-instance-id': 'gone' }, 200, 'nrt1'],
    [{ 'fly-force-instance-id': 'fra2' }, 200, 'fra2'],
    [{ 'fly-force-instance-id': 'gone' }, 502, undefined],
  ]
  for (const [headers, status, machine] of rows) {
    seen.length = 0
    t.equal((await edge.inject({ region: 'nrt', url: '/', headers })).statusCode, status, JSON.stringify(headers))
    if (machine !== undefined) t.match(seen[0]?.machine, new RegExp(`^${machine}`), `is served by ${machine}`)
  }
  t.equal(seen.length, 0)
})

await t.test('a region whose machine is gone is served by the nearest other', async (t) => {
  const { edge, close } = await world(t)
  await close('nrt1')
  t.equal((await edge.inject({ region: 'nrt', url: '/' })).body, 'hello from iad1')
})

await t.test('instances of a region take turns', async (t) => {
  const { edge, seen } = await world(t, { machines: { fra1: { region: 'fra' }, fra2: { region: 'fra' }, nrt1: { region: 'nrt' } } })
  for (let i = 0; i < 6; i++) await edge.inject({ region: 'fra', url: '/' })
  t.equal(new Set(seen.map(({ machine }) => machine)).size, 2)
})

await t.test('forged replay headers pass, or are stripped when asked for', async (t) => {
  const headers = { 'fly-replay-src': 'instance=evil', 'fly-replay-failed': 'reason=timeout' }
  for (const forgedHeaders of ['pass', 'strip'] as const) {
    const { edge, seen } = await world(t, { forgedHeaders })
    await edge.inject({ region: 'nrt', url: '/', headers })
    t.equal(seen[0]?.headers['fly-replay-src'], forgedHeaders === 'pass' ? 'instance=evil' : undefined)
    await edge.close()
  }
  const { edge, seen, answers } = await world(t)
  answers['nrt1'] = replayWith('region=fra')
  await edge.inject({ region: 'nrt', url: '/', headers })
  t.match(seen[1]?.headers['fly-replay-src'], /^instance=nrt1;/, 'after a replay the edge\'s own stands alone')
  t.equal(seen[1]?.headers['fly-replay-failed'], undefined)
})

await t.test('answers stream through as they come', async (t) => {
  const { edge, answers } = await world(t)
  let finish = (): void => {}
  answers['nrt1'] = (_seen, response) => {
    response.write('first')
    finish = () => response.end('second')
  }
  const chunks: string[] = []
  await new Promise<void>((resolve, reject) => {
    request(`${edge.url('nrt')}/`, (response) => {
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk.toString())
        if (chunks.length === 1) finish()
      })
      response.on('end', resolve)
    }).on('error', reject).end()
  })
  t.same(chunks, ['first', 'second'])
})

await t.test('a client that leaves ends the request at the machine', async (t) => {
  const { edge, answers } = await world(t)
  let aborted = false
  let arrived = false
  answers['nrt1'] = (_seen, response) => {
    arrived = true
    response.on('close', () => { aborted = true })
  }
  const outgoing = request(`${edge.url('nrt')}/`)
  outgoing.on('error', () => {})
  outgoing.end()
  await waitFor('the request to arrive', () => arrived)
  outgoing.destroy()
  await waitFor('the machine to be told', () => aborted)
})

await t.test('many requests on one connection leave no listeners behind', async (t) => {
  const { edge } = await world(t)
  const warnings: Error[] = []
  const listen = (warning: Error): void => { warnings.push(warning) }
  process.on('warning', listen)
  t.teardown(() => process.off('warning', listen))
  for (let i = 0; i < 30; i++) await edge.inject({ region: 'nrt', url: '/' })
  await new Promise((resolve) => setImmediate(resolve))
  t.same(warnings, [])
})

await t.test('an upgrade passes through, and a replay is followed before it', async (t) => {
  const { edge, seen, answers } = await world(t)
  const talk = (region: string): Promise<string> => new Promise((resolve, reject) => {
    const outgoing = request(`${edge.url(region)}/socket`, { headers: { connection: 'Upgrade', upgrade: 'websocket' } })
    outgoing.on('error', reject)
    outgoing.on('response', (response) => resolve(String(response.statusCode)))
    outgoing.on('upgrade', (_response, socket) => {
      socket.on('error', () => {})
      socket.once('data', (chunk: Buffer) => {
        socket.destroy()
        resolve(chunk.toString())
      })
      socket.write('hi')
    })
    outgoing.end()
  })
  t.equal(await talk('nrt'), 'nrt1:hi')
  answers['nrt1 upgrade'] = () => {}
  t.equal(await talk('nrt'), 'fra1:hi')
  t.match(seen.at(-1), { machine: 'fra1', method: 'UPGRADE', headers: { 'fly-replay-src': /instance=nrt1/, upgrade: 'websocket' } })
})

await t.test('the edge has faults of its own', async (t) => {
  const { edge, seen, answers } = await world(t, { idleTimeoutMs: 1_000 })
  const post = (): Promise<string> => edge.inject({ region: 'nrt', method: 'POST', url: '/', payload: 'x' }).then((answer) => String(answer.statusCode), (failure: NodeJS.ErrnoException) => failure.code ?? 'error')

  edge.fault({ type: 'answer-lost' })
  t.equal(await post(), 'ECONNRESET', 'the client sees a reset')
  t.equal(seen.length, 1, 'the machine has handled it')

  edge.fault({ type: 'deliver-twice' })
  t.equal(await post(), '200')
  t.equal(seen.length, 3, 'the machine has handled it twice')
  t.equal(seen[2]?.body, 'x')

  edge.fault({ type: 'hang-after-connect' })
  t.equal(await post(), '502')
  t.equal(seen.length, 3, 'the machine has got nothing')

  let broken = 0
  answers['nrt1'] = (_seen, response) => {
    if (broken++ === 0) response.destroy()
    else response.end('second time')
  }
  edge.fault({ type: 'retry-on-reset' })
  t.equal(await post(), '200')
  t.equal(seen.length, 5)
  broken = 0
  t.equal(await post(), '502', 'without the fault a broken connection is an error')

  answers['nrt1'] = replayWith('region=fra')
  edge.fault({ type: 'die-before-replay' })
  t.equal(await post(), 'ECONNRESET')
  t.equal(seen.at(-1)?.machine, 'nrt1', 'nobody has handled the replay')
  t.equal(edge.pendingFaults, 0)
  t.equal(await post(), '200', 'then all is well again')
})

await t.test('a bare 409 that reaches a client is counted', async (t) => {
  const { edge, answers } = await world(t)
  answers['nrt1'] = (_seen, response) => {
    response.statusCode = 409
    response.end()
  }
  await edge.inject({ region: 'nrt', url: '/' })
  answers['nrt1'] = (_seen, response) => {
    response.statusCode = 409
    response.end('taken')
  }
  await edge.inject({ region: 'nrt', url: '/' })
  t.equal(edge.counters().bareConflicts, 1)
})

await t.test('the way of a request is told in a header when asked for', async (t) => {
  const { edge, answers } = await world(t)
  answers['nrt1'] = replayWith('region=fra')
  const answer = await edge.inject({ region: 'nrt', url: '/', headers: { 'x-edge-trace': '1' } })
  t.match(JSON.parse(String(answer.headers['x-edge-trace'])), [{ region: 'nrt' }, { region: 'fra' }])
})

await t.test('close ends open connections', async (t) => {
  const { edge, answers } = await world(t)
  answers['nrt1'] = () => {}
  const agent = new Agent({ keepAlive: true })
  const ended = new Promise((resolve) => {
    request(`${edge.url('nrt')}/`, { agent }).on('error', resolve).end()
  })
  const idle = connect(Number(edge.url('fra').split(':').at(-1)), '127.0.0.1')
  const idleEnded = new Promise((resolve) => idle.on('close', resolve))
  await new Promise((resolve) => idle.once('connect', resolve))
  await waitFor('the request to be under way', () => edge.counters().requests === 1)
  await edge.close()
  await ended
  await idleEnded
  agent.destroy()
  t.pass('both have ended')
})
