// A connected socket to one address, TLS included, within a bound.
//
// We dial ourselves because postgres.js would resolve the name again at every connection (and so read from
// another member than the monitor looks at, FACTS 2.12), and would reconnect on its own after a loss.

import { connect as connectTcp, isIP, type NetConnectOpts, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions as TlsOptions } from 'node:tls'
import { DriverFailure } from '../core/driver-failure.ts'
import type { SslMode, TlsSettings } from '../core/endpoint.ts'

/** Where exactly: one address of a host name, or a Unix socket. */
export interface Address {
  /** An IP address, or the directory of a Unix socket. */
  readonly at: string
  readonly port: number
  /** The name that was resolved: what a certificate must be made out to. */
  readonly hostName: string
}

export interface DialOptions {
  readonly address: Address
  readonly ssl: SslMode | TlsSettings
  readonly timeoutMs: number
}

const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])
const SSL_ACCEPTED = 0x53 // S
/** Batches are written whole: answers are read while we write, so neither side waits for the other. */
const WRITE_AHEAD_BYTES = 1 << 30
const KEEP_ALIVE_MS = 10_000

/** @throws DriverFailure of kind `connect` */
export function dial (options: DialOptions): Promise<Socket> {
  const { address, ssl, timeoutMs } = options
  return new Promise((resolve, reject) => {
    const target = address.at.startsWith('/')
      ? { path: `${address.at}/.s.PGSQL.${address.port}` }
      : { host: address.at, port: address.port }
    // `writableHighWaterMark` reaches the stream's constructor, though the types of `connect` do not name it.
    const socket = connectTcp({ ...target, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS, writableHighWaterMark: WRITE_AHEAD_BYTES } as object as NetConnectOpts)
    let current: Socket = socket
    const timer = setTimeout(() => { fail(connectFailure('ETIMEDOUT')) }, timeoutMs)

    const fail = (failure: DriverFailure): void => {
      clearTimeout(timer)
      // A late error of a socket that we gave up has nobody to tell.
      current.on('error', ignore)
      socket.on('error', ignore)
      current.destroy()
      socket.destroy()
      reject(failure)
    }
    const onError = (error: NodeJS.ErrnoException): void => { fail(connectFailure(error.code ?? 'ECONNRESET', error)) }
    const onClose = (): void => { fail(connectFailure('ECONNRESET')) }
    const succeed = (): void => {
      clearTimeout(timer)
      current.removeListener('error', onError)
      current.removeListener('close', onClose)
      // Until its user listens, and after they have let go, a reset must not end the process.
      current.on('error', ignore)
      resolve(current)
    }

    socket.on('error', onError)
    socket.on('close', onClose)
    socket.once('connect', () => {
      if (ssl === 'disable' || address.at.startsWith('/')) {
        succeed()
        return
      }
      socket.write(SSL_REQUEST)
      socket.once('data', (answer: Buffer) => {
        if (answer[0] !== SSL_ACCEPTED) {
          if (ssl === 'prefer') succeed()
          else fail(connectFailure('TLS_REFUSED'))
          return
        }
        // More than the one byte would be plain text smuggled in before the handshake (CVE-2021-23222).
        if (answer.length > 1) {
          fail(connectFailure('TLS_REFUSED'))
          return
        }
        socket.removeListener('error', onError)
        socket.removeListener('close', onClose)
        socket.on('error', ignore)
        current = connectTls(tlsOptions(socket, options))
        current.on('error', onError)
        current.on('close', onClose)
        current.once('secureConnect', succeed)
      })
    })
  })
}

function ignore (): void {}

function tlsOptions (socket: Socket, { address, ssl }: DialOptions): TlsOptions {
  const name = isIP(address.hostName) === 0 ? { servername: address.hostName } : { host: address.hostName }
  // As above: `highWaterMark` is documented for `tls.connect`, and not typed.
  const base = { socket, highWaterMark: WRITE_AHEAD_BYTES, ...name } as object as TlsOptions
  switch (ssl) {
    case 'disable': return base
    case 'prefer':
    case 'require': return { ...base, rejectUnauthorized: false }
    case 'verify-full': return base
    default: return { ...base, ...ssl }
  }
}

const MESSAGES: Readonly<Record<string, string>> = {
  ETIMEDOUT: 'No connection to the server came about in time.',
  TLS_REFUSED: 'The server does not offer TLS, which this endpoint requires.',
}

export function connectFailure (code: string, cause?: unknown): DriverFailure {
  return new DriverFailure(MESSAGES[code] ?? `No connection to the server came about (${code}).`, { kind: 'connect', code, sent: false, cause })
}
