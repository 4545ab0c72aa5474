// The records, and which file holds those of which area. See README.md.

import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'

interface PeerRecord {
  readonly id: string
  readonly area: string
  readonly applies: boolean | 'adapt'
  readonly why: string
  readonly when: string
}

export type Check = (t: Test) => Promise<unknown>

const AREAS = {
  requests: ['replay-decision', 'method-rule', 'loop-guard', 'websocket'],
  sessions: ['session-window', 'token', 'cookie', 'lsn-wait'],
  statements: ['transaction', 'raw-sql-classification', 'explicit-primary', 'nested-context'],
  servers: ['fallback', 'health', 'failure-of-lookup'],
  config: ['config'],
} as const satisfies Readonly<Record<string, readonly string[]>>

const records = readFileSync(new URL('./records.jsonl', import.meta.url), 'utf8').trim().split('\n').map((line) => JSON.parse(line) as PeerRecord) // written beside this file

/** One test a record of the file's areas; each record that applies has one, and each test has a record. */
export async function holdRecords (file: keyof typeof AREAS, checks: Readonly<Record<string, Check>>): Promise<void> {
  t.same(new Set<string>(Object.values(AREAS).flat()), new Set(records.map(({ area }) => area)), 'each area is held by a file')
  t.equal(new Set(records.map(({ id }) => id)).size, records.length, 'an id is a record\'s own')
  const areas: readonly string[] = AREAS[file]
  const mine = records.filter(({ area }) => areas.includes(area))
  t.same(Object.keys(checks).filter((id) => !mine.some((record) => record.id === id)), [], 'no test without a record')
  for (const { id, applies, why, when } of mine) {
    const check = checks[id]
    if (applies === false) t.equal(check, undefined, `${id} does not apply: ${why}`)
    else if (check === undefined) t.fail(`${id} has no test`)
    else await t.test(`${id}: ${when}`, check)
  }
}
