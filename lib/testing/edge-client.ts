// The client's side of the edge: how an answer, a failure or a reset reaches who asked, over a response or over the socket
// of an upgrade.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/** Headers of one connection, which no proxy passes on. */
export const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'proxy-connection', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'expect'])

/** How an answer reaches the client: as a response, or on a socket that waits for an upgrade. */
export interface EdgeClient {
  readonly upgrade: boolean
  /** The client has left before its answer was complete. */
  onGone (tell: () => void): void
  answer (response: IncomingMessage, extra: string[]): void
  upgraded (response: IncomingMessage, socket: Socket, head: Buffer): void
  fail (status: number, code: string, message: string, extra: string[]): void
  reset (): void
}

function answerHead (response: IncomingMessage, extra: string[]): string[] {
  const headers: string[] = []
  const raw = response.rawHeaders
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] as string).toLowerCase()
    if (!HOP_BY_HOP.has(name)) headers.push(raw[i] as string, raw[i + 1] as string)
  }
  return headers.concat(extra)
}

export class ResponseClient implements EdgeClient {
  readonly upgrade = false
  readonly #incoming: IncomingMessage
  readonly #outgoing: ServerResponse

  constructor (incoming: IncomingMessage, outgoing: ServerResponse) {
    this.#incoming = incoming
    this.#outgoing = outgoing
    outgoing.on('error', () => {})
  }

  onGone (tell: () => void): void {
    this.#outgoing.once('close', () => { if (!this.#outgoing.writableFinished) tell() })
  }

  answer (response: IncomingMessage, extra: string[]): void {
    this.#outgoing.sendDate = false
    this.#outgoing.writeHead(response.statusCode ?? 502, response.statusMessage, answerHead(response, extra))
    let begun = false
    const begin = (): void => { begun = true }
    response.once('data', begin)
    response.once('end', begin)
    response.pipe(this.#outgoing)
    // Streams, server-sent events among them, go on as they come; a short answer leaves in one packet with its head.
    setImmediate(() => { if (!begun) this.#outgoing.flushHeaders() })
    response.on('error', () => this.#outgoing.destroy())
    this.#outgoing.on('close', () => { if (!response.complete) response.destroy() })
  }

  upgraded (_response: IncomingMessage, socket: Socket): void {
    socket.destroy()
    this.reset()
  }

  fail (status: number, code: string, message: string, extra: string[]): void {
    if (this.#outgoing.headersSent || this.#outgoing.destroyed) return
    const body = `${code}: ${message}\n`
    this.#outgoing.writeHead(status, ['content-type', 'text/plain', 'content-length', String(Buffer.byteLength(body)), 'x-edge-error', code, ...extra])
    this.#outgoing.end(body)
  }

  reset (): void {
    this.#incoming.socket.resetAndDestroy()
  }
}

export class UpgradeClient implements EdgeClient {
  readonly upgrade = true
  readonly #socket: Duplex
  readonly #head: Buffer

  constructor (socket: Duplex, head: Buffer) {
    this.#socket = socket
    this.#head = head
    socket.on('error', () => {})
  }

  onGone (tell: () => void): void {
    this.#socket.once('close', tell)
  }

  upgraded (response: IncomingMessage, upstream: Socket, head: Buffer): void {
    this.#socket.write(rawHead(response, [], 'keep-connection'))
    if (head.length > 0) this.#socket.write(head)
    if (this.#head.length > 0) upstream.write(this.#head)
    upstream.setTimeout(0)
    upstream.on('error', () => this.#socket.destroy())
    upstream.on('close', () => this.#socket.destroy())
    this.#socket.on('close', () => upstream.destroy())
    upstream.pipe(this.#socket)
    this.#socket.pipe(upstream)
  }

  answer (response: IncomingMessage, extra: string[]): void {
    this.#socket.write(rawHead(response, extra, 'close-connection'))
    response.pipe(this.#socket)
    response.on('error', () => this.#socket.destroy())
  }

  fail (status: number, code: string, message: string, extra: string[]): void {
    const headers = ['content-type', 'text/plain', 'connection', 'close', 'x-edge-error', code, ...extra]
    let head = `HTTP/1.1 ${status} Bad Gateway\r\n`
    for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`
    this.#socket.end(`${head}\r\n${code}: ${message}\n`)
  }

  reset (): void {
    this.#socket.destroy()
  }
}

function rawHead (response: IncomingMessage, extra: string[], connection: 'keep-connection' | 'close-connection'): string {
  let head = `HTTP/1.1 ${response.statusCode} ${response.statusMessage}\r\n`
  const headers = connection === 'keep-connection' ? response.rawHeaders : [...answerHead(response, extra), 'connection', 'close']
  for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`
  return `${head}\r\n`
}
