// Ten times what it can do: all is answered, 200 or 503, in bounded time and memory, and soon afterwards all is as before.
//
// The capacity is made small by the database and not by the processor: each request holds its connection for 30 ms,
// of which a region has one. What is judged is what the pool does with too much, in a process of its own: who asks
// takes more of a processor than who answers.

import { execFile } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { DEADLINE_MS } from './app.ts'
import { Load, type Sample } from './load.ts'
import { seeded } from './random.ts'
import { openStand } from './stand.ts'

const CONNECTIONS = 1
const HOLD_MS = 30
const TIMES = 10
const BACK_WITHIN_MS = 5_000
const MEMORY_BYTES = 150 * 1024 * 1024

/** Resident, of another process. */
async function memoryOf (pid: number): Promise<number> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(pid)])
  return Number(stdout) * 1024
}

const p95 = (samples: readonly Sample[]): number => samples.map((sample) => sample.ms).sort((a, b) => a - b)[Math.floor(samples.length * 0.95)] ?? 0

export async function overload (options: { readonly seed: number, readonly seconds: number, readonly json: boolean }): Promise<number> {
  const random = seeded(options.seed)
  const stand = await openStand({ primaries: 'one-address', processes: true, plugin: { pool: { max: CONNECTIONS, queueSize: 100, queueTimeout: 500 } } })
  const capacity = CONNECTIONS * 1_000 / HOLD_MS
  const parts = { edge: stand.cluster.edge, random, mix: [['hold', 1]] as const, regions: [['iad', 1]] as const }
  try {
    const calm = new Load({ ...parts, perSecond: capacity / 5, prefix: 'calm' })
    calm.start()
    await delay(3_000)
    await calm.stop()
    const pid = stand.instances.get('iad')?.pid
    if (pid === undefined) throw new Error('the app runs in no process of its own')
    const before = await memoryOf(pid)
    let peak = before
    const rush = new Load({ ...parts, perSecond: capacity * TIMES, prefix: 'rush' })
    const busy = performance.eventLoopUtilization()
    rush.start()
    for (const until = performance.now() + options.seconds * 1_000; performance.now() < until;) {
      await delay(1_000)
      peak = Math.max(peak, await memoryOf(pid))
    }
    const loopBusy = performance.eventLoopUtilization(busy).utilization
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
    const codes: Record<string, number> = {}
    for (const { status, code, failure } of rush.samples) {
      const word = status === 200 ? 'ok' : `${status} ${code ?? failure}`
      codes[word] = (codes[word] ?? 0) + 1
    }
    const slowestMs = Math.max(...rush.samples.map((sample) => sample.ms))
    const breaches = [
      ...(served + shed < rush.samples.length ? [`${rush.samples.length - served - shed} requests were answered neither 200 nor 503`] : []),
      ...(slowestMs > DEADLINE_MS + 1_000 ? [`the slowest answer took ${Math.round(slowestMs)} ms`] : []),
      ...(peak - before > MEMORY_BYTES ? [`memory grew by ${Math.round((peak - before) / 1e6)} MB`] : []),
      ...(backAfterMs === undefined ? [`not back at normal latency within ${BACK_WITHIN_MS} ms`] : []),
    ]
    console.log(JSON.stringify({ seed: options.seed, seconds: options.seconds, capacityPerSecond: Math.round(capacity), sentPerSecond: Math.round(rush.perSecond), requests: rush.samples.length, served, shed, codes, slowestMs, memoryGrowthMb: Math.round((peak - before) / 1e6), calmP95Ms: p95(calm.samples), backAfterMs, loopBusy, breaches }, null, options.json ? 0 : 2))
    return breaches.length === 0 ? 0 : 1
  } finally {
    await stand.close()
  }
}
