// What the server said, in a form that may be logged: without the values of the statement.

/** The fields of postgres.js's errors that are used here. */
export interface DriverError extends Error {
  readonly code?: string
  readonly severity?: string
  readonly routine?: string
  readonly detail?: string
  readonly hint?: string
  readonly position?: string
  readonly constraint_name?: string
  readonly schema_name?: string
  readonly table_name?: string
  readonly column_name?: string
}

/** The server quotes values in its messages, so the statement's own are struck out; its detail is left out. */
export class ServerMessage extends Error {
  readonly code: string | undefined
  readonly hint: string | undefined
  readonly position: string | undefined

  constructor (error: DriverError, parameters: readonly (string | null)[]) {
    super(strikeOut(error.message, parameters))
    this.name = 'ServerMessage'
    this.code = error.code
    this.hint = error.hint
    this.position = error.position
    // The stack would show where an answer was read, which says nothing of the statement.
    Object.defineProperty(this, 'stack', { value: `${this.name}: ${this.message}`, enumerable: false })
  }
}

/** A shorter value might stand anywhere by chance; in quotes it is struck out all the same. */
const LONG_ENOUGH = 4
const QUOTED = /["«“„]([^"»”“]*)["»”“]/g

/** Whole values where they stand; in quotes also parts of them, as the server shows one element of an array. */
export function strikeOut (message: string, parameters: readonly (string | null)[]): string {
  let text = message
  parameters.forEach((value, index) => {
    if (value !== null && value.length >= LONG_ENOUGH) text = text.replaceAll(value, () => `$${index + 1}`)
  })
  return text.replace(QUOTED, (quoted: string, inside: string) => {
    const index = inside === '' ? -1 : parameters.findIndex((value) => value !== null && value.includes(inside))
    return index === -1 ? quoted : quoted.replace(inside, () => `$${index + 1}`)
  })
}

const ERROR_RESPONSE = 0x45 // E
const HEADER_BYTES = 5

/** The code of a FATAL: if a session ended with one, it is the last message that came. */
export function lastWords (chunk: Buffer | undefined): string | undefined {
  if (chunk === undefined) return undefined
  for (let start = chunk.length - HEADER_BYTES; start >= 0; start--) {
    if (chunk[start] === ERROR_RESPONSE && chunk.readUInt32BE(start + 1) === chunk.length - start - 1) return fatalCode(chunk.toString('latin1', start + HEADER_BYTES))
  }
  return undefined
}

/** Field C of an ErrorResponse whose severity (V, never localised) says that the session is over. */
function fatalCode (fields: string): string | undefined {
  let code: string | undefined
  let severity: string | undefined
  for (const field of fields.split('\0')) {
    if (field.startsWith('C')) code = field.slice(1)
    else if (field.startsWith('V')) severity = field.slice(1)
  }
  return severity === 'FATAL' || severity === 'PANIC' ? code : undefined
}
