// Prints tables and targets, and keeps what was measured in results/<suite>.json.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, totalmem } from 'node:os'

/** From the file: not every package exports its package.json. */
const version = (name) => JSON.parse(readFileSync(new URL(`../node_modules/${name}/package.json`, import.meta.url), 'utf8')).version

export function machine () {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    // Far above what the suite itself needs (about 2): other work ran beside it, and spoiled the absolute figures at least.
    loadAverage: Math.round(loadavg()[0] * 10) / 10,
    versions: Object.fromEntries(['fastify', 'fastify-multi-region', 'postgres', 'pg', 'drizzle-orm', 'kysely', 'kysely-postgres-js', '@prisma/client', '@zenstackhq/orm', '@fastify/postgres']
      .map((name) => [name, version(name)])),
  }
}

export function table (head, rows) {
  const widths = head.map((word, i) => Math.max(word.length, ...rows.map((row) => String(row[i]).length)))
  const line = (cells) => cells.map((cell, i) => i === 0 ? String(cell).padEnd(widths[i]) : String(cell).padStart(widths[i])).join('  ')
  console.log(line(head))
  console.log(widths.map((width) => '-'.repeat(width)).join('  '))
  for (const row of rows) console.log(line(row))
}

/** Two decimals, cut and not rounded, so that 0.948 never reads as 0.95. */
export const cut = (number, digits = 2) => Number.isFinite(number) ? (Math.floor(number * 10 ** digits) / 10 ** digits).toFixed(digits) : '-'
/** As `cut`, upwards, for figures where less is better. */
export const cutUp = (number, digits = 2) => Number.isFinite(number) ? (Math.ceil(number * 10 ** digits) / 10 ** digits).toFixed(digits) : '-'

/** targets: [{ what, value, bound, better: 'more' | 'less' }]; printed as met or not met, compared unrounded. */
export function printTargets (targets) {
  const judged = targets.map((target) => ({ ...target, met: target.better === 'more' ? target.value >= target.bound : target.value <= target.bound }))
  if (judged.length > 0) console.log('\nTargets')
  for (const { what, value, bound, better, met } of judged) {
    console.log(`  ${met ? 'met    ' : 'NOT MET'}  ${what}: ${better === 'more' ? cut(value, 3) : cutUp(value, 3)} (${better === 'more' ? 'at least' : 'at most'} ${bound})`)
  }
  return judged
}

export function keep (suite, { seed, mode, results, targets }) {
  const folder = new URL('../results/', import.meta.url)
  mkdirSync(folder, { recursive: true })
  const file = new URL(`${suite}.json`, folder)
  writeFileSync(file, JSON.stringify({ suite, mode, date: new Date().toISOString().slice(0, 10), seed, machine: machine(), results, targets }, null, 2) + '\n')
  console.log(`\nkept in benchmarks/results/${suite}.json`)
}
