// What can happen to the primary while it stays the primary: local reads do not notice, writes are refused in words.

import { buildApp } from './app.ts'
import { FOUND_OUT_MS, primaryIsDown, promised, writesMayBreak, type Fault, type Stage } from './fault.ts'
import { PRIMARY } from './stand.ts'

const LOCAL_READS = 'local reads unaffected; 503 + Retry-After'

/** Reads of the other regions, while the primary is away. */
function localReadsUnaffected (stage: Stage): void {
  const away = stage.load.samples.filter((sample) => sample.region !== PRIMARY && sample.kind === 'read' && sample.startedAt > stage.injectedAt && sample.startedAt < stage.healedAt)
  const slow = away.filter((sample) => sample.ms > 500)
  if (slow.length > 0) stage.breach(`${slow.length} of ${away.length} local reads were slow`)
  const far = away.filter((sample) => sample.port !== stage.stand.port(sample.region))
  if (far.length > 0) stage.breach(`${far.length} local reads left their region`)
  const stale = stage.load.samples.filter((sample) => sample.kind === 'stale' && sample.region !== PRIMARY && sample.startedAt > stage.injectedAt + FOUND_OUT_MS && sample.startedAt < stage.healedAt)
  const marked = stale.filter((sample) => sample.status === 200 && sample.staleMs !== undefined)
  stage.note(`${marked.length} of ${stale.length} stale reads marked`)
  if (marked.length < stale.length) stage.breach(`${stale.length - marked.length} of ${stale.length} stale reads were not served and marked`)
}

async function bootsWithout (stage: Stage): Promise<void> {
  const app = await buildApp({ region: 'nrt', primaryRegion: PRIMARY, database: stage.stand.database('nrt') })
  try {
    const answer = await app.inject({ url: '/read' })
    if (answer.statusCode !== 200) stage.breach(`an app that started meanwhile answered ${answer.statusCode} ${answer.body}`)
    const write = await app.inject({ method: 'POST', url: '/write', payload: { id: 'never' } })
    if (write.statusCode !== 503 || write.headers['retry-after'] === undefined || write.json<{ code: string }>().code !== 'FST_MR_PRIMARY_UNAVAILABLE') stage.breach(`a write in an app that started meanwhile was answered ${write.statusCode} ${write.body}`)
  } finally {
    await app.close()
  }
}

export const primaryFaults: readonly Fault[] = [
  {
    name: 'primary-killed',
    group: 'primary',
    promise: `${LOCAL_READS}; stale reads by option; boots`,
    stand: 'shared',
    short: true,
    holdMs: 4_000,
    inject: async (stage) => {
      stage.excuse(primaryIsDown(stage))
      await stage.stand.cluster.kill(PRIMARY)
    },
    during: bootsWithout,
    heal: ({ stand }) => stand.cluster.start(PRIMARY),
    after: localReadsUnaffected,
  },
  {
    name: 'primary-restarted',
    group: 'primary',
    promise: LOCAL_READS,
    stand: 'shared',
    holdMs: 0,
    inject: async (stage) => {
      stage.excuse(primaryIsDown(stage))
      await stage.stand.cluster.restart(PRIMARY)
    },
    after: localReadsUnaffected,
  },
  {
    name: 'primary-frozen',
    group: 'primary',
    promise: `${LOCAL_READS} within a deadline`,
    stand: 'shared',
    holdMs: 4_500,
    inject: async (stage) => {
      stage.excuse(primaryIsDown(stage))
      await stage.stand.cluster.freeze(PRIMARY)
    },
    heal: ({ stand }) => stand.cluster.thaw(PRIMARY),
    after: localReadsUnaffected,
  },
  {
    name: 'primary-read-only',
    group: 'primary',
    promise: 'all reads go on, writes 503, no replay loop',
    stand: 'shared',
    short: true,
    inject: async (stage) => {
      stage.excuse((sample) => sample.kind !== 'read' && sample.kind !== 'raw' && sample.kind !== 'array' && sample.kind !== 'fresh' && sample.kind !== 'stale' ? promised(sample) : undefined)
      await stage.stand.cluster.query('primary', 'alter system set default_transaction_read_only = on')
      await stage.stand.cluster.query('primary', 'select pg_reload_conf()')
    },
    heal: async ({ stand }) => {
      await stand.cluster.query('primary', 'set default_transaction_read_only = off; alter system reset default_transaction_read_only')
        .catch(async () => { await stand.cluster.query('primary', 'alter system reset default_transaction_read_only') })
      await stand.cluster.query('primary', 'select pg_reload_conf()')
    },
  },
  {
    name: 'primary-sessions-ended',
    group: 'primary',
    promise: 'reads retried; writes unknown or done, never twice',
    stand: 'shared',
    inject: async (stage) => {
      stage.excuse(writesMayBreak(stage))
      // SQL that nobody has parsed counts as a write on a primary.
      stage.excuse((sample) => sample.kind === 'raw' && sample.region === PRIMARY && sample.code === 'FST_MR_COMMIT_UNKNOWN' ? 'unknown raw SQL' : undefined)
      for (let round = 0; round < 3; round++) {
        await stage.stand.cluster.killBackends(PRIMARY, { database: 'app' })
        await stage.hold(500)
      }
    },
    holdMs: 200,
  },
]
