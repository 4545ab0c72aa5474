// What comes with an install, how long a server takes until it has answered its first query, and what it holds in memory
// after 2,000 requests. Install size and number of packages are read from the lock file and the disk: the closure of each
// package's dependencies, without optional and peer ones.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { startDatabase } from '../harness/database.js'
import { load } from '../harness/load.js'
import { cutUp, table } from '../harness/report.js'
import { random, shuffle, spread } from '../harness/rounds.js'
import { startServer } from '../harness/server.js'

export const description = 'time to the first answer, resident memory, install size and number of packages, against each peer'

const CONTENDERS = {
  'postgres.js': { peer: 'raw', packages: ['postgres'] },
  'fastify-multi-region (client)': { peer: 'ours', packages: ['fastify-multi-region'] },
  Drizzle: { peer: 'drizzle', packages: ['drizzle-orm', 'postgres'] },
  Kysely: { peer: 'kysely', packages: ['kysely', 'pg'] },
  Prisma: { peer: 'prisma', packages: ['@prisma/client', '@prisma/adapter-pg', 'prisma'] },
  ZenStack: { peer: 'zenstack', packages: ['@zenstackhq/orm', 'pg'] },
}

export async function run ({ seed, quick }) {
  const database = await startDatabase()
  const next = random(seed)
  try {
    const samples = new Map(Object.keys(CONTENDERS).map((name) => [name, { ready: [], memory: [] }]))
    let expected
    for (let round = 0; round < (quick ? 3 : 7); round++) {
      for (const name of shuffle(Object.keys(CONTENDERS), next)) {
        process.env.BENCH_PEER = CONTENDERS[name].peer
        const server = await startServer('peer', database.url, { execArgv: ['--expose-gc'] })
        const row = await (await fetch(`http://127.0.0.1:${server.port}/row/7`)).json()
        expected ??= row
        assert.deepEqual(row, expected, `${name} answers as the others do`)
        await load({ port: server.port, connections: 10, seconds: 1, requests: [{ path: '/row/7' }] })
        samples.get(name).ready.push(server.readyMs)
        samples.get(name).memory.push((await server.memory()).rss / 2 ** 20)
        await server.close()
      }
    }
    const results = [...samples].map(([name, { ready, memory }]) => ({ name, readyMs: spread(ready), memoryMiB: spread(memory), ...closure(CONTENDERS[name].packages) }))
    table(['contender', 'ready, ms', 'memory, MiB', 'packages', 'install, MiB'], results.map((r) => [
      r.name, `${Math.ceil(r.readyMs.median)} (${Math.ceil(r.readyMs.min)}–${Math.ceil(r.readyMs.max)})`, Math.ceil(r.memoryMiB.median), r.packages, cutUp(r.installMiB, 1),
    ]))
    return { results, targets: [] }
  } finally {
    await database.close()
  }
}

const root = new URL('../../', import.meta.url)
const here = new URL('../', import.meta.url)
const lockOf = (folder) => JSON.parse(readFileSync(new URL('package-lock.json', folder), 'utf8')).packages

function closure (names) {
  const seen = new Map()
  for (const name of names) {
    if (name === 'fastify-multi-region') {
      seen.set(name, packed())
      for (const dependency of Object.keys(lockOf(root)[''].dependencies)) walk(dependency, '', lockOf(root), root, seen)
    } else {
      walk(name, '', lockOf(here), here, seen)
    }
  }
  return { packages: seen.size, installMiB: [...seen.values()].reduce((a, b) => a + b, 0) / 2 ** 20 }
}

/** Node's own resolution, on the lock file: the nearest node_modules that holds the name. */
function walk (name, from, lock, folder, seen) {
  let base = from
  let key
  for (;;) {
    key = `${base === '' ? '' : `${base}/`}node_modules/${name}`
    if (lock[key] !== undefined || base === '') break
    base = base.includes('/node_modules/') ? base.slice(0, base.lastIndexOf('/node_modules/')) : ''
  }
  const entry = lock[key]
  if (entry === undefined || seen.has(key)) return
  seen.set(key, size(new URL(`${key}/`, folder)))
  for (const dependency of Object.keys(entry.dependencies ?? {})) walk(dependency, key, lock, folder, seen)
}

function size (folder) {
  let bytes = 0
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name === 'node_modules') continue
    if (entry.isDirectory()) bytes += size(new URL(`${entry.name}/`, folder))
    else if (entry.isFile()) bytes += statSync(new URL(entry.name, folder)).size
  }
  return bytes
}

/** What `files` of this package's package.json would ship. */
function packed () {
  return JSON.parse(readFileSync(new URL('package.json', root), 'utf8')).files
    .map((name) => new URL(name, root))
    .filter((url) => statSync(url, { throwIfNoEntry: false }) !== undefined)
    .reduce((sum, url) => sum + (statSync(url).isDirectory() ? size(new URL(`${url.href}/`)) : statSync(url).size), 0)
}
