// Where the primary's log is, for writes whose own connection cannot tell (another client made them).
//
// A look-up may be joined only before it is sent: one in flight may have been answered before the write of whoever
// joins it was committed, and its position would be short (273 of 400 were, FACTS 2.10).

import type { Position } from '../core/freshness.ts'
import { positionOf, positionStatement } from './transaction.ts'
import type { Target } from './target.ts'

export class PositionLookup {
  readonly #target: () => Target
  #running: Promise<unknown> | undefined
  #queued: Promise<Position | undefined> | undefined

  constructor (target: () => Target) {
    this.#target = target
  }

  /** Covers every write that was acknowledged before this call. Undefined where the server does not tell; never rejects. */
  locate (): Promise<Position | undefined> {
    if (this.#running === undefined) return this.#start()
    this.#queued ??= this.#running.then(() => {
      this.#queued = undefined
      return this.#start()
    })
    return this.#queued
  }

  #start (): Promise<Position | undefined> {
    const running = this.#ask().catch(() => undefined).finally(() => { this.#running = undefined })
    this.#running = running
    return running
  }

  async #ask (): Promise<Position | undefined> {
    const target = this.#target()
    const connection = await target.acquire()
    try {
      return positionOf(await connection.query(positionStatement), target.facts)
    } finally {
      target.release(connection)
    }
  }
}
