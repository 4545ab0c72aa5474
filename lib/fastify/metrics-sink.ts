// What cannot be counted and read later: durations, as they happen. Null unless the option `metrics` is given.

import type { Access } from '../core/route-decision.ts'

export interface MetricsSink {
  /** A statement was answered, or failed. */
  ran (endpoint: 'local' | 'primary', kind: Access, durationMs: number): void
  /** A request waited for the replica. */
  waited (waitedMs: number): void
}
