import t from 'tap'
import type { Fingerprint, Role } from '../../lib/core/server-facts.ts'
import { decideRoles, isSameServer, type RoleDecision, type RoleFacts, type RoleView } from '../../lib/core/server-roles.ts'

const print = (fields: Partial<Fingerprint> = {}): Fingerprint => ({ system: 's', address: '10.0.0.1', port: '5432', startedAt: '1', ...fields })
const view = (role: Role, fields: Partial<RoleView> = {}): RoleView => ({ role, up: true, fingerprint: print(), timeline: 1, standbyTimeline: undefined, ...fields })
const other = print({ address: '10.0.0.2', startedAt: '2' })
const decide = (local: RoleView, primary: RoleView, rest: Partial<RoleFacts> = {}): RoleDecision => decideRoles({ local, primary, oneEndpoint: false, trustPromotedReplica: false, ...rest })

const rows: { name: string, given: RoleDecision, expect: Partial<RoleDecision> }[] = [
  { name: 'a standby beside a primary', given: decide(view('standby'), view('primary', { fingerprint: other })), expect: { shared: false, writeTo: 'primary', splitBrain: 'none' } },
  { name: 'one server behind both names', given: decide(view('primary'), view('primary')), expect: { shared: true, writeTo: 'primary' } },
  { name: 'one configured endpoint', given: decide(view('primary', { fingerprint: print({ startedAt: undefined }) }), view('primary'), { oneEndpoint: true }), expect: { shared: true, writeTo: 'primary' } },
  { name: 'one server that is a standby', given: decide(view('standby'), view('standby')), expect: { shared: true, writeTo: 'none' } },
  { name: 'nothing known', given: decide(view('unknown', { fingerprint: print({ startedAt: undefined, address: undefined }) }), view('unknown', { fingerprint: other })), expect: { shared: false, writeTo: 'none' } },
  { name: 'a foreign system beside the primary is not written', given: decide(view('primary', { fingerprint: print({ system: 'x', startedAt: '3' }) }), view('primary', { fingerprint: other })), expect: { writeTo: 'primary', localFence: 'foreign-system', splitBrain: 'none' } },
  { name: 'an unknown system is not taken for kin', given: decide(view('primary', { fingerprint: print({ system: undefined, startedAt: '3' }) }), view('primary', { fingerprint: other })), expect: { writeTo: 'primary', localFence: 'foreign-system' } },
  { name: 'a clone on the same timeline: nobody is written', given: decide(view('primary'), view('primary', { fingerprint: other })), expect: { writeTo: 'none', splitBrain: 'equal-timeline', localFence: 'equal-timeline', primaryFence: 'equal-timeline' } },
  { name: 'unknown timelines are not told apart', given: decide(view('primary', { timeline: undefined }), view('primary', { fingerprint: other })), expect: { writeTo: 'none', splitBrain: 'equal-timeline' } },
  { name: 'a promoted replica beside the old primary is written', given: decide(view('primary', { timeline: 2 }), view('primary', { fingerprint: other })), expect: { writeTo: 'local', splitBrain: 'older-timeline', primaryFence: 'older-timeline', localFence: undefined } },
  { name: 'a replica that left on an older timeline is fenced', given: decide(view('primary', { timeline: 1 }), view('primary', { timeline: 2, fingerprint: other })), expect: { writeTo: 'primary', splitBrain: 'older-timeline', localFence: 'older-timeline' } },
  { name: 'a promotion after which the old primary is silent is no split brain', given: decide(view('primary', { timeline: 2 }), view('primary', { fingerprint: other, up: false })), expect: { writeTo: 'local', splitBrain: 'none', primaryFence: 'older-timeline' } },
  { name: 'a clone while the primary is silent is not written', given: decide(view('primary'), view('primary', { fingerprint: other, up: false })), expect: { writeTo: 'primary', splitBrain: 'none', localFence: 'unproven-promotion' } },
  { name: 'a replica seen as a standby before its new timeline was promoted', given: decide(view('primary', { timeline: 2, standbyTimeline: 1 }), view('unknown', { fingerprint: other, up: false })), expect: { writeTo: 'local', localFence: undefined } },
  { name: 'a replica out of recovery from the start is not written', given: decide(view('primary', { timeline: 2 }), view('unknown', { fingerprint: print({ system: undefined, startedAt: undefined, address: undefined }), up: false })), expect: { writeTo: 'none', localFence: 'unproven-promotion' } },
  { name: 'unless it is trusted', given: decide(view('primary', { timeline: 2 }), view('unknown', { fingerprint: print({ startedAt: undefined, address: undefined }), up: false }), { trustPromotedReplica: true }), expect: { writeTo: 'local' } },
  { name: 'a replica newer than a primary that is a standby now', given: decide(view('primary', { timeline: 3 }), view('standby', { timeline: 2, fingerprint: other })), expect: { writeTo: 'local' } },
  { name: 'a replica of unknown timeline proves nothing', given: decide(view('primary', { timeline: undefined }), view('standby', { fingerprint: other })), expect: { writeTo: 'none', localFence: 'unproven-promotion' } },
  { name: 'a foreign system beside a standby', given: decide(view('primary', { timeline: 9, fingerprint: print({ system: 'x', startedAt: '3' }) }), view('standby', { fingerprint: other })), expect: { writeTo: 'none', localFence: 'foreign-system' } },
  { name: 'two standbys', given: decide(view('standby'), view('standby', { fingerprint: other })), expect: { writeTo: 'none', localFence: undefined } },
]

await t.test('who may be written follows from role, system and timeline', async (t) => {
  for (const { name, given, expect } of rows) t.match(given, expect, name)
})

await t.test('one server is told by its start, two by theirs, whatever their addresses', async (t) => {
  t.equal(isSameServer(print(), print({ address: '::1' })), true, 'one server has several addresses')
  t.equal(isSameServer(print(), print({ startedAt: '2' })), false, 'two private networks may use one address')
  t.equal(isSameServer(print(), print({ system: 'x' })), false)
  t.equal(isSameServer(print({ startedAt: undefined }), print()), true, 'without a start the address has to do')
  t.equal(isSameServer(print({ startedAt: undefined }), print({ address: '10.0.0.2' })), false)
  t.equal(isSameServer(print({ startedAt: undefined }), print({ address: undefined })), undefined)
})
