// What a test process and the keeper of a shared cluster say to each other: one JSON text a line.

import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export const PRIMARY_REGION = 'fra'
export const REPLICA_REGIONS = ['iad', 'nrt'] as const

export const projectRoot = fileURLToPath(new URL('../../', import.meta.url))

export type KeeperRequest =
  | { type: 'lease', pid: number, runPid: number }
  | { type: 'make-database' }
  | { type: 'drop-database', name: string }
  | { type: 'end-run', runPid: number }

export type KeeperAnswer =
  | { type: 'leased', ports: Record<string, number> }
  | { type: 'busy' }
  | { type: 'database', name: string }
  | { type: 'done' }
  | { type: 'failed', message: string }

/** Keepers of this checkout, this user and this PostgreSQL. */
export function keeperDirectory (): string {
  const key = createHash('sha256').update(`${projectRoot}\0${process.env['MULTI_REGION_POSTGRES_BIN'] ?? ''}`).digest('hex').slice(0, 10)
  const uid = process.getuid?.() ?? 0
  const directory = join(tmpdir(), `multi-region-test-${uid}-${key}`)
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  if (statSync(directory).uid !== uid) throw new Error(`${directory} belongs to another user: remove it, or set TMPDIR.`)
  return directory
}

export function keeperSockets (): string[] {
  const directory = keeperDirectory()
  return readdirSync(directory).filter((name) => name.endsWith('.sock')).map((name) => join(directory, name))
}

/** A connection to a keeper. It keeps the process alive only while an answer is awaited. */
export class KeeperConnection {
  readonly #socket: Socket
  #waiting: { resolve: (answer: KeeperAnswer) => void, reject: (failure: Error) => void }[] = []

  private constructor (socket: Socket) {
    this.#socket = socket
    socket.unref()
    createInterface({ input: socket }).on('line', (line) => {
      const next = this.#waiting.shift()
      if (this.#waiting.length === 0) socket.unref()
      next?.resolve(JSON.parse(line) as KeeperAnswer)
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      for (const { reject } of this.#waiting.splice(0)) reject(new Error('the keeper of the shared cluster has ended'))
    })
  }

  /** `undefined` when nobody listens there; the socket file of a dead keeper is removed. */
  static open (path: string): Promise<KeeperConnection | undefined> {
    return new Promise((resolve) => {
      const socket = connect(path)
      socket.once('connect', () => resolve(new KeeperConnection(socket)))
      socket.once('error', (failure: NodeJS.ErrnoException) => {
        if (failure.code === 'ECONNREFUSED') rmSync(path, { force: true })
        resolve(undefined)
      })
    })
  }

  ask (request: KeeperRequest): Promise<KeeperAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#socket.destroyed) return reject(new Error('the keeper of the shared cluster has ended'))
      this.#waiting.push({ resolve, reject })
      this.#socket.ref()
      this.#socket.write(`${JSON.stringify(request)}\n`)
    })
  }

  close (): void {
    this.#socket.destroy()
  }
}
