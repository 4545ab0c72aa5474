// The client: typed methods compile, the router runs, the plan decodes.

import type { Scope } from './scope.ts'
import type { Servers } from './servers.ts'

export interface ClientOptions {
  readonly schema?: object | undefined
}

/** Reads locally, writes to the primary; with a request's scope a write may ask for a replay instead. */
export interface DatabaseClient {
  $disconnect (): Promise<void>
}

export interface ClientFactory {
  /** `fastify.db`, or what `createClient` returns. */
  readonly processClient: DatabaseClient
  /** `request.db`: cheap, made when the request first touches it. */
  forRequest (scope: Scope): DatabaseClient
}

export function makeClient (servers: Servers, options: ClientOptions): ClientFactory {
  throw new Error(`not built yet: ${String(servers)} ${String(options)}`)
}
