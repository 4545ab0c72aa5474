// `npm run check:consistency`: do sessions see what they have written, whatever happens to the servers meanwhile?
//
//   1. a history without session consistency: the checker must find violations, or it cannot see
//   2. a history with it, under lag, pauses, crashes, restarts and promotions: none may be found
//   3. figures: what is served locally, what a token costs, ten thousand waiting requests, a million malformed tokens
//
// Everything random comes from the seed, which is printed; the servers' timing does not.

import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { checkHistory, GUARANTEES, type Judgement, type LostWrite, type Violation } from './check-history.ts'
import type { Claim } from './claims.ts'
import { tableOf, verdictOf } from './claims.ts'
import type { History, Operation } from './history.ts'
import { measureDecoder, type DecoderFigures } from './measure-decoder.ts'
import { measureLatency } from './measure-latency.ts'
import { measureLocality } from './measure-locality.ts'
import { measureWaiters, type WaiterFigures } from './measure-waiters.ts'
import { runHistory, type Run } from './run-history.ts'
import { Stage } from './stage.ts'
import { openTokenReader, type TokenReader } from './token-reader.ts'

const USAGE = `Usage: npm run check:consistency -- [options]
  --seed <n>      of everything random; printed               (the time)
  --ops <n>       operations with session consistency         (100000)
  --quick         smaller figures, for every change
  --only <part>   history, figures, waiters or decoder
  --strict        figures that depend on the machine fail too
  --json <file>   the result, for machines
  --verbose       every fault as it happens`

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    ops: { type: 'string' },
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    strict: { type: 'boolean', default: false },
    json: { type: 'string' },
    verbose: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

const seed = wholeNumber(values.seed, Date.now() % 1_000_000_007)
const operations = wholeNumber(values.ops, 100_000)
const { quick } = values
/** Of the history without session consistency. */
const BLIND_OPERATIONS = 2_000
const CONCURRENCY = 40
/** Operations between two faults; a round has twenty faults, and short runs have one round at least. */
const everyOperations = Math.min(1_000, Math.max(200, Math.floor(operations / 21)))
const key = createHash('sha256').update(`check:consistency ${seed}`).digest()

function wholeNumber (text: string | undefined, otherwise: number): number {
  const number = text === undefined ? otherwise : Number(text)
  if (!Number.isSafeInteger(number) || number < 0) throw new RangeError(`"${String(text)}" is not a whole number`)
  return number
}

const say = (line: string): void => { process.stdout.write(`${line}\n`) }
const detail = (line: string): void => { if (values.verbose) say(`    ${line}`) }
const wants = (part: string): boolean => values.only === undefined || values.only === part

interface Result {
  readonly seed: number
  readonly node: string
  readonly parts: Record<string, unknown>
  readonly claims: Claim[]
}

async function historyPart (reader: TokenReader, result: Result): Promise<void> {
  const stage = await Stage.open({ latencyMs: 4, registers: 150 })
  try {
    const shared = { stage, seed, concurrency: CONCURRENCY, seal: reader.seal, log: detail }
    say(`history without session consistency: ${BLIND_OPERATIONS} operations`)
    const blind = await runHistory({ ...shared, plugin: {}, operations: BLIND_OPERATIONS, everyOperations: 150, events: ['lag', 'pause'] })
    const blindJudgement = checkHistory(blind.history)
    say(`  ${seconds(blind)}, ${blindJudgement.violations.length} violations: ${countsOf(blindJudgement.violations)}`)
    say(`history with session consistency: ${operations} operations`)
    const run = await runHistory({ ...shared, plugin: { token: { key } }, operations, everyOperations })
    const judgement = checkHistory(run.history)
    say(`  ${seconds(run)}; ${[...run.events].map(([event, count]) => `${count} ${event}`).join(', ')}`)
    say(`  answers: ${outcomes(run.history)}`)
    for (const guarantee of GUARANTEES) say(`  ${guarantee.padEnd(18)} checked ${String(judgement.checked[guarantee]).padStart(7)} times, violated ${judgement.violations.filter((one) => one.guarantee === guarantee).length}`)
    for (const { from, to, kind, lost, received } of failoversOf(run.history, judgement)) say(`  failover ${from} → ${to}, ${kind}: ${lost} (received up to ${received})`)
    for (const violation of judgement.violations.slice(0, 5)) explain(violation, run.history)
    result.parts['history'] = { ...figuresOf(run, judgement), without: figuresOf(blind, blindJudgement) }
    result.claims.push(...historyClaims(blindJudgement, run, judgement))
  } finally {
    await stage.close()
  }
}

const seconds = ({ durationMs }: Run): string => `${(durationMs / 1_000).toFixed(1)} s`

function historyClaims (blind: Judgement, { history }: Run, judgement: Judgement): Claim[] {
  const { lost, violations } = judgement
  const lossy = history.failovers.filter((one) => !one.synchronous)
  return [
    { claim: 'without session consistency the checker finds violations', found: `${blind.violations.length} of ${BLIND_OPERATIONS}`, met: blind.violations.length > 0, kind: 'promise' },
    { claim: 'with it there is none', found: `${violations.length} of ${history.operations.length}`, met: violations.length === 0, kind: 'promise' },
    { claim: 'a failover to a synchronous standby loses no acknowledged write', found: `${history.failovers.length - lossy.length} failovers, ${violations.filter((one) => one.guarantee === 'durable-writes').length} lost`, met: violations.every((one) => one.guarantee !== 'durable-writes'), kind: 'promise' },
    { claim: 'what other failovers lost lay beyond the promoted server\'s log', found: `${lossy.length} failovers, ${lost.length} lost, each with its commit in the dead primary's log alone`, met: violations.every((one) => one.guarantee !== 'durable-writes'), kind: 'promise' },
  ]
}

function figuresOf ({ history, events, durationMs }: Run, { violations, lost, checked }: Judgement): object {
  return {
    operations: history.operations.length,
    durationMs: Math.round(durationMs),
    events: Object.fromEntries(events),
    checked,
    violations: violations.map(({ guarantee, message }) => ({ guarantee, message })),
    failovers: history.failovers.map((one) => ({ ...one, received: String(one.received), switchPoint: String(one.switchPoint), taken: one.taken.size })),
    lost: lost.map(({ write, failover, committedAt }) => ({ id: write.id, committedAt: String(committedAt), stamped: String(write.stamped), received: String(failover.received), switchPoint: String(failover.switchPoint) })),
  }
}

function countsOf (violations: readonly Violation[]): string {
  return GUARANTEES.map((name) => [name, violations.filter((one) => one.guarantee === name).length] as const).filter(([, count]) => count > 0).map(([name, count]) => `${count} ${name}`).join(', ') || 'none'
}

function outcomes ({ operations: all }: History): string {
  const counts = new Map<string, number>()
  for (const one of all) {
    const name = `${one.type} ${one.outcome}`
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return [...counts].map(([name, count]) => `${count} ${name}`).join(', ')
}

function failoversOf ({ failovers }: History, { lost }: Judgement): { from: number, to: number, kind: string, lost: string, received: string }[] {
  return failovers.map((failover) => {
    const own = lost.filter((one) => one.failover === failover)
    const first = own.reduce<LostWrite | undefined>((least, one) => least === undefined || one.committedAt < least.committedAt ? one : least, undefined)
    return {
      from: failover.endedTimeline,
      to: failover.newTimeline,
      kind: failover.synchronous ? 'synchronous' : 'not synchronous',
      lost: first === undefined ? 'nothing lost' : `${own.length} acknowledged writes lost, from ${first.write.id} on, whose commit ended at ${hex(first.committedAt)}; the new timeline begins at ${hex(failover.switchPoint)}`,
      received: hex(failover.received),
    }
  })
}

const hex = (position: bigint | undefined): string => position === undefined ? 'unknown' : `${(position >> 32n).toString(16).toUpperCase()}/${(position & 0xFFFF_FFFFn).toString(16).toUpperCase()}`

/** The session's operations around it. */
function explain ({ guarantee, message, operation }: Violation, { operations: all }: History): void {
  say(`  VIOLATION of ${guarantee}: ${message}`)
  const own = all.filter((one) => one.session === operation.session)
  const at = own.indexOf(operation)
  for (const one of own.slice(Math.max(0, at - 8), at + 2)) say(`    ${one === operation ? '>' : ' '} ${lineOf(one)}`)
}

function lineOf (one: Operation): string {
  const version = one.version === undefined ? '' : `${one.version.timeline}/${one.version.number}`
  const more = one.type === 'write' ? `before ${hex(one.before)} stamped ${hex(one.stamped)}` : `by ${one.writer ?? ''}`
  return `${one.invokedMs.toFixed(0)}–${one.completedMs.toFixed(0)} ${one.id} ${one.region}→${one.servedIn ?? '?'} ${one.route} ${one.key} ${one.outcome} ${one.status ?? ''} ${version} ${more}`
}

async function figuresPart (result: Result): Promise<void> {
  const stage = await Stage.open({ latencyMs: 40, registers: 60 })
  try {
    if (wants('figures')) {
      const options = { sessions: 24, rounds: quick ? 2 : 8, seed }
      await Promise.all(['iad', 'nrt'].map((region) => stage.cluster.setApplyDelay(region, 10)))
      const lsn = await measureLocality(stage, { ...options, plugin: { token: { key } } })
      const time = await measureLocality(stage, { ...options, plugin: { token: { key, mode: 'time', window: 5_000 } } })
      await Promise.all(['iad', 'nrt'].map((region) => stage.cluster.setApplyDelay(region, 0)))
      const durable = await Stage.open({ latencyMs: 40, registers: 60, storage: 'durable' })
      const latency = await measureLatency(durable, { key, pairs: quick ? 1_000 : 4_000, warmUp: quick ? 6_000 : 12_000 }).finally(async () => { await durable.close() })
      result.parts['locality'] = { lsn, time }
      result.parts['latency'] = latency
      const { read, write } = latency
      result.claims.push(
        { claim: 'reads behind a write served by the local replica, 10 ms of lag, mode lsn: at least 95 %', found: `${percent(lsn.share)} of ${lsn.reads}`, met: lsn.share >= 0.95, kind: 'figure' },
        { claim: 'the same in mode time with a window of 5 s: none', found: `${percent(time.share)} of ${time.reads}`, met: time.share === 0, kind: 'promise' },
        { claim: 'a token adds at most 0.3 ms to a read that is served locally (p50)', found: `${ms(read.addedP50Ms)} (p99 ${ms(read.addedP99Ms)}; the read takes ${ms(read.p50Ms)}, p99 ${ms(read.p99Ms)})`, met: read.addedP50Ms <= 0.3, kind: 'figure' },
        { claim: 'its stamp adds at most a tenth to a write in the primary\'s region (p50)', found: `${percent(write.share)} (${ms(write.addedP50Ms)} of ${ms(write.p50Ms)}; p99 ${ms(write.addedP99Ms)} of ${ms(write.p99Ms)})`, met: write.share <= 0.1, kind: 'figure' }
      )
    }
    if (wants('waiters')) {
      const waiters = await measureWaiters(stage, { key, requests: 10_000, holdMs: quick ? 1_500 : 4_000 })
      result.parts['waiters'] = waiters
      result.claims.push(...waiterClaims(waiters))
    }
  } finally {
    await stage.close()
  }
}

function waiterClaims (found: WaiterFigures): Claim[] {
  const name = `${found.requests} requests wait on one process`
  return [
    { claim: `${name}: one poller (a look every 2 ms at most)`, found: `${Math.round(found.looksPerSecond)} looks/s`, met: found.looksPerSecond > 0 && found.looksPerSecond <= 550, kind: 'promise' },
    { claim: `${name}: less than 100 MB above idle`, found: `${found.addedMegabytes.toFixed(1)} MB`, met: found.addedMegabytes < 100, kind: 'promise' },
    { claim: `${name}: all are answered`, found: String(found.answered), met: found.answered === found.requests, kind: 'promise' },
    { claim: `${name}: all are released within 10 ms of the catch-up (p99)`, found: `${ms(found.waitP99Ms)} (p50 ${ms(found.waitP50Ms)}; each then reads a row, the last answer after ${ms(found.lastAnswerMs)})`, met: found.waitP99Ms <= 10, kind: 'figure' },
  ]
}

function decoderPart (reader: TokenReader, result: Result): void {
  const real = Array.from({ length: 200 }, (_, index) => reader.seal.seal(`1.${(7_000_000_000_000_000_000n + BigInt(index)).toString(36)}.${(1 + index % 5).toString(36)}.${(50_000_000 + index * 977).toString(36)}.${(1_790_000_000_000 + index).toString(36)}..`))
  const found: DecoderFigures = measureDecoder({ real, seal: reader.seal, tokens: 1_000_000, seed })
  result.parts['decoder'] = found
  result.claims.push({ claim: `${found.tokens} malformed tokens: none accepted, none thrown`, found: `${found.accepted} accepted, ${found.thrown} thrown, ${found.seconds.toFixed(1)} s (${found.opened} reached the key)`, met: found.accepted === 0 && found.thrown === 0, kind: 'promise' })
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`
const ms = (value: number): string => `${value.toFixed(value < 10 ? 3 : 0)} ms`

async function main (): Promise<number> {
  if (values.help) {
    say(USAGE)
    return 0
  }
  const startedMs = performance.now()
  say(`check:consistency, seed ${seed} (again with --seed ${seed})`)
  const result: Result = { seed, node: process.version, parts: {}, claims: [] }
  const reader = await openTokenReader(key)
  try {
    if (wants('history')) await historyPart(reader, result)
    if (wants('figures') || wants('waiters')) await figuresPart(result)
    if (wants('decoder')) decoderPart(reader, result)
  } finally {
    await reader.close()
  }
  say('')
  say(tableOf(result.claims))
  say(`${((performance.now() - startedMs) / 1_000).toFixed(1)} s, seed ${seed}`)
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(result, null, 2)}\n`)
  return verdictOf(result.claims, values)
}

process.exitCode = await main()
