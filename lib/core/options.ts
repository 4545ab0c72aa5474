// Options in, settings out: input and environment become one frozen object, or all problems become one error.
// Nothing else in the package reads an option or a variable; nothing here looks at `process`.

import type { Endpoint, EndpointInput } from './endpoint.ts'
import type { Topology } from './region.ts'
import type { ReplayTransport } from './replay-transport.ts'

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

/** @throws FST_MR_OPTIONS_INVALID, FST_MR_TOPOLOGY_INVALID, FST_MR_DATABASE_URL_MISSING, FST_MR_KEY_INVALID */
export function resolveOptions (input: PluginOptions, env: Environment): ResolvedOptions {
  void input
  void env
  throw new Error('not there yet')
}

/** The same for `createClient`, which takes fewer options. */
export function resolveClientOptions (input: ClientOptions, env: Environment): ResolvedClientOptions {
  void input
  void env
  throw new Error('not there yet')
}
