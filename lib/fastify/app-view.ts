// `fastify.multiRegion`: what an app may ask about its databases. One object an app; every registration adds its own.

import { OptionsInvalidError } from '../core/errors.ts'
import type { Breaker, FenceReason, Role, TargetFacts } from '../core/server-facts.ts'
import type { DatabaseClient } from '../postgres/client.ts'
import type { ServersFacts } from '../postgres/servers.ts'
import type { CounterSnapshot } from './counters.ts'
import { makeTargetSql, type TargetSql } from './target-sql.ts'
import { MAIN_NAME, type Family, type Registration } from './registration.ts'

export interface EndpointHealth {
  readonly role: Role
  /** Undefined: not asked yet. */
  readonly up: boolean | undefined
  readonly breaker: Breaker
  readonly fenced: FenceReason | undefined
}

export interface Health {
  /** Can this node answer reads by itself? Never a question about the far primary: one dead primary must not drain every region. */
  readonly canRead: boolean
  /** Is a primary known, and reachable as far as one can tell? */
  readonly canWrite: boolean
  readonly endpoints: { readonly local: EndpointHealth, readonly primary: EndpointHealth }
  readonly splitBrain: ServersFacts['splitBrain']
}

export interface AppView {
  /** Region of this process. */
  readonly region: string | undefined
  readonly primaryRegion: string | undefined
  /** The clients by name, as `fastify.db` is. */
  readonly databases: Readonly<Record<string, DatabaseClient>>
  /** From what the monitor knows; asks no server. `name` defaults to the main database. */
  health (name?: string): Health
  /** Bytes of log that the local server has not replayed; 0 where it is the primary, undefined where it is not known. */
  lag (name?: string): number | undefined
  /** What happened since the start, of one database. */
  counters (name?: string): CounterSnapshot
  /** Runs a statement on one of the two servers: ``sql('local')`select now()` ``. Nothing is routed or replayed. */
  sql (which: 'local' | 'primary', name?: string): TargetSql
}

const endpointHealth = (facts: TargetFacts): EndpointHealth => ({ role: facts.role, up: facts.up, breaker: facts.breaker, fenced: facts.fenced })

const serves = (facts: TargetFacts): boolean => facts.up === true && facts.breaker === 'closed'

export class MultiRegionApp implements AppView {
  readonly #family: Family

  constructor (family: Family) {
    this.#family = family
  }

  #registration (name: string | undefined): Registration {
    const wanted = name ?? this.#family.main?.name ?? this.#family.registrations[0]?.name ?? MAIN_NAME
    const found = this.#family.registrations.find((registration) => registration.name === wanted)
    if (found === undefined) throw new OptionsInvalidError(`- no database is registered under this name; known are ${this.#family.registrations.map((registration) => registration.name).join(', ')}`)
    return found
  }

  get region (): string | undefined { return this.#registration(undefined).options.region }

  get primaryRegion (): string | undefined { return this.#registration(undefined).options.primaryRegion }

  get databases (): Readonly<Record<string, DatabaseClient>> {
    return Object.fromEntries(this.#family.registrations.map((registration) => [registration.name, registration.factory.processClient]))
  }

  health (name?: string): Health {
    const { local, primary, splitBrain, writeTo } = this.#registration(name).servers.facts
    const writer = writeTo === 'local' ? local : primary
    return {
      canRead: serves(local) && local.fenced === undefined,
      canWrite: writeTo !== 'none' && serves(writer) && writer.writable,
      endpoints: { local: endpointHealth(local), primary: endpointHealth(primary) },
      splitBrain,
    }
  }

  lag (name?: string): number | undefined {
    const { servers } = this.#registration(name)
    const { local, primary } = servers.facts
    if (local.role === 'primary') return 0
    // A position is a fact about one run of one server.
    if (local.appliedLsn === undefined || primary.flushLsn === undefined || local.sampleEpoch !== servers.local.epoch) return undefined
    return Math.max(0, Number(primary.flushLsn - local.appliedLsn))
  }

  counters (name?: string): CounterSnapshot {
    const { counters, session } = this.#registration(name)
    return counters.snapshot(session?.counts())
  }

  sql (which: 'local' | 'primary', name?: string): TargetSql {
    return makeTargetSql(this.#registration(name).servers[which])
  }
}
