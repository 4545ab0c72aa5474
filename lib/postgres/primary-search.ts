// Where is the primary? Asks every candidate for its role, all at once: each endpoint of a list or of a resolver,
// and each address behind its name.

import type { DriverFailure } from '../core/driver-failure.ts'
import type { Endpoint } from '../core/endpoint.ts'
import { addressesOf, type Resolve } from './address.ts'
import type { Address } from './dial.ts'
import { openSession, type Session } from './driver.ts'
import { prepareLook, readLook, type Seen } from './look.ts'
import { PreparedAdmission } from './prepared-admission.ts'

export interface SearchOptions {
  readonly candidates: readonly Endpoint[]
  readonly find: (() => Promise<readonly Endpoint[]>) | undefined
  readonly resolve: Resolve | undefined
  readonly prepare: boolean
  readonly timeoutMs: number
}

export interface Candidate {
  readonly endpoint: Endpoint
  readonly address: Address
  readonly seen: Seen
}

export interface Rejected {
  readonly endpoint: string
  readonly code: string
}

export interface SearchResult {
  /** In the order of preference of the configuration. */
  readonly found: readonly Candidate[]
  readonly rejected: readonly Rejected[]
  /** Every endpoint that was considered. */
  readonly endpoints: readonly Endpoint[]
}

/** Bounded by `timeoutMs`; never rejects. */
export async function searchPrimary (options: SearchOptions): Promise<SearchResult> {
  const endpoints = await candidateEndpoints(options)
  const found: Candidate[] = []
  const rejected: Rejected[] = []
  const probes = endpoints.map(async (endpoint) => {
    const addresses = await addressesOf(endpoint, { timeoutMs: options.timeoutMs, resolve: options.resolve }).catch((failure: DriverFailure) => {
      rejected.push({ endpoint: endpoint.name, code: failure.code })
      return []
    })
    return await Promise.all(addresses.map(async (address) => {
      try {
        return { endpoint, address, seen: await probe(endpoint, address, options) }
      } catch (failure) {
        rejected.push({ endpoint: endpoint.name, code: codeOf(failure) })
        return undefined
      }
    }))
  })
  for (const candidates of await Promise.all(probes)) for (const candidate of candidates) if (candidate !== undefined) found.push(candidate)
  return { found, rejected, endpoints }
}

/** The one out of recovery; of several, the highest timeline, which is the newest primary. */
export function pickPrimary (found: readonly Candidate[], system?: string): Candidate | undefined {
  const own = system === undefined ? found : found.filter(({ seen }) => seen.fingerprint.system === undefined || seen.fingerprint.system === system)
  let best: Candidate | undefined
  for (const candidate of own) {
    if (candidate.seen.role !== 'primary') continue
    if (best === undefined || (candidate.seen.timeline ?? 0) > (best.seen.timeline ?? 0)) best = candidate
  }
  return best
}

async function candidateEndpoints ({ candidates, find, timeoutMs }: SearchOptions): Promise<readonly Endpoint[]> {
  if (find === undefined) return candidates
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<readonly Endpoint[]>((resolve) => { timer = setTimeout(resolve, timeoutMs, candidates) })
  try {
    const found = await Promise.race([find(), late])
    return found.length === 0 ? candidates : found
  } catch {
    // The resolver is the user's; while it fails, what it said before is all there is.
    return candidates
  } finally {
    clearTimeout(timer)
  }
}

async function probe (endpoint: Endpoint, address: Address, { timeoutMs, prepare }: SearchOptions): Promise<Seen> {
  const session: Session = await openSession({
    endpoint,
    address,
    connectTimeoutMs: timeoutMs,
    statementTimeoutMs: timeoutMs,
    prepare,
    clock: { tick: 0 },
    admission: new PreparedAdmission(),
    onDead: ignore,
  })
  const timer = setTimeout(() => { session.expire() }, timeoutMs)
  try {
    const { look } = await prepareLook(session)
    const { rows } = await session.query(look.statement)
    return readLook(look, rows[0] ?? [], session.onStandby)
  } finally {
    clearTimeout(timer)
    session.close()
  }
}

function codeOf (failure: unknown): string {
  return failure instanceof Error && 'code' in failure ? String(failure.code) : 'UNKNOWN'
}

function ignore (): void {}
