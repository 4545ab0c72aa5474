// The words of Fly's proxy (FACTS 4): `fly-replay` is written from a checked target, `fly-replay-src` and
// `fly-replay-failed` are read as what they are, text from the network.
//
// Everything that goes into the header is matched against a character set first: a `;` or a line break in a
// value would add fields of somebody else's choice to an answer that the proxy obeys.
//
// `state` carries our hop marker, so that a request is replayed once by us however many regions it passes:
//   <m1|b1>:<region>:<time in base 36>:<MAC>[:<the caller's own state>]
// `b1` is borrowed work: the request left its region only because the replica there is down or behind, and the
// primary gives such requests a share of its pool alone.
// The MAC covers version, region and time with a key that all regions share, so that a client cannot switch
// replays off for others by sending the header; a marker that does not verify is as good as none, and the
// proxy's own cap of ten hops remains.

import { ReplayTargetInvalidError } from './errors.ts'
import { nearestName } from './nearest-name.ts'
import type { IncomingHeaders, ReplayOrigin, ReplayTarget } from './replay-transport.ts'

const REGION = /^[a-z0-9-]{1,63}$/
const APP = /^[a-z0-9][a-z0-9-]{0,62}$/
const INSTANCE = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/
const STATE = /^[A-Za-z0-9_.:-]{1,512}$/

const TARGET_FIELDS = ['region', 'instance', 'app', 'elsewhere', 'preferInstance', 'state', 'timeout', 'fallback']
const FALLBACKS: Readonly<Record<string, string>> = { 'prefer-self': 'prefer_self', 'force-self': 'force_self', prefer_self: 'prefer_self', force_self: 'force_self' }

/** The proxy's own limit for a request is minutes; a longer wait for a mere connection is a mistake of the unit. */
const MAX_TIMEOUT_MS = 10 * 60_000

const invalid = (problem: string): Error => new ReplayTargetInvalidError(problem)

/** A string of the target that matches, or an error that names the field and never quotes the value. */
function checked (value: unknown, field: string, pattern: RegExp): string {
  if (typeof value !== 'string' || !pattern.test(value)) throw invalid(`\`${field}\` has a type or characters that are not allowed`)
  return value
}

function regionField (value: unknown): string {
  if (!Array.isArray(value)) return `region=${checked(value, 'region', REGION)}`
  const codes = value.map((code) => checked(code, 'region', REGION))
  if (codes.length === 0) throw invalid('`region` is an empty list')
  return codes.length === 1 ? `region=${codes[0]}` : `region="${codes.join(',')}"`
}

function placeFields (target: Readonly<Record<string, unknown>>): string[] {
  const given = ['instance', 'app', 'elsewhere'].filter((field) => target[field] !== undefined)
  if (target['region'] !== undefined && target['app'] === undefined) given.push('region')
  if (given.length === 0) throw invalid('it names no place: give `region`, `instance`, `app` or `elsewhere`')
  if (given.length > 1) throw invalid(`${given.map((field) => `\`${field}\``).join(' and ')} exclude each other`)
  switch (given[0]) {
    case 'region': return [regionField(target['region'])]
    case 'instance': return [`instance=${checked(target['instance'], 'instance', INSTANCE)}`]
    case 'app': {
      const app = `app=${checked(target['app'], 'app', APP)}`
      return target['region'] === undefined ? [app] : [app, regionField(target['region'])]
    }
    default:
      if (target['elsewhere'] !== true) throw invalid('`elsewhere` must be true')
      return ['elsewhere=true']
  }
}

/** The value of `fly-replay`. @throws FST_MR_REPLAY_TARGET_INVALID */
export function writeFlyReplay (target: ReplayTarget): string {
  if (typeof target !== 'object' || target === null) throw invalid('it must be an object such as { region: \'fra\' }')
  const fields: Readonly<Record<string, unknown>> = { ...target }
  for (const field of Object.keys(fields)) {
    if (TARGET_FIELDS.includes(field)) continue
    const nearest = nearestName(field, TARGET_FIELDS)
    throw invalid(nearest === undefined ? `it has an unknown field; known are ${TARGET_FIELDS.join(', ')}` : `it has an unknown field; did you mean \`${nearest}\`?`)
  }
  const parts = placeFields(fields)
  if (target.preferInstance !== undefined) parts.push(`prefer_instance=${checked(target.preferInstance, 'preferInstance', INSTANCE)}`)
  if (target.timeout !== undefined) {
    const ms = target.timeout
    if (typeof ms !== 'number' || !Number.isInteger(ms) || ms < 1 || ms > MAX_TIMEOUT_MS) throw invalid(`\`timeout\` must be a whole number of milliseconds from 1 to ${MAX_TIMEOUT_MS}`)
    parts.push(ms % 1_000 === 0 ? `timeout=${ms / 1_000}s` : `timeout=${ms}ms`)
  }
  if (target.fallback !== undefined) {
    const word = typeof target.fallback === 'string' && Object.hasOwn(FALLBACKS, target.fallback) ? FALLBACKS[target.fallback] : undefined
    if (word === undefined) throw invalid('`fallback` must be \'prefer-self\' or \'force-self\'')
    parts.push(`fallback=${word}`)
  }
  if (target.state !== undefined) parts.push(`state=${checked(target.state, 'state', STATE)}`)
  return parts.join(';')
}

/** Ours is below 200 characters; what is much longer was not written by the proxy. */
const MAX_SOURCE_LENGTH = 2_048

/** Never throws. Null: the request was not replayed, or the header says nothing that can be read. */
export function parseFlyReplaySource (headers: IncomingHeaders): ReplayOrigin | null {
  const text = headers['fly-replay-src']
  if (typeof text !== 'string' || text.length > MAX_SOURCE_LENGTH) return null
  let region: string | undefined
  let instance: string | undefined
  let state: string | undefined
  for (const part of text.split(';')) {
    const at = part.indexOf('=')
    if (at < 1) continue
    const key = part.slice(0, at).trim()
    const value = part.slice(at + 1).trim()
    // The first of each counts: what follows may have been appended.
    if (key === 'region') region ??= REGION.test(value) ? value : undefined
    else if (key === 'instance') instance ??= INSTANCE.test(value) ? value : undefined
    else if (key === 'state') state ??= STATE.test(value) ? value : undefined
  }
  return region === undefined && instance === undefined && state === undefined ? null : { region, instance, state }
}

/** Its mere presence counts: a request that came back must not be sent away again, readable or not. */
export function hasFlyReplayFailed (headers: IncomingHeaders): boolean {
  return headers['fly-replay-failed'] !== undefined
}

const MARKER = /^([mb]1):([a-z0-9-]{1,63}):([0-9a-z]{1,11}):([A-Za-z0-9_-]{16,64})(?::([A-Za-z0-9_.:-]{1,400}))?$/

/** A replay takes seconds, at worst the time that a proxy waits for a machine to start. */
const MARKER_LIFETIME_MS = 2 * 60_000
/** Clocks of two regions. */
const CLOCK_SKEW_MS = 60_000

/** Keyed; answers in base64url. */
export type Mac = (text: string) => string

/** A caller's own state leaves room for the marker within the header's limit. */
const OWN_STATE = /^[A-Za-z0-9_.:-]{1,400}$/

/** `borrowed`: here only because its own replica is down or behind. */
export type HopPriority = 'native' | 'borrowed'

export function writeHopMarker (options: { readonly region: string, readonly nowMs: number, readonly mac: Mac, readonly priority: HopPriority, readonly state?: string | undefined }): string {
  if (options.state !== undefined) checked(options.state, 'state', OWN_STATE)
  const signed = `${options.priority === 'borrowed' ? 'b1' : 'm1'}:${options.region}:${Math.floor(options.nowMs).toString(36)}`
  const marker = `${signed}:${options.mac(signed)}`
  return options.state === undefined ? marker : `${marker}:${options.state}`
}

/** `none`: not ours, or not valid; `state` is then all of it. */
export type HopMarker =
  | { readonly type: 'none', readonly reason: 'absent' | 'malformed' | 'forged' | 'expired', readonly state: string | undefined }
  | { readonly type: 'valid', readonly region: string, readonly atMs: number, readonly priority: HopPriority, readonly state: string | undefined }

/** Takes the same time for any two texts of one length. */
function equalText (a: string, b: string): boolean {
  let difference = a.length ^ b.length
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i)
  return difference === 0
}

/** Never throws. */
export function readHopMarker (state: string | undefined, options: { readonly nowMs: number, readonly mac: Mac }): HopMarker {
  if (state === undefined) return { type: 'none', reason: 'absent', state }
  const [, version, region, time, mac, own] = MARKER.exec(state) ?? []
  if (version === undefined || region === undefined || time === undefined || mac === undefined) return { type: 'none', reason: 'malformed', state }
  if (!equalText(options.mac(`${version}:${region}:${time}`), mac)) return { type: 'none', reason: 'forged', state }
  const atMs = Number.parseInt(time, 36)
  if (Math.abs(options.nowMs - atMs) > MARKER_LIFETIME_MS + CLOCK_SKEW_MS) return { type: 'none', reason: 'expired', state }
  return { type: 'valid', region, atMs, priority: version === 'b1' ? 'borrowed' : 'native', state: own }
}
