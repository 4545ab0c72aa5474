import { inspect } from 'node:util'
import t from 'tap'
import { resolveClientOptions, resolveOptions, resolveRouteConfig, type ClientOptions, type PluginOptions } from '../../lib/core/options.ts'

const url = 'postgres://ada:hunter2@db.example.com/books'
const key = '0123456789abcdef'.repeat(4)

/** The message of the error, for what the types would not let through. */
function refusal (input: unknown, env: Record<string, string> = {}): string {
  try {
    resolveOptions(input as PluginOptions, env)
  } catch (error) {
    return `${(error as { code: string }).code} ${(error as Error).message}`
  }
  return 'accepted'
}

await t.test('DATABASE_URL alone is a complete configuration: one database, no replay, no noise', (t) => {
  const options = resolveOptions({}, { DATABASE_URL: url })
  t.match(options, {
    name: 'db', region: undefined, primaryRegion: undefined, replay: 'off', consistency: 'eventual', token: undefined, warnings: [], hints: true, serverTiming: false,
  })
  t.match(options.database, { primary: [{ name: 'primary', host: 'db.example.com' }], replica: undefined, findPrimary: undefined })
  t.end()
})

await t.test('the defaults are those of the reference', (t) => {
  t.match(resolveOptions({ token: { key } }, { DATABASE_URL: url }), {
    maxReplayBodyBytes: 1_000_000,
    writeMethods: ['POST', 'PUT', 'PATCH', 'DELETE'],
    consistency: 'session',
    whenPrimaryIsDown: 'fail',
    pool: { max: 10, primaryMax: 5, queueSize: 1_000, queueTimeoutMs: 2_000, idleTimeoutMs: 60_000, prepare: true, borrowedShare: 1 / 3 },
    trustPromotedReplica: false,
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 15_000,
    closeTimeoutMs: 4_000,
    retries: { reads: 1, conflicts: 2 },
    health: { intervalMs: 1_000, failures: 3, cooldownMs: 5_000 },
    limits: { maxDepth: 10, maxParameters: 32_000 },
    planCacheSize: 1_000,
    metrics: false,
    maxStalenessMs: undefined,
    token: {
      mode: 'lsn',
      windowMs: 10_000,
      lifetimeMs: 86_400_000,
      waitTimeoutMs: 100,
      wait: 'auto',
      stampTimeoutMs: 50,
      header: 'multi-region-token',
      cookie: { name: 'multi-region', domain: undefined, path: '/', sameSite: 'lax', secure: 'auto' },
    },
  })
  t.end()
})

await t.test('what is explicit wins over the environment', (t) => {
  const env = { DATABASE_URL: 'postgres://env/x', DATABASE_REPLICA_URL: 'postgres://envreplica/x', FLY_REGION: 'nrt', PRIMARY_REGION: 'gru', NODE_ENV: 'production' }
  const options = resolveOptions({ database: { primary: url, replica: 'postgres://replica/books' }, region: 'IAD', primaryRegion: 'fra', hints: 'on' }, env)
  t.match(options, { region: 'iad', primaryRegion: 'fra', replay: 'fly', hints: true, database: { primary: [{ host: 'db.example.com' }], replica: { host: 'replica' } } })
  t.equal(resolveOptions({}, { DATABASE_URL: url, NODE_ENV: 'production' }).hints, false)
  t.end()
})

await t.test('the replica comes from the environment, or from a Fly host\'s name', (t) => {
  const regions = { FLY_REGION: 'iad', PRIMARY_REGION: 'fra' }
  t.match(resolveOptions({}, { ...regions, DATABASE_URL: url, DATABASE_REPLICA_URL: 'postgres://replica/books' }).database.replica, { name: 'replica', host: 'replica' })
  t.match(resolveOptions({ database: url }, { ...regions, DATABASE_URL: url, DATABASE_REPLICA_URL: 'postgres://replica/books' }).database.replica, { host: 'replica' }, 'the environment, spelt out')
  t.equal(resolveOptions({ database: url }, { DATABASE_REPLICA_URL: 'postgres://replica/books' }).database.replica, undefined, 'a replica of another database is not taken')
  const fly = resolveOptions({}, { ...regions, DATABASE_URL: 'postgres://ada:x@top1.nearest.of.shop.internal:5432/books' })
  t.match(fly, { replay: 'fly', warnings: [], database: { primary: [{ host: 'top1.nearest.of.shop.internal', port: 5432 }], replica: { host: 'iad.shop.internal', port: 5433 } } })
  t.match(resolveOptions({ database: url }, regions).warnings, [/every read crosses/])
  t.same(resolveOptions({ database: url }, { FLY_REGION: 'fra', PRIMARY_REGION: 'fra' }).warnings, [], 'the primary\'s region needs no replica')
  t.end()
})

await t.test('the primary may be a list, or be found', async (t) => {
  const list = resolveOptions({ database: { primary: [url, 'postgres://two/books'] } }, {})
  t.same(list.database.primary.map((endpoint) => endpoint.name), ['primary[0]', 'primary[1]'])
  const found = resolveOptions({ database: { primary: async () => 'postgres://found/books' } }, {})
  t.same(found.database.primary, [])
  t.match(await found.database.findPrimary?.(), [{ name: 'primary', host: 'found' }])
  const wrong = resolveOptions({ database: { primary: async () => 'mysql://found/books' } }, {})
  await t.rejects(async () => wrong.database.findPrimary?.(), { code: 'FST_MR_OPTIONS_INVALID' })
})

await t.test('replay is resolved: auto by FLY_REGION, and a transport as it is', (t) => {
  const transport = { name: 'x', accepts: () => true, origin: () => null, failed: () => false, answer: () => ({ statusCode: 409, headers: {} }) }
  const regions = { region: 'iad', primaryRegion: 'fra' }
  t.equal(resolveOptions({ database: url, ...regions }, {}).replay, 'off', 'no platform')
  t.equal(resolveOptions({ database: url, ...regions }, { FLY_REGION: 'iad' }).replay, 'fly')
  t.equal(resolveOptions({ database: url, ...regions, replay: 'off' }, { FLY_REGION: 'iad' }).replay, 'off')
  t.equal(resolveOptions({ database: url, ...regions, replay: 'fly' }, {}).replay, 'fly')
  t.equal(resolveOptions({ database: url, ...regions, replay: transport }, {}).replay, transport)
  t.match(refusal({ database: url, replay: 'fly' }), /needs to know where/)
  t.match(refusal({ database: url, replay: {} }), /no replay transport/)
  t.match(refusal({ database: url, replay: 'flyy' }), /did you mean 'fly'/)
  t.end()
})

await t.test('half a topology, and one that contradicts itself, fail at start', (t) => {
  const rows: readonly [string, Record<string, string>, RegExp][] = [
    ['a region without the primary\'s', { DATABASE_URL: url, FLY_REGION: 'iad' }, /set PRIMARY_REGION/],
    ['the primary\'s region without an own', { DATABASE_URL: url, PRIMARY_REGION: 'fra' }, /set FLY_REGION/],
    ['a replica without a primary', { DATABASE_REPLICA_URL: url }, /DATABASE_URL is not/],
    ['a code that cannot be one', { DATABASE_URL: url, FLY_REGION: 'fra;x', PRIMARY_REGION: 'fra' }, /FLY_REGION must be/],
    ['a member of another region as primary', { DATABASE_URL: 'postgres://iad.shop.internal:5433/x', FLY_REGION: 'iad', PRIMARY_REGION: 'fra' }, /port 5432/],
  ]
  for (const [name, env, message] of rows) {
    t.match(refusal({}, env), /^FST_MR_TOPOLOGY_INVALID/, name)
    t.match(refusal({}, env), message, name)
  }
  t.match(refusal({}), /^FST_MR_DATABASE_URL_MISSING/)
  t.match(refusal({}, { DATABASE_URL: ' ' }), /^FST_MR_DATABASE_URL_MISSING/, 'empty is unset')
  t.equal(refusal({ replay: 'off' }, { DATABASE_URL: url, FLY_REGION: 'iad' }), 'accepted', 'no replay, no target')
  t.end()
})

await t.test('each wrong option is named, with its remedy', (t) => {
  const rows: readonly [object, RegExp][] = [
    [{ databse: url }, /`databse` is not an option; did you mean `database`/],
    [{ zzzzzzzzzzzzzzzz: 1 }, /`zzzzzzzzzzzzzzzz` is not an option; known are/],
    [{ pool: { maxx: 1 } }, /`pool.maxx` is not an option; did you mean `pool.max`/],
    [{ pool: 5 }, /`pool` must be an object/],
    [{ pool: { max: 0 } }, /`pool.max` must be a whole number from 1/],
    [{ pool: { max: 1.5 } }, /`pool.max`/],
    [{ pool: { prepare: 'no' } }, /`pool.prepare` must be true or false/],
    [{ pool: { borrowedShare: 2 } }, /`pool.borrowedShare`/],
    [{ connectTimeout: '5s' }, /`connectTimeout` must be a number of milliseconds/],
    [{ connectTimeout: Number.NaN }, /`connectTimeout`/],
    [{ statementTimeout: 2 ** 31 }, /`statementTimeout`/],
    [{ closeTimeout: -1 }, /`closeTimeout`/],
    [{ maxParameters: 70_000 }, /`maxParameters`/],
    [{ retries: { reads: -1 } }, /`retries.reads`/],
    [{ health: { interval: 0 } }, /`health.interval`/],
    [{ region: 'a b' }, /`region`/],
    [{ primaryRegion: 7 }, /`primaryRegion`/],
    [{ schema: 'x' }, /`schema` must be the schema's module/],
    [{ name: 'my db' }, /`name` must be an identifier/],
    [{ name: 'multiRegion' }, /`name` must not be/],
    [{ trustPromotedReplica: 'yes' }, /`trustPromotedReplica`/],
    [{ maxReplayBody: -1 }, /`maxReplayBody` must be a whole number of bytes/],
    [{ writeMethods: 'POST' }, /`writeMethods` must be a list/],
    [{ writeMethods: ['PO ST'] }, /`writeMethods` must name HTTP methods/],
    [{ writeMethods: ['POST', 'HEAD'] }, /must not contain HEAD/],
    [{ consistency: 'sesion' }, /did you mean 'session'/],
    [{ consistency: 'session' }, /needs the option `token`/],
    [{ maxStaleness: 0 }, /`maxStaleness`/],
    [{ whenPrimaryIsDown: 'stall' }, /did you mean 'stale'/],
    [{ metrics: true }, /`metrics` must be an object/],
    [{ metrics: { route: 'metrics' } }, /`metrics.route`/],
    [{ metrics: { registry: 1 } }, /`metrics.registry`/],
    [{ serverTiming: 1 }, /`serverTiming`/],
    [{ hints: true }, /`hints` must be one of/],
    [{ routes: {} }, /`routes` must be a list/],
    [{ routes: [7] }, /`routes\[0\]` must be an object/],
    [{ routes: [{ url: 'graphql' }] }, /`routes\[0\].url`/],
    [{ routes: [{ url: '/graphql', intnet: 'auto' }] }, /did you mean `routes\[0\].intent`/],
    [{ routes: [{ url: '/graphql', method: 'G T' }] }, /`routes\[0\].method`/],
    [{ token: true }, /`token` must be an object/],
    [{ token: { secret: 'short' } }, /`token.secret` must be/],
    [{ token: { secret: 7 } }, /`token.secret` must be/],
    [{ token: { key, secret: 'x'.repeat(32) } }, /exclude each other/],
    [{ token: { key, salt: 'x'.repeat(32) } }, /`token.salt`/],
    [{ token: { secret: 'x'.repeat(32), salt: 'short' } }, /`token.salt` must be 16 bytes/],
    [{ token: { key, mode: 'time-based' } }, /`token.mode`/],
    [{ token: { key, cookie: { name: 'a b' } } }, /`token.cookie.name`/],
    [{ token: { key, cookie: { path: 'x' } } }, /`token.cookie.path`/],
    [{ token: { key, cookie: { domain: 'x;y' } } }, /`token.cookie.domain`/],
    [{ token: { key, cookie: { secure: 'never' } } }, /`token.cookie.secure`/],
    [{ token: { key, cookie: { sameSite: 'none', secure: false } } }, /browsers refuse/],
    [{ token: { key, cookie: false, header: false } }, /both off/],
    [{ token: { key, header: 'a b' } }, /`token.header`/],
    [{ database: 7 }, /`database` must be a URL/],
    [{ database: { replica: url } }, /`database.primary` is missing/],
    [{ database: { primary: [] } }, /empty list/],
    [{ database: { primary: url, replica: 'mysql://ada:hunter2@x/y' } }, /`database.replica` must be a URL/],
    [{ database: { primary: [url, 'nonsense'] } }, /`database.primary\[1\]`/],
    [{ database: { primary: url, reader: url } }, /`database.reader` is not an option/],
  ]
  for (const [input, message] of rows) {
    const text = refusal({ database: url, ...input })
    t.match(text, /^FST_MR_OPTIONS_INVALID/, inspect(input))
    t.match(text, message)
    t.notMatch(text, /hunter2/)
  }
  t.match(refusal(null), /must be an object/)
  t.match(refusal('x'), /must be an object/)
  t.end()
})

await t.test('all problems come in one error, options before the environment', (t) => {
  const text = refusal({ pool: { max: 0 }, connectTimeout: -1, hints: 'maybe', token: { key: 'short' } })
  t.match(text, /^FST_MR_OPTIONS_INVALID/)
  for (const name of ['pool.max', 'connectTimeout', 'hints', 'token.key']) t.match(text, new RegExp(`\`${name}\``))
  t.equal(text.split('\n').length, 5)
  t.end()
})

await t.test('a token key is 32 bytes in any of its forms, and a wrong one has a code of its own', (t) => {
  const bytes = Buffer.alloc(32, 7)
  for (const form of [bytes, new Uint8Array(bytes), bytes.toString('hex'), bytes.toString('base64'), bytes.toString('base64url')]) {
    t.same(resolveOptions({ database: url, token: { key: form } }, {}).token?.keys, [Uint8Array.from(bytes)])
  }
  t.equal(resolveOptions({ database: url, token: { key: [key, bytes] } }, {}).token?.keys.length, 2)
  t.equal(resolveOptions({ database: url, token: {} }, { MULTI_REGION_KEY: key }).token?.keys.length, 1)
  t.equal(resolveOptions({ database: url, token: {} }, {}).token?.keys.length, 0, 'perhaps the app\'s own session is reused')
  t.equal(resolveOptions({ database: url, token: { secret: 'x'.repeat(32), salt: Buffer.alloc(16) } }, { MULTI_REGION_KEY: key }).token?.keys.length, 0)
  for (const wrong of ['short', Buffer.alloc(31), 7, [], [key, 'short']]) t.match(refusal({ database: url, token: { key: wrong } }), /^FST_MR_KEY_INVALID/, inspect(wrong))
  t.match(refusal({ database: url, token: {} }, { MULTI_REGION_KEY: 'short' }), /^FST_MR_KEY_INVALID MULTI_REGION_KEY/)
  t.end()
})

await t.test('secrets are not printed, and the input is neither changed nor kept open', (t) => {
  const input = { database: { primary: url }, token: { key: ['hunter2'.padEnd(43, 'A')] }, writeMethods: ['post'], pool: { max: 3 } }
  const before = structuredClone(input)
  const options = resolveOptions(input, {})
  t.same(input, before)
  t.notMatch(inspect(options, { depth: 9 }) + JSON.stringify(options), /hunter2/)
  t.ok(Object.isFrozen(options) && Object.isFrozen(options.pool) && Object.isFrozen(options.database.primary) && Object.isFrozen(options.token?.cookie))
  t.same(options.writeMethods, ['POST'])
  t.end()
})

await t.test('the objects of the user are handed on as they are', (t) => {
  const schema = { Post: {} }
  const registry = { metrics: () => '' }
  const options = resolveOptions({ database: { primary: { host: 'h', ssl: { ca: 'x' } } }, schema, metrics: { registry, route: '/metrics' } }, {})
  t.equal(options.schema, schema)
  t.notOk(Object.isFrozen(schema) || Object.isFrozen(registry))
  t.match(options.metrics, { registry, route: '/metrics' })
  t.end()
})

await t.test('what `register` understands itself is let through', (t) => {
  t.equal(refusal({ database: url, prefix: '/x', logLevel: 'warn' }), 'accepted')
  t.end()
})

await t.test('createClient takes the client\'s options alone', (t) => {
  const options = resolveClientOptions({ database: url, pool: { max: 2 }, consistency: 'strong' }, {})
  t.match(options, { pool: { max: 2 }, consistency: 'strong', statementTimeoutMs: 15_000 })
  const refused = (input: object): string => {
    try {
      resolveClientOptions(input as ClientOptions, {})
    } catch (error) {
      return (error as Error).message
    }
    return 'accepted'
  }
  t.match(refused({ database: url, name: 'x' }), /`name` is an option of the plugin/)
  t.match(refused({ database: url, poool: {} }), /did you mean `pool`/)
  t.match(refused({ database: url, consistency: 'session' }), /across requests/)
  t.equal(refused({ database: url, region: 'iad' }), 'accepted')
  t.match(refused({}), /DATABASE_URL/)
  t.end()
})

await t.test('a route\'s config is words of a closed set', (t) => {
  t.same(resolveRouteConfig({ intent: 'auto', consistency: 'strong', maxStaleness: 500, whenPrimaryIsDown: 'stale', statementTimeout: 9, token: { wait: 'never' } }, { hasToken: false }), {
    type: 'valid',
    config: { intent: 'auto', consistency: 'strong', maxStalenessMs: 500, whenPrimaryIsDown: 'stale', statementTimeoutMs: 9, wait: 'never' },
  })
  t.match(resolveRouteConfig({ intend: 'write' }, { hasToken: false }), { type: 'invalid', problems: [/did you mean `intent`/] })
  t.match(resolveRouteConfig({ intent: 'writes' }, { hasToken: false }), { type: 'invalid', problems: [/did you mean 'write'/] })
  t.match(resolveRouteConfig({ consistency: 'session' }, { hasToken: false }), { type: 'invalid', problems: [/needs the option `token`/] })
  t.match(resolveRouteConfig({ consistency: 'session' }, { hasToken: true }), { type: 'valid' })
  for (const wrong of [true, null, 'write', []]) t.match(resolveRouteConfig(wrong, { hasToken: true }), { type: 'invalid' })
  t.end()
})

await t.test('rows of `routes` are read like a route\'s config', (t) => {
  const { routes } = resolveOptions({ database: url, routes: [{ url: '/graphql', intent: 'auto' }, { url: '/x', method: ['get', 'post'], consistency: 'strong' }] }, {})
  t.match(routes, [{ url: '/graphql', methods: undefined, config: { intent: 'auto' } }, { url: '/x', methods: ['GET', 'POST'], config: { consistency: 'strong' } }])
  t.end()
})
