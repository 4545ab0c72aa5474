// Servers opened for a test, closed with it; what they logged is kept.

import { resolveClientOptions, type ClientOptions } from '../../lib/core/options.ts'
import { openServers } from '../../lib/postgres/open-servers.ts'
import type { Log, Servers, ServersParts } from '../../lib/postgres/servers.ts'

interface Teardown {
  teardown (end: () => void | Promise<void>): void
}

export interface Logged {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly fields: Record<string, unknown>
  readonly message: string
}

export interface OpenedServers {
  readonly servers: Servers
  readonly logged: Logged[]
}

export function keepLog (logged: Logged[]): Log {
  const at = (level: Logged['level']) => (fields: object, message: string) => { logged.push({ level, fields: fields as Record<string, unknown>, message }) }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

/** Faster than the defaults, so that a test need not wait for seconds. */
export const quick = { health: { interval: 100, failures: 3, cooldown: 300 }, connectTimeout: 1_500 } as const

export async function openTestServers (t: Teardown, options: ClientOptions, parts: Partial<ServersParts> = {}): Promise<OpenedServers> {
  const logged: Logged[] = []
  const servers = await openServers(resolveClientOptions({ ...quick, ...options }, {}), { log: keepLog(logged), ...parts })
  t.teardown(async () => { await servers.close(500) })
  return { servers, logged }
}
