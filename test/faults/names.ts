// Host names of this program: `db.<something>.test` resolve to what is set here, in place of the system's resolver.
// The plugin resolves names through `node:dns/promises`, whose exports follow what is set on the module's object.

import dns from 'node:dns/promises'
import { syncBuiltinESMExports } from 'node:module'

const addresses = new Map<string, readonly string[]>()
const SUFFIX = '.faults.test'
let installed = false

/** `[]`: the name is gone. */
export function setName (name: string, to: readonly string[]): string {
  install()
  addresses.set(name + SUFFIX, to)
  return name + SUFFIX
}

function install (): void {
  if (installed) return
  installed = true
  const system = dns.lookup
  const lookup = async (host: string, options: object): Promise<unknown> => {
    if (!host.endsWith(SUFFIX)) return await (system as (host: string, options: object) => Promise<unknown>)(host, options)
    const found = addresses.get(host) ?? []
    if (found.length === 0) throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: 'ENOTFOUND' })
    return found.map((address) => ({ address, family: 4 }))
  }
  ;(dns as { lookup: unknown }).lookup = lookup
  syncBuiltinESMExports()
}
