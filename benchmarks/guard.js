// npm run bench:guard: has something become much slower? A few operations of the suites `client` and `overhead`, this package
// against its baseline alone, compared with the ratios that are kept in results/. Machines differ, ratios hardly do; and a
// busy machine spoils a try, so only a ratio below 0.85 of the kept one in each of three tries fails. Under 75 seconds.

import { existsSync, readFileSync } from 'node:fs'
import { open as ours } from './contenders/ours.js'
import { open as raw } from './contenders/raw.js'
import { startDatabase } from './harness/database.js'
import { load } from './harness/load.js'
import { cut, table } from './harness/report.js'
import { compare, drive } from './harness/rounds.js'
import { startServer } from './harness/server.js'
import { BASELINE as RAW, OURS, warm, workloads } from './suites/client.js'
import { BASELINE as BARE, routes } from './suites/overhead.js'

const ALLOWED = 0.85
const TRIES = 3
const started = performance.now()

function kept (suite, { operation, callers, name }) {
  for (const file of [`results/${suite}.json`, `results/${suite}.quick.json`].map((path) => new URL(path, import.meta.url))) {
    if (!existsSync(file)) continue
    const found = JSON.parse(readFileSync(file, 'utf8')).results.find((one) => one.operation === operation && one.callers === callers)
    const ratio = found?.rows.find((row) => row.name === name)?.rateRatio.median
    if (ratio !== undefined) return ratio
  }
  return undefined
}

const database = await startDatabase()
const clients = [await raw({ url: database.url, max: 10 }), await ours({ url: database.url, max: 10 })]
const servers = [await startServer(BARE, database.url), await startServer('ours', database.url)]
let failed = false
try {
  const checks = []
  for (const operation of ['findUnique', 'include', 'create']) {
    for (const client of clients) await warm((caller, i) => workloads[operation].run(client, caller, i))
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
      measure: (seed) => compare({ baseline: BARE, rounds: 2, seed, warmup: seed === 1 ? 1 : 0, contenders: servers.map(({ name, port }) => ({ name, run: () => load({ port, connections: 20, seconds: 1, requests: routes[operation] }) })) }),
    })
  }
  const lines = []
  for (const check of checks) {
    const recorded = kept(check.suite, check)
    if (recorded === undefined) {
      lines.push([check.suite, check.operation, check.callers, '-', '-', 'no result is kept'])
      continue
    }
    const ratios = []
    while (ratios.length < TRIES && !ratios.some((ratio) => ratio >= ALLOWED * recorded)) {
      const rows = await check.measure(ratios.length + 1)
      ratios.push(rows.find((row) => row.name === check.name).rateRatio.median)
    }
    const good = ratios.at(-1) >= ALLOWED * recorded
    failed ||= !good
    lines.push([check.suite, check.operation, check.callers, cut(recorded), ratios.map((ratio) => cut(ratio)).join(' '), good ? 'good' : 'SLOWER'])
  }
  table(['suite', 'operation', 'callers', 'kept', 'now', ''], lines)
} finally {
  await Promise.allSettled([...clients, ...servers].map((one) => one.close()))
  await database.close()
}
console.log(`${failed ? 'Something is slower than it was' : 'Nothing is slower than it was'}; ${Math.round((performance.now() - started) / 1000)} s`)
process.exit(failed ? 1 : 0)
