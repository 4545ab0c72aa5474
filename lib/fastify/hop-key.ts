// The keys that hop markers are made with: the same in every region without a setting of its own.
//
// With `token` it is the token's key. Else it comes from what all regions know and clients do not: the name, user
// and password of the primary (not its host, which may differ by region). Where there is no fixed password the key
// can be guessed; a forged marker then makes the sender's own request write directly instead of being replayed.

import { createHash, createHmac } from 'node:crypto'
import type { ResolvedOptions } from '../core/options.ts'
import type { Mac } from '../core/replay-header.ts'

/** 96 bits: far beyond what can be tried within a marker's life. */
const MAC_LENGTH = 16

const PURPOSE = 'fastify-multi-region hop marker'

function secretsOf (options: ResolvedOptions): readonly Uint8Array[] {
  if (options.token?.secret !== undefined) return [options.token.secret]
  if (options.token !== undefined && options.token.keys.length > 0) return options.token.keys
  const primary = options.database.primary[0]
  const password = typeof primary?.password === 'string' ? primary.password : ''
  return [Buffer.from(JSON.stringify([primary?.database ?? '', primary?.user ?? '', password]))]
}

/** The first signs, all verify: keys are rotated region by region. */
export function hopMacs (options: ResolvedOptions): readonly [Mac, ...Mac[]] {
  const [first, ...others] = secretsOf(options).map((secret): Mac => {
    const key = createHash('sha256').update(PURPOSE).update(secret).digest()
    return (text) => createHmac('sha256', key).update(text).digest('base64url').slice(0, MAC_LENGTH)
  })
  if (first === undefined) throw new Error('no secret for hop markers')
  return [first, ...others]
}
