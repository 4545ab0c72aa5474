// Queries of many shapes: what a new one costs, and that the cache of plans keeps its bound.

import { compileOperation } from '../../dist/query/compile.js'
import { resolveSchema } from '../../dist/query/model.js'
import { BoundedCache } from '../../dist/core/bounded-cache.js'
import { heapMiB } from '../harness/heap.js'
import * as schema from '../schema/ours.js'
import { contextWith } from './compile-context.js'

export function shapes ({ quick }) {
  const resolved = resolveSchema(schema)
  const columns = ['id', 'title', 'content', 'published', 'views', 'createdAt', 'authorId']
  const heap = []
  const time = []
  for (const n of quick ? [100, 1000, 3000] : [10, 100, 1000, 10_000, 100_000]) {
    const cache = new BoundedCache(1000)
    const before = heapMiB()
    const started = process.cpuUsage()
    for (let i = 0; i < n; i++) {
      // The bits of i choose the columns of the result, of the filter and of the order.
      const select = Object.fromEntries(columns.filter((_, bit) => (i + 1) >> bit & 1).map((name) => [name, true]))
      const where = { OR: columns.filter((_, bit) => i >> (bit + 7) & 1).map((name) => ({ [name]: name === 'title' || name === 'content' ? 'x' : name === 'published' ? true : name === 'createdAt' ? new Date(0) : 1 })) }
      const orderBy = i >> 14 & 1 ? { id: 'asc' } : i >> 15 & 1 ? { views: 'desc' } : { title: i >> 16 & 1 ? 'asc' : 'desc' }
      compileOperation(resolved, 'Post', 'findMany', { where, orderBy, select: Object.keys(select).length === 0 ? undefined : select }, contextWith(cache))
    }
    const { user, system } = process.cpuUsage(started)
    time.push({ n, value: (user + system) / n })
    heap.push({ n, value: Math.max(0.01, heapMiB() - before) })
    if (cache.entries > 1000) throw new Error('the cache holds more plans than it may')
  }
  return [
    { what: 'memory of the plan cache (1,000 plans at most), by shapes', unit: 'MiB', points: heap.filter(({ n }) => n >= 1000), bound: 0.15 },
    { what: 'processor time to compile a shape that was never seen, by shapes', unit: 'µs', points: time.filter(({ n }) => n >= 100), bound: 0.15 },
  ]
}
