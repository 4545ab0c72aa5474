// One click of the dashboard, made for it: a read, or a write and the read that follows its redirect, as a user in a
// region with a session of its own; and what it met on its way.

import type { IncomingHttpHeaders } from 'node:http'
import type { Hop } from '../testing/edge.ts'
import type { DemoCluster } from './demo-cluster.ts'
import { roundTripMs } from './regions.ts'
import { mergeCookies } from './session-cookie.ts'

/** How an app reaches the primary: the request runs again beside it, or each query travels. */
export type Routing = 'replay' | 'per-query'
export type ReadConsistency = 'session' | 'eventual' | 'strong'

export interface Click {
  readonly region: string
  readonly action: 'read' | 'write'
  readonly routing: Routing
  readonly consistency: ReadConsistency
  /** Statements in the handler of the write. */
  readonly queries: number
  readonly author: string
  readonly message: string
}

export interface Entry {
  readonly id: number
  readonly author: string
  readonly message: string
  readonly region: string
  readonly createdAt: string
}

/** What the answer's `server-timing` tells. */
export interface Timing {
  readonly region: string | undefined
  readonly decision: string | undefined
  readonly databaseMs: number | undefined
  readonly waitedMs: number | undefined
}

export interface Step {
  readonly what: 'read' | 'write'
  readonly status: number
  readonly tookMs: number
  readonly hops: readonly Hop[]
  readonly timing: Timing
  /** Trips over the wide-area link that the app itself made, one a statement. */
  readonly farStatements: { readonly from: string, readonly to: string, readonly count: number, readonly roundTripMs: number } | undefined
  readonly outcome: 'local' | 'replayed' | 'direct' | 'failed'
}

export interface VisitResult {
  readonly steps: readonly Step[]
  readonly tookMs: number
  readonly entries: readonly Entry[]
  /** Whether the page shows what this user wrote last; undefined before the first post, and without a page. */
  readonly sawOwnPost: boolean | undefined
}

export interface VisitCounters {
  local: number
  replayed: number
  direct: number
  waited: number
  stale: number
  failed: number
}

/** A person in a region, to whom the app has given cookies. */
interface User {
  cookie: string | undefined
  lastPost: number | undefined
}

export class Visits {
  readonly #demo: DemoCluster
  readonly #users = new Map<string, User>()
  #counters: VisitCounters = fresh()

  constructor (demo: DemoCluster) {
    this.#demo = demo
  }

  get counters (): Readonly<VisitCounters> {
    return this.#counters
  }

  /** New people, and counters at zero. */
  reset (): void {
    this.#users.clear()
    this.#counters = fresh()
  }

  async make (click: Click): Promise<VisitResult> {
    // Each way of working has users of its own: what one of them wrote says nothing of another's session.
    const key = `${click.region} ${click.routing} ${click.consistency}`
    let user = this.#users.get(key)
    if (user === undefined) this.#users.set(key, user = { cookie: undefined, lastPost: undefined })
    const startedAtMs = performance.now()
    const steps: Step[] = []
    let entries: readonly Entry[] = []
    if (click.action === 'write') {
      const { step, body } = await this.#send(click, 'write', user)
      steps.push(step)
      const id = idOf(body)
      if (id !== undefined) user.lastPost = id
    }
    let sawOwnPost: boolean | undefined
    if (steps[0]?.outcome !== 'failed') {
      const { step, body } = await this.#send(click, 'read', user)
      steps.push(step)
      if (step.outcome !== 'failed') {
        entries = entriesOf(body)
        const { lastPost } = user
        if (lastPost !== undefined) {
          // The page has the latest twenty; a newer one that is there means that ours was, too.
          sawOwnPost = (entries[0]?.id ?? 0) >= lastPost
          if (!sawOwnPost) this.#counters.stale++
        }
      }
    }
    return { steps, tookMs: performance.now() - startedAtMs, entries, sawOwnPost }
  }

  async #send (click: Click, what: Step['what'], user: User): Promise<{ step: Step, body: unknown }> {
    const { cluster, contenderEdge } = this.#demo
    const place = addressOf(click, what)
    const edge = place.app === 'guestbook' ? cluster.edge : contenderEdge
    const keepsSession = click.routing === 'replay' && click.consistency === 'session'
    const startedAtMs = performance.now()
    try {
      const answer = await edge.inject({
        region: click.region,
        method: what === 'write' ? 'POST' : 'GET',
        url: place.url,
        timeoutMs: 20_000,
        ...(what === 'write' && { payload: { author: click.author, message: click.message } }),
        ...(keepsSession && user.cookie !== undefined && { headers: { cookie: user.cookie } }),
      })
      if (keepsSession) user.cookie = mergeCookies(user.cookie, answer.headers)
      const timing = readTiming(answer.headers)
      const failed = answer.statusCode >= 400
      const replayed = answer.hops.some((hop) => hop.cause === 'replay' && hop.error === undefined)
      const outcome = failed ? 'failed' : replayed ? 'replayed' : timing.decision === 'direct' ? 'direct' : 'local'
      this.#counters[outcome]++
      if ((timing.waitedMs ?? 0) > 0) this.#counters.waited++
      const to = cluster.primary.name
      const at = timing.region ?? click.region
      const count = what === 'write' && click.routing === 'per-query' ? click.queries : 1
      return {
        step: {
          what,
          status: answer.statusCode,
          tookMs: performance.now() - startedAtMs,
          hops: answer.hops,
          timing,
          farStatements: !failed && timing.decision === 'direct' && at !== to ? { from: at, to, count, roundTripMs: roundTripMs(at, to) } : undefined,
          outcome,
        },
        body: failed ? undefined : answer.json(),
      }
    } catch (failure) {
      this.#counters.failed++
      const hops: Hop[] = [{ edgeRegion: click.region, cause: 'request', region: click.region, instance: undefined, status: undefined, startedMs: 0, connectedMs: undefined, endedMs: performance.now() - startedAtMs, replay: undefined, error: failure instanceof Error ? failure.message : String(failure) }]
      return { step: { what, status: 0, tookMs: performance.now() - startedAtMs, hops, timing: readTiming({}), farStatements: undefined, outcome: 'failed' }, body: undefined }
    }
  }
}

function fresh (): VisitCounters {
  return { local: 0, replayed: 0, direct: 0, waited: 0, stale: 0, failed: 0 }
}

/** The guestbook itself wherever it can be: only a handler of many statements, and other ways of working, are the contender's. */
function addressOf ({ routing, consistency, queries }: Click, what: Step['what']): { app: 'guestbook' | 'contender', url: string } {
  if (routing === 'per-query') return { app: 'contender', url: what === 'write' ? `/per-query/entries?queries=${queries}` : '/per-query/entries' }
  if (what === 'write') return queries === 1 ? { app: 'guestbook', url: '/entries' } : { app: 'contender', url: `/replay/entries?queries=${queries}` }
  return consistency === 'strong' ? { app: 'contender', url: '/strong/entries' } : { app: 'guestbook', url: '/entries' }
}

export function readTiming (headers: IncomingHttpHeaders): Timing {
  const header = headers['server-timing']
  const text = Array.isArray(header) ? header.join(', ') : header ?? ''
  const word = (name: string): string | undefined => new RegExp(`(?:^|,\\s*)${name};desc="([^"]*)"`).exec(text)?.[1]
  const duration = (name: string): number | undefined => {
    const found = new RegExp(`(?:^|,\\s*)${name};(?:desc="[^"]*";)?dur=([\\d.]+)`).exec(text)?.[1]
    return found === undefined ? undefined : Number(found)
  }
  return { region: word('region'), decision: word('decision'), databaseMs: duration('db'), waitedMs: duration('wait') }
}

function idOf (body: unknown): number | undefined {
  return typeof body === 'object' && body !== null && 'id' in body && typeof body.id === 'number' ? body.id : undefined
}

function entriesOf (body: unknown): readonly Entry[] {
  // Both apps answer with the rows of one table.
  return Array.isArray(body) ? body as readonly Entry[] : []
}
