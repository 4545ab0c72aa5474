// Region codes: where am I, and where is the primary. Both are configuration; neither proves what a server is.

/** Codes travel in the `fly-replay` header and in host names, so nothing but letters, digits and hyphens is let in. */
const CODE = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/** The code in lower case, or undefined when the text cannot be one. */
export function parseRegion (text: string): string | undefined {
  const code = text.trim().toLowerCase()
  return CODE.test(code) ? code : undefined
}

/** `single`: no regions are configured, one database serves all. */
export type Place = 'single' | 'primary' | 'secondary'

export interface Topology {
  /** Region of this process. */
  readonly region: string | undefined
  /** Region where the primary is configured to be: the target of replays, no proof of a role. */
  readonly primaryRegion: string | undefined
}

/** Where this process stands by its configuration. */
export function placeOf (topology: Topology): Place {
  if (topology.region === undefined || topology.primaryRegion === undefined) return 'single'
  return topology.region === topology.primaryRegion ? 'primary' : 'secondary'
}
