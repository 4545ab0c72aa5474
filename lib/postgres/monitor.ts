// Looks at one server, again and again: one statement an interval, on a connection of its own.
//
// A look is bounded, and the next one waits for it. Its interval has jitter, so that many processes do not look
// together; it stretches while nobody uses the server, and shrinks after a failure until it is clear what happened.
// The timer is unref'd. Nothing here decides: what was seen, or that nothing was, goes to the owner.

import { DriverFailure } from '../core/driver-failure.ts'
import type { ServerSettings } from '../core/server-facts.ts'
import type { Session } from './driver.ts'
import { prepareLook, readLook, type Look, type Seen } from './look.ts'

export interface Sighting {
  readonly seen: Seen
  readonly settings: ServerSettings
  /** The server's epoch when the look was sent. */
  readonly epoch: number
  readonly sentAtMs: number
  readonly tookMs: number
}

export interface MonitorOptions {
  readonly intervalMs: number
  /** Of one look; a look that has to connect first has `connectTimeoutMs` besides. */
  readonly timeoutMs: number
  readonly open: () => Promise<Session>
  readonly epoch: () => number
  readonly nowMs: () => number
  /** From 0 to 1. */
  readonly random: () => number
  readonly onLook: () => void
  /** Both give the milliseconds until the next look, or leave that to the monitor. */
  readonly onSeen: (sighting: Sighting) => number | undefined
  readonly onFailed: (failure: DriverFailure) => number | undefined
  /** How often statements have been run so far: while that stands still, looks become rarer. */
  readonly uses: () => number
}

/** After a failed look the next one follows soon, until the owner's breaker opens. */
const RETRY_MS = 100
const JITTER = 0.2
const MAX_STRETCH = 5
const STRETCH_STEP = 1.25

export class Monitor {
  readonly #options: MonitorOptions
  #session: Session | undefined
  #look: Look | undefined
  #settings: ServerSettings | undefined
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  #queued: Promise<void> | undefined
  #stretch = 1
  #lastUses = 0
  #stopped = false

  constructor (options: MonitorOptions) {
    this.#options = options
  }

  /** A look that is sent after this call; several callers share one. Never rejects. */
  look (): Promise<void> {
    if (this.#stopped) return Promise.resolve()
    if (this.#running === undefined) return this.#start()
    // The running one has been sent: what it sees may be older than this call.
    this.#queued ??= this.#running.then(() => {
      this.#queued = undefined
      return this.#stopped ? undefined : this.#start()
    })
    return this.#queued
  }

  /** Another server, or another way to it: the session is given up. */
  disconnect (): void {
    const session = this.#session
    this.#session = undefined
    session?.destroy()
  }

  stop (): void {
    this.#stopped = true
    clearTimeout(this.#timer)
    this.#session?.close()
    this.#session = undefined
  }

  #start (): Promise<void> {
    clearTimeout(this.#timer)
    const running = this.#run().finally(() => { this.#running = undefined })
    this.#running = running
    return running
  }

  async #run (): Promise<void> {
    const { onLook, onSeen, onFailed } = this.#options
    let nextMs: number
    try {
      onLook()
      const sighting = await this.#sight()
      if (this.#stopped) return
      nextMs = onSeen(sighting) ?? this.#nextIntervalMs()
    } catch (failure) {
      if (this.#stopped) return
      this.#stretch = 1
      this.disconnect()
      nextMs = onFailed(failure instanceof DriverFailure ? failure : new DriverFailure('The monitor failed.', { kind: 'lost', code: 'MONITOR', sent: false, cause: failure })) ?? RETRY_MS
    }
    this.#schedule(nextMs)
  }

  async #sight (): Promise<Sighting> {
    const established = this.#session
    try {
      return await this.#sightOver(await this.#connected())
    } catch (failure) {
      // A session that was lost while it idled says nothing of the server; whether there is a new one does.
      if (!(failure instanceof DriverFailure) || failure.kind !== 'lost' || established === undefined || this.#session !== established || this.#stopped) throw failure
      this.disconnect()
      return await this.#sightOver(await this.#connected())
    }
  }

  async #sightOver (session: Session): Promise<Sighting> {
    const sentAtMs = this.#options.nowMs()
    const epoch = this.#options.epoch()
    const found = await this.#ask(session)
    return { ...found, epoch, sentAtMs, tookMs: this.#options.nowMs() - sentAtMs }
  }

  #schedule (delayMs: number): void {
    clearTimeout(this.#timer)
    if (this.#stopped) return
    const jittered = delayMs * (1 + JITTER * (this.#options.random() - 0.5))
    this.#timer = setTimeout(() => { this.look().catch(ignore) }, jittered).unref()
  }

  #nextIntervalMs (): number {
    const uses = this.#options.uses()
    this.#stretch = uses === this.#lastUses ? Math.min(MAX_STRETCH, this.#stretch * STRETCH_STEP) : 1
    this.#lastUses = uses
    return this.#options.intervalMs * this.#stretch
  }

  async #connected (): Promise<Session> {
    if (this.#session !== undefined && !this.#session.dead) return this.#session
    this.#session = undefined
    const session = await this.#options.open()
    if (this.#stopped) {
      session.close()
      throw new DriverFailure('The monitor has stopped.', { kind: 'lost', code: 'MONITOR', sent: false })
    }
    this.#session = session
    this.#look = undefined
    return session
  }

  async #ask (session: Session): Promise<{ seen: Seen, settings: ServerSettings }> {
    const timer = setTimeout(() => { session.expire() }, this.#options.timeoutMs)
    try {
      if (this.#look === undefined || this.#settings === undefined) await this.#learn(session)
      try {
        return this.#read(session, await session.query(this.#known().look.statement))
      } catch (failure) {
        if (!(failure instanceof DriverFailure) || failure.kind !== 'server') throw failure
        // It could answer this before: after a promotion other parts are asked, or a right was taken away.
        await this.#learn(session)
        return this.#read(session, await session.query(this.#known().look.statement))
      }
    } finally {
      clearTimeout(timer)
    }
  }

  async #learn (session: Session): Promise<void> {
    const { look, settings } = await prepareLook(session)
    this.#look = look
    this.#settings = settings
  }

  #known (): { look: Look, settings: ServerSettings } {
    if (this.#look === undefined || this.#settings === undefined) throw new Error('the monitor has not learned what to ask')
    return { look: this.#look, settings: this.#settings }
  }

  #read (session: Session, result: { readonly rows: readonly (readonly (string | null)[])[] }): { seen: Seen, settings: ServerSettings } {
    const { look, settings } = this.#known()
    return { seen: readLook(look, result.rows[0] ?? [], session.onStandby), settings }
  }
}

function ignore (): void {}
