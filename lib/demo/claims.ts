// What the tour must show, each claim with its limit and what was measured.

import type { Tour } from './tour.ts'

export interface Claim {
  readonly name: string
  readonly holds: boolean
  /** What was measured, and the limit. */
  readonly measured: number
  readonly limit: number
  readonly unit: 'ms' | 'times' | 'requests' | 'visits'
  readonly bound: 'at-most' | 'at-least'
}

const READ_P50_MS = 15
const WRITE_OVER_DISTANCE = 1.1
const REPLAY_FASTER = 5

export function judge (tour: Tour): Claim[] {
  const claims: Claim[] = []
  const atMost = (name: string, measured: number, limit: number, unit: Claim['unit']): void => { claims.push({ name, holds: measured <= limit, measured, limit, unit, bound: 'at-most' }) }
  const atLeast = (name: string, measured: number, limit: number, unit: Claim['unit']): void => { claims.push({ name, holds: measured >= limit, measured, limit, unit, bound: 'at-least' }) }

  for (const { region, readMs } of tour.regions) atMost(`a read in ${region}, p50`, readMs.p50, READ_P50_MS, 'ms')
  const home = tour.regions.find(({ region }) => region === tour.primaryRegion)
  for (const { region, distanceMs, writeMs } of tour.regions) {
    if (region === tour.primaryRegion || home === undefined) continue
    atMost(`a write from ${region}, p50: the distance of ${distanceMs} ms and the write, + 10 %`, writeMs.p50, (distanceMs + home.writeMs.p50) * WRITE_OVER_DISTANCE, 'ms')
  }
  const ten = tour.handlers.find(({ queries }) => queries === 10)
  if (ten !== undefined && tour.farthestRegion !== tour.primaryRegion) {
    atLeast(`a handler of 10 queries from ${tour.farthestRegion}: faster by one replay than query by query`, ten.perQueryMs.p50 / ten.replayMs.p50, REPLAY_FASTER, 'times')
  }
  if (tour.session !== undefined) {
    const { region, visits, sawWithSession, sawWithoutSession } = tour.session
    atLeast(`visitors in ${region} who see their own post after the redirect`, sawWithSession, visits, 'visits')
    atMost('the same without session consistency', sawWithoutSession, 0, 'visits')
  }
  atMost('answers that were not as asked for', tour.errorCount, 0, 'requests')
  atMost('replays asked for beside the primary', tour.replaysByPrimary, 0, 'requests')
  atMost('bare 409 seen by a client', tour.bareConflicts, 0, 'requests')
  return claims
}
