// Raw SQL as an operation: `$queryRaw` and `$executeRaw` with their unsafe forms.
// Its access is unknown: nobody here parses SQL, the server's refusal decides. `$executeRaw` says of itself that it writes.

import { DriverFailure } from '../core/driver-failure.ts'
import { KnownRequestError, QueryInvalidError } from '../core/errors.ts'
import { rawErrorMapper } from '../query/database-error.ts'
import { rawDecoder } from '../query/decode.ts'
import { encodeRawParameters, toSql, type Sql } from '../query/sql.ts'
import type { CompiledOperation, QueryResult, Statement } from '../query/statement.ts'
import { Operation, partsOf, type Compiler, type Executor } from './operation.ts'
import type { SimpleStatement } from './pipeline.ts'

export type RawRow = Record<string, unknown>

interface UnsafeQuery {
  readonly text: string
  readonly values: readonly unknown[]
}

type RawArguments = { readonly type: 'sql', readonly sql: Sql } | { readonly type: 'unsafe', readonly query: UnsafeQuery }

function rowsOf (result: QueryResult): RawRow[] {
  const decode = rawDecoder(result.columns)
  return result.rows.map((row) => decode(row))
}

function statementOf (args: RawArguments): Statement {
  if (args.type === 'sql') return args.sql.toStatement()
  const { text, values } = args.query
  // Without parameters it may hold several statements, and its text is seldom seen again: not worth a plan.
  if (values.length === 0) {
    const simple: SimpleStatement = { text, params: [], protocol: 'simple' }
    return simple
  }
  return { text, params: encodeRawParameters(values) }
}

const mapKnown = rawErrorMapper()

/**
 * Prisma's word for a refused raw query; the server's own words are in `cause`. Whatever reaches this has been
 * judged to be the statement's own fault, so codes that elsewhere speak of the server are the query's here.
 */
export function rawMapError (failure: Error): Error {
  const mapped = mapKnown(failure)
  if (!(mapped instanceof DriverFailure) || mapped.kind !== 'server') return mapped
  return new KnownRequestError('The raw query failed.', { code: 'P2010', meta: { dbCode: mapped.code, code: mapped.code }, cause: mapped })
}

/** Made with the function that words the server's refusals of raw SQL. */
export class RawCompiler implements Compiler {
  readonly #mapError: (failure: Error) => Error

  constructor (mapError: (failure: Error) => Error) {
    this.#mapError = mapError
  }

  compile (method: string, args: unknown): CompiledOperation {
    const statement = statementOf(args as RawArguments) // made by the functions below alone
    return method === '$queryRaw' || method === '$queryRawUnsafe'
      ? { access: 'unknown', work: { type: 'statement', statement, decode: rowsOf }, mapError: this.#mapError }
      : { access: 'write', work: { type: 'statement', statement, decode: (result) => result.count }, mapError: this.#mapError }
  }
}

export const isRawOperation = (operation: Operation<unknown>): boolean => partsOf(operation).compiler instanceof RawCompiler

/** `$queryRaw`, `$executeRaw`. */
export function rawOperation<T> (parts: { readonly executor: Executor, readonly compiler: RawCompiler, readonly method: '$queryRaw' | '$executeRaw' }, query: unknown, values: readonly unknown[]): Operation<T> {
  const args: RawArguments = { type: 'sql', sql: toSql(parts.method, query, values) }
  return new Operation<T>(parts.executor, parts.compiler, parts.method, args)
}

/** `$queryRawUnsafe`, `$executeRawUnsafe`. */
export function unsafeOperation<T> (parts: { readonly executor: Executor, readonly compiler: RawCompiler, readonly method: '$queryRawUnsafe' | '$executeRawUnsafe' }, text: unknown, values: readonly unknown[]): Operation<T> {
  if (typeof text !== 'string') throw new QueryInvalidError(`\`${parts.method}\` takes the query's text first, then its values`, { path: [], received: typeof text })
  const args: RawArguments = { type: 'unsafe', query: { text, values } }
  return new Operation<T>(parts.executor, parts.compiler, parts.method, args)
}
