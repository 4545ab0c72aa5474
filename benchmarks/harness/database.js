// One PostgreSQL of the dev kit with the benchmark's schema and rows; BENCH_DATABASE_URL takes a running one instead
// (an empty database: it is filled).

import { readFileSync } from 'node:fs'
import postgres from 'postgres'

const read = (name) => readFileSync(new URL(`../schema/${name}`, import.meta.url), 'utf8')

async function run (url, ...texts) {
  const sql = postgres(url, { max: 1, onnotice: () => {} })
  for (const text of texts) await sql.unsafe(text)
  await sql.end()
}

export const fill = (url) => run(url, read('schema.sql'), read('seed.sql'))

const database = (url, close) => ({
  url,
  /**
   * What autovacuum does on a server that runs for longer: tables that a benchmark has written to are planned for as they
   * are. Without it a plan by old figures reads them from end to end, and a contender whose plan is older looks fast.
   */
  analyze: () => run(url, 'analyze'),
  /**
   * The rows of the seed and no others, so that each operation is measured on the same tables, whatever was written before.
   * The warm-up alone writes half a million rows, among which PostgreSQL plans otherwise.
   */
  restore: () => run(url, 'truncate users, posts, comments restart identity', read('seed.sql'), 'vacuum analyze'),
  close,
})

/** @returns { url, analyze, restore, close } */
export async function startDatabase () {
  const given = process.env.BENCH_DATABASE_URL
  if (given !== undefined) {
    await fill(given)
    return database(given, async () => {})
  }
  const { startCluster } = await import('fastify-multi-region/testing')
  const cluster = await startCluster({ regions: ['fra'], primaryRegion: 'fra' })
  const url = cluster.region('fra').databaseUrls.primary
  await fill(url)
  return database(url, () => cluster.close())
}
