// One way to seal, with the app's key or our own, whatever is registered first; and nothing that a stranger sends
// gets further than "no token".

import { randomBytes } from 'node:crypto'
import secureSession from '@fastify/secure-session'
import Fastify, { type FastifyInstance } from 'fastify'
import fc from 'fast-check'
import t from 'tap'
import { formatToken, parseToken } from '../../lib/core/session-token.ts'
import { lsnOf } from '../../lib/core/lsn.ts'
import { resolveOptions, type TokenOptions } from '../../lib/core/options.ts'
import { looksSealed, makeSeal, MAX_SEALED_LENGTH, type TokenSeal } from '../../lib/fastify/token-seal.ts'

const keyA = Buffer.alloc(32, 1)
const keyB = Buffer.alloc(32, 2)

interface Given { readonly token: TokenOptions, readonly before?: (app: FastifyInstance) => Promise<unknown>, readonly after?: (app: FastifyInstance) => Promise<unknown> }

async function sealOf (t: { teardown (end: () => Promise<void>): void }, { token, before, after }: Given): Promise<TokenSeal> {
  const app = Fastify()
  t.teardown(async () => { await app.close() })
  await before?.(app)
  const options = resolveOptions({ database: 'postgres://localhost/x', token }, {})
  if (options.token === undefined) throw new Error('a token was given')
  const seal = await makeSeal(app, options.token)
  await after?.(app)
  await app.ready()
  return seal()
}

const appSession = (key: Buffer) => async (app: FastifyInstance): Promise<void> => { await app.register(secureSession, { key, expiry: 1 }) }
const largest = formatToken({ position: { system: String(2n ** 64n - 1n), timeline: 2 ** 32 - 1, lsn: lsnOf(2n ** 64n - 1n) }, writtenAtMs: 1e13, unlocatedAtMs: 1e13, seen: 'z'.repeat(16) })

await t.test('a sealed token is short, in the alphabet of URLs, and opens again', async (t) => {
  const seal = await sealOf(t, { token: { key: keyA } })
  const sealed = seal.seal(largest)
  t.ok(sealed.length < MAX_SEALED_LENGTH, `${sealed.length} characters`)
  t.match(sealed, /^[A-Za-z0-9_.-]+$/)
  t.ok(looksSealed(sealed))
  t.equal(seal.open(sealed), largest)
  t.not(seal.seal(largest), sealed, 'with a nonce of its own each time')
})

await t.test('keys are rotated by a list: the first seals, all open', async (t) => {
  const old = await sealOf(t, { token: { key: keyA } })
  const rotating = await sealOf(t, { token: { key: [keyB, keyA] } })
  const done = await sealOf(t, { token: { key: keyB } })
  t.equal(rotating.open(old.seal('x')), 'x')
  t.equal(done.open(rotating.seal('x')), 'x')
  t.equal(done.open(old.seal('x')), undefined)
})

await t.test('a passphrase is a key as well', { timeout: 60_000 }, async (t) => {
  const secret = 'a passphrase of thirty-two bytes or more'
  const seal = await sealOf(t, { token: { secret, salt: Buffer.alloc(16, 3) } })
  t.equal(seal.open(seal.seal('x')), 'x')
})

await t.test('the app\'s own session lends its key, registered before or after, and its expiry is its own', async (t) => {
  const before = await sealOf(t, { token: {}, before: appSession(keyA) })
  const after = await sealOf(t, { token: {}, after: appSession(keyA) })
  t.equal(after.open(before.seal('x')), 'x')
})

await t.test('a key of our own lives beside the app\'s session, registered before or after', async (t) => {
  const before = await sealOf(t, { token: { key: keyA }, before: appSession(keyB) })
  const after = await sealOf(t, { token: { key: keyA }, after: appSession(keyB) })
  t.equal(after.open(before.seal('x')), 'x')
})

await t.test('neither a key nor a session: the app does not start', async (t) => {
  await t.rejects(sealOf(t, { token: {} }), { code: 'FST_MR_KEY_INVALID' })
})

await t.test('a session of the app is no token, sealed with the same key or not', async (t) => {
  const app = Fastify()
  t.teardown(async () => { await app.close() })
  await app.register(secureSession, { key: keyA })
  await app.ready()
  const sealed = app.encodeSecureSession(app.createSecureSession({ user: 1 })).replaceAll('=', '').replace(';', '.').replaceAll('+', '-').replaceAll('/', '_')
  const seal = await sealOf(t, { token: { key: keyA } })
  t.equal(seal.open(sealed), undefined)
})

await t.test('malformed tokens: none accepted, none thrown', async (t) => {
  const seal = await sealOf(t, { token: { key: keyA } })
  const good = seal.seal(largest)
  let accepted = 0
  const probe = (text: string): void => {
    if (text === good || !looksSealed(text)) return
    const opened = seal.open(text)
    if (opened !== undefined && parseToken(opened).type === 'token') accepted++
  }
  const COUNT = 100_000
  const startedAt = performance.now()
  for (let i = 0; i < COUNT; i++) {
    const bytes = randomBytes(4)
    const at = bytes.readUInt16LE(0) % good.length
    switch (i % 4) {
      // One character of a real one, which leaves it as long as it was.
      case 0: probe(good.slice(0, at) + (good[at] === 'A' ? 'B' : 'A') + good.slice(at + 1)); break
      case 1: probe(good.slice(0, at)); break
      case 2: probe(randomBytes(120).toString('base64url') + '.' + randomBytes(24).toString('base64url')); break
      case 3: probe(randomBytes(bytes[2] ?? 0).toString('latin1')); break
    }
  }
  t.equal(accepted, 0)
  t.ok(performance.now() - startedAt < 10_000)
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => { probe(text); return true }))
})
