// A bounded cache by text. Two generations stand in for an exact LRU: what is used moves to the young one; when that is full
// it becomes the old one, and what the old one still held is dropped. A hit costs one look-up.

export class BoundedCache<T> {
  readonly #generationSize: number
  #young = new Map<string, T>()
  #old = new Map<string, T>()
  #evictions = 0

  /** At most `size` values; 0 keeps none. */
  constructor (size: number) {
    this.#generationSize = Math.floor(size / 2)
  }

  get (key: string): T | undefined {
    const young = this.#young.get(key)
    if (young !== undefined) return young
    const old = this.#old.get(key)
    if (old !== undefined) {
      this.#old.delete(key)
      this.#insert(key, old)
    }
    return old
  }

  set (key: string, value: T): void {
    this.#old.delete(key)
    this.#insert(key, value)
  }

  get entries (): number { return this.#young.size + this.#old.size }
  get evictions (): number { return this.#evictions }

  #insert (key: string, value: T): void {
    if (this.#generationSize === 0) return
    if (this.#young.size >= this.#generationSize) {
      this.#evictions += this.#old.size
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, value)
  }
}
