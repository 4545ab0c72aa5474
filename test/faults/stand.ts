// A cluster with the app in each region, its databases under host names that can be moved. Most faults share one
// stand; those that end in another primary have their own.

import type { FastifyInstance } from 'fastify'
import type { PluginOptions } from '../../lib/index.ts'
import { Instance, Link, startCluster, waitFor, type AppFactory, type Cluster, type ServerSettings } from '../../lib/testing/index.ts'
import { buildApp } from './app.ts'
import { setName } from './names.ts'
import { openPoolers, type Poolers } from './poolers.ts'
import { SQL } from './tables.ts'

export const REGIONS = ['fra', 'iad', 'nrt'] as const
export const PRIMARY = 'fra'

export interface StandOptions {
  /** Where a primary is looked for: at one address, or among all members by their role. */
  readonly primaries: 'one-address' | 'every-member'
  /** Regions whose standbys a commit waits for. */
  readonly synchronous?: readonly string[]
  readonly plugin?: Partial<PluginOptions>
  /** The apps connect as this role instead of the superuser. */
  readonly user?: string
  /** Run on the primary before the apps start. */
  readonly sql?: string
  readonly postgres?: ServerSettings
  /** A pooler in transaction mode in front of each server. */
  readonly pooler?: true
  /** Run each instance as a process of its own. */
  readonly processes?: boolean
}

export interface Stand {
  readonly cluster: Cluster
  /** Those inside this process, by region; another one after a restart. */
  readonly apps: ReadonlyMap<string, FastifyInstance>
  readonly instances: ReadonlyMap<string, Instance>
  /** Requests from one region's edge to another's app. */
  httpLink (from: string, to: string): Link
  readonly pooler: Poolers['kind'] | undefined
  /** The port of a region's own server: tells who answered. */
  port (region: string): number
  /** What the app of this region is configured with. */
  database (region: string): { primary: string | string[], replica: string }
  close (): Promise<void>
}

const LATENCY = { 'fra-iad': 10, 'fra-nrt': 16, 'iad-nrt': 12 }

let stands = 0

export async function openStand (options: StandOptions): Promise<Stand> {
  const number = ++stands
  const cluster = await startCluster({
    regions: REGIONS,
    primaryRegion: PRIMARY,
    latency: LATENCY,
    links: 'everywhere',
    ...(options.postgres !== undefined && { postgres: options.postgres }),
    edge: { idleTimeoutMs: 8_000, unreachableAfterMs: 2_000 },
  })
  const apps = new Map<string, FastifyInstance>()
  const instances = new Map<string, Instance>()
  const httpLinks = new Map<string, Link>()

  const ways = options.pooler === undefined
    ? undefined
    : await openPoolers([...new Set(REGIONS.flatMap((region) => [cluster.region(region).databaseUrls.replica, cluster.region(region).databaseUrls.primary]))])
  const named = (url: string, name: string): string => {
    const changed = new URL(ways?.through(url) ?? url)
    changed.hostname = setName(name, [changed.hostname])
    if (options.user !== undefined) changed.username = options.user
    return changed.href
  }
  const database = (region: string): { primary: string | string[], replica: string } => {
    const urls = cluster.region(region).databaseUrls
    const primary = options.primaries === 'one-address'
      ? named(urls.primary, `primary-${number}`)
      : REGIONS.map((to) => named(cluster.databaseUrl({ from: region, to }), `${to}-${number}`))
    return { primary, replica: named(urls.replica, `${region}-${number}`) }
  }

  const stand: Stand = {
    cluster,
    apps,
    instances,
    database,
    pooler: ways?.kind,
    port: (region) => cluster.server(region).port,
    httpLink (from, to) {
      const link = httpLinks.get(`${from}>${to}`)
      if (link === undefined) throw new Error(`no link from ${from} to ${to}`)
      return link
    },
    async close () {
      await Promise.all([...instances.values()].map(async (instance) => { await instance.stop('kill') }))
      await Promise.all([...httpLinks.values()].map(async (link) => { await link.close() }))
      await ways?.close()
      await cluster.close()
    },
  }

  try {
    await cluster.query('primary', SQL)
    if (options.sql !== undefined) await cluster.query('primary', options.sql)
    await cluster.waitForReplay()
    if (options.synchronous !== undefined) await cluster.setSynchronous(options.synchronous)
    await Promise.all(REGIONS.map(async (region) => {
      const inside: AppFactory = async () => {
        const app = await buildApp({ region, primaryRegion: PRIMARY, database: database(region), plugin: options.plugin })
        apps.set(region, app)
        return app
      }
      const databaseUrls = cluster.region(region).databaseUrls
      const env = { FAULTS_REGION: region, FAULTS_PRIMARY: PRIMARY, FAULTS_DATABASE: JSON.stringify(plain(databaseUrls)), FAULTS_PLUGIN: JSON.stringify(options.plugin ?? {}) }
      const context = { region, primaryRegion: PRIMARY, instance: `${region}1`, databaseUrls, env }
      const instance = new Instance(options.processes === true ? new URL('app-process.ts', import.meta.url) : inside, context, (id) => { cluster.edge.dropIdleConnections(id) })
      instances.set(region, instance)
      await instance.start()
      for (const from of REGIONS) {
        if (from === region) continue
        httpLinks.set(`${from}>${region}`, await Link.open({ from, to: region, purpose: 'http', target: { host: instance.host, port: instance.port }, roundTripMs: cluster.distanceMs(from, region) }))
      }
      cluster.edge.addMachine({ id: instance.id, region, app: 'app', host: instance.host, port: instance.port, via: (from) => httpLinks.get(`${from}>${region}`) })
    }))
    await settled(stand)
    return stand
  } catch (failure) {
    await stand.close()
    throw failure
  }
}

const plain = ({ primary, replica }: { primary: string, replica: string }): { primary: string, replica: string } => ({ primary, replica })

/** Until each region reads from its own server and writes are taken from everywhere. */
export async function settled (stand: Stand): Promise<void> {
  for (const region of REGIONS) {
    await waitFor(`${region} to read locally and to write`, async () => {
      const read = await stand.cluster.edge.inject({ region, url: '/read', timeoutMs: 3_000 })
      if (read.statusCode !== 200 || read.json<{ port: number }>().port !== stand.port(region)) return false
      return (await stand.cluster.edge.inject({ region, method: 'POST', url: '/write', payload: { id: 'settling' }, timeoutMs: 3_000 })).statusCode === 200
    }, { withinMs: 15_000 })
  }
}
