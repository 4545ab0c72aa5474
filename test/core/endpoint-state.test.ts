import t from 'tap'
import { initialEndpointState, nextEndpointState, type EndpointEvent, type EndpointState } from '../../lib/core/endpoint-state.ts'

const limits = { failures: 3, cooldownMs: 5_000 }
const run = (...events: EndpointEvent[]): EndpointState => events.reduce((state, event) => nextEndpointState(state, event, limits), initialEndpointState)
const seen = (role: 'primary' | 'standby' | 'unknown', atMs = 0): EndpointEvent => ({ type: 'looked', role, atMs })
const failed = (atMs = 0): EndpointEvent => ({ type: 'look-failed', atMs, how: 'refused' })
const traffic = (atMs = 0): EndpointEvent => ({ type: 'traffic-failed', atMs })
const stalled = (atMs = 0): EndpointEvent => ({ type: 'traffic-stalled', atMs })
const trial = (atMs: number, need: 'schedule' | 'request' = 'schedule'): EndpointEvent => ({ type: 'trial', atMs, need })

const rows: { name: string, events: EndpointEvent[], expect: Partial<EndpointState> }[] = [
  { name: 'nothing is known at first', events: [], expect: { role: 'unknown', up: undefined, breaker: 'closed' } },
  { name: 'a look proves the role', events: [seen('standby', 7)], expect: { role: 'standby', roleProvenAtMs: 7, up: true } },
  { name: 'a look that tells no role keeps the one that was proven', events: [seen('standby', 7), seen('unknown', 9)], expect: { role: 'standby', roleProvenAtMs: 7 } },
  { name: 'the role outlives a failure: a primary that is not heard is still last seen as one', events: [seen('primary'), failed(), failed(), failed()], expect: { role: 'primary', up: false, breaker: 'open' } },
  { name: 'fewer failures than the limit leave the breaker closed', events: [failed(), failed()], expect: { breaker: 'closed', failures: 2 } },
  { name: 'a success between failures starts the count anew', events: [failed(), failed(), seen('standby'), failed(), failed()], expect: { breaker: 'closed', failures: 2 } },
  { name: 'failures in a row open it', events: [failed(1), failed(2), failed(3)], expect: { breaker: 'open', openedAtMs: 3 } },
  { name: 'traffic and looks count together', events: [traffic(), failed(), traffic()], expect: { breaker: 'open' } },
  { name: 'ten connections lost in one moment are one failure', events: Array.from({ length: 10 }, () => traffic()), expect: { breaker: 'closed', failures: 1 } },
  { name: 'traffic does not say that the server is down', events: [seen('standby'), traffic()], expect: { up: true } },
  { name: 'traffic without any answer leaves it to one look', events: [seen('standby'), stalled(), failed()], expect: { breaker: 'open' } },
  { name: 'a look that is answered clears the suspicion', events: [stalled(), stalled(), seen('standby'), failed(), failed()], expect: { breaker: 'closed', failures: 2 } },
  { name: 'a look without an answer leaves it to the next', events: [{ type: 'look-failed', atMs: 0, how: 'silent' }, failed()], expect: { breaker: 'open' } },
  { name: 'one look without an answer does not open it', events: [{ type: 'look-failed', atMs: 0, how: 'silent' }], expect: { breaker: 'closed', failures: 2, up: false } },
  { name: 'a look that failed, and then traffic without any answer', events: [{ type: 'look-failed', atMs: 0, how: 'silent' }, stalled(7)], expect: { breaker: 'open', openedAtMs: 7 } },
  { name: 'silence alone does not open it', events: Array.from({ length: 10 }, () => stalled()), expect: { breaker: 'closed', failures: 2 } },
  { name: 'silence while it is open changes nothing', events: [failed(), failed(), failed(0), stalled(1)], expect: { breaker: 'open', failures: 3 } },
  { name: 'no trial before the cooldown is over', events: [failed(), failed(), failed(0), trial(4_999)], expect: { breaker: 'open' } },
  { name: 'a trial after the cooldown', events: [failed(), failed(), failed(0), trial(5_000)], expect: { breaker: 'half-open' } },
  { name: 'a trial for a request that is refused otherwise awaits no cooldown', events: [failed(), failed(), failed(0), trial(1, 'request')], expect: { breaker: 'half-open' } },
  { name: 'no request needs a trial of a server that is not down', events: [failed(), trial(1, 'request')], expect: { breaker: 'closed', failures: 1 } },
  { name: 'a trial that succeeds closes', events: [failed(), failed(), failed(0), trial(5_000), seen('standby', 5_001)], expect: { breaker: 'closed', failures: 0, openedAtMs: undefined } },
  { name: 'a trial that fails opens again, for another cooldown', events: [failed(), failed(), failed(0), trial(5_000), failed(5_100)], expect: { breaker: 'open', openedAtMs: 5_100 } },
  { name: 'an answer before the cooldown is over does not close it, but tells the role', events: [failed(), failed(), failed(0), seen('primary', 100)], expect: { breaker: 'open', role: 'primary', up: true } },
  { name: 'a failed look while it is open does not prolong it', events: [failed(), failed(), failed(0), failed(1_000)], expect: { breaker: 'open', openedAtMs: 0 } },
  { name: 'traffic that fails while it is open changes nothing', events: [failed(), failed(), failed(0), traffic(1_000)], expect: { breaker: 'open', openedAtMs: 0, failures: 3 } },
  { name: 'a look is no trial while it is closed', events: [seen('standby'), trial(9_000)], expect: { breaker: 'closed' } },
  { name: 'another server begins with nothing known', events: [seen('primary'), failed(), failed(), failed(), { type: 'replaced' }], expect: initialEndpointState },
]

await t.test('a server is what its events have proven', async (t) => {
  for (const { name, events, expect } of rows) t.match(run(...events), expect, name)
})
