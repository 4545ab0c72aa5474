// HTTP load on one address of this machine: wrk where it is installed (it costs the least), else a loader on raw sockets
// in a process of its own. Both keep connections alive and send the next request when the answer has come.

import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const hasWrk = process.env.BENCH_LOADER !== 'node' && spawnSync('wrk', ['-v']).error === undefined
export const loader = hasWrk ? 'wrk' : 'node'

function collect (command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let out = ''
    let errors = ''
    child.stdout.on('data', (chunk) => { out += chunk })
    child.stderr.on('data', (chunk) => { errors += chunk })
    child.on('error', reject)
    child.on('close', (code) => code === 0 ? resolve(out) : reject(new Error(`${command} ended with ${code}: ${errors}${out}`)))
  })
}

/** Lua that cycles through the requests from a place of its own in each thread, and prints the figures as JSON. */
function script (requests) {
  const lua = (text) => JSON.stringify(text).replace(/\\u([0-9a-f]{4})/g, '\\u{$1}')
  const lines = requests.map(({ method, path, headers, body }) =>
    `wrk.format(${lua(method)}, ${lua(path)}, {${Object.entries(headers).map(([k, v]) => `[${lua(k)}]=${lua(v)}`).join(',')}}, ${body === undefined ? 'nil' : lua(body)})`)
  return `
local requests
local i = 0
function init () requests = { ${lines.join(',\n')} } end
function request () i = i % #requests + 1; return requests[i] end
function done (summary, latency)
  io.write(string.format('JSON{"requests":%d,"seconds":%.6f,"p50":%.4f,"p95":%.4f,"p99":%.4f,"errors":%d}\\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(95) / 1000, latency:percentile(99) / 1000,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status + summary.errors.timeout))
end`
}

/**
 * @param requests [{ method, path, headers, body }], sent in turn
 * @returns { requests, rate, p50, p95, p99 }; throws when an answer was an error or none came
 */
export async function load ({ port, connections, seconds, requests }) {
  const folder = mkdtempSync(join(tmpdir(), 'bench-load-'))
  try {
    const full = requests.map((r) => ({ method: 'GET', headers: {}, ...r }))
    let figures
    if (hasWrk) {
      const file = join(folder, 'load.lua')
      writeFileSync(file, script(full))
      const out = await collect('wrk', ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '10s', '-s', file, `http://127.0.0.1:${port}`])
      figures = JSON.parse(/JSON(\{.*\})/.exec(out)[1])
    } else {
      const file = join(folder, 'load.json')
      writeFileSync(file, JSON.stringify({ port, connections, seconds, requests: full }))
      figures = JSON.parse(await collect(process.execPath, [join(import.meta.dirname, 'socket-loader.js'), file]))
    }
    if (figures.errors > 0 || figures.requests === 0) throw new Error(`${figures.errors} errors in ${figures.requests} requests to ${full[0].path}`)
    return { requests: figures.requests, rate: figures.requests / figures.seconds, p50: figures.p50, p95: figures.p95, p99: figures.p99 }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
