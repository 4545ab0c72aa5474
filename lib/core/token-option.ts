// The option `token`: keys, times and transports of what a session carries between requests.

import { emptyIsUnset, type Environment } from './database-option.ts'
import { describe, HTTP_TOKEN, isBag, milliseconds, type Reader } from './option-reader.ts'

export type WaitPolicy = 'auto' | 'always' | 'never'
export const WAIT_POLICIES = ['auto', 'always', 'never'] as const satisfies readonly WaitPolicy[]

export type KeyInput = string | Uint8Array

export interface CookieOptions {
  readonly name?: string | undefined
  readonly domain?: string | undefined
  readonly path?: string | undefined
  readonly sameSite?: 'lax' | 'strict' | 'none' | undefined
  /** `auto`: by the request's protocol. */
  readonly secure?: boolean | 'auto' | undefined
}

export interface TokenOptions {
  /** 32 bytes, or their base64 or hex text; the same in every region. The first seals, all open. */
  readonly key?: KeyInput | readonly KeyInput[] | undefined
  /** Instead of `key`: a passphrase of at least 32 bytes. */
  readonly secret?: KeyInput | undefined
  /** 16 bytes, or their base64 or hex text. */
  readonly salt?: KeyInput | undefined
  /** A log position, or a fixed window. @defaultValue 'lsn' */
  readonly mode?: 'lsn' | 'time' | undefined
  /** Milliseconds that a session goes to the primary after a write, where only the time is known. @defaultValue 10000 */
  readonly window?: number | undefined
  /** Milliseconds that a token lives. @defaultValue 24 h */
  readonly lifetime?: number | undefined
  /** Milliseconds that a read waits here for the replica to catch up. @defaultValue 100 */
  readonly waitTimeout?: number | undefined
  /** `auto`: wait only while it is cheaper than the trip to the primary. @defaultValue 'auto' */
  readonly wait?: WaitPolicy | undefined
  /** Milliseconds that writes still running are awaited when the headers go out. @defaultValue 50 */
  readonly stampTimeout?: number | undefined
  readonly cookie?: false | CookieOptions | undefined
  /** A header's name, for both directions. @defaultValue 'multi-region-token' */
  readonly header?: false | string | undefined
}

export interface ResolvedToken {
  /** Not enumerable. Empty: the app's own secure-session is reused. */
  readonly keys: readonly Uint8Array[]
  /** Not enumerable. */
  readonly secret: Uint8Array | undefined
  readonly salt: Uint8Array | undefined
  readonly mode: 'lsn' | 'time'
  readonly windowMs: number
  readonly lifetimeMs: number
  readonly waitTimeoutMs: number
  readonly wait: WaitPolicy
  readonly stampTimeoutMs: number
  readonly cookie: false | { readonly name: string, readonly domain: string | undefined, readonly path: string, readonly sameSite: 'lax' | 'strict' | 'none', readonly secure: boolean | 'auto' }
  readonly header: false | string
}

const DEFAULTS = {
  window: 10_000,
  lifetime: 24 * 60 * 60_000,
  waitTimeout: 100,
  stampTimeout: 50,
  cookieName: 'multi-region',
  cookiePath: '/',
  header: 'multi-region-token',
} as const

const YEAR_MS = 366 * 24 * 60 * 60_000
const DOMAIN = /^\.?[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*$/
const COOKIE_PATH = /^\/[\x21-\x3a\x3c-\x7e]*$/

/** `bytes` of a key given as bytes, as hex or as base64; undefined when it has another length. */
function parseKey (input: unknown, bytes: number): Uint8Array | undefined {
  if (input instanceof Uint8Array) return input.byteLength === bytes ? Uint8Array.from(input) : undefined
  if (typeof input !== 'string') return undefined
  const text = input.trim()
  if (text.length === bytes * 2 && /^[0-9a-f]+$/i.test(text)) return Uint8Array.from(Buffer.from(text, 'hex'))
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(text)) return undefined
  const decoded = Buffer.from(text, 'base64')
  return decoded.byteLength === bytes ? Uint8Array.from(decoded) : undefined
}

const KEY_BYTES = 32
const SALT_BYTES = 16

export function readToken (reader: Reader, env: Environment, keyProblems: string[]): ResolvedToken | undefined {
  const given = reader.raw('token')
  if (given === undefined) return undefined
  if (!isBag(given)) {
    reader.problem('token', `must be an object such as { key }, but is ${describe(given)}; leave it out to do without session consistency`)
    return undefined
  }
  const token = reader.nested('token', ['key', 'secret', 'salt', 'mode', 'window', 'lifetime', 'waitTimeout', 'wait', 'stampTimeout', 'cookie', 'header'])
  const secret = secretOf(token)
  const inputs = token.raw('key') ?? (secret === undefined ? emptyIsUnset(env['MULTI_REGION_KEY']) : undefined)
  const keys: Uint8Array[] = []
  const keyList: readonly unknown[] = inputs === undefined ? [] : Array.isArray(inputs) ? inputs : [inputs]
  for (const [index, input] of keyList.entries()) {
    const key = parseKey(input, KEY_BYTES)
    const name = token.raw('key') === undefined ? 'MULTI_REGION_KEY' : `\`token.key\`${keyList.length > 1 ? `[${index}]` : ''}`
    if (key === undefined) keyProblems.push(`${name} must be ${KEY_BYTES} bytes, or their base64 or hex text.`)
    else keys.push(key)
  }
  if (Array.isArray(inputs) && inputs.length === 0) keyProblems.push('`token.key` is an empty list.')
  if (token.raw('key') !== undefined && token.raw('secret') !== undefined) token.problem('key', 'and `token.secret` exclude each other; keep one')
  const saltInput = token.raw('salt')
  const salt = saltInput === undefined ? undefined : parseKey(saltInput, SALT_BYTES)
  if (saltInput !== undefined && salt === undefined) token.problem('salt', `must be ${SALT_BYTES} bytes, or their base64 or hex text`)
  if (saltInput !== undefined && token.raw('secret') === undefined) token.problem('salt', 'is of use with `token.secret` only')

  const cookie = readCookie(token)
  const header = readHeader(token)
  if (cookie === false && header === false) token.problem('cookie', 'and `token.header` are both off, so that no token could travel; keep one of them')
  const resolved = {
    mode: token.optionalWord('mode', ['lsn', 'time']) ?? 'lsn',
    windowMs: token.number('window', milliseconds(1, YEAR_MS), DEFAULTS.window),
    lifetimeMs: token.number('lifetime', milliseconds(1_000, YEAR_MS), DEFAULTS.lifetime),
    waitTimeoutMs: token.number('waitTimeout', milliseconds(0), DEFAULTS.waitTimeout),
    wait: token.optionalWord('wait', WAIT_POLICIES) ?? 'auto',
    stampTimeoutMs: token.number('stampTimeout', milliseconds(0), DEFAULTS.stampTimeout),
    cookie,
    header,
  }
  Object.defineProperty(resolved, 'keys', { value: Object.freeze(keys), enumerable: false })
  Object.defineProperty(resolved, 'secret', { value: secret, enumerable: false })
  Object.defineProperty(resolved, 'salt', { value: salt, enumerable: false })
  // The three were defined in the lines above; an object literal cannot say that they are hidden.
  return resolved as ResolvedToken
}

function secretOf (token: Reader): Uint8Array | undefined {
  const input = token.raw('secret')
  if (input === undefined) return undefined
  const secret = typeof input === 'string' ? Uint8Array.from(Buffer.from(input)) : input instanceof Uint8Array ? Uint8Array.from(input) : undefined
  if (secret === undefined || secret.byteLength < KEY_BYTES) {
    token.problem('secret', `must be text or bytes of at least ${KEY_BYTES} bytes`)
    return undefined
  }
  return secret
}

function readCookie (token: Reader): ResolvedToken['cookie'] {
  if (token.raw('cookie') === false) return false
  const cookie = token.nested('cookie', ['name', 'domain', 'path', 'sameSite', 'secure'])
  const text = (key: string, pattern: RegExp, what: string): string | undefined => {
    const value = cookie.raw(key)
    if (value === undefined) return undefined
    if (typeof value === 'string' && pattern.test(value)) return value
    cookie.problem(key, `must be ${what}`)
    return undefined
  }
  const secureInput = cookie.raw('secure')
  const secure = secureInput === undefined || secureInput === 'auto' || typeof secureInput !== 'boolean' ? 'auto' : secureInput
  if (secureInput !== undefined && secureInput !== secure) cookie.problem('secure', `must be true, false or 'auto', but is ${describe(secureInput)}`)
  const sameSite = cookie.optionalWord('sameSite', ['lax', 'strict', 'none']) ?? 'lax'
  if (sameSite === 'none' && secure === false) cookie.problem('sameSite', '\'none\' needs `token.cookie.secure`: browsers refuse the cookie otherwise')
  return {
    name: text('name', HTTP_TOKEN, 'a cookie\'s name') ?? DEFAULTS.cookieName,
    domain: text('domain', DOMAIN, 'a domain'),
    path: text('path', COOKIE_PATH, 'a path that begins with /') ?? DEFAULTS.cookiePath,
    sameSite,
    secure,
  }
}

function readHeader (token: Reader): false | string {
  const value = token.raw('header')
  if (value === undefined) return DEFAULTS.header
  if (value === false) return false
  if (typeof value === 'string' && HTTP_TOKEN.test(value)) return value.toLowerCase()
  token.problem('header', 'must be false or the name of a header')
  return DEFAULTS.header
}
