import { parseLsn, type Lsn } from '../../lib/core/lsn.ts'

/** A position as a server prints it; throws for anything else, since a history with a hole proves nothing. */
export function positionIn (text: string | null | undefined): Lsn {
  const lsn = typeof text === 'string' ? parseLsn(text) : undefined
  if (lsn === undefined) throw new Error(`"${String(text)}" is not a position in the log`)
  return lsn
}
