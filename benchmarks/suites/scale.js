// How cost grows: each figure at growing sizes, with the exponent of the power law that fits it (0: constant, 1: linear).
//
// Simulated, since all runs on one machine: a *region* is an app with its own pools and monitor, and those beyond the second
// share one standby, 40 ms from the primary. Requests are offered at a fixed rate a region: what is shown is whether more
// regions slow each other down, not how many requests these cores can serve.

import { startCluster } from 'fastify-multi-region/testing'
import { fill } from '../harness/database.js'
import { cutUp, printTargets, table } from '../harness/report.js'
import { models } from '../scale/models.js'
import { pages } from '../scale/pages.js'
import { regions } from '../scale/regions.js'
import { sessions } from '../scale/sessions.js'
import { shapes } from '../scale/shapes.js'
import { traffic } from '../scale/traffic.js'
import { typeCheck } from '../scale/type-check.js'
import { waiters } from '../scale/waiters.js'

export const description = 'how cost grows with regions, sessions, waiters, models and query shapes'

export async function run ({ seed, quick, only }) {
  const cluster = await startCluster({ regions: ['fra', 'iad'], primaryRegion: 'fra', latency: 40, edge: 'off', postgres: { max_connections: 300 } })
  try {
    await fill(cluster.region('fra').databaseUrls.primary)
    await cluster.waitForReplay()
    const parts = { regions, traffic, sessions, waiters, models, typeCheck, shapes, pages }
    const results = []
    for (const [name, measure] of Object.entries(parts)) {
      if (only !== undefined && !only.includes(name)) continue
      results.push(...await measure({ cluster, quick, seed }))
      process.stderr.write('.')
    }
    process.stderr.write('\n')
    for (const result of results) Object.assign(result, fit(result.points))
    table(['figure', 'sizes', 'values', 'growth'], results.map(({ what, unit, points, growth }) => [
      what, points.map(({ n }) => n.toLocaleString('en')).join(' '), `${points.map(({ value }) => cutUp(value, value < 10 ? 2 : 0)).join(' ')} ${unit}`, growth,
    ]))
    return { results, targets: printTargets(results.flatMap(targetsOf)) }
  } finally {
    await cluster.close()
  }
}

/** How it grows; and, where it is given, what the greatest size may cost. */
function targetsOf ({ what, unit, points, exponent, bound, atMost }) {
  const growth = { what: `growth of ${what}, exponent`, value: exponent, bound, better: 'less' }
  if (atMost === undefined) return [growth]
  const greatest = points.at(-1)
  return [growth, { what: `${what}: ${unit} at ${greatest.n}`, value: greatest.value, bound: atMost, better: 'less' }]
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
