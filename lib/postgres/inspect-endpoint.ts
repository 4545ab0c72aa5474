// Looks at one endpoint as the app's monitor and pool would, and at what the app never asks: for `doctor`.
// Everything is asked part by part, so that a missing right or function leaves out its part alone.

import { TLSSocket } from 'node:tls'
import { DriverFailure } from '../core/driver-failure.ts'
import type { Endpoint } from '../core/endpoint.ts'
import type { ServerSettings } from '../core/server-facts.ts'
import type { Statement } from '../query/statement.ts'
import { addressesOf } from './address.ts'
import { connectFailure, dial, type Address } from './dial.ts'
import { openSession, type Session } from './driver.ts'
import { prepareLook, readLook, type Seen } from './look.ts'
import { PreparedAdmission } from './prepared-admission.ts'

/** `transaction`: two statements of one session were answered by two processes. */
export type PoolerMode = 'none' | 'session' | 'transaction' | 'unknown'

export interface CertificateFacts {
  /** Would `verify-full` accept it? */
  readonly trusted: boolean
  /** OpenSSL's word, where it would not. */
  readonly problem: string | undefined
  readonly expiresAtMs: number | undefined
}

/** An endpoint that answered. */
export interface Inspected {
  readonly type: 'answered'
  readonly addresses: number
  readonly seen: Seen
  readonly settings: ServerSettings
  /** Least of several round trips, in milliseconds. */
  readonly roundTripMs: number
  /** The server's clock minus ours, in milliseconds; half the round trip is its error. */
  readonly clockSkewMs: number | undefined
  readonly pooler: PoolerMode
  /** Undefined: the session is not encrypted. */
  readonly tls: CertificateFacts | undefined
  /** Connections of everybody, at this moment. */
  readonly connections: number | undefined
  /** Of the role, or of the database, where either has one. */
  readonly connectionLimit: number | undefined
  readonly superuser: boolean | undefined
  readonly replayPaused: boolean | undefined
  /** Does a standby receive from anybody? */
  readonly receiving: boolean | undefined
  readonly applyDelayMs: number | undefined
  readonly synchronousStandbyNames: string | undefined
}

export interface Unreachable {
  readonly type: 'unreachable'
  readonly addresses: number
  readonly code: string
  readonly refusedByServer: boolean
}

export interface InspectOptions {
  readonly timeoutMs: number
  readonly prepare: boolean
}

const CLOCK_SAMPLES = 5

export async function inspectEndpoint (endpoint: Endpoint, options: InspectOptions): Promise<Inspected | Unreachable> {
  const opened: Opened = { sessions: [], ended: false }
  let addresses = 0
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => { timer = setTimeout(() => { reject(connectFailure('ETIMEDOUT')) }, options.timeoutMs) })
  const look = async (): Promise<Inspected> => {
    const found = await addressesOf(endpoint, { timeoutMs: options.timeoutMs })
    addresses = found.length
    return await inspectFirst(found, endpoint, { ...options, opened })
  }
  try {
    return await Promise.race([look(), late])
  } catch (failure) {
    if (!(failure instanceof DriverFailure)) throw failure
    return { type: 'unreachable', addresses, code: failure.code, refusedByServer: /^[0-9A-Z]{5}$/.test(failure.code) && /\d/.test(failure.code) }
  } finally {
    clearTimeout(timer)
    opened.ended = true
    for (const session of opened.sessions) session.destroy()
  }
}

/** A session that opens after the end is closed at once. */
interface Opened { readonly sessions: Session[], ended: boolean }

interface InspectParts extends InspectOptions { readonly opened: Opened }

/** As the app does it: one address, the next after a failure to connect. */
async function inspectFirst (addresses: readonly Address[], endpoint: Endpoint, parts: InspectParts): Promise<Inspected> {
  let last: unknown
  for (const address of addresses) {
    try {
      const start = await takesStartUpParameters(endpoint, address, parts)
      const session = await connect(endpoint, address, { ...parts, prepare: false })
      return await inspect(session, endpoint, address, { ...parts, prepare: false, addresses: addresses.length, start })
    } catch (failure) {
      if (!(failure instanceof DriverFailure) || failure.kind !== 'connect') throw failure
      last = failure
    }
  }
  throw last
}

/** Poolers refuse `statement_timeout` at the start of a session, which the app sends unless it is told not to prepare. */
async function takesStartUpParameters (endpoint: Endpoint, address: Address, parts: InspectParts): Promise<'taken' | 'refused'> {
  if (!parts.prepare) return 'taken'
  try {
    (await connect(endpoint, address, parts)).destroy()
    return 'taken'
  } catch (failure) {
    if (failure instanceof DriverFailure && REFUSED_PARAMETER.has(failure.code)) return 'refused'
    throw failure
  }
}

/** protocol_violation, as PgBouncer says it; feature_not_supported. */
const REFUSED_PARAMETER: ReadonlySet<string> = new Set(['08P01', '0A000'])

// Nothing is prepared here: a statement that lands on another process would say no more than that.
async function connect (endpoint: Endpoint, address: Address, { timeoutMs, prepare, opened }: InspectParts): Promise<Session> {
  const session = await openSession({ endpoint, address, connectTimeoutMs: timeoutMs, statementTimeoutMs: timeoutMs, prepare, clock: { tick: 0 }, admission: new PreparedAdmission(), onDead: () => {} })
  if (opened.ended) session.destroy()
  opened.sessions.push(session)
  return session
}

async function inspect (session: Session, endpoint: Endpoint, address: Address, parts: InspectParts & { readonly addresses: number, readonly start: 'taken' | 'refused' }): Promise<Inspected> {
  const { look, settings } = await prepareLook(session)
  const { rows: [row = []] } = await session.query(look.statement)
  const seen = readLook(look, row, session.onStandby)
  const clock = await readClock(session)
  const [connections, limits, superuser, paused, receivers, delay, synchronous] = await Promise.all([
    ask(session, 'select sum(numbackends) from pg_stat_database'),
    ask(session, 'select min(l) from (select rolconnlimit as l from pg_roles where rolname = current_user union all select datconnlimit from pg_database where datname = current_database()) as limits where l >= 0'),
    ask(session, 'select rolsuper from pg_roles where rolname = current_user'),
    ask(session, 'select case when pg_is_in_recovery() then pg_is_wal_replay_paused() end'),
    ask(session, 'select case when pg_is_in_recovery() then (select count(*) from pg_stat_wal_receiver) end'),
    ask(session, "select setting from pg_settings where name = 'recovery_min_apply_delay'"),
    ask(session, "select setting from pg_settings where name = 'synchronous_standby_names'"),
  ])
  return {
    type: 'answered',
    addresses: parts.addresses,
    seen,
    settings,
    ...clock,
    pooler: await findPooler(session, parts.start === 'refused' ? 'between' : settings.pooler, async () => await connect(endpoint, address, parts)),
    tls: await readCertificate(endpoint, address, parts.timeoutMs),
    connections: numberOf(connections),
    connectionLimit: numberOf(limits),
    superuser: flagOf(superuser),
    replayPaused: flagOf(paused),
    receiving: receivers === undefined || receivers === null ? undefined : receivers !== '0',
    applyDelayMs: numberOf(delay),
    synchronousStandbyNames: synchronous ?? undefined,
  }
}

type Answer = string | null | undefined

const numberOf = (answer: Answer): number | undefined => answer === undefined || answer === null ? undefined : Number(answer)
const flagOf = (answer: Answer): boolean | undefined => answer === undefined || answer === null ? undefined : answer === 't'

/** Undefined where the server will not say. */
async function ask (session: Session, text: string): Promise<Answer> {
  try {
    return (await session.query({ text, params: [] })).rows[0]?.[0]
  } catch (failure) {
    if (failure instanceof DriverFailure && failure.kind === 'server') return undefined
    throw failure
  }
}

const CLOCK: Statement = { text: 'select extract(epoch from clock_timestamp()) * 1000', params: [] }

/** The sample with the shortest trip has the least error. */
async function readClock (session: Session): Promise<{ roundTripMs: number, clockSkewMs: number | undefined }> {
  let best = { roundTripMs: Number.POSITIVE_INFINITY, clockSkewMs: undefined as number | undefined }
  for (let i = 0; i < CLOCK_SAMPLES; i++) {
    const startedAtMs = performance.now()
    const sentAtMs = Date.now()
    const { rows } = await session.query(CLOCK)
    const roundTripMs = performance.now() - startedAtMs
    if (roundTripMs < best.roundTripMs) best = { roundTripMs, clockSkewMs: Number(rows[0]?.[0]) - sentAtMs - roundTripMs / 2 }
  }
  return best
}

const PID = 'select pg_backend_pid()'

/** One session asks, another one then keeps a process busy with a transaction: does the first still have its own? */
async function findPooler (session: Session, hint: ServerSettings['pooler'], another: () => Promise<Session>): Promise<PoolerMode> {
  if (hint === 'none') return 'none'
  const before = await ask(session, PID)
  if (before === undefined) return 'unknown'
  const second = await another()
  await second.simple('begin')
  await second.simple(PID)
  const after = await ask(session, PID)
  await second.simple('rollback')
  if (before !== after) return 'transaction'
  return hint === 'between' ? 'session' : 'unknown'
}

/** What the server shows in a handshake of its own; whatever the endpoint's mode checks of it. */
async function readCertificate (endpoint: Endpoint, address: Address, timeoutMs: number): Promise<CertificateFacts | undefined> {
  if (endpoint.ssl === 'disable' || address.at.startsWith('/')) return undefined
  const unchecked = typeof endpoint.ssl === 'string' ? 'prefer' : { ...endpoint.ssl, rejectUnauthorized: false }
  const socket = await dial({ address, ssl: unchecked, timeoutMs })
  try {
    if (!(socket instanceof TLSSocket)) return undefined
    const expiresAtMs = Date.parse(socket.getPeerCertificate().valid_to)
    const { authorizationError } = socket
    return {
      trusted: socket.authorized,
      // A name that does not fit is an Error here, where a chain that does not end is a word.
      problem: authorizationError instanceof Error ? (authorizationError as NodeJS.ErrnoException).code ?? authorizationError.name : authorizationError ?? undefined,
      expiresAtMs: Number.isNaN(expiresAtMs) ? undefined : expiresAtMs,
    }
  } finally {
    socket.destroy()
  }
}
