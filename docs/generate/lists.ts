// Pages that list other pages by their titles: recipes and decisions.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readRecipes } from '../.vitepress/recipes.ts'
import { page } from './markdown.ts'
import { root } from './sources.ts'

export function recipesPage (): string {
  return page('Recipes', [
    'One problem a page. The code of each is a file in `examples/` that a test starts in several regions, and asks as users there would.',
    ...readRecipes().map(({ group, recipes }) => `## ${group}\n\n${recipes.map(({ slug, title }) => `- [${title}](./${slug})`).join('\n')}`),
  ])
}

export function decisionsPage (): string {
  const folder = join(root, 'docs/decisions')
  const files = readdirSync(folder).filter((name) => /^\d{4}-.*\.md$/.test(name)).sort()
  const lines = files.map((name) => `- [${/^# (.+)$/m.exec(readFileSync(join(folder, name), 'utf8'))?.[1] ?? name}](./${name.replace(/\.md$/, '')})`)
  return page('Decisions', ['What a newcomer would undo, and why it is as it is: context, choice, what was given up, what would change our mind.', lines.join('\n')])
}
