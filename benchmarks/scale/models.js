// A schema of many models: what its first use costs, and what it holds.

import * as build from 'fastify-multi-region/schema'
import { compileOperation } from '../../dist/query/compile.js'
import { resolveSchema } from '../../dist/query/model.js'
import { BoundedCache } from '../../dist/core/bounded-cache.js'
import { heapMiB } from '../harness/heap.js'
import { contextWith } from './compile-context.js'

const { autoincrement, belongsTo, hasMany, model, t } = build

function manyModels (n) {
  const models = {}
  for (let i = 0; i < n; i++) {
    const next = (i + 1) % n
    const before = (i + n - 1) % n
    models[`Model${i}`] = model(`model_${i}`, {
      id: t.int().id().default(autoincrement()),
      ...Object.fromEntries(Array.from({ length: 8 }, (_, k) => [`text${k}`, t.text()])),
      nextId: t.int(),
    }, { relations: { next: belongsTo(`Model${next}`, 'nextId'), before: hasMany(`Model${before}`, 'next') } })
  }
  return models
}

export function models ({ quick }) {
  const time = []
  const heap = []
  const kept = []
  for (const n of quick ? [10, 100] : [10, 30, 100, 300]) {
    const definition = manyModels(n)
    const before = heapMiB()
    const started = performance.now()
    const resolved = resolveSchema(definition)
    compileOperation(resolved, 'Model0', 'findMany', { include: { next: true, before: true } }, contextWith(new BoundedCache(100)))
    time.push({ n, value: performance.now() - started })
    heap.push({ n, value: Math.max(0.01, heapMiB() - before) })
    kept.push(resolved)
  }
  return [
    { what: 'cold start of a schema, by models', unit: 'ms', points: time, bound: 1.15 },
    { what: 'memory of a schema, by models', unit: 'MiB', points: heap, bound: 1.15 },
  ]
}
