// Is it PostgreSQL that answers, with messages that can be handled? Asked until a session is open.
//
// postgres.js handles authentication in async functions that nobody awaits: one malformed message (another service
// on that port, a broken proxy, an attacker) would be an unhandled rejection, which ends the process. It also
// derives the key synchronously, for as many iterations as the server says.

const AUTHENTICATION = 0x52 // R
const HEADER_BYTES = 5
const MAX_MESSAGE_BYTES = 1 << 20
/** 4,096 is the default of `scram_iterations`; a million takes about half a second of the event loop. */
const MAX_ITERATIONS = 1_000_000

const NONE = Buffer.alloc(0)

export class StartUpCheck {
  #held: Buffer = NONE

  /** What has come of a message that is not complete yet. */
  get rest (): Buffer { return this.#held }

  /** The messages that are complete now; undefined: this is not to be handed on. */
  take (chunk: Buffer): Buffer | undefined {
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    let end = 0
    while (bytes.length - end >= HEADER_BYTES) {
      const length = bytes.readUInt32BE(end + 1) + 1
      if (length < HEADER_BYTES || length > MAX_MESSAGE_BYTES) return undefined
      if (bytes.length - end < length) break
      if (bytes[end] === AUTHENTICATION && !isAuthentication(bytes.subarray(end + HEADER_BYTES, end + length))) return undefined
      end += length
    }
    this.#held = bytes.subarray(end)
    return bytes.subarray(0, end)
  }
}

const CODE_BYTES = 4

function isAuthentication (body: Buffer): boolean {
  if (body.length < CODE_BYTES) return false
  const data = body.subarray(CODE_BYTES)
  switch (body.readUInt32BE(0)) {
    case 0: return true // ok
    case 3: return true // password in clear
    case 5: return data.length === 4 // MD5, with a salt
    case 10: return data.toString('latin1').split('\0').includes('SCRAM-SHA-256')
    case 11: return isSaslContinue(data.toString('utf8'))
    case 12: return data.toString('utf8').startsWith('v=')
    default: return false // GSS, SSPI and the like, which postgres.js does not do
  }
}

function isSaslContinue (text: string): boolean {
  const parts = new Map(text.split(',').map((part) => [part[0], part.slice(2)]))
  const iterations = Number(parts.get('i'))
  return (parts.get('r') ?? '') !== '' && (parts.get('s') ?? '') !== '' && Number.isInteger(iterations) && iterations >= 1 && iterations <= MAX_ITERATIONS
}
