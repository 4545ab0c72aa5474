// What stands between a client and the replay of its request: facts in, decision out, request marked.
// Nothing here answers the request; the last `onSend` does that from the mark.

import type { FastifyRequest } from 'fastify'
import { channels } from '../core/diagnostics.ts'
import { ReplayRequestedError } from '../core/errors.ts'
import { deriveIntent } from '../core/intent.ts'
import { nodeBlock, requestBlock, type ReplayBlock, type ReplayReason } from '../core/replay-decision.ts'
import { writeHopMarker } from '../core/replay-header.ts'
import type { ReplayTarget } from '../core/replay-transport.ts'
import type { CaptureReason } from '../core/route-decision.ts'
import type { ReplayGate } from '../postgres/scope.ts'
import type { Hints } from './hints.ts'
import type { Registration } from './registration.ts'
import { kReply, type RequestContext } from './request-context.ts'
import { viewOf } from './request-view.ts'
import { describeRequest } from './telemetry.ts'

/**
 * How long the proxy may try to reach a machine in the target region before it brings the request back
 * (FACTS 4.11: it is about connecting alone). Long enough for a stopped machine to start; without it the
 * client gets a 502 after about 7.5 s.
 */
const CONNECT_TIMEOUT_MS = 5_000

/** A write that was met late enough to be worth a word: what ran before it runs again. */
const LATE_AFTER_STATEMENTS = 1

/** Why this request cannot be replayed for this registration now, or null. */
export function blockOf (context: RequestContext, registration: Registration): ReplayBlock | null {
  const block = hasOtherPrimary(context, registration) ? 'other-primary' : nodeBlock(registration.nodeFacts()) ?? requestBlock(context.facts())
  if (block !== null) context.stayReason = block
  return block
}

/** One request runs in one place: a named database may ask for a replay only to where the main one would send it. */
function hasOtherPrimary (context: RequestContext, registration: Registration): boolean {
  const main = context.family.main
  return main !== null && main !== registration && main.options.primaryRegion !== registration.options.primaryRegion
}

/** Reasons that say nothing of the request and all of the replica. */
const BORROWED: ReadonlySet<ReplayReason> = new Set<ReplayReason>(['replica-down', 'behind-floor', 'behind-token', 'recovery-conflict'])

/** Turns the request's answer into a replay. @throws FST_MR_REPLAY_TARGET_INVALID */
export function markReplay (context: RequestContext, registration: Registration, target: ReplayTarget, reason: ReplayReason): void {
  const { transport, options } = registration
  if (transport === null) throw new Error('a replay without a transport')
  const state = writeHopMarker({ region: options.region ?? 'none', nowMs: Date.now(), mac: registration.macs[0], priority: BORROWED.has(reason) ? 'borrowed' : 'native', state: target.state })
  context.answer = transport.answer({ ...target, state })
  context.replayReason = reason
  registration.counters.replayed(reason)
  publish(context, registration, target, reason)
}

function publish (context: RequestContext, registration: Registration, target: ReplayTarget, reason: ReplayReason): void {
  const { request, settings } = context
  const targetRegion = 'region' in target && typeof target.region === 'string' ? target.region : undefined
  if (channels.requestReplayed.hasSubscribers) {
    channels.requestReplayed.publish({ database: registration.name, region: registration.options.region, reason, targetRegion, method: request.method, route: settings.url })
  }
  request.log.debug({ reason, targetRegion }, 'request is replayed')
}

/** A region's target, as captures and rules ask for it. */
export function primaryTarget (registration: Registration): ReplayTarget {
  return { region: registration.options.primaryRegion ?? '', timeout: CONNECT_TIMEOUT_MS, fallback: 'prefer-self' }
}

/** Asks for the replay of the whole request before its handler runs; null when it was marked, else what forbids it. */
export function replayEarly (context: RequestContext, registration: Registration, reason: ReplayReason): ReplayBlock | null {
  const block = blockOf(context, registration)
  decided(context, registration, block ?? reason)
  if (block !== null) {
    registration.counters.stayed(block)
    return block
  }
  context.state.askReplay(() => {
    markReplay(context, registration, primaryTarget(registration), reason)
    return new ReplayRequestedError()
  })
  return null
}

/** The request's answer is on its way: how it was decided is now known. */
export function requestEnded (context: RequestContext, lead: Registration): void {
  const { type, reason } = viewOf(context).decision
  lead.counters.decided(type, reason)
  if (lead.telemetry !== null) describeRequest(lead.telemetry, context, lead)
  if (lead.hints !== null) hintOfNeedlessReplay(context, lead.hints)
  if (type === 'replay' || context.toldReason !== null) return
  context.toldReason = reason
  if (!channels.requestDecided.hasSubscribers) return
  const { request, settings } = context
  channels.requestDecided.publish({ database: lead.name, region: lead.options.region, decision: 'local', reason, method: request.method, route: settings.url })
}

function decided (context: RequestContext, registration: Registration, reason: ReplayReason | ReplayBlock): void {
  const { request, settings, stayReason } = context
  // Each statement of a request that must stay asks anew; the answer is told once.
  if (context.toldReason === reason) return
  context.toldReason = reason
  if (stayReason !== null) request.log.debug({ reason }, 'request stays')
  if (!channels.requestDecided.hasSubscribers) return
  channels.requestDecided.publish({
    database: registration.name,
    region: registration.options.region,
    decision: stayReason === null ? 'replay' : 'stay',
    reason,
    method: request.method,
    route: settings.url,
  })
}

/** The client's view of the request. */
export class RequestGate implements ReplayGate {
  readonly #context: RequestContext
  readonly #registration: Registration

  constructor (context: RequestContext, registration: Registration) {
    this.#context = context
    this.#registration = registration
  }

  blocked (): ReplayBlock | null {
    const block = blockOf(this.#context, this.#registration)
    if (block !== null) {
      this.#registration.counters.stayed(block)
      decided(this.#context, this.#registration, block)
    }
    return block
  }

  request (reason: CaptureReason): Error {
    const context = this.#context
    const registration = this.#registration
    markReplay(context, registration, primaryTarget(registration), reason)
    decided(context, registration, reason)
    hint(context, registration, reason)
    return new ReplayRequestedError()
  }
}

const WRITES: ReadonlySet<CaptureReason> = new Set<CaptureReason>(['known-write', 'transaction', 'standby-refusal'])

function hint (context: RequestContext, registration: Registration, reason: CaptureReason): void {
  if (!WRITES.has(reason)) return
  const { request, settings, statements } = context
  const route = settings.url ?? '(no route)'
  if (statements > LATE_AFTER_STATEMENTS) {
    registration.counters.capturedLate(route)
    if (channels.captureLate.hasSubscribers) {
      channels.captureLate.publish({ database: registration.name, region: registration.options.region, reason, method: request.method, route: settings.url, statements })
    }
    registration.hints?.lateCapture(request, route, { reason, statements })
  }
  hintOfIntent(request, registration, route, settings.intent.declared)
}

/** A POST of a search, or of GraphQL: the primary's region can tell that it came for nothing. */
function hintOfNeedlessReplay ({ hop, request, settings, state, statements }: RequestContext, hints: Hints): void {
  if (hop.type !== 'valid' || hop.priority !== 'native' || statements === 0) return
  const { type, source } = deriveIntent(settings.intent, request.method)
  // What was refused has written nothing either, and belongs here all the same.
  if (type !== 'write' || source !== 'method' || (request[kReply]?.statusCode ?? 500) >= 400) return
  hints.replayedForMethod(request, settings.url ?? '(no route)', state.place === 'open' ? 'only-read' : 'wrote')
}

function hintOfIntent (request: FastifyRequest, registration: Registration, route: string, declared: 'read' | 'write' | 'auto' | undefined): void {
  if (declared === 'read') registration.hints?.readIntentWrites(request, route)
  else if (declared === undefined && !registration.options.writeMethods.includes(request.method)) registration.hints?.readMethodWrites(request, route)
}
