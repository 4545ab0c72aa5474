// What a request means to do, by its route's config or else by its method, before anything of it has run.

import type { Consistency, IntentOption } from './options.ts'

/** What is known of a route; made once a route. */
export interface RouteIntent {
  /** `intent` of the route's config. */
  readonly declared: IntentOption | undefined
  /** `config.multiRegion` is `false`: nothing is decided for this route. */
  readonly leftAlone: boolean
  /** No route matched: bots probe with POSTs, and no database would be asked (FACTS 5.7). */
  readonly notFound: boolean
  readonly writeMethods: ReadonlySet<string>
}

export type IntentSource = 'route' | 'method' | 'left-alone' | 'not-found' | 'never-replayed-method'

export interface Intent {
  /** `auto`: nobody knows before a write is met. */
  readonly type: 'read' | 'write' | 'auto'
  readonly source: IntentSource
}

// Shared objects: an intent is derived for every request, and must not allocate.
const LEFT_ALONE: Intent = Object.freeze({ type: 'auto', source: 'left-alone' })
const NOT_FOUND: Intent = Object.freeze({ type: 'auto', source: 'not-found' })
const NEVER_REPLAYED: Intent = Object.freeze({ type: 'auto', source: 'never-replayed-method' })
const WRITE_METHOD: Intent = Object.freeze({ type: 'write', source: 'method' })
const OTHER_METHOD: Intent = Object.freeze({ type: 'auto', source: 'method' })
const BY_ROUTE: Readonly<Record<IntentOption, Intent>> = Object.freeze({
  read: Object.freeze({ type: 'read', source: 'route' }),
  write: Object.freeze({ type: 'write', source: 'route' }),
  auto: Object.freeze({ type: 'auto', source: 'route' }),
})

export function deriveIntent (route: RouteIntent, method: string): Intent {
  if (route.leftAlone) return LEFT_ALONE
  if (route.notFound) return NOT_FOUND
  // A proxy or a cors plugin answers these; a write met in one is still captured.
  if (method === 'OPTIONS' || method === 'HEAD') return NEVER_REPLAYED
  if (route.declared !== undefined) return BY_ROUTE[route.declared]
  return route.writeMethods.has(method) ? WRITE_METHOD : OTHER_METHOD
}

/** Why a request should go to the primary's region before its handler runs. */
export type EarlyReason = 'write-intent' | 'write-method' | 'strong-consistency'

/** Null: it may start here. */
export function earlyReason (intent: Intent, consistency: Consistency): EarlyReason | null {
  if (intent.type === 'write') return intent.source === 'route' ? 'write-intent' : 'write-method'
  if (consistency !== 'strong') return null
  return intent.source === 'route' || intent.source === 'method' ? 'strong-consistency' : null
}
