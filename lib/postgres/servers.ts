// The two targets of this region, local and primary, and which of them may be written.
//
// Each has a server of its own, with its own monitor. While both monitors see one and the same server (its start
// and its system tell, not its name), both targets lead to the local one's pool; they part when they see two. That
// is what lets the app follow a failover: after a promotion here `local` is written, after one elsewhere the search
// finds where.
//
// The monitors feed this object; every change makes new facts, which everybody else reads.

import { isIP } from 'node:net'
import type { Endpoint } from '../core/endpoint.ts'
import { DatabaseUnreachableError, TopologyInvalidError } from '../core/errors.ts'
import type { ResolvedClientOptions } from '../core/options.ts'
import type { TargetFacts } from '../core/server-facts.ts'
import { decideRoles, type RoleDecision, type RoleView } from '../core/server-roles.ts'
import type { Resolve } from './address.ts'
import { startUpWarnings } from './boot-warnings.ts'
import { LsnWaiter } from './lsn-waiter.ts'
import { PrimarySampler } from './primary-sampler.ts'
import { pickPrimary, searchPrimary, type Rejected } from './primary-search.ts'
import { Server, type ServerOptions } from './server.ts'
import { Target } from './target.ts'

export interface ServersFacts {
  readonly local: TargetFacts
  readonly primary: TargetFacts
  /** One server behind both names: they share a pool. */
  readonly shared: boolean
  /** Where a write may go; `none`: split brain, fenced, or no primary known. */
  readonly writeTo: 'local' | 'primary' | 'none'
  /** `equal-timeline`: nobody is written. `older-timeline`: the newer one is. */
  readonly splitBrain: 'none' | 'equal-timeline' | 'older-timeline'
}

/** What pino's loggers have in common. */
export interface Log {
  debug (fields: object, message: string): void
  info (fields: object, message: string): void
  warn (fields: object, message: string): void
  error (fields: object, message: string): void
}

export type ServersOptions = Pick<ResolvedClientOptions,
  'database' | 'pool' | 'trustPromotedReplica' | 'connectTimeoutMs' | 'statementTimeoutMs' | 'closeTimeoutMs' | 'health'> & Partial<Pick<ResolvedClientOptions, 'region' | 'primaryRegion'>>

export interface ServersParts {
  readonly log: Log
  readonly signal?: AbortSignal | undefined
  /** Name resolution. @defaultValue the system's */
  readonly resolve?: Resolve | undefined
}

/** How often, in intervals of the monitor, the other candidates are asked although the primary is there. */
const PATROL_INTERVALS = 10

/** Of the far connections, for requests that came back from a replay that failed: the others' direct writes go on. */
const FAR_BORROWED_SHARE = 1 / 2

export class Servers {
  readonly local: Target
  readonly primary: Target
  /** Waits until the local server has applied a position. */
  readonly waiter: LsnWaiter
  /** Where the primary was, for reads of bounded staleness. */
  readonly sampler: PrimarySampler
  /** Replaced on change; one field read. */
  facts: ServersFacts
  readonly #options: ServersOptions
  readonly #parts: ServersParts
  readonly #localServer: Server
  readonly #primaryServer: Server
  readonly #listeners = new Set<(facts: ServersFacts) => void>()
  #candidates: readonly Endpoint[]
  /** The database's own identifier, once the primary has told it: a search must not end at another database. */
  #system: string | undefined
  #roles: RoleDecision | undefined
  #confirming: 'no' | 'looking' | 'confirmed' = 'no'
  #searching: Promise<void> | undefined
  #epochs = 0
  #searchedAtMs = Number.NEGATIVE_INFINITY
  readonly #openedAtMs = performance.now()
  #closing: Promise<void> | undefined

  private constructor (options: ServersOptions, parts: ServersParts, primary: Pick<ServerOptions, 'endpoint' | 'address'>) {
    this.#options = options
    this.#parts = parts
    this.#candidates = options.database.primary
    const { replica } = options.database
    this.#primaryServer = this.#makeServer(primary, replica === undefined ? options.pool : { ...options.pool, max: options.pool.primaryMax, borrowedShare: FAR_BORROWED_SHARE })
    this.#localServer = replica === undefined ? this.#primaryServer : this.#makeServer({ endpoint: replica }, options.pool)
    this.local = new Target('local', this.#localServer)
    this.primary = new Target('primary', this.#primaryServer)
    this.waiter = new LsnWaiter(this.local, () => performance.now())
    this.sampler = new PrimarySampler(() => this.local.facts.writable ? this.local : this.primary, () => performance.now())
    this.facts = Object.freeze({ local: this.local.facts, primary: this.primary.facts, shared: false, writeTo: 'none', splitBrain: 'none' } as const)
  }

  /**
   * Looks at all servers at once, within `connectTimeoutMs`; one that answers is enough.
   * @throws FST_MR_DATABASE_UNREACHABLE, FST_MR_TOPOLOGY_INVALID
   */
  static async open (options: ServersOptions, parts: ServersParts): Promise<Servers> {
    const { primary, findPrimary } = options.database
    const [only] = primary
    let rejected: readonly Rejected[] = []
    let start: Pick<ServerOptions, 'endpoint' | 'address'> | undefined = findPrimary === undefined && primary.length === 1 && only !== undefined ? { endpoint: only } : undefined
    if (start === undefined) {
      const result = await searchPrimary({ candidates: primary, find: findPrimary, resolve: parts.resolve, prepare: options.pool.prepare, timeoutMs: options.connectTimeoutMs })
      rejected = result.rejected
      const [first] = result.endpoints
      start = pickPrimary(result.found) ?? result.found[0] ?? (first === undefined ? undefined : { endpoint: first })
      if (start === undefined) throw new TopologyInvalidError('`database.primary` found no endpoint at all.')
    }
    const servers = new Servers(options, parts, { endpoint: start.endpoint, address: start.address })
    try {
      await servers.#boot(rejected)
      return servers
    } catch (failure) {
      await servers.close(0)
      throw failure
    }
  }

  /** Called after the facts were replaced; returns what ends it. */
  onChange (listener: (facts: ServersFacts) => void): () => void {
    this.#listeners.add(listener)
    return () => { this.#listeners.delete(listener) }
  }

  /** Idempotent, bounded by `timeoutMs`. */
  close (timeoutMs = this.#options.closeTimeoutMs): Promise<void> {
    this.#closing ??= this.#close(timeoutMs)
    return this.#closing
  }

  async #close (timeoutMs: number): Promise<void> {
    this.#listeners.clear()
    this.waiter.close()
    this.sampler.close()
    await Promise.all([this.#localServer.close(timeoutMs), this.#primaryServer.close(timeoutMs)])
  }

  get #oneEndpoint (): boolean { return this.#localServer === this.#primaryServer }

  async #boot (rejected: readonly Rejected[]): Promise<void> {
    const { log, signal } = this.#parts
    signal?.throwIfAborted()
    const servers = this.#oneEndpoint ? [this.#primaryServer] : [this.#localServer, this.#primaryServer]
    await within(this.#options.connectTimeoutMs, Promise.all(servers.map(async (server) => { await server.look() })))
    signal?.throwIfAborted()
    if (servers.every((server) => server.snapshot.state.up !== true)) {
      const tried = servers.map((server) => `- ${server.endpoint.name}: ${server.snapshot.lastFailure?.code ?? 'no answer'}`)
      throw new DatabaseUnreachableError(this.#options.connectTimeoutMs, [...tried, ...rejected.map(({ endpoint, code }) => `- ${endpoint}: ${code}`)].join('\n'))
    }
    if (this.#confirming === 'looking') await within(this.#options.connectTimeoutMs, Promise.all(servers.map(async (server) => { await server.look() })))
    this.#refuseAtBoot()
    for (const { message, ...fields } of startUpWarnings(this.facts, this.#options)) log.warn(fields, message)
    for (const server of servers) {
      if (server.snapshot.state.up !== true) log.warn({ endpoint: server.endpoint.name, code: server.snapshot.lastFailure?.code }, 'database endpoint cannot be reached; starting without it')
    }
  }

  /** What is harmless in no reading of it: two servers that would both take writes. */
  #refuseAtBoot (): void {
    const { local } = this.facts
    if (this.facts.splitBrain === 'equal-timeline') {
      throw new TopologyInvalidError('The configured replica and the configured primary are both out of recovery, with the same system identifier and timeline: one of them is a copy of the other (a clone or a branch), and no write would be safe. Point `database.replica` at a standby, or leave it out.')
    }
    if (this.facts.splitBrain === 'older-timeline' && local.fenced === 'older-timeline') {
      throw new TopologyInvalidError('The configured replica is out of recovery on an older timeline than the primary: it left replication, and its data no longer moves. Rebuild it as a standby, or leave `database.replica` out.')
    }
  }

  #makeServer (place: Pick<ServerOptions, 'endpoint' | 'address'>, pool: ServersOptions['pool']): Server {
    const { connectTimeoutMs, statementTimeoutMs, health } = this.#options
    return new Server({
      ...place,
      resolve: this.#parts.resolve,
      pool,
      connectTimeoutMs,
      statementTimeoutMs,
      intervalMs: health.intervalMs,
      limits: { failures: health.failures, cooldownMs: health.cooldownMs },
      nowMs: () => performance.now(),
      random: Math.random,
      nextEpoch: () => ++this.#epochs,
      onChange: () => { this.#changed() },
    })
  }

  #changed (): void {
    if (this.#closing !== undefined || this.local === undefined || this.primary === undefined) return
    const primary = this.#primaryServer.snapshot
    if (primary.state.role === 'primary' && this.#system === undefined) this.#system = primary.fingerprint.system
    const decided = decideRoles({
      local: viewOf(this.#localServer),
      primary: viewOf(this.#primaryServer),
      oneEndpoint: this.#oneEndpoint,
      trustPromotedReplica: this.#options.trustPromotedReplica,
    })
    const roles = this.#withDoubt(decided)
    const before = this.facts
    this.#roles = roles
    this.local.update(this.#localServer, roles.localFence, roles.writeTo !== 'none' && (roles.shared || roles.writeTo === 'local'))
    this.primary.update(roles.shared ? this.#sharedServer() : this.#primaryServer, roles.primaryFence, roles.writeTo !== 'none' && (roles.shared || roles.writeTo === 'primary'))
    this.facts = Object.freeze({ local: this.local.facts, primary: this.primary.facts, shared: roles.shared, writeTo: roles.writeTo, splitBrain: roles.splitBrain })
    this.#logChanges(before)
    if (this.#misses()) this.#search('missing')
    else if (this.#isPatrolDue()) this.#search('patrol')
    this.waiter.factsChanged()
    for (const listener of this.#listeners) listener(this.facts)
  }

  /** Of two ways to one server the one that works; the local way where both do. */
  #sharedServer (): Server {
    return this.#localServer.snapshot.state.breaker !== 'closed' ? this.#primaryServer : this.#localServer
  }

  /**
   * Two samples are not taken at one moment: one server that restarts between them looks like two of equal
   * timelines. So split brain is believed only after a further look at both.
   */
  #withDoubt (decided: RoleDecision): RoleDecision {
    if (decided.splitBrain !== 'equal-timeline') {
      this.#confirming = 'no'
      return decided
    }
    if (this.#confirming === 'no') {
      this.#confirming = 'looking'
      Promise.all([this.#localServer.look(), this.#primaryServer.look()]).then(() => {
        if (this.#confirming === 'looking') this.#confirming = 'confirmed'
        this.#changed()
      }).catch(ignore)
    }
    return this.#confirming === 'confirmed' || this.#roles === undefined ? decided : this.#roles
  }

  /** Is there no server to write, where a search might find one? */
  #misses (): boolean {
    const { local, primary, splitBrain } = this.facts
    if (splitBrain === 'equal-timeline' || local.writable) return false
    if (this.#options.database.findPrimary === undefined && this.#candidates.length < 2 && isFixed(this.#candidates[0])) return false
    return primary.role === 'standby' || primary.breaker !== 'closed'
  }

  /**
   * An old primary does not notice that it was replaced: somebody must ask the others. A replica on a newer timeline
   * than the primary's says that there is another one now.
   */
  #isPatrolDue (): boolean {
    if (this.#options.database.findPrimary === undefined && this.#candidates.length < 2) return false
    const { local, primary, splitBrain } = this.facts
    if (primary.role !== 'primary' || splitBrain !== 'none' || primary.system === undefined) return false
    if (local.role === 'standby' && local.system === primary.system && (local.timeline ?? 0) > (primary.timeline ?? Number.POSITIVE_INFINITY)) return true
    return performance.now() - Math.max(this.#openedAtMs, this.#searchedAtMs) >= PATROL_INTERVALS * this.#options.health.intervalMs
  }

  #search (why: 'missing' | 'patrol'): void {
    const { database, pool, connectTimeoutMs, health } = this.#options
    const nowMs = performance.now()
    if (this.#searching !== undefined || this.#closing !== undefined || nowMs - this.#searchedAtMs < health.intervalMs) return
    this.#searchedAtMs = nowMs
    this.#searching = searchPrimary({ candidates: this.#candidates, find: database.findPrimary, resolve: this.#parts.resolve, prepare: pool.prepare, timeoutMs: connectTimeoutMs })
      .then(({ found, endpoints }) => {
        this.#candidates = endpoints.length === 0 ? this.#candidates : endpoints
        const picked = pickPrimary(found, this.#system)
        if (picked === undefined || this.#closing !== undefined || (why === 'missing' && !this.#misses())) return
        // The same server, back again: its own monitor will see that.
        if (picked.endpoint === this.#primaryServer.endpoint && picked.address.at === this.#primaryServer.address?.at) return
        const known = this.#primaryServer.snapshot
        // A server on an older timeline than the primary had is one that lost a failover.
        if (known.state.role === 'primary' && known.timeline !== undefined && (picked.seen.timeline ?? 0) < known.timeline) return
        if (why === 'patrol' && !(known.timeline !== undefined && (picked.seen.timeline ?? 0) > known.timeline)) return
        this.#parts.log.info({ endpoint: picked.endpoint.name }, 'primary found at another place')
        this.#primaryServer.retarget(picked.endpoint, picked.address)
      })
      .catch(ignore)
      .finally(() => { this.#searching = undefined })
  }

  #logChanges (before: ServersFacts): void {
    const { log } = this.#parts
    for (const name of ['local', 'primary'] as const) {
      const was = before[name]
      const is = this.facts[name]
      if (was.role !== is.role) log.info({ endpoint: name, role: is.role, was: was.role, timeline: is.timeline }, 'database role changed')
      if (was.breaker !== is.breaker && is.breaker !== 'half-open') {
        if (is.breaker === 'open') log.warn({ endpoint: name, role: is.role }, 'database endpoint is down')
        else if (was.breaker !== 'closed') log.info({ endpoint: name, role: is.role }, 'database endpoint is up')
      }
      if (was.fenced !== is.fenced) {
        if (is.fenced === undefined) log.info({ endpoint: name }, 'database endpoint may be used again')
        else log.warn({ endpoint: name, reason: is.fenced }, 'database endpoint is not written')
      }
    }
    if (before.splitBrain !== this.facts.splitBrain && this.facts.splitBrain !== 'none') log.error({ reason: this.facts.splitBrain }, 'split brain: two servers are out of recovery')
  }
}

function viewOf (server: Server): RoleView {
  const { state, fingerprint, timeline, standbyTimeline } = server.snapshot
  return { role: state.role, up: state.up, fingerprint, timeline, standbyTimeline }
}

/** An address or a socket: there is nowhere else to look. */
function isFixed (endpoint: Endpoint | undefined): boolean {
  return endpoint === undefined || endpoint.host.startsWith('/') || isIP(endpoint.host) !== 0
}

async function within (timeoutMs: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => { timer = setTimeout(resolve, timeoutMs) })
  await Promise.race([work, late])
  clearTimeout(timer)
}

function ignore (): void {}
