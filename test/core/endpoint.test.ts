import { inspect } from 'node:util'
import t from 'tap'
import { deriveReplica, EndpointProblem, isSamePlace, parseEndpoint, parseFlyHost, redact, type EndpointInput } from '../../lib/core/endpoint.ts'

await t.test('both schemes and postgres.js options say the same endpoint', (t) => {
  const inputs: EndpointInput[] = [
    'postgres://ada:s%2Fecret@db.example.com:6000/books',
    'postgresql://ada:s%2Fecret@db.example.com:6000/books',
    { host: 'db.example.com', port: 6000, user: 'ada', password: 's/ecret', database: 'books' },
    { host: 'db.example.com', port: 6000, username: 'ada', pass: 's/ecret', database: 'books' },
  ]
  for (const input of inputs) {
    const endpoint = parseEndpoint(input, 'primary')
    t.same({ ...endpoint }, { name: 'primary', host: 'db.example.com', port: 6000, database: 'books', user: 'ada', ssl: 'disable', parameters: {} })
    t.equal(endpoint.password, 's/ecret')
    t.ok(Object.isFrozen(endpoint))
  }
  t.end()
})

await t.test('what a URL leaves out has libpq\'s defaults', (t) => {
  t.match(parseEndpoint('postgres://localhost', 'primary'), { host: 'localhost', port: 5432, user: 'postgres', database: 'postgres', password: undefined })
  t.match(parseEndpoint('postgres://ada@localhost', 'primary'), { user: 'ada', database: 'ada' })
  t.match(parseEndpoint('postgres://ada@[fdaa::3]:5433/x', 'primary'), { host: 'fdaa::3', port: 5433 })
  t.match(parseEndpoint('postgres://ada@%2Fvar%2Frun/x', 'primary'), { host: '/var/run' })
  t.match(parseEndpoint('postgres:///x?host=/var/run&user=ada&password=secret', 'primary'), { host: '/var/run', user: 'ada', database: 'x' })
  t.match(parseEndpoint({ path: '/var/run/.s.PGSQL.5432', user: 'ada' }, 'primary'), { host: '/var/run' })
  t.end()
})

await t.test('parameters of other clients do not reach the server', (t) => {
  const endpoint = parseEndpoint('postgres://h/d?sslmode=require&pgbouncer=true&connection_limit=5&application_name=shop&schema=sa%22les', 'primary')
  t.same(endpoint.parameters, { application_name: 'shop', search_path: '"sa""les"' })
  t.equal(endpoint.ssl, 'require')
  t.end()
})

await t.test('each sslmode and ssl option has one meaning', (t) => {
  const rows = [['disable', 'disable'], ['allow', 'prefer'], ['prefer', 'prefer'], ['require', 'require'], ['verify-ca', 'verify-full'], ['verify-full', 'verify-full']] as const
  for (const [word, mode] of rows) t.equal(parseEndpoint(`postgres://h/d?sslmode=${word}`, 'p').ssl, mode)
  t.equal(parseEndpoint({ host: 'h', ssl: true }, 'p').ssl, 'require')
  t.equal(parseEndpoint({ host: 'h', ssl: false }, 'p').ssl, 'disable')
  t.equal(parseEndpoint('postgres://h/d?ssl=true', 'p').ssl, 'require')
  t.same(parseEndpoint({ host: 'h', ssl: { ca: 'x' } }, 'p').ssl, { ca: 'x' })
  t.end()
})

await t.test('wrong endpoints are refused without a word of their secrets', (t) => {
  const rows: readonly [unknown, RegExp][] = [
    ['mysql://ada:hunter2@h/d', /begins with postgres/],
    ['postgres://ada:hunter2@h:port/d', /is not a URL/],
    ['postgres://ada:hunter2%@h/d', /percent-encoded/],
    ['postgres://ada:hunter2@h1,h2/d', /several hosts/],
    ['postgres://h1:1,h2:2/hunter2', /several hosts/],
    ['postgres:///d', /names no host/],
    ['postgres://h/d?sslmode=hunter2', /unknown sslmode/],
    [{ hosst: 'hunter2' }, /did you mean `host`/],
    [{ host: 'h', max: 3 }, /unknown field `max`/],
    [{ user: 'hunter2' }, /names no `host`/],
    [{ host: 'h', port: 0 }, /`port`/],
    [{ host: 'h', password: 7 }, /`password`/],
    [{ host: 'h', user: 7 }, /`user`/],
    [{ host: 'h', ssl: 7 }, /`ssl`/],
    [{ host: 'h', ssl: null }, /`ssl`/],
    [null, /URL or an object/],
    [['postgres://h'], /URL or an object/],
  ]
  for (const [input, message] of rows) {
    try {
      parseEndpoint(input as EndpointInput, 'primary')
      t.fail(`accepted ${inspect(input)}`)
    } catch (error) {
      t.ok(error instanceof EndpointProblem)
      t.match((error as Error).message, message)
      t.notMatch(inspect(error), /hunter2/, 'the input is not quoted')
    }
  }
  t.end()
})

await t.test('a password is not printed, spread or serialised', (t) => {
  const endpoint = parseEndpoint('postgres://ada:hunter2@h/d', 'primary')
  t.notMatch(JSON.stringify(endpoint) + inspect(endpoint, { depth: 9 }) + JSON.stringify({ ...endpoint }), /hunter2/)
  t.end()
})

await t.test('the replica of a Fly host is the member in the region, and deriving twice changes nothing', (t) => {
  for (const host of ['shop-db.internal', 'top1.nearest.of.shop-db.internal', 'fra.shop-db.internal', 'nrt.shop-db.internal']) {
    const primary = parseEndpoint(`postgres://ada:secret@${host}:5432/books?application_name=x`, 'primary')
    const replica = deriveReplica(primary, 'nrt')
    t.match(replica, { name: 'replica', host: 'nrt.shop-db.internal', port: 5433, database: 'books', user: 'ada', parameters: { application_name: 'x' } })
    t.equal(replica?.password, 'secret')
    if (replica !== undefined) t.same(deriveReplica(replica, 'nrt'), replica)
  }
  for (const host of ['shop-db.flycast', 'db.example.com', '10.0.0.1', 'a.b.c.internal', 'internal', 'localhost']) {
    t.equal(deriveReplica(parseEndpoint(`postgres://ada@${host}/books`, 'primary'), 'nrt'), undefined, host)
  }
  t.same(parseFlyHost('global.shop.internal'), { app: 'shop', region: undefined })
  t.end()
})

await t.test('two endpoints are the same place by host, port and database', (t) => {
  const a = parseEndpoint('postgres://ada@DB.example.com/x', 'primary')
  t.ok(isSamePlace(a, parseEndpoint('postgres://bob@db.example.com:5432/x', 'replica')))
  t.notOk(isSamePlace(a, parseEndpoint('postgres://ada@db.example.com:5433/x', 'replica')))
  t.notOk(isSamePlace(a, parseEndpoint('postgres://ada@db.example.com/y', 'replica')))
  t.end()
})

await t.test('redact strikes passwords out of any text', (t) => {
  t.equal(redact('cannot reach postgres://ada:hunter2@h/d and postgresql://:x@h'), 'cannot reach postgres://ada:***@h/d and postgresql://:***@h')
  t.end()
})
