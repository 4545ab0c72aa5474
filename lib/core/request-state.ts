// A request executes its writes in one place (DESIGN 4.5).
//
// The problem: a request may be run again in another region. If any of its writes has taken effect before
// that, the write happens twice; and if the handler goes on after the replay was asked for, its later
// writes happen twice as well. So one state is carried by the request and shared by all registrations:
//
//   open ──ran(local)───▶ local      a write ran on this node's own server, which was the primary
//   open ──ran(primary)─▶ direct     a write ran on the primary, over the wide-area connection
//   open ──replay───────▶ replaying  another region runs the request; nothing more runs here
//
// The three on the right are final: a request never goes back, and never from one to another. Later
// writes of `local` and `direct` go to whatever server is the primary by then, without a replay.
//
// A write counts from the moment before its first byte is sent (`begin`), since two operations of one
// request may be in flight together: while one is pending the other must not ask for a replay. Only proof
// that the server was a standby, or that nothing was sent, takes a pending write back (`refused`): nothing
// ran, so the request is as free as before. An unknown outcome counts as run.
//
// Not handled here: writes that other clients make beside this one; the application reports those (`markWritten`).

export type Place = 'open' | 'local' | 'direct' | 'replaying'

export type WriteTarget = 'local' | 'primary'

export interface RequestSnapshot {
  readonly place: Place
  /** Writes that were sent to a server and have not been answered. */
  readonly pendingWrites: number
}

export type RequestEvent =
  | { readonly type: 'write-begins' }
  /** The server proved to be a standby, or nothing was sent: the write did not run. */
  | { readonly type: 'write-refused' }
  /** It ran, or failed on a writable server, or its outcome is unknown. */
  | { readonly type: 'write-ran', readonly target: WriteTarget }
  | { readonly type: 'replay-asked' }

export const openRequest: RequestSnapshot = Object.freeze({ place: 'open', pendingWrites: 0 })

/** May the request still be sent elsewhere as a whole? */
export function mayReplay (state: RequestSnapshot): boolean {
  return state.place === 'open' && state.pendingWrites === 0
}

/** The state after an event; an event that the state does not allow leaves it unchanged. */
export function nextRequestState (state: RequestSnapshot, event: RequestEvent): RequestSnapshot {
  switch (event.type) {
    case 'write-begins':
      return state.place === 'replaying' ? state : { place: state.place, pendingWrites: state.pendingWrites + 1 }
    case 'write-refused':
      return { place: state.place, pendingWrites: Math.max(0, state.pendingWrites - 1) }
    case 'write-ran':
      return {
        place: state.place === 'open' ? (event.target === 'local' ? 'local' : 'direct') : state.place,
        pendingWrites: Math.max(0, state.pendingWrites - 1),
      }
    case 'replay-asked':
      return mayReplay(state) ? { place: 'replaying', pendingWrites: 0 } : state
    default: {
      const never: never = event
      return never
    }
  }
}

/** The one mutable record of a request's writes, shared by its registrations. */
export class RequestState {
  #snapshot: RequestSnapshot = openRequest
  #signal: Error | undefined = undefined
  #running = 0
  #idleListeners: (() => void)[] | undefined = undefined

  get place (): Place { return this.#snapshot.place }
  get pendingWrites (): number { return this.#snapshot.pendingWrites }
  get snapshot (): RequestSnapshot { return this.#snapshot }
  /** What every operation rejects with after a replay was asked for; always the same object. */
  get signal (): Error | undefined { return this.#signal }

  mayReplay (): boolean { return mayReplay(this.#snapshot) }

  /** Call before the first byte of a write is sent; answers the signal when nothing may run any more. */
  beginWrite (): Error | undefined {
    if (this.#signal !== undefined) return this.#signal
    this.#advance({ type: 'write-begins' })
    return undefined
  }

  writeRefused (): void { this.#advance({ type: 'write-refused' }) }

  writeRan (target: WriteTarget): void { this.#advance({ type: 'write-ran', target }) }

  /** A write by another client, which is over (`request.multiRegion.markWritten()`). */
  markWritten (target: WriteTarget): void {
    if (this.beginWrite() === undefined) this.writeRan(target)
  }

  /** Asks for the replay; `makeSignal` runs at most once a request. `undefined`: a replay is forbidden by an earlier write. */
  askReplay (makeSignal: () => Error): Error | undefined {
    if (this.#signal !== undefined) return this.#signal
    if (!this.mayReplay()) return undefined
    this.#advance({ type: 'replay-asked' })
    this.#signal = makeSignal()
    return this.#signal
  }

  /** An operation that may write has been started; from here on it may be waiting for a connection. */
  operationBegins (): void { this.#running++ }

  operationEnds (): void {
    this.#running--
    this.#notifyIdle()
  }

  /** Is no operation under way that may write, sent or not? */
  get isIdle (): boolean { return this.#running === 0 && this.#snapshot.pendingWrites === 0 }

  /** Calls back once it is idle: at once when that is so. */
  onIdle (listener: () => void): void {
    if (this.isIdle) listener()
    else (this.#idleListeners ??= []).push(listener)
  }

  #advance (event: RequestEvent): void {
    this.#snapshot = nextRequestState(this.#snapshot, event)
    this.#notifyIdle()
  }

  #notifyIdle (): void {
    if (this.isIdle && this.#idleListeners !== undefined) {
      const listeners = this.#idleListeners
      this.#idleListeners = undefined
      for (const listener of listeners) listener()
    }
  }
}
