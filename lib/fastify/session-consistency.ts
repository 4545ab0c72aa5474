// The seam for consistency across requests. Where no `token` is configured there is none (`null`), and
// the hooks pay one comparison for it.

import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Commit } from '../postgres/scope.ts'
import type { Floor } from '../postgres/floor.ts'

/** `here`: the request may start in this region. `primary`: this replica cannot show what the session has seen. */
export type Arrival = 'here' | 'primary'

export interface SessionConsistency {
  /** Before the body is read. Calls back once, at once where nothing has to be awaited; never with an error. */
  arrive (request: FastifyRequest, done: (arrival: Arrival) => void): void
  /** The position below which this request may not read. Called when the request first touches the database. */
  floor (request: FastifyRequest): Floor
  /** A write of this request has committed, or may have. */
  committed (request: FastifyRequest, commit: Commit): void
  /** The last look before the headers go out: sets the token's cookie and header. Bounded; calls back once. Not called for a replay answer. */
  depart (request: FastifyRequest, reply: FastifyReply, done: () => void): void
}
