// No dead links: every file and every anchor that a page leads to exists.

import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readPages, root } from './pages.ts'

const pages = readPages()
const byPath = new Map(pages.map((page) => [page.path, page]))

/** A link of the site or of the repository → path from the root. */
function resolveLink (from: string, target: string): string {
  if (target.startsWith('/')) return join('docs', target)
  return join(from, '..', target)
}

function fileOf (path: string): string | undefined {
  const candidates = [path, `${path}.md`, join(path, 'index.md')]
  return candidates.find((candidate) => byPath.has(candidate)) ?? candidates.find((candidate) => existsSync(join(root, candidate)))
}

await t.test('every link leads to a file, and every anchor to a heading', async (t) => {
  let checked = 0
  for (const page of pages) {
    for (const link of page.links) {
      if (/^[a-z]+:/.test(link)) continue
      const [target = '', anchor] = link.split('#')
      const file = target === '' ? page.path : fileOf(resolveLink(page.path, target))
      checked++
      if (file === undefined) {
        t.fail(`${page.path} links to ${link}, which does not exist`)
        continue
      }
      const found = byPath.get(file)
      if (anchor !== undefined && found?.anchors.has(anchor) !== true) t.fail(`${page.path} links to ${link}; that page has no such heading`)
      if (page.path.startsWith('docs') && !file.startsWith('docs')) t.fail(`${page.path} links to ${link}, outside of the site`)
      if (!page.path.startsWith('docs') && statSync(join(root, file)).isFile() && target !== '' && !/\.\w+$/.test(target) && !/^[A-Z]+$/.test(target)) t.fail(`${page.path}: a repository's reader needs the extension in ${link}`)
    }
  }
  t.ok(checked > 100, `${checked} links`)
})

await t.test('the README is short, and has what a reader looks for', async (t) => {
  const readme = byPath.get('README.md')
  t.ok((readme?.text.split('\n').length ?? 0) < 200, 'under 200 lines')
  for (const heading of ['install', 'what-it-costs', 'when-not-to-use-it', 'compatibility']) t.ok(readme?.anchors.has(heading), heading)
})

await t.test('a decision is at most 40 lines, and says what would change our mind', async (t) => {
  for (const page of pages.filter(({ path }) => /decisions\/\d{4}-/.test(path))) {
    t.ok(page.text.split('\n').length <= 41, `${page.path} is short`)
    for (const part of ['Context', 'Choice', 'What we gave up', 'What would change our mind']) t.ok(page.text.includes(`**${part}.**`), `${page.path}: ${part}`)
  }
})

await t.test('no page says that something is simple', async (t) => {
  for (const page of pages) {
    const found = /\b(?:just|simply|easy|easily|obvious|obviously)\b/i.exec(page.prose)
    if (found !== null) t.fail(`${page.path} says "${found[0]}": …${page.prose.slice(Math.max(0, found.index - 30), found.index + 30)}…`)
  }
  t.ok(pages.length > 50)
})
