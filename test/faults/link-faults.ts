// What can happen between two servers, or between an app and its server, while both live.

import type { Link } from '../../lib/testing/index.ts'
import { edgeMayFail, needsPrimary, promised, writesMayBreak, type Excuse, type Fault, type Stage } from './fault.ts'

const ownLink = ({ stand }: Stage): Link => stand.cluster.link({ from: 'iad', to: 'iad', purpose: 'database' })
const farLink = ({ stand }: Stage): Link => stand.cluster.link({ from: 'iad', to: 'primary', purpose: 'database' })
const primaryOwnLink = ({ stand }: Stage): Link[] => [
  stand.cluster.link({ from: 'fra', to: 'fra', purpose: 'database' }), stand.cluster.link({ from: 'fra', to: 'primary', purpose: 'database' }),
]

/** Only what goes straight from iad to the primary meets a fault of the far database link. */
const farDirect: Excuse = (sample) => sample.region === 'iad' && sample.kind === 'direct' ? promised(sample) : undefined

const isInsert = (chunk: Buffer): boolean => chunk.includes('insert into "ledger"') || chunk.includes('INSERT INTO "ledger"') || chunk.includes('ledger')

/** Springs again and again, on different chunks. */
async function many (stage: Stage, times: number, arm: () => { happened: Promise<void>, cancel (): void }): Promise<number> {
  let happened = 0
  for (let round = 0; round < times; round++) {
    const trap = arm()
    const sprung = await Promise.race([trap.happened.then(() => true), stage.hold(250).then(() => false)])
    trap.cancel()
    if (sprung) happened++
  }
  return happened
}

export const linkFaults: readonly Fault[] = [
  {
    name: 'slow-link',
    group: 'link',
    promise: 'local reads and replays go on',
    stand: 'shared',
    inject: (stage) => { farLink(stage).slow(2_000) },
    heal: (stage) => farLink(stage).heal(),
  },
  {
    name: 'slow-own-link',
    group: 'link',
    promise: 'no hang; served elsewhere or late',
    stand: 'shared',
    inject: (stage) => { ownLink(stage).slow(6_000) },
    heal: (stage) => ownLink(stage).heal(),
  },
  {
    name: 'database-link-cut',
    group: 'link',
    promise: 'replays do not need it; direct writes 503',
    stand: 'shared',
    mix: [['read', 8], ['write', 3], ['auto', 2], ['pair', 1], ['direct', 2], ['fresh', 1]],
    holdMs: 3_000,
    inject: (stage) => {
      stage.excuse(farDirect)
      farLink(stage).partition()
    },
    heal: (stage) => farLink(stage).heal(),
  },
  {
    name: 'partition-both',
    group: 'link',
    promise: 'local reads unaffected; writes 503 or the edge gives up',
    stand: 'shared',
    short: true,
    holdMs: 3_000,
    inject: (stage) => {
      const cut = (sample: { region: string, kind: string }): boolean => sample.region === 'iad' && needsPrimary(sample as never)
      stage.excuse(edgeMayFail(stage, (sample) => cut(sample) || (sample.region === 'iad' && sample.kind === 'stale'), 6_000))
      stage.excuse((sample) => cut(sample) || (sample.region === 'iad' && sample.kind === 'stale') ? promised(sample) : undefined)
      stage.stand.cluster.partition('iad', 'fra')
      stage.stand.httpLink('iad', 'fra').partition()
      stage.stand.httpLink('fra', 'iad').partition()
    },
    heal: async (stage) => {
      await stage.stand.httpLink('iad', 'fra').heal()
      await stage.stand.httpLink('fra', 'iad').heal()
      await stage.stand.cluster.heal('iad', 'fra')
    },
    recoverWithinMs: 8_000,
  },
  {
    name: 'partition-one-way',
    group: 'link',
    promise: 'answers lost on the far link: unknown, never twice',
    stand: 'shared',
    mix: [['read', 8], ['write', 3], ['direct', 4], ['fresh', 1]],
    holdMs: 2_500,
    inject: (stage) => {
      stage.excuse(farDirect)
      farLink(stage).partition('from-target')
    },
    heal: (stage) => farLink(stage).heal(),
  },
  {
    name: 'half-open-connections',
    group: 'link',
    promise: 'found out within a deadline; reads elsewhere',
    stand: 'shared',
    holdMs: 3_000,
    inject: (stage) => { ownLink(stage).blackHole() },
    heal: (stage) => ownLink(stage).heal(),
  },
  {
    name: 'rst-in-a-query',
    group: 'link',
    promise: 'reads retried, none fails',
    stand: 'shared',
    short: true,
    inject: async (stage) => { stage.note(`${await many(stage, 8, () => ownLink(stage).resetOn({ direction: 'to-target', matches: () => true, chunk: 'drop' }))} resets`) },
    holdMs: 100,
  },
  {
    name: 'rst-in-a-result',
    group: 'link',
    promise: 'reads retried, none fails',
    stand: 'shared',
    inject: async (stage) => { stage.note(`${await many(stage, 8, () => ownLink(stage).resetAfter({ direction: 'from-target', bytes: 40 + Math.floor(stage.random() * 400) }))} resets`) },
    holdMs: 100,
  },
  {
    name: 'rst-in-a-commit',
    group: 'link',
    promise: 'commit unknown, run once at most',
    stand: 'shared',
    short: true,
    mix: [['read', 5], ['write', 4], ['pair', 3], ['direct', 2]],
    inject: async (stage) => {
      stage.excuse(writesMayBreak(stage))
      let resets = 0
      for (let round = 0; round < 4; round++) {
        for (const [index, link] of [...primaryOwnLink(stage), farLink(stage)].entries()) {
          const chunk = (round + index) % 2 === 0 ? 'deliver' : 'drop'
          resets += await many(stage, 1, () => link.resetOn({ direction: 'to-target', matches: (bytes) => /commit/i.test(bytes.toString('latin1')) || isInsert(bytes), chunk }))
        }
      }
      stage.note(`${resets} resets`)
    },
    holdMs: 100,
  },
]
