// Another primary: by promotion, by switch-over, by mistake. Each has a stand of its own, whose apps know every member
// and go by roles; the region that the apps call the primary's stays what it was.

import { waitFor } from '../../lib/testing/index.ts'
import { edgeMayFail, primaryIsDown, promised, type Fault, type Stage } from './fault.ts'
import { idsOf } from './judge.ts'
import { isWrite } from './load.ts'
import { PRIMARY } from './stand.ts'

/** The others are asked once in ten intervals of the monitor. */
const FENCED_WITHIN_MS = 4_000

const MEMBERS = { primaries: 'every-member' } as const

/** Nobody knows where the primary is, for as long as it takes to find out. */
function searching (stage: Stage, untilMs = 4_000): void {
  stage.excuse((sample) => sample.startedAt + sample.ms >= stage.injectedAt && sample.startedAt <= stage.healedAt + untilMs && (isWrite(sample.kind) || sample.kind === 'fresh' || sample.kind === 'stale' || sample.region === PRIMARY) ? promised(sample) : undefined)
  stage.excuse(primaryIsDown(stage, { untilMs }))
}

async function healthOf (stage: Stage, region: string): Promise<string> {
  const app = stage.stand.apps.get(region)
  return JSON.stringify(app?.multiRegion.health())
}

let receivedAtPromotion = ''

/** Acknowledged writes that are not there must lie beyond what the promoted server had received. */
async function judgeLosses (stage: Stage): Promise<void> {
  const acknowledged = stage.load.samples.filter((sample) => sample.kind === 'located' && sample.status === 200)
  const rows = new Set((await stage.stand.cluster.query('iad', "select id from ledger where id like '%'")).map((row) => row['id']))
  const lost = acknowledged.filter((sample) => idsOf(sample).some((id) => !rows.has(id)))
  const proven = lost.filter((sample) => positionOf(sample.lsn) > positionOf(receivedAtPromotion))
  stage.note(`${lost.length} of ${acknowledged.length} acknowledged writes lost, ${proven.length} of them beyond ${receivedAtPromotion}`)
  if (proven.length < lost.length) stage.breach(`${lost.length - proven.length} lost writes had been received by the promoted server`)
}

function positionOf (lsn: string | undefined): bigint {
  const [high = '0', low = '0'] = (lsn ?? '0/0').split('/')
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`)
}

/** The old primary is out, its standby has all, and is promoted. */
async function failOver (stage: Stage, log: 'arrives' | 'held-back' = 'arrives'): Promise<void> {
  const { cluster } = stage.stand
  const replication = cluster.link({ from: 'iad', to: PRIMARY, purpose: 'replication' })
  if (log === 'held-back') {
    // Acknowledged meanwhile, and received by nobody.
    replication.partition()
    await stage.hold(400)
  }
  await cluster.kill(PRIMARY)
  replication.reset()
  const [row] = await cluster.query('iad', 'select coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())::text as lsn')
  receivedAtPromotion = String(row?.['lsn'])
  await cluster.promote('iad')
}

export const failoverFaults: readonly Fault[] = [
  {
    name: 'failover-synchronous',
    group: 'failover',
    promise: 'no acknowledged write lost; followed without a restart',
    stand: { ...MEMBERS, synchronous: ['iad'] },
    short: true,
    inject: async (stage) => {
      searching(stage)
      await failOver(stage)
    },
    holdMs: 2_000,
    writtenTo: 'iad',
    recovers: ['iad', 'nrt'],
    replaysSettleMs: 2_500,
    recoverWithinMs: 8_000,
  },
  {
    name: 'failover-asynchronous',
    group: 'failover',
    promise: 'lost writes lie beyond the last received position',
    stand: MEMBERS,
    mix: [['read', 8], ['located', 10]],
    regions: [['iad', 3], ['nrt', 3], ['fra', 4]],
    inject: async (stage) => {
      searching(stage)
      await failOver(stage, 'held-back')
    },
    holdMs: 2_000,
    writtenTo: 'iad',
    recovers: ['iad', 'nrt'],
    replaysSettleMs: 2_500,
    recoverWithinMs: 8_000,
    losable: (sample) => sample.kind === 'located',
    after: judgeLosses,
  },
  {
    name: 'switch-over',
    group: 'failover',
    promise: 'no acknowledged write lost; demoted primary followed',
    stand: MEMBERS,
    inject: async (stage) => {
      searching(stage)
      const { cluster } = stage.stand
      await cluster.stop(PRIMARY, 'fast')
      await cluster.promote('nrt')
      await cluster.rejoin(PRIMARY)
    },
    holdMs: 1_000,
    writtenTo: 'nrt',
    replaysSettleMs: 3_000,
    recoverWithinMs: 8_000,
  },
  {
    name: 'demotion-between-two-writes',
    group: 'failover',
    promise: 'the second write fails in words or runs once; never both twice',
    stand: MEMBERS,
    mix: [['read', 10], ['two', 1], ['write', 3]],
    inject: async (stage) => {
      searching(stage)
      stage.excuse(edgeMayFail(stage))
      const { cluster } = stage.stand
      for (const region of ['fra', 'iad', 'nrt', 'fra', 'iad', 'nrt']) stage.load.send({ kind: 'two', region, pauseMs: 1_200 }).catch(() => {})
      await stage.hold(250)
      await cluster.stop(PRIMARY, 'fast')
      await cluster.promote('iad')
      await cluster.rejoin(PRIMARY)
    },
    holdMs: 1_500,
    writtenTo: 'iad',
    replaysSettleMs: 3_000,
    recoverWithinMs: 8_000,
  },
  {
    name: 'promotion-by-mistake',
    group: 'failover',
    promise: 'split brain: the newer timeline is written, the older one is fenced',
    stand: MEMBERS,
    recovers: ['iad', 'nrt'],
    inject: async (stage) => {
      searching(stage)
      // What the old primary takes until its fence is noticed belongs to it.
      await stage.stand.cluster.promote('iad')
    },
    holdMs: 5_000,
    during: async (stage) => {
      const health = await healthOf(stage, 'iad')
      if (!health.includes('older-timeline')) stage.breach(`iad does not say that there are two: ${health}`)
    },
    heal: async ({ stand }) => { await stand.cluster.rejoin(PRIMARY) },
    writtenTo: 'iad',
    replaysSettleMs: 3_000,
    recoverWithinMs: 8_000,
    losable: () => true,
    after: async (stage) => {
      const rows = new Set((await stage.stand.cluster.query('iad', 'select id from ledger')).map((row) => row['id']))
      const lost = stage.load.samples.filter((sample) => isWrite(sample.kind) && sample.status === 200 && idsOf(sample).some((id) => !rows.has(id)))
      const late = lost.filter((sample) => sample.startedAt > stage.injectedAt + FENCED_WITHIN_MS)
      stage.note(`${lost.length} writes went to the older one before it was noticed`)
      if (late.length > 0) stage.breach(`${late.length} writes went to the fenced server, up to ${Math.round(Math.max(...late.map((sample) => sample.startedAt - stage.injectedAt)))} ms after the promotion`)
    },
  },
  {
    name: 'clone-as-replica',
    group: 'failover',
    promise: 'nobody is written while two are equal; then as before',
    stand: { primaries: 'one-address' },
    inject: async (stage) => {
      const { cluster } = stage.stand
      stage.excuse((sample) => sample.region === 'iad' && (isWrite(sample.kind) || sample.kind === 'raw') ? promised(sample) : undefined)
      stage.excuse((sample) => sample.region === 'iad' && (sample.kind === 'fresh' || sample.kind === 'stale') ? promised(sample) : undefined)
      const clone = await cluster.makeClone('copy')
      const link = cluster.link({ from: 'iad', to: 'iad', purpose: 'database' })
      link.retarget({ host: '127.0.0.1', port: clone.port })
      link.reset()
    },
    holdMs: 1_500,
    during: async (stage) => {
      const health = await healthOf(stage, 'iad')
      if (!health.includes('equal-timeline')) stage.breach(`iad does not say that two are equal: ${health}`)
    },
    heal: async ({ stand }) => {
      const link = stand.cluster.link({ from: 'iad', to: 'iad', purpose: 'database' })
      link.retarget({ host: '127.0.0.1', port: stand.port('iad') })
      link.reset()
    },
    recoverWithinMs: 8_000,
  },
  {
    name: 'replica-promoted-alone',
    group: 'failover',
    promise: 'a replica out of recovery without a newer timeline is not written',
    stand: { primaries: 'one-address' },
    inject: async (stage) => {
      stage.excuse((sample) => sample.region === 'nrt' && (isWrite(sample.kind) || sample.kind === 'fresh' || sample.kind === 'stale') ? promised(sample) : undefined)
      searching(stage)
      await stage.stand.cluster.server('nrt').promote()
      await waitFor('nrt to be seen', () => stage.stand.apps.get('nrt')?.multiRegion.health().endpoints.local.role === 'primary')
    },
    recovers: 'nothing',
    losable: (sample) => sample.region === 'nrt',
    after: async (stage) => {
      const health = await healthOf(stage, 'nrt')
      stage.note(health.includes('older-timeline') ? 'the newer timeline is written in nrt' : '')
    },
  },
]
