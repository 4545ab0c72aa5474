// Set-ups that work, and are seldom meant: said once at start, with the setting to change.

import type { ResolvedPool } from '../core/options.ts'
import type { TargetFacts } from '../core/server-facts.ts'

export interface StartUpWarning {
  readonly endpoint: 'local' | 'primary'
  readonly reason: 'primary-is-standby' | 'untrusted-replica' | 'foreign-replica' | 'pool-too-large' | 'pooler' | 'no-positions' | 'several-members' | 'replica-is-primary'
  readonly message: string
}

interface Setting {
  readonly pool: ResolvedPool
  readonly database: { readonly replica: unknown }
  readonly region?: string | undefined
  readonly primaryRegion?: string | undefined
}

interface Found {
  readonly local: TargetFacts
  readonly primary: TargetFacts
  readonly shared: boolean
}

/** Connections of this process beside its pool: the monitor's. */
const OWN_CONNECTIONS = 1

export function startUpWarnings (found: Found, { pool, database, region, primaryRegion }: Setting): StartUpWarning[] {
  const { local, primary, shared } = found
  const warnings: StartUpWarning[] = []
  const warn = (endpoint: 'local' | 'primary', reason: StartUpWarning['reason'], message: string): void => { warnings.push({ endpoint, reason, message }) }

  if (shared && database.replica !== undefined && primary.role === 'primary' && region !== primaryRegion) warn('local', 'replica-is-primary', `the replica of region ${region ?? '?'} is the primary itself, so every read travels to it; point \`database.replica\` (DATABASE_REPLICA_URL) at the standby of this region`)
  if (primary.role === 'standby') warn('primary', 'primary-is-standby', 'the configured primary is a standby: writes will fail until it is promoted or found elsewhere; check `database.primary` (DATABASE_URL)')
  if (local.fenced === 'unproven-promotion') warn('local', 'untrusted-replica', 'the configured replica is out of recovery and was never seen on a newer timeline: it is not written; set `trustPromotedReplica` if it was promoted')
  if (local.fenced === 'foreign-system') warn('local', 'foreign-replica', 'the configured replica belongs to another system than the primary (a logical subscriber?): it is read only, and only `token.mode: \'time\'` can say how old its data is')
  for (const [facts, max] of shared ? [[local, pool.max]] as const : [[local, pool.max], [primary, pool.primaryMax]] as const) {
    const { settings, name } = facts
    if (settings?.maxConnections !== undefined) {
      const free = settings.maxConnections - (settings.reservedConnections ?? 0)
      if (max + OWN_CONNECTIONS > free) warn(name, 'pool-too-large', `the pool may open ${max} connections and the monitor one, and the server allows ${free}; lower \`${name === 'local' ? 'pool.max' : 'pool.primaryMax'}\` or raise max_connections`)
    }
    if (settings?.pooler === 'between' && pool.prepare) warn(name, 'pooler', 'a connection pooler stands before this server; if it works in transaction mode set `pool.prepare: false`')
    if (facts.positions === 'none' && facts.up === true && !shared) warn(name, 'no-positions', 'this server tells no log positions; sessions are kept consistent by time (`token.mode: \'time\'`)')
    if (facts.members === 'several') warn(name, 'several-members', 'several servers answer behind one address; positions are looked at anew for each read')
  }
  return warnings
}
