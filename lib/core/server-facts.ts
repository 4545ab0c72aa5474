// What is known of a server: immutable snapshots, replaced on change, so that a decision reads one field.
// Unknown is a value: `undefined`, or the role `unknown`. It is never read as 0, false or "primary".

import type { Lsn, LogGeometry } from './lsn.ts'

/** What a server is, as last proven by itself; never by its name or region. */
export type Role = 'primary' | 'standby' | 'unknown'

export type Breaker = 'closed' | 'open' | 'half-open'

/**
 * Why a server that is not in recovery is not written:
 * - `older-timeline`: another server of the same system is out of recovery on a newer timeline; its reads count as stale.
 * - `equal-timeline`: another one is out of recovery on the same timeline: split brain, nobody is written.
 * - `foreign-system`: it belongs to another system than the configured primary.
 * - `unproven-promotion`: configured as a replica and never seen on a newer timeline: a clone or a branch.
 */
export type FenceReason = 'older-timeline' | 'equal-timeline' | 'foreign-system' | 'unproven-promotion'

/** Which server answered, and which run of it. */
export interface Fingerprint {
  /** `system_identifier`; the same on a standby, a clone and a branch. */
  readonly system: string | undefined
  /** `inet_server_addr()`; undefined over a Unix socket. */
  readonly address: string | undefined
  readonly port: string | undefined
  /** `pg_postmaster_start_time()`, in the server's microseconds. */
  readonly startedAt: string | undefined
}

/** What is asked once a session of the monitor. */
export interface ServerSettings {
  /** `server_version_num`, e.g. 180004. */
  readonly version: number | undefined
  readonly maxConnections: number | undefined
  readonly reservedConnections: number | undefined
  readonly synchronousCommit: string | undefined
  readonly defaultReadOnly: boolean | undefined
  readonly geometry: LogGeometry | undefined
  readonly hotStandbyFeedback: boolean | undefined
  readonly maxStandbyStreamingDelayMs: number | undefined
  /** Does something stand between that gives each session a process number of its own? */
  readonly pooler: 'none' | 'between' | 'unknown'
}

/** Can this server say how far it is? `none`: Aurora, logical subscribers, stubs; only time works there (FACTS 2.16). */
export type Positions = 'available' | 'none' | 'unknown'

export interface TargetFacts {
  readonly name: 'local' | 'primary'
  readonly role: Role
  /** Did the last contact succeed? Undefined before the first. */
  readonly up: boolean | undefined
  readonly breaker: Breaker
  readonly system: string | undefined
  readonly timeline: number | undefined
  /** Counts only while `sampleEpoch === epoch`. */
  readonly appliedLsn: Lsn | undefined
  readonly flushLsn: Lsn | undefined
  /** One run of one server as this process sees it; raised when a connection to it opens or closes. Live: read it from the target's pool at the moment of use. */
  readonly sampleEpoch: number
  readonly sampledAtMs: number | undefined
  readonly roundTripMs: number | undefined
  readonly fingerprint: Fingerprint
  /** `several`: connections to one address reached different servers (a balancer): no position of one counts for another. */
  readonly members: 'one' | 'several'
  readonly fenced: FenceReason | undefined
  /** Proven to be the primary, and not fenced. */
  readonly writable: boolean
  readonly positions: Positions
  readonly settings: ServerSettings | undefined
}

export const unknownFingerprint: Fingerprint = Object.freeze({ system: undefined, address: undefined, port: undefined, startedAt: undefined })

export function unknownTarget (name: 'local' | 'primary'): TargetFacts {
  return Object.freeze({
    name,
    role: 'unknown',
    up: undefined,
    breaker: 'closed',
    system: undefined,
    timeline: undefined,
    appliedLsn: undefined,
    flushLsn: undefined,
    sampleEpoch: -1,
    sampledAtMs: undefined,
    roundTripMs: undefined,
    fingerprint: unknownFingerprint,
    members: 'one',
    fenced: undefined,
    writable: false,
    positions: 'unknown',
    settings: undefined,
  } as const)
}
