// Minutes of load with a random fault each five seconds: what was open at the start is open at the end, and no more.

import { setTimeout as delay } from 'node:timers/promises'
import { waitFor } from '../../lib/testing/index.ts'
import { TIMES } from './app.ts'
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

/** Idle connections are closed after it, so that what is open without load is what is kept. */
const IDLE_MS = 2_000
const CALM_WITHIN_MS = 30_000
/** What an app that nobody asks may have open: two monitors, a connection that each pool keeps, and who asks for its state. */
const KEPT_SOCKETS = 5
/** Timers of a moment. */
const MOMENTARY = 3

/** Of all apps, each a process of its own. */
interface State { readonly heapBytes: number, readonly sockets: number, readonly others: number }

async function stateOf (stand: Stand): Promise<State> {
  const sum = { heapBytes: 0, sockets: 0, others: 0 }
  for (const { id, url } of stand.instances.values()) {
    // The edge keeps its connections for longer than this lasts; a socket is not the app's because somebody else keeps it.
    stand.cluster.edge.dropIdleConnections(id)
    const state = await (await fetch(`${url}/state`, { headers: { connection: 'close' } })).json() as State // the route of app.ts
    sum.heapBytes += state.heapBytes
    sum.sockets += state.sockets
    sum.others += state.others
  }
  return sum
}

/** While nobody asks anything, once it is as it should be; or else as it stays. */
async function calmState (stand: Stand, isCalm: (state: State) => boolean): Promise<State> {
  let last = await stateOf(stand)
  await waitFor('the apps to be calm', async () => {
    last = await stateOf(stand)
    return isCalm(last)
  }, { withinMs: CALM_WITHIN_MS, everyMs: 500 }).catch(() => {})
  return last
}

const keptSockets = (stand: Stand): number => stand.instances.size * KEPT_SOCKETS

function leaks (stand: Stand, before: State, after: State): string[] {
  return [
    ...(after.heapBytes - before.heapBytes > HEAP_GROWTH_BYTES ? [`the heaps grew from ${before.heapBytes} to ${after.heapBytes} bytes`] : []),
    ...(after.sockets > keptSockets(stand) ? [`${after.sockets} sockets are open`] : []),
    ...(after.others > before.others + stand.instances.size * MOMENTARY ? [`other handles went from ${before.others} to ${after.others}`] : []),
  ]
}

export async function soak (options: { readonly seed: number, readonly minutes: number, readonly json: boolean }): Promise<number> {
  const random = seeded(options.seed)
  const stand = await openStand({ primaries: 'one-address', processes: true, plugin: { pool: { max: 10, primaryMax: 5, queueTimeout: TIMES.queueMs, idleTimeout: IDLE_MS } } })
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
    await load.stop()
    const before = await calmState(stand, ({ sockets }) => sockets <= keptSockets(stand))
    load.start()
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
    await load.stop()
    await settled(stand)
    const after = await calmState(stand, (state) => leaks(stand, before, state).length === 0)
    const rows = await stand.cluster.query('primary', "select id, count(*)::text as n from ledger where id like 'soak-%' group by id")
    const present = new Map(rows.map((row) => [String(row['id']), Number(row['n'])]))
    const lost = [...acknowledged].filter((id) => !present.has(id)).length
    const doubled = [...present.values()].filter((count) => count > 1).length
    const breaches = [
      ...(lost > 0 ? [`${lost} acknowledged writes lost`] : []),
      ...(doubled > 0 ? [`${doubled} writes doubled`] : []),
      ...(hung > 0 ? [`${hung} requests without an answer`] : []),
      ...leaks(stand, before, after),
    ]
    console.log(JSON.stringify({ seed: options.seed, minutes: options.minutes, requests, codes, faults: counts, before, after, lost, doubled, hung, breaches }, null, options.json ? 0 : 2))
    return breaches.length === 0 ? 0 : 1
  } finally {
    await load.stop()
    await stand.close()
  }
}
