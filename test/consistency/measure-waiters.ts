// Ten thousand requests wait for one replica: one poller, little memory, all answered, and the wait ends with the catch-up.

import { connect, type Socket } from 'node:net'
import { waitFor } from '../../lib/testing/index.ts'
import { WireConnection } from '../../lib/testing/wire.ts'
import { AppProcess } from './app-process.ts'
import { percentile } from './figures.ts'
import { HttpClient, TokenJar } from './http-client.ts'
import type { Stage } from './stage.ts'
import type { Question, State } from './waiting-app.ts'

export interface WaiterFigures {
  readonly requests: number
  readonly answered: number
  /** Looks a second, of whomever, that the replica saw while all of them waited. */
  readonly looksPerSecond: number
  readonly addedMegabytes: number
  /** From the catch-up (not before it) to the release of each, as its answer tells it. */
  readonly waitP50Ms: number
  readonly waitP99Ms: number
  /** From the catch-up to the last answer: each of them reads a row. */
  readonly lastAnswerMs: number
}

const REGION = 'iad'
const BYSTANDER = 'nrt'
const nowMs = (): number => performance.timeOrigin + performance.now()

export async function measureWaiters (stage: Stage, { key, requests, holdMs }: { readonly key: Uint8Array, readonly requests: number, readonly holdMs: number }): Promise<WaiterFigures> {
  const { cluster } = stage
  const child = new AppProcess<Question>('./waiting-app.ts')
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
    await waitOnce(stage, { from: apps.url('fra'), to: url.origin })
    const token = await writtenBehindPause(stage, apps.url('fra'))
    const answers = { count: 0, failed: 0 }
    // Connected first, and idle: what is compared is the waiting.
    await connectAll(sockets, { url, count: requests, answers })
    const idle = await child.ask<State>({ ask: 'state' })
    for (const socket of sockets) socket.write(`GET /register/r1 HTTP/1.1\r\nhost: waiters\r\ncookie: multi-region=${token}\r\n\r\n`)
    await waitFor('all requests to arrive', async () => (await child.ask<State>({ ask: 'state' })).arrived >= idle.arrived + requests, { withinMs: 60_000, everyMs: 100 })
    const looksPerSecond = await watchLooks(stage, holdMs)
    const waiting = await child.ask<State>({ ask: 'state' })
    if (waiting.answered > idle.answered) throw new Error(`${waiting.answered - idle.answered} requests were answered before the replica had caught up`)
    // A third region's server has cores of its own elsewhere.
    await cluster.freeze(BYSTANDER)
    const caughtUpMs = await resume(stage)
    await waitFor('all answers', () => answers.count >= requests, { withinMs: 60_000, everyMs: 20 })
    const lastAnswerMs = nowMs() - caughtUpMs
    const ends = (await child.ask<number[]>({ ask: 'waits' })).slice(-requests).map((atMs) => atMs - caughtUpMs)
    return {
      requests,
      answered: answers.count - answers.failed,
      looksPerSecond,
      addedMegabytes: (waiting.rssBytes - idle.rssBytes) / 1_048_576,
      waitP50Ms: percentile(ends, 0.5),
      waitP99Ms: percentile(ends, 0.99),
      lastAnswerMs,
    }
  } finally {
    for (const socket of sockets) socket.destroy()
    await cluster.thaw(BYSTANDER)
    await cluster.resumeReplay(REGION).catch(() => {})
    await apps.close()
    await child.end()
  }
}

/** Through the same code, which is compiled and loaded then. */
async function waitOnce (stage: Stage, { from, to }: { readonly from: string, readonly to: string }): Promise<void> {
  const http = new HttpClient()
  try {
    const token = await writtenBehindPause(stage, from)
    const answer = http.send(`${to}/register/r1`, { headers: { cookie: `multi-region=${token}` } })
    await stage.cluster.resumeReplay(REGION)
    await answer
  } finally {
    http.close()
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

/**
 * By what each backend says that it began last and when, read more often than any poller looks: a standby does not write
 * its counts of transactions down while a backend stays busy.
 */
async function watchLooks (stage: Stage, forMs: number): Promise<number> {
  const connection = await openWire(stage)
  try {
    const seen = new Set<string>()
    const startedMs = nowMs()
    while (nowMs() - startedMs < forMs) {
      const looks = await connection.query("select pid || ' ' || query_start as look from pg_stat_activity where query like '%pg_last_wal_replay_lsn()%' and pid <> pg_backend_pid()")
      for (const { look } of looks) seen.add(String(look))
      await pause()
    }
    return seen.size / (nowMs() - startedMs) * 1_000
  } finally {
    connection.close()
  }
}

/** Without it a loop and its backend would take both cores from those who are measured. */
const pause = async (): Promise<void> => { await new Promise((resolve) => setTimeout(resolve, 1)) }

async function openWire (stage: Stage): Promise<WireConnection> {
  const { host, port } = stage.cluster.server(REGION)
  return await WireConnection.open({ host, port, user: 'postgres', database: 'postgres' })
}

/** Returns a moment at which the replica had certainly not caught up yet, the last but half a millisecond. */
async function resume (stage: Stage): Promise<number> {
  const [row] = await stage.cluster.query('primary', 'select pg_current_wal_flush_lsn()::text as target')
  const connection = await openWire(stage)
  try {
    const resumedMs = nowMs()
    await connection.query('select pg_wal_replay_resume()')
    // Looked at by the server itself, which takes less from the cores that are measured than questions and answers do.
    const reached = `pg_last_wal_replay_lsn() >= '${String(row?.['target'])}'::pg_lsn`
    const [looked] = await connection.query(`
      with recursive look (at, reached) as (
        select clock_timestamp(), ${reached}
        union all
        select clock_timestamp(), ${reached} from look where not reached and pg_sleep(0.0005) is not null
      )
      select extract(epoch from max(at) filter (where not reached)) * 1000 as behind_ms from look`)
    const behindMs = looked?.['behind_ms']
    return behindMs === null ? resumedMs : Number(behindMs)
  } finally {
    connection.close()
  }
}
