// One try of the guard, in a process of its own (two processes of one program differ, for as long as they live): is sent
// the checks to measure and a seed, and sends back the ratio to the baseline of each.

import { once } from 'node:events'
import { open as ours } from './contenders/ours.js'
import { open as raw } from './contenders/raw.js'
import { startDatabase } from './harness/database.js'
import { load } from './harness/load.js'
import { compare, drive } from './harness/rounds.js'
import { startServer, STEADY } from './harness/server.js'
import { BASELINE as RAW, OURS, warm, workloads } from './suites/client.js'
import { BASELINE as BARE, routes } from './suites/overhead.js'

async function onClients (url, measure) {
  const clients = [await raw({ url, max: 10 }), await ours({ url, max: 10 })]
  try {
    return await measure(clients)
  } finally {
    await Promise.allSettled(clients.map((client) => client.close()))
  }
}

async function onServers (url, measure) {
  const servers = []
  try {
    for (const name of [BARE, 'ours']) servers.push(await startServer(name, url, { execArgv: STEADY }))
    return await measure(servers)
  } finally {
    await Promise.allSettled(servers.map((server) => server.close()))
  }
}

const SUITES = {
  client: {
    name: OURS,
    measure: ({ operation, callers }, { url, seed }) => onClients(url, async (clients) => {
      const { run } = workloads[operation]
      for (const client of clients) await warm((caller, i) => run(client, caller, i), 2000)
      return await compare({
        baseline: RAW,
        rounds: 3,
        slices: 8,
        seed,
        warmup: 0,
        contenders: clients.map((client) => ({ name: client.name, slice: () => drive((caller, i) => run(client, caller, i), { callers, ms: 25 }) })),
      })
    }),
  },
  overhead: {
    name: 'ours',
    measure: ({ operation, callers }, { url, seed }) => onServers(url, (servers) => compare({
      baseline: BARE,
      rounds: 3,
      seed,
      warmup: 2,
      contenders: servers.map(({ name, port }) => ({ name, run: () => load({ port, connections: callers, seconds: 1, requests: routes[operation] }) })),
    })),
  },
}

const [{ checks, seed }] = await once(process, 'message')
const database = await startDatabase()
try {
  const ratios = []
  for (const check of checks) {
    const { name, measure } = SUITES[check.suite]
    const rows = await measure(check, { url: database.url, seed })
    ratios.push(rows.find((row) => row.name === name).rateRatio.median)
  }
  process.send({ ratios })
} finally {
  await database.close()
  process.disconnect()
}
