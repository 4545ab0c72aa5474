// Malformed tokens through the decoder: mutated real ones, other keys' and random bytes. None may be accepted, none may throw.

import { parseToken } from '../../lib/core/session-token.ts'
import { looksSealed, type TokenSeal } from '../../lib/fastify/token-seal.ts'
import { Seeded } from './seeded.ts'

export interface DecoderFigures {
  readonly tokens: number
  readonly accepted: number
  readonly thrown: number
  /** How many came as far as the key. */
  readonly opened: number
  readonly seconds: number
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

export function measureDecoder ({ real, seal, tokens, seed }: { readonly real: readonly string[], readonly seal: TokenSeal, readonly tokens: number, readonly seed: number }): DecoderFigures {
  const random = new Seeded(seed)
  let accepted = 0
  let thrown = 0
  let opened = 0
  const startedMs = performance.now()
  for (let i = 0; i < tokens; i++) {
    const value = malformed(random, real)
    try {
      if (!looksSealed(value)) continue
      opened++
      const text = seal.open(value)
      if (text !== undefined && parseToken(text).type === 'token') accepted++
    } catch {
      thrown++
    }
  }
  return { tokens, accepted, thrown, opened, seconds: (performance.now() - startedMs) / 1_000 }
}

function malformed (random: Seeded, real: readonly string[]): string {
  for (;;) {
    const original = random.pick(real)
    const value = mutated(random, original, real)
    // Text that stands for the same bytes is no other token: the last character of base64 has bits to spare.
    if (bytesOf(value) !== bytesOf(original) && !real.includes(value)) return value
  }
}

const bytesOf = (token: string): string => token.split('.').map((part) => Buffer.from(part, 'base64url').toString('latin1')).join('.')

function mutated (random: Seeded, token: string, real: readonly string[]): string {
  const at = random.integer(0, token.length - 1)
  switch (random.integer(0, 9)) {
    case 0: return token.slice(0, at) + random.pick([...ALPHABET]) + token.slice(at + 1)
    case 1: return token.slice(0, at) + String.fromCharCode(token.charCodeAt(at) ^ (1 << random.integer(0, 6))) + token.slice(at + 1)
    case 2: return token.slice(0, at) + token.slice(at + 1)
    case 3: return token.slice(0, at) + random.pick([...ALPHABET]) + token.slice(at)
    case 4: return token.slice(0, at)
    case 5: return token + token.slice(0, at)
    case 6: {
      // The cipher of one with the nonce of another.
      const other = random.pick(real)
      return `${token.split('.')[0] ?? ''}.${other.split('.')[1] ?? ''}`
    }
    case 7: return `${letters(random, random.integer(40, 160))}.${letters(random, 32)}`
    case 8: return bytes(random, random.integer(0, 400))
    default: return swapped(token, at, random.integer(0, token.length - 1))
  }
}

function letters (random: Seeded, length: number): string {
  let text = ''
  for (let i = 0; i < length; i++) text += ALPHABET[random.integer(0, 63)]
  return text
}

function bytes (random: Seeded, length: number): string {
  const buffer = Buffer.alloc(length)
  for (let i = 0; i < length; i++) buffer[i] = random.integer(0, 255)
  return buffer.toString(random.chance(0.5) ? 'latin1' : 'utf8')
}

function swapped (token: string, a: number, b: number): string {
  const characters = [...token]
  ;[characters[a], characters[b]] = [characters[b] ?? '', characters[a] ?? '']
  return characters.join('')
}
