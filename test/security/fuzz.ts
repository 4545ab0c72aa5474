// What the fuzz tests share: a seed that is printed and can be given again, and strings of the hostile kind.

import { randomInt } from 'node:crypto'
import fc from 'fast-check'

/** Fixed unless MULTI_REGION_FUZZ_SEED says otherwise: a number, or `random`. */
const given = process.env['MULTI_REGION_FUZZ_SEED']
export const seed = given === 'random' ? randomInt(2 ** 31) : Number(given ?? 20_261_121)

/** fast-check prints the seed and the path of whatever fails. */
export const runs = (numRuns: number): { readonly seed: number, readonly numRuns: number } => ({ seed, numRuns })

/** What ends a field, a value, a header, a line or a string somewhere. */
const splinters = fc.constantFrom(';', '=', ',', ':', '"', '\'', '\r\n', '\n', '\0', ' ', '\t', '..', '/', '\\', '%0d%0a', '%3b', 'é', '\u2028', '\uD800', 'ſ', '__proto__', 'constructor', 'true', 'null', '-1', '9'.repeat(30))
const words = fc.constantFrom('region=fra', 'region=nrt', 'instance=fra1', 'state=m1:iad:x:y', 'app=other', 'elsewhere=true', 'fallback=force_self', 'timeout=10m', 't=1700000000000000', 'reason=timeout', 'fra', 'nrt', 'any', 'm1', 'b1')

/** Any text, of plausible words with splinters between them, or of nothing known. */
export const hostileText: fc.Arbitrary<string> = fc.oneof(
  fc.array(fc.oneof(splinters, words, fc.string({ maxLength: 8 })), { maxLength: 12 }).map((parts) => parts.join('')),
  fc.string({ unit: 'binary', maxLength: 60 }),
  words,
  fc.integer({ min: 1, max: 6_000 }).map((length) => 'a'.repeat(length)))

/** What Node's client lets out as a header's value; together they stay below the 16 kB that Node's server reads. */
export const headerText: fc.Arbitrary<string> = hostileText.map((text) => text.replace(/[^\t\x20-\x7E\x80-\xFF]/g, '').slice(0, 300))
