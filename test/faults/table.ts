// The outcome for people.

import type { Outcome } from './perform.ts'

const MARK = { kept: 'ok', broken: 'BROKEN', starved: 'STARVED', skipped: 'skipped' } as const

const rounded = (ms: number | undefined): string => ms === undefined ? '' : `${Math.round(ms)}`

function seen (outcome: Outcome): string {
  const { verdict } = outcome
  if (verdict === undefined) return outcome.reason ?? ''
  const excused = Object.entries(verdict.excused).map(([code, count]) => `${count}× ${code.replace('FST_MR_', '')}`)
  return [...excused, ...outcome.notes].join('; ')
}

export function progress (outcome: Outcome): void {
  const { verdict } = outcome
  console.log(`${MARK[outcome.status].padEnd(7)} ${outcome.name.padEnd(30)} ${verdict === undefined ? outcome.reason : `${verdict.answered}/${verdict.requests} at ${verdict.perSecond.toFixed(0)}/s, recovered ${rounded(outcome.recoveredMs)} ms, slowest ${rounded(verdict.slowestMs)} ms, loop ${rounded((outcome.busy ?? 0) * 100)} % p99 ${rounded(outcome.loopP99Ms)} ms; ${seen(outcome)}`}`)
  for (const breach of outcome.breaches) console.log(`          ${breach}`)
}

export function printTable (outcomes: readonly Outcome[], run: { readonly seed: number, readonly seconds: number }): void {
  const head = ['fault', 'promised', 'requests', 'failed reads', 'failed writes', 'lost', 'doubled', 'untrue', 'hung', 'replays from primary', 'recovered ms', 'seen', '']
  const rows = outcomes.map((outcome) => {
    const { verdict } = outcome
    const cells = verdict === undefined
      ? ['', '', '', '', '', '', '', '', '']
      : [verdict.requests, verdict.failedReads, verdict.failedWrites, verdict.lost, verdict.doubled, verdict.untrue + verdict.torn, verdict.hung, verdict.replaysFromPrimary, rounded(outcome.recoveredMs)].map(String)
    return [outcome.name, outcome.promise, ...cells, seen(outcome), MARK[outcome.status]]
  })
  console.log()
  for (const row of [head, head.map(() => '---'), ...rows]) console.log(`| ${row.join(' | ')} |`)
  const total = outcomes.reduce((sum, outcome) => sum + (outcome.verdict?.requests ?? 0), 0)
  const count = (status: Outcome['status']): number => outcomes.filter((outcome) => outcome.status === status).length
  console.log(`\n${total} requests; ${count('kept')} kept, ${count('broken')} broken, ${count('starved')} not judged (no processor for it), ${count('skipped')} skipped; seed ${run.seed}; ${run.seconds.toFixed(0)} s`)
}
