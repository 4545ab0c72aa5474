// `fastify.multiRegion.sql(which)`: one statement on one server, whatever it is; for health pages, consoles and tests.
// Nothing is routed, retried, replayed or stamped here.

import { rawMapError } from '../postgres/raw.ts'
import type { Target } from '../postgres/target.ts'
import { rawDecoder } from '../query/decode.ts'
import { toSql, type Sql } from '../query/sql.ts'

/** A tagged template, or a query made with `sql`; answers with rows as `$queryRaw` does. */
export type TargetSql = <Row = Record<string, unknown>>(query: TemplateStringsArray | Sql, ...values: readonly unknown[]) => Promise<Row[]>

export function makeTargetSql (target: Target): TargetSql {
  return async <Row>(query: TemplateStringsArray | Sql, ...values: readonly unknown[]): Promise<Row[]> => {
    const statement = toSql('$queryRaw', query, values).toStatement()
    const connection = await target.acquire()
    try {
      const result = await connection.query(statement)
      const decode = rawDecoder(result.columns)
      // The caller says what its query returns, as with `$queryRaw`.
      return result.rows.map((row) => decode(row)) as Row[]
    } catch (failure) {
      throw failure instanceof Error ? rawMapError(failure) : failure
    } finally {
      target.release(connection)
    }
  }
}
