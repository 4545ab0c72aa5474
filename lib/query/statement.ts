// What the query layer and the layers below it say to each other: text in, text out.
// Every parameter and every value is PostgreSQL's own text form, so that no driver guesses a type
// and a plan's encoders and decoders alone decide (FACTS: guessing a type per value is where clients lose time).

/** One statement. The text has `$1 … $n`; `params[i]` is the text form of `$i+1`, or null. */
export interface Statement {
  readonly text: string
  readonly params: readonly (string | null)[]
}

export interface ResultColumn {
  readonly name: string
  /** The type's OID. */
  readonly type: number
}

export interface QueryResult {
  /** Values in column order, as PostgreSQL's text; SQL NULL is null. */
  readonly rows: (string | null)[][]
  readonly columns: readonly ResultColumn[]
  /** Rows affected or returned, as the command tag says; 0 where it says nothing. */
  readonly count: number
  /** The command tag's word: `SELECT`, `INSERT`, `UPDATE`, … */
  readonly command: string
}

/**
 * How a compiled operation is carried out.
 * - `statement`: one statement, which is its own transaction.
 * - `batch`: statements, sent in one round trip inside one transaction. Later ones may use what earlier ones did
 *   (rows, transaction-local settings), but none needs this process to read an answer first.
 * - `constant`: the answer follows from the arguments; the database is not asked.
 * A `decode` must not throw for a reason that should undo writes: these have committed when it runs.
 * A `statement` whose `decode` may throw although it changed nothing (an update that found no row) has `checked`:
 * the same statement in a form that fails on the server instead, for a batch in which others must be undone then.
 * Its rows and its `decode` are those of `statement`; it is about a tenth slower.
 * `brief`: it reads one row of one table by a unique key, so the way to the server and back takes longer than the
 * server: it may travel with others of its kind on one connection.
 */
export type Work<T> =
  | { readonly type: 'statement', readonly statement: Statement, readonly checked?: Statement | undefined, readonly brief?: boolean, readonly decode: (result: QueryResult) => T }
  | { readonly type: 'batch', readonly statements: readonly Statement[], readonly decode: (results: readonly QueryResult[]) => T }
  | { readonly type: 'constant', readonly value: T }

/** `unknown`: raw SQL, which only the server can judge. */
export type Access = 'read' | 'write' | 'unknown'

export interface CompiledOperation<T = unknown> {
  readonly access: Access
  readonly work: Work<T>
  /** Turns a failure of the database into the error that the caller sees; returns the failure itself when it has no better word. */
  readonly mapError: (failure: Error) => Error
}
