// Clients of the region layer without Fastify: servers opened on a test database, and requests that can be replayed.

import { ReplayRequestedError } from '../../lib/core/errors.ts'
import { resolveClientOptions, type ClientOptions } from '../../lib/core/options.ts'
import { RequestState } from '../../lib/core/request-state.ts'
import type { CaptureReason } from '../../lib/core/route-decision.ts'
import { makeClient, type ClientFactory, type DatabaseClient } from '../../lib/postgres/client.ts'
import { Floor } from '../../lib/postgres/floor.ts'
import { openServers } from '../../lib/postgres/open-servers.ts'
import type { Commit, RoutedOperation, Scope } from '../../lib/postgres/scope.ts'
import type { Log, Servers } from '../../lib/postgres/servers.ts'

interface Teardown {
  teardown (end: () => void | Promise<void>): void
}

export interface TestRequest {
  readonly db: DatabaseClient
  readonly state: RequestState
  /** Why a replay was asked for, each time that the gate was asked. */
  readonly replays: CaptureReason[]
  readonly commits: Commit[]
  readonly routed: RoutedOperation[]
  readonly scope: Scope
}

export interface TestClients {
  readonly servers: Servers
  readonly factory: ClientFactory
  readonly db: DatabaseClient
  /** A request; `blocked` says why it cannot be replayed, null that it can. */
  request (options?: { readonly blocked?: string | null, readonly state?: RequestState } & Partial<Scope>): TestRequest
}

const silent: Log = { debug () {}, info () {}, warn () {}, error () {} }

export async function openClients (t: Teardown, options: ClientOptions): Promise<TestClients> {
  const resolved = resolveClientOptions({ closeTimeout: 1_000, ...options }, {})
  const servers = await openServers(resolved, { log: silent })
  t.teardown(() => servers.close(1_000))
  const factory = makeClient(servers, resolved)
  return {
    servers,
    factory,
    db: factory.processClient,
    request ({ blocked = null, state = new RequestState(), ...rest } = {}) {
      const replays: CaptureReason[] = []
      const commits: Commit[] = []
      const routed: RoutedOperation[] = []
      const scope: Scope = {
        state,
        gate: {
          blocked: () => blocked,
          request (reason) {
            replays.push(reason)
            return new ReplayRequestedError()
          },
        },
        floor: new Floor('primary'),
        stamps: false,
        waitMs: 0,
        whenPrimaryIsDown: 'fail',
        rawWrites: 'by-command',
        priority: 'native',
        statementTimeoutMs: undefined,
        onCommit: (commit) => { commits.push(commit) },
        onRouted: (one) => { routed.push(one) },
        ...rest,
      }
      return { db: factory.forRequest(scope), state, replays, commits, routed, scope }
    },
  }
}
