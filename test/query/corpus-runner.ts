// The query layer on one session, without routing, pools or requests: what a compiled operation says is done, no more.

import { randomUUID, randomInt } from 'node:crypto'
import { openSession, type Session } from '../../lib/postgres/driver.ts'
import { PreparedAdmission } from '../../lib/postgres/prepared-admission.ts'
import { compileFluent, compileOperation, type CompileContext, type Method } from '../../lib/query/compile.ts'
import { rawErrorMapper } from '../../lib/query/database-error.ts'
import { rawDecoder } from '../../lib/query/decode.ts'
import { cuidMaker } from '../../lib/query/default.ts'
import { resolveSchema } from '../../lib/query/model.ts'
import { BoundedCache } from '../../lib/core/bounded-cache.ts'
import { encodeRawParameters, Sql } from '../../lib/query/sql.ts'
import { untag, type CorpusOperation } from './corpus-case.ts'
import type { CompiledOperation, QueryResult, Statement, Work } from '../../lib/query/statement.ts'

export function corpusContext (): CompileContext {
  return {
    now: () => new Date(),
    uuid: randomUUID,
    cuid: cuidMaker({ now: Date.now, random: (below) => randomInt(below) }),
    limits: { maxDepth: 10, maxParameters: 32_000 },
    planCache: new BoundedCache(1000),
  }
}

export async function openCorpusSession (url: string): Promise<Session> {
  const { hostname, port, username, pathname } = new URL(url)
  return openSession({
    endpoint: { name: 'primary', host: hostname, port: Number(port), database: pathname.slice(1), user: username, password: undefined, ssl: 'disable', parameters: {} },
    address: { at: hostname, port: Number(port), hostName: hostname },
    connectTimeoutMs: 5000,
    statementTimeoutMs: 15_000,
    prepare: true,
    clock: { tick: 0 },
    admission: new PreparedAdmission(),
    onDead: () => {},
  })
}

export class CorpusRunner {
  readonly #session: Session
  readonly #schema: ReturnType<typeof resolveSchema>
  readonly #context: CompileContext

  constructor (session: Session, schema: object, context: CompileContext) {
    this.#session = session
    this.#schema = resolveSchema(schema)
    this.#context = context
  }

  async run (operation: CorpusOperation): Promise<unknown> {
    if (operation.method === '$transaction') return this.#transaction(operation.args as CorpusOperation[])
    return this.#carryOut(this.#compile(operation), true)
  }

  /** With arguments as they are, not in the corpus's notation. */
  async runPlain (model: string, method: string, args: unknown): Promise<unknown> {
    return this.#carryOut(compileOperation(this.#schema, model, method as Method, args, this.#context), true)
  }

  #compile (operation: CorpusOperation): CompiledOperation {
    const args = untag(operation.args)
    if (operation.model !== null && operation.model !== undefined) {
      if (operation.fluent !== undefined) {
        const chain = operation.fluent.map(([relation, relationArgs]) => ({ relation, args: untag(relationArgs) }))
        return compileFluent(this.#schema, operation.model, operation.method as Method, args, chain, this.#context)
      }
      return compileOperation(this.#schema, operation.model, operation.method as Method, args, this.#context)
    }
    const raw = args as { strings?: string[], sql?: string, values: unknown[] }
    const statement: Statement = raw.strings === undefined ? { text: raw.sql as string, params: encodeRawParameters(raw.values) } : new Sql(raw.strings, raw.values).toStatement()
    const decode = operation.method.startsWith('$query')
      ? (result: QueryResult): unknown => result.rows.map(rawDecoder(result.columns))
      : (result: QueryResult): unknown => result.count
    return { access: 'unknown', work: { type: 'statement', statement, decode }, mapError: rawErrorMapper() }
  }

  async #carryOut (operation: CompiledOperation, ownTransaction: boolean): Promise<unknown> {
    try {
      return await this.#work(operation.work, ownTransaction)
    } catch (error) {
      throw error instanceof Error ? operation.mapError(error) : error
    }
  }

  async #work (work: Work<unknown>, ownTransaction: boolean): Promise<unknown> {
    const session = this.#session
    switch (work.type) {
      case 'constant': return work.value
      case 'statement': return work.decode(await session.query(ownTransaction ? work.statement : work.checked ?? work.statement))
      case 'batch': return this.#within(ownTransaction, async () => work.decode(await session.batch(work.statements)))
    }
  }

  async #within<T> (ownTransaction: boolean, run: () => Promise<T>): Promise<T> {
    if (!ownTransaction) return run()
    await this.#session.simple('begin')
    try {
      const result = await run()
      await this.#session.simple('commit')
      return result
    } catch (error) {
      await this.#session.simple('rollback')
      throw error
    }
  }

  async #transaction (operations: readonly CorpusOperation[]): Promise<unknown> {
    return this.#within(true, async () => {
      const results: unknown[] = []
      for (const operation of operations) results.push(await this.#carryOut(this.#compile(operation), false))
      return results
    })
  }
}
