// Changes of the servers, for channels; and of their pools, which say nothing by themselves.

import { channels } from '../core/diagnostics.ts'
import type { Pool } from '../postgres/pool.ts'
import type { ServersFacts } from '../postgres/servers.ts'
import type { Registration } from './registration.ts'

const TARGETS = ['local', 'primary'] as const

/** A pool that has refused nobody for so long is well again. */
const CALM_MS = 5_000

/** Ends with the servers, which forget their listeners when they close. */
export function observeServers (registration: Registration): void {
  const { servers } = registration
  const saturation = { local: new Saturation(registration, 'local'), primary: new Saturation(registration, 'primary') }
  let before = servers.facts
  servers.onChange((facts) => {
    publishChanges(registration, before, facts)
    before = facts
    saturation.local.look()
    // Two targets of one server share its pool.
    if (!facts.shared) saturation.primary.look()
  })
}

function publishChanges ({ name, options }: Registration, before: ServersFacts, facts: ServersFacts): void {
  for (const endpoint of TARGETS) {
    const was = before[endpoint]
    const is = facts[endpoint]
    if (channels.endpointRole.hasSubscribers && was.role !== is.role) {
      channels.endpointRole.publish({ database: name, region: options.region, endpoint, role: is.role, previousRole: was.role })
    }
    if (channels.endpointHealth.hasSubscribers && (was.up !== is.up || was.breaker !== is.breaker)) {
      channels.endpointHealth.publish({ database: name, region: options.region, endpoint, up: is.up, breaker: is.breaker })
    }
  }
}

/** Looks at a pool's refusals whenever its server was looked at: nothing is added to the way of a statement. */
class Saturation {
  readonly #registration: Registration
  readonly #endpoint: 'local' | 'primary'
  #pool: Pool | undefined
  #counted = 0
  #refused = 0
  #lastAtMs = 0

  constructor (registration: Registration, endpoint: 'local' | 'primary') {
    this.#registration = registration
    this.#endpoint = endpoint
  }

  look (): void {
    const { servers, counters, options, name, log } = this.#registration
    const endpoint = this.#endpoint
    const { pool } = servers[endpoint]
    if (pool !== this.#pool) {
      this.#pool = pool
      this.#counted = 0
    }
    const { overloads, waiting } = pool.stats()
    const more = overloads - this.#counted
    this.#counted = overloads
    const nowMs = performance.now()
    if (more > 0) {
      const reason = waiting >= options.pool.queueSize ? 'queue-full' : 'queue-timeout'
      if (this.#refused === 0) log.warn({ endpoint, reason, waiting }, 'database pool is saturated')
      this.#refused += more
      this.#lastAtMs = nowMs
      counters.overloaded(endpoint, more)
      if (channels.poolSaturated.hasSubscribers) channels.poolSaturated.publish({ database: name, region: options.region, endpoint, reason, waiting, refused: more })
    } else if (this.#refused > 0 && nowMs - this.#lastAtMs >= CALM_MS) {
      log.info({ endpoint, refused: this.#refused }, 'database pool is no longer saturated')
      this.#refused = 0
    }
  }
}
