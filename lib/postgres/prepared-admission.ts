// Which texts are worth a prepared statement: those that come a second time.
// A text that never comes again (a value pasted into raw SQL) would take memory on the server for nothing, on
// every connection. Preparing later costs no round trip, since both ways are one flight; it costs one more
// parse on the server, once a text and pool.

const MAX_REMEMBERED = 1_000
/** The memory for texts is bounded by their length too. */
const MAX_TEXT_LENGTH = 32_768

export class PreparedAdmission {
  readonly #seen = new Set<string>()

  /** True from the second time on. */
  admit (text: string): boolean {
    if (this.#seen.has(text)) return true
    if (text.length > MAX_TEXT_LENGTH) return false
    // Forgetting all at once costs each living text one more unprepared run, and needs no order of use.
    if (this.#seen.size >= MAX_REMEMBERED) this.#seen.clear()
    this.#seen.add(text)
    return false
  }
}
