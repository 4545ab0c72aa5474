// npm run bench                      lists the suites and runs the quick set
// npm run bench -- <suite>           runs one fully
// npm run bench -- profile <suite>   runs one, and leaves a CPU and an allocation profile
// Options: --seed N, --only a,b (operations of a suite)

import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { keep } from './harness/report.js'

const SUITES = ['overhead', 'client', 'orm', 'floor', 'round-trips', 'wide-area', 'scale', 'footprint']
const QUICK = ['overhead', 'client']

const { values, positionals } = parseArgs({ allowPositionals: true, options: { seed: { type: 'string' }, only: { type: 'string' }, quick: { type: 'boolean' } } })
const seed = Number(values.seed ?? 20261121)
const only = values.only?.split(',')

if (positionals[0] === 'profile') {
  const suite = positionals[1] ?? 'overhead'
  const flags = ['--cpu-prof', '--heap-prof', '--cpu-prof-dir=profiles', '--heap-prof-dir=profiles']
  const { status } = spawnSync(process.execPath, [...flags, 'run.js', suite, '--quick', `--seed=${seed}`], { cwd: import.meta.dirname, stdio: 'inherit', env: { ...process.env, BENCH_PROFILE: 'profiles' } })
  console.log('profiles are in benchmarks/profiles: open them in the performance and memory panels of a Chromium browser')
  process.exit(status ?? 1)
}

const chosen = positionals.length > 0 ? positionals : QUICK
const unknown = chosen.filter((name) => !SUITES.includes(name))
if (unknown.length > 0) {
  console.error(`no suite ${unknown.join(', ')}; there are ${SUITES.join(', ')}`)
  process.exit(2)
}
const quick = values.quick === true || positionals.length === 0
console.log(`suites: ${SUITES.join(', ')}; ${quick ? 'the quick set' : 'in full'}: ${chosen.join(', ')}; seed ${seed}`)
for (const name of chosen) {
  const suite = await import(`./suites/${name}.js`)
  console.log(`\n== ${name}: ${suite.description}`)
  const { results, targets } = await suite.run({ seed, quick, only })
  if (only === undefined) keep(quick ? `${name}.quick` : name, { seed, mode: quick ? 'quick' : 'full', results, targets })
}
