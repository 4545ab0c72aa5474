// What a token costs a read that is served locally, and a write in the primary's region that reaches the disk; requests
// in turn, with and without, over one kept connection each. Wants a durable stage.

import { AppProcess } from './app-process.ts'
import { addedCost, median, percentile } from './figures.ts'
import { HttpClient, TokenJar, type Asked } from './http-client.ts'
import type { Question } from './register-app-process.ts'
import { PRIMARY_REGION, REGIONS, type Stage } from './stage.ts'

export interface ReadFigures {
  readonly pairs: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly addedP50Ms: number
  readonly addedP99Ms: number
}

export interface WriteFigures extends ReadFigures {
  /** Added, as a share of the write without. */
  readonly share: number
}

const WARM_UP_AT_ONCE = 8

interface Given {
  readonly key: Uint8Array
  readonly pairs: number
  /** Requests of each kind before: V8 still compiles in the first seconds of a load, most of all what a token adds; a server runs for days. */
  readonly warmUp: number
}

export async function measureLatency (stage: Stage, given: Given): Promise<{ readonly read: ReadFigures, readonly write: WriteFigures }> {
  return { read: await measureRead(stage, given), write: await measureWrite(stage, given) }
}

async function measureRead (stage: Stage, { key, ...counts }: Given): Promise<ReadFigures> {
  const apps = await stage.startApps({ token: { key } })
  const http = new HttpClient()
  const plain = new HttpClient()
  const jar = new TokenJar('cookie')
  try {
    jar.keep((await http.send(`${apps.url('fra')}/write/raw`, { method: 'POST', payload: { key: 'r1', writer: 'latency' } })).headers)
    if (jar.token === undefined) throw new Error('the write brought no token')
    await stage.cluster.waitForReplay()
    const url = `${apps.url('iad')}/session/model/r1`
    const headers = jar.headers()
    const foreign = { cookie: 'theme=dark' }
    return await inTurn(counts, () => timed(http, url, { headers }), () => timed(plain, url, { headers: foreign }))
  } finally {
    http.close()
    plain.close()
    await apps.close()
  }
}

/**
 * Each app in a process of its own, as servers are. The database servers of the other regions stand still meanwhile:
 * they have machines of their own, and here they would take the primary's cores with each commit, just when the stamp
 * wants them. What the primary itself does for them goes on.
 */
async function measureWrite (stage: Stage, { key, ...counts }: Given): Promise<WriteFigures> {
  const { cluster } = stage
  const others = REGIONS.filter((region) => region !== PRIMARY_REGION)
  const plugin = stage.plugin(PRIMARY_REGION, { database: cluster.databaseUrl({ from: PRIMARY_REGION, to: PRIMARY_REGION }) })
  const apps: AppProcess<Question>[] = []
  const http = new HttpClient()
  const writer = async (register: string, hexKey: string | null): Promise<() => Promise<number>> => {
    const app = new AppProcess<Question>('./register-app-process.ts')
    apps.push(app)
    const url = await app.ask<string>({ ask: 'start', region: PRIMARY_REGION, plugin, key: hexKey })
    return () => timed(http, `${url}/write/raw`, { method: 'POST', payload: { key: register, writer: 'latency' } })
  }
  try {
    const [withTokens, without] = [await writer('r2', Buffer.from(key).toString('hex')), await writer('r3', null)]
    await Promise.all(others.map((region) => cluster.freeze(region)))
    const figures = await inTurn(counts, withTokens, without)
    return { ...figures, share: figures.addedP50Ms / (figures.p50Ms - figures.addedP50Ms) }
  } finally {
    http.close()
    await Promise.all(others.map((region) => cluster.thaw(region)))
    await Promise.all(apps.map((app) => app.end()))
  }
}

async function inTurn ({ pairs, warmUp }: Omit<Given, 'key'>, one: () => Promise<number>, other: () => Promise<number>): Promise<ReadFigures> {
  for (const way of [one, other]) {
    let left = warmUp
    await Promise.all(Array.from({ length: WARM_UP_AT_ONCE }, async () => { while (left-- > 0) await way() }))
  }
  const a: number[] = []
  const b: number[] = []
  for (let i = 0; i < pairs; i++) {
    // Whoever comes second finds warmer caches.
    if (i % 2 === 0) {
      a.push(await one())
      b.push(await other())
    } else {
      b.push(await other())
      a.push(await one())
    }
  }
  return { pairs, p50Ms: median(a), p99Ms: percentile(a, 0.99), addedP50Ms: addedCost(a, b, 0.5), addedP99Ms: addedCost(a, b, 0.99) }
}

async function timed (http: HttpClient, url: string, asked: Asked): Promise<number> {
  const startedMs = performance.now()
  const { status, body } = await http.send(url, asked)
  const tookMs = performance.now() - startedMs
  if (status !== 200 && status !== 303) throw new Error(`answered with ${status}: ${body}`)
  return tookMs
}
