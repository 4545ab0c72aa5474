// What is known of one request, shared by all registrations: made when something first needs it, never for a
// request that does not touch a database. Until then the request carries three plain fields.

import { Socket } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ReplayBlock, ReplayReason, RequestFacts } from '../core/replay-decision.ts'
import { readHopMarker, type HopMarker } from '../core/replay-header.ts'
import type { ReplayAnswer, ReplayOrigin } from '../core/replay-transport.ts'
import { RequestState } from '../core/request-state.ts'
import type { DatabaseClient } from '../postgres/client.ts'
import type { Floor } from '../postgres/floor.ts'
import type { RoutedOperation } from '../postgres/scope.ts'
import type { Family, Registration } from './registration.ts'
import type { MultiRegionRequest } from './request-view.ts'
import type { RequestToken } from './request-token.ts'
import type { RouteSettings } from './route-settings.ts'

/** The request's context, or null. */
export const kContext: unique symbol = Symbol('fastify-multi-region.context')
/** The reply, from `onRequest` on: a request does not know its reply. */
export const kReply: unique symbol = Symbol('fastify-multi-region.reply')
/** How far the answer is: see `Answering`. */
export const kAnswering: unique symbol = Symbol('fastify-multi-region.answering')

/** 0: open. 1: the instance's `onSend` has run. 2: the route's, which is the last, has run. */
export type Answering = 0 | 1 | 2

/** On a route's config: it has our `onSend` of its own, behind the instance's. */
export const kFinalised: unique symbol = Symbol('fastify-multi-region.finalised')

declare module 'fastify' {
  interface FastifyRequest {
    [kContext]: RequestContext | null
    [kReply]: FastifyReply | null
    [kAnswering]: Answering
  }
  interface FastifyContextConfig {
    [kFinalised]?: true
  }
}

const DIGITS = /^\d{1,15}$/

export class RequestContext {
  readonly request: FastifyRequest
  readonly family: Family
  readonly settings: RouteSettings
  readonly state: RequestState
  /** Registrations that this request has a client of, and those clients: two lists, since there are one or two. */
  readonly owners: Registration[]
  readonly clients: DatabaseClient[]
  /** The session's token, for each registration that has one and was asked. */
  readonly tokens: RequestToken[]
  /** Those of the clients, to be raised by a write that another client makes. */
  readonly floors: Floor[]
  /** What the proxy is told instead of the handler's answer. */
  answer: ReplayAnswer | null
  replayReason: ReplayReason | null
  /** Why a replay that was wanted was not possible. */
  stayReason: ReplayBlock | null
  /** The last reason that was told to channels and log. */
  toldReason: string | null
  /** Bytes of a body without a length, once it was read to its end. */
  countedBodyBytes: number | undefined
  statements: number
  /** A statement ran on the primary over the far connection. */
  readFar: boolean
  databaseMs: number
  /** Milliseconds since the primary was last heard, for an answer that may be older; null for any other. */
  stale: string | null
  /** `request.multiRegion`. */
  view: MultiRegionRequest | null
  #origin: ReplayOrigin | null | undefined
  #hop: HopMarker | undefined

  constructor (request: FastifyRequest, family: Family, settings: RouteSettings) {
    this.request = request
    this.family = family
    this.settings = settings
    this.state = new RequestState()
    this.owners = []
    this.clients = []
    this.tokens = []
    this.floors = []
    this.answer = null
    this.replayReason = null
    this.stayReason = null
    this.toldReason = null
    this.countedBodyBytes = undefined
    this.statements = 0
    this.readFar = false
    this.databaseMs = 0
    this.stale = null
    this.view = null
    this.#origin = undefined
    this.#hop = undefined
  }

  /** The registration that decides for the request as a whole. */
  get lead (): Registration | null {
    return this.family.main ?? this.family.registrations[0] ?? null
  }

  /** Where the request was replayed from, as the platform says; null when it was not. */
  get origin (): ReplayOrigin | null {
    if (this.#origin === undefined) this.#origin = this.lead?.transport?.origin(this.request.headers) ?? null
    return this.#origin
  }

  /** Our own marker in the origin's state. */
  get hop (): HopMarker {
    this.#hop ??= this.#readHop()
    return this.#hop
  }

  #readHop (): HopMarker {
    const state = this.origin?.state
    const nowMs = Date.now()
    let found: HopMarker = { type: 'none', reason: 'absent', state }
    for (const mac of this.lead?.macs ?? []) {
      found = readHopMarker(state, { nowMs, mac })
      if (found.type === 'valid') break
    }
    return found
  }

  /** Made when a replay is wanted, which is seldom. */
  facts (): RequestFacts {
    const { request, lead } = this
    const transport = lead?.transport ?? null
    const reply = request[kReply]
    const raw = reply?.raw
    const ended = raw !== undefined && (raw.headersSent || raw.writableEnded)
    return {
      leftAlone: this.settings.intent.leftAlone,
      transport: transport !== null,
      proxied: transport !== null && transport.accepts({ headers: request.headers, realSocket: hasRealSocket(request) }),
      replayFailed: transport !== null && transport.failed(request.headers),
      hopMarked: this.hop.type === 'valid',
      upgraded: reply !== null && reply.sent && !ended,
      answerBegun: ended || isFinalised(request),
      bodyBytes: this.#bodyBytes(),
      maxBodyBytes: lead?.options.maxReplayBodyBytes ?? 0,
      place: this.state.place,
      pendingWrites: this.state.pendingWrites,
    }
  }

  #bodyBytes (): number | undefined {
    const { headers, raw } = this.request
    if (headers['transfer-encoding'] !== undefined) return this.countedBodyBytes
    const length = headers['content-length']
    if (length !== undefined) return DIGITS.test(length) ? Number(length) : undefined
    if (raw.httpVersionMajor < 2) return 0
    // HTTP/2 needs neither header; its stream tells whether a body follows.
    return endsAfterHeaders(raw) ? 0 : this.countedBodyBytes
  }

  routed (operation: RoutedOperation): void {
    this.statements++
    if (operation.target === 'primary') this.readFar = true
    this.databaseMs += operation.durationMs
  }
}

function endsAfterHeaders (raw: object): boolean {
  const stream: unknown = 'stream' in raw ? raw.stream : undefined
  return typeof stream === 'object' && stream !== null && 'endAfterHeaders' in stream && stream.endAfterHeaders === true
}

/** `inject()` shows a mock socket (FACTS 4.13): no proxy stands before it. */
export function hasRealSocket (request: FastifyRequest): boolean {
  return request.raw.socket instanceof Socket
}

/** Has the last hook run that could still turn the answer into a replay? */
function isFinalised (request: FastifyRequest): boolean {
  switch (request[kAnswering]) {
    case 0: return false
    case 1: return !hasRouteFinaliser(request)
    case 2: return true
  }
}

function hasRouteFinaliser (request: FastifyRequest): boolean {
  return !request.is404 && kFinalised in request.routeOptions.config
}
