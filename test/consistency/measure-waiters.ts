// Ten thousand requests wait for one replica: one poller, little memory, all answered, and the wait ends with the catch-up.

import { fork, type ChildProcess } from 'node:child_process'
import { connect, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { waitFor } from '../../lib/testing/index.ts'
import { WireConnection } from '../../lib/testing/wire.ts'
import { percentile } from './figures.ts'
import { HttpClient, TokenJar } from './http-client.ts'
import type { Stage } from './stage.ts'
import type { Question, State } from './waiting-app.ts'

export interface WaiterFigures {
  readonly requests: number
  readonly answered: number
  /** Transactions a second on the replica while all of them waited. */
  readonly looksPerSecond: number
  readonly addedMegabytes: number
  /** From the catch-up (not before it) to the end of the wait. */
  readonly waitFirstMs: number
  readonly waitP50Ms: number
  readonly waitP99Ms: number
  /** From the catch-up to the last answer: each of them reads a row. */
  readonly lastAnswerMs: number
}

const REGION = 'iad'
const nowMs = (): number => performance.timeOrigin + performance.now()

export async function measureWaiters (stage: Stage, { key, requests, holdMs }: { readonly key: Uint8Array, readonly requests: number, readonly holdMs: number }): Promise<WaiterFigures> {
  const { cluster } = stage
  const child = new Child()
  const sockets: Socket[] = []
  const apps = await stage.startApps({ token: { key } })
  try {
    const hexKey = Buffer.from(key).toString('hex')
    const plugin = stage.plugin(REGION, {
      token: { waitTimeout: 60_000, wait: 'always' },
      // All of them want a connection at the same moment.
      pool: { max: 10, primaryMax: 2, queueSize: requests, queueTimeout: 30_000 },
      statementTimeout: 15_000,
    })
    const url = new URL(await child.ask<string>({ ask: 'start', plugin, key: hexKey }))
    const token = await writtenBehindPause(stage, apps.url('fra'))
    const answers = { count: 0, failed: 0 }
    // Connected first, and idle: what is compared is the waiting.
    await connectAll(sockets, { url, count: requests, answers })
    const idle = await child.ask<State>({ ask: 'state' })
    for (const socket of sockets) socket.write(`GET /register/r1 HTTP/1.1\r\nhost: waiters\r\ncookie: multi-region=${token}\r\n\r\n`)
    await waitFor('all requests to arrive', async () => (await child.ask<State>({ ask: 'state' })).arrived >= requests, { withinMs: 60_000, everyMs: 100 })
    const before = { count: await transactions(stage), atMs: nowMs() }
    await new Promise((resolve) => setTimeout(resolve, holdMs))
    const after = { count: await transactions(stage), atMs: nowMs() }
    const waiting = await child.ask<State>({ ask: 'state' })
    if (waiting.answered > 0) throw new Error(`${waiting.answered} requests were answered before the replica had caught up`)
    const caughtUpMs = await resume(stage)
    await waitFor('all answers', () => answers.count >= requests, { withinMs: 60_000, everyMs: 20 })
    const lastAnswerMs = nowMs() - caughtUpMs
    const ends = (await child.ask<number[]>({ ask: 'waits' })).map((atMs) => atMs - caughtUpMs)
    return {
      requests,
      answered: answers.count - answers.failed,
      looksPerSecond: (after.count - before.count) / (after.atMs - before.atMs) * 1_000,
      addedMegabytes: (waiting.rssBytes - idle.rssBytes) / 1_048_576,
      waitFirstMs: percentile(ends, 0),
      waitP50Ms: percentile(ends, 0.5),
      waitP99Ms: percentile(ends, 0.99),
      lastAnswerMs,
    }
  } finally {
    for (const socket of sockets) socket.destroy()
    await cluster.resumeReplay(REGION).catch(() => {})
    await apps.close()
    await child.end()
  }
}

/** A token that the paused replica does not have. */
async function writtenBehindPause (stage: Stage, url: string): Promise<string> {
  await stage.cluster.waitForReplay()
  await stage.cluster.pauseReplay(REGION)
  const http = new HttpClient()
  const jar = new TokenJar('cookie')
  try {
    jar.keep((await http.send(`${url}/write/raw`, { method: 'POST', payload: { key: 'r1', writer: 'waiters' } })).headers)
  } finally {
    http.close()
  }
  if (jar.token === undefined) throw new Error('the write brought no token')
  return jar.token
}

async function connectAll (sockets: Socket[], { url, count, answers }: { readonly url: URL, readonly count: number, readonly answers: { count: number, failed: number } }): Promise<void> {
  const atOnce = 250
  while (sockets.length < count) {
    await Promise.all(Array.from({ length: Math.min(atOnce, count - sockets.length) }, () => new Promise<void>((resolve, reject) => {
      const socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true }, () => resolve())
      socket.once('error', reject)
      socket.once('data', (chunk: Buffer) => {
        answers.count++
        if (!chunk.subarray(0, 12).equals(OK)) answers.failed++
      })
      sockets.push(socket)
    })))
  }
}

const OK = Buffer.from('HTTP/1.1 200')

async function transactions (stage: Stage): Promise<number> {
  const [row] = await stage.cluster.query(REGION, 'select pg_stat_clear_snapshot(), (xact_commit + xact_rollback)::text as transactions from pg_stat_database where datname = current_database()')
  return Number(row?.['transactions'])
}

/** Returns a moment at which the replica had certainly not caught up yet. */
async function resume (stage: Stage): Promise<number> {
  const [row] = await stage.cluster.query('primary', 'select pg_current_wal_flush_lsn()::text as target')
  const { host, port } = stage.cluster.server(REGION)
  const connection = await WireConnection.open({ host, port, user: 'postgres', database: 'postgres' })
  try {
    let lastBehindMs = nowMs()
    await connection.query('select pg_wal_replay_resume()')
    for (;;) {
      const sentMs = nowMs()
      const [looked] = await connection.query(`select (pg_last_wal_replay_lsn() >= '${row?.['target'] ?? ''}'::pg_lsn)::text as reached`)
      if (looked?.['reached'] === 'true') return lastBehindMs
      lastBehindMs = sentMs
    }
  } finally {
    connection.close()
  }
}

class Child {
  readonly #process: ChildProcess = fork(fileURLToPath(new URL('./waiting-app.ts', import.meta.url)), { execArgv: ['--expose-gc', '--import', 'tsx'] })

  async ask<T> (question: Question): Promise<T> {
    return await new Promise<T>((resolve, reject) => {
      this.#process.once('message', (answer: { value: T } | { error: string }) => {
        if ('error' in answer) reject(new Error(answer.error))
        else resolve(answer.value)
      })
      this.#process.send(question)
    })
  }

  async end (): Promise<void> {
    if (this.#process.exitCode !== null) return
    const exited = new Promise<void>((resolve) => this.#process.once('exit', () => resolve()))
    this.#process.send({ ask: 'end' } satisfies Question)
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), 5_000)
    await exited
    clearTimeout(timer)
  }
}
