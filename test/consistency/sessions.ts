// Many sessions at once, each with its own jar, hopping between the regions with every request: post, be redirected,
// read, in any way that the app has. Everything that was asked and answered becomes an operation of the history.

import { parseToken } from '../../lib/core/session-token.ts'
import { parseLsn } from '../../lib/core/lsn.ts'
import type { TokenSeal } from '../../lib/fastify/token-seal.ts'
import type { Edge } from '../../lib/testing/edge.ts'
import type { Consistency, Operation, Read, Version, Write } from './history.ts'
import { HttpClient, TokenJar, type Answer } from './http-client.ts'
import { READS, WRITES, type ReadAnswer, type Row, type WriteAnswer, type WriteRoute } from './register-app.ts'
import { Seeded } from './seeded.ts'
import { REGIONS } from './stage.ts'

export interface SessionsOptions {
  readonly edge: Edge
  readonly keys: readonly string[]
  readonly operations: number
  readonly seed: number
  readonly concurrency: number
  /** `off`: the app has no session consistency; sessions wish for it all the same. */
  readonly tokens: 'on' | 'off'
  /** Opens what the answers carry. */
  readonly seal: TokenSeal | undefined
}

const STEPS_PER_SESSION = 60
const PAUSE_AFTER_FAILURE_MS = 30

export class Sessions {
  readonly operations: Operation[] = []
  readonly #options: SessionsOptions
  readonly #http = new HttpClient()
  #sessions = 0
  #writes = 0
  #stopped = false

  constructor (options: SessionsOptions) {
    this.#options = options
  }

  get done (): number { return this.operations.length }

  async run (): Promise<void> {
    try {
      await Promise.all(Array.from({ length: this.#options.concurrency }, () => this.#worker()))
    } finally {
      this.#http.close()
    }
  }

  stop (): void { this.#stopped = true }

  get #isOver (): boolean { return this.#stopped || this.operations.length >= this.#options.operations }

  async #worker (): Promise<void> {
    while (!this.#isOver) {
      const number = ++this.#sessions
      await this.#session(number, new Seeded(this.#options.seed * 7919 + number))
    }
  }

  async #session (number: number, random: Seeded): Promise<void> {
    const session: Session = {
      number,
      random,
      jar: new TokenJar(random.chance(0.75) ? 'cookie' : 'header'),
      consistency: random.chance(0.4) ? 'monotonic' : 'session',
      // Its own few registers, that others write as well.
      favourites: [random.pick(this.#options.keys), random.pick(this.#options.keys), random.pick(this.#options.keys)],
    }
    for (let step = 0; step < STEPS_PER_SESSION && !this.#isOver; step++) {
      const key = random.chance(0.8) ? random.pick(session.favourites) : random.pick(this.#options.keys)
      const served = random.chance(0.3) ? await this.#write(session, key) : await this.#read(session, key)
      if (!served) await new Promise((resolve) => setTimeout(resolve, PAUSE_AFTER_FAILURE_MS * (1 + random.next())))
    }
  }

  async #read (session: Session, key: string, path?: string): Promise<boolean> {
    const { random, number } = session
    const wished: Consistency = session.consistency === 'session' && path === undefined && random.chance(0.1) ? 'strong' : path === undefined ? session.consistency : 'session'
    const route = path ?? `/${this.#options.tokens === 'on' ? wished : 'eventual'}/${random.pick(READS)}/${key}`
    const region = random.pick(REGIONS)
    const base = { id: `read-${number}-${this.operations.length}`, session: number, region, route: route.slice(0, route.lastIndexOf('/')), key }
    const invokedMs = performance.now()
    const answer = await this.#send(session, region, route)
    const completedMs = performance.now()
    const found = answer?.status === 200 ? JSON.parse(answer.body) as ReadAnswer : undefined // the app's own answer
    this.operations.push({
      ...base,
      type: 'read',
      consistency: wished,
      invokedMs,
      completedMs,
      outcome: found === undefined ? 'failed' : 'ok',
      version: found === undefined ? undefined : versionOf(found.row),
      writer: found?.row.writer,
      servedIn: found?.region,
      onStandby: found?.standby,
      sameRequest: false,
      status: answer?.status,
    } satisfies Read)
    return found !== undefined
  }

  async #write (session: Session, key: string): Promise<boolean> {
    const { random, number } = session
    const way: WriteRoute = random.pick(WRITES)
    const region = random.pick(REGIONS)
    const id = `write-${++this.#writes}`
    const base = { id, session: number, region, route: `/write/${way}`, key }
    const invokedMs = performance.now()
    const answer = await this.#send(session, region, `/write/${way}`, { key, writer: id })
    const completedMs = performance.now()
    const written = answer === undefined ? undefined : writtenIn(answer)
    this.operations.push({
      ...base,
      type: 'write',
      invokedMs,
      completedMs,
      outcome: written !== undefined ? 'acknowledged' : answer?.status === 503 ? 'refused' : 'unknown',
      version: written === undefined ? undefined : versionOf(written.row),
      before: written === undefined ? undefined : parseLsn(written.row.lsn),
      stamped: written === undefined ? undefined : this.#position(answer?.token),
      servedIn: written?.region,
      status: answer?.status,
    } satisfies Write)
    if (written?.readBack !== undefined) {
      const { readBack } = written
      this.operations.push({
        ...base, id: `${id}-back`, type: 'read', consistency: 'session', invokedMs, completedMs, outcome: 'ok', version: versionOf(readBack), writer: readBack.writer, servedIn: written.region, onStandby: undefined, sameRequest: true, status: answer?.status,
      } satisfies Read)
    }
    const location = answer?.headers.location
    if (location !== undefined) await this.#read(session, key, location)
    return written !== undefined
  }

  /** Undefined: no answer came. */
  async #send (session: Session, region: string, path: string, payload?: object): Promise<(Answer & { token: string | undefined }) | undefined> {
    try {
      const answer = await this.#http.send(this.#options.edge.url(region) + path, {
        headers: session.jar.headers(),
        ...(payload !== undefined && { method: 'POST' as const, payload }),
      })
      return { ...answer, token: session.jar.keep(answer.headers) }
    } catch {
      return undefined
    }
  }

  #position (token: string | undefined): bigint | undefined {
    if (token === undefined || this.#options.seal === undefined) return undefined
    const parsed = parseToken(this.#options.seal.open(token))
    // A token that knows only the time of its last write may carry the position of an earlier one.
    return parsed.type === 'token' && parsed.token.unlocatedAtMs === undefined ? parsed.token.position?.lsn : undefined
  }
}

interface Session {
  readonly number: number
  readonly random: Seeded
  readonly jar: TokenJar
  readonly consistency: 'session' | 'monotonic'
  readonly favourites: readonly string[]
}

const versionOf = (row: Row): Version => ({ timeline: row.timeline, number: row.version })

/** 303 and 200, and the answer of a handler that failed behind its commit. */
function writtenIn ({ status, body }: Answer): WriteAnswer | undefined {
  if (status !== 303 && status !== 200 && status !== 500) return undefined
  const parsed = JSON.parse(body) as Partial<WriteAnswer> // the app's own answer, or Fastify's for an error
  return parsed.row === undefined || parsed.region === undefined ? undefined : { row: parsed.row, region: parsed.region, readBack: parsed.readBack }
}
