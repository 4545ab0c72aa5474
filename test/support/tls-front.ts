// A server that speaks TLS as PostgreSQL does, before a PostgreSQL that does not: certificates without a set-up of their own.
// The certificate (tls/cert.pem, made out to database.test) and its key are for tests alone.

import { readFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { createSecureContext, TLSSocket } from 'node:tls'

interface Teardown {
  teardown (end: () => void | Promise<void>): void
}

const read = (name: string): string => readFileSync(new URL(`./tls/${name}`, import.meta.url), 'utf8')

export const certificate = read('cert.pem')
const key = read('key.pem')

export interface TlsFront {
  readonly port: number
  /** Names that clients asked for, by SNI. */
  readonly names: (string | false | null | undefined)[]
}

/** `smuggling`: plain text in the same packet as the answer to the TLS request. */
export async function openTlsFront (t: Teardown, target: { host: string, port: number }, answer: 'honest' | 'smuggling' = 'honest'): Promise<TlsFront> {
  const names: TlsFront['names'] = []
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('data', () => {
      if (answer === 'smuggling') {
        socket.write('SR')
        return
      }
      socket.write('S')
      const secure = new TLSSocket(socket, { isServer: true, secureContext: createSecureContext({ key, cert: certificate }), SNICallback: (name, done) => { names.push(name); done(null) } })
      const upstream = connect(target)
      sockets.add(upstream)
      secure.on('error', () => { upstream.destroy() })
      upstream.on('error', () => { secure.destroy() })
      secure.pipe(upstream).pipe(secure)
    })
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, names } // a TCP server's address
}
