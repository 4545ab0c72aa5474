// The checker of `npm run check:consistency`, without a server: it is silent about sound histories and finds what is planted.

import fc from 'fast-check'
import t from 'tap'
import { checkHistory, GUARANTEES } from './check-history.ts'
import type { History, Read, Write } from './history.ts'
import { plant, soundHistories } from './synthetic-history.ts'

const SEED = 20_260_820

await t.test('a history in which every promise was kept has no violation, whatever its failovers lost', async (t) => {
  let losses = 0
  fc.assert(fc.property(soundHistories, (history) => {
    const { violations, lost } = checkHistory(history)
    losses += lost.length
    return violations.length === 0
  }), { seed: SEED, numRuns: 500 })
  t.ok(losses > 0, 'some histories lost writes')
})

for (const guarantee of GUARANTEES) {
  await t.test(`a violation of ${guarantee} is found in any history, and nothing else`, async (t) => {
    fc.assert(fc.property(soundHistories, (history) => {
      const found = checkHistory(plant(history, guarantee)).violations.map((one) => one.guarantee)
      return found.length > 0 && found.every((one) => one === guarantee)
    }), { seed: SEED, numRuns: 200 })
    t.pass()
  })
}

const write = (id: string, more: Partial<Write>): Write => ({
  type: 'write', id, session: 1, region: 'nrt', route: 'row', key: 'k', invokedMs: 0, completedMs: 5, status: 200, outcome: 'acknowledged', version: { timeline: 1, number: 1 }, before: 100n, stamped: 108n, servedIn: 'fra', ...more,
})
const read = (more: Partial<Read>): Read => ({
  type: 'read', id: 'r', session: 2, region: 'nrt', route: 'row', key: 'k', invokedMs: 10, completedMs: 15, status: 200, consistency: 'session', outcome: 'ok', version: { timeline: 1, number: 1 }, writer: undefined, servedIn: 'nrt', onStandby: true, sameRequest: false, ...more,
})
const failover = { endedTimeline: 1, newTimeline: 2, synchronous: false, startedMs: 100, received: 106n, switchPoint: 104n, taken: new Map([['w', 108n]]) }

const rows: readonly { readonly name: string, readonly history: History, readonly violations: readonly string[], readonly lost: readonly bigint[] }[] = [
  { name: 'a write whose commit the dead primary alone had is lost with proof, its stamp located or not', history: { operations: [write('w', { stamped: undefined })], failovers: [failover], committed: [] }, violations: [], lost: [108n] },
  { name: 'a lost write that the promoted server had received is a violation', history: { operations: [write('w', {})], failovers: [{ ...failover, received: 108n }], committed: [] }, violations: ['durable-writes'], lost: [] },
  { name: 'a lost write that no dead primary had committed is a violation', history: { operations: [write('w', { before: 104n, stamped: 112n })], failovers: [{ ...failover, taken: new Map([['another', 108n]]) }], committed: [] }, violations: ['durable-writes'], lost: [] },
  { name: 'a read of a state that was never committed is a violation', history: { operations: [write('w', { outcome: 'unknown', version: undefined }), read({ writer: 'w' })], failovers: [], committed: [] }, violations: ['real-states'], lost: [] },
  { name: 'a synchronous failover loses nothing', history: { operations: [write('w', { before: 104n })], failovers: [{ ...failover, synchronous: true }], committed: [] }, violations: ['durable-writes'], lost: [] },
  { name: 'without a failover nothing is lost', history: { operations: [write('w', {})], failovers: [], committed: [] }, violations: ['durable-writes'], lost: [] },
  { name: 'a refused write that is there is a violation', history: { operations: [write('w', { outcome: 'refused', version: undefined })], failovers: [], committed: [{ writer: 'w', key: 'k', version: { timeline: 1, number: 1 } }] }, violations: ['written-once'], lost: [] },
  { name: 'an unknown write may be there or not', history: { operations: [write('w', { outcome: 'unknown', version: undefined })], failovers: [], committed: [] }, violations: [], lost: [] },
]
for (const { name, history, violations, lost } of rows) {
  await t.test(name, async (t) => {
    const judged = checkHistory(history)
    t.strictSame(judged.violations.map((one) => one.guarantee), violations)
    t.strictSame(judged.lost.map((one) => one.committedAt), lost)
  })
}
