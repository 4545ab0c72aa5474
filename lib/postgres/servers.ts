// The two targets of this region, local and primary, and which of them may be written.

import type { TargetFacts } from '../core/server-facts.ts'
import type { Target } from './target.ts'

export interface ServersFacts {
  readonly local: TargetFacts
  readonly primary: TargetFacts
  /** One server behind both names: they share a pool. */
  readonly shared: boolean
  /** Where a write may go; `none`: split brain, fenced, or no primary known. */
  readonly writeTo: 'local' | 'primary' | 'none'
  /** `equal-timeline`: nobody is written. `older-timeline`: the newer one is. */
  readonly splitBrain: 'none' | 'equal-timeline' | 'older-timeline'
}

/** What pino's loggers have in common. */
export interface Log {
  debug (fields: object, message: string): void
  info (fields: object, message: string): void
  warn (fields: object, message: string): void
  error (fields: object, message: string): void
}

export interface Servers {
  readonly local: Target
  readonly primary: Target
  readonly facts: ServersFacts
  /** Called after the facts were replaced; returns what ends it. */
  onChange (listener: (facts: ServersFacts) => void): () => void
  /** Idempotent, bounded by `timeoutMs`. */
  close (timeoutMs?: number): Promise<void>
}
