// What the dashboard can do to the servers, and what it sees of them: roles, and how far behind each replica is.
//
// Lag is measured with heartbeats: a row that the primary writes twice a second while somebody looks. A replica lags
// since the first beat that it does not show; half a beat is allowed for the way. It is never nearer than its distance.

import { setTimeout as delay } from 'node:timers/promises'
import type { DemoCluster } from './demo-cluster.ts'
import { roundTripMs } from './regions.ts'

export interface ServerView {
  readonly region: string
  readonly role: 'primary' | 'standby'
  readonly state: 'running' | 'paused' | 'down'
  readonly applyDelayMs: number
  /** Undefined: not known, or the primary. */
  readonly lagMs: number | undefined
}

export type Control =
  | { readonly type: 'lag', readonly region: string, readonly applyDelayMs: number }
  | { readonly type: 'pause' | 'resume' | 'kill' | 'start' | 'promote', readonly region: string }

export const MAX_APPLY_DELAY_MS = 10_000
const EVERY_MS = 500
const BEATS_KEPT = 1_000

export class ServerRoom {
  readonly #demo: DemoCluster
  readonly #paused = new Set<string>()
  readonly #delays = new Map<string, number>()
  readonly #lags = new Map<string, number>()
  /** When the primary committed each, by the clock that all servers share. */
  #beats: number[] = []
  #outdated: string | undefined
  #queue: Promise<unknown> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined
  #watchers = 0
  #prepared = false

  constructor (demo: DemoCluster) {
    this.#demo = demo
  }

  view (): ServerView[] {
    const { cluster } = this.#demo
    return this.#demo.regions.map((region) => {
      const role = cluster.primary.name === region ? 'primary' : 'standby'
      const running = cluster.server(region).running
      return {
        region,
        role,
        state: !running ? 'down' : role === 'standby' && this.#paused.has(region) ? 'paused' : 'running',
        applyDelayMs: role === 'standby' ? this.#delays.get(region) ?? 0 : 0,
        lagMs: role === 'standby' && running ? this.#lags.get(region) : undefined,
      }
    })
  }

  /** Beats and measures while at least one looks; returns how to stop looking. */
  watch (): () => void {
    this.#watchers++
    this.#timer ??= setInterval(() => {
      this.#looking ??= this.#look().catch(() => {}).finally(() => { this.#looking = undefined })
    }, EVERY_MS).unref()
    return () => {
      this.#watchers--
      if (this.#watchers > 0) return
      clearInterval(this.#timer)
      this.#timer = undefined
      // The next who looks must not find a pause between the beats to be lag.
      this.#beats = []
      this.#lags.clear()
    }
  }

  async #look (): Promise<void> {
    const { cluster } = this.#demo
    if (cluster.primary.running) {
      if (!this.#prepared) await cluster.query('primary', 'create table if not exists demo_heartbeat (id int primary key, at bigint not null)')
      this.#prepared = true
      const [row] = await cluster.query('primary', 'insert into demo_heartbeat values (1, extract(epoch from clock_timestamp()) * 1000) on conflict (id) do update set at = excluded.at returning at')
      this.#beats.push(Number(row?.['at']))
      if (this.#beats.length > BEATS_KEPT) this.#beats.shift()
    }
    await delay(EVERY_MS / 2)
    await Promise.all(cluster.replicas.map(async ({ name, running }) => {
      if (!running) return
      const [row] = await cluster.query(name, 'select at, (extract(epoch from clock_timestamp()) * 1000)::bigint as now from demo_heartbeat')
      if (row === undefined) return
      const missing = this.#beats.find((beat) => beat > Number(row['at']))
      this.#lags.set(name, Math.max(roundTripMs(name, cluster.primary.name) / 2, missing === undefined ? 0 : Number(row['now']) - missing))
    }))
  }

  /** One after the other. */
  control (control: Control): Promise<void> {
    const done = this.#queue.then(() => this.#carryOut(control))
    this.#queue = done.catch(() => {})
    return done
  }

  async #carryOut (control: Control): Promise<void> {
    const { cluster } = this.#demo
    const { region, type } = control
    switch (type) {
      case 'lag':
        await cluster.setApplyDelay(region, control.applyDelayMs)
        this.#delays.set(region, control.applyDelayMs)
        return
      case 'pause':
        await cluster.pauseReplay(region)
        this.#paused.add(region)
        return
      case 'resume':
        await cluster.resumeReplay(region)
        this.#paused.delete(region)
        return
      case 'kill':
        await cluster.kill(region)
        this.#lags.delete(region)
        return
      case 'start':
        await this.#start(region)
        return
      case 'promote':
        await this.#promote(region)
        return
      default:
        control satisfies never
    }
  }

  async #start (region: string): Promise<void> {
    const { cluster } = this.#demo
    // A primary of the past must not come back as one: it would be the second.
    if (this.#outdated === region && cluster.primary.name !== region) await cluster.rejoin(region)
    else await cluster.start(region)
    if (this.#outdated === region) this.#outdated = undefined
    this.#paused.delete(region)
    this.#delays.delete(region)
    if (cluster.primary.name !== region) await cluster.setApplyDelay(region, 0)
  }

  async #promote (region: string): Promise<void> {
    const { cluster } = this.#demo
    const previous = cluster.primary.name
    if (previous === region) return
    if (cluster.server(previous).running) await cluster.kill(previous)
    if (this.#paused.delete(region)) await cluster.resumeReplay(region)
    if (this.#delays.delete(region)) await cluster.setApplyDelay(region, 0)
    await cluster.promote(region, { followers: 'follow', address: 'follow' })
    this.#outdated = previous
    this.#beats = []
    this.#lags.clear()
  }

  /** Back to the beginning, as far as roles allow: no lag, nothing paused, everything up. */
  async calm (): Promise<void> {
    for (const { region, role, state, applyDelayMs } of this.view()) {
      if (state === 'down') await this.control({ type: 'start', region })
      else if (role === 'standby') {
        if (state === 'paused') await this.control({ type: 'resume', region })
        if (applyDelayMs > 0) await this.control({ type: 'lag', region, applyDelayMs: 0 })
      }
    }
  }

  close (): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
