// The `Server-Timing` header: region, decision, database time, and the wait for the replica, for the network panel of a browser.

import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Registration } from './registration.ts'
import { kContext } from './request-context.ts'

export function addServerTiming (request: FastifyRequest, reply: FastifyReply, registration: Registration): void {
  const context = request[kContext]
  const entries = [`region;desc="${registration.options.region ?? 'local'}"`]
  if (context !== null) {
    const decision = context.hop.type === 'valid' ? 'replayed' : context.state.place === 'direct' ? 'direct' : 'local'
    entries.push(`decision;desc="${decision}"`, `db;dur=${context.databaseMs.toFixed(1)}`)
    for (const { waitedMs } of context.tokens) if (waitedMs > 0) entries.push(`wait;dur=${waitedMs.toFixed(1)}`)
  }
  const existing = reply.getHeader('server-timing')
  reply.header('server-timing', existing === undefined ? entries.join(', ') : `${String(existing)}, ${entries.join(', ')}`)
}
