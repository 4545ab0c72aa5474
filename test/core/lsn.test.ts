import fc from 'fast-check'
import t from 'tap'
import { compareLsn, formatLsn, lsnOf, normaliseInsertLsn, parseLsn, type Lsn } from '../../lib/core/lsn.ts'

const anyLsn = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }).map(lsnOf)
const geometry = { blockSizeBytes: 8192, segmentSizeBytes: 16 * 1024 * 1024 }
const lsn = (text: string): Lsn => parseLsn(text) ?? t.bailout(`${text} should be a position`) as never

await t.test('text and position are one another\'s inverse', async () => {
  fc.assert(fc.property(anyLsn, (value) => parseLsn(formatLsn(value)) === value))
})

await t.test('the text is written as the server writes it', async (t) => {
  t.equal(formatLsn(lsn('16/b374d848')), '16/B374D848')
  t.equal(formatLsn(lsn('0/0')), '0/0')
  t.equal(lsn('1/0'), 1n << 32n)
  t.equal(lsn('FFFFFFFF/FFFFFFFF'), (1n << 64n) - 1n)
})

await t.test('what is no position gives undefined, and never throws', async (t) => {
  for (const text of ['', '/', '1', '1/', '/1', '1/2/3', 'g/0', '123456789/0', '0/123456789', ' 0/0', '0/0\n', '-1/0', '0x1/0']) t.equal(parseLsn(text), undefined, JSON.stringify(text))
  fc.assert(fc.property(fc.string(), (text) => { const parsed = parseLsn(text); return parsed === undefined || typeof parsed === 'bigint' }))
})

await t.test('a number outside 64 bits is refused', async (t) => {
  t.throws(() => lsnOf(-1n), RangeError)
  t.throws(() => lsnOf(1n << 64n), RangeError)
})

await t.test('order is the order of the log', async (t) => {
  t.equal(compareLsn(lsn('0/FFFFFFFF'), lsn('1/0')), -1)
  t.equal(compareLsn(lsn('1/0'), lsn('0/FFFFFFFF')), 1)
  t.equal(compareLsn(lsn('A/A'), lsn('a/a')), 0)
})

await t.test('an insert position behind an unwritten page header is moved to the end of the page before', async (t) => {
  t.equal(formatLsn(normaliseInsertLsn(lsn('0/3002018'), geometry)), '0/3002000')
  t.equal(formatLsn(normaliseInsertLsn(lsn('0/3000028'), geometry)), '0/3000000', 'a segment begins with a longer header')
  for (const text of ['0/3002019', '0/3002028', '0/3000018', '0/3002000', '0/0']) {
    const expected = text === '0/3000018' ? '0/3000000' : text
    t.equal(formatLsn(normaliseInsertLsn(lsn(text), geometry)), expected, text)
  }
  const other = { blockSizeBytes: 16384, segmentSizeBytes: 64 * 1024 * 1024 }
  t.equal(formatLsn(normaliseInsertLsn(lsn('0/3002018'), other)), '0/3002018', 'in the middle of a larger page it is a position like any other')
})

await t.test('normalising moves a position by a header or not at all', async () => {
  fc.assert(fc.property(anyLsn, (value) => [0n, 24n, 40n].includes(value - normaliseInsertLsn(value, geometry))))
})
