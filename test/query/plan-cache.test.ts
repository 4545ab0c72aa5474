import t from 'tap'
import { PlanCache } from '../../lib/query/plan-cache.ts'
import type { Plan } from '../../lib/query/plan.ts'

const plan = (): Plan => ({ access: 'read', cacheable: true, open: () => ({ type: 'constant', value: null }), mapError: (failure) => failure })

await t.test('a plan that is used outlives those that are not', async (t) => {
  const cache = new PlanCache(10)
  const kept = plan()
  cache.set('kept', kept)
  for (let i = 0; i < 1000; i++) {
    cache.set(`once ${i}`, plan())
    t.equal(cache.get('kept'), kept)
  }
  t.ok(cache.entries <= 10)
  t.equal(cache.get('once 0'), undefined)
  t.equal(cache.evictions, 1001 - cache.entries, 'every plan is either there or was evicted')
})

await t.test('without a size nothing is kept', async (t) => {
  const cache = new PlanCache(0)
  cache.set('x', plan())
  t.equal(cache.get('x'), undefined)
  t.equal(cache.entries, 0)
})
