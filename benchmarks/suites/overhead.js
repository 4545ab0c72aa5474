// What the plugin costs where it saves nothing: one region, one database. The same routes on bare Fastify with postgres.js,
// on this plugin (without and with tokens), and on @fastify/postgres; each server in processes of its own, loaded in turn.
//
// Several processes of each, since two of the very same program may be compiled differently, for as long as they live. A
// round takes the next process of each server. All have answered every route before anything is timed, as an app has: code
// that has met one statement only is compiled for that one (bare Fastify answers up to 1.6 times as much then).

import assert from 'node:assert/strict'
import { startDatabase } from '../harness/database.js'
import { load, loader } from '../harness/load.js'
import { cut, cutUp, printTargets, table } from '../harness/report.js'
import { compare } from '../harness/rounds.js'
import { startServer, STEADY } from '../harness/server.js'

export const description = `the plugin against bare Fastify + postgres.js and @fastify/postgres over HTTP (load: ${loader})`

export const BASELINE = 'bare'
const SERVERS = ['bare', 'ours', 'ours-tokens', 'fastify-postgres', 'fastify-postgres-named']

const json = { 'content-type': 'application/json' }
const ids = Array.from({ length: 200 }, (_, i) => 1 + (i * 37) % 500)

export const routes = {
  none: ids.slice(0, 1).map(() => ({ path: '/none' })),
  row: ids.map((id) => ({ path: `/row/${id}` })),
  include: ids.map((id) => ({ path: `/include/${id}` })),
  write: ids.map((id) => ({ method: 'POST', path: '/write', headers: json, body: JSON.stringify({ title: `Title ${id}`, authorId: id }) })),
}

export async function run ({ seed, quick, only }) {
  const database = await startDatabase()
  const processes = quick ? 2 : 3
  const servers = new Map()
  const all = () => [...servers.values()].flat()
  try {
    for (const name of SERVERS) servers.set(name, await Promise.all(Array.from({ length: processes }, () => startServer(name, database.url, { execArgv: STEADY }))))
    await sameAnswers(all())
    const cookie = await tokenCookie(servers.get('ours-tokens')[0])
    const tokened = Object.fromEntries(Object.entries(routes).map(([route, requests]) => [route, requests.map((request) => ({ ...request, headers: { ...request.headers, cookie } }))]))
    const requestsOf = (name, route) => (name === 'ours-tokens' ? tokened : routes)[route]
    // V8 compiles in the first seconds of a load, and a server runs for days.
    for (const route of Object.keys(routes)) {
      for (const server of all()) await load({ port: server.port, connections: 20, seconds: quick ? 1 : 3, requests: requestsOf(server.name, route) })
    }
    const results = []
    const callersList = quick ? [1, 20] : [1, 20, 100]
    for (const route of Object.keys(routes)) {
      if (only !== undefined && !only.includes(route)) continue
      for (const callers of callersList) {
        await database.restore()
        const rows = await compare({
          baseline: BASELINE,
          rounds: quick ? 2 : 9,
          warmup: 0,
          seed,
          contenders: SERVERS.map((name) => ({ name, run: (round) => measured(servers.get(name)[round % processes], { connections: callers, seconds: 1, requests: requestsOf(name, route) }) })),
        })
        results.push({ operation: route, callers, rows })
        process.stderr.write('.')
      }
    }
    process.stderr.write('\n')
    console.log(`\nRequests a second as a ratio to ${BASELINE}: median (least–greatest of the rounds); then the ratio of p99; then of the server's time on the processor`)
    table(['route', 'callers', ...SERVERS, `${BASELINE}/s`], results.map(({ operation, callers, rows }) => [
      operation, callers, ...rows.map((row) => `${cut(row.rateRatio.median)} (${cut(row.rateRatio.min)}–${cut(row.rateRatio.max)}) ${cutUp(row.p99Ratio.median)} ${cutUp(row.cpuRatio.median)}`), Math.round(rows[0].rate.median),
    ]))
    return { results, targets: printTargets(targets(results)) }
  } finally {
    await Promise.allSettled(all().map((server) => server.close()))
    await database.close()
  }
}

/** Also the processor time of the server's process, which other work on the machine moves least. */
async function measured (server, given) {
  const before = await server.cpu()
  const figures = await load({ port: server.port, ...given })
  return { ...figures, cpu: (await server.cpu() - before) / figures.requests }
}

/** Of a client that has written before. */
async function tokenCookie ({ port }) {
  const answer = await fetch(`http://127.0.0.1:${port}/write`, { method: 'POST', headers: json, body: JSON.stringify({ title: 'Token', authorId: 1 }) })
  const cookie = answer.headers.getSetCookie().map((line) => line.split(';', 1)[0]).join('; ')
  assert.notEqual(cookie, '', 'a write with tokens on sets a cookie')
  return cookie
}

async function sameAnswers (servers) {
  const answers = await Promise.all(servers.map(async ({ port }) => ({
    row: await (await fetch(`http://127.0.0.1:${port}/row/7`)).json(),
    include: tidy(await (await fetch(`http://127.0.0.1:${port}/include/7`)).json()),
    write: made(await (await fetch(`http://127.0.0.1:${port}/write`, { method: 'POST', headers: json, body: JSON.stringify({ title: 'Compared', authorId: 7 }) })).json()),
  })))
  for (const answer of answers) assert.deepEqual(answer, answers[0], 'all servers answer the same')
}

function tidy ({ author, comments, ...post }) {
  const date = (row) => ({ ...row, createdAt: new Date(row.createdAt).toISOString() })
  return { ...post, author: date(author), comments: comments.map(date).sort((a, b) => a.id - b.id) }
}

const made = ({ id, createdAt, ...post }) => ({ ...post, id: typeof id, createdAt: new Date(createdAt).toISOString().length })

function targets (results) {
  const list = []
  for (const { operation, callers, rows } of results) {
    for (const name of ['ours', 'ours-tokens']) {
      const own = rows.find((row) => row.name === name)
      const bound = operation === 'none' ? 0.99 : callers === 1 ? 0.95 : 1
      list.push({ what: `${operation}, ${callers} caller${callers === 1 ? '' : 's'}, ${name}: ratio to bare`, value: own.rateRatio.median, bound, better: 'more' })
      if (operation === 'row' && callers > 1 && name === 'ours') list.push({ what: `${operation}, ${callers} callers, ${name}: ratio of p99`, value: own.p99Ratio.median, bound: 0.7, better: 'less' })
    }
  }
  return list
}
