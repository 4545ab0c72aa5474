// The three regions of the demo: a cluster of the testing kit with the guestbook in it, unchanged, and the contender
// beside it behind an edge of its own.

import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { Instance, makeAppContext } from '../testing/app-instance.ts'
import { startCluster, type Cluster } from '../testing/cluster.ts'
import { Edge } from '../testing/edge.ts'
import { Link } from '../testing/link.ts'
import { placeOf, roundTripMs, roundTrips } from './regions.ts'
import { findContender, findGuestbook } from './requirements.ts'

const GREETINGS = ['What a view from here.', 'Passing through; the reads are quick.', 'Greetings across the ocean.'] as const

export interface DemoClusterOptions {
  /** The first is the primary's. */
  readonly regions: readonly string[]
  /** Ports of the entries by region; free ones where not given. */
  readonly ports?: Readonly<Record<string, number>>
  readonly progress: (text: string) => void
}

export class DemoCluster {
  readonly cluster: Cluster
  readonly regions: readonly string[]
  readonly primaryRegion: string
  /** In front of the contender. */
  readonly contenderEdge: Edge
  readonly #contenders: readonly Instance[]
  readonly #links: readonly Link[]
  #closing: Promise<void> | undefined

  private constructor (cluster: Cluster, beside: { edge: Edge, contenders: readonly Instance[], links: readonly Link[] }) {
    this.cluster = cluster
    this.regions = cluster.regions
    this.primaryRegion = cluster.primaryRegion
    this.contenderEdge = beside.edge
    this.#contenders = beside.contenders
    this.#links = beside.links
  }

  static async start ({ regions, ports, progress }: DemoClusterOptions): Promise<DemoCluster> {
    const guestbook = findGuestbook()
    const [primaryRegion = ''] = regions
    const env = { MULTI_REGION_KEY: randomBytes(32).toString('base64'), NODE_ENV: 'production' }
    progress(`PostgreSQL: a primary in ${primaryRegion}, standbys in ${regions.slice(1).join(' and ') || 'no other region'}; the guestbook in each`)
    const cluster = await startCluster({
      regions,
      primaryRegion,
      latency: roundTrips(regions),
      app: guestbook.server,
      appName: 'guestbook',
      env,
      links: 'everywhere',
      ...(ports !== undefined && { edge: { ports } }),
    })
    const beside = { edge: undefined as Edge | undefined, contenders: [] as Instance[], links: [] as Link[] }
    try {
      await cluster.query('primary', await readFile(guestbook.table, 'utf8'))
      await cluster.waitForReplay()
      progress('the same handler done query by query, for comparison')
      const edge = beside.edge = await Edge.start({ regions, app: 'contender', distanceMs: roundTripMs })
      await Promise.all(regions.map(async (region) => {
        const { databaseUrls } = cluster.region(region)
        const context = makeAppContext({ region, primaryRegion: cluster.primaryRegion, instance: `${region}-contender`, databaseUrls }, { appName: 'contender', env })
        const instance = new Instance(findContender(), context, (id) => edge.dropIdleConnections(id))
        beside.contenders.push(instance)
        await instance.start()
        const links = new Map<string, Link>()
        for (const from of regions) {
          if (from === region) continue
          const link = await Link.open({ from, to: region, purpose: 'http', target: { host: instance.host, port: instance.port }, roundTripMs: roundTripMs(from, region) })
          links.set(from, link)
          beside.links.push(link)
        }
        edge.addMachine({ id: instance.id, region, app: 'contender', host: instance.host, port: instance.port, via: (from) => links.get(from) })
      }))
      return new DemoCluster(cluster, { ...beside, edge })
    } catch (failure) {
      await closeAll(cluster, beside)
      throw failure
    }
  }

  /** A guestbook with a few entries that a person may read; what came before goes. Connections are warm afterwards. */
  async open (): Promise<void> {
    const { cluster, contenderEdge, regions } = this
    await Promise.all(regions.flatMap((region) => ['replay', 'per-query'].map(async (way) => {
      // The second time, statements are prepared.
      for (const message of ['first', 'second']) {
        await contenderEdge.inject({ region, method: 'POST', url: `/${way}/entries?queries=2`, payload: { author: 'Nobody', message } })
      }
    })))
    await cluster.query('primary', 'truncate entries')
    for (const [index, region] of regions.entries()) {
      const author = `A guest from ${placeOf(region)?.city ?? region}`
      await cluster.query('primary', `insert into entries (author, message, region) values ('${author}', '${GREETINGS[index % GREETINGS.length]}', '${region}')`)
    }
    await cluster.waitForReplay()
  }

  /** Ends everything and removes all data. Idempotent. */
  close (): Promise<void> {
    this.#closing ??= closeAll(this.cluster, { edge: this.contenderEdge, contenders: this.#contenders, links: this.#links })
    return this.#closing
  }
}

async function closeAll (cluster: Cluster, beside: { edge: Edge | undefined, contenders: readonly Instance[], links: readonly Link[] }): Promise<void> {
  await beside.edge?.close()
  await Promise.all(beside.contenders.map((instance) => instance.stop()))
  await Promise.all(beside.links.map((link) => link.close()))
  await cluster.close()
}
