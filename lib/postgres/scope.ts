// What a client is bound to: a request, a socket, a job, or the process.
// The Fastify layer makes a scope for each request and registration; the client asks it nothing else.

import type { RequestState } from '../core/request-state.ts'
import type { CaptureReason } from '../core/route-decision.ts'
import type { Position } from '../core/freshness.ts'
import type { Floor } from './floor.ts'
import type { HiddenWrites } from './hidden-writes.ts'
import type { UnrunOperations } from './unrun-operations.ts'

/** Whether and how this request can run again elsewhere. */
export interface ReplayGate {
  /** Why the request cannot be replayed now (a word of the replay decision's closed union), or null. Asked only when a replay is wanted. */
  blocked (): string | null
  /** Marks the request, and returns the signal that the handler will see. Called at most once a request. */
  request (reason: CaptureReason): Error
}

/** A write that has committed, or may have. */
export interface Commit {
  /** Where in the log; `undefined`: not asked for, the look-up failed, or the outcome is unknown. */
  readonly position: Position | undefined
  readonly outcome: 'committed' | 'unknown'
}

export interface RoutedOperation {
  readonly target: 'local' | 'primary'
  readonly access: 'read' | 'write' | 'unknown'
  /** The word of the decision, e.g. `read`, `replica-down`. */
  readonly reason: string
  readonly durationMs: number
  readonly failed: boolean
}

export interface Scope {
  /** One object a request, shared by all its registrations. */
  readonly state: RequestState
  /** `null` outside requests: nothing to replay. */
  readonly gate: ReplayGate | null
  /** Below it this scope's reads may not be served. */
  readonly floor: Floor
  /** Does anybody want the log positions of commits? Only then are they read, in the write's own round trip. */
  readonly stamps: boolean
  /** Milliseconds that a read may wait for the replica to pass the floor; 0: not at all. */
  readonly waitMs: number
  /** What a read does that needs the primary while there is none. */
  readonly whenPrimaryIsDown: 'fail' | 'stale'
  /** On a writable server: does raw SQL count as a write by its command tag alone, or always (a request that is a write by method, intent or replay)? */
  readonly rawWrites: 'by-command' | 'always'
  /** `borrowed`: the request is here only because its own replica is down or behind. */
  readonly priority: 'native' | 'borrowed'
  /** On the far primary's connections. `borrowed`: the request came back from a replay that failed, as all of its region may. @defaultValue `priority` */
  readonly farPriority?: 'native' | 'borrowed'
  /** Milliseconds; the route's own, where it has one. */
  readonly statementTimeoutMs: number | undefined
  /** In development: names raw texts that write behind a SELECT. */
  readonly hiddenWrites?: HiddenWrites | undefined
  /** In development: names operations that nobody awaited. */
  readonly unrun?: UnrunOperations | undefined
  /** Every commit of a tracked client, in the order in which they became known. */
  onCommit?(commit: Commit): void
  /** After each operation; for timing headers, hints and metrics. */
  onRouted?(routed: RoutedOperation): void
}
