// The connections to one address: a fair, bounded checkout.
//
// A connection is owned by one statement, batch or transaction at a time; postgres.js would queue a statement
// behind a busy connection although another one is free (1,009 ms against 55 ms, FACTS 7.2). Brief reads alone may
// share one, when none is free.
//
// - Waiters are served first come, first served, native work before borrowed: whoever waited longest is nearest
//   to its own deadline, and the last come first served would let the first starve under load.
// - Idle connections are taken last in, first out: the warm ones stay warm, and those that load does not need
//   fall idle for so long that they are closed.
// - An opening belongs to nobody: it begins because somebody waits, and whichever connection is free first,
//   opened or given back, goes to who is first in line.
// - One timer counts ticks while anything is in use: it ends sessions past their deadline (that the server should
//   have kept), and refuses waiters past theirs. There is no timer, promise or closure for a statement that finds
//   a free connection.
// - A wait that was too long is an overload, unless every connection was busy and none came back in its latter half: then it is the server
//   that does not answer, which another one may do (`POOL_STALLED`).
// - The epoch is raised when any connection opens or closes: what was known of the server's position counts in
//   one epoch only (DESIGN 5).

import { DriverFailure } from '../core/driver-failure.ts'
import { ClientClosedError, OverloadedError } from '../core/errors.ts'
import { TICK_MS, type Clock, type Connection, type Session, type SessionOptions } from './driver.ts'
import { PreparedAdmission } from './prepared-admission.ts'
import { WaiterQueue, type Priority, type Waiter } from './waiter-queue.ts'

export type { Priority } from './waiter-queue.ts'

export interface AcquireOptions {
  readonly signal?: AbortSignal | undefined
  /** Milliseconds, in steps of the pool's tick. @defaultValue the pool's `queueTimeoutMs` */
  readonly timeoutMs?: number | undefined
  /** `borrowed`: work that is here only because its own replica cannot do it. @defaultValue 'native' */
  readonly priority?: Priority | undefined
  /** One statement, its own transaction, that takes the server next to no time: see `#share`. @defaultValue false */
  readonly brief?: boolean | undefined
}

export interface PoolStats {
  readonly max: number
  /** Open connections, in use or not. */
  readonly open: number
  readonly opening: number
  readonly inUse: number
  readonly idle: number
  readonly borrowed: number
  readonly waiting: number
  /** Refused so far, because the queue was full or the wait too long. */
  readonly overloads: number
}

export interface PoolOptions {
  readonly max: number
  readonly queueSize: number
  readonly queueTimeoutMs: number
  readonly idleTimeoutMs: number
  /** Of the connections, and of the queue. */
  readonly borrowedShare: number
  /** A connection has opened or closed. */
  readonly onEpoch?: (() => void) | undefined
  readonly open: (parts: Pick<SessionOptions, 'clock' | 'admission' | 'onDead'>) => Promise<Session>
}

/** After a connection could not be opened although others live (too many of them, say), how long until it is tried again. */
const REOPEN_TICKS = 10
/** Kept however long nothing happens: the first statement after a pause should not pay for a connection. */
const KEPT_IDLE = 1
/** Brief statements that share a connection. */
const MAX_SHARERS = 8
const NO_OPTIONS: AcquireOptions = Object.freeze({})

export class Pool {
  readonly #options: PoolOptions
  readonly #borrowedMax: number
  readonly #borrowedQueue: number
  readonly #clock: Clock = { tick: 0 }
  readonly #admission = new PreparedAdmission()
  readonly #sessions = new Set<Session>()
  readonly #idle: Session[] = []
  readonly #waiters = new WaiterQueue<Connection>()
  #epoch = 0
  #uses = 0
  #opening = 0
  #inUse = 0
  #borrowed = 0
  #overloads = 0
  #sweep = 0
  #reopenAtTick = 0
  /** When a connection was last given back by somebody whom the server had answered. */
  #answeredAtTick = 0
  #ticker: NodeJS.Timeout | undefined
  #sweeper: NodeJS.Timeout | undefined
  #closing: Promise<void> | undefined
  #onEmpty: (() => void) | undefined

  constructor (options: PoolOptions) {
    this.#options = options
    this.#borrowedMax = Math.max(1, Math.floor(options.max * options.borrowedShare))
    this.#borrowedQueue = Math.max(1, Math.floor(options.queueSize * options.borrowedShare))
  }

  /** Raised when a connection opens or closes. */
  get epoch (): number { return this.#epoch }
  /** Open connections, in use or not. */
  get sessions (): Iterable<Session> { return this.#sessions }
  /** Connections lent so far. */
  get uses (): number { return this.#uses }

  /**
   * A connection at once if one is free, else a promise of one.
   * Never throws; rejects with FST_MR_OVERLOADED, FST_MR_CLIENT_CLOSED, the signal's reason, or a DriverFailure of kind `connect`.
   */
  acquire (options: AcquireOptions = NO_OPTIONS): Connection | Promise<Connection> {
    const priority = options.priority ?? 'native'
    if (options.signal?.aborted === true) return aborted(options.signal)
    // While a connection is idle nobody waits who could have it.
    const session = priority === 'native' || this.#borrowed < this.#borrowedMax ? this.#idle.pop() : undefined
    if (session === undefined) return this.#wait(options, priority)
    this.#lend(session, priority)
    return session
  }

  /** Once for each acquired connection, dead ones included; a second time does nothing. */
  release (connection: Connection): void {
    const session = connection as Session // the only class that `acquire` gives
    if (session.lease === 'none') return
    if (!session.dead) this.#answeredAtTick = this.#clock.tick
    if (--session.holders > 0) return
    if (session.lease === 'borrowed') this.#borrowed--
    session.lease = 'none'
    session.shared = false
    this.#inUse--
    if (session.dead) this.#grow()
    // Given back in mid-statement or mid-transaction: the next owner must not inherit that. The server rolls back.
    else if (session.busy || session.inTransaction) session.destroy()
    else if (session.worn || this.#closing !== undefined) session.close()
    else this.#offer(session)
  }

  stats (): PoolStats {
    return {
      max: this.#options.max,
      open: this.#sessions.size,
      opening: this.#opening,
      inUse: this.#inUse,
      idle: this.#idle.length,
      borrowed: this.#borrowed,
      waiting: this.#waiters.size,
      overloads: this.#overloads,
    }
  }

  /**
   * Ends connections at once, for a server that does not answer any more. `all`: whatever runs is rejected, which is
   * right for reads that another server can do. `idle`: what runs keeps its own deadline, since ending a write early
   * only makes its outcome unknown.
   */
  reset (which: 'all' | 'idle'): void {
    for (const session of which === 'all' ? [...this.#sessions] : [...this.#idle]) session.destroy()
  }

  /** Whoever waits for a connection hears at once that there will be none. */
  refuseWaiters (failure: DriverFailure): void {
    for (const waiter of this.#waiters.takeAll()) waiter.reject(failure)
  }

  /**
   * Idle connections close now, those in use when they are given back, all at the latest after `timeoutMs`.
   * Waiters go to `heir`, or are rejected. Idempotent.
   */
  close (timeoutMs: number, heir?: Pool): Promise<void> {
    this.#closing ??= this.#close(timeoutMs, heir)
    return this.#closing
  }

  async #close (timeoutMs: number, heir: Pool | undefined): Promise<void> {
    const waiters = this.#waiters.takeAll()
    for (const session of this.#idle.splice(0)) session.close()
    for (const waiter of waiters) {
      if (heir === undefined) waiter.reject(new ClientClosedError())
      else heir.#adopt(waiter)
    }
    clearInterval(this.#sweeper)
    const sessions = [...this.#sessions]
    if (this.#sessions.size > 0 || this.#opening > 0) {
      let timer: NodeJS.Timeout | undefined
      await new Promise<void>((resolve) => {
        this.#onEmpty = resolve
        timer = setTimeout(resolve, timeoutMs)
      })
      clearTimeout(timer)
    }
    for (const session of this.#sessions) session.destroy()
    for (const session of sessions) session.destroy()
    clearInterval(this.#ticker)
    this.#ticker = undefined
  }

  #adopt (waiter: Waiter<Connection>): void {
    const granted = this.acquire({ priority: waiter.priority, brief: waiter.brief, signal: waiter.signal })
    if (granted instanceof Promise) granted.then(waiter.resolve, waiter.reject)
    else waiter.resolve(granted)
  }

  #lend (session: Session, priority: Priority): void {
    session.lease = priority
    session.holders = 1
    this.#uses++
    this.#inUse++
    if (priority === 'borrowed') this.#borrowed++
    if (this.#ticker === undefined) this.#startTicking()
  }

  #wait (options: AcquireOptions, priority: Priority): Promise<Connection> {
    if (this.#closing !== undefined) return Promise.reject(new ClientClosedError())
    if (this.#waiters.size >= this.#options.queueSize || (priority === 'borrowed' && this.#waiters.sizeOf('borrowed') >= this.#borrowedQueue)) {
      this.#overloads++
      return Promise.reject(new OverloadedError('the queue is full'))
    }
    return new Promise((resolve, reject) => {
      this.#waiters.push({
        priority,
        brief: options.brief === true,
        resolve,
        reject,
        sinceTick: this.#clock.tick,
        expiresAtTick: this.#clock.tick + Math.ceil((options.timeoutMs ?? this.#options.queueTimeoutMs) / TICK_MS) + 1,
        signal: options.signal,
        onAbort: undefined,
        settled: false,
      })
      if (this.#ticker === undefined) this.#startTicking()
      this.#grow()
    })
  }

  /** To who is first in line, or to the idle ones. */
  #offer (session: Session): void {
    const waiter = this.#waiters.size === 0 ? undefined : this.#waiters.shift(this.#borrowed < this.#borrowedMax ? 'served' : 'passed-over')
    if (waiter === undefined) {
      session.idleSince = this.#sweep
      this.#idle.push(session)
      return
    }
    this.#lend(session, waiter.priority)
    waiter.resolve(session)
    if (waiter.brief && this.#waiters.size > 0) this.#share(session, waiter.priority)
  }

  /**
   * Brief statements that wait go in one flight: one packet there and one back, for less work on both sides than
   * each on its own. They hold each other up for less time than their turns would have taken.
   */
  #share (session: Session, priority: Priority): void {
    while (session.holders < MAX_SHARERS) {
      const next = this.#waiters.shiftBrief(priority)
      if (next === undefined) return
      session.shared = true
      session.holders++
      this.#uses++
      next.resolve(session)
    }
  }

  /** Opens as many connections as are waited for and allowed. */
  #grow (): void {
    if (this.#closing !== undefined || this.#clock.tick < this.#reopenAtTick) return
    const borrowed = Math.min(this.#waiters.sizeOf('borrowed'), Math.max(0, this.#borrowedMax - this.#borrowed))
    const wanted = this.#waiters.sizeOf('native') + borrowed
    while (this.#opening < wanted && this.#sessions.size + this.#opening < this.#options.max) {
      this.#opening++
      this.#open().catch(ignore)
    }
  }

  async #open (): Promise<void> {
    let session: Session
    try {
      session = await this.#options.open({ clock: this.#clock, admission: this.#admission, onDead: (dead) => { this.#lost(dead) } })
    } catch (failure) {
      this.#opening--
      this.#notOpened(failure)
      return
    }
    this.#opening--
    if (this.#closing !== undefined) {
      session.destroy()
      this.#checkEmpty()
      return
    }
    if (session.dead) {
      this.#grow()
      return
    }
    session.owner = this
    this.#raiseEpoch()
    this.#sessions.add(session)
    if (this.#sweeper === undefined) this.#startSweeping()
    this.#offer(session)
  }

  #notOpened (failure: unknown): void {
    if (this.#closing !== undefined) {
      this.#checkEmpty()
      return
    }
    if (this.#sessions.size > 0) this.#reopenAtTick = this.#clock.tick + REOPEN_TICKS
    // Nobody is left who could serve them.
    else if (this.#opening === 0) for (const waiter of this.#waiters.takeAll()) waiter.reject(failure)
  }

  #lost (session: Session): void {
    if (!this.#sessions.delete(session)) return
    this.#raiseEpoch()
    const index = this.#idle.indexOf(session)
    if (index !== -1) this.#idle.splice(index, 1)
    if (this.#closing !== undefined) this.#checkEmpty()
    else this.#grow()
  }

  #checkEmpty (): void {
    if (this.#sessions.size === 0 && this.#opening === 0) this.#onEmpty?.()
  }

  #raiseEpoch (): void {
    this.#epoch++
    this.#options.onEpoch?.()
  }

  #startTicking (): void {
    this.#ticker = setInterval(() => { this.#tick() }, TICK_MS).unref()
  }

  #tick (): void {
    const tick = ++this.#clock.tick
    for (const session of this.#sessions) if (session.expiresAtTick <= tick) session.expire()
    for (const waiter of this.#waiters.expired(tick)) {
      this.#overloads++
      waiter.reject((tick - this.#answeredAtTick) * 2 < tick - waiter.sinceTick || !this.#isStalled()
        ? new OverloadedError('the wait was too long')
        : new DriverFailure('No connection came back while one was waited for.', { kind: 'stalled', code: 'POOL_STALLED', sent: false }))
    }
    if (this.#waiters.size > 0) this.#grow()
    else if (this.#inUse === 0) {
      clearInterval(this.#ticker)
      this.#ticker = undefined
    }
  }

  /** A session that somebody holds without a statement under way is not waited for because of the server. */
  #isStalled (): boolean {
    for (const session of this.#sessions) if (!session.busy) return false
    return true
  }

  #startSweeping (): void {
    this.#sweeper = setInterval(() => {
      this.#sweep++
      // The longest idle are at the front: connections are taken from the back.
      while (this.#idle.length > KEPT_IDLE || (this.#idle.length > 0 && this.#sessions.size > this.#idle.length)) {
        const session = this.#idle[0]
        if (session === undefined || this.#sweep - session.idleSince < 2) return
        session.close()
      }
    }, Math.max(1, this.#options.idleTimeoutMs / 2)).unref()
  }
}

/** Rejects with whatever the caller aborted with. */
async function aborted (signal: AbortSignal): Promise<never> {
  signal.throwIfAborted()
  throw new ClientClosedError()
}

function ignore (): void {}
