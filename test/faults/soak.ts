// Minutes of load with a random fault each five seconds: what was open at the start is open at the end, and no more.

import { setTimeout as delay } from 'node:timers/promises'
import process from 'node:process'
import { isWrite, Load, type Sample } from './load.ts'
import { PER_SECOND } from './perform.ts'
import { pick, seeded } from './random.ts'
import { openStand, PRIMARY, settled, type Stand } from './stand.ts'

const EVERY_MS = 5_000
const LASTS_MS = 1_500
/** Caches fill and code is compiled again for as long as there is something new; a leak grows with the faults. */
const HEAP_GROWTH_BYTES = 40 * 1024 * 1024

const local = (stand: Stand, region: string) => stand.cluster.link({ from: region, to: region, purpose: 'database' })

const FAULTS: readonly { readonly name: string, begin (stand: Stand): Promise<void> | void, end (stand: Stand): Promise<void> | void }[] = [
  { name: 'kill', begin: ({ cluster }) => cluster.kill('iad'), end: ({ cluster }) => cluster.start('iad') },
  { name: 'freeze', begin: ({ cluster }) => cluster.freeze('nrt'), end: ({ cluster }) => cluster.thaw('nrt') },
  { name: 'reset', begin: (stand) => { local(stand, 'iad').reset() }, end: () => {} },
  { name: 'black-hole', begin: (stand) => { local(stand, 'nrt').blackHole() }, end: (stand) => local(stand, 'nrt').heal() },
  { name: 'sessions-ended', begin: async ({ cluster }) => { await cluster.killBackends(PRIMARY, { database: 'app' }) }, end: () => {} },
  { name: 'restart-primary', begin: ({ cluster }) => cluster.restart(PRIMARY), end: () => {} },
  { name: 'slow', begin: (stand) => { local(stand, 'iad').slow(20_000) }, end: (stand) => local(stand, 'iad').heal() },
  { name: 'pause-replay', begin: ({ cluster }) => cluster.pauseReplay('iad'), end: ({ cluster }) => cluster.resumeReplay('iad') },
]

interface State { readonly heapBytes: number, readonly handles: number, readonly connections: number }

async function stateOf (stand: Stand): Promise<State> {
  globalThis.gc?.()
  const counts = await Promise.all(['fra', 'iad', 'nrt'].map(async (region) => Number((await stand.cluster.query(region, "select count(*)::text as n from pg_stat_activity where application_name = 'fastify-multi-region'"))[0]?.['n'])))
  return { heapBytes: process.memoryUsage().heapUsed, handles: process.getActiveResourcesInfo().length, connections: counts.reduce((sum, one) => sum + one, 0) }
}

export async function soak (options: { readonly seed: number, readonly minutes: number, readonly json: boolean }): Promise<number> {
  const random = seeded(options.seed)
  const stand = await openStand({ primaries: 'one-address' })
  const acknowledged = new Set<string>()
  const codes: Record<string, number> = {}
  let requests = 0
  let hung = 0
  const onSample = (sample: Sample): void => {
    requests++
    if (sample.status === 0) hung++
    const word = sample.status === 200 ? 'ok' : `${sample.status} ${sample.code}`
    codes[word] = (codes[word] ?? 0) + 1
    if (sample.status === 200 && isWrite(sample.kind) && sample.kind !== 'pair') acknowledged.add(sample.id)
  }
  const load = new Load({ edge: stand.cluster.edge, random, perSecond: PER_SECOND, prefix: 'soak', onSample })
  try {
    load.start()
    await delay(5_000)
    const before = await stateOf(stand)
    const until = performance.now() + options.minutes * 60_000
    const counts: Record<string, number> = {}
    while (performance.now() < until) {
      const fault = pick(random, FAULTS.map((one) => [one, 1] as const))
      counts[fault.name] = (counts[fault.name] ?? 0) + 1
      await fault.begin(stand)
      await delay(LASTS_MS)
      await fault.end(stand)
      await delay(EVERY_MS - LASTS_MS)
    }
    await delay(5_000)
    const after = await stateOf(stand)
    await load.stop()
    await settled(stand)
    const rows = await stand.cluster.query('primary', "select id, count(*)::text as n from ledger where id like 'soak-%' group by id")
    const present = new Map(rows.map((row) => [String(row['id']), Number(row['n'])]))
    const lost = [...acknowledged].filter((id) => !present.has(id)).length
    const doubled = [...present.values()].filter((count) => count > 1).length
    const breaches = [
      ...(lost > 0 ? [`${lost} acknowledged writes lost`] : []),
      ...(doubled > 0 ? [`${doubled} writes doubled`] : []),
      ...(hung > 0 ? [`${hung} requests without an answer`] : []),
      ...(after.heapBytes - before.heapBytes > HEAP_GROWTH_BYTES ? [`the heap grew from ${before.heapBytes} to ${after.heapBytes} bytes`] : []),
      ...(after.handles > before.handles * 1.5 + 20 ? [`handles went from ${before.handles} to ${after.handles}`] : []),
      ...(after.connections > before.connections + 15 ? [`connections went from ${before.connections} to ${after.connections}`] : []),
    ]
    console.log(JSON.stringify({ seed: options.seed, minutes: options.minutes, requests, codes, faults: counts, before, after, lost, doubled, hung, breaches }, null, options.json ? 0 : 2))
    return breaches.length === 0 ? 0 : 1
  } finally {
    await load.stop()
    await stand.close()
  }
}
