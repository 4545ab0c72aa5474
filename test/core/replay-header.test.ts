import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { hasFlyReplayFailed, parseFlyReplaySource, readHopMarker, writeFlyReplay, writeHopMarker } from '../../lib/core/replay-header.ts'
import type { ReplayTarget } from '../../lib/core/replay-transport.ts'

const mac = (text: string): string => createHmac('sha256', 'key').update(text).digest('base64url').slice(0, 16)
const otherMac = (text: string): string => createHmac('sha256', 'other').update(text).digest('base64url').slice(0, 16)

await t.test('every documented target is written as the proxy documents it', (t) => {
  const rows: readonly [ReplayTarget, string][] = [
    [{ region: 'fra' }, 'region=fra'],
    [{ region: ['fra'] }, 'region=fra'],
    [{ region: ['iad', 'any'] }, 'region="iad,any"'],
    [{ instance: '00bb33ff' }, 'instance=00bb33ff'],
    [{ app: 'other-app' }, 'app=other-app'],
    [{ app: 'other-app', region: 'nrt' }, 'app=other-app;region=nrt'],
    [{ elsewhere: true }, 'elsewhere=true'],
    [{ region: 'fra', preferInstance: '00bb33ff' }, 'region=fra;prefer_instance=00bb33ff'],
    [{ region: 'fra', state: 'a_b.c:d-e' }, 'region=fra;state=a_b.c:d-e'],
    [{ region: 'fra', timeout: 800 }, 'region=fra;timeout=800ms'],
    [{ region: 'fra', timeout: 10_000 }, 'region=fra;timeout=10s'],
    [{ region: 'fra', fallback: 'prefer-self' }, 'region=fra;fallback=prefer_self'],
    [{ region: 'fra', fallback: 'force_self' }, 'region=fra;fallback=force_self'],
    [{ region: 'fra', timeout: 5_000, fallback: 'prefer-self', state: 's' }, 'region=fra;timeout=5s;fallback=prefer_self;state=s'],
  ]
  for (const [target, header] of rows) t.equal(writeFlyReplay(target), header)
  t.end()
})

await t.test('nothing but a documented target is written', (t) => {
  const rows: readonly [unknown, RegExp][] = [
    [null, /must be an object/],
    ['fra', /must be an object/],
    [{}, /names no place/],
    [{ state: 'x' }, /names no place/],
    [{ region: 'fra;state=x' }, /`region`/],
    [{ region: 'fra\r\nset-cookie: a=b' }, /`region`/],
    [{ region: 'FRA' }, /`region`/],
    [{ region: '' }, /`region`/],
    [{ region: [] }, /empty list/],
    [{ region: ['fra', 'a"b'] }, /`region`/],
    [{ region: 7 }, /`region`/],
    [{ instance: 'a b' }, /`instance`/],
    [{ app: '../x' }, /`app`/],
    [{ elsewhere: false }, /`elsewhere`/],
    [{ region: 'fra', instance: 'x' }, /exclude each other/],
    [{ app: 'a', elsewhere: true }, /exclude each other/],
    [{ region: 'fra', regoin: 'x' }, /did you mean `region`/],
    [{ region: 'fra', zzzzzzzzzz: 1 }, /known are/],
    [{ region: 'fra', preferInstance: 'x;y' }, /`preferInstance`/],
    [{ region: 'fra', state: 'a;b' }, /`state`/],
    [{ region: 'fra', state: 'a b' }, /`state`/],
    [{ region: 'fra', state: '' }, /`state`/],
    [{ region: 'fra', timeout: 0 }, /`timeout`/],
    [{ region: 'fra', timeout: 1.5 }, /`timeout`/],
    [{ region: 'fra', timeout: '10s' }, /`timeout`/],
    [{ region: 'fra', timeout: Number.NaN }, /`timeout`/],
    [{ region: 'fra', fallback: 'constructor' }, /`fallback`/],
    [{ region: 'fra', fallback: 'none' }, /`fallback`/],
  ]
  for (const [target, message] of rows) {
    t.throws(() => writeFlyReplay(target as ReplayTarget), { code: 'FST_MR_REPLAY_TARGET_INVALID', message }, JSON.stringify(target))
  }
  t.end()
})

await t.test('no string of a caller adds a field or a line to the header', (t) => {
  fc.assert(fc.property(fc.string(), fc.string(), (region, state) => {
    try {
      const header = writeFlyReplay({ region, state })
      return header === `region=${region};state=${state}` && /^[a-z0-9-]+$/.test(region) && !/[;\s",=]/.test(state)
    } catch (error) {
      return (error as { code?: string }).code === 'FST_MR_REPLAY_TARGET_INVALID'
    }
  }), { seed: 4, numRuns: 2_000 })
  t.end()
})

await t.test('the source of a replay is read as the proxy writes it', (t) => {
  t.same(parseFlyReplaySource({ 'fly-replay-src': 'instance=00bb33ff;region=iad;t=1690000000000000;state=m1:iad:x:y' }), { region: 'iad', instance: '00bb33ff', state: 'm1:iad:x:y' })
  t.same(parseFlyReplaySource({ 'fly-replay-src': 'region=iad' }), { region: 'iad', instance: undefined, state: undefined })
  t.end()
})

await t.test('a hostile source says nothing, or what is left of it', (t) => {
  t.equal(parseFlyReplaySource({}), null)
  for (const text of ['', ';;;', '=', 'region', 'region=', 'region=;', 'region=a b', 'region="iad,any"', 'state=<script>', 'x'.repeat(5_000), `region=iad;${'x'.repeat(3_000)}`, '__proto__=1', 'constructor=iad']) {
    t.equal(parseFlyReplaySource({ 'fly-replay-src': text }), null, text.slice(0, 20))
  }
  t.equal(parseFlyReplaySource({ 'fly-replay-src': ['region=iad', 'region=fra'] }), null)
  t.match(parseFlyReplaySource({ 'fly-replay-src': 'region=iad;region=fra;state=a;state=b' }), { region: 'iad', state: 'a' }, 'what is appended does not count')
  fc.assert(fc.property(fc.string(), (text) => {
    const origin = parseFlyReplaySource({ 'fly-replay-src': text })
    return origin === null || /^[a-z0-9-]*$/.test(origin.region ?? '')
  }), { seed: 4, numRuns: 2_000 })
  t.end()
})

await t.test('a failed replay is told by the presence of its header', (t) => {
  t.notOk(hasFlyReplayFailed({}))
  for (const value of ['region=fra;reason=timeout', '', 'nonsense']) t.ok(hasFlyReplayFailed({ 'fly-replay-failed': value }))
  t.end()
})

await t.test('a marker is read back by whoever has the key', (t) => {
  const nowMs = Date.UTC(2026, 7, 1)
  const state = writeHopMarker({ region: 'iad', nowMs, mac, priority: 'native' })
  t.match(state, /^m1:iad:[0-9a-z]+:[\w-]{16}$/)
  t.ok(writeFlyReplay({ region: 'fra', state }).endsWith(`state=${state}`), 'it is allowed in the header')
  t.same(readHopMarker(state, { nowMs: nowMs + 1_000, mac }), { type: 'valid', region: 'iad', atMs: nowMs, priority: 'native', state: undefined })
  const borrowed = writeHopMarker({ region: 'iad', nowMs, mac, priority: 'borrowed', state: 'shard:7' })
  t.same(readHopMarker(borrowed, { nowMs, mac }), { type: 'valid', region: 'iad', atMs: nowMs, priority: 'borrowed', state: 'shard:7' })
  t.throws(() => writeHopMarker({ region: 'iad', nowMs, mac, priority: 'native', state: 'a b' }), { code: 'FST_MR_REPLAY_TARGET_INVALID' })
  t.end()
})

await t.test('a marker that does not verify is as good as none, with the reason', (t) => {
  const nowMs = Date.UTC(2026, 7, 1)
  const state = writeHopMarker({ region: 'iad', nowMs, mac, priority: 'native' })
  const rows = [
    [undefined, 'absent'],
    ['', 'malformed'],
    ['shard:7', 'malformed'],
    [state.slice(0, -1), 'malformed'],
    [state.replace('iad', 'nrt'), 'forged'],
    [state.replace('m1', 'b1'), 'forged'],
    [`m1:iad:${(nowMs + 1).toString(36)}:${state.split(':')[3]}`, 'forged'],
  ] as const
  for (const [text, reason] of rows) t.same(readHopMarker(text, { nowMs, mac }), { type: 'none', reason, state: text }, reason)
  t.match(readHopMarker(state, { nowMs, mac: otherMac }), { reason: 'forged' }, 'another key')
  t.match(readHopMarker(state, { nowMs: nowMs + 10 * 60_000, mac }), { reason: 'expired' }, 'recorded and sent again')
  t.match(readHopMarker(state, { nowMs: nowMs - 10 * 60_000, mac }), { reason: 'expired' }, 'from the future')
  t.match(readHopMarker(state, { nowMs: nowMs - 30_000, mac }), { type: 'valid' }, 'clocks differ a little')
  t.end()
})
