// Which statements have lately sent a request elsewhere because a standby lacked a table or column.
// A schema that has not arrived yet arrives within moments; a misspelt column is missing for ever, and must not
// send every request that hits it across the world. So: once a statement text and minute.

const QUIET_MS = 60_000
/** Texts remembered; beyond it the oldest is forgotten, which costs one replay at worst. */
const MAX_TEXTS = 500

export class SchemaReplays {
  readonly #askedAtMs = new Map<string, number>()

  isSpent (text: string, nowMs: number): boolean {
    const askedAtMs = this.#askedAtMs.get(text)
    return askedAtMs !== undefined && nowMs - askedAtMs < QUIET_MS
  }

  spend (text: string, nowMs: number): void {
    this.#askedAtMs.delete(text)
    this.#askedAtMs.set(text, nowMs)
    if (this.#askedAtMs.size > MAX_TEXTS) {
      const oldest = this.#askedAtMs.keys().next()
      if (oldest.done !== true) this.#askedAtMs.delete(oldest.value)
    }
  }
}
