// The settings of a route: its own `config.multiRegion`, else a row of the option `routes`, else the plugin's.
// Made once a route, at its first request: routes that were declared before the plugin are not seen by
// `onRoute` (FACTS 5.4), but every request shows its route's config.

import type { FastifyRequest } from 'fastify'
import { RouteConfigInvalidError } from '../core/errors.ts'
import type { RouteIntent } from '../core/intent.ts'
import { resolveRouteConfig, type Consistency, type ResolvedForeignRoute, type ResolvedOptions, type ResolvedRouteConfig, type WaitPolicy, type WhenPrimaryIsDown } from '../core/options.ts'

export interface RouteSettings {
  /** The pattern; undefined where no route matched. */
  readonly url: string | undefined
  readonly intent: RouteIntent
  readonly consistency: Consistency
  readonly maxStalenessMs: number | undefined
  readonly whenPrimaryIsDown: WhenPrimaryIsDown
  /** Undefined: the plugin's. */
  readonly statementTimeoutMs: number | undefined
  readonly wait: WaitPolicy
}

/** What Fastify hangs on `request.routeOptions.config`. */
interface ConfigBag { readonly url?: string | undefined, readonly method?: string | readonly string[] | undefined, readonly multiRegion?: unknown }

const NOTHING: ResolvedRouteConfig = Object.freeze({
  intent: undefined, consistency: undefined, maxStalenessMs: undefined, whenPrimaryIsDown: undefined, statementTimeoutMs: undefined, wait: undefined,
})

/** @throws FST_MR_ROUTE_CONFIG_INVALID */
export function checkRouteConfig (input: unknown, route: string, hasToken: boolean): ResolvedRouteConfig | false {
  if (input === false) return false
  const result = resolveRouteConfig(input, { hasToken })
  if (result.type === 'invalid') throw new RouteConfigInvalidError(route, result.problems.join('; '))
  return result.config
}

const nameOf = (method: string | readonly string[] | undefined, url: string | undefined): string =>
  `${Array.isArray(method) ? method.join('|') : String(method ?? '')} ${url ?? ''}`.trim()

export class RouteTable {
  readonly #options: ResolvedOptions
  readonly #writeMethods: ReadonlySet<string>
  readonly #notFound: RouteSettings
  /** By the config object that Fastify makes for each route, and by method where a row of `routes` names one. */
  readonly #byConfig = new WeakMap<object, RouteSettings | ReadonlyMap<string, RouteSettings>>()

  /** Methods that a rule may concern; undefined: any. */
  #ruled: Set<string> | undefined
  #leastStalenessMs: number | undefined

  constructor (options: ResolvedOptions) {
    this.#options = options
    this.#ruled = options.consistency === 'strong' ? undefined : new Set(options.writeMethods)
    this.#writeMethods = new Set(options.writeMethods)
    this.#notFound = this.#settings(undefined, NOTHING)
    for (const bound of [options.maxStalenessMs, ...options.routes.map((row) => row.config.maxStalenessMs)]) this.#bound(bound)
  }

  /** @throws FST_MR_ROUTE_CONFIG_INVALID for a route that was declared before the plugin; later ones fail at start */
  of (request: FastifyRequest): RouteSettings {
    if (request.is404) return this.#notFound
    const config: ConfigBag = request.routeOptions.config
    const known = this.#byConfig.get(config)
    if (known === undefined) return this.#add(config, request.method)
    return known instanceof Map ? known.get(request.method) ?? this.#add(config, request.method) : known as RouteSettings
  }

  /** At start, for routes declared after the plugin. @throws FST_MR_ROUTE_CONFIG_INVALID */
  declare (config: unknown, method: string | readonly string[], url: string): void {
    const input = (config as ConfigBag | undefined)?.multiRegion
    if (input !== undefined) {
      const own = checkRouteConfig(input, nameOf(method, url), this.#options.token !== undefined)
      if (own !== false) this.#bound(own.maxStalenessMs)
    }
    if (input === undefined && !this.#options.routes.some((row) => row.url === url)) return
    for (const one of typeof method === 'string' ? [method] : method) this.#ruled?.add(one.toUpperCase())
  }

  /** The smallest `maxStaleness` of all that is declared; undefined: there is none. */
  get leastStalenessMs (): number | undefined { return this.#leastStalenessMs }

  #bound (maxStalenessMs: number | undefined): void {
    if (maxStalenessMs !== undefined) this.#leastStalenessMs = Math.min(this.#leastStalenessMs ?? maxStalenessMs, maxStalenessMs)
  }

  /** There are routes that `declare` has not seen. */
  declaredBefore (): void {
    this.#ruled = undefined
  }

  /** Can a rule concern a request of this method at all? Spares the look at the route, which Fastify makes an object for. */
  mayRule (method: string): boolean {
    return this.#ruled === undefined || this.#ruled.has(method)
  }

  /** Rows of `routes` whose route `exists` does not know. */
  unmatched (exists: (method: string, url: string) => boolean): readonly ResolvedForeignRoute[] {
    return this.#options.routes.filter((row) => !(row.methods ?? ANY_METHOD).some((method) => exists(method, row.url)))
  }

  #add (config: ConfigBag, method: string): RouteSettings {
    if (config.multiRegion !== undefined) {
      const own = checkRouteConfig(config.multiRegion, nameOf(config.method, config.url), this.#options.token !== undefined)
      const settings = own === false ? this.#settings(config.url, NOTHING, 'left-alone') : this.#settings(config.url, own)
      this.#byConfig.set(config, settings)
      return settings
    }
    const rows = this.#options.routes.filter((row) => row.url === config.url)
    if (rows.length === 0) {
      const settings = this.#settings(config.url, NOTHING)
      this.#byConfig.set(config, settings)
      return settings
    }
    const row = rows.find((candidate) => candidate.methods?.includes(method) ?? true)
    const settings = this.#settings(config.url, row?.config ?? NOTHING)
    const known = this.#byConfig.get(config)
    this.#byConfig.set(config, new Map([...(known instanceof Map ? known as ReadonlyMap<string, RouteSettings> : []), [method, settings]]))
    return settings
  }

  #settings (url: string | undefined, config: ResolvedRouteConfig, leftAlone: 'left-alone' | 'decided' = 'decided'): RouteSettings {
    const options = this.#options
    return Object.freeze({
      url,
      intent: Object.freeze({ declared: config.intent, leftAlone: leftAlone === 'left-alone', notFound: url === undefined, writeMethods: this.#writeMethods }),
      consistency: config.consistency ?? options.consistency,
      maxStalenessMs: config.maxStalenessMs ?? options.maxStalenessMs,
      whenPrimaryIsDown: config.whenPrimaryIsDown ?? options.whenPrimaryIsDown,
      statementTimeoutMs: config.statementTimeoutMs,
      wait: config.wait ?? options.token?.wait ?? 'auto',
    })
  }
}

const ANY_METHOD: readonly string[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS']
