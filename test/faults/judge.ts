// What was promised against what was seen: every sample, and every row that the samples left behind.

import { DEADLINE_MS } from './app.ts'
import type { Excuse, Fault } from './fault.ts'
import { isWrite, type Sample } from './load.ts'

export interface Verdict {
  readonly requests: number
  readonly perSecond: number
  readonly answered: number
  /** By code, of those that were excused. */
  readonly excused: Readonly<Record<string, number>>
  readonly failedReads: number
  readonly failedWrites: number
  readonly lost: number
  readonly doubled: number
  /** Refused with a code that says that it did not run, and yet in the database. */
  readonly untrue: number
  /** Half a transaction. */
  readonly torn: number
  readonly hung: number
  readonly replaysFromPrimary: number
  readonly unknownOutcomes: number
  readonly slowestMs: number
  /** Of what is in the database, and of where requests were sent: true however slow the machine is. */
  readonly unsafe: number
  readonly breaches: readonly string[]
}

/** The server, or this client before anything was sent, said that nothing ran. */
const NOTHING_RAN: ReadonlySet<string> = new Set([
  'FST_MR_PRIMARY_UNAVAILABLE', 'FST_MR_DATABASE_UNAVAILABLE', 'FST_MR_PRIMARY_MOVED', 'FST_MR_PRIMARY_READ_ONLY', 'FST_MR_SPLIT_BRAIN',
  'FST_MR_OVERLOADED', 'FST_MR_CLIENT_CLOSED', 'FST_MR_TRANSACTION_CLOSED', 'P2034',
])

const HUNG_MS = DEADLINE_MS + 1_000
const EXAMPLES = 3

export interface Evidence {
  readonly fault: Fault
  readonly samples: readonly Sample[]
  /** How often each id is in the database that counts. */
  readonly rows: ReadonlyMap<string, number>
  readonly excuses: readonly Excuse[]
  readonly perSecond: number
  readonly injectedAt: number
  /** Acknowledged writes that the fault may lose; they are judged by the fault itself. */
  readonly losable?: ((sample: Sample) => boolean) | undefined
}

export function judge (evidence: Evidence): Verdict {
  const { samples, rows, fault } = evidence
  const breaches = new Map<string, { count: number, examples: string[] }>()
  const breach = (what: string, sample: Sample, more = ''): void => {
    const known = breaches.get(what) ?? { count: 0, examples: [] }
    known.count++
    if (known.examples.length < EXAMPLES) known.examples.push(`${describe(sample, evidence.injectedAt)}${more}`)
    breaches.set(what, known)
  }
  const excused: Record<string, number> = {}
  let failedReads = 0
  let failedWrites = 0
  let lost = 0
  let doubled = 0
  let untrue = 0
  let torn = 0
  let hung = 0
  let replaysFromPrimary = 0
  let unknownOutcomes = 0
  let slowestMs = 0
  let answered = 0

  for (const sample of samples) {
    slowestMs = Math.max(slowestMs, sample.ms)
    const excuse = sample.status === 200 ? undefined : evidence.excuses.map((one) => one(sample)).find((one) => one !== undefined)
    if (sample.status === 200) answered++
    else if (excuse !== undefined) excused[excuse] = (excused[excuse] ?? 0) + 1
    else if (isWrite(sample.kind)) {
      failedWrites++
      breach(`writes failed with ${wordOf(sample)}`, sample)
    } else {
      failedReads++
      breach(`reads failed with ${wordOf(sample)}`, sample)
    }
    if (sample.status === 503 && !sample.retryAfter && sample.code?.startsWith('FST_MR_') === true) breach('503 without Retry-After', sample)
    if (sample.status === 409) breach('a bare 409 reached the client', sample)
    if (sample.code === 'FST_MR_COMMIT_UNKNOWN') unknownOutcomes++

    for (const hop of sample.hops) {
      if (fault.group !== 'apart' && hop.connectedMs !== undefined && hop.status !== undefined && hop.endedMs - hop.connectedMs > HUNG_MS) {
        hung++
        breach('a process took longer than deadline + 1 s', sample, ` ${hop.region} ${Math.round(hop.endedMs - hop.connectedMs)} ms`)
      }
      if (hop.replay !== undefined && hop.region === (fault.writtenTo ?? 'fra') && sample.startedAt + hop.endedMs > evidence.injectedAt + (fault.replaysSettleMs ?? 0)) {
        replaysFromPrimary++
        breach('a replay from the primary', sample, ` ${hop.replay}`)
      }
    }
    if (sample.status === 0 && excuse === undefined) {
      hung++
      breach('no answer', sample)
    }
    if (!isWrite(sample.kind)) continue

    const ids = idsOf(sample)
    const counts = ids.map((id) => rows.get(id) ?? 0)
    if (counts.some((count) => count > 1)) {
      doubled++
      breach('a write ran twice', sample, ` ${counts.join('+')}`)
    }
    if (sample.status === 200 && counts.some((count) => count === 0) && evidence.losable?.(sample) !== true) {
      lost++
      breach('an acknowledged write is lost', sample)
    }
    if (sample.code !== undefined && NOTHING_RAN.has(sample.code) && sample.kind !== 'two' && sample.kind !== 'located' && counts.some((count) => count > 0)) {
      untrue++
      breach('a write ran that was refused', sample, ` ${sample.code}`)
    }
    if (sample.kind === 'pair' && new Set(counts).size > 1) {
      torn++
      breach('half a transaction', sample)
    }
  }
  return {
    requests: samples.length,
    perSecond: evidence.perSecond,
    answered,
    excused,
    failedReads,
    failedWrites,
    lost,
    doubled,
    untrue,
    torn,
    hung,
    replaysFromPrimary,
    unknownOutcomes,
    slowestMs,
    unsafe: lost + doubled + untrue + torn + replaysFromPrimary,
    breaches: [...breaches].map(([what, { count, examples }]) => `${what}: ${count}, e.g. ${examples.join(' | ')}`),
  }
}

export function idsOf (sample: Sample): string[] {
  if (sample.kind === 'pair') return [`${sample.id}:a`, `${sample.id}:b`]
  if (sample.kind === 'two') return [`${sample.id}:1`, `${sample.id}:2`]
  return [sample.id]
}

const wordOf = (sample: Sample): string => `${sample.status === 0 ? 'no answer' : sample.status} ${sample.code ?? sample.failure ?? ''}`.trim()

function describe (sample: Sample, injectedAt: number): string {
  const hops = sample.hops.map((hop) => `${hop.cause}@${hop.region}${hop.replay === undefined ? '' : '(replay)'}${hop.error === undefined ? '' : `(${hop.error})`}=${hop.status ?? '-'}`).join(',')
  return `${sample.kind} from ${sample.region} at +${Math.round(sample.startedAt - injectedAt)} ms took ${Math.round(sample.ms)} ms [${hops}]${sample.status === 200 ? '' : ` ${wordOf(sample)}: ${sample.failure ?? ''}`}`
}
