// Seals a token's text, and opens it: with @fastify/secure-session's own functions, so that there is one way to
// seal, one way to rotate keys, and one key where the app has a session already.
//
// With a key of our own the plugin is registered in a private child scope, which sees no request; it lives beside a
// registration of the app's in either order. Without a key the app's own registration seals, once everything is
// registered.
//
// What travels is the sealed session in the URL's alphabet, `cipher.nonce`: as a cookie and as a header it needs no
// escaping, and stays under 200 bytes.

import type { FastifyInstance, FastifyPluginCallback } from 'fastify'
import { KeyInvalidError, PeerMissingError } from '../core/errors.ts'
import type { ResolvedToken } from '../core/token-option.ts'

export interface TokenSeal {
  /** @param text of a token */
  seal (text: string): string
  /** The text, or undefined for whatever this key has not sealed. Never throws. */
  open (sealed: string): unknown
}

/** What is used of a session of @fastify/secure-session; its types are an optional peer's. */
interface SealedSession { get (key: string): unknown }

interface SealingInstance {
  createSecureSession (data: Record<string, unknown>): SealedSession
  encodeSecureSession (session: SealedSession, name?: string): string
  decodeSecureSession (cookie: string, log?: unknown, name?: string): SealedSession | null
}

const PEER = '@fastify/secure-session'
const SESSION_NAME = 'multiRegionToken'
/** Of the session's data; an app's session that lands here has none of this name. */
const FIELD = 'mr'
/**
 * The session's own age, in seconds: never too old. A token is judged by its own times, for each its own life; the
 * expiry of the app's session is about the app's session.
 */
const AGELESS = 1e21

/** Longer ones are not looked at; the longest that is sealed has 199. */
export const MAX_SEALED_LENGTH = 200

/** 16 bytes of authentication around at least a bare session, a point, 24 bytes of nonce. */
const SEALED = /^[A-Za-z0-9_-]{40,}\.[A-Za-z0-9_-]{32}$/

/** Cheap, and before any key is touched. */
export function looksSealed (value: string): boolean {
  return value.length <= MAX_SEALED_LENGTH && SEALED.test(value)
}

/** The last character of base64 may carry bits that mean nothing: one token, one text. (24 bytes of nonce leave none.) */
function isCanonical (sealed: string): boolean {
  const cipher = sealed.slice(0, sealed.indexOf('.'))
  return cipher.length % 4 === 0 || Buffer.from(cipher.slice(-(cipher.length % 4)), 'base64url').toString('base64url') === cipher.slice(-(cipher.length % 4))
}

/** Logs at debug for each malformed cookie, which is not of interest: rejections are counted. */
const silent = { trace () {}, debug () {}, info () {}, warn () {}, error () {} }

class SecureSessionSeal implements TokenSeal {
  readonly #instance: SealingInstance
  readonly #name: string | undefined

  constructor (instance: SealingInstance, name: string | undefined) {
    this.#instance = instance
    this.#name = name
  }

  seal (text: string): string {
    const session = this.#instance.createSecureSession({ [FIELD]: text, __ts: AGELESS })
    const sealed = this.#name === undefined ? this.#instance.encodeSecureSession(session) : this.#instance.encodeSecureSession(session, this.#name)
    return sealed.replaceAll('=', '').replace(';', '.').replaceAll('+', '-').replaceAll('/', '_')
  }

  open (sealed: string): unknown {
    if (!isCanonical(sealed)) return undefined
    try {
      // Node's base64 reads both alphabets, and needs no padding.
      const cookie = sealed.replace('.', ';')
      const session = this.#name === undefined ? this.#instance.decodeSecureSession(cookie, silent) : this.#instance.decodeSecureSession(cookie, silent, this.#name)
      return session?.get(FIELD)
    } catch {
      // Sealed with our key, and no session: the plugin parses what it has opened.
      return undefined
    }
  }
}

/** The seal of a registration; call at registration, and `await` nothing of Fastify's in between: it registers. @throws FST_MR_KEY_INVALID, FST_MR_PEER_MISSING */
export async function makeSeal (fastify: FastifyInstance, token: ResolvedToken): Promise<() => TokenSeal> {
  if (token.secret === undefined && token.keys.length === 0) return () => appSeal(fastify)
  const secureSession = await loadPeer()
  let made: TokenSeal | undefined
  const key = token.secret === undefined
    ? { key: token.keys.map((one) => Buffer.from(one)) }
    : { secret: Buffer.from(token.secret), ...(token.salt === undefined ? {} : { salt: Buffer.from(token.salt) }) }
  await fastify.register(async (scope) => {
    await scope.register(secureSession, { ...key, sessionName: SESSION_NAME, cookieName: `${SESSION_NAME}-unused` })
    made = new SecureSessionSeal(sealing(scope), SESSION_NAME)
  })
  return () => {
    if (made === undefined) throw new Error('the seal is not ready before the scope is loaded')
    return made
  }
}

function appSeal (fastify: FastifyInstance): TokenSeal {
  if (!fastify.hasDecorator('encodeSecureSession')) {
    throw new KeyInvalidError(`\`token\` has neither \`key\` nor \`secret\`, MULTI_REGION_KEY is not set, and the app has registered no ${PEER} whose key could be used.`)
  }
  return new SecureSessionSeal(sealing(fastify), undefined)
}

/** The peer has decorated it; its types are not loaded here. */
const sealing = (instance: unknown): SealingInstance => instance as SealingInstance

async function loadPeer (): Promise<FastifyPluginCallback<Record<string, unknown>>> {
  try {
    const loaded = await import('@fastify/secure-session') as unknown as { readonly default: FastifyPluginCallback<Record<string, unknown>> }
    return loaded.default
  } catch (cause) {
    if ((cause as { code?: unknown } | null)?.code !== 'ERR_MODULE_NOT_FOUND') throw cause
    throw Object.assign(new PeerMissingError('token', PEER, PEER), { cause })
  }
}
