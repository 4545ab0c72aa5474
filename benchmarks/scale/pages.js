// A table read from one end to the other in pages: what a client keeps of what it has read.

import { createClient } from 'fastify-multi-region'
import postgres from 'postgres'
import { heapMiB } from '../harness/heap.js'
import * as schema from '../schema/ours.js'

const PAGE = 1000

export async function pages ({ cluster, quick }) {
  const sizes = quick ? [10_000, 50_000, 100_000] : [10_000, 100_000, 1_000_000]
  const { primary, replica } = cluster.region('iad').databaseUrls
  const sql = postgres(primary, { max: 1 })
  await sql`insert into posts (title, content, author_id) select 'Title ' || n, 'text', 1 + n % 500 from generate_series(1, ${sizes.at(-1)}) n`
  await sql.end()
  await cluster.waitForReplay('iad')
  const db = createClient({ schema, database: replica })
  const heap = []
  try {
    let read = 0
    let last
    for (const n of sizes) {
      while (read < n) {
        const rows = await db.post.findMany({ take: PAGE, orderBy: { id: 'asc' }, ...(last !== undefined && { cursor: { id: last }, skip: 1 }) })
        if (rows.length < PAGE) throw new Error(`the table ended after ${read + rows.length} rows`)
        read += rows.length
        last = rows.at(-1).id
      }
      heap.push({ n, value: heapMiB() })
    }
  } finally {
    await db.$disconnect()
  }
  return [{ what: 'heap of a process that reads a table in pages of 1,000, by rows', unit: 'MiB', points: heap, bound: 0.15 }]
}
