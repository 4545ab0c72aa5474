// Statements sent together on one connection, in one round trip, each with its own outcome.

import type { QueryResult, Statement } from '../query/statement.ts'
import type { Connection } from './driver.ts'

/**
 * To be sent in the simple protocol: BEGIN and its like, which are not worth a plan, and raw text without
 * parameters, which may hold several statements.
 */
export interface SimpleStatement extends Statement { readonly protocol: 'simple' }

const isSimple = (statement: Statement): statement is SimpleStatement => 'protocol' in statement

export const control = (text: string): SimpleStatement => Object.freeze({ protocol: 'simple', text, params: [] })

export function send (connection: Connection, statement: Statement, deadlineMs: number | undefined): Promise<QueryResult> {
  const options = deadlineMs === undefined ? undefined : { deadlineMs }
  return isSimple(statement) ? connection.simple(statement.text, options) : connection.query(statement, options)
}

export type Settled = PromiseSettledResult<QueryResult>

/** The server runs them in order; those behind a refused one run all the same, unless they are in its transaction. */
export function pipeline (connection: Connection, statements: readonly Statement[], deadlineMs: number | undefined): Promise<Settled[]> {
  return Promise.allSettled(statements.map((statement) => send(connection, statement, deadlineMs)))
}
