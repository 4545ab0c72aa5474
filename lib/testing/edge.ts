// The edge: a proxy that behaves towards apps as Fly's does, with an entry in each region, on one machine.
//
// A request enters in a region and goes to the nearest machine of the app. If the answer carries `fly-replay` (or
// is a replay body), the edge throws that answer away and sends the kept request to where it says, with
// `fly-replay-src`; at most ten times (PA02). Requests and answers travel through the links between regions.
//
// What the documentation fixes (https://fly.io/docs/networking/dynamic-request-routing/ and FACTS of this project):
//   - `timeout` and `fallback` are about reaching a machine: once a connection is open the replay has succeeded,
//     whatever the app does; a machine that hangs keeps the client until the idle timeout.
//   - a failed replay with a fallback comes back to its sender with `fly-replay-failed`; it cannot replay again.
//   - bodies over 1,048,576 bytes cannot be replayed; an unreadable instruction is PA03.
//   - nothing of an answer that asks for a replay reaches the client.
// What it leaves open, and is chosen here: errors are 502 with the code in `x-edge-error`; without `timeout` the
// search ends after `unreachableAfterMs`; refused connections are tried again with growing pauses, and with a
// fallback at most `CONNECT_ATTEMPTS` times; headers forged by clients are passed on unless told otherwise.
// Left out: the replay cache, HTTP/2, TLS, concurrency limits.
//
// Long because a request's way through the edge is one thing: choose, connect, send, judge the answer, again.

import { randomBytes } from 'node:crypto'
import { Agent, createServer, request as httpRequest, type ClientRequest, type IncomingMessage, type Server } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { HOP_BY_HOP, ResponseClient, UpgradeClient, type EdgeClient } from './edge-client.ts'
import type { Link } from './link.ts'
import { parseReplayHeader, parseReplayJson, REPLAY_JSON, type ReplayInstruction } from './replay-instruction.ts'
import { RequestBody } from './request-body.ts'

/** A running instance of an app. */
export interface Machine {
  readonly id: string
  readonly region: string
  readonly app: string
  readonly host: string
  readonly port: number
  /** The link from an edge's region to this machine; none where they are neighbours. */
  readonly via?: (edgeRegion: string) => Link | undefined
}

export interface EdgeOptions {
  /** Where the edge has an entry. */
  readonly regions: readonly string[]
  /** The app that requests are for. */
  readonly app: string
  /** Round trip between two regions, to find the nearest machine. */
  readonly distanceMs: (from: string, to: string) => number
  /** Names for groups of regions, e.g. `{ eu: ['fra', 'ams'] }`. */
  readonly aliases?: Readonly<Record<string, readonly string[]>>
  /** How long a machine is searched for when the replay names no `timeout`. @defaultValue 7500 */
  readonly unreachableAfterMs?: number
  /** How long an open connection may be silent. @defaultValue 60000 */
  readonly idleTimeoutMs?: number
  /** What becomes of `fly-replay-src`, `fly-replay-failed` and the like when a client sends them. @defaultValue 'pass' */
  readonly forgedHeaders?: 'pass' | 'strip'
  /** Largest body that can be replayed, in bytes. @defaultValue 1048576 */
  readonly maxReplayBody?: number
  /** Ports of the entries by region; free ones where not given. */
  readonly ports?: Readonly<Record<string, number>>
}

/** One delivery of a request to a machine, or the attempt. */
export interface Hop {
  readonly edgeRegion: string
  /** Why the request went there. */
  readonly cause: 'request' | 'replay' | 'fallback' | 'retry'
  /** Undefined when no machine could be reached. */
  readonly region: string | undefined
  readonly instance: string | undefined
  /** Of the machine's answer. */
  readonly status: number | undefined
  /** Since the request entered the edge, in milliseconds. */
  readonly startedMs: number
  readonly connectedMs: number | undefined
  readonly endedMs: number
  /** The instruction that the answer carried. */
  readonly replay: string | undefined
  readonly error: string | undefined
}

export interface EdgeCounters {
  readonly requests: number
  readonly replays: number
  /** Replays asked for by machines in a region. */
  readonly replaysFrom: Readonly<Record<string, number>>
  readonly fallbacks: number
  /** Answers 409 without a body that reached a client: a replay that nobody carried out looks like that. */
  readonly bareConflicts: number
  /** By code: PA02, PA03, unreachable … */
  readonly errors: Readonly<Record<string, number>>
}

/**
 * A fault of the edge itself.
 * - `hang-after-connect`: a connection to the machine is made and nothing is sent; the client waits for the idle timeout
 * - `answer-lost`: the machine's answer arrives, the client's connection is reset instead of receiving it
 * - `deliver-twice`: the machine's answer is thrown away and the request is delivered again
 * - `retry-on-reset`: a connection that breaks before the answer makes the edge deliver the request again
 * - `die-before-replay`: the edge has the instruction to replay, and resets the client instead
 */
export type EdgeFaultType = 'hang-after-connect' | 'answer-lost' | 'deliver-twice' | 'retry-on-reset' | 'die-before-replay'

export interface EdgeFault {
  readonly type: EdgeFaultType
  /** Only on machines of this region. */
  readonly region?: string
  /** Only on deliveries of this cause. */
  readonly cause?: Hop['cause']
  /** How often it happens. @defaultValue 1 */
  readonly times?: number
}

export interface InjectOptions {
  /** The region where the client is. */
  readonly region: string
  /** @defaultValue 'GET' */
  readonly method?: string
  /** Path and query. */
  readonly url: string
  readonly headers?: Readonly<Record<string, string | string[]>>
  /** An object is sent as JSON. */
  readonly payload?: string | Buffer | object
  /** @defaultValue 30000 */
  readonly timeoutMs?: number
}

export interface InjectResponse {
  readonly statusCode: number
  readonly headers: IncomingMessage['headers']
  readonly body: string
  readonly requestId: string
  /** Where the request went on its way to this answer. */
  readonly hops: readonly Hop[]
  json<T = unknown> (): T
}

const MAX_REPLAYS = 10
const MAX_REPLAY_BODY_BYTES = 1_048_576
const UNREACHABLE_AFTER_MS = 7_500
const IDLE_TIMEOUT_MS = 60_000
const CONNECT_ATTEMPTS = 5
const FIRST_PAUSE_MS = 25
const LONGEST_PAUSE_MS = 400
const TRACES_KEPT = 1_000
const MAX_INSTRUCTION_BYTES = 64 * 1024

const SET_BY_EDGE = new Set(['fly-region', 'fly-client-ip', 'fly-forwarded-port', 'fly-forwarded-proto', 'fly-forwarded-ssl', 'fly-request-id', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-port', 'x-forwarded-ssl', 'x-request-start', 'via'])
const ONLY_AFTER_REPLAY = new Set(['fly-replay-src', 'fly-replay-failed', 'fly-replay-cache-status', 'fly-preferred-instance-unavailable'])
const ROUTING = new Set(['fly-prefer-region', 'fly-force-region', 'fly-prefer-instance-id', 'fly-force-instance-id'])

interface Exchange {
  readonly id: string
  readonly edgeRegion: string
  readonly startedAtMs: number
  readonly incoming: IncomingMessage
  readonly body: RequestBody
  readonly hops: Hop[]
  readonly client: EdgeClient
  path: string
  headers: string[]
  /** Of the replay or fallback that is being carried out. */
  extra: [string, string][]
  outgoing: ClientRequest | undefined
  gone: boolean
}

/** Which machines may take a delivery. */
interface Wanted {
  readonly app: string
  /** Regions in order of preference; empty: all by distance. */
  readonly regions: readonly string[]
  readonly anywhereElse: boolean
  readonly instance: string | undefined
  readonly preferInstance: string | undefined
  readonly exclude: string | undefined
}

type Delivery =
  | { readonly type: 'answered', readonly machine: Machine, readonly response: IncomingMessage, readonly hop: HopDraft }
  | { readonly type: 'upgraded', readonly machine: Machine, readonly response: IncomingMessage, readonly socket: Socket, readonly head: Buffer, readonly hop: HopDraft }
  | { readonly type: 'unreachable', readonly reason: 'timeout' | 'retries_exhausted' | 'no_candidate', readonly machine: Machine | undefined, readonly elapsedMs: number }
  | { readonly type: 'broken', readonly machine: Machine, readonly failure: Error }
  | { readonly type: 'gone' }

type Attempt =
  | Exclude<Delivery, { type: 'unreachable' }>
  | { readonly type: 'refused', readonly machine: Machine }
  | { readonly type: 'connect-timeout', readonly machine: Machine }

interface HopDraft {
  readonly machine: Machine
  readonly cause: Hop['cause']
  readonly startedMs: number
  readonly connectedMs: number
}

/** The replaying proxy in front of a cluster's apps. */
export class Edge {
  readonly #options: EdgeOptions
  readonly #servers = new Map<string, Server>()
  readonly #ports = new Map<string, number>()
  readonly #machines = new Map<string, Machine>()
  readonly #agents = new Map<string, Agent>()
  readonly #traces = new Map<string, readonly Hop[]>()
  readonly #injector = new Agent({ keepAlive: true })
  readonly #sockets = new Set<Duplex>()
  #faults: { fault: EdgeFault, left: number }[] = []
  #turn = 0
  #closing: Promise<void> | undefined
  #counters = { requests: 0, replays: 0, replaysFrom: {} as Record<string, number>, fallbacks: 0, bareConflicts: 0, errors: {} as Record<string, number> }

  private constructor (options: EdgeOptions) {
    this.#options = options
  }

  static async start (options: EdgeOptions): Promise<Edge> {
    const edge = new Edge(options)
    try {
      for (const region of options.regions) await edge.#listen(region)
    } catch (failure) {
      await edge.close()
      throw failure
    }
    return edge
  }

  async #listen (region: string): Promise<void> {
    const server = createServer({ keepAliveTimeout: 75_000, noDelay: true }, (incoming, outgoing) => this.#enter(region, incoming, new ResponseClient(incoming, outgoing)))
    server.on('upgrade', (incoming, socket, head) => this.#enter(region, incoming, new UpgradeClient(socket, head)))
    server.on('connection', (socket) => this.#keep(socket))
    server.on('clientError', (_failure, socket) => socket.destroy())
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(this.#options.ports?.[region] ?? 0, '127.0.0.1', resolve)
    })
    this.#servers.set(region, server)
    this.#ports.set(region, (server.address() as AddressInfo).port)
  }

  #keep (socket: Duplex): void {
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
  }

  /** Base URL of the entry in a region: what a client there would be connected to. */
  url (region: string): string {
    const port = this.#ports.get(region)
    if (port === undefined) throw new Error(`The edge has no entry in "${region}"; it has ${[...this.#ports.keys()].join(', ')}.`)
    return `http://127.0.0.1:${port}`
  }

  /** Makes an instance known, or replaces it. */
  addMachine (machine: Machine): void {
    this.removeMachine(machine.id)
    this.#machines.set(machine.id, machine)
  }

  removeMachine (id: string): void {
    this.#machines.delete(id)
    this.dropIdleConnections(id)
  }

  /**
   * Forgets the kept connections to a machine that has ended: a request sent on one, before its end was noticed,
   * would break. Answers that are under way still arrive.
   */
  dropIdleConnections (id: string): void {
    for (const [key, agent] of this.#agents) {
      if (!key.endsWith(` ${id}`)) continue
      for (const socket of Object.values(agent.freeSockets).flat()) socket?.destroy()
      this.#agents.delete(key)
    }
  }

  get machines (): readonly Machine[] {
    return [...this.#machines.values()]
  }

  /** Arms a fault of the edge; several may be armed at once. */
  fault (fault: EdgeFault): void {
    this.#faults.push({ fault, left: fault.times ?? 1 })
  }

  clearFaults (): void {
    this.#faults = []
  }

  /** Faults that have not happened yet. */
  get pendingFaults (): number {
    return this.#faults.length
  }

  /** What happened since the start, or the last {@link resetCounters}. */
  counters (): EdgeCounters {
    return { ...this.#counters, replaysFrom: { ...this.#counters.replaysFrom }, errors: { ...this.#counters.errors } }
  }

  resetCounters (): void {
    this.#counters = { requests: 0, replays: 0, replaysFrom: {}, fallbacks: 0, bareConflicts: 0, errors: {} }
  }

  /** The way of a request, by the `fly-request-id` of its answer; the last thousand are kept. */
  trace (requestId: string): readonly Hop[] | undefined {
    return this.#traces.get(requestId)
  }

  /**
   * Sends a request as a client in `region` would and returns the answer that the client gets: the one after
   * the replay. This is what `app.inject()` cannot give.
   */
  inject (options: InjectOptions): Promise<InjectResponse> {
    const { region, url, method = 'GET', timeoutMs = 30_000 } = options
    const headers: Record<string, string | string[]> = { ...options.headers }
    let payload: string | Buffer | undefined
    if (typeof options.payload === 'string' || Buffer.isBuffer(options.payload)) {
      payload = options.payload
    } else if (options.payload !== undefined) {
      payload = JSON.stringify(options.payload)
      if (!Object.keys(headers).some((name) => name.toLowerCase() === 'content-type')) headers['content-type'] = 'application/json'
    }
    if (payload !== undefined && headers['transfer-encoding'] === undefined) headers['content-length'] = String(Buffer.byteLength(payload))
    const base = this.url(region)
    return new Promise((resolve, reject) => {
      const outgoing = httpRequest(base + url, { method, headers, agent: this.#injector, timeout: timeoutMs })
      outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${timeoutMs} ms`)))
      outgoing.on('error', reject)
      outgoing.on('response', (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () => {
          const body = Buffer.concat(chunks).toString()
          const requestId = String(response.headers['fly-request-id'])
          resolve({ statusCode: response.statusCode ?? 0, headers: response.headers, body, requestId, hops: this.trace(requestId) ?? [], json: <T>() => JSON.parse(body) as T })
        })
      })
      outgoing.end(payload)
    })
  }

  /** Ends all entries and connections. */
  close (): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close (): Promise<void> {
    this.#injector.destroy()
    const closed = [...this.#servers.values()].map((server) => new Promise<void>((resolve) => server.close(() => resolve())))
    for (const socket of this.#sockets) socket.destroy()
    for (const agent of this.#agents.values()) agent.destroy()
    await Promise.all(closed)
  }

  // ── A request's way ────────────────────────────────────────────────────────────────────────────────────────

  #enter (edgeRegion: string, incoming: IncomingMessage, client: EdgeClient): void {
    this.#counters.requests++
    const id = `${randomBytes(13).toString('hex').toUpperCase()}-${edgeRegion}`
    const exchange: Exchange = {
      id,
      edgeRegion,
      startedAtMs: performance.now(),
      incoming,
      body: new RequestBody(incoming, this.#options.maxReplayBody ?? MAX_REPLAY_BODY_BYTES),
      hops: [],
      client,
      path: incoming.url ?? '/',
      headers: this.#forwardedHeaders(edgeRegion, id, incoming),
      extra: [],
      outgoing: undefined,
      gone: false,
    }
    client.onGone(() => {
      exchange.gone = true
      exchange.outgoing?.destroy()
    })
    incoming.on('error', () => {})
    this.#serve(exchange).catch((failure: unknown) => {
      this.#fail(exchange, 'internal', failure instanceof Error ? failure.message : String(failure))
    })
  }

  #forwardedHeaders (edgeRegion: string, id: string, incoming: IncomingMessage): string[] {
    const headers: string[] = []
    const raw = incoming.rawHeaders
    let forwardedFor = ''
    const strip = this.#options.forgedHeaders === 'strip'
    for (let i = 0; i < raw.length; i += 2) {
      const name = (raw[i] as string).toLowerCase()
      if (name === 'x-forwarded-for') forwardedFor += `${raw[i + 1]}, `
      if (HOP_BY_HOP.has(name) || SET_BY_EDGE.has(name) || ROUTING.has(name) || (strip && ONLY_AFTER_REPLAY.has(name))) continue
      headers.push(raw[i] as string, raw[i + 1] as string)
    }
    // A body without a length travels in chunks on the next leg as well.
    if (incoming.headers['transfer-encoding'] !== undefined) headers.push('transfer-encoding', 'chunked')
    const address = incoming.socket.remoteAddress ?? '127.0.0.1'
    const port = String(this.#ports.get(edgeRegion))
    headers.push(
      'fly-region', edgeRegion,
      'fly-client-ip', address,
      'fly-forwarded-port', port,
      'fly-forwarded-proto', 'http',
      'fly-forwarded-ssl', 'off',
      'fly-request-id', id,
      'x-forwarded-for', `${forwardedFor}${address}, 127.0.0.1`,
      'x-forwarded-proto', 'http',
      'x-forwarded-port', port,
      'x-forwarded-ssl', 'off',
      'x-request-start', `t=${nowMicroseconds()}`,
      'via', '1.1 fly.io'
    )
    return headers
  }

  async #serve (exchange: Exchange): Promise<void> {
    let wanted = this.#wantedByClient(exchange)
    let cause: Hop['cause'] = 'request'
    let deadlineMs = this.#options.unreachableAfterMs ?? UNREACHABLE_AFTER_MS
    let instruction: ReplayInstruction | undefined
    let replaying: Machine | undefined
    let replays = 0
    while (true) {
      const delivery = await this.#deliver(exchange, { wanted, cause, deadlineMs, canFallBack: cause === 'replay' && instruction?.fallback !== 'none' })
      switch (delivery.type) {
        case 'gone':
          this.#remember(exchange)
          return
        case 'broken': {
          this.#note(exchange, { cause, machine: delivery.machine, error: delivery.failure.message })
          if (this.#takeFault('retry-on-reset', delivery.machine, cause)) {
            if (!exchange.body.repeatable) return this.#fail(exchange, 'broken', 'The connection broke and the body is too large to send again.')
            cause = 'retry'
            wanted = { ...wanted, instance: delivery.machine.id, regions: [] }
            continue
          }
          return this.#fail(exchange, 'broken', 'The machine closed the connection without an answer.')
        }
        case 'unreachable': {
          this.#note(exchange, { cause, machine: delivery.machine, error: delivery.reason, wantedRegion: wanted.regions[0] })
          if (cause !== 'replay' || instruction === undefined || instruction.fallback === 'none' || replaying === undefined) {
            return this.#fail(exchange, 'unreachable', 'No machine could be reached.')
          }
          this.#counters.fallbacks++
          exchange.extra = [['fly-replay-failed', failedHeader(wanted, delivery, replaying)]]
          cause = 'fallback'
          deadlineMs = this.#options.unreachableAfterMs ?? UNREACHABLE_AFTER_MS
          wanted = { app: replaying.app, regions: [], anywhereElse: true, instance: instruction.fallback === 'force_self' ? replaying.id : undefined, preferInstance: instruction.fallback === 'prefer_self' ? replaying.id : undefined, exclude: undefined }
          continue
        }
        case 'upgraded':
          this.#complete(exchange, delivery.hop, delivery.response.statusCode, undefined)
          this.#remember(exchange)
          this.#keep(delivery.socket)
          exchange.client.upgraded(delivery.response, delivery.socket, delivery.head)
          return
        case 'answered': {
          const { response, machine, hop } = delivery
          const asked = await readInstruction(response)
          if (asked === undefined) {
            this.#complete(exchange, hop, response.statusCode, undefined)
            if (this.#takeFault('answer-lost', machine, cause)) {
              response.destroy()
              this.#remember(exchange)
              exchange.client.reset()
              return
            }
            if (exchange.body.repeatable && this.#takeFault('deliver-twice', machine, cause)) {
              response.resume()
              await takeBack(exchange)
              cause = 'retry'
              wanted = { ...wanted, instance: machine.id, regions: [] }
              continue
            }
            this.#pass(exchange, response)
            return
          }
          this.#complete(exchange, hop, response.statusCode, asked.text)
          if (asked.parsed.type === 'invalid') return this.#fail(exchange, 'PA03', `invalid 'fly-replay': ${asked.parsed.problem}`)
          if (cause === 'fallback') return this.#fail(exchange, 'fallback-replayed', 'A request that came back from a failed replay cannot be replayed.')
          if (++replays > MAX_REPLAYS) return this.#fail(exchange, 'PA02', "'fly-replay' response header was returned too many times")
          await takeBack(exchange)
          if (!exchange.body.repeatable) return this.#fail(exchange, 'body-too-large', 'The body is too large to be replayed.')
          if (this.#takeFault('die-before-replay', machine, cause)) {
            this.#remember(exchange)
            exchange.client.reset()
            return
          }
          this.#counters.replays++
          this.#counters.replaysFrom[machine.region] = (this.#counters.replaysFrom[machine.region] ?? 0) + 1
          instruction = asked.parsed.instruction
          replaying = machine
          cause = 'replay'
          deadlineMs = instruction.timeoutMs ?? this.#options.unreachableAfterMs ?? UNREACHABLE_AFTER_MS
          wanted = {
            app: instruction.app ?? machine.app,
            regions: instruction.regions,
            anywhereElse: instruction.regions.length === 0,
            instance: instruction.instance,
            preferInstance: instruction.preferInstance,
            exclude: instruction.elsewhere ? machine.id : undefined,
          }
          const state = instruction.state === undefined ? '' : `;state=${instruction.state}`
          exchange.extra = [['fly-replay-src', `instance=${machine.id};region=${machine.region};t=${nowMicroseconds()}${state}`], ['fly-replay-cache-status', 'miss']]
          transform(exchange, instruction)
        }
      }
    }
  }

  #wantedByClient (exchange: Exchange): Wanted {
    const header = (name: string): string | undefined => {
      const value = exchange.incoming.headers[name]
      return typeof value === 'string' && value !== '' ? value : undefined
    }
    const forced = header('fly-force-region')
    const regions = (forced ?? header('fly-prefer-region'))?.split(',').map((code) => code.trim()) ?? []
    return { app: this.#options.app, regions, anywhereElse: forced === undefined, instance: header('fly-force-instance-id'), preferInstance: header('fly-prefer-instance-id'), exclude: undefined }
  }

  /** Machines in the order in which they are tried. */
  #candidates (edgeRegion: string, wanted: Wanted): Machine[] {
    const all = [...this.#machines.values()].filter((machine) => machine.app === wanted.app && machine.id !== wanted.exclude)
    if (wanted.instance !== undefined) return all.filter((machine) => machine.id === wanted.instance)
    // Neighbours take turns.
    const turn = this.#turn++
    const near = all.map((machine, index) => ({ machine, distance: this.#distance(edgeRegion, machine.region), order: (index + turn) % Math.max(1, all.length) }))
      .sort((a, b) => a.distance - b.distance || a.order - b.order)
      .map(({ machine }) => machine)
    const chosen = new Set<Machine>()
    const preferred = wanted.preferInstance === undefined ? undefined : this.#machines.get(wanted.preferInstance)
    if (preferred !== undefined && all.includes(preferred)) chosen.add(preferred)
    for (const code of wanted.regions) {
      const members = code === 'any' ? undefined : this.#options.aliases?.[code] ?? [code]
      for (const machine of near) if (members === undefined || members.includes(machine.region)) chosen.add(machine)
    }
    if (wanted.anywhereElse) for (const machine of near) chosen.add(machine)
    return [...chosen]
  }

  #distance (from: string, to: string): number {
    return from === to ? -1 : this.#options.distanceMs(from, to)
  }

  async #deliver (exchange: Exchange, how: { wanted: Wanted, cause: Hop['cause'], deadlineMs: number, canFallBack: boolean }): Promise<Delivery> {
    const { wanted, cause, deadlineMs, canFallBack } = how
    const startedAtMs = performance.now()
    const remaining = (): number => startedAtMs + deadlineMs - performance.now()
    let pauseMs = FIRST_PAUSE_MS
    let last: Machine | undefined
    for (let attempt = 1; ; attempt++) {
      const candidates = this.#candidates(exchange.edgeRegion, wanted)
      if (candidates.length === 0 && canFallBack) return { type: 'unreachable', reason: 'no_candidate', machine: undefined, elapsedMs: performance.now() - startedAtMs }
      for (const machine of candidates) {
        last = machine
        if (exchange.gone) return { type: 'gone' }
        if (remaining() <= 0) break
        const unavailable: [string, string][] = wanted.preferInstance !== undefined && machine.id !== wanted.preferInstance ? [['fly-preferred-instance-unavailable', wanted.preferInstance]] : []
        const outcome = await this.#attempt(exchange, machine, { cause, connectWithinMs: remaining(), headers: unavailable })
        if (outcome.type !== 'refused' && outcome.type !== 'connect-timeout') return outcome
      }
      if (exchange.gone) return { type: 'gone' }
      if (remaining() <= pauseMs) {
        await pause(Math.max(0, remaining()))
        return { type: 'unreachable', reason: candidates.length === 0 ? 'no_candidate' : 'timeout', machine: last, elapsedMs: performance.now() - startedAtMs }
      }
      if (canFallBack && attempt >= CONNECT_ATTEMPTS) return { type: 'unreachable', reason: 'retries_exhausted', machine: last, elapsedMs: performance.now() - startedAtMs }
      await pause(pauseMs)
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
    }
  }

  #attempt (exchange: Exchange, machine: Machine, how: { cause: Hop['cause'], connectWithinMs: number, headers: [string, string][] }): Promise<Attempt> {
    const headers = exchange.headers.concat(exchange.extra.flat(), how.headers.flat())
    if (exchange.client.upgrade) headers.push('connection', 'Upgrade', 'upgrade', exchange.incoming.headers.upgrade ?? 'websocket')
    const startedMs = performance.now() - exchange.startedAtMs
    return new Promise((resolve) => {
      const outgoing = httpRequest({
        agent: this.#agent(exchange.edgeRegion, machine),
        host: machine.host,
        port: machine.port,
        method: exchange.incoming.method,
        path: exchange.path,
        // As an array, so that names keep their case and repeated ones stay apart. The types know only the object form.
        headers: headers as unknown as Record<string, string>,
        setHost: false,
      })
      exchange.outgoing = outgoing
      let connectedMs = 0
      let settled = false
      const settle = (attempt: Attempt): void => {
        if (settled) return
        settled = true
        clearTimeout(connectTimer)
        resolve(attempt)
      }
      const draft = (): HopDraft => ({ machine, cause: how.cause, startedMs, connectedMs })
      const connectTimer = setTimeout(() => {
        if (connectedMs > 0) return
        settle({ type: 'connect-timeout', machine })
        outgoing.destroy()
      }, how.connectWithinMs)
      outgoing.on('socket', () => {
        connectedMs = performance.now() - exchange.startedAtMs
        clearTimeout(connectTimer)
        // From here on the delivery has succeeded, as far as `timeout` and `fallback` are concerned.
        outgoing.setTimeout(this.#options.idleTimeoutMs ?? IDLE_TIMEOUT_MS, () => outgoing.destroy(new Error('the machine was silent for too long')))
        if (this.#takeFault('hang-after-connect', machine, how.cause)) return
        exchange.body.sendTo(outgoing)
      })
      outgoing.on('response', (response) => settle({ type: 'answered', machine, response, hop: draft() }))
      outgoing.on('upgrade', (response, socket, head) => settle({ type: 'upgraded', machine, response, socket, head, hop: draft() }))
      outgoing.on('error', (failure) => {
        if (exchange.gone) settle({ type: 'gone' })
        else if (connectedMs === 0) settle({ type: 'refused', machine })
        else settle({ type: 'broken', machine, failure })
      })
      outgoing.on('close', () => settle(exchange.gone ? { type: 'gone' } : { type: 'broken', machine, failure: new Error('the connection was closed') }))
    })
  }

  /** Connections to a machine are kept; the first over a distance costs its round trip. */
  #agent (edgeRegion: string, machine: Machine): Agent {
    const key = `${edgeRegion} ${machine.id}`
    let agent = this.#agents.get(key)
    if (agent !== undefined) return agent
    agent = new Agent({ keepAlive: true, noDelay: true, maxSockets: Infinity, maxFreeSockets: 1024, scheduling: 'lifo' })
    const link = edgeRegion === machine.region ? undefined : machine.via?.(edgeRegion)
    const create = (_options: unknown, done: (failure: Error | null, socket?: Socket) => void): undefined => {
      const socket = connect({ host: link?.host ?? machine.host, port: link?.port ?? machine.port, noDelay: true })
      const fail = (failure: Error): void => {
        socket.destroy()
        done(failure)
      }
      socket.once('error', fail)
      socket.once('connect', () => {
        const through = link === undefined ? Promise.resolve() : link.handshake(socket.localPort ?? 0)
        through.then(() => {
          socket.off('error', fail)
          done(null, socket)
        }, fail)
      })
    }
    // The documented way to bring one's own connections; its types only know sockets returned at once.
    Object.assign(agent, { createConnection: create })
    this.#agents.set(key, agent)
    return agent
  }

  #pass (exchange: Exchange, response: IncomingMessage): void {
    const length = response.headers['content-length']
    if (response.statusCode === 409 && (length === '0' || (length === undefined && response.headers['transfer-encoding'] === undefined))) this.#counters.bareConflicts++
    this.#remember(exchange)
    exchange.client.answer(response, this.#answerHeaders(exchange))
  }

  #answerHeaders (exchange: Exchange): string[] {
    const headers = ['fly-request-id', exchange.id, 'via', '1.1 fly.io']
    if (exchange.incoming.headers['x-edge-trace'] !== undefined) headers.push('x-edge-trace', JSON.stringify(exchange.hops))
    return headers
  }

  #fail (exchange: Exchange, code: string, message: string): void {
    this.#counters.errors[code] = (this.#counters.errors[code] ?? 0) + 1
    this.#remember(exchange)
    exchange.body.detach()
    exchange.client.fail(502, code, message, this.#answerHeaders(exchange))
  }

  #takeFault (type: EdgeFaultType, machine: Machine, cause: Hop['cause']): boolean {
    if (this.#faults.length === 0) return false
    const index = this.#faults.findIndex(({ fault }) => fault.type === type && (fault.region ?? machine.region) === machine.region && (fault.cause ?? cause) === cause)
    const armed = this.#faults[index]
    if (armed === undefined) return false
    if (--armed.left === 0) this.#faults.splice(index, 1)
    return true
  }

  #complete (exchange: Exchange, draft: HopDraft, status: number | undefined, replay: string | undefined): void {
    exchange.hops.push({ edgeRegion: exchange.edgeRegion, cause: draft.cause, region: draft.machine.region, instance: draft.machine.id, status, startedMs: draft.startedMs, connectedMs: draft.connectedMs, endedMs: performance.now() - exchange.startedAtMs, replay, error: undefined })
  }

  #note (exchange: Exchange, failed: { cause: Hop['cause'], machine: Machine | undefined, error: string, wantedRegion?: string | undefined }): void {
    const endedMs = performance.now() - exchange.startedAtMs
    exchange.hops.push({ edgeRegion: exchange.edgeRegion, cause: failed.cause, region: failed.machine?.region ?? failed.wantedRegion, instance: failed.machine?.id, status: undefined, startedMs: exchange.hops.at(-1)?.endedMs ?? 0, connectedMs: undefined, endedMs, replay: undefined, error: failed.error })
  }

  #remember (exchange: Exchange): void {
    this.#traces.set(exchange.id, exchange.hops)
    if (this.#traces.size > TRACES_KEPT) this.#traces.delete(this.#traces.keys().next().value as string)
  }
}

/** Waits for the whole body, which the machine that asked for a replay need not have read. */
async function takeBack (exchange: Exchange): Promise<void> {
  exchange.body.detach()
  // Half a request has been sent there: that connection can carry no other.
  if (exchange.outgoing?.writableEnded === false) exchange.outgoing.destroy()
  await exchange.body.settled()
}

function failedHeader (wanted: Wanted, delivery: Extract<Delivery, { type: 'unreachable' }>, source: Machine): string {
  const fields = [
    ['instance', delivery.machine?.id ?? wanted.instance],
    ['app', wanted.app],
    ['region', delivery.machine?.region ?? wanted.regions[0]],
    ['replay_source', source.id],
    ['reason', delivery.reason],
    ['elapsed_ms', String(Math.round(delivery.elapsedMs))],
  ]
  return fields.filter(([, value]) => value !== undefined).map(([name, value]) => `${name}=${value}`).join(';')
}

/** Carries out what the JSON form asks for beyond the place. */
function transform (exchange: Exchange, instruction: ReplayInstruction): void {
  // What an earlier replay or a client put there is replaced, never repeated.
  exchange.headers = withoutHeaders(exchange.headers, (name) => ONLY_AFTER_REPLAY.has(name))
  const { transform: asked } = instruction
  if (asked === undefined) return
  if (asked.path !== undefined) exchange.path = asked.path
  const replaced = new Set([...asked.deleteHeaders, ...asked.setHeaders.map(({ name }) => name.toLowerCase())])
  exchange.headers = withoutHeaders(exchange.headers, (name) => replaced.has(name))
  for (const { name, value } of asked.setHeaders) exchange.headers.push(name, value)
}

function withoutHeaders (headers: readonly string[], drops: (name: string) => boolean): string[] {
  const kept: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    if (!drops((headers[i] as string).toLowerCase())) kept.push(headers[i] as string, headers[i + 1] as string)
  }
  return kept
}

/** The instruction in an answer, whose body is then consumed; undefined for an ordinary answer, which is untouched. */
async function readInstruction (response: IncomingMessage): Promise<{ text: string, parsed: ReturnType<typeof parseReplayHeader> } | undefined> {
  const header = response.headers['fly-replay']
  if (header !== undefined) {
    response.on('error', () => {})
    response.resume()
    const text = Array.isArray(header) ? header.join(',') : header
    return { text, parsed: parseReplayHeader(text) }
  }
  if (response.headers['content-type']?.startsWith(REPLAY_JSON) !== true) return undefined
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes <= MAX_INSTRUCTION_BYTES) chunks.push(chunk)
    }
  } catch {
    // A broken body is not JSON either.
  }
  const text = Buffer.concat(chunks).toString()
  return { text, parsed: parseReplayJson(text) }
}

function nowMicroseconds (): string {
  return String(Math.round((performance.timeOrigin + performance.now()) * 1000))
}

function pause (ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
