import { readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { basename, join } from 'node:path'
import t from 'tap'
import { layerOf, lib, loadedBy, packageOf, readSources } from './source-graph.ts'

const sources = readSources()
const manifest = JSON.parse(readFileSync(join(lib, '../package.json'), 'utf8')) as { dependencies: Record<string, string>, peerDependencies: Record<string, string> }

/** Each layer, and those that it may import besides itself. The root's files hold entries and public types. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  schema: ['core'],
  query: ['core', 'schema'],
  postgres: ['core', 'schema', 'query', ''],
  fastify: ['core', 'schema', 'query', 'postgres', ''],
  prisma: ['core', 'schema', 'query', 'postgres', ''],
  testing: ['core'],
  demo: ['core', 'schema', 'query', 'postgres', 'fastify', 'testing', ''],
  cli: ['core', 'schema', 'query', 'postgres', 'testing', 'demo', ''],
}

await t.test('every folder of lib is a layer, and imports point one way', async (t) => {
  for (const source of sources) {
    const layer = layerOf(source.path)
    if (layer === '') continue
    const allowed = MAY_IMPORT[layer]
    t.ok(allowed !== undefined, `${layer} is a layer`)
    for (const one of source.imports) {
      if (!one.own) continue
      const target = layerOf(one.target)
      // Types of the public surface stand at the top; only they may be named from below.
      const upwards = target !== layer && !(allowed ?? []).includes(target) && !(target === '' && one.typeOnly)
      if (upwards) t.fail(`${source.path} imports ${one.target}`)
    }
  }
})

await t.test('what is loaded has no cycles', async (t) => {
  const byPath = new Map(sources.map((source) => [source.path, source]))
  const done = new Set<string>()
  const walk = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) {
      t.fail(`a cycle: ${[...trail.slice(trail.indexOf(path)), path].join(' → ')}`)
      return
    }
    if (done.has(path)) return
    for (const one of byPath.get(path)?.imports ?? []) if (one.own && !one.typeOnly) walk(one.target, [...trail, path])
    done.add(path)
  }
  for (const source of sources) walk(source.path, [])
})

await t.test('the main entry loads its dependencies and nothing else: no testing kit, no demo, no command line, no dev dependency', async (t) => {
  const { files, packages } = loadedBy(sources, 'index.ts')
  for (const path of files) t.notOk(['testing', 'demo', 'cli'].includes(layerOf(path)), path)
  const allowed = new Set(Object.keys(manifest.dependencies))
  // The command line alone parses Prisma's files.
  allowed.delete('@mrleebo/prisma-ast')
  // A peer is loaded when an option needs it, and told to be missing when it is.
  const onDemand = new Set(Object.keys(manifest.peerDependencies))
  for (const [specifier, { from, dynamic }] of packages) {
    if (specifier.startsWith('node:') || builtinModules.includes(specifier)) continue
    const name = packageOf(specifier)
    t.ok(allowed.has(name) || (dynamic && onDemand.has(name)), `${from} loads ${specifier}`)
  }
  t.ok(files.has('fastify/plugin.ts') && files.has('core/options.ts'), 'the walk has seen the plugin')
})

await t.test('one file knows postgres.js', async (t) => {
  for (const source of sources) {
    if (layerOf(source.path) === 'testing') continue
    for (const one of source.imports) {
      if (packageOf(one.target) === 'postgres' && !one.own && source.path !== 'postgres/driver.ts' && layerOf(source.path) !== 'cli') t.fail(`${source.path} imports postgres`)
    }
  }
})

await t.test('core, schema and query do no I/O and know no clock, chance or environment', async (t) => {
  const forbidden = [/\bprocess\./, /\bDate\.now\b/, /\bnew Date\(\)/, /\bMath\.random\b/, /\bsetTimeout\b/, /\bsetInterval\b/, /\bperformance\b/, /\bfetch\(/]
  for (const source of sources) {
    if (!['core', 'schema', 'query'].includes(layerOf(source.path))) continue
    for (const pattern of forbidden) if (pattern.test(source.code)) t.fail(`${source.path} uses ${pattern.source}`)
    for (const one of source.imports) {
      if (one.own || one.typeOnly) continue
      const allowed = layerOf(source.path) === 'core'
        ? one.target === '@fastify/error' || (source.path === 'core/diagnostics.ts' && one.target === 'node:diagnostics_channel')
        : one.target === '@fastify/error' || one.target === 'decimal.js'
      t.ok(allowed, `${source.path} imports ${one.target}`)
    }
  }
})

await t.test('the library writes to the logger, never to the console', async (t) => {
  for (const source of sources) {
    if (['cli', 'demo', 'testing'].includes(layerOf(source.path))) continue
    if (/\bconsole\.|process\.(?:stdout|stderr)\b/.test(source.code)) t.fail(source.path)
  }
})

await t.test('names say what a file is about', async (t) => {
  for (const source of sources) {
    t.match(basename(source.path), /^[a-z0-9]+(?:-[a-z0-9]+)*\.ts$/, source.path)
    t.notMatch(basename(source.path, '.ts'), /^(?:utils?|helpers?|common|misc|types|constants)$/, source.path)
    if (source.hasDefaultExport) t.equal(source.path, 'index.ts', 'the plugin is the only default export')
  }
})

await t.test('a long file says at its head why it is one', async (t) => {
  for (const source of sources) {
    const lines = source.text.split('\n')
    if (lines.length <= 300) continue
    t.match(lines[0], /^(?:#!|\/\/|\/\*)/, `${source.path} has ${lines.length} lines`)
  }
})
