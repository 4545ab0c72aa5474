// The package's entry: the plugin as default export, everything else named.

import './fastify/augmentation.ts'
import { Decimal } from 'decimal.js'
import * as errors from './core/errors.ts'
import { isKnownRequestError, isReplay, KnownRequestError } from './core/errors.ts'
import { createClient } from './create-client.ts'
import { plugin } from './fastify/plugin.ts'
import { AnyNull, DbNull, JsonNull } from './query/json-null.ts'
import { empty, join, raw, sql } from './query/sql.ts'

const named = { createClient, sql, join, raw, empty, Decimal, DbNull, JsonNull, AnyNull, isReplay, isKnownRequestError, KnownRequestError, errors }

/** The plugin; it carries the named exports too, since `require()` of the package returns this function. */
const multiRegion: typeof plugin & typeof named = Object.assign(plugin, named)

export default multiRegion
export { multiRegion as 'module.exports' }
export { createClient, sql, join, raw, empty, Decimal, DbNull, JsonNull, AnyNull, isReplay, isKnownRequestError, KnownRequestError, errors }

export type { ClientOptions, Consistency, DatabaseInput, ForeignRoute, PluginOptions, RouteConfig, TokenOptions } from './core/options.ts'
export type { ConnectionOptions, EndpointInput } from './core/endpoint.ts'
export type { ReplayBlock, ReplayReason } from './core/replay-decision.ts'
export type { ArrivedRequest, IncomingHeaders, ReplayAnswer, ReplayOrigin, ReplayTarget, ReplayTransport } from './core/replay-transport.ts'
export type { AppView, EndpointHealth, Health } from './fastify/app-view.ts'
export type { CounterSnapshot } from './fastify/counters.ts'
export type { TargetSql } from './fastify/target-sql.ts'
export type { RequestDecision, RequestOrigin, RequestView } from './fastify/request-view.ts'
export type * from './register.ts'
