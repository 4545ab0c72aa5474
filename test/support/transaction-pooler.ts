// A pooler in transaction mode, as small as it can be: whoever speaks is given a free connection to the server, and
// keeps it until the server is idle outside a transaction. Sessions greet with process numbers of its own.

import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

interface Teardown {
  teardown (end: () => void | Promise<void>): void
}

const SYNC = 0x53 // S
const QUERY = 0x51 // Q
const TERMINATE = 0x58 // X
const READY = 0x5A // Z
const IDLE = 0x49 // I

const message = (type: string, ...body: (number | string)[]): Buffer => {
  const bytes = Buffer.concat(body.map((part) => typeof part === 'string' ? Buffer.from(part) : Buffer.from([part >>> 24, (part >>> 16) & 255, (part >>> 8) & 255, part & 255])))
  const head = Buffer.alloc(5)
  head.write(type)
  head.writeUInt32BE(bytes.length + 4, 1)
  return Buffer.concat([head, bytes])
}

/** Calls back with each complete message. */
function eachMessage (socket: Socket, onMessage: (type: number, bytes: Buffer) => void): void {
  let held = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    held = Buffer.concat([held, chunk])
    while (held.length >= 5 && held.length > held.readUInt32BE(1)) {
      const length = held.readUInt32BE(1) + 1
      const bytes = held.subarray(0, length)
      held = held.subarray(length)
      onMessage(bytes[0] ?? 0, bytes)
    }
  })
}

interface Backend { readonly socket: Socket, client: Socket | undefined, due: number }

export interface PoolerOptions {
  readonly host: string
  readonly port: number
  /** Start-up parameters that are refused, as PgBouncer refuses those that it does not know. */
  readonly refuses?: readonly string[]
}

/** The port that it listens on. Trusts everybody, and so must the server. */
export async function openTransactionPooler (t: Teardown, { host, port, refuses = [] }: PoolerOptions): Promise<number> {
  const sockets = new Set<Socket>()
  let processes = 900_000
  const server = createServer((client) => {
    sockets.add(client)
    client.setNoDelay(true)
    client.on('error', () => {})
    client.once('data', (startUp: Buffer) => {
      const words = startUp.toString('latin1', 8).split('\0')
      const refused = refuses.find((word) => words.includes(word))
      if (refused !== undefined) {
        client.end(message('E', `SFATAL\0VFATAL\0C08P01\0Munsupported startup parameter: ${refused}\0\0`))
        return
      }
      const ofThisClient = pools(words.join('\0'))
      client.write(Buffer.concat([message('R', 0), message('S', 'client_encoding\0UTF8\0'), message('K', ++processes, 42), message('Z', 'I')]))
      eachMessage(client, (type, bytes) => {
        if (type === TERMINATE) {
          client.end()
          return
        }
        let backend = ofThisClient.find((one) => one.client === client)
        if (backend === undefined) {
          backend = ofThisClient.find((one) => one.client === undefined) ?? dial(startUp, ofThisClient)
          backend.client = client
        }
        if (type === SYNC || type === QUERY) backend.due++
        backend.socket.write(bytes)
      })
    })
  })
  const byStartUp = new Map<string, Backend[]>()
  const pools = (key: string): Backend[] => {
    const known = byStartUp.get(key) ?? []
    byStartUp.set(key, known)
    return known
  }
  const dial = (startUp: Buffer, backends: Backend[]): Backend => {
    const socket = connect({ host, port })
    socket.setNoDelay(true)
    const backend: Backend = { socket, client: undefined, due: 1 }
    backends.push(backend)
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => {
      backends.splice(backends.indexOf(backend), 1)
      backend.client?.destroy()
    })
    socket.write(startUp)
    let greeting = true
    eachMessage(socket, (type, bytes) => {
      if (type === READY) backend.due--
      if (!greeting) backend.client?.write(bytes)
      if (type !== READY) return
      greeting = false
      if (backend.due === 0 && bytes[5] === IDLE) backend.client = undefined
    })
    return backend
  }
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port // a TCP server's address
}
