import fc from 'fast-check'
import t from 'tap'
import { BLOCK_TEXT, decideReplay, nodeBlock, requestBlock, type NodeFacts, type ReplayBlock, type RequestFacts } from '../../lib/core/replay-decision.ts'

const node: NodeFacts = { region: 'iad', targetRegion: 'fra', localRole: 'standby', targetRole: 'primary' }
const request: RequestFacts = {
  leftAlone: false,
  transport: true,
  proxied: true,
  replayFailed: false,
  hopMarked: false,
  upgraded: false,
  answerBegun: false,
  bodyBytes: 0,
  maxBodyBytes: 1_000,
  place: 'open',
  pendingWrites: 0,
}

const rows: readonly { readonly name: string, readonly node?: Partial<NodeFacts>, readonly request?: Partial<RequestFacts>, readonly expect: ReplayBlock | 'replay' }[] = [
  { name: 'all conditions hold', expect: 'replay' },
  { name: 'the database has never answered', node: { localRole: 'unknown' }, expect: 'replay' },
  { name: 'the target has never answered', node: { targetRole: 'unknown' }, expect: 'replay' },
  { name: 'the body is exactly as long as allowed', request: { bodyBytes: 1_000 }, expect: 'replay' },
  { name: 'no own region', node: { region: undefined }, expect: 'no-region' },
  { name: 'no target region', node: { targetRegion: undefined }, expect: 'no-region' },
  { name: 'the node\'s database is a primary', node: { localRole: 'primary' }, expect: 'node-is-primary' },
  { name: 'a primary in the wrong region, whatever the settings say', node: { localRole: 'primary', region: 'iad', targetRegion: 'fra' }, expect: 'node-is-primary' },
  { name: 'the target is this region, whose database is a standby now', node: { region: 'fra' }, expect: 'target-is-here' },
  { name: 'the target\'s database is known to be a standby', node: { targetRole: 'standby' }, expect: 'target-is-standby' },
  { name: 'the route is left alone', request: { leftAlone: true }, expect: 'left-alone' },
  { name: 'no transport', request: { transport: false }, expect: 'no-transport' },
  { name: 'not through the proxy', request: { proxied: false }, expect: 'not-proxied' },
  { name: 'a replay has failed', request: { replayFailed: true }, expect: 'replay-failed' },
  { name: 'our own marker', request: { hopMarked: true }, expect: 'replayed-already' },
  { name: 'a replay was asked for', request: { place: 'replaying' }, expect: 'replaying' },
  { name: 'a write ran here', request: { place: 'local' }, expect: 'wrote-already' },
  { name: 'a write ran directly', request: { place: 'direct' }, expect: 'wrote-already' },
  { name: 'a write is under way', request: { pendingWrites: 1 }, expect: 'wrote-already' },
  { name: 'upgraded or hijacked', request: { upgraded: true }, expect: 'upgraded' },
  { name: 'the answer has begun', request: { answerBegun: true }, expect: 'answer-begun' },
  { name: 'a body of unknown length', request: { bodyBytes: undefined }, expect: 'body-length-unknown' },
  { name: 'a body that is too large', request: { bodyBytes: 1_001 }, expect: 'body-too-large' },
]

for (const row of rows) {
  await t.test(`${row.name}: ${row.expect}`, (t) => {
    const decision = decideReplay({ ...node, ...row.node }, { ...request, ...row.request }, 'known-write')
    t.same(decision, row.expect === 'replay' ? { type: 'replay', region: 'fra', reason: 'known-write' } : { type: 'stay', reason: row.expect })
    t.end()
  })
}

await t.test('each reason has a row', (t) => {
  const covered = new Set<string>(rows.map((row) => row.expect))
  // Decided where several databases meet, and tested there.
  covered.add('other-primary')
  for (const reason of Object.keys(BLOCK_TEXT)) t.ok(covered.has(reason), reason)
  t.end()
})

const role = fc.constantFrom('primary' as const, 'standby' as const, 'unknown' as const)
const region = fc.constantFrom('iad', 'fra', undefined)
const anyNode = fc.record({ region, targetRegion: region, localRole: role, targetRole: role })
const anyRequest = fc.record({
  leftAlone: fc.boolean(),
  transport: fc.boolean(),
  proxied: fc.boolean(),
  replayFailed: fc.boolean(),
  hopMarked: fc.boolean(),
  upgraded: fc.boolean(),
  answerBegun: fc.boolean(),
  bodyBytes: fc.option(fc.nat(2_000), { nil: undefined }),
  maxBodyBytes: fc.nat(2_000),
  place: fc.constantFrom('open' as const, 'local' as const, 'direct' as const, 'replaying' as const),
  pendingWrites: fc.nat(2),
})

await t.test('no decision replays off a standby\'s node, after a failed replay, twice, or after a write', (t) => {
  fc.assert(fc.property(anyNode, anyRequest, (node, request) => {
    const decision = decideReplay(node, request, 'known-write')
    if (decision.type === 'stay') return true
    return node.localRole !== 'primary' && node.region !== node.targetRegion && node.targetRole !== 'standby' && decision.region === node.targetRegion &&
      request.proxied && !request.replayFailed && !request.hopMarked && request.place === 'open' && request.pendingWrites === 0 &&
      request.bodyBytes !== undefined && request.bodyBytes <= request.maxBodyBytes
  }), { seed: 4, numRuns: 5_000 })
  t.end()
})

await t.test('a decision stays exactly when one of its two halves blocks', (t) => {
  fc.assert(fc.property(anyNode, anyRequest, (node, request) => {
    const blocked = nodeBlock(node) !== null || requestBlock(request) !== null
    return blocked === (decideReplay(node, request, 'known-write').type === 'stay')
  }), { seed: 4, numRuns: 1_000 })
  t.end()
})
