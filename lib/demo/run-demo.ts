// The demo from its start to its end: cluster, tour, and then either the verdict or the addresses to try.

import { judge, type Claim } from './claims.ts'
import { DashboardServer } from './dashboard-server.ts'
import { DemoCluster } from './demo-cluster.ts'
import { placeOf, roundTripMs } from './regions.ts'
import { reportClaims, reportTour } from './report.ts'
import { checkRequirements, DemoUnavailableError } from './requirements.ts'
import { takeTour, type Tour } from './tour.ts'

export interface DemoOptions {
  /** Takes the tour and ends. */
  readonly mode: 'stay' | 'check'
  readonly output: 'text' | 'json'
  /** The first is the primary's. @defaultValue ['fra', 'iad', 'nrt'] */
  readonly regions: readonly string[]
  /** Of the dashboard; the regions' entries take the next ones. */
  readonly port: number | undefined
  readonly dashboard: 'on' | 'off'
  readonly env: Readonly<Record<string, string | undefined>>
  readonly out: (text: string) => void
  readonly err: (text: string) => void
  /** Ends the demo. */
  readonly signal: AbortSignal
}

export type DemoOutcome = 'done' | 'claims-failed'

export const DEMO_REGIONS = ['fra', 'iad', 'nrt'] as const
export const DEMO_PORT = 4400

export async function runDemo (options: DemoOptions): Promise<DemoOutcome> {
  const { mode, output, regions, out, err, signal } = options
  const startedAtMs = performance.now()
  // With --json, standard output is for the machine.
  const say = output === 'json' ? err : out
  const progress = (text: string): void => say(`${((performance.now() - startedAtMs) / 1000).toFixed(1).padStart(5)} s  ${text}\n`)
  await checkRequirements(options.env)

  const ports = portsOf(options)
  const starting = DemoCluster.start({ regions, progress, ...(ports !== undefined && { ports: ports.entries }) })
  const demo = await orAborted(starting, signal, (late) => late.close()).catch((failure: unknown) => {
    throw portTaken(failure, ports) ?? failure
  })
  if (demo === 'aborted') return 'done'
  let dashboard: DashboardServer | undefined
  try {
    const tour = await orAborted(takeTour(demo, progress), signal, async () => {})
    if (tour === 'aborted') return 'done'
    const claims = judge(tour)
    progress('done')
    if (mode === 'check') {
      if (output === 'json') out(`${JSON.stringify(asJson(tour, { claims, tookMs: performance.now() - startedAtMs }), null, 2)}\n`)
      else out(`\n${reportTour(tour)}\n\n${reportClaims(claims)}\n${tour.errors.map((error) => `  ${error}\n`).join('')}`)
      return claims.every(({ holds }) => holds) ? 'done' : 'claims-failed'
    }
    await demo.open()
    if (options.dashboard === 'on') dashboard = await DashboardServer.start(demo, { port: ports?.dashboard ?? 0 }).catch((failure: unknown) => { throw portTaken(failure, ports) ?? failure })
    if (output === 'json') out(`${JSON.stringify({ ...asJson(tour, { claims, tookMs: performance.now() - startedAtMs }), addresses: Object.fromEntries(regions.map((region) => [region, demo.cluster.edge.url(region)])), dashboard: dashboard?.url }, null, 2)}\n`)
    else out(`\n${reportTour(tour)}\n\n${invitation(demo, dashboard)}\n`)
    await aborted(signal)
    say('\nEnding …\n')
    return 'done'
  } finally {
    await dashboard?.close()
    await demo.close()
  }
}

function asJson (tour: Tour, { claims, tookMs }: { claims: readonly Claim[], tookMs: number }): object {
  return { ok: claims.every(({ holds }) => holds), claims: claims.map(rounded), tour: rounded(tour), tookMs: Math.round(tookMs), node: process.version }
}

/** Three decimals say all there is. */
function rounded (value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_key, inner: unknown) => typeof inner === 'number' ? Math.round(inner * 1000) / 1000 : inner))
}

/** What to try, address by address. */
function invitation (demo: DemoCluster, dashboard: DashboardServer | undefined): string {
  const { cluster, primaryRegion } = demo
  const far = demo.regions.find((region) => region !== primaryRegion) ?? primaryRegion
  const farthest = [...demo.regions].sort((a, b) => roundTripMs(b, primaryRegion) - roundTripMs(a, primaryRegion))[0] ?? far
  const lines = demo.regions.map((region) => `  ${region}  ${cluster.edge.url(region)}${placeOf(region) === undefined ? '' : `   as a user in ${placeOf(region)?.city}`}${region === primaryRegion ? ' (the primary is here)' : ''}`)
  const url = cluster.edge.url(farthest)
  return `${dashboard === undefined ? '' : `The dashboard: ${dashboard.url}\n\n`}The guestbook, as each region's users reach it:

${lines.join('\n')}

Try, for instance:

  curl -i ${url}/entries
  curl -i ${url}/entries -H 'content-type: application/json' -d '{"author":"Me","message":"Hello"}'
  curl -sL -c jar -b jar ${url}/ -d author=Me -d message=Hi        # post, be redirected, see it

\`server-timing\` tells where an answer came from; add -H 'x-edge-trace: 1' to see its way. Ctrl-C ends it all.`
}

interface Ports {
  readonly dashboard: number
  readonly entries: Readonly<Record<string, number>>
}

/** Stays away from fixed ports where nobody is to call. */
function portsOf ({ mode, port, regions }: DemoOptions): Ports | undefined {
  if (mode === 'check' && port === undefined) return undefined
  const first = port ?? DEMO_PORT
  return { dashboard: first, entries: Object.fromEntries(regions.map((region, index) => [region, first + 1 + index])) }
}

function portTaken (failure: unknown, ports: Ports | undefined): DemoUnavailableError | undefined {
  if (!(failure instanceof Error && 'code' in failure && failure.code === 'EADDRINUSE')) return undefined
  const entries = Object.values(ports?.entries ?? {})
  return new DemoUnavailableError(`one of the ports ${ports?.dashboard} to ${entries.at(-1)} is taken; choose others with --port`, { cause: failure })
}

/** The value, or `aborted` at once; what comes too late is given to `discard`. */
async function orAborted<T> (work: Promise<T>, signal: AbortSignal, discard: (late: T) => Promise<void>): Promise<T | 'aborted'> {
  const first = await Promise.race([work, aborted(signal).then(() => 'aborted' as const)])
  if (first === 'aborted') await work.then(discard, () => {})
  return first
}

function aborted (signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
