// The query clients, in one process and one run, interleaved, on the same PostgreSQL, at 1, 20 and 100 callers.
// Each contender keeps a pool of ten. Before anything is timed, all must return the same rows.

import assert from 'node:assert/strict'
import { startDatabase } from '../harness/database.js'
import { compare, drive } from '../harness/rounds.js'
import { cut, cutUp, printTargets, table } from '../harness/report.js'
import { open as raw } from '../contenders/raw.js'
import { open as ours } from '../contenders/ours.js'
import { open as kysely, openFastest as kyselyFastest } from '../contenders/kysely.js'
import { open as drizzle, openPrepared as drizzlePrepared } from '../contenders/drizzle.js'
import { open as prisma, openFastest as prismaFastest } from '../contenders/prisma.js'
import { open as zenstack } from '../contenders/zenstack.js'

export const description = 'query clients side by side: ten operations, 1, 20 and 100 callers'

export const BASELINE = 'postgres.js'
export const OURS = 'fastify-multi-region'

let unique = 0

/** Arguments by caller and turn: the same for all contenders, spread over the rows. */
export const workloads = {
  findUnique: { run: (c, caller, i) => c.findUnique(1 + (caller * 131 + i * 7) % 500), compared: (c) => c.findUnique(42) },
  findMany100: { run: (c) => c.findMany100(), compared: (c) => c.findMany100() },
  findFirst: { run: (c, caller, i) => c.findFirst((caller * 37 + i * 11) % 900), compared: (c) => c.findFirst(500) },
  include: { run: (c, caller, i) => c.include((caller * 97 + i * 13) % 4900), compared: (c) => c.include(300), tidy: (rows) => rows.map((row) => ({ ...row, comments: [...row.comments].sort((a, b) => a.id - b.id) })) },
  nested: { run: (c, caller, i) => c.nested(1 + (caller * 131 + i * 7) % 500), compared: (c) => c.nested(7) },
  create: { run: (c, caller, i) => c.create(`Created ${caller} ${i}`, 1 + (caller + i) % 500), compared: (c) => c.create('Compared', 3), tidy: ({ id, createdAt, ...rest }) => ({ ...rest, id: typeof id, createdAt: createdAt instanceof Date }) },
  createNested: { run: (c, caller, i) => c.createNested(`Nested ${caller} ${i}`, 1 + (caller + i) % 500), compared: (c) => c.createNested('Compared', 3), tidy: ({ id, ...rest }) => ({ ...rest, id: typeof id }) },
  // Callers update rows of their own, so that no contender waits for another caller's row lock.
  update: { run: (c, caller, i) => c.update(1 + (caller * 50 + i % 50) % 5000, i % 1000), compared: (c) => c.update(4999, 77) },
  upsert: { run: (c, caller, i) => c.upsert(i % 2 === 0 ? `user${1 + caller}@example.com` : `new${unique++}@example.com`, `User ${1 + caller}`), compared: (c) => c.upsert('user400@example.com', 'User 400') },
  groupBy: { run: (c) => c.groupBy(), compared: (c) => c.groupBy() },
}

/** Ratio to raw that each operation owes at one caller; at 20 callers 1.0 on every row, with at most 0.7 of the p99. */
const AT_ONE_CALLER = { findUnique: 0.95, include: 0.9, create: 0.95 }

export async function run ({ seed, quick, only }) {
  const database = await startDatabase()
  const opened = []
  try {
    for (const open of [raw, ours, drizzle, drizzlePrepared, kysely, kyselyFastest, prisma, prismaFastest, zenstack]) opened.push(await open({ url: database.url, max: 10 }))
    const names = Object.keys(workloads).filter((name) => only === undefined || only.includes(name))
    for (const name of names) await sameAnswers(name, opened)
    for (const name of names) for (const client of opened) await warm((caller, i) => workloads[name].run(client, caller, i), quick ? 400 : 2000)

    const callersList = quick ? [1, 20] : [1, 20, 100]
    const rounds = quick ? 5 : 7
    const slices = quick ? 2 : 8
    const ms = 25
    const results = []
    for (const callers of callersList) {
      for (const name of names) {
        await database.restore()
        const rows = await compare({
          baseline: BASELINE,
          rounds,
          slices,
          seed,
          mayFail: (contender) => contender !== BASELINE && contender !== OURS,
          contenders: opened.map((client) => ({ name: client.name, slice: () => drive((caller, i) => workloads[name].run(client, caller, i), { callers, ms }) })),
        })
        results.push({ operation: name, callers, rows })
        process.stderr.write('.')
      }
      process.stderr.write('\n')
      print(callers, results.filter((r) => r.callers === callers))
    }
    return { results, targets: printTargets(targets(results)) }
  } finally {
    await Promise.allSettled(opened.map((client) => client.close()))
    await database.close()
  }
}

/**
 * The same time for all: V8 goes on compiling for ten thousand operations and more, and a server runs for days. Before that
 * a comparison is one of start-up times.
 */
export async function warm (operation, ms) {
  const started = performance.now()
  for (let i = 0; performance.now() - started < ms; i += 20) await Promise.all(Array.from({ length: 20 }, (_, caller) => operation(caller, i)))
}

async function sameAnswers (name, clients) {
  const tidy = workloads[name].tidy ?? ((x) => x)
  const plain = (value) => JSON.parse(JSON.stringify(tidy(value)))
  const [first, ...others] = clients
  const expected = plain(await workloads[name].compared(first))
  for (const client of others) assert.deepEqual(plain(await workloads[name].compared(client)), expected, `${client.name} answers ${name} as ${first.name} does`)
}

function print (callers, results) {
  console.log(`\nOperations a second as a ratio to ${BASELINE}, ${callers} caller${callers === 1 ? '' : 's'}: median (least–greatest of the rounds); then the ratio of p99; then of this process's own time on the processor`)
  const names = results[0].rows.map((row) => row.name)
  table(['operation', ...names, `${BASELINE}/s`], results.map(({ operation, rows }) => [
    operation,
    ...rows.map((row) => row.failed !== undefined ? 'failed' : `${cut(row.rateRatio.median)} (${cut(row.rateRatio.min)}–${cut(row.rateRatio.max)}) ${cutUp(row.p99Ratio.median)} ${cutUp(row.cpuRatio.median)}`),
    Math.round(rows.find((row) => row.name === BASELINE).rate.median),
  ]))
  for (const { operation, rows } of results) for (const { name, failed } of rows) if (failed !== undefined) console.log(`${name} failed at ${operation}: ${failed}`)
}

function targets (results) {
  const list = []
  for (const { operation, callers, rows } of results) {
    const own = rows.find((row) => row.name === OURS)
    const peers = rows.filter((row) => row.name !== OURS && row.name !== BASELINE && row.failed === undefined)
    const best = peers.reduce((a, b) => b.rateRatio.median > a.rateRatio.median ? b : a)
    if (callers === 1 && operation in AT_ONE_CALLER) list.push({ what: `${operation}, 1 caller, ratio to ${BASELINE}`, value: own.rateRatio.median, bound: AT_ONE_CALLER[operation], better: 'more' })
    if (callers === 20) {
      list.push({ what: `${operation}, 20 callers, ratio to ${BASELINE}`, value: own.rateRatio.median, bound: 1, better: 'more' })
      list.push({ what: `${operation}, 20 callers, ratio of p99`, value: own.p99Ratio.median, bound: 0.7, better: 'less' })
    }
    list.push({ what: `${operation}, ${callers} caller${callers === 1 ? '' : 's'}, against the best peer (${best.name})`, value: own.rateRatio.median / best.rateRatio.median, bound: 1, better: 'more' })
  }
  return list
}
