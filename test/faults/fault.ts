// What a fault of the table is, and what it may do to the stand while load runs.

import type { Load, Mix, Sample } from './load.ts'
import type { Random } from './random.ts'
import type { Stand, StandOptions } from './stand.ts'

/** Why a sample that did not succeed keeps the promise all the same; undefined: it does not. */
export type Excuse = (sample: Sample) => string | undefined

export interface Stage {
  readonly stand: Stand
  readonly load: Load
  readonly random: Random
  /** When the fault began and ended, in the samples' clock; infinite before. */
  readonly injectedAt: number
  readonly healedAt: number
  /** Lets the load run on. */
  hold (ms: number): Promise<void>
  excuse (excuse: Excuse): void
  /** For the column "seen". */
  note (text: string): void
  breach (text: string): void
}

export interface Fault {
  readonly name: string
  readonly group: string
  /** In a word or two for the table. */
  readonly promise: string
  /** `shared`: the stand that recovers; else one of its own, which is thrown away. */
  readonly stand: 'shared' | StandOptions
  /** In the short form. */
  readonly short?: true
  readonly mix?: Mix
  readonly regions?: readonly (readonly [string, number])[]
  readonly perSecond?: number
  readonly headers?: Readonly<Record<string, string>>
  /** How long the fault lasts. @defaultValue 1500 */
  readonly holdMs?: number
  /** Why it cannot be tried here. */
  readonly skip?: () => string | undefined
  /** Regions that read from their own server again after it; all where not given. */
  readonly recovers?: readonly string[] | 'nothing'
  /** Bound of the recovery. @defaultValue 5000 */
  readonly recoverWithinMs?: number
  /** The stand's primary from here on, when it is another one. */
  readonly writtenTo?: string
  /** A replay from the region of the primary is a breach from this time after the fault on; 0: always. @defaultValue 0 */
  readonly replaysSettleMs?: number
  prepare? (stage: Stage): Promise<void>
  inject (stage: Stage): Promise<void> | void
  /** Acknowledged writes that it may lose; it judges them itself, in `after`. */
  readonly losable?: (sample: Sample) => boolean
  /** While it lasts, after `holdMs`. */
  during? (stage: Stage): Promise<void> | void
  heal? (stage: Stage): Promise<void> | void
  /** After the load has ended and all was judged. */
  after? (stage: Stage): Promise<void> | void
}

/** Two looks that nobody answers, and what is between them: how long a silent server that nobody uses may pass for a live one. */
export const FOUND_OUT_MS = 2_900

const PRIMARY_KINDS: ReadonlySet<string> = new Set(['write', 'auto', 'sql', 'pair', 'two', 'direct', 'idempotent', 'located', 'fresh'])

/** The codes with which a request is refused that needs a primary where there is none. */
const REFUSALS: ReadonlySet<string> = new Set([
  'FST_MR_PRIMARY_UNAVAILABLE', 'FST_MR_DATABASE_UNAVAILABLE', 'FST_MR_PRIMARY_MOVED', 'FST_MR_PRIMARY_READ_ONLY',
  'FST_MR_SPLIT_BRAIN', 'FST_MR_OVERLOADED',
])
/** Of a write or transaction that was under way when its server went. */
const BROKEN: ReadonlySet<string> = new Set(['FST_MR_COMMIT_UNKNOWN', 'FST_MR_TRANSACTION_CLOSED', 'P2034'])

/** Where the only server is the primary, or where the request needs it. */
export function needsPrimary (sample: Sample, primaryRegion = 'fra'): boolean {
  return PRIMARY_KINDS.has(sample.kind) || sample.region === primaryRegion
}

const overlaps = (stage: Stage, sample: Sample, untilMs: number): boolean => sample.startedAt + sample.ms >= stage.injectedAt && sample.startedAt <= stage.healedAt + untilMs

/** The primary is down: what needs it is refused in the way that is promised. */
export function primaryIsDown (stage: Stage, options: { untilMs?: number, primaryRegion?: string } = {}): Excuse {
  const { untilMs = 3_000, primaryRegion } = options
  return (sample) => {
    if (!overlaps(stage, sample, untilMs)) return undefined
    // A stale read that was sent to the primary's region before its own knew of the fault.
    const early = sample.kind === 'stale' && sample.startedAt < stage.injectedAt + FOUND_OUT_MS
    if (!needsPrimary(sample, primaryRegion) && !early) return undefined
    return promised(sample)
  }
}

/** Refused as promised: 503 with Retry-After and a code, or a broken write that says so. */
export function promised (sample: Sample): string | undefined {
  const code = sample.code ?? ''
  if (sample.status === 503 && sample.retryAfter && REFUSALS.has(code)) return code
  if (sample.status === 500 && BROKEN.has(code)) return code
  if (sample.status === 504 && code === 'FST_MR_STATEMENT_TIMEOUT') return code
  return undefined
}

/** Sessions that write have been cut: such writes are unknown, and only they. */
export function writesMayBreak (stage: Stage, untilMs = 1_000): Excuse {
  return (sample) => overlaps(stage, sample, untilMs) && PRIMARY_KINDS.has(sample.kind) && sample.status === 500 && BROKEN.has(sample.code ?? '') ? sample.code : undefined
}

/** The edge itself answers, or nobody does. */
export function edgeMayFail (stage: Stage, which: (sample: Sample) => boolean = () => true, untilMs = 1_000): Excuse {
  return (sample) => overlaps(stage, sample, untilMs) && which(sample) && (sample.status === 0 || sample.code?.startsWith('edge:') === true) ? 'edge' : undefined
}
