// One app in three regions, inside the test's process: instances on real sockets over a test database of its own,
// with the replaying edge in front of them.

import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import multiRegion, { type PluginOptions } from '../../lib/index.ts'
import { Edge, type InjectResponse } from '../../lib/testing/edge.ts'
import { createTestDatabase, type TestDatabase } from '../support/shared-cluster.ts'

export const REGIONS = ['fra', 'iad', 'nrt'] as const
export type RegionName = typeof REGIONS[number]
export const PRIMARY_REGION = 'fra'

export const NOTES = 'create table note (id serial primary key, text text not null); insert into note (text) values (\'first\')'

interface Teardown { teardown (end: () => void | Promise<void>): void }

export interface AppInRegions {
  readonly database: TestDatabase
  readonly edge: Edge
  readonly apps: Readonly<Record<RegionName, FastifyInstance>>
  /** What the instances logged, as objects. */
  readonly logs: LogLine[]
  /** Through the edge. */
  ask (region: RegionName, method: string, url: string, extra?: { payload?: string | Buffer | object, headers?: Record<string, string> }): Promise<InjectResponse>
  /** Straight to an instance, as a neighbour on the private network would. */
  url (region: RegionName): string
  notes (): Promise<string[]>
}

export interface LogLine { readonly level: number, readonly msg: string, readonly region: RegionName, readonly [key: string]: unknown }

export interface AppOptions {
  readonly build: (app: FastifyInstance, region: RegionName) => void | Promise<void>
  /** Before the plugin. */
  readonly before?: (app: FastifyInstance, region: RegionName) => void | Promise<void>
  readonly plugin?: Partial<PluginOptions>
  readonly fastify?: FastifyServerOptions
  readonly regions?: readonly RegionName[]
  /** Instead of registering the plugin under its usual options. */
  readonly register?: (app: FastifyInstance, region: RegionName, options: PluginOptions) => void | Promise<void>
}

/** The options of a region: the delay-free primary, its own replica, and Fly's way to replay. */
export function optionsFor (database: TestDatabase, region: RegionName): PluginOptions {
  return {
    database: { primary: database.primaryUrl, ...(region === PRIMARY_REGION ? {} : { replica: database.replicaUrls[region] }) },
    region,
    primaryRegion: PRIMARY_REGION,
    replay: 'fly',
    pool: { max: 3, primaryMax: 2 },
  }
}

export async function startApp (t: Teardown, options: AppOptions): Promise<AppInRegions> {
  const database = await createTestDatabase(t, NOTES)
  const regions = options.regions ?? ['fra', 'iad']
  const edge = await Edge.start({ regions: REGIONS, app: 'app', distanceMs: () => 0 })
  t.teardown(async () => { await edge.close() })
  const logs: LogLine[] = []
  const apps: Partial<Record<RegionName, FastifyInstance>> = {}
  for (const region of regions) {
    const stream = { write: (line: string) => { logs.push({ ...(JSON.parse(line) as LogLine), region }) } }
    const app = Fastify({ logger: { level: 'debug', stream }, ...options.fastify })
    t.teardown(async () => { await app.close() })
    await options.before?.(app, region)
    const settings = { ...optionsFor(database, region), ...options.plugin }
    if (options.register === undefined) await app.register(multiRegion, settings)
    else await options.register(app, region, settings)
    await options.build(app, region)
    await app.listen({ port: 0, host: '127.0.0.1' })
    apps[region] = app
    edge.addMachine({ id: `${region}1`, region, app: 'app', host: '127.0.0.1', port: portOf(app) })
  }
  return {
    database,
    edge,
    // Every region that was asked for has been filled in above.
    apps: apps as Record<RegionName, FastifyInstance>,
    logs,
    ask: async (region, method, url, extra = {}) => await edge.inject({ region, method, url, ...extra }),
    url (region) {
      const app = apps[region]
      if (app === undefined) throw new Error(`no app runs in ${region}`)
      return `http://127.0.0.1:${portOf(app)}`
    },
    notes: async () => (await database.exec('select text from note order by id')).map((row) => String(row['text'])),
  }
}

const portOf = (app: FastifyInstance): number => (app.server.address() as AddressInfo).port
