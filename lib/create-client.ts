// The client outside Fastify: scripts, workers, tests.

import process from 'node:process'
import { resolveClientOptions, type ClientOptions } from './core/options.ts'
import { makeClient } from './postgres/client.ts'
import { openServers } from './postgres/open-servers.ts'
import type { Log } from './postgres/servers.ts'
import type { AppSchema, Database, DatabaseOf } from './register.ts'

/** A script has no logger; what happens to its servers shows in its errors. */
const silent: Log = { debug () {}, info () {}, warn () {}, error () {} }

/**
 * A client without Fastify: reads locally, writes straight to the primary. The options that are left out come from
 * the environment, as the plugin's do. It connects with its first operation; `$disconnect()` ends its connections.
 * @throws FST_MR_OPTIONS_INVALID, FST_MR_TOPOLOGY_INVALID, FST_MR_DATABASE_URL_MISSING, FST_MR_SCHEMA_INVALID; the
 * first operation rejects with FST_MR_DATABASE_UNREACHABLE where no server answers within `connectTimeout`
 * @example
 * const db = createClient({ schema, database: process.env.DATABASE_URL })
 * const users = await db.user.findMany()
 * await db.$disconnect()
 * @since 0.1.0
 */
export function createClient<S extends object = AppSchema> (options: ClientOptions & { readonly schema: S }): DatabaseOf<S>
export function createClient (options?: ClientOptions): Database
export function createClient (options: ClientOptions = {}): object {
  const resolved = resolveClientOptions(options, process.env)
  for (const warning of resolved.warnings) process.emitWarning(warning, { type: 'MultiRegionWarning' })
  return makeClient(() => openServers(resolved, { log: silent }), resolved).processClient
}
