// A minimal PostgreSQL connection for the kit's own statements: simple protocol, trusted login, text values.
// Not for applications. The kit has it because only the driver file of the package may know postgres.js, and
// because controls of a broken cluster must be bounded in time whatever the server does.

import { connect as connectSocket, type Socket } from 'node:net'

/** A row as text, by column name. */
export type TextRow = Record<string, string | null>

/** A server's refusal. */
export class ServerError extends Error {
  readonly code: string
  readonly severity: string
  constructor (fields: Map<string, string>) {
    super(fields.get('M') ?? 'unknown error')
    this.name = 'ServerError'
    this.code = fields.get('C') ?? ''
    this.severity = fields.get('V') ?? fields.get('S') ?? ''
  }
}

export interface WireAddress {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
}

const PROTOCOL_VERSION_3 = 196_608

/** One connection; statements run one after the other. */
export class WireConnection {
  readonly #socket: Socket
  #buffered: Buffer = Buffer.alloc(0)
  #columns: string[] = []
  #rows: TextRow[] = []
  #error: Error | undefined
  #settle: { resolve: (rows: TextRow[]) => void, reject: (failure: Error) => void } | undefined
  #ended: Error | undefined

  private constructor (socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk) => this.#read(chunk))
    socket.on('error', (failure) => this.#end(failure))
    socket.on('close', () => this.#end(new Error('the server closed the connection')))
  }

  static async open (address: WireAddress, timeoutMs = 5_000): Promise<WireConnection> {
    const connection = new WireConnection(connectSocket({ host: address.host, port: address.port }))
    const fields = ['user', address.user, 'database', address.database, 'application_name', 'multi-region-kit', 'client_encoding', 'UTF8']
    const body = Buffer.from(fields.map((field) => `${field}\0`).join('') + '\0')
    const head = Buffer.alloc(8)
    head.writeInt32BE(body.length + 8, 0)
    head.writeInt32BE(PROTOCOL_VERSION_3, 4)
    await connection.#exchange(Buffer.concat([head, body]), timeoutMs)
    return connection
  }

  /** Runs one text, which may hold several statements; returns the rows of the last that had any. */
  query (text: string, timeoutMs = 10_000): Promise<TextRow[]> {
    const body = Buffer.from(`${text}\0`)
    const head = Buffer.alloc(5)
    head.write('Q', 0)
    head.writeInt32BE(body.length + 4, 1)
    return this.#exchange(Buffer.concat([head, body]), timeoutMs)
  }

  close (): void {
    if (this.#ended === undefined) this.#socket.end(Buffer.from([0x58, 0, 0, 0, 4]))
    // A frozen server never answers the end; nothing may wait for it.
    this.#socket.unref()
    setTimeout(() => this.#socket.destroy(), 200).unref()
  }

  destroy (): void {
    this.#socket.destroy()
  }

  #exchange (bytes: Buffer, timeoutMs: number): Promise<TextRow[]> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended)
    if (this.#settle !== undefined) return Promise.reject(new Error('a statement is already running on this connection'))
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const late = new Error(`the server did not answer within ${timeoutMs} ms`)
        this.#end(late)
        this.#socket.destroy()
      }, timeoutMs)
      this.#settle = {
        resolve: (rows) => { clearTimeout(timer); resolve(rows) },
        reject: (failure) => { clearTimeout(timer); reject(failure) }
      }
      this.#columns = []
      this.#rows = []
      this.#error = undefined
      this.#socket.write(bytes)
    })
  }

  #end (failure: Error): void {
    this.#ended ??= failure
    const settle = this.#settle
    this.#settle = undefined
    settle?.reject(this.#error ?? failure)
  }

  #read (chunk: Buffer): void {
    this.#buffered = this.#buffered.length === 0 ? chunk : Buffer.concat([this.#buffered, chunk])
    let offset = 0
    while (this.#buffered.length - offset >= 5) {
      const length = this.#buffered.readInt32BE(offset + 1)
      if (this.#buffered.length - offset < length + 1) break
      this.#message(String.fromCharCode(this.#buffered[offset] as number), this.#buffered.subarray(offset + 5, offset + 1 + length))
      offset += length + 1
    }
    this.#buffered = this.#buffered.subarray(offset)
  }

  #message (type: string, body: Buffer): void {
    switch (type) {
      case 'R':
        if (body.readInt32BE(0) !== 0) this.#end(new Error('the kit only logs in to servers that trust it'))
        break
      case 'T': {
        this.#columns = []
        this.#rows = []
        let at = 2
        for (let left = body.readInt16BE(0); left > 0; left--) {
          const end = body.indexOf(0, at)
          this.#columns.push(body.toString('utf8', at, end))
          at = end + 19
        }
        break
      }
      case 'D': {
        const row: TextRow = {}
        let at = 2
        for (const column of this.#columns) {
          const length = body.readInt32BE(at)
          at += 4
          row[column] = length === -1 ? null : body.toString('utf8', at, at + length)
          if (length > 0) at += length
        }
        this.#rows.push(row)
        break
      }
      case 'E': {
        const fields = new Map<string, string>()
        for (let at = 0; body[at] !== 0;) {
          const end = body.indexOf(0, at)
          fields.set(String.fromCharCode(body[at] as number), body.toString('utf8', at + 1, end))
          at = end + 1
        }
        // The first error is the cause of those that follow it.
        this.#error ??= new ServerError(fields)
        break
      }
      case 'Z': {
        const settle = this.#settle
        this.#settle = undefined
        if (this.#error !== undefined) settle?.reject(this.#error)
        else settle?.resolve(this.#rows)
        break
      }
      default:
        // ParameterStatus, BackendKeyData, NoticeResponse, CommandComplete, EmptyQueryResponse: nothing to learn.
    }
  }
}
