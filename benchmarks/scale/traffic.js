// Requests in growing numbers of regions: each offers the same, nine reads to a write, to an app in a process of its own.

import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { quantile, random } from '../harness/rounds.js'
import { startServer, STEADY } from '../harness/server.js'

const PER_SECOND = 40

export async function traffic ({ cluster, quick, seed }) {
  const primary = cluster.region('fra').databaseUrls.primary
  const far = cluster.region('iad').databaseUrls
  const servers = []
  const agent = new Agent({ keepAlive: true })
  const next = random(seed)
  const figures = { served: [], reads: [], writes: [] }
  try {
    for (const n of quick ? [1, 2, 4] : [1, 2, 4, 8, 12]) {
      while (servers.length < n) {
        const place = servers.length === 0 ? { PRIMARY_URL: primary, REGION: 'fra' } : { PRIMARY_URL: far.primary, REPLICA_URL: far.replica, REGION: `r${servers.length}` }
        servers.push(await startServer('region', primary, { env: place, execArgv: STEADY }))
      }
      await offer(servers, { agent, next, seconds: 2 })
      const seen = await offer(servers, { agent, next, seconds: quick ? 3 : 8 })
      figures.served.push({ n, value: (seen.reads.length + seen.writes.length) / seen.seconds })
      for (const kind of ['reads', 'writes']) figures[kind].push({ n, value: quantile(seen[kind].sort((a, b) => a - b), 0.99) })
    }
  } finally {
    agent.destroy()
    await Promise.allSettled(servers.map((server) => server.close()))
  }
  return [
    { what: `requests answered a second, ${PER_SECOND} offered a region`, unit: '/s', points: figures.served, bound: 1.05 },
    { what: 'a read in its region, p99, by regions', unit: 'ms', points: figures.reads, bound: 0.15 },
    // The first region is the primary's own: a trip more is no growth.
    { what: 'a write, straight to the primary, p99, by regions', unit: 'ms', points: figures.writes.slice(1), bound: 0.15 },
  ]
}

/** At the times of a clock, whatever the answers take: a slow server is not asked less. */
async function offer (servers, { agent, next, seconds }) {
  const seen = { reads: [], writes: [], seconds: 0 }
  const asked = []
  const every = 1000 / PER_SECOND / servers.length
  const started = performance.now()
  for (let i = 0; performance.now() - started < seconds * 1000; i++) {
    const dueMs = started + i * every - performance.now()
    if (dueMs > 0) await sleep(dueMs)
    const kind = next() < 0.1 ? 'writes' : 'reads'
    const id = 1 + Math.floor(next() * 500)
    const before = performance.now()
    const options = { agent, port: servers[i % servers.length].port, path: kind === 'reads' ? `/row/${id}` : `/name/${id}`, method: kind === 'reads' ? 'GET' : 'POST' }
    asked.push(ask(options).then(() => { seen[kind].push(performance.now() - before) }))
  }
  await Promise.all(asked)
  seen.seconds = (performance.now() - started) / 1000
  return seen
}

function ask (options) {
  return new Promise((resolve, reject) => {
    request(options, (answer) => {
      answer.resume()
      answer.on('end', () => answer.statusCode === 200 ? resolve() : reject(new Error(`${options.path}: ${answer.statusCode}`)))
    }).on('error', reject).end()
  })
}
