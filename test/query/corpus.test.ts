// All operations of the corpus on a client against a real server, through the schema that `pull --prisma` writes; see corpus/README.md for what it is and how answers are compared.
// Every case that writes begins on the seeded rows. Quirks are listed in corpus/quirks.md.

import { readFileSync } from 'node:fs'
import t, { type Test as Tap } from 'tap'
import { createClient } from '../../lib/create-client.ts'
import { KnownRequestError, QueryInvalidError, UnknownRequestError } from '../../lib/core/errors.ts'
import { createTestDatabase, type TestDatabase } from '../support/shared-cluster.ts'
import { difference, tag, type CorpusCase, type CorpusOperation, type Expected } from './corpus-case.ts'
import { runOnClient } from './corpus-client.ts'
import { openCorpusSession } from './corpus-runner.ts'
import * as schema from './corpus/schema.ts'

const directory = new URL('./corpus/', import.meta.url)
const read = (name: string): string => readFileSync(new URL(name, directory), 'utf8')
const cases = read('cases.jsonl').trim().split('\n').map((line) => JSON.parse(line) as CorpusCase)
const quirksPage = read('quirks.md')

const databaseUrl = (database: TestDatabase, name: string): string => {
  const url = new URL(database.primaryUrl)
  url.pathname = `/${name}`
  return url.href
}

interface SeededDatabases {
  /** Never written. */
  readonly readUrl: string
  readonly writeUrl: string
  /** Brings the written one back to the seeded rows, sequences included. */
  readonly restore: () => Promise<void>
}

/** The corpus was recorded with text in order of code points. */
async function seededDatabases (t: Tap, database: TestDatabase): Promise<SeededDatabases> {
  const names = [`${database.name}_read`, `${database.name}_write`] as const
  const script = `${read('schema.sql')}\n${read('seed.sql')}`
  const sessions = []
  for (const name of names) {
    await database.exec(`create database "${name}" template template0 encoding 'UTF8' lc_collate 'C.UTF-8' lc_ctype 'C.UTF-8'`)
    t.teardown(() => database.exec(`drop database if exists "${name}" with (force)`))
    const session = await openCorpusSession(databaseUrl(database, name))
    t.teardown(() => { session.destroy() })
    await session.simple(script)
    sessions.push(session)
  }
  const writer = sessions[1] as (typeof sessions)[number]
  const tables = (await writer.simple("select string_agg(quote_ident(tablename), ', ') from pg_tables where schemaname = 'public'")).rows[0]?.[0]
  const restore = `truncate ${tables} restart identity cascade;\n${read('seed.sql')}`
  return {
    readUrl: databaseUrl(database, names[0]),
    writeUrl: databaseUrl(database, names[1]),
    restore: async () => { await writer.simple(restore) },
  }
}

/** What is wrong with an answer, or undefined. `meta` is compared as far as this client has it. */
async function check (db: object, operation: CorpusOperation, expected: Expected, ordered: boolean): Promise<string | undefined> {
  let result: unknown
  try {
    result = await runOnClient(db, operation)
  } catch (error) {
    if ('result' in expected) return `expected a result, got ${String(error)} ${JSON.stringify((error as { meta?: unknown }).meta)} ${String((error as Error).cause ?? '')}`
    const { code, meta, validation, unknown } = expected.error
    if (validation === true) return error instanceof QueryInvalidError ? undefined : `expected a validation error, got ${String(error)}`
    if (unknown === true) return error instanceof UnknownRequestError ? undefined : `expected an unknown request error, got ${String(error)}`
    if (!(error instanceof KnownRequestError) || error.code !== code) return `expected ${code}, got ${String(error)} ${String((error as Error).cause ?? '')}`
    for (const [key, value] of Object.entries(meta ?? {})) {
      if (key in error.meta && JSON.stringify(error.meta[key]) !== JSON.stringify(value)) return `meta.${key}: expected ${JSON.stringify(value)}, got ${JSON.stringify(error.meta[key])}`
    }
    return undefined
  }
  if (!('result' in expected)) return `expected ${JSON.stringify(expected.error)}, got ${JSON.stringify(tag(result))?.slice(0, 300)}`
  return difference(expected.result, tag(result), ordered)
}

async function run (db: object, corpusCase: CorpusCase): Promise<string | undefined> {
  for (const operation of corpusCase.setup ?? []) await runOnClient(db, operation)
  const answer = await check(db, corpusCase.op, corpusCase.expect, corpusCase.ordered !== false)
  if (answer !== undefined) return answer
  for (const after of corpusCase.after ?? []) {
    const state = await check(db, after.op, after, after.ordered !== false)
    if (state !== undefined) return `afterwards ${JSON.stringify(after.op)}: ${state}`
  }
  return undefined
}

interface Counts { passed: number, quirk: number, failed: number }

await t.test('every answer is Prisma\'s, or a listed quirk', { timeout: 600_000 }, async (t) => {
  const database = await createTestDatabase(t)
  const seeded = await seededDatabases(t, database)
  const counts = new Map<string, Counts>()
  const reader = createClient({ schema, database: seeded.readUrl })
  const writer = createClient({ schema, database: seeded.writeUrl })
  t.teardown(() => Promise.all([reader.$disconnect(), writer.$disconnect()]))
  let restored = true
  for (const corpusCase of cases) {
    let problem: string | undefined
    if (corpusCase.write) {
      if (!restored) await seeded.restore()
      restored = false
      problem = await run(writer, corpusCase)
    } else {
      // Twice: from a fresh plan and from a kept one.
      problem = await run(reader, corpusCase) ?? await run(reader, corpusCase)
    }
    const count = counts.get(corpusCase.group) ?? { passed: 0, quirk: 0, failed: 0 }
    counts.set(corpusCase.group, count)
    if (problem === undefined) {
      count.passed++
    } else if (corpusCase.quirk !== undefined) {
      count.quirk++
      t.ok(quirksPage.includes(corpusCase.id), `${corpusCase.id} is listed in quirks.md`)
    } else {
      count.failed++
      t.fail(corpusCase.id, { operation: JSON.stringify(corpusCase.op).slice(0, 2000), problem })
    }
  }
  const total: Counts = { passed: 0, quirk: 0, failed: 0 }
  for (const [group, count] of counts) {
    t.comment(`${group.padEnd(16)} ${count.passed} passed, ${count.quirk} quirk, ${count.failed} failed`)
    total.passed += count.passed
    total.quirk += count.quirk
    total.failed += count.failed
  }
  t.comment(`corpus: ${cases.length} cases: ${total.passed} passed, ${total.quirk} quirk, ${total.failed} failed`)
  t.equal(total.failed, 0, 'no case differs unless it is a quirk')
  t.equal(total.passed + total.quirk, cases.length, 'every case was compared')
})
