// Ten times what it can do: all is answered, 200 or 503, in bounded time and memory, and soon afterwards all is as before.
//
// The capacity is made small by the database and not by the processor: each request holds its connection for 15 ms,
// of which a region has one. What is judged is what the pool does with too much.

import { setTimeout as delay } from 'node:timers/promises'
import process from 'node:process'
import { DEADLINE_MS } from './app.ts'
import { Load, type Sample } from './load.ts'
import { seeded } from './random.ts'
import { openStand } from './stand.ts'

const CONNECTIONS = 1
const HOLD_MS = 15
const TIMES = 10
const BACK_WITHIN_MS = 5_000
const MEMORY_BYTES = 150 * 1024 * 1024

const p95 = (samples: readonly Sample[]): number => samples.map((sample) => sample.ms).sort((a, b) => a - b)[Math.floor(samples.length * 0.95)] ?? 0

export async function overload (options: { readonly seed: number, readonly seconds: number, readonly json: boolean }): Promise<number> {
  const random = seeded(options.seed)
  const stand = await openStand({ primaries: 'one-address', plugin: { pool: { max: CONNECTIONS, queueSize: 100, queueTimeout: 500 } } })
  const capacity = CONNECTIONS * 1_000 / HOLD_MS
  const parts = { edge: stand.cluster.edge, random, mix: [['held', 1]] as const, regions: [['iad', 1]] as const }
  try {
    const calm = new Load({ ...parts, perSecond: capacity / 5, prefix: 'calm' })
    calm.start()
    await delay(3_000)
    await calm.stop()
    globalThis.gc?.()
    const before = process.memoryUsage().rss
    const rush = new Load({ ...parts, perSecond: capacity * TIMES, prefix: 'rush' })
    rush.start()
    await delay(options.seconds * 1_000)
    const peak = process.memoryUsage().rss
    await rush.stop()
    const endedAt = performance.now()
    let backAfterMs: number | undefined
    const after = new Load({ ...parts, perSecond: capacity / 5, prefix: 'after' })
    after.start()
    while (performance.now() - endedAt < BACK_WITHIN_MS && backAfterMs === undefined) {
      await delay(250)
      const latest = after.samples.slice(-10)
      if (latest.length === 10 && latest.every((sample) => sample.status === 200) && p95(latest) < Math.max(100, 3 * p95(calm.samples))) backAfterMs = performance.now() - endedAt
    }
    await after.stop()
    const served = rush.samples.filter((sample) => sample.status === 200).length
    const shed = rush.samples.filter((sample) => sample.status === 503 && sample.retryAfter).length
    const slowestMs = Math.max(...rush.samples.map((sample) => sample.ms))
    const breaches = [
      ...(served + shed < rush.samples.length ? [`${rush.samples.length - served - shed} requests were answered neither 200 nor 503`] : []),
      ...(slowestMs > DEADLINE_MS + 1_000 ? [`the slowest answer took ${Math.round(slowestMs)} ms`] : []),
      ...(peak - before > MEMORY_BYTES ? [`memory grew by ${Math.round((peak - before) / 1e6)} MB`] : []),
      ...(backAfterMs === undefined ? [`not back at normal latency within ${BACK_WITHIN_MS} ms`] : []),
    ]
    console.log(JSON.stringify({ seed: options.seed, seconds: options.seconds, capacityPerSecond: Math.round(capacity), sentPerSecond: Math.round(rush.perSecond), requests: rush.samples.length, served, shed, slowestMs, memoryGrowthMb: Math.round((peak - before) / 1e6), calmP95Ms: p95(calm.samples), backAfterMs, breaches }, null, options.json ? 0 : 2))
    return breaches.length === 0 ? 0 : 1
  } finally {
    await stand.close()
  }
}
