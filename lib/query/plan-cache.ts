// A bounded cache of plans by shape key. Two generations stand in for an exact LRU: what is used moves to the young one;
// when that is full it becomes the old one, and what the old one still held is dropped. A hit costs one look-up.

import type { Plan } from './plan.ts'

export class PlanCache {
  readonly #generationSize: number
  #young = new Map<string, Plan>()
  #old = new Map<string, Plan>()
  #evictions = 0

  /** At most `size` plans; 0 keeps none. */
  constructor (size: number) {
    this.#generationSize = Math.floor(size / 2)
  }

  get (key: string): Plan | undefined {
    const plan = this.#young.get(key)
    if (plan !== undefined) return plan
    const old = this.#old.get(key)
    if (old !== undefined) {
      this.#old.delete(key)
      this.#insert(key, old)
    }
    return old
  }

  set (key: string, plan: Plan): void {
    this.#old.delete(key)
    this.#insert(key, plan)
  }

  get entries (): number { return this.#young.size + this.#old.size }
  get evictions (): number { return this.#evictions }

  #insert (key: string, plan: Plan): void {
    if (this.#generationSize === 0) return
    if (this.#young.size >= this.#generationSize) {
      this.#evictions += this.#old.size
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, plan)
  }
}
