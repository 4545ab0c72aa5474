// The tour as text for a terminal.

import type { Claim } from './claims.ts'
import type { Tour } from './tour.ts'

type Row = readonly string[]

export function reportTour (tour: Tour): string {
  const sections: string[] = []
  sections.push(table([
    ['', 'to the primary', 'read', 'write'],
    ...tour.regions.map(({ region, distanceMs, readMs, writeMs, replayed }) => [
      `in ${region}`, region === tour.primaryRegion ? 'is here' : `${distanceMs} ms`, ms(readMs.p50), `${ms(writeMs.p50)}${replayed === writeMs.count && replayed > 0 ? '  by one replay' : ''}`,
    ]),
  ]))
  if (tour.farthestRegion !== tour.primaryRegion) {
    sections.push(table([
      [`A handler, from ${tour.farthestRegion}`, 'query by query', 'one replay', ''],
      ...tour.handlers.map(({ queries, perQueryMs, replayMs }) => [
        `${queries} ${queries === 1 ? 'query' : 'queries'}`, ms(perQueryMs.p50), ms(replayMs.p50), `${(perQueryMs.p50 / replayMs.p50).toFixed(1)} x`,
      ]),
    ]))
  }
  if (tour.session !== undefined) {
    const { region, applyDelayMs, visits, sawWithSession, sawWithoutSession, withSessionMs, withoutSessionMs } = tour.session
    sections.push(table([
      [`Post in ${region}, be redirected, read`, 'saw the own post', 'the page took'],
      ['with session consistency', `${sawWithSession} of ${visits}`, ms(withSessionMs.p50)],
      ['without (cookie thrown away)', `${sawWithoutSession} of ${visits}`, ms(withoutSessionMs.p50)],
    ]) + `\n  while the replica in ${region} lags by ${applyDelayMs / 1000} s`)
  }
  return sections.join('\n\n')
}

export function reportClaims (claims: readonly Claim[]): string {
  return claims.map(({ name, holds, measured, limit, unit, bound }) =>
    `  ${holds ? 'ok  ' : 'FAIL'}  ${name}: ${figure(measured, unit)} (${bound === 'at-most' ? 'at most' : 'at least'} ${figure(limit, unit)})`).join('\n')
}

function figure (value: number, unit: Claim['unit']): string {
  if (unit === 'ms') return ms(value)
  return unit === 'times' ? `${value.toFixed(1)} x` : String(value)
}

function ms (value: number): string {
  return `${value < 100 ? value.toFixed(1) : Math.round(value)} ms`
}

/** Columns wide enough for their cells; numbers to the right. */
export function table (rows: readonly Row[]): string {
  const widths: number[] = []
  for (const row of rows) for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length)
  const [head = [], ...body] = rows
  const line = (row: Row): string => `  ${row.map((cell, column) => column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)).join('   ').trimEnd()}`
  return [line(head), `  ${widths.map((width) => '─'.repeat(width)).join('───')}`, ...body.map(line)].join('\n')
}
