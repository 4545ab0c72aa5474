import t from 'tap'
import type { Position } from '../../lib/core/freshness.ts'
import { lsnOf } from '../../lib/core/lsn.ts'
import { Floor } from '../../lib/postgres/floor.ts'

const at = (lsn: bigint, timeline = 1, system = 's'): Position => ({ system, timeline, lsn: lsnOf(lsn) })
const noon = (): number => 1_000

await t.test('a request reads from the primary after its first direct write', (t) => {
  const floor = new Floor('primary')
  t.equal(floor.isRaised, false)
  t.equal(floor.freshness(noon).type, 'any')
  floor.raise(at(5n))
  t.equal(floor.isRaised, true)
  t.equal(floor.freshness(noon).type, 'primary')
  t.equal(floor.unlocatedWrite, undefined, 'nobody looks its position up')
  t.end()
})

await t.test('a process reads from the primary until its last write is located', (t) => {
  const floor = new Floor('position')
  floor.raise(undefined)
  t.equal(floor.freshness(noon).type, 'primary')
  const write = floor.unlocatedWrite
  t.equal(write, 1)
  floor.locate(1, at(7n))
  t.same(floor.freshness(noon), { type: 'at-least', position: at(7n) })
  t.equal(floor.unlocatedWrite, undefined)
  t.end()
})

await t.test('a look-up counts for no write that was acknowledged after it was sent', (t) => {
  const floor = new Floor('position')
  floor.raise(undefined)
  const early = floor.unlocatedWrite ?? 0
  floor.raise(undefined)
  floor.locate(early, at(7n))
  t.equal(floor.freshness(noon).type, 'primary', 'the second write is not located')
  t.equal(floor.unlocatedWrite, 2)
  floor.locate(2, at(9n))
  t.same(floor.freshness(noon), { type: 'at-least', position: at(9n) })
  t.end()
})

await t.test('a floor never moves down', (t) => {
  const floor = new Floor('position')
  floor.raise(at(9n))
  floor.raiseTo(at(3n))
  t.same(floor.position, at(9n))
  floor.raiseTo(at(1n, 2))
  t.same(floor.position, at(1n, 2), 'a newer timeline is later')
  floor.raiseTo(at(99n, 1))
  t.same(floor.position, at(1n, 2))
  t.end()
})

await t.test('where positions cannot be had, time stands in', (t) => {
  const floor = new Floor('position', { windowMs: 100 })
  floor.raise(undefined)
  floor.locateFailed(1, 1_000)
  t.equal(floor.freshness(() => 1_099).type, 'primary')
  t.equal(floor.isRaised, true)
  t.equal(floor.freshness(() => 1_100).type, 'any')
  t.equal(floor.isRaised, false)
  t.end()
})

await t.test('a position of a lost history is looked up anew', (t) => {
  const floor = new Floor('position')
  floor.raise(at(9n))
  floor.forgetPosition()
  t.equal(floor.freshness(noon).type, 'primary')
  floor.locate(floor.unlocatedWrite ?? 0, at(2n, 2))
  t.same(floor.freshness(noon), { type: 'at-least', position: at(2n, 2) })
  t.end()
})

await t.test('a derived floor starts where its origin is, and raises it', (t) => {
  const origin = new Floor('position')
  origin.raise(at(5n))
  const derived = origin.derive()
  t.same(derived.freshness(noon), { type: 'at-least', position: at(5n) })
  derived.raiseTo(at(8n))
  t.same(origin.position, at(5n), 'a token handed to the one is not one of the other')
  derived.raise(at(9n))
  t.same(origin.position, at(9n), 'a write is')
  t.end()
})

await t.test('a floor pinned to the primary stays there', (t) => {
  const floor = new Floor('position')
  floor.raiseToPrimary()
  floor.raise(at(5n))
  t.equal(floor.freshness(noon).type, 'primary')
  t.end()
})
