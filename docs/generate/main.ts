// Writes the generated pages and sections; with `--check` says which are not current, and exits 1.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { generated } from './generated.ts'
import { openSources, root } from './sources.ts'

const check = process.argv.includes('--check')
let stale = 0
for (const [path, text] of await generated(openSources())) {
  const file = join(root, path)
  if (existsSync(file) && readFileSync(file, 'utf8') === text) continue
  stale++
  if (!check) writeFileSync(file, text)
  process.stdout.write(`${check ? 'not current' : 'written'}: ${path}\n`)
}
if (check && stale > 0) {
  process.stdout.write('Run `npm run docs:generate`, and read what changed.\n')
  process.exitCode = 1
}
