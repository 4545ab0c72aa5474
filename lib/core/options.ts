// Options in, settings out: input and environment become one frozen object, or all problems become one error.
// Nothing else in the package reads an option or a variable; nothing here looks at `process`.
// One file, since the table of defaults, the public types and the settings are read side by side; the two options
// with a logic of their own are in `database-option.ts` and `token-option.ts`.

import { checkTopology, emptyIsUnset, listProblems, readDatabase, readRegion, type DatabaseFacts, type DatabaseInput, type Environment, type ResolvedDatabase } from './database-option.ts'
import { KeyInvalidError, OptionsInvalidError } from './errors.ts'
import { count, describe, HTTP_TOKEN, isBag, milliseconds, Reader } from './option-reader.ts'
import { placeOf, type Topology } from './region.ts'
import { isReplayTransport, type ReplayTransport } from './replay-transport.ts'
import { readToken, WAIT_POLICIES, type ResolvedToken, type TokenOptions, type WaitPolicy } from './token-option.ts'

export type { DatabaseInput, Environment, FindPrimary, ResolvedDatabase } from './database-option.ts'
export type { CookieOptions, KeyInput, ResolvedToken, TokenOptions, WaitPolicy } from './token-option.ts'

/** What a read must see, in rising strength. */
export type Consistency = 'eventual' | 'session' | 'monotonic' | 'strong'
/** `auto`: replayed only when a write is met. */
export type IntentOption = 'read' | 'write' | 'auto'
export type WhenPrimaryIsDown = 'fail' | 'stale'

export interface PoolOptions {
  /** Connections to the local server. @defaultValue 10 */
  readonly max?: number | undefined
  /** Connections to the primary from another region. @defaultValue 5 */
  readonly primaryMax?: number | undefined
  /** Statements that may wait for a connection. @defaultValue 1000 */
  readonly queueSize?: number | undefined
  /** Milliseconds that a statement waits for a connection. @defaultValue 2000 */
  readonly queueTimeout?: number | undefined
  /** Milliseconds after which an unused connection is closed. @defaultValue 60000 */
  readonly idleTimeout?: number | undefined
  /** Prepared statements; `false` behind a pooler in transaction mode. @defaultValue true */
  readonly prepare?: boolean | undefined
  /** The share of a primary's pool that requests may use which came only because their own replica is down or behind. @defaultValue 1/3 */
  readonly borrowedShare?: number | undefined
}

export interface RetryOptions {
  /** Retries of a read that provably did not run. @defaultValue 1 */
  readonly reads?: number | undefined
  /** Retries after a conflict with another transaction. @defaultValue 2 */
  readonly conflicts?: number | undefined
}

export interface HealthOptions {
  /** Milliseconds between two looks of the monitor. @defaultValue 1000 */
  readonly interval?: number | undefined
  /** Failures in a row that open the breaker. @defaultValue 3 */
  readonly failures?: number | undefined
  /** Milliseconds that the breaker stays open; a request that would be refused looks at the server once more before that. @defaultValue 5000 */
  readonly cooldown?: number | undefined
}

/** Options of `createClient`; the plugin takes them too. */
export interface ClientOptions {
  /** Where the servers are. @defaultValue derived from DATABASE_URL and DATABASE_REPLICA_URL */
  readonly database?: string | DatabaseInput | undefined
  /** Region of this process. @defaultValue FLY_REGION */
  readonly region?: string | undefined
  /** Region of the primary. @defaultValue PRIMARY_REGION */
  readonly primaryRegion?: string | undefined
  /** The module of models; without it the client has raw SQL only. */
  readonly schema?: object | undefined
  /** @defaultValue 'eventual'; in the plugin 'session' when `token` is given */
  readonly consistency?: Consistency | undefined
  /** Milliseconds: the replica only if it is provably no older. */
  readonly maxStaleness?: number | undefined
  readonly pool?: PoolOptions | undefined
  /** Write to a configured replica that is out of recovery though never seen on a newer timeline. @defaultValue false */
  readonly trustPromotedReplica?: boolean | undefined
  /** Milliseconds for a connection, and for the whole boot probe. @defaultValue 5000 */
  readonly connectTimeout?: number | undefined
  /** Milliseconds that a statement may run. @defaultValue 15000 */
  readonly statementTimeout?: number | undefined
  /** Milliseconds that `close()` may take. @defaultValue 4000 */
  readonly closeTimeout?: number | undefined
  readonly retries?: RetryOptions | undefined
  readonly health?: HealthOptions | undefined
  /** Levels that an argument object may nest. @defaultValue 10 */
  readonly maxDepth?: number | undefined
  /** Parameters that one statement may have. @defaultValue 32000 */
  readonly maxParameters?: number | undefined
  /** Compiled plans that are kept. @defaultValue 1000 */
  readonly planCacheSize?: number | undefined
}

/** `config.multiRegion` of a route. */
export interface RouteConfig {
  /** Replay now (`write`), or only when a write is met (`auto`); `read` also warns when a write is met. @defaultValue by method */
  readonly intent?: IntentOption | undefined
  readonly consistency?: Consistency | undefined
  /** Milliseconds. */
  readonly maxStaleness?: number | undefined
  /** 503, or a read that may be stale and says so in `multi-region-stale`. */
  readonly whenPrimaryIsDown?: WhenPrimaryIsDown | undefined
  /** Milliseconds. */
  readonly statementTimeout?: number | undefined
  readonly token?: { readonly wait?: WaitPolicy | undefined } | undefined
}

/** Route config for a route that somebody else declares. */
export interface ForeignRoute extends RouteConfig {
  readonly url: string
  /** @defaultValue every method of that URL */
  readonly method?: string | readonly string[] | undefined
}

export interface PluginOptions extends ClientOptions {
  /** The decorator's name. @defaultValue 'db' */
  readonly name?: string | undefined
  /** How a replay is asked for; `auto`: `fly` where FLY_REGION is set, else `off`. @defaultValue 'auto' */
  readonly replay?: 'auto' | 'fly' | 'off' | ReplayTransport | undefined
  /** Bytes; a larger body is never replayed. @defaultValue 1000000 */
  readonly maxReplayBody?: number | undefined
  /** Methods replayed before the body where a route has no intent. @defaultValue POST, PUT, PATCH, DELETE */
  readonly writeMethods?: readonly string[] | undefined
  readonly routes?: readonly ForeignRoute[] | undefined
  /** @defaultValue 'fail' */
  readonly whenPrimaryIsDown?: WhenPrimaryIsDown | undefined
  /** Users see their own writes across requests. */
  readonly token?: TokenOptions | undefined
  /** prom-client's registry, and a route that serves it. @defaultValue false */
  readonly metrics?: false | { readonly registry?: object | undefined, readonly route?: string | undefined } | undefined
  /** @defaultValue false */
  readonly serverTiming?: boolean | undefined
  /** Warnings for the developer. @defaultValue 'auto': on unless NODE_ENV is production */
  readonly hints?: 'auto' | 'on' | 'off' | undefined
}

export interface ResolvedPool {
  readonly max: number
  readonly primaryMax: number
  readonly queueSize: number
  readonly queueTimeoutMs: number
  readonly idleTimeoutMs: number
  readonly prepare: boolean
  readonly borrowedShare: number
}

/** What the layers below the plugin need. */
export interface ResolvedClientOptions extends Topology {
  readonly database: ResolvedDatabase
  readonly schema: object | undefined
  readonly consistency: Consistency
  readonly maxStalenessMs: number | undefined
  readonly pool: ResolvedPool
  readonly trustPromotedReplica: boolean
  readonly connectTimeoutMs: number
  readonly statementTimeoutMs: number
  readonly closeTimeoutMs: number
  readonly retries: { readonly reads: number, readonly conflicts: number }
  readonly health: { readonly intervalMs: number, readonly failures: number, readonly cooldownMs: number }
  readonly limits: { readonly maxDepth: number, readonly maxParameters: number }
  readonly planCacheSize: number
  /** Said once at start: set-ups that work but are seldom meant. */
  readonly warnings: readonly string[]
}

/** A route's settings; undefined fields leave the plugin's setting in place. */
export interface ResolvedRouteConfig {
  readonly intent: IntentOption | undefined
  readonly consistency: Consistency | undefined
  readonly maxStalenessMs: number | undefined
  readonly whenPrimaryIsDown: WhenPrimaryIsDown | undefined
  readonly statementTimeoutMs: number | undefined
  readonly wait: WaitPolicy | undefined
}

export interface ResolvedForeignRoute {
  readonly url: string
  /** Undefined: every method. */
  readonly methods: readonly string[] | undefined
  readonly config: ResolvedRouteConfig
}

export interface ResolvedOptions extends ResolvedClientOptions {
  readonly name: string
  /** `auto` is resolved. */
  readonly replay: 'fly' | 'off' | ReplayTransport
  readonly maxReplayBodyBytes: number
  readonly writeMethods: readonly string[]
  readonly routes: readonly ResolvedForeignRoute[]
  readonly whenPrimaryIsDown: WhenPrimaryIsDown
  readonly token: ResolvedToken | undefined
  readonly metrics: false | { readonly registry: object | undefined, readonly route: string | undefined }
  readonly serverTiming: boolean
  readonly hints: boolean
}

/** Every default, in the unit of its option. Proposals until measured. */
const DEFAULTS = {
  name: 'db',
  maxReplayBody: 1_000_000, // bytes; the platform's own limit is 1,048,576 (FACTS 4.5)
  writeMethods: ['POST', 'PUT', 'PATCH', 'DELETE'],
  connectTimeout: 5_000,
  statementTimeout: 15_000,
  closeTimeout: 4_000,
  maxDepth: 10,
  maxParameters: 32_000,
  planCacheSize: 1_000,
  pool: { max: 10, primaryMax: 5, queueSize: 1_000, queueTimeout: 2_000, idleTimeout: 60_000, borrowedShare: 1 / 3 },
  retries: { reads: 1, conflicts: 2 },
  health: { interval: 1_000, failures: 3, cooldown: 5_000 },
} as const

const CLIENT_KEYS = [
  'database', 'region', 'primaryRegion', 'schema', 'consistency', 'maxStaleness', 'pool', 'trustPromotedReplica', 'connectTimeout',
  'statementTimeout', 'closeTimeout', 'retries', 'health', 'maxDepth', 'maxParameters', 'planCacheSize',
]
const PLUGIN_KEYS = [
  ...CLIENT_KEYS, 'name', 'replay', 'maxReplayBody', 'writeMethods', 'routes', 'whenPrimaryIsDown', 'token', 'metrics', 'serverTiming', 'hints',
]
/** What `register` itself understands arrives in the same object. */
const REGISTER_KEYS = ['prefix', 'logLevel', 'logSerializers']
const ROUTE_KEYS = ['intent', 'consistency', 'maxStaleness', 'whenPrimaryIsDown', 'statementTimeout', 'token']
const CONSISTENCIES = ['eventual', 'session', 'monotonic', 'strong'] as const
const IDENTIFIER = /^[A-Za-z_$][A-Za-z0-9_$]*$/
/** HTTP's own words; a proxy may answer these itself, and a replay of them helps nobody. */
const NEVER_REPLAYED = ['HEAD', 'OPTIONS', 'TRACE', 'CONNECT']

interface ReadClient { readonly options: Omit<ResolvedClientOptions, 'consistency' | 'warnings'>, readonly facts: DatabaseFacts }

function readClient (reader: Reader, env: Environment): ReadClient {
  const schema = reader.raw('schema')
  if (schema !== undefined && (typeof schema !== 'object' || schema === null)) reader.problem('schema', `must be the schema's module (import * as schema from './db/schema.ts'), but is ${describe(schema)}`)

  const pool = reader.nested('pool', [...Object.keys(DEFAULTS.pool), 'prepare'])
  const retries = reader.nested('retries', Object.keys(DEFAULTS.retries))
  const health = reader.nested('health', Object.keys(DEFAULTS.health))
  const settings = {
    // Checked above; a module namespace is an object.
    schema: (schema ?? undefined) as object | undefined,
    maxStalenessMs: reader.optionalNumber('maxStaleness', milliseconds(1)),
    pool: {
      max: pool.number('max', count(1, 10_000), DEFAULTS.pool.max),
      primaryMax: pool.number('primaryMax', count(1, 10_000), DEFAULTS.pool.primaryMax),
      queueSize: pool.number('queueSize', count(0, 1_000_000), DEFAULTS.pool.queueSize),
      queueTimeoutMs: pool.number('queueTimeout', milliseconds(1), DEFAULTS.pool.queueTimeout),
      idleTimeoutMs: pool.number('idleTimeout', milliseconds(1), DEFAULTS.pool.idleTimeout),
      prepare: pool.boolean('prepare', true),
      borrowedShare: pool.number('borrowedShare', { min: 0, max: 1, unit: '', integer: false }, DEFAULTS.pool.borrowedShare),
    },
    trustPromotedReplica: reader.boolean('trustPromotedReplica', false),
    connectTimeoutMs: reader.number('connectTimeout', milliseconds(1), DEFAULTS.connectTimeout),
    statementTimeoutMs: reader.number('statementTimeout', milliseconds(1), DEFAULTS.statementTimeout),
    closeTimeoutMs: reader.number('closeTimeout', milliseconds(1), DEFAULTS.closeTimeout),
    retries: {
      reads: retries.number('reads', count(0, 10), DEFAULTS.retries.reads),
      conflicts: retries.number('conflicts', count(0, 10), DEFAULTS.retries.conflicts),
    },
    health: {
      intervalMs: health.number('interval', milliseconds(10), DEFAULTS.health.interval),
      failures: health.number('failures', count(1, 1_000), DEFAULTS.health.failures),
      cooldownMs: health.number('cooldown', milliseconds(1), DEFAULTS.health.cooldown),
    },
    limits: {
      maxDepth: reader.number('maxDepth', count(1, 100), DEFAULTS.maxDepth),
      // The protocol counts parameters in 16 bits.
      maxParameters: reader.number('maxParameters', count(1, 65_535), DEFAULTS.maxParameters),
    },
    planCacheSize: reader.number('planCacheSize', count(1, 1_000_000), DEFAULTS.planCacheSize),
  }
  // The environment may throw, and must not hide what was found above.
  const region = readRegion(reader, 'region', 'FLY_REGION', env)
  const primaryRegion = readRegion(reader, 'primaryRegion', 'PRIMARY_REGION', env)
  const facts = readDatabase(reader, env, region)
  return { options: { ...settings, region, primaryRegion, database: facts.database }, facts }
}

function readMethods (value: unknown, reader: Reader, key: string): string[] | undefined {
  const methods: readonly unknown[] = Array.isArray(value) ? value : [value]
  const found: string[] = []
  for (const method of methods) {
    if (typeof method === 'string' && HTTP_TOKEN.test(method)) found.push(method.toUpperCase())
    else {
      reader.problem(key, 'must name HTTP methods, such as \'POST\'')
      return undefined
    }
  }
  return found
}

/** The words of a route's config. `prefix` is what problems are named after. */
function readRouteConfig (reader: Reader, hasToken: boolean): ResolvedRouteConfig {
  const consistency = reader.optionalWord('consistency', CONSISTENCIES)
  checkConsistency(reader, consistency, hasToken)
  return {
    intent: reader.optionalWord('intent', ['read', 'write', 'auto']),
    consistency,
    maxStalenessMs: reader.optionalNumber('maxStaleness', milliseconds(1)),
    whenPrimaryIsDown: reader.optionalWord('whenPrimaryIsDown', ['fail', 'stale']),
    statementTimeoutMs: reader.optionalNumber('statementTimeout', milliseconds(1)),
    wait: reader.nested('token', ['wait']).optionalWord('wait', WAIT_POLICIES),
  }
}

function checkConsistency (reader: Reader, consistency: Consistency | undefined, hasToken: boolean): void {
  if (!hasToken && (consistency === 'session' || consistency === 'monotonic')) {
    reader.problem('consistency', `'${consistency}' needs the option \`token\`, which carries what a session has seen`)
  }
}

export type RouteConfigResult =
  | { readonly type: 'valid', readonly config: ResolvedRouteConfig }
  | { readonly type: 'invalid', readonly problems: readonly string[] }

/** `config.multiRegion` of a route; `false` is for the caller. */
export function resolveRouteConfig (input: unknown, options: { readonly hasToken: boolean }): RouteConfigResult {
  if (!isBag(input)) return { type: 'invalid', problems: [`it must be false or an object such as { intent: 'write' }, but is ${describe(input)}`] }
  const problems: string[] = []
  const reader = new Reader(input, '', problems)
  reader.onlyKeys(ROUTE_KEYS)
  const config = readRouteConfig(reader, options.hasToken)
  return problems.length > 0 ? { type: 'invalid', problems } : { type: 'valid', config: deepFreeze(config) }
}

function readRoutes (reader: Reader, hasToken: boolean): ResolvedForeignRoute[] {
  const given = reader.raw('routes')
  if (given === undefined) return []
  if (!Array.isArray(given)) {
    reader.problem('routes', `must be a list of { url, …config }, but is ${describe(given)}`)
    return []
  }
  const routes: ResolvedForeignRoute[] = []
  for (const [index, item] of given.entries()) {
    const path = `routes[${index}]`
    if (!isBag(item)) {
      reader.problem(path, `must be an object, but is ${describe(item)}`)
      continue
    }
    const route = new Reader(item, path, reader.problems)
    route.onlyKeys([...ROUTE_KEYS, 'url', 'method'])
    const url = item['url']
    if (typeof url !== 'string' || (!url.startsWith('/') && url !== '*')) {
      route.problem('url', 'must be the URL pattern of a route, such as \'/graphql\'')
      continue
    }
    const methods = item['method'] === undefined ? undefined : readMethods(item['method'], route, 'method')
    routes.push({ url, methods, config: readRouteConfig(route, hasToken) })
  }
  return routes
}

function readReplay (reader: Reader, topology: Topology, env: Environment): ResolvedOptions['replay'] {
  const value = reader.raw('replay')
  if (value === undefined || value === 'auto') return emptyIsUnset(env['FLY_REGION']) === undefined || placeOf(topology) === 'single' ? 'off' : 'fly'
  if (value === 'off') return 'off'
  if (value === 'fly') {
    if (topology.region === undefined) reader.problem('replay', '\'fly\' needs to know where this process runs: set FLY_REGION or the option `region`')
    return 'fly'
  }
  if (isReplayTransport(value)) return value
  if (typeof value === 'object') reader.problem('replay', 'is an object, but no replay transport: it needs `name`, `accepts`, `origin`, `failed` and `answer`')
  else reader.optionalWord('replay', ['auto', 'fly', 'off'])
  return 'off'
}

function readMetrics (reader: Reader): ResolvedOptions['metrics'] {
  const value = reader.raw('metrics')
  if (value === undefined || value === false) return false
  const metrics = reader.nested('metrics', ['registry', 'route'])
  const registry = metrics.raw('registry')
  const route = metrics.raw('route')
  if (registry !== undefined && (typeof registry !== 'object' || registry === null)) metrics.problem('registry', `must be a registry of prom-client, but is ${describe(registry)}`)
  if (route !== undefined && (typeof route !== 'string' || !route.startsWith('/'))) metrics.problem('route', 'must be a path such as \'/metrics\'')
  return { registry: (registry ?? undefined) as object | undefined, route: typeof route === 'string' ? route : undefined }
}

/** Freezes our own objects; what the user gave (schema, registry, transport, TLS settings) and bytes stay as they are. */
function deepFreeze<T> (value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value) || ArrayBuffer.isView(value)) return value
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== Array.prototype) return value
  for (const [key, inner] of Object.entries(value)) {
    if (!USERS_OBJECTS.has(key)) deepFreeze(inner)
  }
  return Object.freeze(value)
}

const USERS_OBJECTS = new Set(['schema', 'registry', 'replay', 'ssl'])

function throwProblems (problems: readonly string[], keyProblems: readonly string[]): void {
  if (problems.length === 0 && keyProblems.length > 0) throw new KeyInvalidError(keyProblems.join(' '))
  const all = [...problems, ...keyProblems]
  if (all.length > 0) throw new OptionsInvalidError(listProblems(all))
}

function readerOf (input: unknown): Reader {
  if (!isBag(input)) throw new OptionsInvalidError(listProblems([`the options must be an object, but are ${describe(input)}`]))
  return new Reader(input, '', [])
}

/**
 * The plugin's options and the environment, as settings.
 * @throws FST_MR_OPTIONS_INVALID, FST_MR_TOPOLOGY_INVALID, FST_MR_DATABASE_URL_MISSING, FST_MR_KEY_INVALID
 */
export function resolveOptions (input: PluginOptions, env: Environment): ResolvedOptions {
  const reader = readerOf(input)
  reader.onlyKeys(PLUGIN_KEYS, REGISTER_KEYS)
  const keyProblems: string[] = []
  const token = readToken(reader, env, keyProblems)
  const hasToken = token !== undefined
  const consistency = reader.optionalWord('consistency', CONSISTENCIES)
  checkConsistency(reader, consistency, reader.raw('token') !== undefined)

  const name = reader.raw('name') ?? DEFAULTS.name
  if (typeof name !== 'string' || !IDENTIFIER.test(name)) reader.problem('name', 'must be an identifier, since it becomes `request.<name>`')
  else if (name === 'multiRegion') reader.problem('name', 'must not be \'multiRegion\', which the plugin uses itself')

  const writeMethods = reader.raw('writeMethods') === undefined ? [...DEFAULTS.writeMethods] : readWriteMethods(reader)
  const settings = {
    // Wrong ones are told above.
    name: typeof name === 'string' ? name : DEFAULTS.name,
    maxReplayBodyBytes: reader.number('maxReplayBody', { min: 0, max: Number.MAX_SAFE_INTEGER, unit: 'bytes', integer: true }, DEFAULTS.maxReplayBody),
    writeMethods,
    routes: readRoutes(reader, hasToken),
    whenPrimaryIsDown: reader.optionalWord('whenPrimaryIsDown', ['fail', 'stale']) ?? 'fail',
    token,
    metrics: readMetrics(reader),
    serverTiming: reader.boolean('serverTiming', false),
    hints: readHints(reader, env),
    consistency: consistency ?? (hasToken ? 'session' : 'eventual'),
  } as const

  const { options, facts } = readWithProblemsFirst(reader, env, keyProblems)
  const replay = readReplay(reader, options, env)
  throwProblems(reader.problems, keyProblems)
  const warnings = checkTopology(options, facts, replay !== 'off' || (reader.raw('replay') ?? 'auto') === 'auto')
  return deepFreeze({ ...options, ...settings, replay, warnings })
}

/** The same for `createClient`, which takes fewer options. */
export function resolveClientOptions (input: ClientOptions, env: Environment): ResolvedClientOptions {
  const reader = readerOf(input)
  for (const key of Object.keys(input)) {
    if (PLUGIN_KEYS.includes(key) && !CLIENT_KEYS.includes(key)) reader.problem(key, 'is an option of the plugin, not of `createClient`')
  }
  reader.onlyKeys(CLIENT_KEYS, PLUGIN_KEYS)
  const consistency = reader.optionalWord('consistency', CONSISTENCIES)
  if (consistency === 'session' || consistency === 'monotonic') {
    reader.problem('consistency', `'${consistency}' is a promise across requests, which need the plugin; a client always sees its own writes`)
  }
  const { options, facts } = readWithProblemsFirst(reader, env, [])
  throwProblems(reader.problems, [])
  return deepFreeze({ ...options, consistency: consistency ?? 'eventual', warnings: checkTopology(options, facts, false) })
}

/** A wrong option is told before a wrong environment: it may be the reason that the environment is looked at. */
function readWithProblemsFirst (reader: Reader, env: Environment, keyProblems: readonly string[]): ReadClient {
  try {
    return readClient(reader, env)
  } catch (error) {
    throwProblems(reader.problems, keyProblems)
    throw error
  }
}

function readWriteMethods (reader: Reader): string[] {
  if (!Array.isArray(reader.raw('writeMethods'))) {
    reader.problem('writeMethods', 'must be a list of HTTP methods')
    return []
  }
  const methods = readMethods(reader.raw('writeMethods'), reader, 'writeMethods') ?? []
  const refused = methods.filter((method) => NEVER_REPLAYED.includes(method))
  if (refused.length > 0) reader.problem('writeMethods', `must not contain ${refused.join(', ')}, which are never replayed`)
  return methods
}

function readHints (reader: Reader, env: Environment): boolean {
  switch (reader.optionalWord('hints', ['auto', 'on', 'off']) ?? 'auto') {
    case 'on': return true
    case 'off': return false
    case 'auto': return env['NODE_ENV'] !== 'production'
  }
}
