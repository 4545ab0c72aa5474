// One PostgreSQL of the dev kit with the benchmark's schema and rows; BENCH_DATABASE_URL takes a running one instead
// (an empty database: it is filled).

import { readFileSync } from 'node:fs'
import postgres from 'postgres'

const read = (name) => readFileSync(new URL(`../schema/${name}`, import.meta.url), 'utf8')

export async function fill (url) {
  const sql = postgres(url, { max: 1, onnotice: () => {} })
  await sql.unsafe(read('schema.sql'))
  await sql.unsafe(read('seed.sql'))
  await sql.end()
}

/**
 * What autovacuum does on a server that runs for longer: tables that a benchmark has written to are planned for as they
 * are. Without it a plan by old figures reads them from end to end, and a contender whose plan is older looks fast.
 */
async function analyze (url) {
  const sql = postgres(url, { max: 1, onnotice: () => {} })
  await sql.unsafe('analyze')
  await sql.end()
}

/**
 * The rows of the seed and no others, so that each operation is measured on the same tables, whatever was written before.
 * The warm-up alone writes half a million rows, among which PostgreSQL plans otherwise.
 */
async function restore (url) {
  const sql = postgres(url, { max: 1, onnotice: () => {} })
  await sql.unsafe('truncate users, posts, comments restart identity')
  await sql.unsafe(read('seed.sql'))
  await sql.unsafe('vacuum analyze')
  await sql.end()
}

/** @returns { url, analyze, restore, close } */
export async function startDatabase () {
  const given = process.env.BENCH_DATABASE_URL
  if (given !== undefined) {
    await fill(given)
    return { url: given, analyze: () => analyze(given), restore: () => restore(given), close: async () => {} }
  }
  const { startCluster } = await import('fastify-multi-region/testing')
  const cluster = await startCluster({ regions: ['fra'], primaryRegion: 'fra' })
  const url = cluster.region('fra').databaseUrls.primary
  await fill(url)
  return { url, analyze: () => analyze(url), restore: () => restore(url), close: () => cluster.close() }
}
