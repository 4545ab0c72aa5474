// The package's entry: what it exports, in both module systems, and what it loads.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import multiRegion, * as entry from '../lib/index.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

await t.test('the entry exports the names of the reference', async (t) => {
  t.same(Object.keys(entry).sort(), ['AnyNull', 'DbNull', 'Decimal', 'JsonNull', 'KnownRequestError', 'createClient', 'default', 'empty', 'errors', 'isKnownRequestError', 'isReplay', 'join', 'module.exports', 'raw', 'sql'])
  t.equal(entry['module.exports'], multiRegion, 'require() returns the plugin')
  for (const name of Object.keys(entry)) {
    if (name === 'default' || name === 'module.exports') continue
    t.equal((multiRegion as unknown as Record<string, unknown>)[name], (entry as Record<string, unknown>)[name], `${name} is on the plugin too`)
  }
  t.ok(entry.isReplay(new entry.errors.ReplayRequestedError()))
  t.notOk(entry.isReplay(new Error('x')))
})

await t.test('a process that imports it loads no file of the kit, the demo or the command line, no dev dependency, and ends by itself', async (t) => {
  // The loader's hooks see every module that is really loaded.
  const script = `
    import { register } from 'node:module'
    const hooks = 'export async function load (url, context, next) { if (url.startsWith("file:")) process._rawDebug("LOADED " + url); return next(url, context) }'
    register('data:text/javascript,' + encodeURIComponent(hooks))
    await import(${JSON.stringify(new URL('../lib/index.ts', import.meta.url).href)})
  `
  const { stderr } = await promisify(execFile)(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', script], { cwd: root, env: { PATH: process.env['PATH'] ?? '' }, timeout: 30_000 })
  const loaded = stderr.split('\n').filter((line) => line.startsWith('LOADED ')).map((line) => line.slice('LOADED '.length))
  t.ok(loaded.some((url) => url.includes('/lib/fastify/plugin.ts')), 'the hooks have seen the plugin')
  t.same(loaded.filter((url) => /\/lib\/(?:testing|demo|cli)\//.test(url)), [])
  const packages = new Set(loaded.map((url) => /\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1]).filter((name) => name !== undefined))
  packages.delete('tsx') // the loader's own files, which its thread may read late
  t.same([...packages].sort(), ['@fastify/error', 'decimal.js', 'fastify-plugin', 'postgres'])
})
