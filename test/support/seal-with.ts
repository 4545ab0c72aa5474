// Seals and opens session tokens as an app with this key does, for tokens that no server would issue.

import Fastify from 'fastify'
import { resolveOptions } from '../../lib/core/options.ts'
import { formatToken, parseToken, type SessionToken } from '../../lib/core/session-token.ts'
import { makeSeal } from '../../lib/fastify/token-seal.ts'

interface Teardown {
  teardown (end: () => void | Promise<void>): void
}

export interface TestSeal {
  /** Any text, a token's or not. */
  text (text: string): string
  seal (token: SessionToken): string
  open (sealed: unknown): SessionToken
}

export async function sealWith (t: Teardown, key: Buffer): Promise<TestSeal> {
  const app = Fastify()
  t.teardown(async () => { await app.close() })
  const { token } = resolveOptions({ database: 'postgres://localhost/x', token: { key } }, {})
  if (token === undefined) throw new Error('a token was given')
  const sealOf = await makeSeal(app, token)
  await app.ready()
  const seal = sealOf()
  return {
    text: (text) => seal.seal(text),
    seal: (one) => seal.seal(formatToken(one)),
    open (sealed) {
      const parsed = parseToken(seal.open(String(sealed)))
      if (parsed.type === 'rejected') throw new Error(`no token: ${parsed.reason}`)
      return parsed.token
    },
  }
}
