// What sessions did and saw, as plain data: the operations of a run, and what the database holds at its end.

/**
 * Which state of one register was written or seen. Versions of a register count up by one along one timeline; after
 * a failover that lost writes the same numbers come again on a newer timeline. So states are ordered by timeline
 * first: what was written on an old timeline behind the point where the new one began is in no state of the new one.
 */
export interface Version {
  readonly timeline: number
  readonly number: number
}

export type Consistency = 'eventual' | 'session' | 'monotonic' | 'strong'

interface OperationBase {
  readonly id: string
  readonly session: number
  /** Where the client was. */
  readonly region: string
  /** Which of the app's routes. */
  readonly route: string
  readonly key: string
  /** On one clock for all sessions. */
  readonly invokedMs: number
  readonly completedMs: number
  /** Of the answer; undefined where none came. */
  readonly status: number | undefined
}

export interface Read extends OperationBase {
  readonly type: 'read'
  readonly consistency: Consistency
  readonly outcome: 'ok' | 'failed'
  /** The state that was seen; undefined where the read failed. */
  readonly version: Version | undefined
  /** Identifier of the write that made that state. */
  readonly writer: string | undefined
  /** Region of the app that answered. */
  readonly servedIn: string | undefined
  /** Did a standby answer? Undefined where the route does not tell. */
  readonly onStandby: boolean | undefined
  /** Written by the answering request itself, and read back behind it. */
  readonly sameRequest: boolean
}

export interface Write extends OperationBase {
  readonly type: 'write'
  /**
   * - `acknowledged`: the answer names the version that was written.
   * - `refused`: an answer that promises that nothing was written (503).
   * - `unknown`: any other answer, or none.
   */
  readonly outcome: 'acknowledged' | 'refused' | 'unknown'
  readonly version: Version | undefined
  /** A log position from before the commit, taken by the statement that wrote. */
  readonly before: bigint | undefined
  /** The position in the token that the answer carried; the commit is not beyond it. */
  readonly stamped: bigint | undefined
  readonly servedIn: string | undefined
}

export type Operation = Read | Write

/** A promotion, and the point of the log where the new timeline left the old one. */
export interface Failover {
  readonly endedTimeline: number
  readonly newTimeline: number
  /** Did a commit wait for the promoted server? Then nothing acknowledged may be lost. */
  readonly synchronous: boolean
  /** Before the old primary was stopped. */
  readonly startedMs: number
  /** What the promoted server had received when it was promoted. */
  readonly received: bigint
  /** From the new primary's timeline history. */
  readonly switchPoint: bigint
  /** Writers whose commits lay behind the switch point, with the end of each commit: from the dead primary's own log. */
  readonly taken: ReadonlyMap<string, bigint>
}

/** One committed write, as the database tells at the end. */
export interface Committed {
  readonly writer: string
  readonly key: string
  readonly version: Version
}

export interface History {
  /** In the order of completion; the operations of one session do not overlap. */
  readonly operations: readonly Operation[]
  readonly failovers: readonly Failover[]
  readonly committed: readonly Committed[]
}

export function compareVersions (a: Version, b: Version): number {
  return a.timeline - b.timeline || a.number - b.number
}
