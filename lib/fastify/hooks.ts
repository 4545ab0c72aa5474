// Facts in, decision out, carried out: the hooks of a request.
//
//   onRequest  (instance)            the rule before the body: replay now, or go on here
//   preParsing (route, with a body)  counts a body whose length nobody has told
//   onSend     (instance and route)  turns a marked request's answer into the replay answer
//
// Why `onSend` twice: what survives user code is to mark at the source and to finalise in the last `onSend`
// (FACTS 5.1). A route's hooks run behind the instance's, so the route's is the last, behind cookies and
// sessions that plugins write in instance hooks. But `onRoute` sees no route that was declared before the
// plugin; there the instance's hook does it. Both do the same, and twice is harmless.
//
// Nothing can be finalised after `reply.hijack()`, or once headers are out; the replay gate knows and lets
// nothing be asked for then.
//
// A request that does not touch a database pays for two assignments and some comparisons. So the hooks call
// back synchronously and make nothing. Where nothing is ever replayed and there are no tokens, only the instance's
// `onSend` is there.

import { Transform, type Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest, onRequestHookHandler, onSendHookHandler, preParsingHookHandler, RouteOptions } from 'fastify'
import { deriveIntent, earlyReason, type EarlyReason } from '../core/intent.ts'
import type { Family, Registration } from './registration.ts'
import { replayEarly, requestEnded } from './replay-gate.ts'
import { contextOf } from './request-client.ts'
import { kAnswering, kContext, kFinalised, kReply, type RequestContext } from './request-context.ts'
import type { RequestToken } from './request-token.ts'
import { addServerTiming } from './server-timing.ts'
import type { RouteSettings } from './route-settings.ts'

/** Remembers the reply, for registrations without a rule. */
export const rememberReply: onRequestHookHandler = (request, reply, done) => {
  request[kReply] = reply
  done()
}

/** The rule of the main registration. */
export function makeOnRequest (main: Registration): onRequestHookHandler {
  // Without regions or a transport nothing is ever replayed, and the client sees to the rest.
  const hasRule = main.transport !== null && main.options.region !== undefined && main.options.primaryRegion !== undefined
  return function multiRegionOnRequest (request, reply, done) {
    request[kReply] = reply
    if (hasRule && main.routes.mayRule(request.method)) {
      let settings: RouteSettings
      try {
        settings = main.routes.of(request)
      } catch (error) {
        // The config of a route that was declared before the plugin; the error names it.
        done(error instanceof Error ? error : new Error('route config', { cause: error }))
        return
      }
      const reason = earlyReason(deriveIntent(settings.intent, request.method), settings.consistency)
      if (reason !== null && main.servers.facts.local.role !== 'primary' && !isServedStale(reason, settings, main) && replayEarly(contextOf(request), main, reason) === null) {
        reply.send(null)
        return
      }
    }
    if (main.session === null) done()
    else arrive(request, reply, { main, done })
  }
}

/** The primary is known to be down, and the route would rather have an older answer from here. */
function isServedStale (reason: EarlyReason, settings: RouteSettings, { servers }: Registration): boolean {
  const { local, primary } = servers.facts
  return reason === 'strong-consistency' && settings.whenPrimaryIsDown === 'stale' && primary.breaker !== 'closed' && local.breaker === 'closed'
}

interface Arriving { readonly main: Registration, readonly done: () => void }

function arrive (request: FastifyRequest, reply: FastifyReply, { main, done }: Arriving): void {
  main.session?.arrive(request, reply, (arrival) => {
    // Nobody reads the answer; it ends the request for whoever counts them.
    if (arrival === 'gone') reply.code(CLIENT_GONE).send(null)
    else if (arrival === 'primary' && replayEarly(contextOf(request), main, 'behind-token') === null) reply.send(null)
    else done()
  })
}

/** As proxies log it. */
const CLIENT_GONE = 499

/** Both `onSend` hooks; `stage` is what `kAnswering` becomes. */
export function makeOnSend (family: Family, stage: 1 | 2): onSendHookHandler {
  return function multiRegionOnSend (request, reply, payload, done) {
    const context = request[kContext]
    if (context === null && !family.marksAll) {
      done()
      return
    }
    if (context !== null && request[kAnswering] === 0) told(context)
    if (context !== null && context.answer !== null) {
      request[kAnswering] = stage
      discard(payload)
      replaceAnswer(reply, context.answer)
      done(null, null)
      return
    }
    if (context !== null && context.stale !== null) reply.header('multi-region-stale', context.stale)
    const lead = family.main
    if (lead !== null && lead.options.serverTiming && request[kAnswering] === 0) addServerTiming(request, reply, lead)
    request[kAnswering] = stage
    // A request that met no token and touched no database has no context, and nothing to say.
    if (context === null || context.tokens.length === 0 || stage !== lastStage(request, stage)) done()
    else depart(request, reply, { tokens: context.tokens, done })
  }
}

/** Once a request: the first of its hooks. */
function told (context: RequestContext): void {
  const { lead } = context
  if (lead !== null) requestEnded(context, lead)
}

function depart (request: FastifyRequest, reply: FastifyReply, { tokens, done }: { readonly tokens: readonly RequestToken[], readonly done: () => void }): void {
  let left = tokens.length
  const one = (): void => { if (--left === 0) done() }
  for (const token of tokens) token.owner.depart(request, reply, one)
}

/** The stage of the last of our hooks for this request. */
function lastStage (request: FastifyRequest, stage: 1 | 2): 1 | 2 {
  return stage === 2 || (!request.is404 && kFinalised in request.routeOptions.config) ? 2 : 1
}

/** A body that nobody will read: its file, socket or cursor is given back. */
function discard (payload: unknown): void {
  if (typeof payload !== 'object' || payload === null) return
  if ('destroy' in payload && typeof payload.destroy === 'function') {
    // A stream that is destroyed while it opens may report it; there is nobody left whom it concerns.
    if ('on' in payload && typeof payload.on === 'function') payload.on('error', ignore)
    payload.destroy()
  } else if ('cancel' in payload && typeof payload.cancel === 'function') {
    cancel(payload as ReadableStream)
  } else if ('body' in payload && typeof payload.body === 'object' && payload.body !== null && 'cancel' in payload.body) {
    cancel(payload.body as ReadableStream)
  }
}

const ignore = (): void => {}

function cancel (stream: ReadableStream): void {
  stream.cancel().catch(ignore)
}

/** Nothing of the handler's survives: it would be lost anyhow, and a cookie must not look as if it were set (FACTS 4.6). */
function replaceAnswer (reply: FastifyReply, answer: { readonly statusCode: number, readonly headers: Readonly<Record<string, string>> }): void {
  for (const name of Object.keys(reply.getHeaders())) reply.removeHeader(name)
  // Headers that plugins set on Node's response do not pass through the reply.
  for (const name of reply.raw.getHeaderNames()) reply.raw.removeHeader(name)
  reply.code(answer.statusCode)
  reply.header('cache-control', 'no-store')
  if (reply.request.headers.upgrade !== undefined && reply.request.raw.httpVersionMajor < 2) endUpgrade(reply)
  for (const [name, value] of Object.entries(answer.headers)) reply.header(name, value)
}

/**
 * Node's server has given an upgrade's socket away: nothing reads a second request from it. A proxy that kept the
 * connection would wait for ever on its next one (seen with @fastify/websocket 11.3).
 */
function endUpgrade (reply: FastifyReply): void {
  reply.header('connection', 'close')
  reply.raw.once('finish', () => { reply.request.raw.socket.end() })
}

const BODILESS = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

/** What every route gets that is declared behind the plugin. Arrays are replaced, since several routes may share one. */
export function prepareRoute (route: RouteOptions, hooks: { readonly onSend: onSendHookHandler, readonly preParsing: preParsingHookHandler | null }): void {
  route.onSend = [...listOf(route.onSend), hooks.onSend]
  route.config = { ...route.config, [kFinalised]: true }
  const methods = Array.isArray(route.method) ? route.method : [route.method]
  if (hooks.preParsing !== null && methods.some((method) => !BODILESS.has(method.toUpperCase()))) {
    route.preParsing = [...listOf(route.preParsing), hooks.preParsing]
  }
}

function listOf<T> (hooks: T | T[] | undefined): T[] {
  if (hooks === undefined) return []
  return Array.isArray(hooks) ? hooks : [hooks]
}

/** Counts what a chunked body really brings; its length is known once it was read to its end. */
export const countBody: preParsingHookHandler = (request, _reply, payload, done) => {
  if (request.headers['transfer-encoding'] === undefined && (request.headers['content-length'] !== undefined || request.raw.httpVersionMajor < 2)) {
    done(null, payload)
    return
  }
  const context = contextOf(request)
  done(null, countBytes(payload, (bytes) => { context.countedBodyBytes = bytes }))
}

function countBytes (payload: Readable, ended: (bytes: number) => void): Readable {
  let bytes = 0
  const counter = new Transform({
    transform (chunk: Buffer, _encoding, callback) {
      bytes += chunk.length
      callback(null, chunk)
    },
    flush (callback) {
      ended(bytes)
      callback()
    },
  })
  // Not `pipeline`: a parser that stops early must not destroy the request, whose socket still carries the answer.
  payload.on('error', (error: Error) => { counter.destroy(error) })
  return payload.pipe(counter)
}
