import t from 'tap'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { once } from 'node:events'
import { Link } from '../../lib/testing/link.ts'
import { waitFor } from '../../lib/testing/wait-for.ts'

interface Teardown { teardown (end: () => unknown): void }

/** Echoes, and keeps what it got. */
async function echo (t: Teardown): Promise<{ port: number, received: () => string, sockets: Socket[], closes: string[] }> {
  const sockets: Socket[] = []
  const closes: string[] = []
  let text = ''
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', (failure: NodeJS.ErrnoException) => closes.push(failure.code ?? 'error'))
    socket.on('close', () => closes.push('close'))
    socket.on('data', (chunk) => {
      text += chunk.toString()
      socket.write(chunk)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, received: () => text, sockets, closes }
}

async function setUp (t: Teardown, roundTripMs = 0): Promise<{ link: Link, server: Awaited<ReturnType<typeof echo>>, dial: () => Promise<Socket> }> {
  const server = await echo(t)
  const link = await Link.open({ from: 'iad', to: 'fra', purpose: 'database', target: { host: '127.0.0.1', port: server.port }, roundTripMs })
  t.teardown(() => link.close())
  const dial = async (): Promise<Socket> => {
    const socket = connect({ port: link.port, host: link.host, noDelay: true })
    t.teardown(() => socket.destroy())
    socket.on('error', () => {})
    await once(socket, 'connect')
    return socket
  }
  return { link, server, dial }
}

/** The end of a socket, however it ends: `once` would reject on a reset. */
function ended (socket: Socket): Promise<string> {
  let code = 'none'
  socket.on('error', (failure: NodeJS.ErrnoException) => { code = failure.code ?? 'error' })
  return new Promise((resolve) => socket.on('close', () => resolve(code)))
}

async function roundTrip (socket: Socket, text: string): Promise<string> {
  let got = ''
  socket.write(text)
  while (got.length < text.length) {
    const [chunk] = await once(socket, 'data') as [Buffer]
    got += chunk.toString()
  }
  return got
}

await t.test('bytes take the distance, there and back, and a connection costs one round trip more', async (t) => {
  const { dial } = await setUp(t, 60)
  const socket = await dial()
  let startedAt = performance.now()
  await roundTrip(socket, 'hello')
  const first = performance.now() - startedAt
  t.ok(first >= 118, `the first exchange took ${first}`)
  const later: number[] = []
  for (let i = 0; i < 8; i++) {
    startedAt = performance.now()
    await roundTrip(socket, 'again')
    later.push(performance.now() - startedAt)
  }
  t.ok(later.every((took) => took >= 58), `never sooner: ${later}`)
  // The best of several: a busy machine is late at times.
  t.ok(Math.min(...later) < 75, `not much later: ${later}`)
})

await t.test('order is kept and distance does not limit bandwidth', async (t) => {
  const { dial } = await setUp(t, 40)
  const socket = await dial()
  await roundTrip(socket, 'warm')
  const text = Array.from({ length: 200_000 }, (_, i) => String(i)).join(',')
  const startedAt = performance.now()
  t.equal(await roundTrip(socket, text), text)
  t.ok(performance.now() - startedAt < 3_000, 'a megabyte passes in about one round trip')
})

await t.test('a partition holds bytes back and delivers them when it is healed', async (t) => {
  const { link, server, dial } = await setUp(t)
  const socket = await dial()
  await roundTrip(socket, 'a')
  link.partition('from-target')
  socket.write('b')
  await waitFor('the server to get it', () => server.received() === 'ab')
  let answered = false
  socket.once('data', () => { answered = true })
  const late = await dial()
  late.write('c')
  t.equal(answered, false, 'the answer is held')
  await link.heal()
  await waitFor('the held answer', () => answered)
  await waitFor('a connection opened during the partition to work', () => server.received() === 'abc')
})

await t.test('a black hole leaves connections half-open for ever', async (t) => {
  const { link, server, dial } = await setUp(t)
  const socket = await dial()
  await roundTrip(socket, 'a')
  let closed = false
  socket.on('close', () => { closed = true })
  link.blackHole()
  socket.write('b')
  await link.heal()
  const fresh = await dial()
  t.equal(await roundTrip(fresh, 'c'), 'c', 'a new connection works after healing')
  t.equal(server.received(), 'ac', 'the old one does not')
  t.equal(closed, false, 'and its client has not been told')
  t.same(server.closes, [], 'nor its server')
})

await t.test('a reset ends both ends with RST', async (t) => {
  const { link, server, dial } = await setUp(t)
  const socket = await dial()
  await roundTrip(socket, 'a')
  const end = ended(socket)
  link.reset()
  t.equal(await end, 'ECONNRESET')
  await waitFor('the server to notice', () => server.closes.includes('ECONNRESET'))
  t.equal(link.connections, 0)
})

await t.test('a reset can wait for a chunk, and let it through or not', async (t) => {
  const { link, server, dial } = await setUp(t)
  const first = await dial()
  await roundTrip(first, 'a')
  const delivered = link.resetOn({ direction: 'to-target', matches: (chunk) => chunk.includes('COMMIT'), chunk: 'deliver' })
  const firstClosed = ended(first)
  first.write('COMMIT')
  await delivered.happened
  await firstClosed
  await waitFor('the server to have it', () => server.received() === 'aCOMMIT')
  const second = await dial()
  const dropped = link.resetOn({ direction: 'to-target', matches: () => true, chunk: 'drop' })
  const secondClosed = ended(second)
  second.write('lost')
  await dropped.happened
  await secondClosed
  t.equal(server.received(), 'aCOMMIT', 'the dropped chunk never arrives')
})

await t.test('a reset can come after a number of bytes', async (t) => {
  const { link, dial } = await setUp(t)
  const socket = await dial()
  await roundTrip(socket, 'warm')
  let got = ''
  socket.on('data', (chunk) => { got += chunk.toString() })
  const pending = link.resetAfter({ direction: 'from-target', bytes: 3 })
  const closed = ended(socket)
  socket.write('abcdef')
  await pending.happened
  await closed
  t.equal(got, 'abc', 'the stream ends in the middle')
})

await t.test('a link refuses new connections and comes back on the same port', async (t) => {
  const { link, dial } = await setUp(t)
  const open = await dial()
  await roundTrip(open, 'a')
  await link.refuse()
  const refused = connect({ port: link.port, host: link.host })
  const [failure] = await once(refused, 'error') as [NodeJS.ErrnoException]
  t.equal(failure.code, 'ECONNREFUSED')
  t.equal(await roundTrip(open, 'b'), 'b', 'open connections go on')
  await link.heal()
  t.equal(await roundTrip(await dial(), 'c'), 'c')
})

await t.test('a target that refuses is a reset for the client', async (t) => {
  const { link, dial } = await setUp(t)
  link.retarget({ host: '127.0.0.1', port: 1 })
  const socket = await dial()
  await ended(socket)
  t.equal(link.connections, 0)
})

await t.test('slow links take their time', async (t) => {
  const { link, dial } = await setUp(t)
  const socket = await dial()
  await roundTrip(socket, 'a')
  link.slow(100_000)
  const startedAt = performance.now()
  await roundTrip(socket, 'x'.repeat(10_000))
  const took = performance.now() - startedAt
  t.ok(took > 150, `10 kB each way at 100 kB/s took ${took} ms`)
})

await t.test('the end of a stream passes in both directions', async (t) => {
  const { link, server, dial } = await setUp(t, 10)
  const socket = await dial()
  await roundTrip(socket, 'a')
  socket.end('z')
  await ended(socket)
  await waitFor('the server to see the end', () => server.closes.includes('close'))
  t.same(server.closes, ['close'], 'without an error')
  await waitFor('the link to forget it', () => link.connections === 0)
})
