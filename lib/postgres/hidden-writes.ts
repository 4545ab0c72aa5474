// For development: which raw texts write although their command tag says SELECT (a function, a data-modifying CTE,
// `SELECT INTO`)? On a primary such a text counts as a read, and its session gets no token for it (FACTS 2.15).
//
// The text runs once, as it would, but in a transaction of its own, and before the COMMIT the server is asked whether
// that transaction has taken an id, which only writes and row locks do. Nothing of it changes what the text does:
//
// - Only a single statement that begins as a query is probed: none of these is refused inside a transaction.
// - The question stands behind a savepoint that is rolled back: refused, it does not take the text with it.
// - All travels together; a text is judged once.

import { control, type SimpleStatement } from './pipeline.ts'
import { commitStatement } from './transaction.ts'
import type { Statement } from '../query/statement.ts'

/** Texts judged; beyond it no more are. */
const MAX_TEXTS = 500

/** A semicolon anywhere but at the end, in a literal too, is left alone: several statements would not be the same in one transaction. */
const SINGLE_QUERY = /^\s*(?:select|with)\b[^;]*;?\s*$/i

const beginStatement = control('begin')
const behind: readonly SimpleStatement[] = [control('savepoint multi_region_probe'), control('select pg_current_xact_id_if_assigned() is not null'), control('rollback to savepoint multi_region_probe'), commitStatement]

/** The statements around a text, with the places of the answers that matter, counted from the first. */
export const probedStatements = (statement: Statement): readonly Statement[] => [beginStatement, statement, ...behind]
export const PROBED_AT = { statement: 1, probe: 3, commit: 5 } as const

export class HiddenWrites {
  readonly #judged = new Set<string>()
  readonly #found: (text: string) => void

  constructor (found: (text: string) => void) {
    this.#found = found
  }

  /** Is this a text to be probed, and not judged yet? */
  wants (text: string): boolean {
    return this.#judged.size < MAX_TEXTS && !this.#judged.has(text) && SINGLE_QUERY.test(text)
  }

  /** A text ran; `undefined`: the server did not tell. */
  judge (text: string, wrote: boolean | undefined): void {
    if (this.#judged.has(text)) return
    this.#judged.add(text)
    if (wrote === true) this.#found(text)
  }
}
