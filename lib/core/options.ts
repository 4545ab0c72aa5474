// Options in, settings out: input and environment become one frozen object, or all problems become one error.
// Nothing else in the package reads an option or a variable; nothing here looks at `process`.

import { deriveReplica, EndpointProblem, FLY_MEMBER_PORT, parseEndpoint, parseFlyHost, type Endpoint, type EndpointInput } from './endpoint.ts'
import { DatabaseUrlMissingError, KeyInvalidError, OptionsInvalidError, TopologyInvalidError } from './errors.ts'
import { nearestName } from './nearest-name.ts'
import { parseRegion, placeOf, type Topology } from './region.ts'
import { isReplayTransport, type ReplayTransport } from './replay-transport.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** What a read must see, in rising strength. */
export type Consistency = 'eventual' | 'session' | 'monotonic' | 'strong'
/** `auto`: replayed only when a write is met. */
export type IntentOption = 'read' | 'write' | 'auto'
export type WaitPolicy = 'auto' | 'always' | 'never'
export type WhenPrimaryIsDown = 'fail' | 'stale'

/** Finds the primary when it is asked for: at start, and after the primary has moved. */
export type FindPrimary = () => Promise<EndpointInput | readonly EndpointInput[]>

export interface DatabaseInput {
  /** The server that is written: one, a list of which each is probed for its role, or a function that finds it. */
  readonly primary: EndpointInput | readonly EndpointInput[] | FindPrimary
  /** The server that this region reads from. Without one, reads go to the primary. */
  readonly replica?: EndpointInput | undefined
}

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
  /** Milliseconds that the breaker stays open. @defaultValue 5000 */
  readonly cooldown?: number | undefined
}

export type KeyInput = string | Uint8Array

export interface CookieOptions {
  readonly name?: string | undefined
  readonly domain?: string | undefined
  readonly path?: string | undefined
  readonly sameSite?: 'lax' | 'strict' | 'none' | undefined
  /** `auto`: by the request's protocol. */
  readonly secure?: boolean | 'auto' | undefined
}

export interface TokenOptions {
  /** 32 bytes, or their base64 or hex text; the same in every region. The first seals, all open. */
  readonly key?: KeyInput | readonly KeyInput[] | undefined
  /** Instead of `key`: a passphrase of at least 32 bytes. */
  readonly secret?: KeyInput | undefined
  /** 16 bytes, or their base64 or hex text. */
  readonly salt?: KeyInput | undefined
  /** A log position, or a fixed window. @defaultValue 'lsn' */
  readonly mode?: 'lsn' | 'time' | undefined
  /** Milliseconds that a session goes to the primary after a write, where only the time is known. @defaultValue 10000 */
  readonly window?: number | undefined
  /** Milliseconds that a token lives. @defaultValue 24 h */
  readonly lifetime?: number | undefined
  /** Milliseconds that a read waits here for the replica to catch up. @defaultValue 100 */
  readonly waitTimeout?: number | undefined
  /** `auto`: wait only while it is cheaper than the trip to the primary. @defaultValue 'auto' */
  readonly wait?: WaitPolicy | undefined
  /** Milliseconds that writes still running are awaited when the headers go out. @defaultValue 50 */
  readonly stampTimeout?: number | undefined
  readonly cookie?: false | CookieOptions | undefined
  /** A header's name, for both directions. @defaultValue 'multi-region-token' */
  readonly header?: false | string | undefined
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

export interface ResolvedDatabase {
  /** Candidates in order; empty only when `findPrimary` says where the primary is. */
  readonly primary: readonly Endpoint[]
  readonly findPrimary: (() => Promise<readonly Endpoint[]>) | undefined
  /** The local server; undefined: the primary serves reads too. */
  readonly replica: Endpoint | undefined
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

export interface ResolvedToken {
  /** Not enumerable. Empty: the app's own secure-session is reused. */
  readonly keys: readonly Uint8Array[]
  /** Not enumerable. */
  readonly secret: Uint8Array | undefined
  readonly salt: Uint8Array | undefined
  readonly mode: 'lsn' | 'time'
  readonly windowMs: number
  readonly lifetimeMs: number
  readonly waitTimeoutMs: number
  readonly wait: WaitPolicy
  readonly stampTimeoutMs: number
  readonly cookie: false | { readonly name: string, readonly domain: string | undefined, readonly path: string, readonly sameSite: 'lax' | 'strict' | 'none', readonly secure: boolean | 'auto' }
  readonly header: false | string
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
  token: { window: 10_000, lifetime: 24 * 60 * 60_000, waitTimeout: 100, stampTimeout: 50, cookieName: 'multi-region', cookiePath: '/', header: 'multi-region-token' },
} as const

/** Timers in Node hold 2^31 - 1 ms; a larger delay fires at once. */
const MAX_MS = 2 ** 31 - 1
const YEAR_MS = 366 * 24 * 60 * 60_000

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
const WAITS = ['auto', 'always', 'never'] as const
/** HTTP's own words; a proxy may answer these itself, and a replay of them helps nobody. */
const NEVER_REPLAYED = ['HEAD', 'OPTIONS', 'TRACE', 'CONNECT']

const HEADER_TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/
const IDENTIFIER = /^[A-Za-z_$][A-Za-z0-9_$]*$/
const DOMAIN = /^\.?[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*$/
const COOKIE_PATH = /^\/[\x21-\x3a\x3c-\x7e]*$/

type Bag = Readonly<Record<string, unknown>>

const isBag = (value: unknown): value is Bag => typeof value === 'object' && value !== null && !Array.isArray(value)

/** For messages: the type of what was given, never its value, which may be a secret. */
function describe (value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

interface NumberRule { readonly min: number, readonly max: number, readonly unit: string, readonly integer: boolean }

const milliseconds = (min: number, max = MAX_MS): NumberRule => ({ min, max, unit: 'milliseconds', integer: false })
const count = (min: number, max: number): NumberRule => ({ min, max, unit: '', integer: true })

/** Reads one object of options; what is wrong goes to a list that all readers share. */
class Reader {
  readonly #bag: Bag
  readonly #path: string
  readonly problems: string[]

  constructor (bag: Bag, path: string, problems: string[]) {
    this.#bag = bag
    this.#path = path
    this.problems = problems
  }

  nameOf (key: string): string {
    return this.#path === '' ? key : `${this.#path}.${key}`
  }

  problem (key: string, text: string): void {
    this.problems.push(`\`${this.nameOf(key)}\` ${text}`)
  }

  raw (key: string): unknown {
    return this.#bag[key]
  }

  onlyKeys (known: readonly string[], alsoAccepted: readonly string[] = []): void {
    for (const key of Object.keys(this.#bag)) {
      if (known.includes(key) || alsoAccepted.includes(key)) continue
      const nearest = nearestName(key, known)
      this.problem(key, nearest === undefined ? `is not an option; known are ${known.join(', ')}` : `is not an option; did you mean \`${this.nameOf(nearest)}\`?`)
    }
  }

  optionalNumber (key: string, rule: NumberRule): number | undefined {
    const value = this.#bag[key]
    if (value === undefined) return undefined
    const unit = rule.unit === '' ? '' : ` of ${rule.unit}`
    if (typeof value !== 'number' || !Number.isFinite(value) || value < rule.min || value > rule.max || (rule.integer && !Number.isInteger(value))) {
      this.problem(key, `must be a ${rule.integer ? 'whole ' : ''}number${unit} from ${rule.min} to ${rule.max}, but is ${describe(value)}`)
      return undefined
    }
    return value
  }

  number (key: string, rule: NumberRule, byDefault: number): number {
    return this.optionalNumber(key, rule) ?? byDefault
  }

  boolean (key: string, byDefault: boolean): boolean {
    const value = this.#bag[key]
    if (value === undefined) return byDefault
    if (typeof value === 'boolean') return value
    this.problem(key, `must be true or false, but is ${describe(value)}`)
    return byDefault
  }

  optionalWord<const T extends string> (key: string, words: readonly T[]): T | undefined {
    const value = this.#bag[key]
    if (value === undefined) return undefined
    const found = words.find((word) => word === value)
    if (found === undefined) {
      const nearest = typeof value === 'string' ? nearestName(value, words) : undefined
      this.problem(key, `must be one of ${words.map((word) => `'${word}'`).join(', ')}${nearest === undefined ? `, but is ${describe(value)}` : `; did you mean '${nearest}'?`}`)
    }
    return found
  }

  /** A nested object; an empty one where it is absent or wrong. */
  nested (key: string, known: readonly string[]): Reader {
    const value = this.#bag[key]
    const usable = value === undefined || isBag(value)
    if (!usable) this.problem(key, `must be an object, but is ${describe(value)}`)
    const reader = new Reader(isBag(value) ? value : {}, this.nameOf(key), this.problems)
    reader.onlyKeys(known)
    return reader
  }
}

function emptyIsUnset (value: string | undefined): string | undefined {
  return value === undefined || value.trim() === '' ? undefined : value.trim()
}

/** A region of the options, else of the environment. `TopologyInvalidError` is for the environment, a problem for the option. */
function readRegion (reader: Reader, key: 'region' | 'primaryRegion', variable: string, env: Environment): string | undefined {
  const given = reader.raw(key)
  if (given !== undefined) {
    const code = typeof given === 'string' ? parseRegion(given) : undefined
    if (code === undefined) reader.problem(key, 'must be a region\'s code: letters, digits and hyphens')
    return code
  }
  const text = emptyIsUnset(env[variable])
  if (text === undefined) return undefined
  const code = parseRegion(text)
  if (code === undefined) throw new TopologyInvalidError(`${variable} must be a region's code: letters, digits and hyphens.`)
  return code
}

interface DatabaseFacts {
  readonly database: ResolvedDatabase
  /** The primary comes from a Fly host name that names one member, in this region. */
  readonly memberRegion: string | undefined
  /** No replica was given, and none follows from the host's name. */
  readonly replicaUnknown: boolean
}

const NO_DATABASE: DatabaseFacts = { database: { primary: [], findPrimary: undefined, replica: undefined }, memberRegion: undefined, replicaUnknown: false }

function tryEndpoint (input: unknown, where: string, name: string, problems: string[]): Endpoint | undefined {
  try {
    // `parseEndpoint` checks what it is given; the cast only lets an unchecked value in.
    return parseEndpoint(input as EndpointInput, name)
  } catch (error) {
    if (!(error instanceof EndpointProblem)) throw error
    problems.push(`\`${where}\` ${error.message}`)
    return undefined
  }
}

function candidates (input: unknown, where: string, problems: string[]): Endpoint[] {
  const list: readonly unknown[] = Array.isArray(input) ? input : [input]
  if (list.length === 0) problems.push(`\`${where}\` is an empty list; name at least one server`)
  const found: Endpoint[] = []
  for (const [index, item] of list.entries()) {
    const endpoint = tryEndpoint(item, list.length === 1 ? where : `${where}[${index}]`, list.length === 1 ? 'primary' : `primary[${index}]`, problems)
    if (endpoint !== undefined) found.push(endpoint)
  }
  return found
}

function finder (find: FindPrimary): () => Promise<readonly Endpoint[]> {
  return async () => {
    const problems: string[] = []
    const found = candidates(await find(), 'database.primary()', problems)
    if (problems.length > 0) throw new OptionsInvalidError(list(problems))
    return found
  }
}

const list = (problems: readonly string[]): string => problems.map((problem) => `- ${problem}`).join('\n')

/** Explicit wins; else DATABASE_URL, and the replica by DATABASE_REPLICA_URL or by the host's name. */
function readDatabase (reader: Reader, env: Environment, region: string | undefined): DatabaseFacts {
  const { problems } = reader
  const given = reader.raw('database')
  const replicaUrl = emptyIsUnset(env['DATABASE_REPLICA_URL'])
  let where = 'database'
  let primaryInput: unknown = given
  let replicaInput: unknown
  let replicaWhere = 'database.replica'
  if (given === undefined) {
    primaryInput = emptyIsUnset(env['DATABASE_URL'])
    where = 'DATABASE_URL'
    if (primaryInput === undefined) {
      if (replicaUrl === undefined) throw new DatabaseUrlMissingError()
      throw new TopologyInvalidError('DATABASE_REPLICA_URL is set but DATABASE_URL is not: set DATABASE_URL to the primary, or unset both.')
    }
    replicaInput = replicaUrl
    replicaWhere = 'DATABASE_REPLICA_URL'
  } else if (isBag(given)) {
    const nested = reader.nested('database', ['primary', 'replica'])
    primaryInput = nested.raw('primary')
    replicaInput = nested.raw('replica')
    where = 'database.primary'
    if (primaryInput === undefined) {
      problems.push('`database.primary` is missing; give the URL of the server that is written')
      return NO_DATABASE
    }
  } else if (typeof given !== 'string') {
    reader.problem('database', `must be a URL or { primary, replica }, but is ${describe(given)}`)
    return NO_DATABASE
  } else if (replicaUrl !== undefined && env['DATABASE_URL'] === given) {
    // `database: process.env.DATABASE_URL` is the environment, spelt out.
    replicaInput = replicaUrl
    replicaWhere = 'DATABASE_REPLICA_URL'
  }

  const explicitReplica = replicaInput === undefined ? undefined : tryEndpoint(replicaInput, replicaWhere, 'replica', problems)
  if (typeof primaryInput === 'function') {
    return {
      database: { primary: [], findPrimary: finder(primaryInput as FindPrimary), replica: explicitReplica },
      memberRegion: undefined,
      replicaUnknown: replicaInput === undefined,
    }
  }
  const primary = candidates(primaryInput, where, problems)
  const first = primary[0]
  const fly = first === undefined || primary.length > 1 ? undefined : parseFlyHost(first.host)
  const derived = replicaInput === undefined && region !== undefined && fly !== undefined && first !== undefined ? deriveReplica(first, region) : undefined
  return {
    database: { primary, findPrimary: undefined, replica: explicitReplica ?? derived },
    memberRegion: fly !== undefined && first?.port === FLY_MEMBER_PORT ? fly.region : undefined,
    replicaUnknown: replicaInput === undefined && derived === undefined,
  }
}

/** Half of a pair, or a pair that contradicts itself, is an error at start: at run time it would be a wrong route. */
function checkTopology (topology: Topology, facts: DatabaseFacts, replaying: boolean): string[] {
  const { region, primaryRegion } = topology
  if (region === undefined && primaryRegion !== undefined) {
    throw new TopologyInvalidError(`The primary's region is ${primaryRegion}, but the region of this process is not known: set FLY_REGION or the option \`region\`, or unset PRIMARY_REGION to run with one database and no replay.`)
  }
  if (region !== undefined && primaryRegion === undefined && replaying) {
    throw new TopologyInvalidError(`This process runs in ${region}, but the primary's region is not known: set PRIMARY_REGION or the option \`primaryRegion\`, or \`replay: 'off'\` to write to the primary directly.`)
  }
  if (facts.memberRegion !== undefined && primaryRegion !== undefined && facts.memberRegion !== primaryRegion) {
    throw new TopologyInvalidError(`The primary's URL names the member in ${facts.memberRegion} itself (port ${FLY_MEMBER_PORT}), but the primary's region is ${primaryRegion}: use port 5432, which leads to the primary, or correct PRIMARY_REGION.`)
  }
  if (placeOf(topology) === 'secondary' && facts.replicaUnknown) {
    return [`No replica is configured in ${region}: every read crosses to the primary in ${primaryRegion}. Set DATABASE_REPLICA_URL or \`database.replica\`.`]
  }
  return []
}

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

/** `bytes` of a key given as bytes, as hex or as base64; undefined when it has another length. */
function parseKey (input: unknown, bytes: number): Uint8Array | undefined {
  if (input instanceof Uint8Array) return input.byteLength === bytes ? Uint8Array.from(input) : undefined
  if (typeof input !== 'string') return undefined
  const text = input.trim()
  if (text.length === bytes * 2 && /^[0-9a-f]+$/i.test(text)) return Uint8Array.from(Buffer.from(text, 'hex'))
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(text)) return undefined
  const decoded = Buffer.from(text, 'base64')
  return decoded.byteLength === bytes ? Uint8Array.from(decoded) : undefined
}

const KEY_BYTES = 32
const SALT_BYTES = 16

function readToken (reader: Reader, env: Environment, keyProblems: string[]): ResolvedToken | undefined {
  const given = reader.raw('token')
  if (given === undefined) return undefined
  if (!isBag(given)) {
    reader.problem('token', `must be an object such as { key }, but is ${describe(given)}; leave it out to do without session consistency`)
    return undefined
  }
  const token = reader.nested('token', ['key', 'secret', 'salt', 'mode', 'window', 'lifetime', 'waitTimeout', 'wait', 'stampTimeout', 'cookie', 'header'])
  const secret = secretOf(token)
  const inputs = token.raw('key') ?? (secret === undefined ? emptyIsUnset(env['MULTI_REGION_KEY']) : undefined)
  const keys: Uint8Array[] = []
  const keyList: readonly unknown[] = inputs === undefined ? [] : Array.isArray(inputs) ? inputs : [inputs]
  for (const [index, input] of keyList.entries()) {
    const key = parseKey(input, KEY_BYTES)
    const name = token.raw('key') === undefined ? 'MULTI_REGION_KEY' : `\`token.key\`${keyList.length > 1 ? `[${index}]` : ''}`
    if (key === undefined) keyProblems.push(`${name} must be ${KEY_BYTES} bytes, or their base64 or hex text.`)
    else keys.push(key)
  }
  if (Array.isArray(inputs) && inputs.length === 0) keyProblems.push('`token.key` is an empty list.')
  if (token.raw('key') !== undefined && token.raw('secret') !== undefined) token.problem('key', 'and `token.secret` exclude each other; keep one')
  const saltInput = token.raw('salt')
  const salt = saltInput === undefined ? undefined : parseKey(saltInput, SALT_BYTES)
  if (saltInput !== undefined && salt === undefined) token.problem('salt', `must be ${SALT_BYTES} bytes, or their base64 or hex text`)
  if (saltInput !== undefined && token.raw('secret') === undefined) token.problem('salt', 'is of use with `token.secret` only')

  const cookie = readCookie(token)
  const header = readHeader(token)
  if (cookie === false && header === false) token.problem('cookie', 'and `token.header` are both off, so that no token could travel; keep one of them')
  const resolved = {
    mode: token.optionalWord('mode', ['lsn', 'time']) ?? 'lsn',
    windowMs: token.number('window', milliseconds(1, YEAR_MS), DEFAULTS.token.window),
    lifetimeMs: token.number('lifetime', milliseconds(1_000, YEAR_MS), DEFAULTS.token.lifetime),
    waitTimeoutMs: token.number('waitTimeout', milliseconds(0), DEFAULTS.token.waitTimeout),
    wait: token.optionalWord('wait', WAITS) ?? 'auto',
    stampTimeoutMs: token.number('stampTimeout', milliseconds(0), DEFAULTS.token.stampTimeout),
    cookie,
    header,
  }
  Object.defineProperty(resolved, 'keys', { value: Object.freeze(keys), enumerable: false })
  Object.defineProperty(resolved, 'secret', { value: secret, enumerable: false })
  Object.defineProperty(resolved, 'salt', { value: salt, enumerable: false })
  // The three were defined in the lines above; an object literal cannot say that they are hidden.
  return resolved as ResolvedToken
}

function secretOf (token: Reader): Uint8Array | undefined {
  const input = token.raw('secret')
  if (input === undefined) return undefined
  const secret = typeof input === 'string' ? Uint8Array.from(Buffer.from(input)) : input instanceof Uint8Array ? Uint8Array.from(input) : undefined
  if (secret === undefined || secret.byteLength < KEY_BYTES) {
    token.problem('secret', `must be text or bytes of at least ${KEY_BYTES} bytes`)
    return undefined
  }
  return secret
}

function readCookie (token: Reader): ResolvedToken['cookie'] {
  if (token.raw('cookie') === false) return false
  const cookie = token.nested('cookie', ['name', 'domain', 'path', 'sameSite', 'secure'])
  const text = (key: string, pattern: RegExp, what: string): string | undefined => {
    const value = cookie.raw(key)
    if (value === undefined) return undefined
    if (typeof value === 'string' && pattern.test(value)) return value
    cookie.problem(key, `must be ${what}`)
    return undefined
  }
  const secureInput = cookie.raw('secure')
  const secure = secureInput === undefined || secureInput === 'auto' || typeof secureInput !== 'boolean' ? 'auto' : secureInput
  if (secureInput !== undefined && secureInput !== secure) cookie.problem('secure', `must be true, false or 'auto', but is ${describe(secureInput)}`)
  const sameSite = cookie.optionalWord('sameSite', ['lax', 'strict', 'none']) ?? 'lax'
  if (sameSite === 'none' && secure === false) cookie.problem('sameSite', '\'none\' needs `token.cookie.secure`: browsers refuse the cookie otherwise')
  return {
    name: text('name', HEADER_TOKEN, 'a cookie\'s name') ?? DEFAULTS.token.cookieName,
    domain: text('domain', DOMAIN, 'a domain'),
    path: text('path', COOKIE_PATH, 'a path that begins with /') ?? DEFAULTS.token.cookiePath,
    sameSite,
    secure,
  }
}

function readHeader (token: Reader): false | string {
  const value = token.raw('header')
  if (value === undefined) return DEFAULTS.token.header
  if (value === false) return false
  if (typeof value === 'string' && HEADER_TOKEN.test(value)) return value.toLowerCase()
  token.problem('header', 'must be false or the name of a header')
  return DEFAULTS.token.header
}

function readMethods (value: unknown, reader: Reader, key: string): string[] | undefined {
  const methods: readonly unknown[] = Array.isArray(value) ? value : [value]
  const found: string[] = []
  for (const method of methods) {
    if (typeof method === 'string' && HEADER_TOKEN.test(method)) found.push(method.toUpperCase())
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
    wait: reader.nested('token', ['wait']).optionalWord('wait', WAITS),
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
  if (all.length > 0) throw new OptionsInvalidError(list(all))
}

function readerOf (input: unknown): Reader {
  if (!isBag(input)) throw new OptionsInvalidError(list([`the options must be an object, but are ${describe(input)}`]))
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
    name: String(name),
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
