// Options and route config of any kind: settings, or a coded error that shows no secret; never anything else.

import fc from 'fast-check'
import t from 'tap'
import { resolveOptions, resolveRouteConfig, type PluginOptions } from '../../lib/core/options.ts'
import { hostileText, runs } from './fuzz.ts'

const PASSWORD = 'hunter2-secret'
const CODES = new Set(['FST_MR_OPTIONS_INVALID', 'FST_MR_TOPOLOGY_INVALID', 'FST_MR_DATABASE_URL_MISSING', 'FST_MR_KEY_INVALID'])

const names = ['database', 'region', 'primaryRegion', 'schema', 'name', 'replay', 'maxReplayBody', 'writeMethods', 'routes', 'consistency', 'maxStaleness', 'whenPrimaryIsDown', 'token', 'pool', 'trustPromotedReplica', 'connectTimeout', 'statementTimeout', 'closeTimeout', 'retries', 'health', 'metrics', 'serverTiming', 'hints', 'maxDepth', 'maxParameters', 'planCacheSize']
const url = hostileText.map((text) => `postgres://app:${PASSWORD}@${text}/x`)
const value = fc.oneof(
  fc.anything({ withNullPrototype: true, maxDepth: 2 }), hostileText, url, fc.double(), fc.boolean(), fc.constant(undefined),
  fc.constantFrom('session', 'strong', 'fly', 'off', 'read', 'write', 'stale'),
  fc.array(fc.record({ url: hostileText, method: hostileText, intent: hostileText }, { requiredKeys: [] }), { maxLength: 3 }),
  fc.record({ primary: fc.oneof(url, fc.array(url), fc.anything()), replica: fc.oneof(url, fc.anything()) }, { requiredKeys: [] }),
  fc.dictionary(fc.constantFrom('max', 'primaryMax', 'queueSize', 'key', 'cookie', 'header', 'mode', 'window', 'interval', 'reads', 'registry', 'route', '__proto__'), fc.oneof(fc.anything(), hostileText, fc.integer())))
const input = fc.oneof(
  fc.dictionary(fc.oneof({ arbitrary: fc.constantFrom(...names), weight: 9 }, { arbitrary: hostileText, weight: 1 }), value, { maxKeys: 5 }),
  fc.record({ database: fc.constant(`postgres://app:${PASSWORD}@127.0.0.1/x`), serverTiming: fc.boolean(), statementTimeout: fc.integer({ min: -1, max: 60_000 }), name: fc.oneof(fc.constant('db'), hostileText), maxReplayBody: fc.oneof(fc.nat(), value) }, { requiredKeys: ['database'] }),
  fc.anything())
const environment = fc.dictionary(fc.constantFrom('DATABASE_URL', 'DATABASE_REPLICA_URL', 'FLY_REGION', 'PRIMARY_REGION', 'MULTI_REGION_KEY', 'NODE_ENV'), fc.oneof(hostileText, url, fc.constantFrom('fra', 'iad', `postgres://app:${PASSWORD}@127.0.0.1/x`)))

await t.test('options', (t) => {
  let valid = 0
  fc.assert(fc.property(input, environment, (options, env) => {
    try {
      const resolved = resolveOptions(options as PluginOptions, env) // what a caller without types may pass
      valid++
      return Object.isFrozen(resolved) && !JSON.stringify({ ...resolved, schema: undefined, metrics: undefined, replay: undefined, token: undefined }, (_key, one: unknown) => typeof one === 'bigint' ? String(one) : one).includes(PASSWORD)
    } catch (error) {
      if (!(error instanceof Error) || !CODES.has(String((error as { code?: unknown }).code))) throw error
      return !`${error.message} ${JSON.stringify(error)}`.includes(PASSWORD)
    }
  }), runs(1_500))
  t.ok(valid > 50, `${valid} were valid`)
  t.end()
})

await t.test('route config', (t) => {
  const config = fc.oneof(fc.dictionary(fc.oneof(fc.constantFrom('intent', 'consistency', 'maxStaleness', 'whenPrimaryIsDown', 'statementTimeout', 'token'), hostileText), value, { maxKeys: 4 }), fc.anything())
  fc.assert(fc.property(config, fc.boolean(), (given, hasToken) => {
    const result = resolveRouteConfig(given, { hasToken })
    return result.type === 'valid' ? Object.isFrozen(result.config) : result.problems.length > 0 && !result.problems.join().includes(PASSWORD)
  }), runs(1_500))
  t.end()
})

await t.test('keys of objects that came as JSON change nothing of anybody else', (t) => {
  for (const text of ['{"__proto__":{"polluted":1}}', '{"pool":{"__proto__":{"polluted":1}}}', '{"constructor":{"prototype":{"polluted":1}}}']) {
    const given: unknown = JSON.parse(text)
    t.throws(() => resolveOptions(given as PluginOptions, { DATABASE_URL: 'postgres://a@b/c' }), { code: 'FST_MR_OPTIONS_INVALID' })
    t.equal(resolveRouteConfig(given, { hasToken: true }).type, 'invalid')
  }
  t.equal(({} as { polluted?: unknown }).polluted, undefined)
  t.end()
})
