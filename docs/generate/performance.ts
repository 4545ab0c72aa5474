// Figures in pages that people write: the text between two markers comes from benchmarks/results/*.json.
//
//   <!-- results: client --> … <!-- end of results -->
//
// The names are those of the benchmark's suites; `costs` is the short table of the README.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { comparisonOf } from './comparisons.ts'
import { code, prose, table } from './markdown.ts'
import { root } from './sources.ts'

const PAGES = ['README.md', 'docs/explanation/performance.md']
/** What the README shows of each suite, in its order. */
const SHOWN: Readonly<Record<string, RegExp>> = {
  'wide-area': /./,
  'round-trips': /^a transaction of 10 writes/,
  overhead: /^(?:none|row|write), (?:1 caller|20 callers), ours: ratio to bare$/,
  client: /^(?:findUnique|include|create), (?:1 caller|20 callers), ratio to postgres\.js$|^findUnique, 20 callers, against the best peer/,
}

interface Target { readonly what: string, readonly value: number, readonly bound: number, readonly better: 'more' | 'less', readonly met: boolean }
interface Results {
  readonly suite: string
  readonly date: string
  readonly machine: { readonly cpu: string, readonly cores: number, readonly memoryGiB: number, readonly platform: string, readonly node: string }
  readonly results: unknown
  readonly targets: readonly Target[]
}

/** Of a full run; what the quick set kept is not comparable. */
function resultsOf (suite: string): Results | undefined {
  const file = join(root, 'benchmarks/results', `${suite}.json`)
  // Written by the benchmark of this repository.
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) as Results : undefined
}

/** Never rounded in our favour. */
function number (target: Target): string {
  const digits = Math.abs(target.value) >= 100 ? 0 : 2
  const factor = 10 ** digits
  return ((target.better === 'more' ? Math.floor(target.value * factor) : Math.ceil(target.value * factor)) / factor).toFixed(digits)
}

function suiteTable (suite: string): string {
  const results = resultsOf(suite)
  if (results === undefined) return `No result is kept; measure with ${code(`npm run bench -- ${suite}`)}.`
  const { machine } = results
  return [
    comparisonOf(suite, results.results),
    results.targets.length === 0 ? undefined : table(['Measured', 'Value', 'Target', 'Met'], results.targets.map((target) => [prose(target.what), number(target), `at ${target.better === 'more' ? 'least' : 'most'} ${target.bound}`, target.met ? 'yes' : '**no**'])),
    `${code(`npm run bench -- ${suite}`)}, ${results.date}: Node ${machine.node.replace('v', '')}, ${machine.cores} cores (${prose(machine.cpu)}), ${machine.memoryGiB} GiB, ${machine.platform}.`,
  ].filter((part) => part !== undefined).join('\n\n')
}

function costs (): string {
  const kept = Object.entries(SHOWN).flatMap(([suite, shown]) => (resultsOf(suite)?.targets ?? []).filter(({ what }) => shown.test(what)).map((target) => [prose(target.what), number(target), code(`npm run bench -- ${suite}`)]))
  return kept.length === 0 ? 'No result is kept; measure with `npm run bench`.' : table(['Measured', 'Value', 'By'], kept)
}

/** Files that hold markers, with what belongs between them. */
export function performanceSections (): [path: string, text: string][] {
  return PAGES.map((path) => [path, fill(readFileSync(join(root, path), 'utf8'))])
}

function fill (text: string): string {
  return text.replace(/(<!-- results: ([a-z-]+) -->\n)[^]*?(<!-- end of results -->)/g, (_match, begin: string, name: string, end: string) =>
    `${begin}\n${name === 'costs' ? costs() : suiteTable(name)}\n\n${end}`)
}
