// From a decision to the error that the caller sees. Messages are constant: what the server said is in `cause`.

import {
  CommitUnknownError, DatabaseUnavailableError, KnownRequestError, PrimaryMovedError, PrimaryReadOnlyError,
  PrimaryUnavailableError, ReadOnlyError, SplitBrainError, StatementTimeoutError, UnknownRequestError,
} from '../core/errors.ts'
import { DriverFailure } from '../core/driver-failure.ts'
import type { RaisedError, RefuseReason } from '../core/route-decision.ts'
import { closedError } from './transaction.ts'

/** Prisma's words for a transaction that lost against another one and may be run again. */
export const conflictError = (cause: unknown): KnownRequestError =>
  new KnownRequestError('Transaction failed due to a write conflict or a deadlock. Please retry your transaction', { code: 'P2034', cause })

export function raisedError (error: RaisedError, failure: DriverFailure, given: { readonly mapError: (failure: Error) => Error, readonly timeoutMs: number }): Error {
  const options = { cause: failure }
  switch (error) {
    case 'mapped': {
      const mapped = given.mapError(failure)
      return mapped instanceof DriverFailure ? new UnknownRequestError('The database refused a statement.', options) : mapped
    }
    case 'conflict': return conflictError(failure)
    case 'primary-unavailable': return new PrimaryUnavailableError(options)
    case 'primary-moved': return new PrimaryMovedError(options)
    case 'primary-read-only': return new PrimaryReadOnlyError(options)
    case 'database-unavailable': return new DatabaseUnavailableError(options)
    case 'statement-timeout': return new StatementTimeoutError(given.timeoutMs, options)
    case 'commit-unknown': return new CommitUnknownError(options)
    case 'transaction-closed': return closedError('its connection was lost', failure)
    case 'read-only': return new ReadOnlyError(options)
    default: {
      const never: never = error
      return never
    }
  }
}

export function refusedError (reason: Exclude<RefuseReason, 'replaying'>, cause: Error | undefined): Error {
  const options = { cause }
  switch (reason) {
    case 'split-brain': return new SplitBrainError(options)
    // A fenced server is not the primary: another one is, or nobody knows.
    case 'primary-fenced': return new PrimaryMovedError(options)
    case 'primary-moved': return new PrimaryMovedError(options)
    case 'primary-down': return new PrimaryUnavailableError(options)
    case 'database-down': return new DatabaseUnavailableError(options)
    default: {
      const never: never = reason
      return never
    }
  }
}
