// Errors in Prisma's words, for `catch` blocks that came along.

import { DatabaseUnreachableError, isReplay, KnownRequestError } from '../core/errors.ts'

/**
 * An error that Prisma knows by a code becomes a known-request error with that code; it keeps the HTTP status and the
 * headers of its cause. The signal that stops a handler for its replay stays what it is.
 */
export function prismaErrorOf (error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof KnownRequestError || isReplay(error)) return error
  // A start-up error elsewhere; here the first operation meets it. Its message names endpoints, which no client should see.
  if (error instanceof DatabaseUnreachableError) return new KnownRequestError('The database cannot be reached.', { code: 'P1001', cause: error })
  const { prismaCode, statusCode, headers } = error as { prismaCode?: unknown, statusCode?: unknown, headers?: unknown }
  if (typeof prismaCode !== 'string') return error
  const known = new KnownRequestError(error.message, { code: prismaCode, cause: error })
  return Object.assign(known, { statusCode: statusCode ?? known.statusCode }, headers === undefined ? {} : { headers })
}
