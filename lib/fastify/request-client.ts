// `request.db`: the client of one registration, bound to one request; made when the request first asks for it.

import type { FastifyRequest } from 'fastify'
import { deriveIntent } from '../core/intent.ts'
import type { DatabaseClient } from '../postgres/client.ts'
import { Floor, type StalenessBound } from '../postgres/floor.ts'
import type { RoutedOperation, Scope } from '../postgres/scope.ts'
import { observeRouted } from './observe-statements.ts'
import { kFamily, type Registration } from './registration.ts'
import { RequestGate } from './replay-gate.ts'
import { kContext, RequestContext } from './request-context.ts'
import type { RouteSettings } from './route-settings.ts'

/** The request's context, made on first use. @throws FST_MR_ROUTE_CONFIG_INVALID */
export function contextOf (request: FastifyRequest): RequestContext {
  const known = request[kContext]
  if (known !== null) return known
  const family = request.server[kFamily]
  const lead = family?.main ?? family?.registrations[0]
  if (family === undefined || lead === undefined) throw new Error('a request outside the scope of its decorators')
  const made = new RequestContext(request, family, lead.routes.of(request))
  request[kContext] = made
  return made
}

export function clientOf (request: FastifyRequest, registration: Registration): DatabaseClient {
  const context = request[kContext] ?? contextOf(request)
  const { owners, clients } = context
  for (let i = 0; i < owners.length; i++) {
    const client = clients[i]
    if (owners[i] === registration && client !== undefined) return client
  }
  const made = registration.factory.forRequest(makeScope(context, registration))
  owners.push(registration)
  clients.push(made)
  return made
}

function makeScope (context: RequestContext, registration: Registration): Scope {
  const { session } = registration
  const { request, settings } = context
  // One literal: a spread would copy it for each request.
  return {
    state: context.state,
    gate: new RequestGate(context, registration),
    floor: floorOf(context, registration),
    stamps: session?.wantsPositions ?? false,
    waitMs: session?.waitMs(request) ?? 0,
    whenPrimaryIsDown: settings.whenPrimaryIsDown,
    rawWrites: cameToWrite(context) || deriveIntent(settings.intent, request.method).type === 'write' ? 'always' : 'by-command',
    priority: context.hop.type === 'valid' ? context.hop.priority : 'native',
    // All requests of a region come back at once when the way to the primary's region is gone.
    farPriority: registration.transport?.failed(request.headers) === true ? 'borrowed' : 'native',
    statementTimeoutMs: settings.statementTimeoutMs,
    hiddenWrites: registration.hints?.hiddenWrites,
    unrun: registration.hints?.unrun,
    onRouted: (operation) => { routed(context, registration, operation) },
    onCommit: (commit) => {
      if (commit.outcome === 'unknown') registration.counters.commitUnknown()
      session?.committed(request, commit)
    },
  }
}

/** The route's `maxStaleness`, as a place in the log that moves on; undefined without one. */
export function stalenessBound ({ servers }: Registration, { maxStalenessMs }: RouteSettings): StalenessBound | undefined {
  return maxStalenessMs === undefined ? undefined : () => servers.sampler.position(maxStalenessMs)
}

/** Was it replayed for a write, as far as its marker tells? One that came because its replica is behind or down only reads. */
function cameToWrite ({ hop }: RequestContext): boolean {
  return hop.type === 'valid' && hop.priority === 'native'
}

function floorOf (context: RequestContext, registration: Registration): Floor {
  const floor = registration.session?.floor(context.request) ?? new Floor('primary', { staleness: stalenessBound(registration, context.settings) })
  if (context.settings.consistency === 'strong') floor.raiseToPrimary()
  context.floors.push(floor)
  return floor
}

function routed (context: RequestContext, registration: Registration, operation: RoutedOperation): void {
  context.routed(operation)
  if (operation.reason === 'stale-allowed' && !operation.failed) markStale(context, registration)
  observeRouted(registration, operation, context.stayReason)
}

/** The answer says how long ago the primary was last heard here: what happened since may be missing from it. */
function markStale (context: RequestContext, { servers }: Registration): void {
  const heardAtMs = servers.facts.primary.sampledAtMs
  context.stale = heardAtMs === undefined ? 'unknown' : String(Math.round(performance.now() - heardAtMs))
}
