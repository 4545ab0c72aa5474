// Three regions on this machine, links with the distances that one meets between Frankfurt, Ashburn and Tokyo, an edge that
// follows fly-replay, and one app built seven ways, two of them in their fastest form as well (servers/wide-area.js). The
// clients keep cookies, as browsers do.
// Distances dominate what is measured: 90, 230 and 160 ms there and back.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { startCluster } from 'fastify-multi-region/testing'
import { fill } from '../harness/database.js'
import { cutUp, printTargets, table } from '../harness/report.js'
import { quantile, random, shuffle } from '../harness/rounds.js'

export const description = 'one app in three regions, built seven ways: latency by region, share served locally, stale reads'

const PRIMARY = 'fra'
const REGIONS = ['fra', 'iad', 'nrt']
const LATENCY = { 'fra-iad': 90, 'fra-nrt': 230, 'iad-nrt': 160 }
const PEERS = ['primary', 'prisma-replicas', 'prisma-replicas-named', 'drizzle-replicas', 'drizzle-replicas-prepared', 'method-rule']
const WAYS = [...PEERS, 'ours-eventual', 'ours-time', 'ours-lsn']

/** What one visit does. It answers how long its parts took, whether they were served in the client's region, and whether a read of its own write was stale. */
const workloads = {
  'read-only': (client, i) => page(client, 1),
  '90/10': (client, i) => i % 10 === 9 ? write(client, 1) : page(client, 1),
  '50/50': (client, i) => i % 2 === 1 ? write(client, 1) : page(client, 1),
  'post-redirect-get': async (client) => together([await write(client, 1), await page(client, 1)]),
  login: async (client, i) => {
    const name = `Name ${client.number} ${i}`
    const { answer, body } = await client.ask('POST', '/login', { email: `user${client.number}@example.com`, name })
    const me = await client.ask('GET', `/me?id=${body?.id}`)
    return together([answer, { ...me.answer, reads: 1, stale: me.body?.name === name ? 0 : 1 }])
  },
  'POST that reads 3 times': async (client) => (await client.ask('POST', '/search', { queries: 3 })).answer,
  'read of 5 queries': (client) => page(client, 5),
  'read of 20 queries': (client) => page(client, 20),
  'write of 1 query': (client) => write(client, 1),
  'write of 5 queries': (client) => write(client, 5),
  'write of 20 queries': (client) => write(client, 20),
}

async function page (client, queries) {
  const own = client.mine
  const { answer, body } = await client.ask('GET', `/page?queries=${queries}${own === undefined ? '' : `&mine=${own}`}`)
  return own === undefined ? answer : { ...answer, reads: 1, stale: body?.sees === true ? 0 : 1 }
}

async function write (client, queries) {
  const { answer, body } = await client.ask('POST', '/posts', { title: 'Wide area', queries })
  client.mine = body?.id ?? client.mine
  return answer
}

const together = (answers) => ({
  ms: answers.reduce((sum, { ms }) => sum + ms, 0),
  requests: answers.length,
  here: answers.reduce((sum, { here }) => sum + here, 0),
  reads: answers.reduce((sum, { reads = 0 }) => sum + reads, 0),
  stale: answers.reduce((sum, { stale = 0 }) => sum + stale, 0),
  errors: answers.reduce((sum, { errors }) => sum + errors, 0),
})

/** Does the handler's own region ask the primary over the wide area? By construction of the way. */
const queriesTravel = (way, path) => way === 'primary' || (way.includes('-replicas') && (path === '/posts' || path === '/login'))

/** A browser in a region: one request after the other, cookies kept. */
function browser (edge, { region, way, number }) {
  const cookies = new Map()
  return {
    number,
    mine: undefined,
    async ask (method, path, payload) {
      const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
      const started = performance.now()
      const response = await edge.inject({ region, method, url: `/${way}${path}`, headers: cookie === '' ? {} : { cookie }, ...(payload === undefined ? {} : { payload }) })
      const ms = performance.now() - started
      for (const line of [response.headers['set-cookie'] ?? []].flat()) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)
        cookies.set(name, value)
      }
      const good = response.statusCode < 400
      const body = good ? JSON.parse(response.body) : undefined
      const here = good && body.region === region && (region === PRIMARY || !queriesTravel(way, path)) ? 1 : 0
      return { answer: { ms, requests: 1, here, errors: good ? 0 : 1 }, body }
    },
  }
}

export async function run ({ seed, quick, only }) {
  const cluster = await startCluster({
    regions: REGIONS,
    primaryRegion: PRIMARY,
    latency: LATENCY,
    app: new URL('../servers/wide-area.js', import.meta.url),
    env: { MULTI_REGION_KEY: randomBytes(32).toString('base64'), NODE_ENV: 'production' },
  })
  try {
    await fill(cluster.region(PRIMARY).databaseUrls.primary)
    await cluster.waitForReplay()
    const next = random(seed)
    const names = Object.keys(workloads).filter((name) => only === undefined || only.includes(name))
    const sessions = quick ? 2 : 4
    const visits = quick ? 10 : 30
    for (const region of REGIONS) await sameAnswers(cluster.edge, region)
    // Connections, prepared statements, compiled code: over these distances a process would stay cold for long.
    for (const way of WAYS) await Promise.all(REGIONS.flatMap((region) => Array.from({ length: quick ? sessions : 20 }, (_, i) => visit(cluster.edge, { region, way, number: 1 + i, visits: quick ? 2 : 8, names: ['post-redirect-get', 'login', 'POST that reads 3 times'] }))))
    const results = []
    for (const workload of names) {
      const byWay = new Map()
      for (const way of shuffle(WAYS, next)) {
        const answers = await Promise.all(REGIONS.map(async (region, r) => {
          const turns = workload.includes('20') ? Math.ceil(visits / 5) : visits
          const all = await Promise.all(Array.from({ length: sessions }, (_, i) => visit(cluster.edge, { region, way, number: 1 + r * sessions + i, visits: turns, names: [workload] })))
          return [region, figures(all.flat())]
        }))
        byWay.set(way, Object.fromEntries(answers))
        process.stderr.write('.')
      }
      results.push({ workload, ways: WAYS.map((way) => ({ way, regions: byWay.get(way) })) })
    }
    process.stderr.write('\n')
    for (const result of results) print(result)
    return { results, targets: printTargets(targets(results)) }
  } finally {
    await cluster.close()
  }
}

async function sameAnswers (edge, region) {
  const rows = (way) => browser(edge, { region, way, number: 1 }).ask('GET', '/rows?id=7')
  const { body: expected } = await rows(WAYS[0])
  for (const way of WAYS) assert.deepEqual((await rows(way)).body, expected, `${way} reads the rows that ${WAYS[0]} reads in ${region}`)
}

async function visit (edge, { region, way, number, visits, names }) {
  const client = browser(edge, { region, way, number })
  const answers = []
  for (let i = 0; i < visits; i++) for (const name of names) answers.push(await workloads[name](client, i))
  return answers
}

function figures (answers) {
  const times = answers.map(({ ms }) => ms).sort((a, b) => a - b)
  const sum = (key) => answers.reduce((total, answer) => total + (answer[key] ?? 0), 0)
  return { visits: answers.length, p50: quantile(times, 0.5), p95: quantile(times, 0.95), p99: quantile(times, 0.99), local: sum('here') / sum('requests'), ownReads: sum('reads'), stale: sum('stale'), errors: sum('errors') }
}

function print ({ workload, ways }) {
  console.log(`\n${workload}: p50 / p95 / p99 in ms a visit, by the client's region`)
  table(['way', ...REGIONS, 'local', 'stale of own', 'errors'], ways.map(({ way, regions }) => {
    const all = Object.values(regions)
    const sum = (key) => all.reduce((total, region) => total + region[key], 0)
    return [
      way,
      ...REGIONS.map((region) => ['p50', 'p95', 'p99'].map((q) => cutUp(regions[region][q], 0)).join(' / ')),
      `${Math.floor(sum('local') / all.length * 100)} %`, `${sum('stale')} of ${sum('ownReads')}`, sum('errors'),
    ]
  }))
}

function targets (results) {
  const of = (workload, way, region) => results.find((result) => result.workload === workload)?.ways.find((one) => one.way === way)?.regions[region]
  const list = []
  for (const region of ['iad', 'nrt']) {
    const [far, near] = [of('write of 1 query', 'ours-lsn', region), of('write of 1 query', 'ours-lsn', PRIMARY)]
    if (far !== undefined) list.push({ what: `a write from ${region}: p50 over one round trip and the primary's own time`, value: far.p50 / (LATENCY[`${PRIMARY}-${region}`] + near.p50), bound: 1.05, better: 'less' })
    const own = of('post-redirect-get', 'ours-lsn', region)
    if (own !== undefined) {
      const best = PEERS.reduce((a, b) => of('post-redirect-get', b, region).p50 < of('post-redirect-get', a, region).p50 ? b : a)
      list.push({ what: `post-redirect-get from ${region}: p50 over the best peer's (${best})`, value: own.p50 / of('post-redirect-get', best, region).p50, bound: 1, better: 'less' })
    }
  }
  const stale = results.flatMap(({ ways }) => ways.filter(({ way }) => way === 'ours-lsn')).flatMap(({ regions }) => Object.values(regions)).reduce((sum, region) => sum + region.stale, 0)
  list.push({ what: 'stale reads of own writes with lsn, all workloads', value: stale, bound: 0, better: 'less' })
  const errors = results.flatMap(({ ways }) => ways.filter(({ way }) => way.startsWith('ours'))).flatMap(({ regions }) => Object.values(regions)).reduce((sum, region) => sum + region.errors, 0)
  list.push({ what: 'errors of this plugin, all workloads', value: errors, bound: 0, better: 'less' })
  return list
}
