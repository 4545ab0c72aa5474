// Which address of a host name everything goes to: one, until it fails.
//
// `<region>.<app>.internal` resolves to every member of a region. If each connection resolved anew, the monitor
// would look at one member and the pool read from another (FACTS 2.12).

import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { DriverFailure } from '../core/driver-failure.ts'
import type { Endpoint } from '../core/endpoint.ts'
import { connectFailure, type Address } from './dial.ts'

export type Resolve = (hostName: string) => Promise<readonly string[]>

const resolveHost: Resolve = async (hostName) => (await lookup(hostName, { all: true })).map((found) => found.address)

/** All addresses of an endpoint, in the resolver's order. @throws DriverFailure of kind `connect` */
export async function addressesOf (endpoint: Endpoint, options: { timeoutMs: number, resolve?: Resolve | undefined }): Promise<Address[]> {
  const { host, port } = endpoint
  if (host.startsWith('/') || isIP(host) !== 0) return [{ at: host, port, hostName: host }]
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => { reject(connectFailure('EAI_AGAIN')) }, options.timeoutMs)
  })
  try {
    const found = await Promise.race([(options.resolve ?? resolveHost)(host), late])
    if (found.length === 0) throw connectFailure('ENOTFOUND')
    return [...new Set(found)].map((at) => ({ at, port, hostName: host }))
  } catch (failure) {
    throw isDriverFailure(failure) ? failure : connectFailure((failure as NodeJS.ErrnoException).code ?? 'ENOTFOUND', failure)
  } finally {
    clearTimeout(timer)
  }
}

function isDriverFailure (failure: unknown): failure is DriverFailure {
  return failure instanceof Error && failure.name === 'DriverFailure'
}

export class AddressChoice {
  readonly #endpoint: Endpoint
  readonly #resolve: Resolve | undefined
  #chosen: Address | undefined
  #choosing: Promise<unknown> | undefined
  /** The one that failed last is tried last. */
  #failed: string | undefined

  constructor (endpoint: Endpoint, options: { resolve?: Resolve | undefined, first?: Address | undefined } = {}) {
    this.#endpoint = endpoint
    this.#resolve = options.resolve
    this.#chosen = options.first
  }

  get chosen (): Address | undefined { return this.#chosen }

  /** The present address has failed: the next attempt resolves the name again, and tries the others first. */
  giveUp (): void {
    this.#failed = this.#chosen?.at
    this.#chosen = undefined
  }

  /**
   * Runs `attempt` against the chosen address; without one, against each address in turn, until one succeeds and
   * is chosen. Attempts that come meanwhile wait for that, and share its failure.
   */
  async use<T> (timeoutMs: number, attempt: (address: Address, timeoutMs: number) => Promise<T>): Promise<T> {
    const startedAtMs = performance.now()
    if (this.#chosen === undefined && this.#choosing !== undefined) await this.#choosing
    if (this.#chosen !== undefined) return await attempt(this.#chosen, Math.max(1, timeoutMs - (performance.now() - startedAtMs)))
    const choosing = this.#choose(timeoutMs, attempt)
    this.#choosing = choosing
    // Those who wait read it from `#choosing`; nobody may.
    choosing.catch(ignore)
    try {
      return await choosing
    } finally {
      this.#choosing = undefined
    }
  }

  async #choose<T> (timeoutMs: number, attempt: (address: Address, timeoutMs: number) => Promise<T>): Promise<T> {
    const endsAtMs = performance.now() + timeoutMs
    const found = await addressesOf(this.#endpoint, { timeoutMs, resolve: this.#resolve })
    const addresses = [...found.filter((address) => address.at !== this.#failed), ...found.filter((address) => address.at === this.#failed)]
    let failure: unknown
    for (const [index, address] of addresses.entries()) {
      // One that swallows packets must leave time for the others.
      const shareMs = Math.max(1, (endsAtMs - performance.now()) / (addresses.length - index))
      try {
        const result = await attempt(address, shareMs)
        this.#chosen = address
        return result
      } catch (error) {
        failure = error
      }
    }
    throw failure
  }
}

function ignore (): void {}
