// What is told of each statement: counted always, timed where metrics are on, published where somebody listens.

import { channels } from '../core/diagnostics.ts'
import type { DriverFailure } from '../core/driver-failure.ts'
import { classify } from '../core/verdict.ts'
import type { RoutedOperation } from '../postgres/scope.ts'
import type { Target } from '../postgres/target.ts'
import { FALLBACK_REASONS } from './counters.ts'
import type { Registration } from './registration.ts'

/** `block`: why the request that it belongs to could not be replayed, if that was wanted. */
export function observeRouted (registration: Registration, operation: RoutedOperation, block: string | null): void {
  const { counters, metrics, servers, name, options } = registration
  const { target, access, durationMs } = operation
  counters.routed(target, access, servers.facts[target].role === 'standby' ? 'replica' : 'primary')
  metrics?.ran(target, access, durationMs)
  if (channels.queryRouted.hasSubscribers) {
    channels.queryRouted.publish({ database: name, region: options.region, endpoint: target, access, reason: operation.reason, durationMs })
  }
  if (!FALLBACK_REASONS.has(operation.reason)) return
  const reason = operation.reason === 'replay-blocked' && block !== null ? block : operation.reason
  counters.fellBack(reason)
  if (channels.fallbackUsed.hasSubscribers) channels.fallbackUsed.publish({ database: name, region: options.region, reason })
}

/** Every failure of a statement or a connection, as the target was told of it. */
export function observeFailures (registration: Registration): void {
  const { servers } = registration
  for (const target of [servers.local, servers.primary]) target.onFailure = (failure) => { failed(registration, target, failure) }
}

function failed ({ counters, name, options, log }: Registration, target: Target, failure: DriverFailure): void {
  const verdict = classify(failure, target.facts.role)
  counters.failed(verdict)
  if (channels.queryFailed.hasSubscribers) {
    channels.queryFailed.publish({ database: name, region: options.region, endpoint: target.name, verdict, code: failure.code, routine: failure.routine })
  }
  log.debug({ endpoint: target.name, verdict, code: failure.code, routine: failure.routine }, 'statement failed')
}
