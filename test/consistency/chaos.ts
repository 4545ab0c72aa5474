// What happens to the servers meanwhile: lag, pauses, crashes, restarts, promotions; in an order that the seed gives.

import type { Lsn } from '../../lib/core/lsn.ts'
import { waitFor, type Cluster } from '../../lib/testing/index.ts'
import { writersBehind } from './dead-primary.ts'
import type { Failover } from './history.ts'
import { positionIn } from './log-position.ts'
import type { Seeded } from './seeded.ts'

export type ChaosEvent =
  | 'lag' | 'no-lag' | 'pause' | 'kill-standby' | 'crash-standby' | 'end-connections'
  | 'restart-primary' | 'crash-primary' | 'promote-synchronous' | 'promote-lossy'

/** Every kind in one round; what is cheap comes more often. */
const ROUND: readonly ChaosEvent[] = [
  'lag', 'pause', 'lag', 'kill-standby', 'lag', 'promote-lossy', 'pause', 'lag', 'crash-standby', 'no-lag', 'end-connections',
  'restart-primary', 'pause', 'lag', 'promote-synchronous', 'lag', 'pause', 'crash-primary', 'lag', 'pause',
]

export interface ChaosOptions {
  readonly cluster: Cluster
  readonly random: Seeded
  readonly log: (line: string) => void
  readonly events?: readonly ChaosEvent[] | undefined
}

export class Chaos {
  readonly failovers: Failover[] = []
  readonly counts = new Map<ChaosEvent, number>()
  readonly #cluster: Cluster
  readonly #random: Seeded
  readonly #log: (line: string) => void
  readonly #round: readonly ChaosEvent[]
  #plan: ChaosEvent[] = []

  constructor ({ cluster, random, log, events }: ChaosOptions) {
    this.#cluster = cluster
    this.#random = random
    this.#log = log
    this.#round = events ?? ROUND
  }

  async next (): Promise<void> {
    if (this.#plan.length === 0) this.#plan = this.#random.shuffled(this.#round)
    const event = this.#plan.pop() ?? 'lag'
    this.counts.set(event, (this.counts.get(event) ?? 0) + 1)
    const startedMs = performance.now()
    try {
      await this.#carryOut(event)
    } catch (cause) {
      throw new Error(`the fault "${event}" could not be made (primary ${this.#cluster.primary.name})`, { cause })
    }
    this.#log(`${event} (${Math.round(performance.now() - startedMs)} ms; primary ${this.#cluster.primary.name})`)
  }

  async #carryOut (event: ChaosEvent): Promise<void> {
    const cluster = this.#cluster
    const random = this.#random
    const primary = cluster.primary.name
    const standby = random.pick(cluster.replicas).name
    switch (event) {
      case 'lag': return await cluster.setApplyDelay(standby, random.pick([5, 10, 30, 100, 300, 1_000]))
      case 'no-lag':
        await Promise.all(cluster.replicas.map(({ name }) => cluster.setApplyDelay(name, 0)))
        return
      case 'pause':
        await cluster.pauseReplay(standby)
        await pause(random.integer(100, 900))
        return await cluster.resumeReplay(standby)
      case 'kill-standby':
        await cluster.kill(standby)
        await pause(random.integer(0, 400))
        return await cluster.start(standby)
      case 'crash-standby': return await cluster.restart(standby, 'immediate')
      case 'end-connections':
        await cluster.killBackends(random.pick([primary, standby]))
        return
      case 'restart-primary': return await cluster.restart(primary, 'fast')
      case 'crash-primary': return await cluster.restart(primary, 'immediate')
      case 'promote-synchronous': return await this.#promote('synchronous')
      case 'promote-lossy': return await this.#promote('lossy')
    }
  }

  /** The old primary is dead before the new one is made, as any tool for failovers sees to; it comes back as a standby. */
  async #promote (kind: 'synchronous' | 'lossy'): Promise<void> {
    const cluster = this.#cluster
    const random = this.#random
    const old = cluster.primary.name
    const [candidate, other] = random.shuffled(cluster.replicas.map(({ name }) => name))
    if (candidate === undefined || other === undefined) throw new Error('three servers are needed')
    const endedTimeline = await this.#timeline()
    if (kind === 'synchronous') await this.#waitForEveryCommit(candidate)
    else {
      // From here on what commits does not reach the candidate; the other standby may still get it, and is then
      // further on than the new primary, on a branch that has ended.
      cluster.link({ from: candidate, to: old, purpose: 'replication' }).blackHole()
      if (random.chance(0.5)) cluster.link({ from: other, to: old, purpose: 'replication' }).blackHole()
    }
    await pause(random.integer(100, 300))
    const startedMs = performance.now()
    await cluster.kill(old)
    await Promise.all([candidate, other].map((from) => cluster.link({ from, to: old, purpose: 'replication' }).heal()))
    const [row] = await cluster.query(candidate, 'select pg_last_wal_receive_lsn()::text as received')
    await cluster.promote(candidate)
    const newTimeline = await this.#timeline()
    const switchPoint = await this.#switchPoint(endedTimeline, newTimeline)
    const [taken, follows] = await Promise.all([writersBehind(cluster.server(old), switchPoint), this.#follows(other, newTimeline)])
    this.failovers.push({ endedTimeline, newTimeline, synchronous: kind === 'synchronous', startedMs, received: positionIn(row?.['received']), switchPoint, taken })
    // Left behind on the branch that ended, it goes on answering for a while.
    await pause(random.integer(200, 800))
    if (!follows) await cluster.rejoin(other)
    await cluster.rejoin(old)
    this.#log(`  ${old} → ${candidate}, timeline ${endedTimeline} → ${newTimeline}, ${kind}${follows ? '' : `; ${other} was left on the old branch`}`)
  }

  async #timeline (): Promise<number> {
    const [row] = await this.#cluster.query('primary', 'select substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) as timeline')
    return Number.parseInt(row?.['timeline'] ?? '', 16)
  }

  async #switchPoint (ended: number, made: number): Promise<Lsn> {
    const file = `pg_wal/${made.toString(16).toUpperCase().padStart(8, '0')}.history`
    const [row] = await this.#cluster.query('primary', `select pg_read_file('${file}') as history`)
    const line = row?.['history']?.split('\n').find((one) => one.startsWith(`${ended}\t`))
    return positionIn(line?.split('\t')[1])
  }

  async #waitForEveryCommit (region: string): Promise<void> {
    await this.#cluster.setSynchronous([region])
    await waitFor(`${region} to be synchronous`, async () => {
      const [row] = await this.#cluster.query('primary', `select state, sync_state from pg_stat_replication where application_name = '${region}'`)
      return row?.['state'] === 'streaming' && row['sync_state'] === 'sync'
    }, { withinMs: 15_000 })
    // One commit that waited: all that was acknowledged before it is there too.
    await this.#cluster.query('primary', 'insert into tick values (1)')
  }

  /** Does it receive the new timeline within a second or two? What is further on than the point where that began cannot. */
  async #follows (region: string, timeline: number): Promise<boolean> {
    try {
      await waitFor(`${region} to follow`, async () => {
        const [row] = await this.#cluster.query(region, 'select status, received_tli::text as timeline from pg_stat_wal_receiver')
        return row?.['status'] === 'streaming' && row['timeline'] === String(timeline)
      }, { withinMs: 2_500 })
      return true
    } catch {
      return false
    }
  }

  /** Everything as it was, but for who is the primary. */
  async settle (): Promise<void> {
    const cluster = this.#cluster
    await cluster.heal()
    for (const { name } of cluster.replicas) {
      await cluster.setApplyDelay(name, 0)
      await cluster.resumeReplay(name)
    }
    await cluster.waitForReplay(undefined, { withinMs: 30_000 })
  }
}

async function pause (ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms))
}
