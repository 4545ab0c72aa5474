// Code in pages is code that runs: imported from an example by file and region, or checked here.

import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { commandNames } from '../../docs/generate/data-pages.ts'
import { readPages, regionOf, root } from './pages.ts'

const pages = readPages()
const EXAMPLES = readdirSync(join(root, 'examples')).filter((name) => name.endsWith('.ts')).map((name) => name.replace(/\.ts$/, ''))
/** What other examples import. */
const SHARED = ['schema', 'form-body']

await t.test('every snippet has its file and its region', async (t) => {
  let count = 0
  for (const page of pages) {
    for (const { path, region } of page.snippets) {
      count++
      if (!existsSync(join(root, path))) t.fail(`${page.path} imports ${path}, which does not exist`)
      else if (region !== undefined && (regionOf(path, region) ?? '').trim() === '') t.fail(`${page.path} imports the region ${region} of ${path}, which is missing or empty`)
    }
  }
  t.ok(count > 60, `${count} snippets`)
})

await t.test('every example has a recipe, and every region of it is shown', async (t) => {
  const shown = new Set(pages.flatMap((page) => page.snippets.map(({ path, region }) => `${path}#${region ?? ''}`)))
  for (const name of EXAMPLES.filter((name) => !SHARED.includes(name))) {
    const path = `examples/${name}.ts`
    if (!existsSync(join(root, 'docs/recipes', `${name}.md`))) t.fail(`${path} has no recipe docs/recipes/${name}.md`)
    if (shown.has(`${path}#`)) continue
    for (const [, region = ''] of readFileSync(join(root, path), 'utf8').matchAll(/^\s*\/\/ #region ([\w-]+)$/gm)) {
      if (!shown.has(`${path}#${region}`) && region !== 'types') t.fail(`no page shows the region ${region} of ${path}`)
    }
  }
  t.ok(EXAMPLES.length > 25)
})

await t.test('every recipe shows a tested example, and its title says what to do', async (t) => {
  const tests = readdirSync(join(root, 'test/examples')).map((name) => readFileSync(join(root, 'test/examples', name), 'utf8')).join('\n')
  for (const page of pages.filter(({ path }) => path.startsWith('docs/recipes/') && !path.endsWith('index.md'))) {
    const own = page.snippets.filter(({ path }) => path.startsWith('examples/'))
    if (own.length === 0) t.fail(`${page.path} shows no example`)
    const slug = page.path.replace(/^.*\/|\.md$/g, '')
    if (existsSync(join(root, `examples/${slug}.ts`)) && !tests.includes(slug)) t.fail(`no test in test/examples starts examples/${slug}.ts`)
    t.notMatch(/^# (.+)$/m.exec(page.text)?.[1], /^(?:The|A|How|Why|What|On|About)\b/, page.path)
  }
})

await t.test('examples stay short', async (t) => {
  for (const name of EXAMPLES) {
    const lines = readFileSync(join(root, 'examples', `${name}.ts`), 'utf8').split('\n').filter((line) => line.trim() !== '' && !/^\s*\/\/ #(?:end)?region/.test(line)).length
    if (lines > 80) t.fail(`examples/${name}.ts has ${lines} lines`)
  }
  t.pass()
})

await t.test('the README\'s code is the quick start, which is type-checked and run', async (t) => {
  const readme = pages.find(({ path }) => path === 'README.md')
  const code = readme?.blocks.filter((block) => block.language === 'ts') ?? []
  t.equal(code.length, 1)
  t.equal(code[0]?.text, readFileSync(join(root, 'examples/quick-start/app.ts'), 'utf8'))
})

await t.test('no other page has TypeScript or JavaScript of its own', async (t) => {
  for (const page of pages) {
    for (const block of page.blocks) {
      if (['ts', 'js', 'typescript', 'javascript', 'tsx'].includes(block.language) && page.path !== 'README.md') t.fail(`${page.path}:${block.line}: import it from examples/, so that it is checked`)
      if (block.language === '') t.fail(`${page.path}:${block.line}: a block without a language`)
    }
  }
  t.pass()
})

await t.test('JSON parses', async (t) => {
  for (const page of pages) for (const block of page.blocks.filter(({ language }) => language === 'json')) t.doesNotThrow(() => { JSON.parse(block.text) }, `${page.path}:${block.line}`)
})

await t.test('shell commands parse, and name scripts, commands, flags and files that exist', async (t) => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> }
  const commands = await commandNames()
  const files = [...readdirSync(join(root, 'examples/fly')).filter((name) => name.endsWith('.sh')).map((name) => ({ where: `examples/fly/${name}`, text: readFileSync(join(root, 'examples/fly', name), 'utf8'), isUserProject: true }))]
  const blocks = pages.flatMap((page) => page.blocks.filter(({ language }) => language === 'sh').map((block) => ({ where: `${page.path}:${block.line}`, ...block })))
  for (const { where, text, isUserProject } of [...blocks, ...files]) {
    const { status, stderr } = spawnSync('bash', ['-n'], { input: text, encoding: 'utf8' })
    if (status !== 0) t.fail(`${where}: ${stderr}`)
    for (const [, name = ''] of text.matchAll(/npx fastify-multi-region (\w+)/g)) if (!commands.includes(name)) t.fail(`${where}: there is no command ${name}`)
    if (isUserProject) continue
    for (const [, name = ''] of text.matchAll(/npm run ([\w:-]+)/g)) if (scripts[name] === undefined) t.fail(`${where}: there is no script ${name}`)
  }
  t.ok(blocks.length > 8)
})

await t.test('scripts that pages name in their text exist', async (t) => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> }
  for (const page of pages) for (const [, name = ''] of page.text.matchAll(/`npm run ([\w:-]+)/g)) if (scripts[name] === undefined) t.fail(`${page.path}: there is no script ${name}`)
  t.pass()
})
