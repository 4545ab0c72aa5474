// Whatever comes over the network as a header, a cookie or a token is read without an exception, and quickly.

import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { hasFlyReplayFailed, parseFlyReplaySource, readHopMarker, writeFlyReplay, writeHopMarker } from '../../lib/core/replay-header.ts'
import type { ReplayTarget } from '../../lib/core/replay-transport.ts'
import { parseToken } from '../../lib/core/session-token.ts'
import { privateCacheControl, readCookies } from '../../lib/fastify/token-transport.ts'
import { looksSealed } from '../../lib/fastify/token-seal.ts'
import { hostileText, runs } from './fuzz.ts'

const mac = (text: string): string => createHmac('sha256', 'key').update(text).digest('base64url')
const NOW_MS = Date.UTC(2026, 0, 1)

await t.test('what the proxy is said to have sent is read or ignored', (t) => {
  fc.assert(fc.property(fc.oneof(hostileText, fc.array(hostileText)), (value) => {
    const headers = { 'fly-replay-src': value, 'fly-replay-failed': value }
    const origin = parseFlyReplaySource(headers)
    for (const field of [origin?.region, origin?.instance, origin?.state]) if (field !== undefined && !/^[A-Za-z0-9_.:-]+$/.test(field)) return false
    return hasFlyReplayFailed(headers)
  }), runs(2_000))
  t.end()
})

await t.test('no marker is valid that was not made with the key', (t) => {
  fc.assert(fc.property(hostileText, (text) => readHopMarker(text, { nowMs: NOW_MS, mac }).type === 'none'), runs(2_000))
  const real = writeHopMarker({ region: 'iad', nowMs: NOW_MS, mac, priority: 'borrowed' })
  fc.assert(fc.property(fc.nat(real.length - 1), fc.string({ minLength: 1, maxLength: 1 }), (at, other) => {
    const forged = real.slice(0, at) + other + real.slice(at + 1)
    return forged === real || readHopMarker(forged, { nowMs: NOW_MS, mac }).type === 'none'
  }), runs(2_000))
  t.end()
})

await t.test('tokens, cookies and cache directives of any kind', (t) => {
  fc.assert(fc.property(fc.oneof(hostileText, fc.anything()), (value) => {
    const parsed = parseToken(value)
    return parsed.type === 'rejected' || typeof value === 'string'
  }), runs(2_000))
  fc.assert(fc.property(hostileText, (text) => {
    const values = readCookies(text, 'multi-region')
    looksSealed(text)
    return values.length <= 4 && values.every((value) => value.length <= 201 && !value.includes(';'))
  }), runs(2_000))
  fc.assert(fc.property(hostileText, (text) => {
    const words = privateCacheControl(text).toLowerCase().split(',').map((word) => word.trim())
    return (words.includes('private') || words.includes('no-store')) && !words.includes('public')
  }), runs(1_000))
  t.end()
})

await t.test('a parser takes no time that grows faster than its text', (t) => {
  const long = 200_000
  const startedAt = performance.now()
  for (const text of [';'.repeat(long), 'region='.repeat(long), ' '.repeat(long), 'multi-region='.repeat(long), `${'a'.repeat(long)}!`, ',private='.repeat(long)]) {
    parseFlyReplaySource({ 'fly-replay-src': text })
    readHopMarker(text, { nowMs: NOW_MS, mac })
    readCookies(text, 'multi-region')
    looksSealed(text)
    parseToken(text)
  }
  t.ok(performance.now() - startedAt < 2_000)
  t.end()
})

/** Each field, as the header may carry it. */
const GRAMMAR = /^(?:(?:region=(?:[a-z0-9-]{1,63}|"[a-z0-9-]{1,63}(?:,[a-z0-9-]{1,63})+")|instance=[A-Za-z0-9][A-Za-z0-9_-]{0,63}|app=[a-z0-9][a-z0-9-]{0,62}|elsewhere=true|prefer_instance=[A-Za-z0-9][A-Za-z0-9_-]{0,63}|timeout=\d+(?:ms|s)|fallback=(?:prefer|force)_self|state=[A-Za-z0-9_.:-]{1,512})(?:;(?!$)|$))+$/

const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined })
const place = fc.oneof(hostileText, fc.constantFrom('fra', 'nrt', 'any'))
const target = fc.oneof(
  fc.record({
    region: maybe(fc.oneof(place, fc.array(place, { maxLength: 4 }), fc.anything())),
    instance: maybe(place),
    app: maybe(place),
    elsewhere: maybe(fc.oneof(fc.boolean(), hostileText)),
    preferInstance: maybe(place),
    state: maybe(hostileText),
    timeout: maybe(fc.oneof(fc.double(), fc.integer(), hostileText)),
    fallback: maybe(fc.oneof(fc.constantFrom('prefer-self', 'force-self'), hostileText)),
  }),
  fc.record({ region: fc.constant('fra'), state: hostileText }),
  fc.dictionary(fc.oneof(hostileText, fc.constantFrom('region', '__proto__', 'state')), fc.anything()),
  fc.anything())

await t.test('a replay target is written as documented or refused: nothing is injected', (t) => {
  let written = 0
  fc.assert(fc.property(target, (given) => {
    let header: string
    try {
      header = writeFlyReplay(given as ReplayTarget) // what a caller without types may pass
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'FST_MR_REPLAY_TARGET_INVALID') throw error
      return true
    }
    written++
    // As many fields as the target has: none came out of a value.
    const fields = Object.entries(given as object).filter(([, value]) => value !== undefined)
    return GRAMMAR.test(header) && header.split(';').length === fields.length
  }), runs(5_000))
  t.ok(written > 20, `${written} targets were valid`)
  t.end()
})

await t.test('a caller\'s state comes back as it was, behind a marker that it cannot change', (t) => {
  fc.assert(fc.property(hostileText, (state) => {
    let marker: string
    try {
      marker = writeHopMarker({ region: 'iad', nowMs: NOW_MS, mac, priority: 'native', state })
    } catch (error) {
      return (error as { code?: unknown }).code === 'FST_MR_REPLAY_TARGET_INVALID'
    }
    const read = readHopMarker(marker, { nowMs: NOW_MS, mac })
    return read.type === 'valid' && read.region === 'iad' && read.priority === 'native' && read.state === state
  }), runs(2_000))
  t.end()
})
