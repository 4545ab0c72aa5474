// What a proxy can do to a request. Requests that it drops are its own; what is judged is what is left behind.

import { edgeMayFail, type Fault } from './fault.ts'

const drops = (name: string, promise: string, fault: Pick<Fault, 'inject'> & Partial<Fault>): Fault => ({ name, group: 'edge', promise, stand: 'shared', ...fault })

export const edgeFaults: readonly Fault[] = [
  drops('edge-loses-answers', 'the write ran once at most', {
    short: true,
    inject (stage) {
      stage.excuse(edgeMayFail(stage))
      stage.stand.cluster.edge.fault({ type: 'answer-lost', times: 60 })
    },
    heal: ({ stand }) => { stand.cluster.edge.clearFaults() },
  }),
  drops('edge-dies-before-replay', 'the write ran nowhere', {
    inject (stage) {
      stage.excuse(edgeMayFail(stage))
      stage.stand.cluster.edge.fault({ type: 'die-before-replay', times: 30 })
    },
    heal: ({ stand }) => { stand.cluster.edge.clearFaults() },
    after (stage) {
      const dead = stage.load.samples.filter((sample) => sample.status === 0)
      stage.note(`${dead.length} dropped`)
    },
  }),
  drops('edge-delivers-twice', 'idempotency keys: one row each', {
    mix: [['idempotent', 4], ['read', 6]],
    inject: (stage) => { stage.stand.cluster.edge.fault({ type: 'deliver-twice', times: 120 }) },
    heal: ({ stand }) => { stand.cluster.edge.clearFaults() },
  }),
  drops('edge-retries-on-reset', 'idempotency keys: one row each', {
    mix: [['idempotent', 4], ['read', 6]],
    inject: async (stage) => {
      stage.excuse(edgeMayFail(stage))
      stage.excuse((sample) => sample.code === 'FST_MR_TRANSACTION_CLOSED' || sample.code === 'FST_MR_COMMIT_UNKNOWN' ? sample.code : undefined)
      stage.stand.cluster.edge.fault({ type: 'retry-on-reset', times: 100_000 })
      for (let round = 0; round < 5; round++) {
        stage.stand.httpLink('iad', 'fra').reset()
        stage.stand.httpLink('nrt', 'fra').reset()
        await stage.hold(150)
      }
    },
    holdMs: 100,
    heal: ({ stand }) => { stand.cluster.edge.clearFaults() },
  }),
  drops('replays-cannot-arrive', 'written straight to the primary, half the far pool at most', {
    short: true,
    inject: async (stage) => {
      const { stand } = stage
      const link = stand.httpLink('iad', 'fra')
      // Kept connections would hide it.
      await link.refuse()
      link.reset()
      stage.excuse(edgeMayFail(stage, (sample) => sample.region === 'iad'))
      stage.excuse((sample) => sample.region === 'iad' && sample.status === 503 && sample.code === 'FST_MR_OVERLOADED' && sample.retryAfter ? sample.code : undefined)
    },
    heal: ({ stand }) => stand.httpLink('iad', 'fra').heal(),
    after (stage) {
      const direct = stage.load.samples.filter((sample) => sample.hops.some((hop) => hop.cause === 'fallback') && sample.status === 200)
      stage.note(`${direct.length} written directly`)
      if (direct.length === 0) stage.breach('nothing was written directly')
    },
    holdMs: 2_500,
  }),
  drops('app-of-primary-gone', 'written straight to the primary', {
    inject: async (stage) => {
      stage.excuse(edgeMayFail(stage))
      stage.excuse((sample) => sample.status === 503 && (sample.code === 'FST_MR_CLIENT_CLOSED' || sample.code === 'FST_ERR_REOPENED_CLOSE_SERVER' || sample.code === undefined) ? 'closing' : undefined)
      stage.excuse((sample) => sample.status === 503 && sample.code === 'FST_MR_OVERLOADED' && sample.retryAfter ? sample.code : undefined)
      await stage.stand.instances.get('fra')?.stop('kill')
    },
    holdMs: 2_000,
    heal: async ({ stand }) => { await stand.instances.get('fra')?.start() },
    after (stage) {
      const direct = stage.load.samples.filter((sample) => sample.hops.some((hop) => hop.cause === 'fallback') && sample.status === 200)
      stage.note(`${direct.length} served directly`)
    },
  }),
]
