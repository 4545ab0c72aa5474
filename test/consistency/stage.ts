// Three regions: real servers for the whole program, and for each part of it apps and an edge of their own.

import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { PluginOptions } from '../../lib/index.ts'
import { Edge } from '../../lib/testing/edge.ts'
import { startCluster, type Cluster } from '../../lib/testing/index.ts'
import { buildRegisterApp, REGISTER_TABLES } from './register-app.ts'

export const REGIONS = ['fra', 'iad', 'nrt'] as const
export const PRIMARY_REGION = 'fra'
export const DATABASE = 'registers'

export interface StageOptions {
  /** Round trip between regions. */
  readonly latencyMs: number
  readonly registers: number
  /** `durable`: on the disk, and flushed to it at each commit, as a database is that matters. @defaultValue 'fast' */
  readonly storage?: 'fast' | 'durable'
}

export class Stage {
  readonly cluster: Cluster
  readonly keys: readonly string[]

  private constructor (cluster: Cluster, keys: readonly string[]) {
    this.cluster = cluster
    this.keys = keys
  }

  static async open ({ latencyMs, registers, storage = 'fast' }: StageOptions): Promise<Stage> {
    const cluster = await startCluster({ regions: REGIONS, primaryRegion: PRIMARY_REGION, database: DATABASE, latency: latencyMs, edge: 'off', ...(storage === 'durable' && { storage: 'disk', postgres: { fsync: true } }) })
    try {
      await cluster.query('primary', `${REGISTER_TABLES}; create extension pg_walinspect; insert into register (key, version, writer) select 'r' || n, 0, 'seed' from generate_series(1, ${registers}) n; create table tick (n int)`)
      await cluster.waitForReplay()
    } catch (failure) {
      await cluster.close()
      throw failure
    }
    return new Stage(cluster, Array.from({ length: registers }, (_, index) => `r${index + 1}`))
  }

  /** The plugin's options in a region, as the app of this program has them. */
  plugin (region: string, more: Partial<PluginOptions> = {}): PluginOptions {
    return {
      database: {
        // By role: the one of them that can be written.
        primary: REGIONS.map((to) => this.cluster.databaseUrl({ from: region, to })),
        replica: this.cluster.databaseUrl({ from: region, to: region }),
      },
      region,
      primaryRegion: PRIMARY_REGION,
      replay: 'fly',
      pool: { max: 8, primaryMax: 6 },
      connectTimeout: 2_000,
      statementTimeout: 4_000,
      closeTimeout: 2_000,
      health: { interval: 100, failures: 2, cooldown: 200 },
      hints: 'off',
      ...more,
    }
  }

  async startApps (more: Partial<PluginOptions>): Promise<Apps> {
    return await Apps.start(this, more)
  }

  async close (): Promise<void> { await this.cluster.close() }
}

/** An app in each region, with the edge in front. */
export class Apps {
  readonly edge: Edge
  readonly apps = new Map<string, FastifyInstance>()

  private constructor (edge: Edge) {
    this.edge = edge
  }

  static async start (stage: Stage, more: Partial<PluginOptions>): Promise<Apps> {
    const edge = await Edge.start({ regions: REGIONS, app: 'registers', distanceMs: () => 1 })
    const apps = new Apps(edge)
    try {
      await Promise.all(REGIONS.map(async (region) => {
        const app = await buildRegisterApp({ region, plugin: stage.plugin(region, more) })
        apps.apps.set(region, app)
        await app.listen({ port: 0, host: '127.0.0.1' })
        edge.addMachine({ id: `${region}1`, region, app: 'registers', host: '127.0.0.1', port: portOf(app) })
      }))
    } catch (failure) {
      await apps.close()
      throw failure
    }
    return apps
  }

  app (region: string): FastifyInstance {
    const app = this.apps.get(region)
    if (app === undefined) throw new Error(`no app runs in ${region}`)
    return app
  }

  /** Past the edge. */
  url (region: string): string { return `http://127.0.0.1:${portOf(this.app(region))}` }

  async close (): Promise<void> {
    await this.edge.close()
    await Promise.all([...this.apps.values()].map((app) => app.close()))
  }
}

const portOf = (app: FastifyInstance): number => (app.server.address() as AddressInfo).port // it listens on TCP
