// npm run bench:guard: has something become much slower? A few operations of the suites `client` and `overhead`, this package
// against its baseline alone, compared with the ratios that `npm run bench:guard -- --record` has kept in results/guard.json
// (of the same short measurement: in a long one both sides are warmer). Machines differ, ratios hardly do; and a busy
// machine spoils a try, so only a ratio below 0.85 of the kept one in each of three tries fails.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { cut, keep, table } from './harness/report.js'
import { spread } from './harness/rounds.js'

const ALLOWED = 0.85
const TRIES = 3
const CHECKS = [
  ...['findUnique', 'include', 'create'].flatMap((operation) => [1, 20].map((callers) => ({ suite: 'client', operation, callers }))),
  ...['none', 'row'].map((operation) => ({ suite: 'overhead', operation, callers: 20 })),
]

/** The ratios of some checks, measured in a new process. */
async function attempt (checks, seed) {
  const child = fork(new URL('./guard-try.js', import.meta.url))
  const exited = once(child, 'exit')
  child.send({ checks, seed })
  const { ratios } = await Promise.race([
    once(child, 'message').then(([answer]) => answer),
    exited.then(([code]) => { throw new Error(`a try ended with ${code}`) }),
  ])
  await exited
  return ratios
}

const started = performance.now()
const isRecording = process.argv.includes('--record')
const file = new URL('results/guard.json', import.meta.url)
const kept = !isRecording && existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).results : []
const judged = CHECKS.map((check) => ({
  check,
  recorded: kept.find(({ suite, operation, callers }) => suite === check.suite && operation === check.operation && callers === check.callers)?.ratio,
  ratios: [],
  isGood: false,
}))
for (let seed = 1; seed <= TRIES; seed++) {
  const open = judged.filter(({ isGood }) => !isGood)
  if (open.length === 0) break
  const ratios = await attempt(open.map(({ check }) => check), seed)
  for (const [i, one] of open.entries()) {
    one.ratios.push(ratios[i])
    one.isGood = one.recorded !== undefined && ratios[i] >= ALLOWED * one.recorded
  }
}
if (isRecording) keep('guard', { seed: 1, mode: 'full', results: judged.map(({ check, ratios }) => ({ ...check, ratio: spread(ratios).median })), targets: [] })
table(['suite', 'operation', 'callers', 'kept', 'now', ''], judged.map(({ check: { suite, operation, callers }, recorded, ratios, isGood }) =>
  [suite, operation, callers, recorded === undefined ? '-' : cut(recorded), ratios.map((ratio) => cut(ratio)).join(' '), isRecording ? 'recorded' : recorded === undefined ? 'NOT RECORDED' : isGood ? 'good' : 'SLOWER']))
const failed = !isRecording && judged.some(({ isGood }) => !isGood)
console.log(`${isRecording ? 'Recorded' : failed ? 'Something is slower than it was' : 'Nothing is slower than it was'}; ${Math.round((performance.now() - started) / 1000)} s`)
process.exit(failed ? 1 : 0)
