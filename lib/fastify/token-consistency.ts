// Consistency across requests: the session's token in, a floor for its reads; its commits, a token out.
//
//   arrive   (onRequest)  cookie and header → token → floor. Is this replica there already, by what is known, by one
//                         look, or within a bounded wait? Else the whole request belongs to the primary's region.
//   floor                 what the request's reads may not go below, if it stays here.
//   committed             every commit that may have taken effect, with its position where that is known.
//   depart   (onSend)     the token, moved forward, if there is anything new to say; nothing for a request that only read.
//
// Which of two errors is worse: a token that asks too much costs a trip to the primary; one that asks too little shows
// a user a page without what they have just written. So whatever is not known asks for the primary for a while (time),
// a token is never dropped because it cannot be compared, and it never moves back.

import { randomBytes } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { BoundedCache } from '../core/bounded-cache.ts'
import { channels } from '../core/diagnostics.ts'
import type { Position } from '../core/freshness.ts'
import { formatToken, judgeToken, mergeTokens, parseToken, type SessionToken, type TokenRejection } from '../core/session-token.ts'
import type { ResolvedToken } from '../core/token-option.ts'
import { Floor } from '../postgres/floor.ts'
import type { WaitOutcome } from '../postgres/lsn-waiter.ts'
import { PositionLookup } from '../postgres/position-lookup.ts'
import type { Commit } from '../postgres/scope.ts'
import { MAIN_NAME, type Registration } from './registration.ts'
import { contextOf, stalenessBound } from './request-client.ts'
import { kContext, type RequestContext } from './request-context.ts'
import { RequestToken } from './request-token.ts'
import type { RouteSettings } from './route-settings.ts'
import type { Arrival, SessionConsistency } from './session-consistency.ts'
import { TokenCounts, type TokenCountSnapshot } from './token-counts.ts'
import { looksSealed, MAX_SEALED_LENGTH, type TokenSeal } from './token-seal.ts'
import { keepPrivate, makeTransport, type TokenTransport } from './token-transport.ts'

/** Between the clocks of two servers, for the window. */
const SKEW_MS = 1_000
/** A sealed token from further ahead is nobody's clock; one from less far must not lose its floor. */
const MAX_SKEW_MS = 5 * 60_000
/** `auto` waits at least so long: a replay costs more than its round trip (a proxy, a second handler). */
const AUTO_WAIT_MS = 10
/** After a wait in vain the next ones only look, for so long. */
const STALL_MS = 100
/** Of `seen`: nothing is known to be as far as what was read. */
const NOWHERE = '0'
/** Opened tokens that are remembered. */
const MAX_KNOWN = 2_000
/** The primary's sampled position may be this old, and a token this much younger than it, without anything being odd. */
const SAMPLE_AGE_MS = 10_000

interface Starting { readonly record: RequestToken, readonly done: (arrival: Arrival) => void }

export class TokenConsistency implements SessionConsistency {
  readonly #registration: Registration
  readonly #options: ResolvedToken
  readonly #transport: TokenTransport
  readonly #counts: TokenCounts
  readonly #lookup: PositionLookup
  /** By what travels: a session brings the same one until it writes again. */
  readonly #known = new BoundedCache<SessionToken>(MAX_KNOWN)
  /** Epochs are numbers of one process. */
  readonly #process = randomBytes(5).readUIntBE(0, 5).toString(36).padStart(8, '0')
  #seal: TokenSeal | undefined

  constructor (registration: Registration, options: ResolvedToken) {
    this.#registration = registration
    this.#options = options
    this.#transport = makeTransport(options, registration.name === MAIN_NAME ? '' : `-${registration.name}`)
    this.#counts = new TokenCounts((failures, opened) => {
      registration.log.warn({ reason: 'seal', failures, opened }, 'most session tokens cannot be opened: is `token.key` (MULTI_REGION_KEY) the same in every region?')
    })
    this.#lookup = new PositionLookup(() => {
      const { servers } = registration
      return servers.facts.local.writable ? servers.local : servers.primary
    })
  }

  /** Once all plugins are loaded. */
  ready (seal: TokenSeal): void { this.#seal = seal }

  get wantsPositions (): boolean { return this.#options.mode === 'lsn' }

  arrive (request: FastifyRequest, reply: FastifyReply, done: (arrival: Arrival) => void): void {
    // A primary is never behind: there a token is opened when the database is first used.
    if (this.#registration.servers.facts.local.role === 'primary') {
      done('here')
      return
    }
    const record = this.#arrived(request)
    if (record === undefined || record.settings.intent.leftAlone || record.settings.consistency === 'strong' || request.is404 || request.method === 'OPTIONS' || request.method === 'HEAD') done('here')
    else if (record.settings.consistency === 'monotonic' && this.#hasReadElsewhere(record)) this.#catchUp(reply, { record, done })
    else this.#start(reply, { record, done })
  }

  /** Reading from another run of a server than the session's last read could go back in time. */
  #hasReadElsewhere ({ arrived, mark }: RequestToken): boolean {
    return arrived?.seen !== undefined && arrived.seen !== mark
  }

  /** Whatever the session has seen, anywhere, lies below where the primary is now. */
  #catchUp (reply: FastifyReply, given: Starting): void {
    this.#lookup.locate().then((position) => {
      if (position === undefined) given.record.floor.raiseToPrimary()
      else given.record.floor.raiseTo(position)
      this.#start(reply, given)
    }).catch((error: unknown) => { this.#registration.log.error({ err: error }, 'looking up the primary\'s position failed') })
  }

  #start (reply: FastifyReply, { record, done }: Starting): void {
    const { floor } = record
    if (!floor.isRaised) {
      done('here')
      return
    }
    const { servers } = this.#registration
    const freshness = floor.freshness(monotonicMs)
    // A primary never waits; an open breaker is the router's affair, which may know a better word for it.
    if (freshness.type === 'any' || servers.facts.local.role === 'primary' || servers.facts.local.breaker !== 'closed') done('here')
    else if (freshness.type === 'primary') done('primary')
    else if (servers.waiter.hasReached(freshness.position)) done('here')
    else this.#await(reply, { record, position: freshness.position, done })
  }

  #await (reply: FastifyReply, given: { readonly record: RequestToken, readonly position: Position, readonly done: (arrival: Arrival) => void }): void {
    const { record, position, done } = given
    const { servers } = this.#registration
    const startedAtMs = monotonicMs()
    const timeoutMs = this.#budgetMs(record.settings)
    const wait = servers.waiter.wait(position, { timeoutMs })
    let gone = false
    const onClose = (): void => {
      gone = !reply.raw.writableFinished
      if (gone) wait.leave()
    }
    reply.raw.once('close', onClose)
    wait.ended.then(({ outcome, endedAtMs }) => {
      reply.raw.removeListener('close', onClose)
      record.waited = true
      record.waitedMs = endedAtMs - startedAtMs
      this.#noteWaited(outcome, record.waitedMs, timeoutMs)
      switch (outcome) {
        case 'reached':
        case 'promoted': done('here'); break
        case 'aborted': done(gone ? 'gone' : 'here'); break
        // Several servers behind one name: the read itself looks, on its own connection.
        case 'unreachable': done(servers.local.facts.members === 'several' ? 'here' : 'primary'); break
        case 'timeout': done('primary'); break
        default: {
          const never: never = outcome
          throw never
        }
      }
    }).catch((error: unknown) => {
      this.#registration.log.error({ err: error }, 'waiting for the replica failed')
    })
  }

  #noteWaited (outcome: WaitOutcome, waitedMs: number, timeoutMs: number): void {
    this.#counts.waited(outcome)
    this.#registration.metrics?.waited(waitedMs)
    if (outcome === 'timeout' && timeoutMs > 0) this.#registration.servers.waiter.noteStalled(STALL_MS)
    if (channels.tokenAwaited.hasSubscribers) {
      channels.tokenAwaited.publish({ database: this.#registration.name, region: this.#registration.options.region, outcome, waitedMs })
    }
  }

  /** 0: one look, no wait. */
  #budgetMs (settings: RouteSettings): number {
    const { waitTimeoutMs } = this.#options
    switch (settings.wait) {
      case 'never': return 0
      case 'always': return waitTimeoutMs
      case 'auto': {
        const { servers } = this.#registration
        if (servers.waiter.isStalled) return 0
        return Math.min(waitTimeoutMs, Math.max(AUTO_WAIT_MS, servers.facts.primary.roundTripMs ?? 0))
      }
    }
  }

  floor (request: FastifyRequest): Floor {
    return this.#record(request).floor
  }

  waitMs (request: FastifyRequest): number {
    const record = this.#record(request)
    return record.waited ? 0 : this.#budgetMs(record.settings)
  }

  committed (request: FastifyRequest, { position, outcome }: Commit): void {
    const record = this.#record(request)
    const nowMs = Date.now()
    // A position that names no history can be compared with none.
    const located = position?.system !== undefined && position.timeline !== undefined && outcome === 'committed' ? position : undefined
    record.stamp({ position: located, writtenAtMs: nowMs, unlocatedAtMs: located === undefined && this.wantsPositions ? nowMs : undefined, seen: undefined })
    if (record.departed) request.log.debug({ reason: 'headers-sent' }, 'a write was committed after the headers had gone out; the session does not know of it')
  }

  marked (request: FastifyRequest): void {
    const record = this.#record(request)
    if (!this.wantsPositions) {
      this.committed(request, { position: undefined, outcome: 'committed' })
      return
    }
    record.pending(this.#lookup.locate().then((position) => { this.committed(request, { position, outcome: 'committed' }) }))
  }

  forget (request: FastifyRequest): void {
    this.#record(request).forget()
  }

  token (request: FastifyRequest): string | null {
    const token = this.#record(request).current
    return token === undefined ? null : this.#sealed(token)
  }

  headers (request: FastifyRequest): Record<string, string> {
    const token = this.token(request)
    const { headerName, cookieName } = this.#transport
    if (token === null) return {}
    return headerName === undefined ? { cookie: `${String(cookieName)}=${token}` } : { [headerName]: token }
  }

  open (sealed: string): Position | 'primary' | undefined {
    const token = this.#opened(sealed)
    if (token === undefined) return undefined
    const floor = new Floor('primary')
    this.#raise(floor, token)
    const freshness = floor.freshness(monotonicMs)
    return freshness.type === 'any' ? undefined : freshness.type === 'primary' ? 'primary' : freshness.position
  }

  depart (request: FastifyRequest, reply: FastifyReply, done: () => void): void {
    const context = request[kContext]
    const record = context === null ? undefined : context.tokens.find((one) => one.owner === this)
    if (context === null || record === undefined || record.departed) {
      done()
      return
    }
    record.departed = true
    if (record.settings.consistency === 'monotonic' && context.statements > 0) this.#markSeen(context, reply, record)
    if (context.state.isIdle && record.work === undefined) {
      this.#leave(request, reply, record)
      done()
      return
    }
    let settled = false
    const go = (): void => {
      if (settled) return
      settled = true
      clearTimeout(timer)
      // Still running: its position will not be known in time, and it may be committed by then.
      if (!context.state.isIdle || record.work !== undefined) {
        const nowMs = Date.now()
        record.stamp({ position: undefined, writtenAtMs: nowMs, unlocatedAtMs: nowMs, seen: undefined })
      }
      this.#leave(request, reply, record)
      done()
    }
    const timer = setTimeout(go, this.#options.stampTimeoutMs).unref()
    context.state.onIdle(() => {
      if (record.work === undefined) go()
      else record.work.then(go, go)
    })
  }

  /** Which run of which server this request has read from. */
  #markSeen (context: RequestContext, reply: FastifyReply, record: RequestToken): void {
    keepPrivate(reply)
    // Read in part, or perhaps, from another run or another server: no server is known to be as far.
    const seen = context.state.place === 'direct' || context.readFar || this.#mark() !== record.mark ? NOWHERE : record.mark
    if (record.arrived?.seen !== seen) record.stamp({ position: undefined, writtenAtMs: undefined, unlocatedAtMs: undefined, seen })
  }

  /** One run of the local server as this process sees it. */
  #mark (): string {
    return `${this.#process}${this.#registration.servers.local.epoch.toString(36)}`
  }

  #leave (request: FastifyRequest, reply: FastifyReply, record: RequestToken): void {
    const token = record.fresh(this.#registration.servers.facts.primary)
    if (token === undefined) return
    const { lifetimeMs, windowMs, mode } = this.#options
    this.#transport.write(reply, this.#sealed(token), Math.ceil((mode === 'time' ? windowMs + SKEW_MS : lifetimeMs) / 1_000))
    // A token that only says where was read from is no stamp of a write.
    if (token.position === undefined && token.writtenAtMs === undefined) return
    const outcome = token.unlocatedAtMs === undefined && token.position !== undefined ? 'position' : 'time'
    this.#counts.stamped(outcome)
    request.log.debug({ outcome }, 'session token is set')
    if (channels.tokenStamped.hasSubscribers) channels.tokenStamped.publish({ database: this.#registration.name, region: this.#registration.options.region, outcome })
  }

  counts (): TokenCountSnapshot { return this.#counts.snapshot() }

  #sealed (token: SessionToken): string {
    if (this.#seal === undefined) throw new Error('tokens are sealed once the app is ready')
    return this.#seal.seal(formatToken(token))
  }

  /** The record of a request that brought something; undefined for all others, which pay nothing more. */
  #arrived (request: FastifyRequest): RequestToken | undefined {
    const values = this.#transport.read(request)
    return values.length === 0 ? undefined : this.#record(request, values)
  }

  #record (request: FastifyRequest, values?: readonly string[]): RequestToken {
    const context = contextOf(request)
    const known = context.tokens.find((one) => one.owner === this)
    if (known !== undefined) return known
    const arrived = this.#merged(values ?? this.#transport.read(request))
    const settings = this.#registration.routes.of(request)
    const floor = new Floor('primary', { staleness: stalenessBound(this.#registration, settings) })
    if (arrived !== undefined && settings.consistency !== 'eventual') this.#raise(floor, arrived)
    if (settings.consistency === 'strong') floor.raiseToPrimary()
    const made = new RequestToken({ owner: this, arrived, floor, settings, mark: settings.consistency === 'monotonic' ? this.#mark() : NOWHERE })
    if (arrived?.position !== undefined && this.#isOdd(arrived.position, arrived)) made.refresh(this.#registration.servers.primary.probe())
    context.tokens.push(made)
    return made
  }

  /** Of another database, or ahead of the primary on its own timeline (a restored backup): it needs a fresh token. */
  #isOdd (position: Position, { writtenAtMs }: SessionToken): boolean {
    const { primary } = this.#registration.servers.facts
    if (primary.role !== 'primary' || primary.system === undefined) return false
    if (primary.system !== position.system) return true
    return primary.timeline === position.timeline && primary.flushLsn !== undefined && primary.flushLsn < position.lsn &&
      (writtenAtMs ?? 0) < Date.now() - SAMPLE_AGE_MS
  }

  /** Cookie and header may both come, of different ages. */
  #merged (values: readonly string[]): SessionToken | undefined {
    let merged: SessionToken | undefined
    for (let i = 0; i < values.length; i++) {
      const value = values[i] ?? ''
      if (i > 0 && values.indexOf(value) < i) continue
      const token = this.#opened(value)
      if (token === undefined) continue
      const seen = merged?.seen !== undefined && token.seen !== undefined && merged.seen !== token.seen ? NOWHERE : merged?.seen ?? token.seen
      merged = { ...mergeTokens(merged, token), seen }
    }
    return merged
  }

  #opened (sealed: string): SessionToken | undefined {
    const nowMs = Date.now()
    const { mode, lifetimeMs, windowMs } = this.#options
    const opened = this.#known.get(sealed) ?? this.#openNew(sealed)
    if (typeof opened === 'string') return this.#rejected(opened, nowMs)
    this.#counts.opened(nowMs)
    const tooOld = judgeToken(opened, { nowMs, lifetimeMs: mode === 'time' ? windowMs : lifetimeMs, skewMs: MAX_SKEW_MS })
    return tooOld === null ? opened : this.#rejected(tooOld, nowMs)
  }

  #openNew (sealed: string): SessionToken | TokenRejection {
    if (!looksSealed(sealed)) return sealed.length > MAX_SEALED_LENGTH ? 'size' : 'malformed'
    const text = this.#seal?.open(sealed)
    if (text === undefined) return 'seal'
    const parsed = parseToken(text)
    if (parsed.type === 'rejected') return parsed.reason
    this.#known.set(sealed, parsed.token)
    return parsed.token
  }

  #rejected (reason: TokenRejection, nowMs: number): undefined {
    this.#counts.rejected(reason, nowMs)
    if (channels.tokenRejected.hasSubscribers) channels.tokenRejected.publish({ database: this.#registration.name, region: this.#registration.options.region, reason })
    return undefined
  }

  #raise (floor: Floor, token: SessionToken): void {
    const nowMs = Date.now()
    const isRecent = (atMs: number | undefined): boolean => atMs !== undefined && nowMs - atMs < this.#options.windowMs + SKEW_MS
    const byTime = this.#options.mode === 'time' || token.position === undefined || this.#registration.servers.facts.local.positions === 'none'
    if (byTime ? isRecent(token.writtenAtMs) || isRecent(token.unlocatedAtMs) : isRecent(token.unlocatedAtMs)) floor.raiseToPrimary()
    else if (!byTime && token.position !== undefined) floor.raiseTo(token.position)
  }
}

const monotonicMs = (): number => performance.now()
