// A TCP proxy that counts round trips: how often the client had to hear from the server before it could go on.
// Every chunk of the server waits a little, so that requests sent together are seen to go together.

import { createServer, connect, type AddressInfo, type Socket } from 'node:net'

interface Teardown {
  teardown (end: () => void | Promise<void>): void
}

export interface RoundTrips {
  readonly port: number
  /** The same URL through the proxy. */
  through (url: string): string
  /** Round trips since the last call, over all connections. */
  take (): number
}

const DELAY_MS = 15

export async function countRoundTrips (t: Teardown, targetUrl: string): Promise<RoundTrips> {
  const target = new URL(targetUrl)
  const sockets = new Set<Socket>()
  let count = 0
  const proxy: RoundTrips = {
    port: 0,
    through: () => '',
    take () {
      const taken = count
      count = 0
      return taken
    },
  }
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname)
    let turn: 'client' | 'server' = 'server'
    const drop = (): void => {
      client.destroy()
      upstream.destroy()
    }
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        drop()
      })
    }
    client.on('data', (chunk: Buffer) => {
      if (turn === 'server') count++
      turn = 'client'
      if (!upstream.destroyed) upstream.write(chunk)
    })
    upstream.on('data', (chunk: Buffer) => {
      setTimeout(() => {
        turn = 'server'
        if (!client.destroyed) client.write(chunk)
      }, DELAY_MS)
    })
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => new Promise<void>((resolve) => {
    for (const socket of sockets) socket.destroy()
    server.close(() => { resolve() })
  }))
  const { port } = server.address() as AddressInfo
  return Object.assign(proxy, {
    port,
    through (url: string) {
      const proxied = new URL(url)
      proxied.hostname = '127.0.0.1'
      proxied.port = String(port)
      return proxied.href
    },
  })
}
