// One example, started in several regions of a test database of its own, with the replaying edge in front.

import './package-by-name.ts'
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import process from 'node:process'
import type { FastifyInstance } from 'fastify'
import type { Cluster } from '../../lib/testing/cluster.ts'
import { Edge, type InjectOptions, type InjectResponse } from '../../lib/testing/edge.ts'
import { createTestDatabase, type TestDatabase } from '../support/shared-cluster.ts'

export const REGIONS = ['fra', 'iad', 'nrt'] as const
export type RegionName = typeof REGIONS[number]
const PRIMARY_REGION = 'fra'
const TABLES = readFileSync(new URL('../../examples/schema.sql', import.meta.url), 'utf8')

interface Teardown { teardown (end: () => void | Promise<void>): void }

export interface RunningExample {
  readonly database: TestDatabase
  readonly edge: Edge
  readonly apps: Readonly<Record<RegionName, FastifyInstance>>
  /** As a client in that region, through the edge. */
  ask (region: RegionName, method: string, url: string, extra?: Pick<InjectOptions, 'payload' | 'headers'>): Promise<InjectResponse>
}

export interface ExampleOptions {
  /** @defaultValue ['fra', 'iad'] */
  readonly regions?: readonly RegionName[]
  /** Another export of the example than `buildApp`. */
  readonly build?: string
  /** SQL behind the tables. */
  readonly rows?: string
  readonly env?: (database: TestDatabase, region: RegionName) => Readonly<Record<string, string>>
}

/** The module of an example; by path, since its `Register` would become that of the tests if the compiler saw it. */
export async function loadExample<M> (name: string): Promise<M> {
  // What the module exports is what its test says.
  return await import(new URL(`../../examples/${name}.ts`, import.meta.url).href) as M
}

/** What the platform sets for an instance. */
export function platformEnv (database: TestDatabase, region: RegionName): Record<string, string> {
  return {
    DATABASE_URL: database.primaryUrl,
    DATABASE_REPLICA_URL: region === PRIMARY_REGION ? '' : database.replicaUrls[region],
    FLY_REGION: region,
    PRIMARY_REGION,
    MULTI_REGION_KEY: Buffer.alloc(32, 7).toString('base64'),
    NODE_ENV: 'test',
  }
}

/** Runs something under other variables: an example reads them when it is built. */
export async function withEnv<T> (env: Readonly<Record<string, string>>, run: () => Promise<T>): Promise<T> {
  const before = { ...process.env }
  Object.assign(process.env, env)
  try {
    return await run()
  } finally {
    for (const name of Object.keys(env)) {
      if (before[name] === undefined) delete process.env[name]
      else process.env[name] = before[name]
    }
  }
}

export async function startExample (t: Teardown, name: string, options: ExampleOptions = {}): Promise<RunningExample> {
  const { regions = ['fra', 'iad'], build = 'buildApp', rows = '', env } = options
  const example = await loadExample<Record<string, () => Promise<FastifyInstance>>>(name)
  const buildApp = example[build]
  if (buildApp === undefined) throw new Error(`examples/${name}.ts exports no ${build}`)
  const database = await createTestDatabase(t, `${TABLES}${rows}`)
  const edge = await Edge.start({ regions: REGIONS, app: 'app', distanceMs: () => 0 })
  t.teardown(async () => { await edge.close() })
  const apps: Partial<Record<RegionName, FastifyInstance>> = {}
  for (const region of regions) {
    const app = await withEnv({ ...platformEnv(database, region), ...env?.(database, region) }, buildApp)
    t.teardown(async () => { await app.close() })
    await app.listen({ port: 0, host: '127.0.0.1' })
    apps[region] = app
    edge.addMachine({ id: `${region}1`, region, app: 'app', host: '127.0.0.1', port: (app.server.address() as AddressInfo).port })
  }
  return {
    database,
    edge,
    // Every region that was asked for has been filled in.
    apps: apps as Record<RegionName, FastifyInstance>,
    ask: async (region, method, url, extra = {}) => await edge.inject({ region, method, url, ...extra }),
  }
}

export interface ListeningExample {
  /** Straight to the app, with no edge in front. */
  ask (method: string, path: string, body?: object): Promise<Response>
}

/** One instance of an example in a region of a cluster that its test may break. */
export async function listenIn (t: Teardown, { example, cluster, region, env }: { readonly example: string, readonly cluster: Cluster, readonly region: string, readonly env?: Readonly<Record<string, string>> }): Promise<ListeningExample> {
  const { buildApp } = await loadExample<{ buildApp: () => Promise<FastifyInstance> }>(example)
  const { primary, replica } = cluster.region(region).databaseUrls
  const app = await withEnv({ DATABASE_URL: primary, DATABASE_REPLICA_URL: replica, FLY_REGION: region, PRIMARY_REGION: cluster.primaryRegion, ...env }, buildApp)
  t.teardown(async () => { await app.close() })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  return {
    ask: async (method, path, body) => await fetch(`${url}${path}`, { method, ...(body !== undefined && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }) }),
  }
}

/** What a browser would send back. */
export function cookiesOf (answer: InjectResponse): Record<string, string> {
  return { cookie: (answer.headers['set-cookie'] ?? []).map((cookie) => cookie.split(';')[0]).join('; ') }
}

export const hopsOf = (answer: InjectResponse): (string | undefined)[] => answer.hops.map((hop) => hop.region)
