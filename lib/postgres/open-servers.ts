// Opens the servers of a set of options: what the plugin and `createClient` begin with.

import { Servers, type ServersOptions, type ServersParts } from './servers.ts'

/** @throws FST_MR_DATABASE_UNREACHABLE, FST_MR_TOPOLOGY_INVALID */
export async function openServers (options: ServersOptions, parts: ServersParts): Promise<Servers> {
  return await Servers.open(options, parts)
}
