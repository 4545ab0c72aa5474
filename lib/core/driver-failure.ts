// What went wrong below the client, in one shape: the driver layer makes it, everything above classifies it.
// It holds the server's own fields; its message never leaves the process (API 2.3).

/** `server`: an ErrorResponse. `connect`: no session came about. `lost`: the session ended while a statement ran. `deadline`: the client ended the session because its deadline passed. `stalled`: all connections were busy, without an answer on any, for as long as one could be waited for. */
export type DriverFailureKind = 'server' | 'connect' | 'lost' | 'deadline' | 'stalled'

export interface DriverFailureFields {
  readonly kind: DriverFailureKind
  /** SQLSTATE for `server` (and for a `connect` that the server refused), else the system's or driver's code, e.g. `ECONNREFUSED`. */
  readonly code: string
  readonly severity?: string | undefined
  readonly routine?: string | undefined
  readonly detail?: string | undefined
  readonly constraint?: string | undefined
  readonly schema?: string | undefined
  readonly table?: string | undefined
  readonly column?: string | undefined
  /** Had any byte of the statement been handed to the socket? `false` proves that it did not run. */
  readonly sent: boolean
  /** Did the session know itself to be on a standby when it failed (`in_hot_standby` as last reported)? */
  readonly onStandby?: boolean | undefined
  readonly cause?: unknown
}

export class DriverFailure extends Error implements DriverFailureFields {
  readonly kind: DriverFailureKind
  readonly code: string
  readonly severity: string | undefined
  readonly routine: string | undefined
  /** Not enumerable: it quotes values, and loggers print what is enumerable. */
  declare readonly detail: string | undefined
  readonly constraint: string | undefined
  readonly schema: string | undefined
  readonly table: string | undefined
  readonly column: string | undefined
  readonly sent: boolean
  readonly onStandby: boolean | undefined

  constructor (message: string, fields: DriverFailureFields) {
    super(message, { cause: fields.cause })
    this.name = 'DriverFailure'
    this.kind = fields.kind
    this.code = fields.code
    this.severity = fields.severity
    this.routine = fields.routine
    Object.defineProperty(this, 'detail', { value: fields.detail, enumerable: false })
    this.constraint = fields.constraint
    this.schema = fields.schema
    this.table = fields.table
    this.column = fields.column
    this.sent = fields.sent
    this.onStandby = fields.onStandby
  }
}
