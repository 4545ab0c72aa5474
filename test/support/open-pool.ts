// A pool on a test database, closed with the test; what tests of the driver and the pool begin with.

import { parseEndpoint } from '../../lib/core/endpoint.ts'
import { openSession, type SessionOptions } from '../../lib/postgres/driver.ts'
import { Pool, type PoolOptions } from '../../lib/postgres/pool.ts'

interface Teardown {
  teardown (end: () => void | Promise<void>): void
}

export type TestPoolOptions = Partial<Omit<PoolOptions, 'open'> & Pick<SessionOptions, 'connectTimeoutMs' | 'statementTimeoutMs' | 'prepare'>> & { readonly applicationName?: string }

export function openPool (t: Teardown, url: string, options: TestPoolOptions = {}): Pool {
  const { connectTimeoutMs = 5_000, statementTimeoutMs = 15_000, prepare = true, applicationName, ...pool } = options
  const base = parseEndpoint(url, 'primary')
  const endpoint = applicationName === undefined ? base : Object.freeze({ ...base, password: base.password, parameters: { ...base.parameters, application_name: applicationName } })
  const opened = new Pool({
    max: 10,
    queueSize: 1_000,
    queueTimeoutMs: 2_000,
    idleTimeoutMs: 60_000,
    borrowedShare: 1 / 3,
    ...pool,
    open: async (parts) => await openSession({ endpoint, address: { at: endpoint.host, port: endpoint.port, hostName: endpoint.host }, connectTimeoutMs, statementTimeoutMs, prepare, ...parts }),
  })
  t.teardown(async () => { await opened.close(500) })
  return opened
}
