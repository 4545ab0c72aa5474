// The dashboard's own small server, at the edge: its files, and what they ask for.
//
//   GET  /api/topology   regions, round trips, addresses
//   GET  /api/state      servers and counters; as server-sent events from /api/events
//   POST /api/visit      one click (`visit.ts`)
//   POST /api/control    something happens to a server (`server-room.ts`)
//   POST /api/reset      calm servers, new users, counters at zero
//
// It listens on this machine only. A page of another site that a browser shows could still call it: hence the look at
// `host` (no name that an attacker's DNS points here) and at the content type (no form may send JSON unasked).

import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { DemoCluster } from './demo-cluster.ts'
import { placeOf, roundTripMs } from './regions.ts'
import { MAX_APPLY_DELAY_MS, ServerRoom, type Control } from './server-room.ts'
import { Visits, type Click } from './visit.ts'

const HOST = '127.0.0.1'
const EVENT_EVERY_MS = 500
const MAX_BODY_BYTES = 10_000
const MAX_QUERIES = 20

const SCRIPTS = ['dashboard', 'world', 'way', 'lag-plot', 'server-controls', 'svg']

const FILES: Readonly<Record<string, { readonly name: string, readonly type: string }>> = {
  '/': { name: 'index.html', type: 'text/html; charset=utf-8' },
  '/dashboard.css': { name: 'dashboard.css', type: 'text/css; charset=utf-8' },
  ...Object.fromEntries(SCRIPTS.map((name) => [`/${name}.js`, { name: `${name}.js`, type: 'text/javascript; charset=utf-8' }])),
}

const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/** What was asked for cannot be; the message is for the person at the dashboard. */
class BadRequestError extends Error {}

export class DashboardServer {
  readonly #demo: DemoCluster
  readonly #visits: Visits
  readonly #room: ServerRoom
  readonly #server: Server
  readonly #streams = new Set<ServerResponse>()
  #timer: NodeJS.Timeout | undefined
  #unwatch: (() => void) | undefined

  private constructor (demo: DemoCluster) {
    this.#demo = demo
    this.#visits = new Visits(demo)
    this.#room = new ServerRoom(demo)
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((failure: unknown) => {
        const known = failure instanceof BadRequestError
        sendJson(response, known ? 400 : 500, { message: failure instanceof Error ? failure.message : String(failure) })
      })
    })
  }

  static async start (demo: DemoCluster, options: { readonly port: number }): Promise<DashboardServer> {
    const dashboard = new DashboardServer(demo)
    await new Promise<void>((resolve, reject) => {
      dashboard.#server.once('error', reject)
      dashboard.#server.listen(options.port, HOST, resolve)
    })
    return dashboard
  }

  get url (): string {
    return `http://${HOST}:${(this.#server.address() as AddressInfo).port}`
  }

  async close (): Promise<void> {
    this.#stopEvents()
    this.#room.close()
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#server.closeAllConnections()
    await closed
  }

  async #answer (request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url ?? '/', this.url)
    const { port } = this.#server.address() as AddressInfo
    if (![`${HOST}:${port}`, `localhost:${port}`].includes(request.headers.host ?? '')) {
      sendJson(response, 403, { message: `Open ${this.url} instead.` })
      return
    }
    if (request.method === 'GET') {
      const file = Object.hasOwn(FILES, pathname) ? FILES[pathname] : undefined
      if (file !== undefined) await sendFile(response, file)
      else if (pathname === '/api/topology') sendJson(response, 200, this.#topology())
      else if (pathname === '/api/state') sendJson(response, 200, this.#state())
      else if (pathname === '/api/events') this.#openEvents(response)
      else if (pathname === '/favicon.ico') response.writeHead(204).end()
      else sendJson(response, 404, { message: 'There is nothing here.' })
      return
    }
    if (request.method !== 'POST' || !['/api/visit', '/api/control', '/api/reset'].includes(pathname)) {
      sendJson(response, 404, { message: 'There is nothing here.' })
      return
    }
    if (request.headers['content-type'] !== 'application/json') {
      sendJson(response, 415, { message: 'The body must be JSON.' })
      return
    }
    const body = await readBody(request)
    if (pathname === '/api/visit') {
      sendJson(response, 200, await this.#visits.make(readClick(body, this.#demo.regions)))
    } else if (pathname === '/api/control') {
      await this.#room.control(readControl(body, this.#demo.regions))
      sendJson(response, 200, this.#state())
    } else {
      await this.#room.calm()
      this.#visits.reset()
      sendJson(response, 200, this.#state())
    }
  }

  #topology (): object {
    const { regions, primaryRegion, cluster } = this.#demo
    return {
      primaryRegion,
      maxApplyDelayMs: MAX_APPLY_DELAY_MS,
      regions: regions.map((name) => ({ name, city: placeOf(name)?.city, longitude: placeOf(name)?.longitude, url: cluster.edge.url(name) })),
      roundTrips: regions.flatMap((from, index) => regions.slice(index + 1).map((to) => ({ from, to, ms: roundTripMs(from, to) }))),
    }
  }

  #state (): object {
    return { servers: this.#room.view(), counters: this.#visits.counters }
  }

  #openEvents (response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    response.write(`data: ${JSON.stringify(this.#state())}\n\n`)
    this.#streams.add(response)
    this.#unwatch ??= this.#room.watch()
    this.#timer ??= setInterval(() => {
      const event = `data: ${JSON.stringify(this.#state())}\n\n`
      for (const stream of this.#streams) stream.write(event)
    }, EVENT_EVERY_MS).unref()
    response.once('close', () => {
      this.#streams.delete(response)
      if (this.#streams.size === 0) this.#stopEvents()
    })
  }

  #stopEvents (): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#unwatch?.()
    this.#unwatch = undefined
  }
}

async function sendFile (response: ServerResponse, { name, type }: { name: string, type: string }): Promise<void> {
  const text = await readFile(fileURLToPath(new URL(`./dashboard/${name}`, import.meta.url)))
  response.writeHead(200, { 'content-type': type, 'cache-control': 'no-store', 'content-security-policy': POLICY, 'x-content-type-options': 'nosniff' })
  response.end(text)
}

function sendJson (response: ServerResponse, status: number, body: object): void {
  if (response.headersSent) return
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
  response.end(JSON.stringify(body))
}

async function readBody (request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  let text = ''
  for await (const chunk of request as AsyncIterable<Buffer>) {
    text += chunk.toString()
    if (text.length > MAX_BODY_BYTES) throw new BadRequestError('The body is too long.')
  }
  try {
    const body: unknown = JSON.parse(text)
    if (typeof body === 'object' && body !== null) return body as Record<string, unknown>
  } catch {
    // Said below.
  }
  throw new BadRequestError('The body must be a JSON object.')
}

function readClick (body: Readonly<Record<string, unknown>>, regions: readonly string[]): Click {
  const queries = body['queries'] ?? 1
  if (!(Number.isInteger(queries) && (queries as number) >= 1 && (queries as number) <= MAX_QUERIES)) throw new BadRequestError(`queries: a whole number from 1 to ${MAX_QUERIES}`)
  return {
    region: oneOf(body, 'region', regions),
    action: oneOf(body, 'action', ['read', 'write']),
    routing: oneOf(body, 'routing', ['replay', 'per-query']),
    consistency: oneOf(body, 'consistency', ['session', 'eventual', 'strong']),
    queries: queries as number,
    author: words(body, 'author', 80) || 'You',
    message: words(body, 'message', 500) || 'Hello',
  }
}

function readControl (body: Readonly<Record<string, unknown>>, regions: readonly string[]): Control {
  const type = oneOf(body, 'type', ['lag', 'pause', 'resume', 'kill', 'start', 'promote'])
  const region = oneOf(body, 'region', regions)
  if (type !== 'lag') return { type, region }
  const applyDelayMs = body['applyDelayMs']
  if (!(typeof applyDelayMs === 'number' && Number.isInteger(applyDelayMs) && applyDelayMs >= 0 && applyDelayMs <= MAX_APPLY_DELAY_MS)) throw new BadRequestError(`applyDelayMs: milliseconds from 0 to ${MAX_APPLY_DELAY_MS}`)
  return { type, region, applyDelayMs }
}

function oneOf<const W extends string> (body: Readonly<Record<string, unknown>>, name: string, allowed: readonly W[]): W {
  const value = body[name]
  const found = allowed.find((word) => word === value)
  if (found === undefined) throw new BadRequestError(`${name}: one of ${allowed.join(', ')}`)
  return found
}

function words (body: Readonly<Record<string, unknown>>, name: string, longest: number): string {
  const value = body[name] ?? ''
  if (typeof value !== 'string' || value.length > longest) throw new BadRequestError(`${name}: text of at most ${longest} characters`)
  return value.trim()
}
