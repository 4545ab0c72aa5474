// Randomness that a printed seed brings back.

export class Seeded {
  #state: number

  constructor (seed: number) {
    this.#state = seed >>> 0
  }

  /** From 0 to 1 (mulberry32). */
  next (): number {
    this.#state = (this.#state + 0x6D2B79F5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }

  integer (least: number, most: number): number { return least + Math.floor(this.next() * (most - least + 1)) }

  chance (probability: number): boolean { return this.next() < probability }

  pick<T> (list: readonly T[]): T {
    if (list.length === 0) throw new RangeError('nothing to pick from')
    return list[Math.floor(this.next() * list.length)] as T // within bounds
  }

  shuffled<T> (list: readonly T[]): T[] {
    const copy = [...list]
    for (let i = copy.length - 1; i > 0; i--) {
      const j = this.integer(0, i)
      ;[copy[i], copy[j]] = [copy[j] as T, copy[i] as T] // within bounds
    }
    return copy
  }
}
