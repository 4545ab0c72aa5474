// One fault from its load to its verdict.

import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import type { Excuse, Fault, Stage } from './fault.ts'
import { judge, type Verdict } from './judge.ts'
import { Load, type Sample } from './load.ts'
import type { Random } from './random.ts'
import { REGIONS, type Stand } from './stand.ts'

export interface Outcome {
  readonly name: string
  readonly group: string
  readonly promise: string
  /** `starved`: this process had no processor; what was late or shed says nothing of the product. */
  readonly status: 'kept' | 'broken' | 'starved' | 'skipped'
  readonly reason?: string
  readonly verdict?: Verdict
  /** From the end of the fault until each region reads from its own server and every region's writes are taken. */
  readonly recoveredMs?: number
  /** From the beginning of the fault to the last request that it cost something. */
  readonly outageMs?: number
  /** Of this process's event loop: a starved machine shows here, not in the product. */
  readonly loopP99Ms?: number
  readonly busy?: number
  readonly notes: readonly string[]
  readonly breaches: readonly string[]
  readonly tookMs: number
}

export const PER_SECOND = 220
const WARM_MS = 500
const HOLD_MS = 1_500
const RECOVER_MS = 5_000
const CALM_MS = 300

/** Alone on two cores the program needs half of one; then the loop is late by 20 ms at most. */
const isStarved = (lateMs: number, busy: number): boolean => busy > 0.6 && lateMs > 40

interface Recovery { readonly atMs: number | undefined, readonly missing: string }

export async function perform (fault: Fault, given: { readonly stand: Stand, readonly random: Random, readonly prefix: string }): Promise<Outcome> {
  const { stand, random, prefix } = given
  const beganAt = performance.now()
  const excuses: Excuse[] = []
  const notes: string[] = []
  const breaches: string[] = []
  const load = new Load({ edge: stand.cluster.edge, random, perSecond: fault.perSecond ?? PER_SECOND, prefix, mix: fault.mix, regions: fault.regions, headers: fault.headers })
  const times = { injectedAt: Number.POSITIVE_INFINITY, healedAt: Number.POSITIVE_INFINITY }
  const stage: Stage = {
    stand,
    load,
    random,
    get injectedAt () { return times.injectedAt },
    get healedAt () { return times.healedAt },
    hold: async (ms) => { await delay(ms) },
    excuse: (excuse) => { excuses.push(excuse) },
    note: (text) => { notes.push(text) },
    breach: (text) => { breaches.push(text) },
  }
  let recoveredAt: number | undefined
  const loop = monitorEventLoopDelay({ resolution: 10 })
  loop.enable()
  const busy = performance.eventLoopUtilization()
  const carryThrough = async (part: () => Promise<void>): Promise<void> => {
    await part().catch((failure: unknown) => { breaches.push(`the fault could not be carried through: ${failure instanceof Error ? failure.stack ?? failure.message : String(failure)}`) })
  }
  await carryThrough(async () => {
    await fault.prepare?.(stage)
    load.start()
    await delay(WARM_MS)
    times.injectedAt = performance.now()
    await fault.inject(stage)
    await delay(fault.holdMs ?? HOLD_MS)
    await fault.during?.(stage)
  })
  // Whatever happened: what comes next needs its servers.
  await carryThrough(async () => {
    await fault.heal?.(stage)
    times.healedAt = performance.now()
    const recovered = await recovery(fault, stage)
    recoveredAt = recovered.atMs
    if (recoveredAt === undefined) breaches.push(`not recovered within ${fault.recoverWithinMs ?? RECOVER_MS} ms: ${recovered.missing}`)
    await delay(CALM_MS)
  })
  times.healedAt = Math.min(times.healedAt, performance.now())
  await load.stop()
  loop.disable()
  const rows = await countRows(stand, fault, prefix)
  await Promise.resolve(fault.after?.(stage)).catch((failure: unknown) => { breaches.push(`the check at the end failed: ${String(failure)}`) })
  const verdict = judge({ fault, samples: load.samples, rows, excuses, perSecond: load.perSecond, injectedAt: times.injectedAt, losable: fault.losable })
  if (verdict.perSecond < 200 * (fault.perSecond ?? PER_SECOND) / PER_SECOND) breaches.push(`the load was ${verdict.perSecond.toFixed(0)} requests/s`)
  const all = [...verdict.breaches, ...breaches]
  const last = load.samples.reduce((latest, sample) => sample.status === 200 || sample.startedAt < times.injectedAt ? latest : Math.max(latest, sample.startedAt + sample.ms), 0)
  return {
    name: fault.name,
    group: fault.group,
    promise: fault.promise,
    status: all.length === 0 ? 'kept' : verdict.unsafe === 0 && isStarved(loop.percentile(99) / 1e6, performance.eventLoopUtilization(busy).utilization) ? 'starved' : 'broken',
    verdict,
    ...(recoveredAt !== undefined && { recoveredMs: Math.max(0, recoveredAt - times.healedAt) }),
    ...(last > 0 && { outageMs: last - times.injectedAt }),
    loopP99Ms: loop.percentile(99) / 1e6,
    busy: performance.eventLoopUtilization(busy).utilization,
    notes,
    breaches: all,
    tookMs: performance.now() - beganAt,
  }
}

/** Watches what the load itself sees: no request beside it may wake anything up. */
async function recovery (fault: Fault, stage: Stage): Promise<Recovery> {
  const { load, stand } = stage
  const local = fault.recovers === 'nothing' ? [] : fault.recovers ?? REGIONS
  const wanted = new Map<string, (sample: Sample) => boolean>()
  const regions = new Set((fault.regions ?? REGIONS.map((region) => [region, 1] as const)).map(([region]) => region))
  for (const region of local) if (regions.has(region)) wanted.set(`${region} reads locally`, (sample) => sample.region === region && sample.status === 200 && sample.kind === 'read' && sample.port === stand.port(region))
  if (fault.recovers !== 'nothing') for (const region of regions) wanted.set(`${region} writes`, (sample) => sample.region === region && sample.status === 200 && (sample.kind === 'write' || sample.kind === 'idempotent' || sample.kind === 'located' || sample.kind === 'two'))
  if (fault.mix !== undefined) {
    const kinds = new Set(fault.mix.map(([kind]) => kind))
    if (!kinds.has('read')) for (const region of local) wanted.delete(`${region} reads locally`)
    if (!['write', 'idempotent', 'located', 'two'].some((kind) => kinds.has(kind as 'write'))) for (const region of regions) wanted.delete(`${region} writes`)
  }
  const until = stage.healedAt + (fault.recoverWithinMs ?? RECOVER_MS)
  let at = stage.healedAt
  let seen = 0
  while (wanted.size > 0 && performance.now() < until) {
    await delay(10)
    for (; seen < load.samples.length; seen++) {
      const sample = load.samples[seen]
      if (sample === undefined || sample.startedAt < stage.healedAt) continue
      for (const [name, proves] of wanted) {
        if (!proves(sample)) continue
        wanted.delete(name)
        at = Math.max(at, sample.startedAt)
      }
    }
  }
  return wanted.size === 0 ? { atMs: at, missing: '' } : { atMs: undefined, missing: [...wanted.keys()].join(', ') }
}

async function countRows (stand: Stand, fault: Fault, prefix: string): Promise<Map<string, number>> {
  const rows = await stand.cluster.query(fault.writtenTo ?? 'primary', `select id, count(*)::text as n from ledger where id like '${prefix}-%' group by id`)
  return new Map(rows.map((row) => [String(row['id']), Number(row['n'])]))
}
