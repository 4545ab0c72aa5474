// How a sealed token travels: in a cookie of its own, and in a header for clients without cookies; both ways, both
// at once. A cookie of its own, since a log-out that clears the app's session must not forget the user's writes.
//
// What arrives is a stranger's text: it is looked at by length and alphabet before any key is touched, a few values
// at most, and never throws.

import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ResolvedToken } from '../core/token-option.ts'
import { MAX_SEALED_LENGTH } from './token-seal.ts'

export interface TokenTransport {
  readonly cookieName: string | undefined
  readonly headerName: string | undefined
  /** What the request brought under our names, whatever it is. */
  read (request: FastifyRequest): readonly string[]
  /** `maxAgeSeconds`: the cookie's. */
  write (reply: FastifyReply, sealed: string, maxAgeSeconds: number): void
}

/** A browser may send several cookies of one name (of several paths or domains); more than this is no browser. */
const MAX_VALUES = 4

const NOTHING: readonly string[] = Object.freeze([])

/** A registration beside the main one has names of its own, unless it says otherwise. */
export function makeTransport (token: ResolvedToken, suffix: string): TokenTransport {
  const { cookie } = token
  const cookieName = cookie === false ? undefined : `${cookie.name}${suffix}`
  const headerName = token.header === false ? undefined : `${token.header}${suffix.toLowerCase()}`
  const attributes = cookie === false ? '' : `; Path=${cookie.path}${cookie.domain === undefined ? '' : `; Domain=${cookie.domain}`}; HttpOnly; SameSite=${SAME_SITE[cookie.sameSite]}`
  return {
    cookieName,
    headerName,
    read (request) {
      const { headers } = request
      const header = headerName === undefined ? undefined : headers[headerName]
      const cookies = cookieName === undefined || headers.cookie === undefined ? NOTHING : readCookies(headers.cookie, cookieName)
      if (typeof header !== 'string') return cookies
      return cookies.length === 0 ? [header] : [...cookies, header]
    },
    write (reply, sealed, maxAgeSeconds) {
      if (headerName !== undefined) reply.header(headerName, sealed)
      if (cookieName !== undefined && cookie !== false) {
        // Browsers refuse `SameSite=None` without `Secure`.
        const secure = cookie.sameSite === 'none' || (cookie.secure === 'auto' ? reply.request.protocol === 'https' : cookie.secure)
        reply.header('set-cookie', `${cookieName}=${sealed}; Max-Age=${maxAgeSeconds}${attributes}${secure ? '; Secure' : ''}`)
      }
      keepPrivate(reply)
    },
  }
}

const SAME_SITE = { lax: 'Lax', strict: 'Strict', none: 'None' } as const

/** The values of one name, in the order of the header; ours have no quotes and no escapes. */
export function readCookies (header: string, name: string): readonly string[] {
  let values: string[] | undefined
  let from = 0
  while (from < header.length) {
    const end = header.indexOf(';', from)
    const to = end === -1 ? header.length : end
    let start = from
    while (start < to && header.charCodeAt(start) === SPACE) start++
    if (header.startsWith(name, start) && header.charCodeAt(start + name.length) === EQUALS) {
      const value = header.slice(start + name.length + 1, Math.min(to, start + name.length + 2 + MAX_SEALED_LENGTH))
      values ??= []
      values.push(value.trimEnd())
      if (values.length === MAX_VALUES) return values
    }
    from = to + 1
  }
  return values ?? NOTHING
}

const SPACE = 0x20
const EQUALS = 0x3D

/** An answer that carries a session's token must not be given to another session. */
export function keepPrivate (reply: FastifyReply): void {
  const existing = reply.getHeader('cache-control')
  const text = existing === undefined ? '' : Array.isArray(existing) ? existing.join(', ') : String(existing)
  const wanted = privateCacheControl(text)
  if (wanted !== text) reply.header('cache-control', wanted)
}

/** The same directives without those for shared caches. */
export function privateCacheControl (text: string): string {
  const kept: string[] = []
  for (const part of text.split(',')) {
    const directive = part.trim()
    const [word = ''] = directive.split('=', 1)
    if (directive === '' || SHARED.has(word.trim().toLowerCase())) continue
    kept.push(directive)
  }
  const words = kept.map((one) => one.toLowerCase())
  if (words.includes('no-store') || words.includes('private')) return kept.join(', ')
  // `private="field"` keeps one header from shared caches, and lets them have the rest.
  return ['private', ...kept.filter((one) => !one.toLowerCase().startsWith('private='))].join(', ')
}

const SHARED: ReadonlySet<string> = new Set(['public', 's-maxage', 'proxy-revalidate'])
