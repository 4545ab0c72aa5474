// A binary heap: the first by `before` on top.

/** Beyond these one pass over all is cheaper than the logarithm for each. */
const FEW = 64

export class Heap<T> {
  readonly #before: (a: T, b: T) => boolean
  #items: T[] = []

  constructor (before: (a: T, b: T) => boolean) {
    this.#before = before
  }

  get size (): number { return this.#items.length }

  peek (): T | undefined { return this.#items[0] }

  push (item: T): void {
    this.#items.push(item)
    this.#up(this.#items.length - 1)
  }

  pop (): T | undefined {
    const top = this.#items[0]
    const last = this.#items.pop()
    if (last !== undefined && this.#items.length > 0) {
      this.#items[0] = last
      this.#down(0)
    }
    return top
  }

  /**
   * Takes out all that pass, in no order. Whatever stands before an item that passes must pass too, or be one that may
   * stay a while longer.
   */
  take (passes: (item: T) => boolean): T[] {
    const taken: T[] = []
    for (;;) {
      const top = this.#items[0]
      if (top === undefined || !passes(top)) return taken
      if (taken.length === FEW) break
      taken.push(top)
      this.pop()
    }
    this.retain((item) => {
      if (!passes(item)) return true
      taken.push(item)
      return false
    })
    return taken
  }

  /** Takes everything out, in no order. */
  drain (): T[] {
    const items = this.#items
    this.#items = []
    return items
  }

  retain (keep: (item: T) => boolean): void {
    this.#items = this.#items.filter(keep)
    for (let i = (this.#items.length >> 1) - 1; i >= 0; i--) this.#down(i)
  }

  #up (start: number): void {
    const items = this.#items
    const item = items[start] as T // within bounds, as all below
    let at = start
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = items[parent] as T
      if (!this.#before(item, above)) break
      items[at] = above
      at = parent
    }
    items[at] = item
  }

  #down (start: number): void {
    const items = this.#items
    const item = items[start] as T
    let at = start
    for (;;) {
      let child = 2 * at + 1
      if (child >= items.length) break
      if (child + 1 < items.length && this.#before(items[child + 1] as T, items[child] as T)) child++
      const below = items[child] as T
      if (!this.#before(below, item)) break
      items[at] = below
      at = child
    }
    items[at] = item
  }
}
