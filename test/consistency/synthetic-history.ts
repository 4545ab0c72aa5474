// Histories without a server: one log, standbys behind it, sessions that are served as promised. And violations to
// plant in them, one for each guarantee, since a checker that finds nothing has to be shown to be able to.

import fc from 'fast-check'
import type { Guarantee } from './check-history.ts'
import type { Committed, Consistency, Failover, History, Operation, Read, Version, Write } from './history.ts'

interface Step {
  readonly session: number
  readonly key: string
  readonly does: 'write' | 'vague-write' | 'refused-write' | 'read' | 'failover' | 'synchronous-failover'
  readonly consistency: Consistency
  /** From 0 to 1: how fresh a server answers, or how much of the log a failover keeps. */
  readonly freshness: number
}

const steps: fc.Arbitrary<readonly Step[]> = fc.array(fc.record({
  session: fc.integer({ min: 0, max: 4 }),
  key: fc.constantFrom('a', 'b', 'c'),
  does: fc.oneof(
    { weight: 40, arbitrary: fc.constant('read' as const) },
    { weight: 25, arbitrary: fc.constant('write' as const) },
    { weight: 3, arbitrary: fc.constant('vague-write' as const) },
    { weight: 3, arbitrary: fc.constant('refused-write' as const) },
    { weight: 1, arbitrary: fc.constant('failover' as const) },
    { weight: 1, arbitrary: fc.constant('synchronous-failover' as const) }
  ),
  consistency: fc.constantFrom<Consistency>('session', 'monotonic', 'strong'),
  freshness: fc.double({ min: 0, max: 1, noNaN: true }),
}), { maxLength: 150 })

interface Entry { readonly id: string, readonly key: string, readonly version: Version }

class Simulation {
  readonly operations: Operation[] = []
  readonly failovers: Failover[] = []
  #log: Entry[] = []
  #timeline = 1
  #ms = 0
  /** How much of the log a session must see. */
  readonly #written = new Map<number, number>()
  readonly #seen = new Map<number, number>()

  take (step: Step): void {
    this.#ms += 10
    if (step.does === 'read') this.#read(step)
    else if (step.does === 'failover' || step.does === 'synchronous-failover') this.#failOver(step)
    else this.#write(step)
  }

  #base (step: Step): { id: string, session: number, region: string, route: string, key: string, invokedMs: number, completedMs: number, status: number } {
    return { id: `o${this.operations.length}`, session: step.session, region: 'iad', route: 'synthetic', key: step.key, invokedMs: this.#ms, completedMs: this.#ms + 5, status: 200 }
  }

  #write (step: Step): void {
    const base = this.#base(step)
    if (step.does === 'refused-write') {
      this.operations.push({ ...base, type: 'write', outcome: 'refused', version: undefined, before: undefined, stamped: undefined, servedIn: undefined })
      return
    }
    const before = this.#positionOf(this.#log.length)
    const number = (this.#stateAt(this.#log.length, step.key)?.version.number ?? 0) + 1
    const version = { timeline: this.#timeline, number }
    this.#log.push({ id: base.id, key: step.key, version })
    if (step.does === 'vague-write') {
      this.operations.push({ ...base, type: 'write', outcome: 'unknown', version: undefined, before: undefined, stamped: undefined, servedIn: undefined })
      return
    }
    this.#written.set(step.session, this.#log.length)
    this.operations.push({ ...base, type: 'write', outcome: 'acknowledged', version, before, stamped: before + 8n, servedIn: 'fra' })
  }

  #read (step: Step): void {
    const { session, consistency } = step
    const written = this.#written.get(session) ?? 0
    const least = consistency === 'strong' ? this.#log.length : consistency === 'monotonic' ? Math.max(written, this.#seen.get(session) ?? 0) : written
    const shown = least + Math.floor((this.#log.length - least) * step.freshness)
    if (consistency === 'monotonic') this.#seen.set(session, shown)
    const state = this.#stateAt(shown, step.key)
    this.operations.push({ ...this.#base(step), type: 'read', consistency, outcome: 'ok', version: state?.version ?? { timeline: 1, number: 0 }, writer: state?.id ?? 'seed', servedIn: 'iad', onStandby: true, sameRequest: false })
  }

  #failOver (step: Step): void {
    const synchronous = step.does === 'synchronous-failover'
    const kept = synchronous ? this.#log.length : Math.floor(this.#log.length * (0.9 + 0.1 * step.freshness))
    const switchPoint = this.#positionOf(kept)
    this.failovers.push({ endedTimeline: this.#timeline, newTimeline: this.#timeline + 1, synchronous, startedMs: this.#ms, received: switchPoint, switchPoint, taken: new Map(this.#log.slice(kept).map(({ id }, index) => [id, this.#positionOf(kept + index) + 8n])) })
    this.#log = this.#log.slice(0, kept)
    this.#timeline++
    for (const floors of [this.#written, this.#seen]) for (const [session, floor] of floors) floors.set(session, Math.min(floor, kept))
  }

  #positionOf (index: number): bigint { return BigInt(index) * 10n + 1n }

  #stateAt (shown: number, key: string): Entry | undefined {
    return this.#log.slice(0, shown).findLast((entry) => entry.key === key)
  }

  get committed (): Committed[] { return this.#log.map(({ id, key, version }) => ({ writer: id, key, version })) }
  get timeline (): number { return this.#timeline }
  get ms (): number { return this.#ms }
}

/** A history in which every promise was kept, failovers with losses included. */
export const soundHistories: fc.Arbitrary<History> = steps.map((list) => {
  const simulation = new Simulation()
  for (const step of list) simulation.take(step)
  return { operations: simulation.operations, failovers: simulation.failovers, committed: simulation.committed }
})

/** The same history, and behind it some operations of sessions of their own that break one promise. */
export function plant (history: History, guarantee: Guarantee): History {
  const timeline = history.failovers.length + 1
  const sinceMs = (history.operations.at(-1)?.completedMs ?? 0) + 100
  const version = (number: number): Version => ({ timeline, number })
  const base = (id: string, session: number, key: string, at: number) =>
    ({ id, session, region: 'nrt', route: 'planted', key, invokedMs: sinceMs + at * 10, completedMs: sinceMs + at * 10 + 5, status: 200 })
  const write = (id: string, at: number, more: Partial<Write> & { readonly session?: number, readonly key?: string } = {}): Write => ({
    ...base(id, 900, 'planted', at), type: 'write', outcome: 'acknowledged', version: version(at), before: 1_000_000n + BigInt(at) * 10n, stamped: 1_000_008n + BigInt(at) * 10n, servedIn: 'fra', ...more,
  })
  const read = (at: number, seen: number, more: Partial<Read> & { readonly session?: number, readonly key?: string } = {}): Read => ({
    ...base(`r${at}`, 900, 'planted', at), type: 'read', consistency: 'session', outcome: 'ok', version: seen === 0 ? { timeline: 1, number: 0 } : version(seen), writer: seen === 0 ? 'seed' : `w${seen}`, servedIn: 'nrt', onStandby: true, sameRequest: false, ...more,
  })
  const add = (operations: readonly Operation[], committed: readonly Write[], failover?: Failover): History => ({
    operations: [...history.operations, ...operations],
    failovers: failover === undefined ? history.failovers : [...history.failovers, failover],
    committed: [...history.committed, ...committed.map(({ id, key, version: at }) => ({ writer: id, key, version: at ?? version(0) }))],
  })
  const [w1, w2] = [write('w1', 1), write('w2', 2)]
  switch (guarantee) {
    case 'read-your-writes': return add([w1, w2, read(3, 1)], [w1, w2])
    case 'monotonic-reads': return add([w1, w2, read(3, 2, { session: 901, consistency: 'monotonic' }), read(4, 1, { session: 901, consistency: 'monotonic' })], [w1, w2])
    case 'consistent-prefix': {
      // Another session's write to another register, acknowledged before this session's own began, is not seen.
      const other = write('w1', 1, { session: 901, key: 'other' })
      return add([other, w2, read(3, 0, { key: 'other' })], [other, w2])
    }
    case 'strong-reads': return add([w1, read(2, 0, { session: 901, consistency: 'strong' })], [w1])
    case 'monotonic-writes': {
      const early = { ...w2, before: 1_000_000n }
      return add([w1, early], [w1, early])
    }
    case 'durable-writes': {
      // It lay before the point where the promoted server's log ended.
      const failover = { endedTimeline: timeline, newTimeline: timeline + 1, synchronous: false, startedMs: sinceMs + 50, received: 2_000_000n, switchPoint: 2_000_000n, taken: new Map() }
      return add([w1], [], failover)
    }
    case 'written-once': return add([w1], [w1, w1])
    case 'real-states': return add([w1, w2, read(3, 2, { version: version(7) })], [w1, w2])
    case 'covering-stamps': {
      const short = { ...w1, stamped: 999_999n }
      return add([short], [short])
    }
  }
}
