// Channels of node:diagnostics_channel: their names and messages, in one place.
// A message is built behind `hasSubscribers`, so that nobody pays for what nobody reads. Messages are flat, with
// the log's keys; no SQL values, no hosts, no passwords. Adding a field is minor, removing one is major.

import { channel } from 'node:diagnostics_channel'
import type { ReplayBlock, ReplayReason } from './replay-decision.ts'
import type { Breaker, Role } from './server-facts.ts'

/** What every message says. */
interface Origin {
  /** Name of the registration: `db`, `analytics`, … */
  readonly database: string
  readonly region: string | undefined
}

export interface RequestDecidedMessage extends Origin {
  /** `local`: the request used a database, and no replay was considered. `stay`: a replay was wanted and is not possible. */
  readonly decision: 'local' | 'replay' | 'stay'
  /** The closed unions of the replay decision; of a local request `open`, or which server it wrote to. */
  readonly reason: ReplayReason | ReplayBlock | 'open' | 'local-write' | 'direct-write'
  readonly method: string
  /** The pattern, never the URL. */
  readonly route: string | undefined
}

export interface RequestReplayedMessage extends Origin {
  readonly reason: ReplayReason
  /** Where the request was sent; undefined where the target is no region. */
  readonly targetRegion: string | undefined
  readonly method: string
  readonly route: string | undefined
}

export interface QueryRoutedMessage extends Origin {
  readonly endpoint: 'local' | 'primary'
  readonly access: 'read' | 'write' | 'unknown'
  readonly reason: string
  readonly durationMs: number
}

export interface QueryFailedMessage extends Origin {
  readonly endpoint: 'local' | 'primary'
  readonly verdict: string
  readonly code: string
  readonly routine: string | undefined
}

export interface TokenStampedMessage extends Origin {
  readonly outcome: 'position' | 'time'
}

export interface TokenAwaitedMessage extends Origin {
  readonly outcome: string
  readonly waitedMs: number
}

export interface TokenRejectedMessage extends Origin {
  readonly reason: string
}

export interface EndpointHealthMessage extends Origin {
  readonly endpoint: 'local' | 'primary'
  readonly up: boolean | undefined
  readonly breaker: Breaker
}

export interface EndpointRoleMessage extends Origin {
  readonly endpoint: 'local' | 'primary'
  readonly role: Role
  readonly previousRole: Role
}

export interface FallbackUsedMessage extends Origin {
  readonly reason: string
}

export interface CaptureLateMessage extends Origin {
  readonly reason: ReplayReason
  readonly method: string
  readonly route: string | undefined
  /** Statements that had run before the write was met. */
  readonly statements: number
}

export interface PoolSaturatedMessage extends Origin {
  readonly endpoint: 'local' | 'primary'
  readonly reason: 'queue-full' | 'queue-timeout'
  /** Statements that wait now. */
  readonly waiting: number
  /** Refused since the last look. */
  readonly refused: number
}

export interface Messages {
  'request:decided': RequestDecidedMessage
  'request:replayed': RequestReplayedMessage
  'query:routed': QueryRoutedMessage
  'query:failed': QueryFailedMessage
  'token:stamped': TokenStampedMessage
  'token:awaited': TokenAwaitedMessage
  'token:rejected': TokenRejectedMessage
  'endpoint:health': EndpointHealthMessage
  'endpoint:role': EndpointRoleMessage
  'fallback:used': FallbackUsedMessage
  'capture:late': CaptureLateMessage
  'pool:saturated': PoolSaturatedMessage
}

export const CHANNEL_PREFIX = 'fastify-multi-region:'

/** A channel of Node that knows its message. */
export interface MessageChannel<M> {
  readonly name: string | symbol
  readonly hasSubscribers: boolean
  publish (message: M): void
}

const open = <K extends keyof Messages> (name: K): MessageChannel<Messages[K]> => channel(`${CHANNEL_PREFIX}${name}`)

/** Process-wide, as channels are; the one module state that registrations share. */
export const channels = Object.freeze({
  requestDecided: open('request:decided'),
  requestReplayed: open('request:replayed'),
  queryRouted: open('query:routed'),
  queryFailed: open('query:failed'),
  tokenStamped: open('token:stamped'),
  tokenAwaited: open('token:awaited'),
  tokenRejected: open('token:rejected'),
  endpointHealth: open('endpoint:health'),
  endpointRole: open('endpoint:role'),
  fallbackUsed: open('fallback:used'),
  captureLate: open('capture:late'),
  poolSaturated: open('pool:saturated'),
})
