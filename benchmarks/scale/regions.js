// What each further region costs the primary: connections, and statements while nothing happens.

import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from 'fastify-multi-region'
import * as schema from '../schema/ours.js'

export async function regions ({ cluster, quick }) {
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
