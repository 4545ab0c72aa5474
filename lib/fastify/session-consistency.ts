// The seam for consistency across requests. Where no `token` is configured there is none (`null`), and
// the hooks pay one comparison for it.

import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Position } from '../core/freshness.ts'
import type { Commit } from '../postgres/scope.ts'
import type { Floor } from '../postgres/floor.ts'
import type { TokenCountSnapshot } from './token-counts.ts'

/** `here`: the request may start in this region. `primary`: this replica cannot show what the session has seen. `gone`: the client has left. */
export type Arrival = 'here' | 'primary' | 'gone'

export interface SessionConsistency {
  /** Are the log positions of commits wanted? Not where only the time counts. */
  readonly wantsPositions: boolean
  /** Before the body is read. Calls back once, at once where nothing has to be awaited; never with an error. */
  arrive (request: FastifyRequest, reply: FastifyReply, done: (arrival: Arrival) => void): void
  /** The position below which this request may not read. Called when the request first touches the database. */
  floor (request: FastifyRequest): Floor
  /** Milliseconds that the request's reads may wait for the replica, after `arrive`. */
  waitMs (request: FastifyRequest): number
  /** A write of this request has committed, or may have. */
  committed (request: FastifyRequest, commit: Commit): void
  /** Another client's write, which is over. */
  marked (request: FastifyRequest): void
  /** The writes so far pin nobody. */
  forget (request: FastifyRequest): void
  /** The session's token as it is now, sealed; null where there is none. */
  token (request: FastifyRequest): string | null
  /** For calls to other services. */
  headers (request: FastifyRequest): Record<string, string>
  /** What a sealed token asks of a read; undefined where it is not valid. */
  open (sealed: string): Position | 'primary' | undefined
  /** The last look before the headers go out: sets the token's cookie and header. Bounded; calls back once. Not called for a replay answer. */
  depart (request: FastifyRequest, reply: FastifyReply, done: () => void): void
  counts (): TokenCountSnapshot
}
