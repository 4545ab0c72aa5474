import t from 'tap'
import { anyFreshness, primaryFreshness, type Freshness } from '../../lib/core/freshness.ts'
import { lsnOf } from '../../lib/core/lsn.ts'
import {
  decideAfterFailure, decideRoute, hasReached,
  type FailureDecision, type FailureFacts, type RouteDecision, type RouteFacts, type ServerView,
} from '../../lib/core/route-decision.ts'
import type { Verdict } from '../../lib/core/verdict.ts'
import { failedRead } from '../support/failure-facts.ts'

const standby: ServerView = { role: 'standby', breaker: 'closed', writable: false, system: 's', timeline: 1, appliedLsn: 100n }
const primary: ServerView = { role: 'primary', breaker: 'closed', writable: true, system: 's', timeline: 1 }
const unknown: ServerView = { role: 'unknown', breaker: 'closed', writable: false }
const down = (server: ServerView): ServerView => ({ ...server, breaker: 'open' })
const atLeast = (lsn: bigint, timeline = 1, system = 's'): Freshness => ({ type: 'at-least', position: { system, timeline, lsn: lsnOf(lsn) } })

/** A read of a request in a replica's region. */
const base: RouteFacts = {
  access: 'read',
  unit: 'statement',
  binding: 'auto',
  freshness: anyFreshness,
  place: 'open',
  replay: 'unasked',
  local: standby,
  primary,
  splitBrain: false,
  look: 'untried',
  wait: 'never',
  whenPrimaryIsDown: 'fail',
}

const routes: readonly { readonly name: string, readonly given: Partial<RouteFacts>, readonly expect: string }[] = [
  { name: 'a read runs here', given: {}, expect: 'local read' },
  { name: 'raw SQL runs here', given: { access: 'unknown' }, expect: 'local unknown-access' },
  { name: 'a read beside the primary runs here', given: { local: primary }, expect: 'local local-is-primary' },
  { name: 'a server whose role is unknown serves reads', given: { local: unknown }, expect: 'local read' },
  { name: 'a half-open breaker lets the monitor try, and no request', given: { local: { ...standby, breaker: 'half-open' } }, expect: 'replay replica-down' },
  { name: 'a half-open breaker of the primary lets no write try', given: { access: 'write', replay: 'none', primary: { ...primary, breaker: 'half-open' } }, expect: 'refuse primary-down' },
  { name: 'raw SQL does not run on a server out of recovery that may not be written', given: { access: 'unknown', replay: 'blocked', local: { ...primary, writable: false, fenced: 'unproven-promotion' } }, expect: 'primary replay-blocked' },
  { name: 'a read may run on a server out of recovery that may not be written', given: { local: { ...primary, writable: false, fenced: 'unproven-promotion' } }, expect: 'local read' },
  { name: 'a known write asks for a replay', given: { access: 'write' }, expect: 'replay known-write' },
  { name: 'a transaction asks for a replay', given: { access: 'write', unit: 'transaction' }, expect: 'replay transaction' },
  { name: 'a write beside the primary runs here', given: { access: 'write', local: primary }, expect: 'local local-is-primary' },
  { name: 'a write whose replay is blocked goes to the primary', given: { access: 'write', replay: 'blocked' }, expect: 'primary replay-blocked' },
  { name: 'a write after a direct write goes to the primary', given: { access: 'write', replay: 'blocked', place: 'direct' }, expect: 'primary wrote-already' },
  { name: 'a write after a local write and a demotion goes to the primary', given: { access: 'write', replay: 'unasked', place: 'local' }, expect: 'primary wrote-already' },
  { name: 'a job writes directly', given: { access: 'write', replay: 'none' }, expect: 'primary outside-request' },
  { name: 'a write of the bound client goes to the primary', given: { access: 'write', binding: 'primary' }, expect: 'primary bound-to-primary' },
  { name: 'a read of the bound client goes to the primary', given: { binding: 'primary' }, expect: 'primary bound-to-primary' },
  { name: 'a read of the bound client beside the primary runs here', given: { binding: 'primary', local: primary }, expect: 'local local-is-primary' },
  { name: 'a primary last seen as a standby is tried with a write', given: { access: 'write', replay: 'none', primary: standby }, expect: 'primary outside-request' },
  { name: 'nothing runs after a replay was asked for', given: { place: 'replaying' }, expect: 'refuse replaying' },
  { name: 'no write in a split brain', given: { access: 'write', splitBrain: true }, expect: 'refuse split-brain' },
  { name: 'no fresh read in a split brain', given: { freshness: primaryFreshness, splitBrain: true }, expect: 'refuse split-brain' },
  { name: 'any read in a split brain runs here', given: { splitBrain: true }, expect: 'local read' },
  { name: 'no write to a fenced server', given: { access: 'write', replay: 'none', primary: { ...primary, writable: false, fenced: 'older-timeline' } }, expect: 'refuse primary-fenced' },
  { name: 'no fresh read from a fenced server', given: { freshness: primaryFreshness, primary: { ...primary, writable: false, fenced: 'older-timeline' } }, expect: 'refuse primary-fenced' },
  { name: 'no write while the primary is down', given: { access: 'write', replay: 'blocked', primary: down(primary) }, expect: 'refuse primary-down' },
  { name: 'a replay may reach a primary that cannot be reached from here', given: { access: 'write', primary: down(primary) }, expect: 'replay known-write' },
  { name: 'a primary beside us that is down is not written', given: { access: 'write', replay: 'blocked', local: down(primary), primary: down(primary) }, expect: 'refuse primary-down' },
  { name: 'a fresh read goes to the primary', given: { freshness: primaryFreshness }, expect: 'primary fresh-read' },
  { name: 'a fresh read is not given by a server known as a standby', given: { freshness: primaryFreshness, primary: standby }, expect: 'refuse primary-moved' },
  { name: 'a fresh read while the primary is down fails', given: { freshness: primaryFreshness, primary: down(primary), replay: 'blocked' }, expect: 'refuse primary-down' },
  { name: 'a fresh read may be given by a primary that cannot be reached from here', given: { freshness: primaryFreshness, primary: down(primary) }, expect: 'replay behind-floor' },
  { name: 'a fresh read of the bound client is not replayed', given: { binding: 'primary', primary: down(primary) }, expect: 'refuse primary-down' },
  { name: 'a fresh read after a direct write is not replayed', given: { freshness: primaryFreshness, primary: down(primary), place: 'direct' }, expect: 'refuse primary-down' },
  { name: 'a fresh read while the primary is down may be stale by option', given: { freshness: primaryFreshness, primary: down(primary), whenPrimaryIsDown: 'stale' }, expect: 'local stale-allowed' },
  { name: 'a stale read needs a replica', given: { freshness: primaryFreshness, primary: down(primary), local: down(standby), whenPrimaryIsDown: 'stale' }, expect: 'refuse primary-down' },
  { name: 'a replica that is down sends the request elsewhere', given: { local: down(standby) }, expect: 'replay replica-down' },
  { name: 'a replica that is down is replaced by the primary', given: { local: down(standby), replay: 'blocked' }, expect: 'primary replica-down' },
  { name: 'a replica that is down is replaced by any server for any read', given: { local: down(standby), replay: 'blocked', primary: standby }, expect: 'primary replica-down' },
  { name: 'both servers are down', given: { local: down(standby), primary: down(primary), replay: 'blocked' }, expect: 'refuse database-down' },
  { name: 'a replica that has passed the floor serves', given: { freshness: atLeast(100n) }, expect: 'local floor-reached' },
  { name: 'a replica that may have passed the floor is looked at first', given: { freshness: atLeast(101n) }, expect: 'look floor-unproven' },
  { name: 'an unknown position is looked at first', given: { freshness: atLeast(1n), local: { ...standby, appliedLsn: undefined } }, expect: 'look floor-unproven' },
  { name: 'a replica behind the floor is waited for where that is allowed', given: { freshness: atLeast(101n), look: 'behind', wait: 'allowed' }, expect: 'wait behind-floor' },
  { name: 'a replica behind the floor sends the request elsewhere', given: { freshness: atLeast(101n), look: 'behind' }, expect: 'replay behind-floor' },
  { name: 'a replica behind the floor is replaced by the primary', given: { freshness: atLeast(101n), look: 'behind', replay: 'none' }, expect: 'primary behind-floor' },
  { name: 'a position of a newer timeline is not on this replica', given: { freshness: atLeast(1n, 2), replay: 'none', primary: { ...primary, timeline: 2 } }, expect: 'primary behind-floor' },
  { name: 'a standby left on the old timeline does not serve, however far ahead it is', given: { freshness: atLeast(1n, 2), local: { ...standby, appliedLsn: 999n } }, expect: 'replay behind-floor' },
  { name: 'a primary on an older timeline than the position is stale itself', given: { freshness: atLeast(1n, 2), replay: 'none' }, expect: 'refuse primary-moved' },
  { name: 'a primary here on an older timeline than the position is stale itself', given: { freshness: atLeast(1n, 2), local: primary }, expect: 'refuse primary-moved' },
  { name: 'a stale primary serves where stale reads are allowed', given: { freshness: atLeast(1n, 2), local: primary, whenPrimaryIsDown: 'stale' }, expect: 'local stale-allowed' },
  { name: 'a primary of another system serves a session of the old one', given: { freshness: atLeast(1n, 2, 'x'), local: primary }, expect: 'local local-is-primary' },
  { name: 'a position of an older timeline is compared', given: { freshness: atLeast(50n), local: { ...standby, timeline: 2 } }, expect: 'local floor-reached' },
  { name: 'a position of another system is not on this replica', given: { freshness: atLeast(1n, 1, 'x'), replay: 'none' }, expect: 'primary behind-floor' },
  { name: 'a position of an unknown system is not on this replica', given: { freshness: { type: 'at-least', position: { system: undefined, timeline: 1, lsn: lsnOf(1n) } }, replay: 'none' }, expect: 'primary behind-floor' },
  { name: 'a position of an unknown timeline is not on this replica', given: { freshness: { type: 'at-least', position: { system: 's', timeline: undefined, lsn: lsnOf(1n) } }, replay: 'none' }, expect: 'primary behind-floor' },
  { name: 'a primary never waits', given: { freshness: atLeast(999n), local: primary }, expect: 'local local-is-primary' },
]

for (const { name, given, expect } of routes) {
  await t.test(name, (t) => {
    const decision = decideRoute({ ...base, ...given })
    t.equal(`${decision.type} ${decision.reason}`, expect)
    t.end()
  })
}

await t.test('each reason of a route has a row', (t) => {
  const all: { readonly [K in RouteDecision['type']]: readonly Extract<RouteDecision, { type: K }>['reason'][] } = {
    local: ['read', 'unknown-access', 'local-is-primary', 'floor-reached', 'stale-allowed'],
    look: ['floor-unproven'],
    wait: ['behind-floor'],
    primary: ['bound-to-primary', 'fresh-read', 'behind-floor', 'replica-down', 'outside-request', 'replay-blocked', 'wrote-already'],
    // The others are reasons of what follows a failure.
    replay: ['known-write', 'transaction', 'replica-down', 'behind-floor'],
    refuse: ['replaying', 'split-brain', 'primary-down', 'primary-moved', 'primary-fenced', 'database-down'],
  }
  const covered = new Set(routes.map(({ expect }) => expect))
  for (const [type, reasons] of Object.entries(all)) for (const reason of reasons) t.ok(covered.has(`${type} ${reason}`), `${type} ${reason}`)
  t.end()
})

await t.test('a position is reached only by proof', (t) => {
  const position = { system: 's', timeline: 1, lsn: lsnOf(100n) }
  t.equal(hasReached(standby, position), true)
  t.equal(hasReached({ ...standby, appliedLsn: 99n }, position), false)
  t.equal(hasReached({ ...standby, appliedLsn: undefined }, position), false)
  t.equal(hasReached({ ...standby, system: undefined }, position), false)
  t.equal(hasReached({ ...standby, timeline: undefined }, position), false)
  t.end()
})

const job = { replay: 'none' } as const
const spent = { attempts: { reads: 1, conflicts: 2 } } as const
const onPrimary = { target: 'primary', role: 'primary' } as const

const failures: readonly { readonly name: string, readonly given: Partial<FailureFacts> & { readonly verdict: Verdict }, readonly expect: string }[] = [
  { name: 'a standby refuses raw SQL: the request is replayed', given: { verdict: 'standby-refusal', access: 'unknown' }, expect: 'replay standby-refusal' },
  { name: 'a standby refuses raw SQL of a job: the primary runs it', given: { verdict: 'standby-refusal', access: 'unknown', ...job }, expect: 'primary standby-refusal' },
  { name: 'a standby refuses after a direct write: the primary runs it', given: { verdict: 'standby-refusal', access: 'write', place: 'direct' }, expect: 'primary standby-refusal' },
  { name: 'a standby refuses a callback in a request: replay', given: { verdict: 'standby-refusal', access: 'write', unit: 'callback' }, expect: 'replay standby-refusal' },
  { name: 'a standby refuses a callback of a job: it is not run again', given: { verdict: 'standby-refusal', access: 'write', unit: 'callback', ...job }, expect: 'raise conflict' },
  { name: 'the primary target turns out to be a standby', given: { verdict: 'standby-refusal', access: 'write', target: 'primary' }, expect: 'raise primary-moved' },
  { name: 'the only server turns out to be a standby: look again', given: { verdict: 'standby-refusal', access: 'write', shared: true, ...job }, expect: 'retry role-changed' },
  { name: 'the only server is a standby', given: { verdict: 'standby-refusal', access: 'write', shared: true, ...spent, ...job }, expect: 'raise primary-moved' },
  { name: 'a write in a read-only transaction on a standby', given: { verdict: 'standby-refusal', ownReadOnly: true }, expect: 'raise read-only' },
  { name: 'the remains of a promoted standby are tried again', given: { verdict: 'promoted', access: 'write' }, expect: 'retry role-changed' },
  { name: 'the remains of a promoted standby are tried a bounded number of times', given: { verdict: 'promoted', ...spent }, expect: 'raise primary-read-only' },
  { name: 'a callback on the remains of a promoted standby is not run again', given: { verdict: 'promoted', unit: 'callback' }, expect: 'raise conflict' },
  { name: 'a 25006 from a primary is never replayed', given: { verdict: 'read-only-primary', access: 'write', role: 'primary' }, expect: 'raise primary-read-only' },
  { name: 'a write in a read-only transaction on a primary', given: { verdict: 'read-only-primary', ownReadOnly: true, ...onPrimary }, expect: 'raise read-only' },
  { name: 'a refusal by a server of unknown role is never replayed', given: { verdict: 'read-only-unknown', access: 'write', role: 'unknown' }, expect: 'primary standby-refusal' },
  { name: 'a refusal by a primary of unknown role starts a search', given: { verdict: 'read-only-unknown', access: 'write', role: 'unknown', target: 'primary' }, expect: 'raise primary-moved' },
  { name: 'a refusal of a callback by a server of unknown role', given: { verdict: 'read-only-unknown', unit: 'callback', role: 'unknown' }, expect: 'raise conflict' },
  { name: 'a read-only transaction on a server of unknown role', given: { verdict: 'read-only-unknown', ownReadOnly: true }, expect: 'raise read-only' },
  { name: 'a table that has not arrived: the request is replayed', given: { verdict: 'schema-behind' }, expect: 'replay schema-behind' },
  { name: 'a table that has not arrived: a job asks the primary', given: { verdict: 'schema-behind', ...job }, expect: 'primary schema-behind' },
  { name: 'a table that was missing a moment ago is missing', given: { verdict: 'schema-behind', schemaReplay: 'spent' }, expect: 'raise mapped' },
  { name: 'a table that the primary target lacks is missing', given: { verdict: 'schema-behind', target: 'primary' }, expect: 'raise mapped' },
  { name: 'a recovery conflict is tried again here', given: { verdict: 'recovery-conflict' }, expect: 'retry recovery-conflict' },
  { name: 'recovery conflicts without end send the request elsewhere', given: { verdict: 'recovery-conflict', ...spent }, expect: 'replay recovery-conflict' },
  { name: 'recovery conflicts without end of a job go to the primary', given: { verdict: 'recovery-conflict', ...spent, ...job }, expect: 'primary recovery-conflict' },
  { name: 'a callback is not run again after a recovery conflict', given: { verdict: 'recovery-conflict', unit: 'callback', ...job }, expect: 'raise conflict' },
  { name: 'recovery conflicts on a primary target that is a standby', given: { verdict: 'recovery-conflict', target: 'primary', ...spent }, expect: 'raise conflict' },
  { name: 'an array that lost against another transaction is tried again', given: { verdict: 'serialization-conflict', unit: 'array', access: 'write', ...onPrimary }, expect: 'retry serialization-conflict' },
  { name: 'a read that lost against another transaction is tried again', given: { verdict: 'serialization-conflict', ...onPrimary }, expect: 'retry serialization-conflict' },
  { name: 'a write that lost against another transaction is not', given: { verdict: 'serialization-conflict', access: 'write', ...onPrimary }, expect: 'raise conflict' },
  { name: 'a callback that lost against another transaction is not', given: { verdict: 'serialization-conflict', access: 'write', unit: 'callback', ...onPrimary }, expect: 'raise conflict' },
  { name: 'a stale plan is made anew', given: { verdict: 'stale-plan', access: 'write' }, expect: 'retry did-not-run' },
  { name: 'a stale plan is made anew once', given: { verdict: 'stale-plan', ...spent }, expect: 'raise mapped' },
  { name: 'a stale plan ends a callback', given: { verdict: 'stale-plan', unit: 'callback' }, expect: 'raise mapped' },
  { name: 'the server ended a statement', given: { verdict: 'statement-timeout' }, expect: 'raise statement-timeout' },
  { name: 'an error of the application', given: { verdict: 'application' }, expect: 'raise mapped' },
  { name: 'an error after the first one of a transaction', given: { verdict: 'aborted-transaction', unit: 'callback' }, expect: 'raise mapped' },
  { name: 'a read that did not run is tried again', given: { verdict: 'not-run', kind: 'lost' }, expect: 'retry did-not-run' },
  { name: 'a write that provably did not run is tried again', given: { verdict: 'not-run', kind: 'lost', access: 'write', ...onPrimary }, expect: 'retry did-not-run' },
  { name: 'a replica that cannot be reached sends the request elsewhere', given: { verdict: 'not-run', kind: 'connect', ...spent }, expect: 'replay replica-down' },
  { name: 'a replica that cannot be reached is replaced by the primary', given: { verdict: 'not-run', kind: 'connect', ...spent, ...job }, expect: 'primary replica-down' },
  { name: 'a replica whose connections are all busy without an answer sends the request elsewhere, at once', given: { verdict: 'not-run', kind: 'stalled' }, expect: 'replay replica-down' },
  { name: 'a replica whose connections are all busy without an answer is replaced by the primary', given: { verdict: 'not-run', kind: 'stalled', ...job }, expect: 'primary replica-down' },
  { name: 'a primary whose connections are all busy without an answer is down', given: { verdict: 'not-run', kind: 'stalled', access: 'write', ...onPrimary }, expect: 'raise primary-unavailable' },
  { name: 'neither server answers', given: { verdict: 'not-run', kind: 'stalled', fellBack: 'replica-down', ...onPrimary }, expect: 'raise database-unavailable' },
  { name: 'the only server does not answer', given: { verdict: 'not-run', kind: 'stalled', role: 'primary', shared: true, ...job }, expect: 'raise primary-unavailable' },
  { name: 'a read that may be stale goes to the replica when the primary cannot be reached', given: { verdict: 'not-run', kind: 'connect', ...spent, ...onPrimary, whenPrimaryIsDown: 'stale' }, expect: 'stale primary-down' },
  { name: 'a read that may be stale goes to the replica when the primary is silent', given: { verdict: 'unknown-outcome', kind: 'deadline', ...onPrimary, whenPrimaryIsDown: 'stale' }, expect: 'stale primary-down' },
  { name: 'a statement that is too slow is not helped by an older answer', given: { verdict: 'statement-timeout', ...onPrimary, whenPrimaryIsDown: 'stale' }, expect: 'raise statement-timeout' },
  { name: 'a write is never stale', given: { verdict: 'not-run', kind: 'connect', ...spent, ...onPrimary, access: 'write', whenPrimaryIsDown: 'stale' }, expect: 'raise primary-unavailable' },
  { name: 'there is no older answer where the replica has failed', given: { verdict: 'not-run', kind: 'connect', ...spent, ...onPrimary, fellBack: 'replica-down', whenPrimaryIsDown: 'stale' }, expect: 'raise database-unavailable' },
  { name: 'the primary cannot be reached', given: { verdict: 'not-run', kind: 'connect', ...spent, access: 'write', ...onPrimary }, expect: 'raise primary-unavailable' },
  { name: 'the primary beside us cannot be reached by a write', given: { verdict: 'not-run', kind: 'connect', ...spent, access: 'write', role: 'primary', shared: true, ...job }, expect: 'raise primary-unavailable' },
  { name: 'the only server cannot be reached by a read', given: { verdict: 'not-run', kind: 'connect', ...spent, role: 'primary', shared: true, ...job }, expect: 'raise database-unavailable' },
  { name: 'neither server can be reached', given: { verdict: 'not-run', kind: 'connect', ...spent, fellBack: 'replica-down', ...onPrimary }, expect: 'raise database-unavailable' },
  { name: 'a write whose answer did not come is never run again', given: { verdict: 'unknown-outcome', kind: 'lost', access: 'write', ...onPrimary }, expect: 'raise commit-unknown' },
  { name: 'raw SQL on a writable server whose answer did not come is never run again', given: { verdict: 'unknown-outcome', kind: 'lost', access: 'unknown', role: 'primary' }, expect: 'raise commit-unknown' },
  { name: 'raw SQL on a server of unknown role whose answer did not come is never run again', given: { verdict: 'unknown-outcome', kind: 'lost', access: 'unknown', role: 'unknown' }, expect: 'raise commit-unknown' },
  { name: 'raw SQL on a standby whose answer did not come wrote nothing', given: { verdict: 'unknown-outcome', kind: 'lost', access: 'unknown' }, expect: 'retry connection-lost' },
  { name: 'an array of writes whose answer did not come is never run again', given: { verdict: 'unknown-outcome', kind: 'lost', access: 'write', unit: 'array', ...onPrimary }, expect: 'raise commit-unknown' },
  { name: 'a read whose answer did not come is tried again', given: { verdict: 'unknown-outcome', kind: 'lost' }, expect: 'retry connection-lost' },
  { name: 'a frozen replica sends the request elsewhere', given: { verdict: 'unknown-outcome', kind: 'deadline' }, expect: 'replay replica-down' },
  { name: 'a frozen replica is replaced by the primary', given: { verdict: 'unknown-outcome', kind: 'deadline', ...job }, expect: 'primary replica-down' },
  { name: 'a frozen primary costs a read its deadline', given: { verdict: 'unknown-outcome', kind: 'deadline', ...onPrimary }, expect: 'raise statement-timeout' },
  { name: 'a frozen primary leaves a write open', given: { verdict: 'unknown-outcome', kind: 'deadline', access: 'write', ...onPrimary }, expect: 'raise commit-unknown' },
  { name: 'a callback whose connection was lost is closed', given: { verdict: 'unknown-outcome', kind: 'lost', access: 'write', unit: 'callback', ...onPrimary }, expect: 'raise transaction-closed' },
  { name: 'a reading callback whose replica was lost is replayed with its request', given: { verdict: 'unknown-outcome', kind: 'lost', unit: 'callback' }, expect: 'replay replica-down' },
  { name: 'a reading callback of a job whose replica was lost is closed', given: { verdict: 'unknown-outcome', kind: 'lost', unit: 'callback', ...job }, expect: 'raise transaction-closed' },
]

const wordOf = (decision: FailureDecision): string => `${decision.type} ${decision.type === 'raise' ? decision.error : decision.reason}`

for (const { name, given, expect } of failures) {
  await t.test(name, (t) => {
    t.equal(wordOf(decideAfterFailure({ ...failedRead, ...given })), expect)
    t.end()
  })
}

await t.test('no failure replays off a standby, after a write, or outside a request', (t) => {
  const verdicts: readonly Verdict[] = ['standby-refusal', 'promoted', 'read-only-primary', 'read-only-unknown', 'schema-behind', 'recovery-conflict', 'serialization-conflict', 'stale-plan', 'aborted-transaction', 'statement-timeout', 'not-run', 'unknown-outcome', 'application']
  for (const verdict of verdicts) {
    for (const access of ['read', 'write', 'unknown'] as const) {
      for (const unit of ['statement', 'array', 'callback'] as const) {
        for (const facts of [{ replay: 'none' }, { replay: 'blocked' }, { place: 'direct' }, { place: 'local' }, { target: 'primary' }, { binding: 'primary' }] as const) {
          t.not(decideAfterFailure({ ...failedRead, ...spent, verdict, access, unit, ...facts }).type, 'replay', `${verdict} ${access} ${unit}`)
        }
        const after = decideAfterFailure({ ...failedRead, verdict: 'unknown-outcome', access, unit, role: 'primary', kind: 'lost' })
        if (access !== 'read') t.equal(after.type, 'raise', 'what may have written is not run again')
      }
    }
  }
  t.end()
})
