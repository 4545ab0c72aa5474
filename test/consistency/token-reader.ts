// Opens the tokens that answers carry, with the program's key: a client could not.

import Fastify, { type FastifyInstance } from 'fastify'
import { resolveOptions } from '../../lib/core/options.ts'
import { makeSeal, type TokenSeal } from '../../lib/fastify/token-seal.ts'

export interface TokenReader {
  readonly seal: TokenSeal
  close (): Promise<void>
}

export async function openTokenReader (key: Uint8Array): Promise<TokenReader> {
  const { token } = resolveOptions({ database: 'postgres://localhost/none', token: { key } }, {})
  if (token === undefined) throw new Error('the option was given')
  const app: FastifyInstance = Fastify()
  const seal = await makeSeal(app, token)
  await app.ready()
  return { seal: seal(), close: async () => { await app.close() } }
}
