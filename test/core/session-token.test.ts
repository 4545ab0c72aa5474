import fc from 'fast-check'
import t from 'tap'
import type { Position } from '../../lib/core/freshness.ts'
import { lsnOf } from '../../lib/core/lsn.ts'
import { formatToken, judgeToken, laterPosition, MAX_TOKEN_TEXT, mergeTokens, parseToken, type SessionToken } from '../../lib/core/session-token.ts'

const SEED = 20261121
const runs = { seed: SEED, numRuns: 500 }

const uint64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n })
const position: fc.Arbitrary<Position> = fc.record({
  system: fc.option(uint64.map(String), { nil: undefined }),
  timeline: fc.option(fc.integer({ min: 1, max: 0xFFFF_FFFF }), { nil: undefined }),
  lsn: uint64.map(lsnOf),
})
const time = fc.option(fc.integer({ min: 1, max: 4_102_444_800_000 }), { nil: undefined })
const token: fc.Arbitrary<SessionToken> = fc.record({
  position: fc.option(position, { nil: undefined }),
  writtenAtMs: time,
  unlocatedAtMs: time,
  seen: fc.option(fc.stringMatching(/^[0-9a-z]{1,16}$/), { nil: undefined }),
})

await t.test('a token that was written is read as it was', async (t) => {
  fc.assert(fc.property(token, (given) => {
    const text = formatToken(given)
    const parsed = parseToken(text)
    return text.length <= MAX_TOKEN_TEXT && parsed.type === 'token' && JSON.stringify(plain(parsed.token)) === JSON.stringify(plain(given))
  }), runs)
  t.comment(`seed ${SEED}`)
})

await t.test('whatever is not a token is refused without an error', async (t) => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.anything()), (text) => {
    const parsed = parseToken(text)
    return parsed.type === 'rejected' || formatToken(parsed.token) === text
  }), runs)
  const rows: [string, unknown, string][] = [
    ['another version', '2.a.1.1.1..', 'version'],
    ['nothing', '', 'malformed'],
    ['a number', 17, 'malformed'],
    ['a position without a log', '1.a.1....', 'malformed'],
    ['a leading zero', '1..1.01...', 'malformed'],
    ['a log position of 65 bits', `1..1.${(1n << 64n).toString(36)}...`, 'malformed'],
    ['a timeline of 33 bits', `1..${(2 ** 32).toString(36)}.1...`, 'malformed'],
    ['one field too many', '1......s.', 'malformed'],
    ['upper case', '1..1.A...', 'malformed'],
    ['a long one', `1.${'a'.repeat(MAX_TOKEN_TEXT)}`, 'size'],
  ]
  for (const [name, text, reason] of rows) t.same(parseToken(text), { type: 'rejected', reason }, name)
})

await t.test('one character changed never gives the same token', async () => {
  fc.assert(fc.property(token, fc.nat(), fc.constantFrom(...'0123456789abcdefghijklmnopqrstuvwxyz.ABC-'), (given, at, character) => {
    const text = formatToken(given)
    const index = at % text.length
    const changed = text.slice(0, index) + character + text.slice(index + 1)
    if (changed === text) return true
    const parsed = parseToken(changed)
    return parsed.type === 'rejected' || formatToken(parsed.token) === changed
  }), runs)
})

await t.test('age', async (t) => {
  const age = { nowMs: 1_000_000, lifetimeMs: 100_000, skewMs: 1_000 }
  const at = (writtenAtMs: number | undefined, unlocatedAtMs?: number): SessionToken => ({ position: undefined, writtenAtMs, unlocatedAtMs, seen: 'x' })
  t.equal(judgeToken(at(1_000_900), age), null, 'clocks may be a little apart')
  t.equal(judgeToken(at(1_001_001), age), 'future')
  t.equal(judgeToken(at(undefined, 1_002_000), age), 'future', 'the time of an unlocated write counts too')
  t.equal(judgeToken(at(899_500), age), null, 'skew counts in favour of the token')
  t.equal(judgeToken(at(898_000), age), 'expired')
  t.equal(judgeToken(at(undefined), age), null, 'a token without a write has no age')
})

await t.test('a token never moves back', async (t) => {
  fc.assert(fc.property(token, token, (earlier, later) => {
    const merged = mergeTokens(earlier, later)
    const notBefore = (a: number | undefined, b: number | undefined): boolean => b === undefined || (a !== undefined && a >= b)
    return notBefore(merged.writtenAtMs, earlier.writtenAtMs) && notBefore(merged.writtenAtMs, later.writtenAtMs) &&
      notBefore(merged.unlocatedAtMs, earlier.unlocatedAtMs) && notBefore(merged.unlocatedAtMs, later.unlocatedAtMs)
  }), runs)
  const at = (timeline: number, lsn: bigint, system = '7'): Position => ({ system, timeline, lsn: lsnOf(lsn) })
  t.same(laterPosition(at(1, 9n), at(1, 5n)), at(1, 9n), 'the higher position stays')
  t.same(laterPosition(at(2, 5n), at(1, 9n)), at(2, 5n), 'the newer timeline stays, however far the older one got')
  t.same(laterPosition(at(1, 9n), at(2, 5n)), at(2, 5n))
  t.same(laterPosition(at(3, 9n), at(1, 5n, '8')), at(1, 5n, '8'), 'another system: what was stamped later')
  t.same(laterPosition(at(1, 9n), undefined), at(1, 9n))
})

function plain (given: SessionToken): unknown {
  return { ...given, position: given.position === undefined ? null : [given.position.system, given.position.timeline, given.position.lsn.toString()] }
}
