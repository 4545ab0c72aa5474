// What a server holds for each session that it has seen: nothing, since the session carries its token.

import { randomBytes } from 'node:crypto'
import { heapMiB } from '../harness/heap.js'
import { startApp } from './app.js'

export async function sessions ({ cluster, quick }) {
  const primary = cluster.region('fra').databaseUrls.primary
  const { replica } = cluster.region('iad').databaseUrls
  const app = await startApp({ database: { primary, replica }, token: { key: randomBytes(32) } })
  const heap = []
  const time = []
  try {
    let count = 0
    for (const n of quick ? [100, 1000] : [100, 10_000, 1_000_000]) {
      const started = process.cpuUsage()
      const batch = n - count
      // Each is a session of its own: a stamp (for a write that another client made), then a read with that token.
      while (count < n) {
        await Promise.all(Array.from({ length: Math.min(100, n - count) }, async () => {
          const answer = await app.inject({ method: 'POST', url: '/mark' })
          const cookie = answer.cookies.map(({ name, value }) => `${name}=${value}`).join('; ')
          await app.inject({ url: '/row', headers: { cookie } })
        }))
        count += Math.min(100, n - count)
      }
      const { user, system } = process.cpuUsage(started)
      time.push({ n, value: (user + system) / batch })
      heap.push({ n, value: heapMiB() })
    }
  } finally {
    await app.close()
  }
  return [
    { what: 'heap of a server, by sessions that it has seen', unit: 'MiB', points: heap, bound: 0.05 },
    { what: 'processor time of a stamp and a tokened read, by sessions', unit: 'µs', points: time, bound: 0.05 },
  ]
}
