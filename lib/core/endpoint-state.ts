// One server's health as a state machine: what it was last proven to be, and whether work is sent to it.
//
//   closed ──failures in a row──▶ open ──cooldown is over, a trial begins──▶ half-open
//     ▲                             ▲                                           │
//     └───────── the trial succeeds ┼───────────────────────────────────────────┤
//                                   └───────────── the trial fails ─────────────┘
//
// The trial is a look of the monitor, so that recovery costs no request and starts no stampede. The cooldown spares
// requests that another server answers meanwhile; for one that would be refused otherwise, a trial may begin at once.
//
// Traffic counts at most one failure between two looks: ten connections that an administrator ended in one moment
// are one event, and the look that follows tells whether the server still stands. A server that refuses connections
// is found out within a few milliseconds all the same, since a failed look is soon followed by the next.
//
// Silence weighs more than an error: where a deadline passed, or every connection was out for as long as somebody
// waited for one, requests have paid for it already. Then one failed look is enough. A look without an answer has
// taken its whole time, and leaves it to the next.
//
// The role stays as last proven while the server is down: a primary that is not heard for a while is no reason to
// send its requests to another node that may think the same (DESIGN 4.4).

import type { Breaker, Role } from './server-facts.ts'

export interface EndpointState {
  readonly role: Role
  readonly roleProvenAtMs: number | undefined
  readonly up: boolean | undefined
  readonly breaker: Breaker
  /** In a row. */
  readonly failures: number
  /** Has traffic failed since the last look? */
  readonly suspected: boolean
  readonly openedAtMs: number | undefined
}

export type EndpointEvent =
  /** The monitor has had an answer. */
  | { readonly type: 'looked', readonly role: Role, readonly atMs: number }
  /** The monitor has had none. */
  | { readonly type: 'look-failed', readonly atMs: number, readonly how: 'refused' | 'silent' }
  /** A statement of real traffic failed in a way that speaks of the server. */
  | { readonly type: 'traffic-failed', readonly atMs: number }
  /** Real traffic had no answer at all for as long as it could wait. */
  | { readonly type: 'traffic-stalled', readonly atMs: number }
  /** A look begins; `request`: for somebody who is refused unless it succeeds. */
  | { readonly type: 'trial', readonly atMs: number, readonly need: 'schedule' | 'request' }
  /** Another server is behind the name now. */
  | { readonly type: 'replaced' }

export interface BreakerLimits {
  readonly failures: number
  readonly cooldownMs: number
}

export const initialEndpointState: EndpointState = Object.freeze({
  role: 'unknown',
  roleProvenAtMs: undefined,
  up: undefined,
  breaker: 'closed',
  failures: 0,
  suspected: false,
  openedAtMs: undefined,
} as const)

export function nextEndpointState (state: EndpointState, event: EndpointEvent, limits: BreakerLimits): EndpointState {
  switch (event.type) {
    case 'looked': {
      const role = event.role === 'unknown' ? state.role : event.role
      const seen = { ...state, role, roleProvenAtMs: event.role === 'unknown' ? state.roleProvenAtMs : event.atMs, up: true, suspected: false }
      // An answer before the cooldown is over proves little: a server that comes and goes should not be followed each time.
      if (state.breaker === 'open') return seen
      return { ...seen, breaker: 'closed', failures: 0, openedAtMs: undefined }
    }
    case 'look-failed': {
      const down = failed({ ...state, up: false, suspected: false }, event.atMs, limits)
      // Refusals come within milliseconds and are asked for again; who says nothing has had its time.
      return event.how === 'silent' && down.breaker === 'closed' ? { ...down, failures: Math.max(down.failures, limits.failures - 1) } : down
    }
    case 'traffic-failed': return state.suspected || state.breaker !== 'closed' ? state : failed({ ...state, suspected: true }, event.atMs, limits)
    case 'traffic-stalled': {
      if (state.breaker !== 'closed') return state
      const failures = Math.max(state.failures, limits.failures - 1)
      // Short of opening it: one slow statement or one dead connection is not the server, unless a look has failed as well.
      return state.up === false ? failed({ ...state, suspected: true, failures }, event.atMs, limits) : { ...state, suspected: true, failures }
    }
    case 'trial': return state.breaker === 'open' && (event.need === 'request' || isCooledDown(state, event.atMs, limits)) ? { ...state, breaker: 'half-open' } : state
    case 'replaced': return initialEndpointState
    default: return event satisfies never
  }
}

function failed (state: EndpointState, atMs: number, limits: BreakerLimits): EndpointState {
  const failures = state.failures + 1
  if (state.breaker === 'open') return { ...state, failures }
  if (state.breaker === 'half-open' || failures >= limits.failures) return { ...state, failures, breaker: 'open', openedAtMs: atMs }
  return { ...state, failures }
}

function isCooledDown (state: EndpointState, atMs: number, limits: BreakerLimits): boolean {
  return state.openedAtMs === undefined || atMs - state.openedAtMs >= limits.cooldownMs
}
