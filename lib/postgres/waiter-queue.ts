// Those who wait for a connection: first come, first served, native work before borrowed.

export type Priority = 'native' | 'borrowed'

export interface Waiter<T> {
  readonly priority: Priority
  /** May share a connection with others that are. */
  readonly brief: boolean
  readonly resolve: (value: T) => void
  readonly reject: (error: unknown) => void
  /** When the wait began. */
  readonly sinceTick: number
  readonly expiresAtTick: number
  readonly signal: AbortSignal | undefined
  /** Bound to `signal`; kept so that it can be taken off again. */
  onAbort: (() => void) | undefined
  /** Served, refused or gone; skipped where it still stands. */
  settled: boolean
}

const COMPACT_AT = 64

class Line<T> {
  #waiters: Waiter<T>[] = []
  #head = 0
  /** Those that are not settled. */
  size = 0

  push (waiter: Waiter<T>): void {
    this.#waiters.push(waiter)
    this.size++
  }

  shift (): Waiter<T> | undefined {
    while (this.#head < this.#waiters.length) {
      const waiter = this.#waiters[this.#head++]
      if (this.#head >= COMPACT_AT && this.#head * 2 >= this.#waiters.length) {
        this.#waiters = this.#waiters.slice(this.#head)
        this.#head = 0
      }
      if (waiter !== undefined && !waiter.settled) return waiter
    }
    this.#waiters = []
    this.#head = 0
    return undefined
  }

  /** The one whom `shift` would give. */
  peek (): Waiter<T> | undefined {
    while (this.#waiters[this.#head]?.settled === true) this.#head++
    return this.#waiters[this.#head]
  }

  unsettled (): Waiter<T>[] {
    return this.#waiters.slice(this.#head).filter((waiter) => !waiter.settled)
  }

  /** Those who gave up stand in the line until it is their turn; a line of nothing else is emptied. */
  forget (): void {
    this.size--
    if (this.size === 0) {
      this.#waiters = []
      this.#head = 0
    }
  }
}

export class WaiterQueue<T> {
  readonly #native = new Line<T>()
  readonly #borrowed = new Line<T>()

  get size (): number { return this.#native.size + this.#borrowed.size }
  sizeOf (priority: Priority): number { return this.#line(priority).size }

  push (waiter: Waiter<T>): void {
    if (waiter.signal !== undefined) {
      waiter.onAbort = () => { this.#settle(waiter).reject(waiter.signal?.reason) }
      waiter.signal.addEventListener('abort', waiter.onAbort, { once: true })
    }
    this.#line(waiter.priority).push(waiter)
  }

  /** The next in turn; `borrowed` ones only where they may be served now. */
  shift (borrowed: 'served' | 'passed-over'): Waiter<T> | undefined {
    const waiter = this.#native.shift() ?? (borrowed === 'served' ? this.#borrowed.shift() : undefined)
    return waiter === undefined ? undefined : this.#settle(waiter)
  }

  /** The next in turn of this priority, if it is brief. */
  shiftBrief (priority: Priority): Waiter<T> | undefined {
    const next = this.#line(priority).peek()
    return next?.brief === true ? this.#settle(next) : undefined
  }

  /** Takes those out whose time is over. */
  expired (tick: number): Waiter<T>[] {
    if (this.size === 0) return []
    return [...this.#native.unsettled(), ...this.#borrowed.unsettled()].filter((waiter) => waiter.expiresAtTick <= tick).map((waiter) => this.#settle(waiter))
  }

  takeAll (): Waiter<T>[] {
    return [...this.#native.unsettled(), ...this.#borrowed.unsettled()].map((waiter) => this.#settle(waiter))
  }

  #settle (waiter: Waiter<T>): Waiter<T> {
    waiter.settled = true
    if (waiter.onAbort !== undefined) waiter.signal?.removeEventListener('abort', waiter.onAbort)
    waiter.onAbort = undefined
    this.#line(waiter.priority).forget()
    return waiter
  }

  #line (priority: Priority): Line<T> {
    return priority === 'native' ? this.#native : this.#borrowed
  }
}
