// reference/reasons.md: the closed sets of words that logs, channels, counters and metrics share.

import { BLOCK_TEXT } from '../../lib/core/replay-decision.ts'
import { code, page, prose, table } from './markdown.ts'
import type { Sources } from './sources.ts'

/** A word without a text fails the generator. */
const TEXTS: Readonly<Record<string, string>> = {
  // Why a request is replayed
  'write-method': 'The method is one of `writeMethods`, and the route declares no intent.',
  'write-intent': 'The route declares `intent: \'write\'`.',
  'strong-consistency': 'The route asks for `consistency: \'strong\'`.',
  'known-write': 'The handler called an operation that writes.',
  transaction: 'The handler opened a transaction that may write.',
  'standby-refusal': 'The standby refused the statement.',
  'schema-behind': 'A table or column is missing on the standby; it may not have arrived yet. Once a statement\'s text and minute.',
  'recovery-conflict': 'The standby ended the query so that replication could go on.',
  'replica-down': 'This region\'s server does not answer.',
  'behind-floor': 'The replica has not applied what this client object, or its session, wrote; or a fresh read is wanted, and the primary cannot be reached from here.',
  'behind-token': 'The replica has not applied what the session wrote or read.',
  explicit: '`reply.replay()`.',
  // Where a statement runs
  read: 'A read, served by this region\'s server.',
  'unknown-access': 'Raw SQL: it runs here, and the server judges.',
  'local-is-primary': 'This region\'s server is the primary.',
  'floor-reached': 'The replica has applied the position that is asked for.',
  'stale-allowed': 'The primary is needed and down, and the route allows a stale read.',
  'floor-unproven': 'The connection is asked for its position first, and read behind it.',
  'bound-to-primary': '`db.$primary`.',
  'fresh-read': 'A strong read that cannot be replayed.',
  'outside-request': 'A write of `fastify.db` or `createClient()`.',
  'replay-blocked': 'A write whose request cannot be replayed: it goes straight to the primary.',
  'wrote-already': 'The request has written already, so it stays.',
  // Refused
  replaying: 'A replay was asked for: nothing more of the request runs.',
  'split-brain': 'Two servers claim to be the primary.',
  'primary-down': 'The primary\'s breaker is open.',
  'primary-moved': 'The primary target is a standby.',
  'primary-fenced': 'The primary target is out of recovery, and may not be written.',
  'database-down': 'Neither server answers.',
  // After a failure
  'did-not-run': 'The statement provably did not run: tried again on a fresh connection.',
  'connection-lost': 'A read lost its connection: tried again.',
  'serialization-conflict': 'Lost against another transaction; rolled back.',
  'role-changed': 'The server\'s role changed: looked at, and decided anew.',
  mapped: 'The caller gets the error of the statement.',
  conflict: 'The caller gets P2034.',
  'primary-unavailable': '`FST_MR_PRIMARY_UNAVAILABLE`.',
  'primary-read-only': '`FST_MR_PRIMARY_READ_ONLY`.',
  'database-unavailable': '`FST_MR_DATABASE_UNAVAILABLE`.',
  'statement-timeout': 'The deadline ended the statement.',
  'commit-unknown': '`FST_MR_COMMIT_UNKNOWN`.',
  'transaction-closed': '`FST_MR_TRANSACTION_CLOSED`.',
  'read-only': '`FST_MR_READ_ONLY`.',
}

/** Lines such as "- `word`: text" of a doc comment that lists the words of its union. */
function listed (source: string, typeName: string): Map<string, string> {
  const end = source.indexOf(`export type ${typeName}`)
  const start = source.lastIndexOf('/**', end)
  return new Map([...source.slice(start, end).matchAll(/\* - `([a-z-]+)`: (.+)/g)].map(([, word = '', text = '']) => [word, sentence(text)]))
}

const sentence = (text: string): string => `${text[0]?.toUpperCase() ?? ''}${text.slice(1)}`

export function reasonsPage (sources: Sources): string {
  const rows = (words: readonly string[], texts: ReadonlyMap<string, string> = new Map()): string => table(['Word', 'Means'], words.map((word) => {
    const text = texts.get(word) ?? TEXTS[word]
    if (text === undefined) throw new Error(`docs/generate/reasons-page.ts says nothing of the reason ${word}`)
    return [code(word), prose(text)]
  }))
  const route = sources.wordsOfProperty('lib/core/route-decision.ts', 'RouteDecision', 'reason')
  const refused = sources.words('lib/core/route-decision.ts', 'RefuseReason')
  const capture = sources.words('lib/core/route-decision.ts', 'CaptureReason')
  const after = [...new Set([...sources.wordsOfProperty('lib/core/route-decision.ts', 'FailureDecision', 'reason'), ...sources.words('lib/core/route-decision.ts', 'RaisedError')])]
  const verdicts = listed(sources.file('lib/core/verdict.ts').getFullText(), 'Verdict')
  const fences = listed(sources.file('lib/core/server-facts.ts').getFullText(), 'FenceReason')
  return page('Reasons', [
    'Each decision carries the reason for it, a word of a closed set. The same word stands in the log line, the channel message, the counter and the metric.',
    '## Why a request is replayed', rows(sources.words('lib/core/replay-decision.ts', 'ReplayReason')),
    '## Why it is not', 'A replay was wanted and not possible. `request.multiRegion.replayable` is false, and a write goes straight to the primary.',
    rows(sources.words('lib/core/replay-decision.ts', 'ReplayBlock'), new Map(Object.entries(BLOCK_TEXT).map(([word, text]) => [word, sentence(`${text}.`)]))),
    '## Where a statement runs', 'Field `reason` of the channel `query:routed`.', rows(route.filter((word) => !refused.includes(word) && !capture.includes(word))),
    '## Why a statement is refused', rows(refused),
    '## After a failure', rows(after.filter((word) => !capture.includes(word))),
    '## What a failure means', 'Field `verdict` of the channel `query:failed`: by SQLSTATE, routine and role, never by the text of a message.', rows(sources.words('lib/core/verdict.ts', 'Verdict'), verdicts),
    '## Why a server out of recovery is not written', rows(sources.words('lib/core/server-facts.ts', 'FenceReason'), fences),
  ])
}
