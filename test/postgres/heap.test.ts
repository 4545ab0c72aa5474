// The heap behind the waiters, against sorting.

import t from 'tap'
import fc from 'fast-check'
import { Heap } from '../../lib/postgres/heap.ts'

const heapOf = (numbers: readonly number[]): Heap<number> => {
  const heap = new Heap<number>((a, b) => a < b)
  for (const number of numbers) heap.push(number)
  return heap
}
const inOrder = (numbers: readonly number[]): number[] => numbers.toSorted((a, b) => a - b)

function emptied (heap: Heap<number>): number[] {
  const all: number[] = []
  for (let one = heap.pop(); one !== undefined; one = heap.pop()) all.push(one)
  return all
}

await t.test('items come out in order', async (t) => {
  fc.assert(fc.property(fc.array(fc.nat(50)), (numbers) => { t.same(emptied(heapOf(numbers)), inOrder(numbers)) }), { numRuns: 50 })
})

await t.test('those up to a bound are taken, few or many, and the rest stays in order', async (t) => {
  fc.assert(fc.property(fc.array(fc.nat(1_000), { maxLength: 400 }), fc.nat(1_000), (numbers, bound) => {
    const heap = heapOf(numbers)
    t.same(inOrder(heap.take((number) => number <= bound)), inOrder(numbers.filter((number) => number <= bound)))
    t.same(emptied(heap), inOrder(numbers.filter((number) => number > bound)))
  }), { numRuns: 50 })
  t.same(heapOf([]).take(() => true), [])
})

await t.test('what is not retained is gone, and all is drained at once', async (t) => {
  const heap = heapOf([5, 3, 8, 1])
  heap.retain((number) => number !== 3)
  t.equal(heap.size, 3)
  t.same(inOrder(heap.drain()), [1, 5, 8])
  t.equal(heap.size, 0)
})
