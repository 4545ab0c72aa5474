// The table of faults: what is promised, and what was seen. Exits 1 on a breach, 2 when it cannot run, 3 when the
// machine had no processor for it and some promises could not be judged.
//
//   npm run check:faults                      all of them
//   npm run check:faults -- --only replica    those whose name contains it, or is it (repeatable, or with commas)
//   npm run check:faults -- --short           the subset of .ci/run
//   npm run check:faults -- --json --seed 7   for machines; the same faults in the same order with the same load
//   npm run check:faults -- --soak --minutes 10
//   npm run check:faults -- --overload

import { monitorEventLoopDelay } from 'node:perf_hooks'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { capacityFaults } from './capacity-faults.ts'
import { edgeFaults } from './edge-faults.ts'
import { failoverFaults } from './failover-faults.ts'
import type { Fault } from './fault.ts'
import { linkFaults } from './link-faults.ts'
import { nameFaults } from './name-faults.ts'
import { oddFaults } from './odd-faults.ts'
import { Load } from './load.ts'
import { overload } from './overload.ts'
import { perform, PER_SECOND, type Outcome } from './perform.ts'
import { primaryFaults } from './primary-faults.ts'
import { seeded } from './random.ts'
import { replicaFaults } from './replica-faults.ts'
import { soak } from './soak.ts'
import { openStand, settled, type Stand } from './stand.ts'
import { printTable, progress } from './table.ts'

const FAULTS: readonly Fault[] = [...replicaFaults, ...linkFaults, ...primaryFaults, ...edgeFaults, ...nameFaults, ...capacityFaults, ...failoverFaults, ...oddFaults]

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    seed: { type: 'string' },
    json: { type: 'boolean', default: false },
    short: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    soak: { type: 'boolean', default: false },
    overload: { type: 'boolean', default: false },
    minutes: { type: 'string', default: '10' },
    seconds: { type: 'string', default: '60' },
  },
})

const seed = flags.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(flags.seed)

/** Tries at a fault while the machine leaves this program without a processor. */
const ATTEMPTS = 2

/** Before another try: until an idle process is woken on time again, or for so long. */
const CALM_WITHIN_MS = 15_000
const CALM_LATE_MS = 15

async function machineIsCalm (): Promise<void> {
  for (const until = performance.now() + CALM_WITHIN_MS; performance.now() < until;) {
    const loop = monitorEventLoopDelay({ resolution: 5 })
    loop.enable()
    await delay(1_000)
    loop.disable()
    if (loop.max / 1e6 < CALM_LATE_MS) return
  }
}

/** Code that runs for the first time is slow; that is no fault of the servers. So it runs until it is not, or for so long. */
const WARM_WITHIN_MS = 6_000
const WARM_STEP_MS = 500

async function openWarmStand (): Promise<Stand> {
  const stand = await openStand({ primaries: 'one-address' })
  const load = new Load({ edge: stand.cluster.edge, random: seeded(seed), perSecond: PER_SECOND, prefix: 'warm' })
  const until = performance.now() + WARM_WITHIN_MS
  load.start()
  for (let busy = 1; busy > 0.6 && performance.now() < until;) {
    const before = performance.eventLoopUtilization()
    await delay(WARM_STEP_MS)
    busy = performance.eventLoopUtilization(before).utilization
  }
  await load.stop()
  return stand
}

async function runTable (faults: readonly Fault[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  let shared: Stand | undefined
  try {
    for (const [index, fault] of faults.entries()) {
      const skipped = fault.skip?.()
      if (skipped !== undefined) {
        outcomes.push({ name: fault.name, group: fault.group, promise: fault.promise, status: 'skipped', reason: skipped, notes: [], breaches: [], tookMs: 0 })
        continue
      }
      const random = seeded(seed + index)
      const prefix = `${fault.name}-${index}`
      let outcome: Outcome
      for (let attempt = 1; ; attempt++) {
        if (fault.stand === 'shared') {
          shared ??= await openWarmStand()
          outcome = await perform(fault, { stand: shared, random, prefix: `${prefix}-${attempt}` })
          try {
            await settled(shared)
          } catch {
            // What one fault left behind must not be counted against the next.
            await shared.close()
            shared = undefined
          }
        } else {
          const own = await openStand(fault.stand)
          try {
            outcome = await perform(fault, { stand: own, random, prefix: `${prefix}-${attempt}` })
          } finally {
            await own.close()
          }
        }
        if (outcome.status !== 'starved' || attempt === ATTEMPTS) break
        await machineIsCalm()
      }
      outcomes.push(outcome)
      if (!flags.json) progress(outcome)
    }
  } finally {
    await shared?.close()
  }
  return outcomes
}

function chosen (): readonly Fault[] {
  const only = flags.only
  if (only !== undefined) {
    const words = only.flatMap((word) => word.split(','))
    const isOne = (word: string): boolean => FAULTS.some((fault) => fault.name === word)
    return FAULTS.filter((fault) => words.some((word) => fault.name === word || (!isOne(word) && fault.name.includes(word))))
  }
  return flags.short ? FAULTS.filter((fault) => fault.short === true) : FAULTS
}

async function main (): Promise<number> {
  const startedAt = performance.now()
  if (flags.list) {
    for (const fault of FAULTS) console.log(`${fault.name.padEnd(30)} ${fault.promise}`)
    return 0
  }
  if (flags.soak) return await soak({ seed, minutes: Number(flags.minutes), json: flags.json })
  if (flags.overload) return await overload({ seed, seconds: Number(flags.seconds), json: flags.json })
  const faults = chosen()
  if (faults.length === 0) throw new Error('no fault has such a name; --list shows them')
  if (!flags.json) console.log(`seed ${seed}, ${faults.length} faults, Node ${process.versions.node}`)
  const outcomes = await runTable(faults)
  const broken = outcomes.filter((outcome) => outcome.status === 'broken')
  if (flags.json) console.log(JSON.stringify({ seed, outcomes, broken: broken.length, seconds: (performance.now() - startedAt) / 1_000 }, null, 2))
  else printTable(outcomes, { seed, seconds: (performance.now() - startedAt) / 1_000 })
  if (broken.length > 0) return 1
  return outcomes.some((outcome) => outcome.status === 'starved') ? 3 : 0
}

main().then((code) => process.exit(code), (failure: unknown) => {
  console.error(failure)
  process.exit(2)
})
