// The corpus's rows on a session that counts what is sent: statements, and the round trips that they take.

import { readFileSync } from 'node:fs'
import { createTestDatabase } from '../support/shared-cluster.ts'
import { CorpusRunner, corpusContext, openCorpusSession } from './corpus-runner.ts'
import * as schema from './corpus/schema.ts'
import type { Test as Tap } from 'tap'
import type { Session } from '../../lib/postgres/driver.ts'
import type { CompileContext } from '../../lib/query/compile.ts'

const directory = new URL('./corpus/', import.meta.url)
const read = (name: string): string => readFileSync(new URL(name, directory), 'utf8')

export interface Sent {
  /** Texts of the statements, without BEGIN and COMMIT. */
  readonly texts: readonly string[]
  /** Waits for an answer, without those that BEGIN and COMMIT take when they are not sent along. */
  readonly roundTrips: number
}

export interface SeededSession {
  readonly url: string
  readonly context: CompileContext
  readonly session: Session
  /** Runs one operation; dates and the like in the corpus's notation, or as text. */
  run (model: string, method: string, args?: unknown): Promise<unknown>
  /** The same, and what it sent. */
  sent (model: string, method: string, args?: unknown): Promise<{ result: unknown, sent: Sent }>
  /** Brings the seeded rows back, sequences included. */
  restore (): Promise<void>
}

export interface Seed {
  readonly schema: object
  /** Makes the tables. */
  readonly tables: string
  readonly rows: string
}

const corpus = (): Seed => ({ schema, tables: read('schema.sql'), rows: read('seed.sql') })

/** By default with the corpus's tables and rows. */
export async function openSeededSession (t: Tap, seed: Seed = corpus()): Promise<SeededSession> {
  const database = await createTestDatabase(t)
  const session = await openCorpusSession(database.primaryUrl)
  t.teardown(() => { session.destroy() })
  await session.simple(`${seed.tables}\n${seed.rows}`)
  const tables = (await session.simple("select string_agg(format('%I.%I', schemaname, tablename), ', ') from pg_tables where schemaname not in ('pg_catalog', 'information_schema')")).rows[0]?.[0]
  let texts: string[] = []
  let roundTrips = 0
  const counting = {
    query: (statement: Parameters<Session['query']>[0]) => {
      texts.push(statement.text)
      roundTrips++
      return session.query(statement)
    },
    batch: (statements: Parameters<Session['batch']>[0]) => {
      for (const { text } of statements) texts.push(text)
      roundTrips++
      return session.batch(statements)
    },
    simple: (text: string) => session.simple(text),
  } as unknown as Session // the part of a session that the runner uses
  const context = corpusContext()
  const runner = new CorpusRunner(counting, seed.schema, context)
  const run: SeededSession['run'] = (model, method, args) => runner.run({ model, method, args })
  return {
    url: database.primaryUrl,
    context,
    session,
    run,
    sent: async (model, method, args) => {
      texts = []
      roundTrips = 0
      const result = await run(model, method, args)
      return { result, sent: { texts, roundTrips } }
    },
    restore: async () => { await session.simple(`truncate ${tables} restart identity cascade;\n${seed.rows}`) },
  }
}
