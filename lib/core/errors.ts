// Every coded error of the package. Codes are never renamed or reused.
// A message may reach an HTTP client verbatim (Fastify sends `error.message`, on 500 too), so no message
// of a request-time error holds a host, SQL, a parameter or a role; those are in `cause` and in the log.

import createError, { type FastifyErrorConstructor } from '@fastify/error'

/** Seconds that a 503 asks the client to stay away: about one monitor interval, so that a failover has been noticed by then. */
export const RETRY_AFTER_SECONDS = 1

type Code = `FST_MR_${string}`

const define = (code: Code, message: string, statusCode?: number): FastifyErrorConstructor => createError(code, message, statusCode)

/** Fastify's default error handler copies `headers` of an error to the reply. */
function unavailable (code: Code, message: string, prismaCode?: string): FastifyErrorConstructor {
  const Base = createError(code, message, 503)
  Object.defineProperty(Base.prototype, 'headers', { value: Object.freeze({ 'retry-after': String(RETRY_AFTER_SECONDS) }), enumerable: false })
  return prismaCode === undefined ? Base : withPrismaCode(Base, prismaCode)
}

/** The code that Prisma gives the same failure, for `catch` blocks that came along. */
function withPrismaCode (error: FastifyErrorConstructor, prismaCode: string): FastifyErrorConstructor {
  Object.defineProperty(error.prototype, 'prismaCode', { value: prismaCode, enumerable: false })
  return error
}

// Start-up: rejects `register` or `ready()`.
export const OptionsInvalidError = define('FST_MR_OPTIONS_INVALID', 'The options of fastify-multi-region are not valid:\n%s')
export const TopologyInvalidError = define('FST_MR_TOPOLOGY_INVALID', '%s')
export const DatabaseUrlMissingError = define('FST_MR_DATABASE_URL_MISSING', 'No database is configured: set DATABASE_URL, or pass the option `database`.')
export const DatabaseUnreachableError = define('FST_MR_DATABASE_UNREACHABLE', 'No database could be reached within %s ms. Tried:\n%s')
export const SchemaInvalidError = define('FST_MR_SCHEMA_INVALID', 'The schema is not valid: %s')
export const RouteConfigInvalidError = define('FST_MR_ROUTE_CONFIG_INVALID', 'The route config `multiRegion` of %s is not valid: %s')
export const NameTakenError = define('FST_MR_NAME_TAKEN', 'The decorator `%s` exists already: give this registration another `name`.')
export const KeyInvalidError = define('FST_MR_KEY_INVALID', '%s Make one with `npx fastify-multi-region key`, and set the same in every region.')
export const PeerMissingError = define('FST_MR_PEER_MISSING', 'The option `%s` needs the package `%s`: npm install %s')

// At request time.
export const ReplayRequestedError = define('FST_MR_REPLAY_REQUESTED', 'This request runs again in another region.', 409)
export const ReplayTargetInvalidError = define('FST_MR_REPLAY_TARGET_INVALID', 'The replay target is not valid: %s', 500)
export const ReplayImpossibleError = unavailable('FST_MR_REPLAY_IMPOSSIBLE', 'This request cannot be replayed: %s. Ask `request.multiRegion.replayable` first.')
export const PrimaryUnavailableError = unavailable('FST_MR_PRIMARY_UNAVAILABLE', 'The primary database cannot be reached.', 'P1001')
export const PrimaryMovedError = unavailable('FST_MR_PRIMARY_MOVED', 'The primary database has moved; a search for it has begun.')
export const PrimaryReadOnlyError = unavailable('FST_MR_PRIMARY_READ_ONLY', 'The primary database refuses writes by its own setting.')
export const SplitBrainError = unavailable('FST_MR_SPLIT_BRAIN', 'Two servers claim to be the primary database; no write is sent to either.')
export const DatabaseUnavailableError = unavailable('FST_MR_DATABASE_UNAVAILABLE', 'The database cannot be reached.', 'P1001')
export const OverloadedError = unavailable('FST_MR_OVERLOADED', 'Too many requests wait for a database connection (%s).', 'P2024')
export const StatementTimeoutError = withPrismaCode(define('FST_MR_STATEMENT_TIMEOUT', 'A statement ran longer than %s ms and was ended.', 504), 'P1008')
export const CommitUnknownError = define('FST_MR_COMMIT_UNKNOWN', 'The connection was lost while a write ran; whether it took effect is not known.', 500)
export const TransactionClosedError = withPrismaCode(define('FST_MR_TRANSACTION_CLOSED', 'The transaction is closed: %s.', 500), 'P2028')
export const ReadOnlyError = define('FST_MR_READ_ONLY', 'A write was tried in a read-only transaction.', 500)
export const ClientClosedError = unavailable('FST_MR_CLIENT_CLOSED', 'The client is closed.')
export const LimitExceededError = define('FST_MR_LIMIT_EXCEEDED', 'The query exceeds %s: %s is allowed, %s was asked for.', 500)

/** An argument that the schema refuses; nothing was sent to the database. Prisma calls it a validation error. */
export class QueryInvalidError extends Error {
  readonly code = 'FST_MR_QUERY_INVALID'
  readonly statusCode = 500
  /** Where the mistake is, e.g. `['where', 'author', 'nmae']`. */
  readonly path: readonly (string | number)[]
  /** The type of what was received, never its value. */
  readonly received: string | undefined

  constructor (message: string, details: { path: readonly (string | number)[], received?: string | undefined }) {
    super(`${message} (at ${details.path.join('.') || 'the top of the arguments'})`)
    this.name = 'QueryInvalidError'
    this.path = details.path
    this.received = details.received
  }
}

/** A failure that Prisma knows by a code: `P2002`, `P2025`, … with its `meta`. */
export class KnownRequestError extends Error {
  readonly code: string
  readonly meta: Record<string, unknown>
  readonly statusCode = 500

  constructor (message: string, details: { code: string, meta?: Record<string, unknown>, cause?: unknown }) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'KnownRequestError'
    this.code = details.code
    this.meta = details.meta ?? {}
  }
}

/** A failure of the database for which there is no code. */
export class UnknownRequestError extends Error {
  readonly statusCode = 500

  constructor (message: string, options: { cause: unknown }) {
    super(message, options)
    this.name = 'UnknownRequestError'
  }
}

export const isKnownRequestError = (error: unknown): error is KnownRequestError => error instanceof KnownRequestError
export const isReplay = (error: unknown): boolean => error instanceof ReplayRequestedError
