// Metrics for Prometheus, through prom-client, which the app installs: loaded only when the option `metrics` is given.
//
// Nearly all of them are read when somebody scrapes, from numbers that are kept anyhow (`Counters`, the servers'
// facts, the pools); only durations are recorded as they happen. Metrics belong to a registry: registrations that
// were given the same one share its metrics and are told apart by the label `database`.

import type { FastifyInstance } from 'fastify'
import type * as PromClient from 'prom-client'
import type { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { OptionsInvalidError, PeerMissingError } from '../core/errors.ts'
import type { Access } from '../core/route-decision.ts'
import type { Breaker } from '../core/server-facts.ts'
import type { MultiRegionApp } from './app-view.ts'
import { LagClock } from './lag-clock.ts'
import type { MetricsSink } from './metrics-sink.ts'
import type { Registration } from './registration.ts'

const PREFIX = 'multi_region_'

/** Every metric; all have the label `database` besides. The reference page is made of these lines. */
export const METRICS = {
  requests_total: { type: 'counter', labels: ['decision', 'reason'], help: 'Requests that used the database or for which a replay was considered, by their last decision' },
  replays_total: { type: 'counter', labels: ['reason'], help: 'Requests that were sent to another region' },
  fallbacks_total: { type: 'counter', labels: ['reason'], help: 'Statements that ran elsewhere, or on older data, than in good health' },
  captures_late_total: { type: 'counter', labels: ['route'], help: 'Requests stopped at a write after several statements, which run again' },
  queries_total: { type: 'counter', labels: ['endpoint', 'kind'], help: 'Statements, by target and by what they may do (raw SQL is unknown)' },
  query_duration_seconds: { type: 'histogram', labels: ['endpoint', 'kind'], help: 'Duration of statements, transactions as a whole, as their caller sees it' },
  reads_total: { type: 'counter', labels: ['from'], help: 'Reads, by the role of the server that answered: replica or primary' },
  token_stamps_total: { type: 'counter', labels: [], help: 'Answers that carried a session token' },
  token_rejects_total: { type: 'counter', labels: ['reason'], help: 'Session tokens that were ignored' },
  token_waits_total: { type: 'counter', labels: ['outcome'], help: 'Requests that waited for the replica to catch up' },
  token_wait_duration_seconds: { type: 'histogram', labels: [], help: 'How long requests waited for the replica' },
  replication_lag_bytes: { type: 'gauge', labels: [], help: 'Bytes of log that the local server has not replayed; absent while not known' },
  replication_lag_seconds: { type: 'gauge', labels: [], help: 'Since when the local server misses a position that the primary has shown; absent while not known' },
  endpoint_up: { type: 'gauge', labels: ['endpoint', 'role'], help: '1 when the last contact with the server succeeded, else 0' },
  breaker_state: { type: 'gauge', labels: ['endpoint'], help: 'Circuit breaker: 0 closed, 1 half-open, 2 open' },
  pool_connections: { type: 'gauge', labels: ['endpoint', 'state'], help: 'Connections, by state: in-use, idle, opening' },
  pool_queue: { type: 'gauge', labels: ['endpoint'], help: 'Statements that wait for a connection' },
  commits_unknown_total: { type: 'counter', labels: [], help: 'Writes of which nobody knows whether they took effect' },
  plan_cache_entries: { type: 'gauge', labels: [], help: 'Compiled plans that are kept' },
  plan_cache_evictions_total: { type: 'counter', labels: [], help: 'Compiled plans that were dropped to make room' },
} as const satisfies Readonly<Record<string, { readonly type: 'counter' | 'gauge' | 'histogram', readonly labels: readonly string[], readonly help: string }>>

export type MetricName = keyof typeof METRICS
type ReadName = { [K in MetricName]: (typeof METRICS)[K]['type'] extends 'histogram' ? never : K }[MetricName]

/** From a local read to a statement at the other end of the world, and its deadline. */
const QUERY_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15]
const WAIT_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1]

const BREAKER_STATES: Readonly<Record<Breaker, number>> = { closed: 0, 'half-open': 1, open: 2 }
const ENDPOINTS = ['local', 'primary'] as const
const KINDS = ['read', 'write', 'unknown'] as const

interface Source {
  readonly registration: Registration
  readonly app: MultiRegionApp
  readonly lag: LagClock
}

type Put = (value: number, labels?: Readonly<Record<string, string>>) => void

const each = <K extends string>(counts: Readonly<Partial<Record<K, number>>>, label: string, put: Put): void => {
  for (const [key, value] of Object.entries(counts) as [K, number][]) put(value, { [label]: key })
}

/** How a scrape learns each. What has never happened shows as an absent series, except where a graph needs its 0. */
const READERS: Readonly<Record<ReadName, (source: Source, put: Put) => void>> = {
  requests_total ({ registration }, put) {
    for (const [decision, reasons] of Object.entries(snapshotOf(registration).requests)) {
      for (const [reason, value] of Object.entries(reasons)) put(value, { decision, reason })
    }
  },
  replays_total ({ registration }, put) { each(snapshotOf(registration).replays, 'reason', put) },
  fallbacks_total ({ registration }, put) { each(snapshotOf(registration).fallbacks, 'reason', put) },
  captures_late_total ({ registration }, put) { each(snapshotOf(registration).lateCaptures, 'route', put) },
  queries_total ({ registration }, put) {
    const { queries } = snapshotOf(registration)
    for (const endpoint of ENDPOINTS) for (const kind of KINDS) put(queries[endpoint][kind], { endpoint, kind })
  },
  reads_total ({ registration }, put) { each(snapshotOf(registration).reads, 'from', put) },
  token_stamps_total ({ registration }, put) { put(registration.session?.counts().stamps ?? 0) },
  token_rejects_total ({ registration }, put) { each(registration.session?.counts().rejects ?? {}, 'reason', put) },
  token_waits_total ({ registration }, put) { each(registration.session?.counts().waits ?? {}, 'outcome', put) },
  replication_lag_bytes ({ registration, app }, put) {
    const bytes = app.lag(registration.name)
    if (bytes !== undefined) put(bytes)
  },
  replication_lag_seconds ({ registration, lag }, put) {
    const seconds = lag.seconds(registration.servers.facts)
    if (seconds !== undefined) put(seconds)
  },
  endpoint_up ({ registration: { servers } }, put) {
    for (const endpoint of ENDPOINTS) put(servers.facts[endpoint].up === true ? 1 : 0, { endpoint, role: servers.facts[endpoint].role })
  },
  breaker_state ({ registration: { servers } }, put) {
    for (const endpoint of ENDPOINTS) put(BREAKER_STATES[servers.facts[endpoint].breaker], { endpoint })
  },
  pool_connections ({ registration: { servers } }, put) {
    for (const endpoint of poolsOf(servers)) {
      const { inUse, idle, opening } = servers[endpoint].pool.stats()
      put(inUse, { endpoint, state: 'in-use' })
      put(idle, { endpoint, state: 'idle' })
      put(opening, { endpoint, state: 'opening' })
    }
  },
  pool_queue ({ registration: { servers } }, put) {
    for (const endpoint of poolsOf(servers)) put(servers[endpoint].pool.stats().waiting, { endpoint })
  },
  commits_unknown_total ({ registration }, put) { put(snapshotOf(registration).commitsUnknown) },
  plan_cache_entries ({ registration }, put) { put(registration.factory.planCache.entries) },
  plan_cache_evictions_total ({ registration }, put) { put(registration.factory.planCache.evictions) },
}

const snapshotOf = ({ counters }: Registration): ReturnType<typeof counters.snapshot> => counters.snapshot(undefined)

/** Two targets that lead to one server share its pool: it is told once. */
const poolsOf = (servers: Registration['servers']): readonly ('local' | 'primary')[] => servers.facts.shared ? ['local'] : ENDPOINTS

type Client = Pick<typeof PromClient, 'Counter' | 'Gauge' | 'Histogram' | 'register'>
type AnyMetric = Counter | Gauge | Histogram

class MetricSet {
  readonly sources = new Set<Source>()
  readonly queryDuration: Histogram
  readonly waitDuration: Histogram
  readonly #registry: Registry
  readonly #metrics: AnyMetric[] = []

  constructor (client: Client, registry: Registry) {
    this.#registry = registry
    const { sources } = this
    const common = (name: MetricName): { name: string, help: string, labelNames: string[], registers: Registry[] } =>
      ({ name: `${PREFIX}${name}`, help: METRICS[name].help, labelNames: ['database', ...METRICS[name].labels], registers: [registry] })
    this.queryDuration = new client.Histogram({ ...common('query_duration_seconds'), buckets: QUERY_BUCKETS })
    this.waitDuration = new client.Histogram({ ...common('token_wait_duration_seconds'), buckets: WAIT_BUCKETS })
    this.#metrics.push(this.queryDuration, this.waitDuration)
    for (const [name, read] of Object.entries(READERS) as [ReadName, (source: Source, put: Put) => void][]) {
      if (METRICS[name].type === 'counter') {
        this.#metrics.push(new client.Counter({
          ...common(name),
          collect () {
            this.reset()
            for (const source of sources) read(source, (value, labels) => { this.inc({ database: source.registration.name, ...labels }, value) })
          },
        }))
      } else {
        this.#metrics.push(new client.Gauge({
          ...common(name),
          collect () {
            this.reset()
            for (const source of sources) read(source, (value, labels) => { this.set({ database: source.registration.name, ...labels }, value) })
          },
        }))
      }
    }
  }

  /** Another app may register its own behind us, in one process: a test run does. */
  leave (source: Source): boolean {
    this.sources.delete(source)
    if (this.sources.size > 0) return false
    for (const metric of this.#metrics) this.#registry.removeSingleMetric((metric as unknown as { readonly name: string }).name) // a field that its types do not name
    return true
  }
}

/** The one thing that registrations share through it is the registry that their owner gave them both. */
const sets = new WeakMap<Registry, MetricSet>()

/** @throws FST_MR_PEER_MISSING */
export async function loadPromClient (): Promise<Client> {
  try {
    const loaded = await import('prom-client')
    return loaded.default
  } catch (cause) {
    if ((cause as { code?: unknown } | null)?.code !== 'ERR_MODULE_NOT_FOUND') throw cause
    throw Object.assign(new PeerMissingError('metrics', 'prom-client', 'prom-client'), { cause })
  }
}

/** The registry that metrics go to. @throws FST_MR_OPTIONS_INVALID */
export function registryOf (client: Client, given: object | undefined): Registry {
  if (given === undefined) return client.register
  if (!('registerMetric' in given) || typeof given.registerMetric !== 'function') throw new OptionsInvalidError('- `metrics.registry` must be a registry of prom-client: new Registry()')
  return given as Registry // it has what a registry has
}

interface MetricsParts {
  readonly client: Client
  readonly registry: Registry
  readonly route: string | undefined
  readonly app: MultiRegionApp
}

export function addMetrics (fastify: FastifyInstance, registration: Registration, { client, registry, route, app }: MetricsParts): MetricsSink {
  const set = sets.get(registry) ?? new MetricSet(client, registry)
  sets.set(registry, set)
  const source: Source = { registration, app, lag: new LagClock(() => performance.now()) }
  set.sources.add(source)
  source.lag.look(registration.servers.facts)
  registration.servers.onChange((facts) => { source.lag.look(facts) })
  fastify.addHook('onClose', async () => { if (set.leave(source)) sets.delete(registry) })
  if (route !== undefined && !fastify.hasRoute({ method: 'GET', url: route })) {
    fastify.get(route, { config: { multiRegion: false } }, async (_request, reply) => {
      reply.header('content-type', registry.contentType).header('cache-control', 'no-store')
      return await registry.metrics()
    })
  }
  const database = registration.name
  return {
    ran (endpoint: 'local' | 'primary', kind: Access, durationMs: number) { set.queryDuration.observe({ database, endpoint, kind }, durationMs / 1_000) },
    waited (waitedMs: number) { set.waitDuration.observe({ database }, waitedMs / 1_000) },
  }
}
