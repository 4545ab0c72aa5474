// A bounded wait for a condition: what tests use in place of sleeping.

import { setTimeout as delay } from 'node:timers/promises'
import { inspect } from 'node:util'

/** Bounds of {@link waitFor}. */
export interface WaitForOptions {
  /** Longest time to wait, in milliseconds. @defaultValue 5000 */
  readonly withinMs?: number
  /** Pause between two probes, in milliseconds; the first pauses are shorter. @defaultValue 20 */
  readonly everyMs?: number
  /** Ends the wait early; the returned promise rejects with the signal's reason. */
  readonly signal?: AbortSignal
}

type Truthy<T> = Exclude<T, undefined | null | false | 0 | ''>

/**
 * Asks `probe` again and again until it returns something truthy, and returns that.
 * A probe that throws counts as "not yet". When the time is over, the error names what was waited for and
 * prints the last value (or failure) that was seen, so that a red test tells more than "timeout".
 *
 * @example
 * ```ts
 * await waitFor('the replica to have the row', async () => (await count()) === 1, { withinMs: 2_000 })
 * ```
 *
 * @since 0.1.0
 */
export async function waitFor<T> (what: string, probe: () => T | Promise<T>, options: WaitForOptions = {}): Promise<Truthy<T>> {
  const { withinMs = 5_000, everyMs = 20, signal } = options
  const startedAt = performance.now()
  let pauseMs = Math.min(1, everyMs)
  let attempts = 0
  let lastValue: unknown
  let lastFailure: unknown
  while (true) {
    signal?.throwIfAborted()
    attempts++
    try {
      // A probe that hangs must not outlast the bound.
      const value = await bounded(probe, withinMs - (performance.now() - startedAt))
      if (value) return value as Truthy<T>
      lastValue = value
      lastFailure = undefined
    } catch (failure) {
      lastFailure = failure
    }
    if (performance.now() - startedAt >= withinMs) {
      const seen = lastFailure === undefined ? `the last value was ${inspect(lastValue, { depth: 4 })}` : `the last probe failed with ${String(lastFailure)}`
      throw new Error(`Waited ${withinMs} ms for ${what}: ${attempts} probes, ${seen}.`, lastFailure === undefined ? {} : { cause: lastFailure })
    }
    await delay(pauseMs, undefined, signal ? { signal } : {})
    pauseMs = Math.min(everyMs, pauseMs * 2)
  }
}

async function bounded<T> (probe: () => T | Promise<T>, remainingMs: number): Promise<T> {
  const outcome = probe()
  if (!(outcome instanceof Promise)) return outcome
  let timer: NodeJS.Timeout | undefined
  const expiry = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('the probe did not answer')), Math.max(1, remainingMs))
  })
  try {
    return await Promise.race([outcome, expiry])
  } finally {
    clearTimeout(timer)
  }
}
