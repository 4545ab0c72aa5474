// A position in PostgreSQL's write-ahead log. Its text form `X/Y` exists only at SQL and log boundaries.

declare const brand: unique symbol
export type Lsn = bigint & { readonly [brand]: 'Lsn' }

const TEXT = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/
const LOW_BITS = 32n
const LOW_MASK = 0xFFFF_FFFFn
const MAX = (1n << 64n) - 1n

/** Undefined for whatever is not a position: the text may come from a token or from a server that has none. */
export function parseLsn (text: string): Lsn | undefined {
  const match = TEXT.exec(text)
  const high = match?.[1]
  const low = match?.[2]
  if (high === undefined || low === undefined) return undefined
  return BigInt(`0x${high}${low.padStart(8, '0')}`) as Lsn // in range by the pattern
}

/** @throws RangeError when `value` is no 64-bit position */
export function lsnOf (value: bigint): Lsn {
  if (value < 0n || value > MAX) throw new RangeError('a log position is a 64-bit number')
  return value as Lsn // in range by the line above
}

export function formatLsn (lsn: Lsn): string {
  return `${(lsn >> LOW_BITS).toString(16)}/${(lsn & LOW_MASK).toString(16)}`.toUpperCase()
}

export function compareLsn (a: Lsn, b: Lsn): -1 | 0 | 1 {
  return a < b ? -1 : a > b ? 1 : 0
}

export interface LogGeometry {
  /** `wal_block_size` */
  readonly blockSizeBytes: number
  /** `wal_segment_size` */
  readonly segmentSizeBytes: number
}

// Page headers of 64-bit builds (`SizeOfXLogShortPHD`, `SizeOfXLogLongPHD` in xlog_internal.h).
const PAGE_HEADER_BYTES = 24n
const SEGMENT_HEADER_BYTES = 40n

/**
 * An insert position at the start of a page points past a header that is not written yet, and a standby does not
 * report it until more log is written: measured, 32 of 30,000 commits, all of which stalled (FACTS 2.3).
 * The end of the page before is the same place in the log, and reachable. For insert positions alone:
 * flush positions never point there.
 */
export function normaliseInsertLsn (lsn: Lsn, geometry: LogGeometry): Lsn {
  if (lsn % BigInt(geometry.segmentSizeBytes) === SEGMENT_HEADER_BYTES) return (lsn - SEGMENT_HEADER_BYTES) as Lsn // still at least 0
  if (lsn % BigInt(geometry.blockSizeBytes) === PAGE_HEADER_BYTES) return (lsn - PAGE_HEADER_BYTES) as Lsn // still at least 0
  return lsn
}
