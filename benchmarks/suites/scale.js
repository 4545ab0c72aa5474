// How cost grows: each figure at growing sizes, with the exponent of the power law that fits it (0: constant, 1: linear).
//
// Simulated, since all runs on one machine: a *region* is a client with its own pools and monitor in this process, and those
// beyond the second share one standby. What a region costs the primary (connections, statements while idle) is the same as in
// a process of its own; requests a second are not measured here, since the machine's cores would be what is measured.

import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import Fastify from 'fastify'
import multiRegion, { createClient } from 'fastify-multi-region'
import * as build from 'fastify-multi-region/schema'
import { startCluster } from 'fastify-multi-region/testing'
import { compileOperation } from '../../dist/query/compile.js'
import { resolveSchema } from '../../dist/query/model.js'
import { PlanCache } from '../../dist/query/plan-cache.js'
import { fill } from '../harness/database.js'
import { cutUp, printTargets, table } from '../harness/report.js'
import { quantile } from '../harness/rounds.js'
import * as schema from '../schema/ours.js'

export const description = 'how cost grows with regions, sessions, waiters, models and query shapes'

const gc = () => { globalThis.gc?.(); globalThis.gc?.() }
const heapMiB = () => { gc(); return process.memoryUsage().heapUsed / 2 ** 20 }

export async function run ({ quick, only }) {
  await enableGc()
  const cluster = await startCluster({ regions: ['fra', 'iad'], primaryRegion: 'fra', edge: 'off', postgres: { max_connections: 300 } })
  try {
    await fill(cluster.region('fra').databaseUrls.primary)
    await cluster.waitForReplay()
    const parts = { regions, sessions, waiters, models, shapes }
    const results = []
    for (const [name, measure] of Object.entries(parts)) {
      if (only !== undefined && !only.includes(name)) continue
      results.push(...await measure(cluster, quick))
      process.stderr.write('.')
    }
    process.stderr.write('\n')
    for (const result of results) Object.assign(result, fit(result.points))
    table(['figure', 'sizes', 'values', 'growth'], results.map(({ what, unit, points, growth }) => [
      what, points.map(({ n }) => n.toLocaleString('en')).join(' '), `${points.map(({ value }) => cutUp(value, value < 10 ? 2 : 0)).join(' ')} ${unit}`, growth,
    ]))
    return { results, targets: printTargets(results.map(({ what, exponent, bound }) => ({ what: `growth of ${what}, exponent`, value: exponent, bound, better: 'less' }))) }
  } finally {
    await cluster.close()
  }
}

async function enableGc () {
  const { setFlagsFromString } = await import('node:v8')
  const { runInNewContext } = await import('node:vm')
  setFlagsFromString('--expose-gc')
  globalThis.gc = runInNewContext('gc')
}

/** Least squares of log(value) over log(n). */
function fit (points) {
  const logs = points.map(({ n, value }) => [Math.log(n), Math.log(Math.max(value, 1e-9))])
  const mean = (i) => logs.reduce((sum, pair) => sum + pair[i], 0) / logs.length
  const [x, y] = [mean(0), mean(1)]
  const exponent = logs.reduce((sum, [a, b]) => sum + (a - x) * (b - y), 0) / logs.reduce((sum, [a]) => sum + (a - x) ** 2, 0)
  const word = exponent < 0.15 ? 'constant' : exponent < 0.85 ? 'less than linear' : exponent < 1.15 ? 'linear' : 'more than linear'
  return { exponent, growth: `${word} (n^${exponent.toFixed(2)})` }
}

// --- regions: what each more costs the primary ------------------------------------------------------------------------

async function regions (cluster, quick) {
  const connections = []
  const idle = []
  const primaryUrl = cluster.region('fra').databaseUrls.primary
  const { replica } = cluster.region('iad').databaseUrls
  const clients = []
  try {
    for (const n of quick ? [1, 4] : [1, 2, 4, 8, 12]) {
      while (clients.length < n) clients.push(createClient({ schema, database: clients.length === 0 ? primaryUrl : { primary: primaryUrl, replica }, pool: { max: 5, primaryMax: 3 } }))
      // Five callers each: reads here, writes on the primary.
      await Promise.all(clients.flatMap((db) => Array.from({ length: 5 }, async (_, i) => {
        await db.user.findUnique({ where: { id: 1 + i } })
        await db.user.update({ where: { id: 1 + i }, data: { name: 'Name' } })
      })))
      const [row] = await cluster.query('primary', "select count(*) from pg_stat_activity where application_name = 'fastify-multi-region'")
      connections.push({ n, value: Number(Object.values(row)[0]) })
      const before = await commits(cluster, 'primary')
      const seconds = quick ? 2 : 5
      await sleep(seconds * 1000)
      // The two looks of this program are among them.
      idle.push({ n, value: Math.max(0.1, (await commits(cluster, 'primary') - before - 1) / seconds) })
    }
  } finally {
    await Promise.all(clients.map((db) => db.$disconnect()))
  }
  return [
    { what: 'connections to the primary, by regions (3 for writes each, 1 to watch)', unit: '', points: connections, bound: 1.05 },
    { what: 'statements a second on the primary while nothing happens, by regions', unit: '/s', points: idle, bound: 1.15 },
  ]
}

async function commits (cluster, where) {
  await sleep(1100) // backends report their counts at most once a second
  const [row] = await cluster.query(where, "select sum(xact_commit) from pg_stat_database where datname = 'app'")
  return Number(Object.values(row)[0])
}

// --- sessions: what a server holds for each ------------------------------------------------------------------------------

async function sessions (cluster, quick) {
  const { primary, replica } = cluster.region('iad').databaseUrls
  const app = await server({ database: { primary, replica }, token: { key: randomBytes(32) } })
  const heap = []
  const time = []
  try {
    let count = 0
    for (const n of quick ? [100, 1000] : [100, 1000, 10_000]) {
      const cookies = []
      const started = process.cpuUsage()
      const batch = n - count
      // Each is a session of its own: a write, then a read with the token that it got. 100 at a time.
      while (count < n) {
        await Promise.all(Array.from({ length: Math.min(100, n - count) }, async () => {
          const answer = await app.inject({ method: 'POST', url: '/write' })
          const cookie = answer.cookies.map(({ name, value }) => `${name}=${value}`).join('; ')
          await app.inject({ url: '/row', headers: { cookie } })
        }))
        count += Math.min(100, n - count)
      }
      const { user, system } = process.cpuUsage(started)
      time.push({ n, value: (user + system) / batch })
      heap.push({ n, value: heapMiB() })
      cookies.length = 0
    }
  } finally {
    await app.close()
  }
  return [
    { what: 'heap of a server, by sessions that it has seen', unit: 'MiB', points: heap, bound: 0.05 },
    { what: 'processor time of a tokened write and read, by sessions', unit: 'µs', points: time, bound: 0.05 },
  ]
}

async function server (options) {
  const app = Fastify()
  await app.register(multiRegion, { schema, pool: { max: 10 }, ...options })
  app.get('/row', (request) => request.db.user.findUnique({ where: { id: 1 } }))
  app.post('/write', (request) => request.db.user.update({ where: { id: 1 + Math.floor(Math.random() * 500) }, data: { name: 'Name' } }))
  return app
}

// --- waiters: one poller however many wait ---------------------------------------------------------------------------------

async function waiters (cluster, quick) {
  const { primary, replica } = cluster.region('iad').databaseUrls
  const app = await server({ database: { primary, replica }, token: { key: randomBytes(32), wait: 'always', waitTimeout: 20_000 } })
  const polls = []
  const late = []
  try {
    for (const n of quick ? [1, 100] : [1, 10, 100, 1000, 10_000]) {
      await cluster.waitForReplay('iad')
      await cluster.pauseReplay('iad')
      const answer = await app.inject({ method: 'POST', url: '/write' })
      const cookie = answer.cookies.map(({ name, value }) => `${name}=${value}`).join('; ')
      let resumed = 0
      const lateness = []
      const reads = Array.from({ length: n }, async () => {
        await app.inject({ url: '/row', headers: { cookie } })
        lateness.push(performance.now() - resumed)
      })
      await sleep(1500 + n / 5)
      const before = process.cpuUsage()
      await sleep(2000)
      const { user, system } = process.cpuUsage(before)
      polls.push({ n, value: (user + system) / 2000 })
      resumed = performance.now()
      await cluster.resumeReplay('iad')
      await Promise.all(reads)
      late.push({ n, value: quantile(lateness.sort((a, b) => a - b), 0.99) / n })
    }
  } finally {
    await cluster.resumeReplay('iad').catch(() => {})
    await app.close()
  }
  return [
    { what: 'processor time of a server in a second in which requests wait, by waiters', unit: 'ms', points: polls, bound: 0.15 },
    { what: 'from the standby having caught up to 99 of 100 answers, a waiter', unit: 'ms', points: late, bound: 0.15 },
  ]
}

// --- models and shapes -------------------------------------------------------------------------------------------------------

const { autoincrement, belongsTo, hasMany, model, t } = build

function manyModels (n) {
  const models = {}
  for (let i = 0; i < n; i++) {
    const next = (i + 1) % n
    const before = (i + n - 1) % n
    models[`Model${i}`] = model(`model_${i}`, {
      id: t.int().id().default(autoincrement()),
      ...Object.fromEntries(Array.from({ length: 8 }, (_, k) => [`text${k}`, t.text()])),
      nextId: t.int(),
    }, { relations: { next: belongsTo(`Model${next}`, 'nextId'), before: hasMany(`Model${before}`, 'next') } })
  }
  return models
}

const context = (planCache) => ({ now: () => new Date(), uuid: () => '', cuid: () => '', limits: { maxDepth: 10, maxParameters: 32_767 }, planCache })

function models (_cluster, quick) {
  const time = []
  const heap = []
  const kept = []
  for (const n of quick ? [10, 100] : [10, 30, 100, 300]) {
    const definition = manyModels(n)
    const before = heapMiB()
    const started = performance.now()
    const resolved = resolveSchema(definition)
    compileOperation(resolved, 'Model0', 'findMany', { include: { next: true, before: true } }, context(new PlanCache(100)))
    time.push({ n, value: performance.now() - started })
    heap.push({ n, value: Math.max(0.01, heapMiB() - before) })
    kept.push(resolved)
  }
  return [
    { what: 'cold start of a schema, by models', unit: 'ms', points: time, bound: 1.15 },
    { what: 'memory of a schema, by models', unit: 'MiB', points: heap, bound: 1.15 },
  ]
}

function shapes (_cluster, quick) {
  const resolved = resolveSchema(schema)
  const columns = ['id', 'title', 'content', 'published', 'views', 'createdAt', 'authorId']
  const heap = []
  const time = []
  for (const n of quick ? [100, 1000, 3000] : [10, 100, 1000, 10_000, 100_000]) {
    const cache = new PlanCache(1000)
    const before = heapMiB()
    const started = process.cpuUsage()
    for (let i = 0; i < n; i++) {
      // The bits of i choose the columns of the result, of the filter and of the order.
      const select = Object.fromEntries(columns.filter((_, bit) => (i + 1) >> bit & 1).map((name) => [name, true]))
      const where = { OR: columns.filter((_, bit) => i >> (bit + 7) & 1).map((name) => ({ [name]: name === 'title' || name === 'content' ? 'x' : name === 'published' ? true : name === 'createdAt' ? new Date(0) : 1 })) }
      const orderBy = i >> 14 & 1 ? { id: 'asc' } : i >> 15 & 1 ? { views: 'desc' } : { title: i >> 16 & 1 ? 'asc' : 'desc' }
      compileOperation(resolved, 'Post', 'findMany', { where, orderBy, select: Object.keys(select).length === 0 ? undefined : select }, context(cache))
    }
    const { user, system } = process.cpuUsage(started)
    time.push({ n, value: (user + system) / n })
    heap.push({ n, value: Math.max(0.01, heapMiB() - before) })
    if (cache.entries > 1000) throw new Error('the cache holds more plans than it may')
  }
  return [
    { what: 'memory of the plan cache (1,000 plans at most), by shapes', unit: 'MiB', points: heap.filter(({ n }) => n >= 1000), bound: 0.15 },
    { what: 'processor time to compile a shape that was never seen, by shapes', unit: 'µs', points: time.filter(({ n }) => n >= 100), bound: 0.15 },
  ]
}
