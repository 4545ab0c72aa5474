// The tour: what a user in each region meets, measured on the running demo. Measures and nothing else; `claims.ts`
// judges, `report.ts` prints.

import type { InjectResponse } from '../testing/edge.ts'
import type { DemoCluster } from './demo-cluster.ts'
import { roundTripMs } from './regions.ts'
import { sessionCookie } from './session-cookie.ts'

export interface Spread {
  readonly p50: number
  readonly min: number
  readonly max: number
  readonly count: number
}

export interface RegionFigures {
  readonly region: string
  /** Round trip to the primary's region. */
  readonly distanceMs: number
  readonly readMs: Spread
  readonly writeMs: Spread
  /** How many of the writes were replayed. */
  readonly replayed: number
}

/** One handler with so many statements, from the region farthest from the primary. */
export interface HandlerFigures {
  readonly queries: number
  readonly perQueryMs: Spread
  readonly replayMs: Spread
}

/** Post, be redirected, read; while the replica is held back. */
export interface SessionFigures {
  readonly region: string
  readonly applyDelayMs: number
  readonly visits: number
  /** Visits that saw their own post. */
  readonly sawWithSession: number
  readonly sawWithoutSession: number
  /** The page after the redirect. */
  readonly withSessionMs: Spread
  readonly withoutSessionMs: Spread
}

export interface Tour {
  readonly primaryRegion: string
  readonly farthestRegion: string
  readonly regions: readonly RegionFigures[]
  readonly handlers: readonly HandlerFigures[]
  /** Undefined when there is no other region than the primary's. */
  readonly session: SessionFigures | undefined
  readonly requests: number
  /** Answers that were not what was asked for: the first few, as text. */
  readonly errors: readonly string[]
  readonly errorCount: number
  /** Asked for by a machine whose database is the primary. */
  readonly replaysByPrimary: number
  readonly bareConflicts: number
  readonly tookMs: number
}

const READS = 40
const WRITES = 12
const WARM_UP = 4
const HANDLER_QUERIES = [1, 5, 10] as const
const HANDLER_ROUNDS = 3
const SESSION_VISITS = 3
// Longer than a visit takes, so that the page without a session is stale for certain.
const APPLY_DELAY_MS = 3_000
const ERRORS_KEPT = 5

export async function takeTour (demo: DemoCluster, progress: (text: string) => void): Promise<Tour> {
  const startedAtMs = performance.now()
  const { cluster, contenderEdge, primaryRegion } = demo
  const visitor = new Visitor(demo)
  const farthestRegion = [...demo.regions].sort((a, b) => roundTripMs(b, primaryRegion) - roundTripMs(a, primaryRegion))[0] ?? primaryRegion
  cluster.edge.resetCounters()
  contenderEdge.resetCounters()

  progress(`a user in each region: ${READS} reads and ${WRITES} writes`)
  const regions = await measureRegions(visitor, demo.regions, primaryRegion)
  const handlers: HandlerFigures[] = []
  progress(`a handler of ${HANDLER_QUERIES.join(', ')} queries, called from ${farthestRegion}: query by query, and by one replay`)
  await warmHandlers(visitor, farthestRegion)
  for (const queries of HANDLER_QUERIES) handlers.push(await measureHandler(visitor, { region: farthestRegion, queries }))
  let session: SessionFigures | undefined
  if (farthestRegion !== primaryRegion) {
    progress(`post in ${farthestRegion}, be redirected, read; its replica held back by ${APPLY_DELAY_MS / 1000} s`)
    session = await measureSession(visitor, demo, farthestRegion)
  }

  const counters = [cluster.edge.counters(), contenderEdge.counters()]
  const sum = (of: (counter: typeof counters[number]) => number): number => counters.reduce((total, counter) => total + of(counter), 0)
  return {
    primaryRegion,
    farthestRegion,
    regions,
    handlers,
    session,
    requests: sum((counter) => counter.requests),
    errors: visitor.errors.slice(0, ERRORS_KEPT),
    errorCount: visitor.errors.length,
    replaysByPrimary: sum((counter) => counter.replaysFrom[primaryRegion] ?? 0),
    bareConflicts: sum((counter) => counter.bareConflicts),
    tookMs: performance.now() - startedAtMs,
  }
}

interface Visit {
  readonly answer: InjectResponse
  readonly tookMs: number
}

interface Call {
  readonly region: string
  readonly method?: 'GET' | 'POST'
  readonly url: string
  readonly payload?: object | string
  readonly headers?: Readonly<Record<string, string>>
  readonly expect: number
  readonly app?: 'guestbook' | 'contender'
}

/** Sends requests as users would, and keeps what went wrong. */
class Visitor {
  readonly errors: string[] = []
  readonly #demo: DemoCluster

  constructor (demo: DemoCluster) {
    this.#demo = demo
  }

  async call ({ expect, app = 'guestbook', ...request }: Call): Promise<Visit> {
    const edge = app === 'guestbook' ? this.#demo.cluster.edge : this.#demo.contenderEdge
    const startedAtMs = performance.now()
    const answer = await edge.inject(request)
    const tookMs = performance.now() - startedAtMs
    if (answer.statusCode !== expect) this.errors.push(`${request.method ?? 'GET'} ${request.url} in ${request.region}: ${answer.statusCode} ${answer.body.slice(0, 200)}`)
    return { answer, tookMs }
  }
}

/** The regions in turn, so that whatever else this machine does meets all of them alike. */
async function measureRegions (visitor: Visitor, names: readonly string[], primaryRegion: string): Promise<RegionFigures[]> {
  const read = (region: string): Promise<Visit> => visitor.call({ region, url: '/entries', expect: 200 })
  const write = (region: string): Promise<Visit> => visitor.call({ region, method: 'POST', url: '/entries', payload: { author: 'The tour', message: `Hello from ${region}` }, expect: 201 })
  const inTurn = async (times: number, call: (region: string) => Promise<Visit>): Promise<Map<string, Visit[]>> => {
    const visits = new Map<string, Visit[]>(names.map((name) => [name, []]))
    for (let i = 0; i < times; i++) for (const name of names) visits.get(name)?.push(await call(name))
    return visits
  }
  // Connections are opened and statements prepared, which costs round trips of its own, once.
  await inTurn(WARM_UP, write)
  await inTurn(WARM_UP, read)
  const reads = await inTurn(READS, read)
  const writes = await inTurn(WRITES, write)
  return names.map((region) => ({
    region,
    distanceMs: roundTripMs(region, primaryRegion),
    readMs: spread(reads.get(region) ?? []),
    writeMs: spread(writes.get(region) ?? []),
    replayed: (writes.get(region) ?? []).filter(({ answer }) => answer.hops.some((hop) => hop.cause === 'replay')).length,
  }))
}

type Way = 'per-query' | 'replay'

function callHandler (visitor: Visitor, { region, queries, way }: { region: string, queries: number, way: Way }): Promise<Visit> {
  return visitor.call({ app: 'contender', region, method: 'POST', url: `/${way}/entries?queries=${queries}`, payload: { author: 'The tour', message: `${queries} queries` }, expect: 201 })
}

/** As above. */
async function warmHandlers (visitor: Visitor, region: string): Promise<void> {
  for (const way of ['per-query', 'replay'] as const) await repeat(2, () => callHandler(visitor, { region, queries: 2, way }))
}

async function measureHandler (visitor: Visitor, { region, queries }: { region: string, queries: number }): Promise<HandlerFigures> {
  const call = (way: Way): Promise<Visit> => callHandler(visitor, { region, queries, way })
  const perQueryMs = spread(await repeat(HANDLER_ROUNDS, () => call('per-query')))
  const replayMs = spread(await repeat(HANDLER_ROUNDS, () => call('replay')))
  return { queries, perQueryMs, replayMs }
}

async function measureSession (visitor: Visitor, { cluster }: DemoCluster, region: string): Promise<SessionFigures> {
  const withSession: Visit[] = []
  const withoutSession: Visit[] = []
  let sawWithSession = 0
  let sawWithoutSession = 0
  await cluster.setApplyDelay(region, APPLY_DELAY_MS)
  try {
    for (let number = 1; number <= SESSION_VISITS; number++) {
      const message = `Post ${number} of a visitor in ${region}`
      const posted = await visitor.call({ region, method: 'POST', url: '/', payload: new URLSearchParams({ author: 'A visitor', message }).toString(), headers: { 'content-type': 'application/x-www-form-urlencoded' }, expect: 303 })
      const url = posted.answer.headers.location ?? '/'
      const cookie = sessionCookie(posted.answer.headers)
      // A client that throws its cookie away has no session: it is shown what the replica has.
      const stranger = await visitor.call({ region, url, expect: 200 })
      const owner = await visitor.call({ region, url, expect: 200, ...(cookie !== undefined && { headers: { cookie } }) })
      withoutSession.push(stranger)
      withSession.push(owner)
      if (stranger.answer.body.includes(message)) sawWithoutSession++
      if (owner.answer.body.includes(message)) sawWithSession++
    }
  } finally {
    await cluster.setApplyDelay(region, 0)
  }
  await cluster.waitForReplay(region, { withinMs: APPLY_DELAY_MS * 2 })
  return { region, applyDelayMs: APPLY_DELAY_MS, visits: SESSION_VISITS, sawWithSession, sawWithoutSession, withSessionMs: spread(withSession), withoutSessionMs: spread(withoutSession) }
}

async function repeat (times: number, call: () => Promise<Visit>): Promise<Visit[]> {
  const visits: Visit[] = []
  for (let i = 0; i < times; i++) visits.push(await call())
  return visits
}

function spread (visits: readonly Visit[]): Spread {
  const sorted = visits.map(({ tookMs }) => tookMs).sort((a, b) => a - b)
  return { p50: sorted[Math.floor((sorted.length - 1) / 2)] ?? NaN, min: sorted[0] ?? NaN, max: sorted.at(-1) ?? NaN, count: sorted.length }
}
