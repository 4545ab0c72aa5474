// Requests at a fixed rate through the edge, whether or not earlier ones are answered; what became of each is kept.

import type { Edge, Hop, InjectResponse } from '../../lib/testing/edge.ts'
import { pick, type Random } from './random.ts'

export type ReadKind = 'read' | 'raw' | 'array' | 'fresh' | 'stale' | 'held' | 'hold' | 'scan' | 'scans'
export type WriteKind = 'write' | 'auto' | 'sql' | 'pair' | 'two' | 'direct' | 'idempotent' | 'located'
export type Kind = ReadKind | WriteKind

const WRITES: ReadonlySet<Kind> = new Set<Kind>(['write', 'auto', 'sql', 'pair', 'two', 'direct', 'idempotent', 'located'])
export const isWrite = (kind: Kind): boolean => WRITES.has(kind)

export interface Sample {
  readonly kind: Kind
  /** Where the client is. */
  readonly region: string
  /** Of a write. */
  readonly id: string
  /** Monotonic milliseconds. */
  readonly startedAt: number
  readonly ms: number
  /** 0: no answer at all. */
  readonly status: number
  /** Of the error in the answer. */
  readonly code: string | undefined
  readonly failure: string | undefined
  /** The region whose app answered, and the port of the database server that it asked. */
  readonly node: string | undefined
  readonly port: number | undefined
  readonly lsn: string | undefined
  readonly retryAfter: boolean
  readonly staleMs: string | undefined
  readonly hops: readonly Hop[]
}

export type Mix = readonly (readonly [Kind, number])[]

export const USUAL_MIX: Mix = [['read', 11], ['raw', 2], ['array', 1], ['fresh', 1], ['stale', 1], ['write', 2], ['auto', 1], ['sql', 1], ['pair', 1]]
export const USUAL_REGIONS: readonly (readonly [string, number])[] = [['iad', 5], ['nrt', 3], ['fra', 3]]

/** A client gives up here; far beyond any promise. */
const CLIENT_PATIENCE_MS = 12_000
const STEP_MS = 5

export interface LoadOptions {
  readonly edge: Edge
  readonly random: Random
  readonly perSecond: number
  /** In front of all ids. */
  readonly prefix: string
  readonly mix?: Mix | undefined
  readonly regions?: readonly (readonly [string, number])[] | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Counts instead of keeping each sample, for runs of minutes. */
  readonly onSample?: ((sample: Sample) => void) | undefined
}

export class Load {
  readonly samples: Sample[] = []
  readonly #options: LoadOptions
  readonly #running = new Set<Promise<void>>()
  #timer: NodeJS.Timeout | undefined
  #startedAt = 0
  #sent = 0
  #activeMs = 0

  constructor (options: LoadOptions) {
    this.#options = options
  }

  get inFlight (): number { return this.#running.size }
  get perSecond (): number { return this.#activeMs === 0 ? 0 : this.#sent * 1_000 / this.#activeMs }

  start (): void {
    this.#startedAt = performance.now()
    let due = 0
    this.#timer = setInterval(() => {
      this.#activeMs = performance.now() - this.#startedAt
      // Behind the plan it catches up: a pause of this process must not lower the load.
      const planned = Math.floor(this.#activeMs * this.#options.perSecond / 1_000)
      for (; due < planned; due++) this.send().catch(() => {})
    }, STEP_MS)
  }

  /** One more request, of the mix or as told. */
  send (given: { kind?: Kind, region?: string, pauseMs?: number } = {}): Promise<Sample> {
    const { random, mix = USUAL_MIX, regions = USUAL_REGIONS, prefix } = this.#options
    const kind = given.kind ?? pick(random, mix)
    const region = given.region ?? pick(random, regions)
    const sample = this.#ask(kind, region, `${prefix}-${++this.#sent}`, given.pauseMs ?? 0)
    const running: Promise<void> = sample.then((one) => {
      this.#running.delete(running)
      if (this.#options.onSample === undefined) this.samples.push(one)
      else this.#options.onSample(one)
    })
    this.#running.add(running)
    return sample
  }

  async #ask (kind: Kind, region: string, id: string, pauseMs: number): Promise<Sample> {
    const startedAt = performance.now()
    const write = isWrite(kind)
    const base = { kind, region, id, startedAt }
    try {
      const answer = await this.#options.edge.inject({
        region,
        url: `/${kind}`,
        method: write ? 'POST' : 'GET',
        timeoutMs: CLIENT_PATIENCE_MS,
        headers: this.#options.headers ?? {},
        ...(write && { payload: kind === 'two' ? { id, pauseMs } : { id } }),
      })
      return { ...base, ms: performance.now() - startedAt, ...readAnswer(answer) }
    } catch (failure) {
      return { ...base, ms: performance.now() - startedAt, status: 0, code: undefined, failure: failure instanceof Error ? failure.message : String(failure), node: undefined, port: undefined, lsn: undefined, retryAfter: false, staleMs: undefined, hops: [] }
    }
  }

  /** Sends no more, and waits for what is under way. */
  async stop (): Promise<void> {
    clearInterval(this.#timer)
    this.#timer = undefined
    await Promise.all(this.#running)
  }
}

type Answered = Omit<Sample, 'kind' | 'region' | 'id' | 'startedAt' | 'ms'>

function readAnswer (answer: InjectResponse): Answered {
  let body: { region?: string, port?: number, lsn?: string, code?: string, message?: string } = {}
  try {
    body = answer.json()
  } catch {
    // The edge's own answers are text.
  }
  const edgeError = answer.headers['x-edge-error']
  const stale = answer.headers['multi-region-stale']
  return {
    status: answer.statusCode,
    code: answer.statusCode === 200 ? undefined : typeof edgeError === 'string' ? `edge:${edgeError}` : body.code,
    failure: body.message,
    node: body.region,
    port: body.port,
    lsn: body.lsn,
    retryAfter: answer.headers['retry-after'] !== undefined,
    staleMs: typeof stale === 'string' ? stale : undefined,
    hops: answer.hops,
  }
}
