// How the token travels where people use it: plain http in development, behind TLS, subdomains, another site's front
// end. One row of the docs' table, one test.

import cookie from '@fastify/cookie'
import cors from '@fastify/cors'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { TokenOptions } from '../../lib/index.ts'
import { privateCacheControl, readCookies } from '../../lib/fastify/token-transport.ts'
import { startApp, type AppInRegions } from './app-in-regions.ts'

const key = Buffer.alloc(32, 9)

interface Given { readonly token?: TokenOptions, readonly before?: (app: FastifyInstance) => Promise<void>, readonly trustProxy?: boolean }

async function start (t: Parameters<typeof startApp>[0], given: Given): Promise<AppInRegions> {
  return startApp(t, {
    regions: ['fra'],
    plugin: { token: { key, ...given.token } },
    fastify: { trustProxy: given.trustProxy ?? false },
    ...(given.before === undefined ? {} : { before: given.before }),
    build (app) {
      app.post('/notes', async (request) => { await request.db.$executeRawUnsafe("insert into note (text) values ('x')"); return 'ok' })
      app.post('/cached', async (request, reply) => { await request.db.$executeRawUnsafe("insert into note (text) values ('x')"); return reply.header('cache-control', 'public, max-age=60, s-maxage=600').send('ok') })
      app.post('/own-cookie', async (request, reply) => { await request.db.$executeRawUnsafe("insert into note (text) values ('x')"); return reply.header('set-cookie', 'own=1').send('ok') })
      app.post('/plugin-cookie', async (request, reply) => {
        await request.db.$executeRawUnsafe("insert into note (text) values ('x')")
        if ('setCookie' in reply) reply.setCookie('own', '1')
        return 'ok'
      })
      app.get('/read', async (request) => await request.db.$queryRaw`select 1 as one`)
    },
  })
}

const write = async (app: AppInRegions, headers: Record<string, string> = {}, url = '/notes') => app.apps.fra.inject({ method: 'POST', url, headers })
const setCookie = (answer: { headers: Record<string, unknown> }): string => String(answer.headers['set-cookie'] ?? '')

await t.test('plain http in development: no Secure', async (t) => {
  const app = await start(t, {})
  t.match(setCookie(await write(app)), /; Path=\/; HttpOnly; SameSite=Lax$/)
})

await t.test('behind TLS: Secure, by the protocol that a trusted proxy names', async (t) => {
  const app = await start(t, { trustProxy: true })
  t.match(setCookie(await write(app, { 'x-forwarded-proto': 'https' })), /; Secure$/)
  t.notMatch(setCookie(await write(app, { 'x-forwarded-proto': 'http' })), /Secure/)
})

await t.test('a header of an untrusted proxy does not decide', async (t) => {
  const app = await start(t, {})
  t.notMatch(setCookie(await write(app, { 'x-forwarded-proto': 'https' })), /Secure/)
})

await t.test('subdomains: a domain and a path', async (t) => {
  const app = await start(t, { token: { cookie: { name: 'mr', domain: 'example.com', path: '/app', sameSite: 'strict', secure: true } } })
  t.match(setCookie(await write(app)), /^mr=[\w.-]+; Max-Age=86400; Path=\/app; Domain=example\.com; HttpOnly; SameSite=Strict; Secure$/)
})

await t.test('a cross-site form or frame: SameSite=None is always Secure', async (t) => {
  const app = await start(t, { token: { cookie: { sameSite: 'none' } } })
  t.match(setCookie(await write(app)), /; SameSite=None; Secure$/)
})

await t.test('another site\'s front end: the header, which CORS has to allow and to expose', async (t) => {
  const app = await start(t, { before: async (app) => { await app.register(cors, { origin: 'https://front.example', allowedHeaders: ['multi-region-token'], exposedHeaders: ['multi-region-token'] }) } })
  const preflight = await app.apps.fra.inject({ method: 'OPTIONS', url: '/notes', headers: { origin: 'https://front.example', 'access-control-request-method': 'POST', 'access-control-request-headers': 'multi-region-token' } })
  t.equal(preflight.statusCode, 204)
  t.match(preflight.headers['access-control-allow-headers'], /multi-region-token/)
  const wrote = await write(app, { origin: 'https://front.example' })
  t.match(wrote.headers['access-control-expose-headers'], /multi-region-token/)
  t.match(wrote.headers['multi-region-token'], /^[\w.-]+$/)
})

await t.test('a client without cookies: the header alone, or under another name', async (t) => {
  const app = await start(t, { token: { cookie: false, header: 'X-Session-Token' } })
  const wrote = await write(app)
  t.equal(wrote.headers['set-cookie'], undefined)
  t.match(wrote.headers['x-session-token'], /^[\w.-]+$/)
})

await t.test('the cookie alone', async (t) => {
  const app = await start(t, { token: { header: false } })
  const wrote = await write(app)
  t.equal(wrote.headers['multi-region-token'], undefined)
  t.match(setCookie(wrote), /^multi-region=/)
})

await t.test('beside other cookies, with and without the cookie plugin', async (t) => {
  for (const before of [undefined, async (app: FastifyInstance) => { await app.register(cookie) }]) {
    const app = await start(t, before === undefined ? {} : { before })
    for (const url of before === undefined ? ['/own-cookie'] : ['/own-cookie', '/plugin-cookie']) {
      const set = (await write(app, {}, url)).headers['set-cookie']
      t.ok(Array.isArray(set), url)
      t.equal(set?.length, 2)
      t.match(String(set), /own=1/)
      t.match(String(set), /multi-region=/)
    }
  }
})

await t.test('an answer with a token is private, whatever the handler said', async (t) => {
  const app = await start(t, {})
  t.equal((await write(app, {}, '/cached')).headers['cache-control'], 'private, max-age=60')
  t.equal((await app.apps.fra.inject('/read')).headers['cache-control'], undefined)
})

for (const [given, expect] of [
  ['', 'private'],
  ['public', 'private'],
  ['no-store', 'no-store'],
  ['private, max-age=5', 'private, max-age=5'],
  ['max-age=60, s-maxage=600, proxy-revalidate', 'private, max-age=60'],
  ['PUBLIC,  immutable', 'private, immutable'],
  ['private="set-cookie", max-age=9', 'private, max-age=9'],
] as const) t.equal(privateCacheControl(given), expect, `cache-control: ${given}`)

for (const [header, expect] of [
  ['', []],
  ['mr=a', ['a']],
  ['x=1; mr=a; mr=b;y', ['a', 'b']],
  ['xmr=a; mrx=b; mr', []],
  ['mr=', ['']],
  ['mr=1; mr=2; mr=3; mr=4; mr=5', ['1', '2', '3', '4']],
] as const) t.same(readCookies(header, 'mr'), expect, `cookie: ${header}`)
t.ok(readCookies(`mr=${'x'.repeat(100_000)}`, 'mr')[0]?.length === 201, 'what is too long is cut, and refused by its length')
