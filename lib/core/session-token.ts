// The proof that a session carries of its last write: how far a server must be before it may answer this session.
//
// A token holds
//   position   the highest position that the session must see, in the log of which system and timeline
//   writtenAt  when the last write was; all that `mode: 'time'` needs
//   unlocatedAt  when the last write was whose position is not known (the look-up failed, it still ran when the
//              headers went out, its outcome is unknown): the session belongs to the primary for a window
//   seen       for 'monotonic': which run of which server answered the last read
// and it only ever moves forward: `mergeTokens` keeps the later of each part. Positions of two systems cannot be
// compared; the part that was written later wins.
//
// The text is `1.system.timeline.lsn.writtenAt.unlocatedAt.seen`, numbers in base 36, what is absent empty; the version
// stands first. It is sealed before it leaves the process, so a client can neither read nor make one. Parsing is
// strict all the same (a key may be shared with another app): whatever is not exactly a token gives a reason, never
// an error.

import type { Position } from './freshness.ts'
import { lsnOf } from './lsn.ts'

export interface SessionToken {
  readonly position: Position | undefined
  /** Milliseconds since 1970 by the clock of the server that stamped it. */
  readonly writtenAtMs: number | undefined
  readonly unlocatedAtMs: number | undefined
  readonly seen: string | undefined
}

/** Why a token is ignored. `size`, `seal`: found out before its text is known. */
export type TokenRejection = 'size' | 'seal' | 'malformed' | 'version' | 'future' | 'expired'

export type ParsedToken =
  | { readonly type: 'token', readonly token: SessionToken }
  | { readonly type: 'rejected', readonly reason: TokenRejection }

/** No longer text is looked at; the longest token that is written has 78 characters. */
export const MAX_TOKEN_TEXT = 120

const VERSION = '1'
const BASE = 36
/** No number begins with a zero but zero: one text a token. */
const FIELDS = /^(0|[1-9a-z][0-9a-z]{0,12})?\.(0|[1-9a-z][0-9a-z]{0,6})?\.(0|[1-9a-z][0-9a-z]{0,12})?\.(0|[1-9a-z][0-9a-z]{0,8})?\.(0|[1-9a-z][0-9a-z]{0,8})?\.([0-9a-z]{0,16})$/
/** So many digits are exact in a double: a number of 64 bits is read in two parts. */
const EXACT_DIGITS = 10
const EXACT_POWER = BigInt(BASE) ** BigInt(EXACT_DIGITS)
const MAX_64 = (1n << 64n) - 1n
const MAX_32 = 0xFFFF_FFFF

const rejected = (reason: TokenRejection): ParsedToken => ({ type: 'rejected', reason })
const number = (value: number | undefined): string => value === undefined ? '' : value.toString(BASE)

export function formatToken (token: SessionToken): string {
  const { position, writtenAtMs, unlocatedAtMs, seen } = token
  const system = position?.system === undefined ? '' : BigInt(position.system).toString(BASE)
  const lsn = position === undefined ? '' : position.lsn.toString(BASE)
  return `${VERSION}.${system}.${number(position?.timeline)}.${lsn}.${number(writtenAtMs)}.${number(unlocatedAtMs)}.${seen ?? ''}`
}

/** Never throws, whatever `text` is. */
export function parseToken (text: unknown): ParsedToken {
  if (typeof text !== 'string') return rejected('malformed')
  if (text.length > MAX_TOKEN_TEXT) return rejected('size')
  if (!text.startsWith(`${VERSION}.`)) return rejected(/^[0-9a-z]{1,4}\./.test(text) ? 'version' : 'malformed')
  const match = FIELDS.exec(text.slice(VERSION.length + 1))
  if (match === null) return rejected('malformed')
  const [, system = '', timeline = '', lsn = '', writtenAt = '', unlocatedAt = '', seen = ''] = match
  const place = parsePosition({ system, timeline, lsn })
  if (place === 'malformed') return rejected('malformed')
  return {
    type: 'token',
    token: {
      position: place,
      writtenAtMs: writtenAt === '' ? undefined : Number.parseInt(writtenAt, BASE),
      unlocatedAtMs: unlocatedAt === '' ? undefined : Number.parseInt(unlocatedAt, BASE),
      seen: seen === '' ? undefined : seen,
    },
  }
}

function parsePosition (text: { readonly system: string, readonly timeline: string, readonly lsn: string }): Position | undefined | 'malformed' {
  if (text.lsn === '') return text.system === '' && text.timeline === '' ? undefined : 'malformed'
  const lsn = parse64(text.lsn)
  const system = text.system === '' ? undefined : parse64(text.system)
  const timeline = text.timeline === '' ? undefined : Number.parseInt(text.timeline, BASE)
  if (lsn === undefined || (text.system !== '' && system === undefined) || (timeline !== undefined && timeline > MAX_32)) return 'malformed'
  return { system: system?.toString(), timeline, lsn: lsnOf(lsn) }
}

function parse64 (text: string): bigint | undefined {
  const low = Number.parseInt(text.slice(-EXACT_DIGITS), BASE)
  if (text.length <= EXACT_DIGITS) return BigInt(low)
  const value = BigInt(Number.parseInt(text.slice(0, -EXACT_DIGITS), BASE)) * EXACT_POWER + BigInt(low)
  return value <= MAX_64 ? value : undefined
}

export interface TokenAge {
  readonly nowMs: number
  /** A token whose last write is older is forgotten. */
  readonly lifetimeMs: number
  /** How far the clocks of two servers may be apart. */
  readonly skewMs: number
}

/** Is it too old to matter, or from the future? */
export function judgeToken (token: SessionToken, { nowMs, lifetimeMs, skewMs }: TokenAge): TokenRejection | null {
  const newestMs = Math.max(token.writtenAtMs ?? 0, token.unlocatedAtMs ?? 0)
  if (newestMs > nowMs + skewMs) return 'future'
  // A token that names only the server it has read from has no age.
  return newestMs !== 0 && newestMs < nowMs - lifetimeMs - skewMs ? 'expired' : null
}

/** The later of each part: a token never moves back. `later` was stamped after `earlier`. */
export function mergeTokens (earlier: SessionToken | undefined, later: SessionToken): SessionToken {
  if (earlier === undefined) return later
  return {
    position: laterPosition(earlier.position, later.position),
    writtenAtMs: laterTime(earlier.writtenAtMs, later.writtenAtMs),
    unlocatedAtMs: laterTime(earlier.unlocatedAtMs, later.unlocatedAtMs),
    seen: later.seen ?? earlier.seen,
  }
}

/** Of one system by timeline, then by position; of two systems the one that was stamped later. */
export function laterPosition (earlier: Position | undefined, later: Position | undefined): Position | undefined {
  if (earlier === undefined || later === undefined) return later ?? earlier
  if (earlier.system !== later.system) return later
  const [before, after] = [earlier.timeline ?? 0, later.timeline ?? 0]
  if (before !== after) return before > after ? earlier : later
  return earlier.lsn > later.lsn ? earlier : later
}

function laterTime (a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return Math.max(a, b)
}
