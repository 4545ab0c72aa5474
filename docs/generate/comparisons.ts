// Tables of suites whose figures say more beside the peers', or beside each other, than beside a target.

import { prose, table } from './markdown.ts'

interface Spread { readonly median: number }
interface Weight { readonly name: string, readonly readyMs: Spread, readonly memoryMiB: Spread, readonly packages: number, readonly installMiB: number }
interface Trips { readonly name: string, readonly operation: string, readonly roundTrips: number }
interface Load { readonly operation: string, readonly callers: number, readonly rows: readonly { readonly name: string, readonly rateRatio: Spread }[] }
interface Floor { readonly shares: readonly { readonly what: string, readonly micros: number }[] }

const OWN = 'fastify-multi-region'

/** Upwards: nothing is rounded in our favour, and of the peers' the same digits are shown. */
const up = (value: number, digits: number): string => (Math.ceil(value * 10 ** digits) / 10 ** digits).toFixed(digits)
const down = (value: number, digits: number): string => (Math.floor(value * 10 ** digits) / 10 ** digits).toFixed(digits)

/** By suite; the results are those that its own program in benchmarks/suites has written. */
const COMPARISONS: Readonly<Record<string, (results: unknown) => string>> = {
  footprint: (results) => table(
    ['Package', 'First answer, ms', 'Resident, MiB', 'Packages', 'Installed, MiB'],
    (results as readonly Weight[]).map(({ name, readyMs, memoryMiB, packages, installMiB }) => [prose(name), up(readyMs.median, 0), up(memoryMiB.median, 0), String(packages), up(installMiB, 1)])),

  overhead: (results) => {
    const loads = results as readonly Load[]
    const names = loads[0]?.rows.map(({ name }) => name) ?? []
    return table(['Requests a second over those of bare', ...names], loads.map(({ operation, callers, rows }) => [
      `${operation}, ${callers} caller${callers === 1 ? '' : 's'}`,
      ...rows.map(({ name, rateRatio }) => (name.startsWith('ours') ? down : up)(rateRatio.median, 2)),
    ]))
  },

  'round-trips': (results) => {
    const trips = results as readonly Trips[]
    const operations = [...new Set(trips.map(({ operation }) => operation))]
    const names = [...new Set(trips.map(({ name }) => name))].sort((a, b) => Number(b === OWN) - Number(a === OWN))
    return table(['Round trips of', ...operations], names.map((name) => [prose(name), ...operations.map((operation) => String(trips.find((one) => one.name === name && one.operation === operation)?.roundTrips ?? ''))]))
  },

  floor: (results) => {
    const { shares } = results as Floor
    const total = shares.reduce((sum, { micros }) => sum + micros, 0)
    return table(['Part of a read', 'µs', 'Share'], shares.map(({ what, micros }) => [prose(what), up(micros, 1), `${up(micros / total * 100, 0)} %`]))
  },
}

export function comparisonOf (suite: string, results: unknown): string | undefined {
  return COMPARISONS[suite]?.(results)
}
