// What follows from what `doctor` found: facts in, findings out. Each says what is so, and what to change.

import type { Endpoint } from '../core/endpoint.ts'
import type { Inspected, Unreachable } from '../postgres/inspect-endpoint.ts'

/** `note`: worth knowing, nothing to change. Exit codes follow from warnings and errors alone. */
export type Level = 'ok' | 'note' | 'warning' | 'error'

export interface Finding {
  readonly level: Level
  readonly check: string
  /** What it is about; undefined: the set-up as a whole. */
  readonly endpoint: 'primary' | 'replica' | undefined
  readonly message: string
  /** What to change. */
  readonly remedy: string | undefined
}

export interface Subject {
  readonly endpoint: Endpoint
  readonly found: Inspected | Unreachable
}

export interface SetUp {
  readonly region: string | undefined
  readonly primaryRegion: string | undefined
  readonly replay: 'fly' | 'off'
  readonly key: 'set' | 'not-set' | 'invalid'
  readonly pool: { readonly max: number, readonly primaryMax: number, readonly prepare: boolean }
  readonly statementTimeoutMs: number
  readonly nowMs: number
}

export interface Examined {
  readonly setUp: SetUp
  readonly primary: Subject
  /** Undefined: no replica is configured. */
  readonly replica: Subject | undefined
}

type Which = 'primary' | 'replica'
interface Findings { add (level: Level, check: string, message: string, remedy?: string): void }

/** The monitor's. */
const OWN_CONNECTIONS = 1
/** What the time window of a token allows for (see the option `token.window`). */
const MAX_SKEW_MS = 1_000
const MIN_VERSION = 140_000
const DAY_MS = 24 * 60 * 60_000
const EXPIRY_WARNING_MS = 30 * DAY_MS
/** A standby this far behind sends every session to the primary for a while. */
const MUCH_LAG_BYTES = 16 * 1024 * 1024

export function diagnose (examined: Examined): Finding[] {
  const findings: Finding[] = []
  const about = (endpoint: Which | undefined): Findings => ({
    add (level, check, message, remedy) { findings.push({ level, check, endpoint, message, remedy }) },
  })
  const { setUp, primary, replica } = examined
  judgeSetUp(examined, about(undefined))
  for (const [which, subject] of [['primary', primary], ['replica', replica]] as const) {
    if (subject === undefined) continue
    const { found } = subject
    if (found.type === 'unreachable') judgeUnreachable(found, which, about(which))
    else {
      about(which).add('ok', 'reach', `answers in ${found.roundTripMs.toFixed(1)} ms, PostgreSQL ${versionOf(found)}`)
      judgeServer(subject.endpoint, found, { which, setUp, isShared: isSameServer(examined) }, about(which))
    }
  }
  if (primary.found.type === 'answered') judgePrimary(primary.found, about('primary'))
  if (replica?.found.type === 'answered' && !isSameServer(examined)) judgeReplica(replica.found, setUp, about('replica'))
  if (primary.found.type === 'answered' && replica?.found.type === 'answered') judgePair({ primary: primary.found, replica: replica.found, setUp }, about('replica'))
  return findings
}

function judgeSetUp ({ setUp, replica }: Examined, { add }: Findings): void {
  const { region, primaryRegion, replay, key } = setUp
  if (region === undefined) add('note', 'regions', 'no region is configured: one database, nothing is replayed', 'set FLY_REGION (or the option region) and PRIMARY_REGION where the app runs in several regions')
  else if (region === primaryRegion) add('ok', 'regions', `this is the primary's region, ${region}`)
  else add('ok', 'regions', `this is ${region}; the primary's region is ${primaryRegion ?? 'not known'}`)
  if (replay === 'fly') add('ok', 'platform', "requests are replayed by Fly's proxy")
  else if (region !== undefined && region !== primaryRegion) add('warning', 'platform', 'no platform that replays requests was recognised: every write crosses to the primary statement by statement', 'run behind a proxy that replays (FLY_REGION is set on Fly), or pass the option replay with a transport of your own')
  if (region !== undefined && region !== primaryRegion && replica === undefined) add('warning', 'replica', `no replica is configured in ${region}: every read crosses to the primary`, 'set DATABASE_REPLICA_URL, or give --replica')
  switch (key) {
    case 'set': add('ok', 'key', 'MULTI_REGION_KEY is set; it must be the same in every region'); break
    case 'invalid': add('error', 'key', 'MULTI_REGION_KEY is not a key of 32 bytes', 'make one with: npx fastify-multi-region key'); break
    case 'not-set': add('note', 'key', 'MULTI_REGION_KEY is not set: users may not see their own writes on their next request, unless the app gives token.key itself', 'make one with: npx fastify-multi-region key, and set the same in every region'); break
    default: key satisfies never
  }
}

const REACH_REMEDIES: Readonly<Record<string, string>> = {
  ENOTFOUND: 'correct the host name',
  EAI_AGAIN: 'the name server does not answer: check the network, and the host name',
  ECONNREFUSED: 'nothing listens there: check host and port, and that the server runs and accepts TCP (listen_addresses)',
  ETIMEDOUT: 'no answer in time: check the firewall, the port, and --timeout',
  EHOSTUNREACH: 'there is no route: check the network',
  ENETUNREACH: 'there is no route: check the network',
  TLS_REFUSED: 'the server offers no TLS: turn ssl on there, or use sslmode=disable on a private network',
  CERT_HAS_EXPIRED: "renew the server's certificate",
  ERR_TLS_CERT_ALTNAME_INVALID: 'the certificate is made out to another name: connect by that name',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the certificate signs itself: give its authority (option database with ssl: { ca }, or NODE_EXTRA_CA_CERTS)',
  SELF_SIGNED_CERT_IN_CHAIN: "the certificate's authority is not known: give it (option database with ssl: { ca }, or NODE_EXTRA_CA_CERTS)",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "the certificate's authority is not known: give it (option database with ssl: { ca }, or NODE_EXTRA_CA_CERTS)",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the certificate's authority is not known: give it (option database with ssl: { ca }, or NODE_EXTRA_CA_CERTS)",
  '28P01': 'the password is wrong, or the role does not exist',
  28000: 'pg_hba.conf refuses this role, database or address',
  '3D000': 'there is no such database on that server',
  53300: 'too many connections: raise max_connections, or lower the pools',
  '57P03': 'the server is starting up, or hot_standby is off: try again',
}

function judgeUnreachable (found: Unreachable, which: Which, { add }: Findings): void {
  const what = found.refusedByServer ? `refuses the connection (${found.code})` : `cannot be reached (${found.code})`
  const then = which === 'primary' ? 'writes fail with 503' : 'every request goes to the primary'
  add('error', isCertificateCode(found.code) ? 'certificate' : 'reach', `${what}: ${then}`, REACH_REMEDIES[found.code] ?? 'check host, port and credentials')
}

const isCertificateCode = (code: string): boolean => code.startsWith('CERT_') || code.includes('SIGNED_CERT') || code.includes('_CERT_') || code.startsWith('UNABLE_TO_')

function judgeServer (endpoint: Endpoint, found: Inspected, given: { readonly which: Which, readonly setUp: SetUp, readonly isShared: boolean }, { add }: Findings): void {
  const { which, setUp, isShared } = given
  const { settings } = found
  if (settings.version !== undefined && settings.version < MIN_VERSION) add('warning', 'version', `PostgreSQL ${versionOf(found)} is older than what is tested`, 'upgrade to 14 or later')
  if (found.addresses > 1) add('note', 'addresses', `the name leads to ${found.addresses} addresses; one of them is used until it fails`)
  if (!(which === 'primary' && isShared)) judgePool(found, { option: which === 'primary' && setUp.region !== setUp.primaryRegion ? 'pool.primaryMax' : 'pool.max', max: which === 'primary' && setUp.region !== setUp.primaryRegion ? setUp.pool.primaryMax : setUp.pool.max }, add)
  judgePooler(found, setUp, add)
  const { clockSkewMs } = found
  if (clockSkewMs !== undefined && Math.abs(clockSkewMs) - found.roundTripMs / 2 > MAX_SKEW_MS) {
    add('warning', 'clock', `its clock is ${(Math.abs(clockSkewMs) / 1_000).toFixed(1)} s ${clockSkewMs > 0 ? 'ahead of' : 'behind'} this machine's`, 'let both follow a time server (NTP): tokens of mode time, and log lines, rely on it')
  } else add('ok', 'clock', 'its clock agrees with this one')
  if ((which === 'replica' ? found.seen.appliedLsn : found.seen.flushLsn) === undefined && found.seen.role === (which === 'replica' ? 'standby' : 'primary')) {
    add('warning', 'positions', 'it does not tell its log position: sessions are kept consistent by time alone', "use token: { mode: 'time' }, or a server (or a role) that may ask for positions")
  }
  judgeTls(endpoint, found, setUp, add)
  if (found.superuser === true) add('note', 'role', 'the app connects as a superuser, who also takes the reserved connections', 'give the app a role of its own')
}

function judgePool ({ settings, connections, connectionLimit }: Inspected, { max, option }: { readonly max: number, readonly option: string }, add: Findings['add']): void {
  if (settings.maxConnections === undefined) return
  const allowed = settings.maxConnections - (settings.reservedConnections ?? 0)
  const wanted = max + OWN_CONNECTIONS
  const sizes = `max_connections ${settings.maxConnections}, reserved ${settings.reservedConnections ?? 0}`
  if (wanted > allowed) add('warning', 'pool', `one process may open ${wanted} connections (${option} and the monitor), and the server allows ${allowed} (${sizes})`, `lower ${option}, or raise max_connections (on its standbys first)`)
  else if (connectionLimit !== undefined && wanted > connectionLimit) add('warning', 'pool', `one process may open ${wanted} connections, and the role or database is limited to ${connectionLimit}`, `lower ${option}, or raise the limit (alter role … connection limit)`)
  else if (connections !== undefined && connections + wanted > allowed) add('warning', 'pool', `${connections} connections are open now, and one more process may open ${wanted}: the server allows ${allowed} (${sizes})`, `lower ${option} or the number of processes, or raise max_connections`)
  else add('ok', 'pool', `room for ${Math.floor(allowed / wanted)} processes of ${wanted} connections (${sizes})`)
}

function judgePooler ({ pooler }: Inspected, { pool }: SetUp, add: Findings['add']): void {
  if (pooler === 'transaction') {
    if (pool.prepare) add('error', 'pooler', 'a pooler in transaction mode stands before it: prepared statements will fail, and sessions cannot be followed', 'connect to the server itself, or set pool: { prepare: false }')
  } else if (pooler === 'session') add('note', 'pooler', 'a pooler in session mode stands before it, which adds a hop and no use: the client has a pool of its own', 'connect to the server itself')
}

function judgeTls (endpoint: Endpoint, { tls }: Inspected, { nowMs }: SetUp, add: Findings['add']): void {
  if (tls === undefined) {
    if (!isNear(endpoint.host)) add('warning', 'tls', 'the connection is not encrypted', 'add ?sslmode=verify-full to the URL (or require where the certificate cannot be verified)')
    return
  }
  if (tls.expiresAtMs !== undefined && tls.expiresAtMs < nowMs) add('warning', 'certificate', 'the certificate has expired', "renew the server's certificate")
  else if (tls.expiresAtMs !== undefined && tls.expiresAtMs - nowMs < EXPIRY_WARNING_MS) add('warning', 'certificate', `the certificate expires in ${Math.ceil((tls.expiresAtMs - nowMs) / DAY_MS)} days`, "renew the server's certificate")
  const checks = typeof endpoint.ssl === 'object' ? endpoint.ssl['rejectUnauthorized'] !== false : endpoint.ssl === 'verify-full'
  if (checks) add('ok', 'tls', 'encrypted, and the certificate is verified')
  else if (tls.trusted) add('note', 'tls', 'encrypted, and the certificate is not verified though it could be', 'use sslmode=verify-full')
  else add('warning', 'certificate', `encrypted, and the certificate cannot be verified (${tls.problem ?? 'unknown'}): whoever stands between can pose as the server`, REACH_REMEDIES[tls.problem ?? ''] ?? "give the certificate's authority, then use sslmode=verify-full")
}

/** The machine itself, private networks, and Fly's encrypted one. */
const isNear = (host: string): boolean => host.startsWith('/') || /^(?:localhost|127\.|10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|::1$|f[cd][0-9a-f]{2}:)/i.test(host) || /\.(?:internal|flycast)$/i.test(host)

function judgePrimary ({ seen, settings }: Inspected, { add }: Findings): void {
  if (seen.role === 'standby') add('error', 'role', 'the configured primary is a standby: writes will fail until it is promoted', 'point DATABASE_URL (database.primary) at the primary')
  else if (seen.role === 'unknown') add('warning', 'role', 'it does not tell whether it is in recovery')
  else add('ok', 'role', `is a primary${seen.timeline === undefined ? '' : `, timeline ${seen.timeline}`}`)
  if (settings.defaultReadOnly === true && seen.role === 'primary') add('error', 'read-only', 'default_transaction_read_only is on: the primary refuses writes', 'alter system reset default_transaction_read_only (some hosts set it when the disk is full)')
  switch (settings.synchronousCommit) {
    case undefined: break
    case 'off': add('warning', 'synchronous_commit', 'synchronous_commit is off: a crash of the primary loses acknowledged writes', 'set it to on, and to off for single transactions: $transaction(…, { synchronousCommit })'); break
    case 'remote_apply': add('note', 'synchronous_commit', 'synchronous_commit is remote_apply: a commit waits until the synchronous standbys show it'); break
    default: add('ok', 'synchronous_commit', `synchronous_commit is ${settings.synchronousCommit}`)
  }
}

function judgeReplica (found: Inspected, { statementTimeoutMs }: SetUp, { add }: Findings): void {
  const { seen, settings } = found
  if (seen.role !== 'standby') return // two primaries: the pair is judged
  add('ok', 'role', `is a standby${seen.timeline === undefined ? '' : `, timeline ${seen.timeline}`}`)
  if (found.replayPaused === true) add('error', 'replay', 'replay is paused: its data does not move', 'select pg_wal_replay_resume()')
  if (found.receiving === false) add('warning', 'streaming', 'it receives nothing from the primary: its data does not move, unless it is fed from an archive', 'check primary_conninfo and the replication slot')
  if ((found.applyDelayMs ?? 0) > 0) add('warning', 'replay', `recovery_min_apply_delay is ${found.applyDelayMs} ms: every read is at least so old`, 'use a standby without delay for reads')
  const delayMs = settings.maxStandbyStreamingDelayMs
  if (delayMs === -1) add('warning', 'max_standby_streaming_delay', 'max_standby_streaming_delay is -1: one long query stops replay for as long as it runs', `set it to about the statement timeout (${statementTimeoutMs} ms) or less`)
  else if (delayMs !== undefined && delayMs > 2 * statementTimeoutMs) add('warning', 'max_standby_streaming_delay', `max_standby_streaming_delay is ${delayMs} ms: queries of others may hold replay up for so long`, `set it to about the statement timeout (${statementTimeoutMs} ms) or less`)
  else if (delayMs !== undefined) add('ok', 'max_standby_streaming_delay', `max_standby_streaming_delay is ${delayMs} ms`)
  if (settings.hotStandbyFeedback === false) add('note', 'hot_standby_feedback', 'hot_standby_feedback is off: vacuum on the primary may end long reads here (they are retried, then run elsewhere)', 'set it to on where reads of many seconds are usual; the primary then keeps dead rows for them')
  else if (settings.hotStandbyFeedback === true) add('ok', 'hot_standby_feedback', 'hot_standby_feedback is on')
}

function judgePair ({ primary, replica, setUp }: { readonly primary: Inspected, readonly replica: Inspected, readonly setUp: SetUp }, { add }: Findings): void {
  if (sameServer(primary, replica)) {
    if (setUp.region !== undefined && setUp.region !== setUp.primaryRegion) add('warning', 'role', 'the replica and the primary are the same server: every read leaves the region', 'point the replica at the server in this region')
    else add('ok', 'role', 'the replica and the primary are the same server, as they should be in its region')
    return
  }
  const { system, timeline } = { system: replica.seen.fingerprint.system, timeline: replica.seen.timeline }
  const isOtherSystem = system !== undefined && primary.seen.fingerprint.system !== undefined && system !== primary.seen.fingerprint.system
  if (isOtherSystem) {
    add(replica.seen.role === 'standby' ? 'error' : 'warning', 'system', 'the replica belongs to another database cluster than the primary', replica.seen.role === 'standby' ? 'point the replica at a standby of this primary' : "where it is a logical subscriber, use token: { mode: 'time' }; else point the replica at a standby")
    return
  }
  if (replica.seen.role === 'primary') {
    if (primary.seen.role !== 'primary') add('error', 'role', 'the configured replica is the primary, and the configured primary is not: they have changed places', 'exchange DATABASE_URL and DATABASE_REPLICA_URL, or let primary be a list')
    else if (timeline === primary.seen.timeline) add('error', 'role', 'the replica is out of recovery, with the same system and timeline as the primary: a clone or a branch, and no write would be safe', 'point the replica at a standby, or leave it out')
    else if ((timeline ?? 0) < (primary.seen.timeline ?? 0)) add('error', 'role', 'the replica is out of recovery on an older timeline: it left replication, and its data no longer moves', 'rebuild it as a standby')
    else add('error', 'role', 'the replica is out of recovery on a newer timeline than the configured primary: it was promoted', 'point DATABASE_URL at it, and rebuild the old primary as a standby')
    return
  }
  if (timeline !== undefined && primary.seen.timeline !== undefined && timeline !== primary.seen.timeline) add('warning', 'timeline', `the standby is on timeline ${timeline}, the primary on ${primary.seen.timeline}`, 'after a failover it may be on its way; else rebuild it from the present primary')
  const { flushLsn } = primary.seen
  const { appliedLsn } = replica.seen
  if (flushLsn === undefined || appliedLsn === undefined) return
  const lagBytes = Math.max(0, Number(flushLsn - appliedLsn))
  if (lagBytes > MUCH_LAG_BYTES) add('warning', 'lag', `the standby is ${sizeOf(lagBytes)} behind`, 'check its disk, the network, and queries that hold replay up')
  else add('ok', 'lag', `the standby is ${sizeOf(lagBytes)} behind`)
}

function isSameServer ({ primary, replica }: Examined): boolean {
  return primary.found.type === 'answered' && replica?.found.type === 'answered' && sameServer(primary.found, replica.found)
}

/** One run of one server: its start tells, as the client sees it. */
function sameServer (a: Inspected, b: Inspected): boolean {
  const [one, other] = [a.seen.fingerprint, b.seen.fingerprint]
  return one.startedAt !== undefined && one.startedAt === other.startedAt && one.system === other.system && one.port === other.port && a.seen.role === b.seen.role
}

function versionOf ({ settings: { version } }: Inspected): string {
  return version === undefined ? 'of an unknown version' : `${Math.floor(version / 10_000)}.${version % 10_000}`
}

function sizeOf (bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`
  return bytes < 1024 * 1024 ? `${(bytes / 1024).toFixed(1)} kB` : `${(bytes / 1024 / 1024).toFixed(1)} MB`
}
