// Requests that wait for a standby: one poller, however many wait.

import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { waitFor } from 'fastify-multi-region/testing'
import { quantile } from '../harness/rounds.js'
import { startApp } from './app.js'

export async function waiters ({ cluster, quick }) {
  const { primary, replica } = cluster.region('iad').databaseUrls
  const app = await startApp({ database: { primary, replica }, token: { key: randomBytes(32), wait: 'always', waitTimeout: 20_000 } })
  const polls = []
  const late = []
  try {
    for (const n of quick ? [1, 100] : [1, 10, 100, 1000, 10_000]) {
      await cluster.waitForReplay('iad')
      await cluster.pauseReplay('iad')
      const answer = await app.inject({ method: 'POST', url: '/write' })
      const cookie = answer.cookies.map(({ name, value }) => `${name}=${value}`).join('; ')
      let resumed = 0
      const arrived = app.arrived.count
      const lateness = []
      const reads = Array.from({ length: n }, async () => {
        await app.inject({ url: '/row', headers: { cookie } })
        lateness.push(performance.now() - resumed)
      })
      await waitFor('all requests to arrive', () => app.arrived.count >= arrived + n, { withinMs: 60_000, everyMs: 10 })
      const before = process.cpuUsage()
      const from = performance.now()
      await sleep(2000) // what is measured is a while of waiting
      const { user, system } = process.cpuUsage(before)
      polls.push({ n, value: (user + system) / (performance.now() - from) })
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
