// What the program shows, as a table: what is promised, what was found, met or not.

export interface Claim {
  readonly claim: string
  readonly found: string
  readonly met: boolean
  /**
   * `promise`: a breach fails the program. `figure`: a time on this machine; told, and failing only under `--strict`,
   * since a machine that is busy with other things says little.
   */
  readonly kind: 'promise' | 'figure'
}

export function tableOf (claims: readonly Claim[]): string {
  const widths = [Math.max(...claims.map(({ claim }) => claim.length)), Math.max(...claims.map(({ found }) => found.length))] as const
  return claims.map(({ claim, found, met }) => `${claim.padEnd(widths[0])}  ${found.padEnd(widths[1])}  ${met ? 'met' : 'NOT MET'}`).join('\n')
}

/** The process's exit code. */
export function verdictOf (claims: readonly Claim[], { strict }: { readonly strict: boolean }): 0 | 1 {
  return claims.every(({ met, kind }) => met || (kind === 'figure' && !strict)) ? 0 : 1
}
