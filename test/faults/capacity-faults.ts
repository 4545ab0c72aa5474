// Too much for a pool, a primary or a region: whoever has a right to it is served, the rest is refused at once.

import { Load, type Sample } from './load.ts'
import { promised, type Fault, type Stage } from './fault.ts'

const percentile = (samples: readonly Sample[], part: number): number => {
  const sorted = samples.map((sample) => sample.ms).sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0
}

const isOverload = (sample: Sample): boolean => sample.status === 503 && sample.code === 'FST_MR_OVERLOADED' && sample.retryAfter

/** Slow statements that take every connection of a region's own pool, again and again. */
async function exhaust (stage: Stage, region: string, forMs: number): Promise<number[]> {
  const until = performance.now() + forMs
  const statuses: number[] = []
  await Promise.all(Array.from({ length: 14 }, async () => {
    while (performance.now() < until) statuses.push((await stage.stand.cluster.edge.inject({ region, url: '/slow?ms=400' })).statusCode)
  }))
  return statuses
}

/** Each holds its connection for some milliseconds: more than the borrowed share can do. */
const BORROWED_PER_SECOND = 250

export const capacityFaults: readonly Fault[] = [
  {
    name: 'pool-exhausted',
    group: 'capacity',
    promise: 'waits its turn or 503 + Retry-After; other regions untouched',
    stand: 'shared',
    inject: async (stage) => {
      stage.excuse((sample) => sample.region === 'iad' && (isOverload(sample) || promised(sample) !== undefined) ? 'FST_MR_OVERLOADED' : undefined)
      const statuses = await exhaust(stage, 'iad', 2_500)
      stage.note(`${statuses.filter((one) => one === 200).length} slow ones served, ${statuses.filter((one) => one === 503).length} refused`)
      const wrong = statuses.filter((one) => one !== 200 && one !== 503)
      if (wrong.length > 0) stage.breach(`slow statements were answered ${[...new Set(wrong)].join(', ')}`)
    },
    holdMs: 0,
  },
  {
    name: 'borrowed-10000',
    group: 'capacity',
    promise: 'native requests of the primary\'s region do not suffer',
    stand: 'shared',
    perSecond: 110,
    regions: [['fra', 1]],
    inject: async (stage) => {
      const { stand } = stage
      const calm = stage.load.samples.filter((sample) => sample.kind === 'read')
      await stand.cluster.kill('iad')
      const borrowed: Record<string, number> = {}
      let wrong = 0
      const rush = new Load({
        edge: stand.cluster.edge,
        random: stage.random,
        perSecond: BORROWED_PER_SECOND,
        prefix: 'rush',
        mix: [['held', 1]],
        regions: [['iad', 1]],
        onSample (sample) {
          const word = sample.status === 200 ? 'served' : isOverload(sample) ? 'refused' : `${sample.status} ${sample.code}`
          if (word !== 'served' && word !== 'refused') wrong++
          borrowed[word] = (borrowed[word] ?? 0) + 1
        },
      })
      const from = performance.now()
      rush.start()
      await stage.hold(10_000 / BORROWED_PER_SECOND * 1_000)
      await rush.stop()
      const took = performance.now() - from
      const native = stage.load.samples.filter((sample) => sample.kind === 'read' && sample.startedAt > from)
      stage.note(`borrowed ${JSON.stringify(borrowed)} in ${(took / 1_000).toFixed(1)} s; native p95 ${percentile(calm, 0.95).toFixed(0)} → ${percentile(native, 0.95).toFixed(0)} ms`)
      if (wrong > 0) stage.breach(`${wrong} borrowed requests were answered neither 200 nor 503: ${JSON.stringify(borrowed)}`)
      if (percentile(native, 0.95) > Math.max(250, 4 * percentile(calm, 0.95))) stage.breach(`native reads took ${percentile(native, 0.95).toFixed(0)} ms at p95`)
    },
    holdMs: 0,
    heal: ({ stand }) => stand.cluster.start('iad'),
    recoverWithinMs: 10_000,
  },
  {
    name: 'borrowed-hold-connections',
    group: 'capacity',
    promise: 'slow borrowed requests take a third at most',
    stand: 'shared',
    short: true,
    regions: [['fra', 2], ['nrt', 1]],
    inject: async (stage) => {
      await stage.stand.cluster.kill('iad')
      await stage.hold(800)
      const statuses = await exhaust(stage, 'iad', 2_000)
      stage.note(`${statuses.filter((one) => one === 200).length} slow borrowed ones served, ${statuses.filter((one) => one === 503).length} refused`)
    },
    holdMs: 0,
    heal: ({ stand }) => stand.cluster.start('iad'),
    after: (stage) => {
      const native = stage.load.samples.filter((sample) => sample.region === 'fra' && sample.startedAt > stage.injectedAt + 800 && sample.startedAt < stage.healedAt)
      stage.note(`native p95 ${percentile(native, 0.95).toFixed(0)} ms`)
      if (percentile(native, 0.95) > 400) stage.breach(`native requests took ${percentile(native, 0.95).toFixed(0)} ms at p95`)
    },
  },
]
