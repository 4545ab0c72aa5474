// The reference is current, and complete: what the code has, a page names.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { commandNames } from '../../docs/generate/data-pages.ts'
import { errorRows } from '../../docs/generate/errors-page.ts'
import { generated } from '../../docs/generate/generated.ts'
import { channelNames, headerNames } from '../../docs/generate/signals-page.ts'
import { openSources, root } from '../../docs/generate/sources.ts'
import { resolveOptions } from '../../lib/core/options.ts'
import { METRICS } from '../../lib/fastify/metrics.ts'
import * as entry from '../../lib/index.ts'

const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const sources = openSources()
const pages = await generated(sources)

await t.test('each generated page is current', async (t) => {
  for (const [path, text] of pages) if (read(path) !== text) t.fail(`${path} is not current: npm run docs:generate`)
  t.ok(pages.size > 12)
})

const names = (page: string, name: string): boolean => (pages.get(page) ?? '').includes(`\`${name}`)

await t.test('each option that the code reads has a row', async (t) => {
  // The table of known keys in the code is what an unknown key is compared with.
  const text = read('lib/core/options.ts')
  const keys = (list: string): string[] => [...(new RegExp(`const ${list} = \\[([^\\]]*)\\]`).exec(text)?.[1] ?? '').matchAll(/'(\w+)'/g)].map(([, key = '']) => key)
  const known = [...keys('CLIENT_KEYS'), ...keys('PLUGIN_KEYS'), ...keys('ROUTE_KEYS')]
  t.ok(known.length > 25)
  for (const key of known) t.ok(names('docs/reference/options.md', key), key)
  const resolved = resolveOptions({ database: 'postgres://u@localhost/d', token: { key: 'a'.repeat(64) } }, {})
  const flat = (value: object): string[] => Object.entries(value).flatMap(([key, inner]) => [key, ...(['pool', 'retries', 'health', 'cookie'].includes(key) && typeof inner === 'object' && inner !== null ? flat(inner as object) : [])])
  for (const key of flat({ ...resolved.pool, ...resolved.retries, ...resolved.health })) t.ok(names('docs/reference/options.md', key.replace(/Ms$/, '')), `a default: ${key}`)
})

await t.test('each error code has a row', async (t) => {
  const codes = [...read('lib/core/errors.ts').matchAll(/'(FST_MR_[A-Z_]+)'/g)].map(([, code = '']) => code)
  t.same(new Set(errorRows().map((row) => row.code)), new Set(codes))
  for (const code of codes) t.ok(names('docs/reference/errors.md', code), code)
})

await t.test('each channel, header and command is named', async (t) => {
  for (const name of channelNames(sources)) t.ok(read('docs/reference/channels.md').includes(`## ${name}\n`), name)
  for (const name of headerNames(sources)) t.ok(names('docs/reference/headers.md', name), name)
  const commands = await commandNames()
  t.ok(commands.length >= 3)
  for (const name of commands) t.ok(read('docs/reference/command-line.md').includes(`## ${name}\n`), name)
})

await t.test('each metric is named', async (t) => {
  for (const name of Object.keys(METRICS)) t.ok(names('docs/reference/metrics.md', `multi_region_${name}\``), name)
})

await t.test('each method of the client, each member of a decorator and each word of a schema is named', async (t) => {
  for (const member of sources.members('lib/query/args/model-client.ts', 'ModelClient')) t.ok(names('docs/reference/client.md', member.name), member.name)
  for (const member of [...sources.members('lib/fastify/app-view.ts', 'AppView'), ...sources.members('lib/fastify/request-view.ts', 'RequestView')]) t.ok(names('docs/reference/decorators.md', member.name), member.name)
  for (const name of Object.keys(await import('../../lib/schema/index.ts'))) t.ok(name === 't' || names('docs/reference/schema.md', name), name)
})

await t.test('each value that the package exports is named in the reference', async (t) => {
  const all = [...pages].filter(([path]) => path.startsWith('docs/reference/')).map(([, text]) => text).join('\n')
  for (const name of Object.keys(entry)) {
    if (name === 'default' || name === 'module.exports') continue
    t.ok(all.includes(name), name)
  }
})
