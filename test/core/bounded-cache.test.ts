import t from 'tap'
import { BoundedCache } from '../../lib/core/bounded-cache.ts'

await t.test('a value that is used outlives those that are not', async (t) => {
  const cache = new BoundedCache<object>(10)
  const kept = {}
  cache.set('kept', kept)
  for (let i = 0; i < 1000; i++) {
    cache.set(`once ${i}`, {})
    t.equal(cache.get('kept'), kept)
  }
  t.ok(cache.entries <= 10)
  t.equal(cache.get('once 0'), undefined)
  t.equal(cache.evictions, 1001 - cache.entries, 'every value is either there or was evicted')
})

await t.test('without a size nothing is kept', async (t) => {
  const cache = new BoundedCache<object>(0)
  cache.set('x', {})
  t.equal(cache.get('x'), undefined)
  t.equal(cache.entries, 0)
})
