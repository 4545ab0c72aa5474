// What a token costs a read that is served locally, and a write in the primary's region that reaches the disk; requests
// in turn, with and without, over one kept connection each. Wants a durable stage.

import type { PluginOptions } from '../../lib/index.ts'
import { addedCost, median, percentile } from './figures.ts'
import { HttpClient, TokenJar, type Asked } from './http-client.ts'
import type { Apps, Stage } from './stage.ts'

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

const WARM_UP = 300

export async function measureLatency (stage: Stage, { plugin, pairs }: { readonly plugin: Partial<PluginOptions>, readonly pairs: number }): Promise<{ readonly read: ReadFigures, readonly write: WriteFigures }> {
  const withTokens = await stage.startApps(plugin)
  let without: Apps | undefined
  try {
    without = await stage.startApps({})
    return { read: await measureRead(stage, withTokens, pairs), write: await measureWrite(withTokens, without, pairs) }
  } finally {
    await withTokens.close()
    await without?.close()
  }
}

async function measureRead (stage: Stage, apps: Apps, pairs: number): Promise<ReadFigures> {
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
    return await inTurn(pairs, () => timed(http, url, { headers }), () => timed(plain, url, { headers: foreign }))
  } finally {
    http.close()
    plain.close()
  }
}

async function measureWrite (apps: Apps, without: Apps, pairs: number): Promise<WriteFigures> {
  const http = new HttpClient()
  try {
    const ask = (key: string): Asked => ({ method: 'POST', payload: { key, writer: 'latency' } })
    const figures = await inTurn(pairs, () => timed(http, `${apps.url('fra')}/write/raw`, ask('r2')), () => timed(http, `${without.url('fra')}/write/raw`, ask('r3')))
    return { ...figures, share: figures.addedP50Ms / (figures.p50Ms - figures.addedP50Ms) }
  } finally {
    http.close()
  }
}

async function inTurn (pairs: number, one: () => Promise<number>, other: () => Promise<number>): Promise<ReadFigures> {
  for (let i = 0; i < WARM_UP; i++) {
    await one()
    await other()
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
