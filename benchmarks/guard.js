// npm run bench:guard: has something become much slower? A few operations of the suites `client` and `overhead`, this package
// against its baseline alone, compared with the ratios that `npm run bench:guard -- --record` has kept in results/guard.json
// (of the same short measurement: in a long one both sides are warmer). Machines differ, ratios hardly do; and a
// busy machine spoils a try, so only a ratio below 0.85 of the kept one in each of three tries fails, each with processes of its own. Under 75 seconds.

import { existsSync, readFileSync } from 'node:fs'
import { open as ours } from './contenders/ours.js'
import { open as raw } from './contenders/raw.js'
import { startDatabase } from './harness/database.js'
import { load } from './harness/load.js'
import { cut, keep, table } from './harness/report.js'
import { compare, drive, spread } from './harness/rounds.js'
import { startServer } from './harness/server.js'
import { BASELINE as RAW, OURS, warm, workloads } from './suites/client.js'
import { BASELINE as BARE, routes } from './suites/overhead.js'

const ALLOWED = 0.85
const TRIES = 3
const started = performance.now()

const isRecording = process.argv.includes('--record')
const file = new URL('results/guard.json', import.meta.url)
const kept = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).results : []

async function onNewServers (measure) {
  const servers = []
  try {
    for (const name of [BARE, 'ours']) servers.push(await startServer(name, database.url))
    return await measure(servers)
  } finally {
    await Promise.allSettled(servers.map((one) => one.close()))
  }
}

const database = await startDatabase()
const clients = [await raw({ url: database.url, max: 10 }), await ours({ url: database.url, max: 10 })]
let failed = false
try {
  const checks = []
  for (const operation of ['findUnique', 'include', 'create']) {
    for (const client of clients) await warm((caller, i) => workloads[operation].run(client, caller, i), 2000, Infinity)
    for (const callers of [1, 20]) {
      checks.push({
        suite: 'client',
        operation,
        callers,
        name: OURS,
        measure: (seed) => compare({
          baseline: RAW,
          rounds: 3,
          slices: 8,
          seed,
          warmup: 0,
          contenders: clients.map((client) => ({ name: client.name, slice: () => drive((caller, i) => workloads[operation].run(client, caller, i), { callers, ms: 25 }) })),
        }),
      })
    }
  }
  for (const operation of ['none', 'row']) {
    checks.push({
      suite: 'overhead',
      operation,
      callers: 20,
      name: 'ours',
      measure: (seed) => onNewServers((servers) => compare({ baseline: BARE, rounds: 3, seed, warmup: 2, contenders: servers.map(({ name, port }) => ({ name, run: () => load({ port, connections: 20, seconds: 1, requests: routes[operation] }) })) })),
    })
  }
  const lines = []
  const results = []
  for (const check of checks) {
    const { suite, operation, callers } = check
    const recorded = isRecording ? undefined : kept.find((one) => one.suite === suite && one.operation === operation && one.callers === callers)?.ratio
    const enough = isRecording ? Infinity : ALLOWED * (recorded ?? Infinity)
    const ratios = []
    while (ratios.length < TRIES && !ratios.some((ratio) => ratio >= enough)) {
      const rows = await check.measure(ratios.length + 1)
      ratios.push(rows.find((row) => row.name === check.name).rateRatio.median)
    }
    results.push({ suite, operation, callers, ratio: spread(ratios).median })
    const word = isRecording ? 'recorded' : recorded === undefined ? 'NOT RECORDED' : ratios.at(-1) >= enough ? 'good' : 'SLOWER'
    failed ||= word === 'SLOWER' || word === 'NOT RECORDED'
    lines.push([suite, operation, callers, recorded === undefined ? '-' : cut(recorded), ratios.map((ratio) => cut(ratio)).join(' '), word])
  }
  if (isRecording) keep('guard', { seed: 1, mode: 'full', results, targets: [] })
  table(['suite', 'operation', 'callers', 'kept', 'now', ''], lines)
} finally {
  await Promise.allSettled(clients.map((one) => one.close()))
  await database.close()
}
console.log(`${isRecording ? 'Recorded' : failed ? 'Something is slower than it was' : 'Nothing is slower than it was'}; ${Math.round((performance.now() - started) / 1000)} s`)
process.exit(failed ? 1 : 0)
