// reference/errors.md: every code, its status, what happened and what to do.

import * as errors from '../../lib/core/errors.ts'
import { code, page, prose, table } from './markdown.ts'
import type { Sources } from './sources.ts'

/** What a reader can do about it. A code without an entry fails the generator. */
const REMEDIES: Readonly<Record<string, string>> = {
  FST_MR_OPTIONS_INVALID: 'Correct the options that the message lists.',
  FST_MR_TOPOLOGY_INVALID: 'Region, primary region and addresses contradict each other, or only half of them is set: set both `FLY_REGION` and `PRIMARY_REGION`, or neither.',
  FST_MR_DATABASE_URL_MISSING: 'Set `DATABASE_URL`, or pass `database`.',
  FST_MR_DATABASE_UNREACHABLE: 'The message names what was tried, by option. Check address, firewall and credentials; `connectTimeout` bounds the attempt.',
  FST_MR_SCHEMA_INVALID: 'The message names the model and field. Every export of the schema\'s module must be a model.',
  FST_MR_ROUTE_CONFIG_INVALID: 'Correct `config.multiRegion` of the route that the message names.',
  FST_MR_NAME_TAKEN: 'Give the second registration a `name`.',
  FST_MR_KEY_INVALID: 'Make a key with `npx fastify-multi-region key`; set the same one in every region.',
  FST_MR_PEER_MISSING: 'Install the package that the message names.',
  FST_MR_REPLAY_REQUESTED: 'Not a failure: it stops the handler, and no client sees it. In a `catch`, `isReplay(error)` tells it apart: rethrow it.',
  FST_MR_REPLAY_TARGET_INVALID: 'Correct the argument of `reply.replay()`.',
  FST_MR_REPLAY_IMPOSSIBLE: 'Ask `request.multiRegion.replayable` before `reply.replay()`, and answer here where it is false.',
  FST_MR_PRIMARY_UNAVAILABLE: 'The client may try again after `Retry-After`. Reads from the local replica go on.',
  FST_MR_PRIMARY_MOVED: 'A failover is under way: the client may try again. If it stays, the configured primary is a standby now; give `database.primary` a list or a function.',
  FST_MR_PRIMARY_READ_ONLY: 'Look at the primary: a full disk, a fence, or `default_transaction_read_only`.',
  FST_MR_SPLIT_BRAIN: 'Stop one of the two servers. No write is sent before.',
  FST_MR_DATABASE_UNAVAILABLE: 'Neither this region\'s server nor the primary answers.',
  FST_MR_OVERLOADED: 'More requests than connections: see [connection limits](../recipes/connection-limits).',
  FST_MR_STATEMENT_TIMEOUT: 'The statement was ended by `statementTimeout`. Raise it for the route, or make the statement faster.',
  FST_MR_COMMIT_UNKNOWN: 'Look before you repeat: the write may have taken effect. It is a 500, since a 503 would invite a retry. [Idempotency keys](../recipes/idempotency-keys) make a repeat safe.',
  FST_MR_TRANSACTION_CLOSED: 'The transaction had ended, timed out, or lost its connection; nothing of it was kept.',
  FST_MR_READ_ONLY: 'Remove `readOnly` from the transaction, or the write from it.',
  FST_MR_CLIENT_CLOSED: 'The app is closing. Register what uses the database behind the plugin, so that it stops first.',
  FST_MR_LIMIT_EXCEEDED: 'Ask for less at once, or raise `maxDepth` or `maxParameters`.',
  FST_MR_QUERY_INVALID: 'Correct the argument at `error.path`. `error.received` is the type of what came, never its value.',
}

const START_UP = 9 // the first classes of the file, up to PeerMissingError

/** Prisma's codes that this client raises. */
const KNOWN: Readonly<Record<string, string>> = {
  P2000: 'A value is too long for its column.',
  P2002: 'A unique key is taken; `meta.target` names its fields.',
  P2003: 'A foreign key points at nothing, or a row is still pointed at.',
  P2007: 'A value is not valid for the type of its column.',
  P2010: 'Raw SQL failed; `meta.code` is the SQLSTATE.',
  P2011: 'A column that must have a value has none.',
  P2014: 'The change would break a relation that must exist.',
  P2017: 'The records of a relation are not connected.',
  P2018: 'A record to connect was not found.',
  P2019: 'The arguments contradict each other.',
  P2020: 'A number is out of range.',
  P2021: 'The table does not exist.',
  P2022: 'The column does not exist.',
  P2025: 'A record that must exist was not found.',
  P2033: 'A number does not fit the column\'s type.',
  P2034: 'The transaction lost against another one: run it again. `$transaction(fn, { retry: n })` does.',
  P2039: 'The database refused the statement; `meta.dbCode` is the SQLSTATE.',
}

/** Codes that Prisma gives to failures which have a code of their own here: `error.prismaCode`. */
const BY_PRISMA_CODE = new Set(['P1001', 'P1008', 'P2024', 'P2028'])

interface Coded { code: string, statusCode?: number, message: string, prismaCode?: string, headers?: object }

export interface ErrorRow { readonly name: string, readonly code: string, readonly status: number | undefined, readonly retryAfter: boolean, readonly prismaCode: string | undefined, readonly text: string }

export function errorRows (): ErrorRow[] {
  const rows: ErrorRow[] = []
  for (const [name, value] of Object.entries(errors)) {
    if (typeof value !== 'function' || !/^[A-Z]\w*Error$/.test(name) || name === 'KnownRequestError' || name === 'UnknownRequestError') continue
    // Classes made by @fastify/error take the message's parts, and leave `%s` where none came.
    const error = name === 'QueryInvalidError'
      ? new errors.QueryInvalidError('An argument that the schema refuses', { path: [] }) as Coded
      : new (value as new () => Coded)()
    rows.push({ name, code: error.code, status: error.statusCode, retryAfter: error.headers !== undefined, prismaCode: error.prismaCode, text: (error.message.split('\n')[0] ?? '').replaceAll('%s', '…').replace(/^…$/, 'The contradiction, in words.').replace(/:$/, ': …') })
  }
  return rows
}

export function errorsPage (sources: Sources): string {
  const rows = errorRows()
  const order = [...sources.file('lib/core/errors.ts').getFullText().matchAll(/FST_MR_[A-Z_]+/g)].map(([text]) => text)
  rows.sort((a, b) => order.indexOf(a.code) - order.indexOf(b.code))
  const known = [...sources.literals(/^P\d{4}$/).keys()].filter((text) => !BY_PRISMA_CODE.has(text)).sort()
  for (const name of [...rows.map((row) => row.code), ...known]) {
    if (REMEDIES[name] === undefined && KNOWN[name] === undefined) throw new Error(`docs/generate/errors-page.ts says nothing of ${name}`)
  }
  const cells = (row: ErrorRow): string[] => [
    code(row.code), `${prose(row.text)}${row.prismaCode === undefined ? '' : ` Prisma: \`${row.prismaCode}\`.`}`, prose(REMEDIES[row.code] ?? ''),
  ]
  return page('Errors', [
    'Every error has a `code`. A message may reach an HTTP client verbatim, so none holds a host, SQL, a value or a role; these are in `cause` and in the log. Codes are never renamed or reused.',
    '## At start-up', 'They reject `register` or `ready()`.',
    table(['Code', 'Message', 'What to do'], rows.slice(0, START_UP).map(cells)),
    '## At request time',
    table(['Code', 'HTTP', 'Message', 'What to do'], rows.slice(START_UP).map((row) => {
      const [name = '', text = '', remedy = ''] = cells(row)
      return [name, `${row.status ?? 500}${row.retryAfter ? ' + `Retry-After`' : ''}`, text, remedy]
    })),
    '## Known to Prisma', '`KnownRequestError`, with `meta` as there. HTTP 500 unless the app maps it: see [map errors to HTTP](../recipes/error-mapping). `isKnownRequestError(error)` tells it apart.',
    table(['Code', 'When'], known.map((name) => [code(name), prose(KNOWN[name] ?? '')])),
    'Errors of the first table that Prisma has a code for carry it in `error.prismaCode`; through `fastify-multi-region/prisma` they come as `PrismaClientKnownRequestError` with that code.',
  ])
}
