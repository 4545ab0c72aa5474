// One registration of the plugin: one database of the app, with all that belongs to it.

import type { FastifyBaseLogger, FastifyRequest } from 'fastify'
import type { ResolvedOptions } from '../core/options.ts'
import type { NodeFacts } from '../core/replay-decision.ts'
import type { Mac } from '../core/replay-header.ts'
import type { ReplayTransport } from '../core/replay-transport.ts'
import type { ClientFactory } from '../postgres/client.ts'
import type { Servers } from '../postgres/servers.ts'
import { Counters } from './counters.ts'
import { flyTransport } from './fly-transport.ts'
import type { Hints } from './hints.ts'
import type { MetricsSink } from './metrics-sink.ts'
import { hopMacs } from './hop-key.ts'
import { RouteTable } from './route-settings.ts'
import type { SessionConsistency } from './session-consistency.ts'
import type { Telemetry } from './telemetry.ts'

/** The name of the registration that replays by method and intent. */
export const MAIN_NAME = 'db'

/** The registrations that a request of one scope may meet. */
export interface Family {
  readonly registrations: Registration[]
  /** The unnamed one, if there is any. */
  main: Registration | null
  /** Does the answer of a request concern us that has not touched a database? */
  marksAll: boolean
}

/** On an instance: its family, inherited by child scopes. */
export const kFamily: unique symbol = Symbol('fastify-multi-region.family')

declare module 'fastify' {
  interface FastifyInstance {
    [kFamily]?: Family
  }
}

export class Registration {
  readonly options: ResolvedOptions
  readonly servers: Servers
  readonly factory: ClientFactory
  readonly log: FastifyBaseLogger
  readonly transport: ReplayTransport | null
  readonly macs: readonly [Mac, ...Mac[]]
  readonly routes: RouteTable
  readonly counters = new Counters()
  readonly hints: Hints | null
  /** Null without `token`. */
  session: SessionConsistency | null = null
  /** Null where the app does not use OpenTelemetry. */
  telemetry: Telemetry | null = null
  /** Null without `metrics`. */
  metrics: MetricsSink | null = null

  constructor (parts: { options: ResolvedOptions, servers: Servers, factory: ClientFactory, log: FastifyBaseLogger, hints: Hints | null }) {
    this.options = parts.options
    this.servers = parts.servers
    this.factory = parts.factory
    this.log = parts.log
    this.hints = parts.hints
    this.transport = transportOf(parts.options)
    this.macs = hopMacs(parts.options)
    this.routes = new RouteTable(parts.options)
  }

  get name (): string { return this.options.name }

  /** Can it replace an answer, or add a token to it? */
  get answers (): boolean { return this.transport !== null || this.session !== null }

  /** Has its family to see every answer: may a replay still be asked for while it goes out, or does each tell the time? */
  get marksAll (): boolean { return this.answers || this.options.serverTiming }

  nodeFacts (): NodeFacts {
    const facts = this.servers.facts
    return {
      region: this.options.region,
      targetRegion: this.options.primaryRegion,
      localRole: facts.local.role,
      targetRole: facts.primary.role,
    }
  }
}

function transportOf (options: ResolvedOptions): ReplayTransport | null {
  if (options.replay === 'off') return null
  return options.replay === 'fly' ? flyTransport : options.replay
}

/** For messages and hints: the pattern, never the URL. */
export const patternOf = (request: FastifyRequest): string | undefined => request.is404 ? undefined : request.routeOptions.url
