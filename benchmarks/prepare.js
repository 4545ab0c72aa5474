// What `npm run bench` needs before its first run: the peers' packages, and Prisma's generated client.

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'

const here = import.meta.dirname

function run (command, args, options = {}) {
  const { status } = spawnSync(command, args, { cwd: here, stdio: ['ignore', 'ignore', 'inherit'], shell: process.platform === 'win32', ...options })
  if (status !== 0) {
    console.error(`${command} ${args.join(' ')} failed`)
    process.exit(1)
  }
}

const { dependencies } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'))
if (Object.keys(dependencies).some((name) => !existsSync(new URL(`node_modules/${name}`, import.meta.url)))) {
  console.log('installing the peers that are measured (once)')
  run('npm', ['ci', '--no-audit', '--no-fund'])
}
const generated = new URL('node_modules/.prisma/client/schema.prisma', import.meta.url)
// Prisma's copy differs in spaces alone; what decides is which models and which features there are.
const made = (file) => (readFileSync(file, 'utf8').match(/^model \w+|previewFeatures.*/gm) ?? []).map((line) => line.replaceAll(' ', '')).sort().join()
if (!existsSync(generated) || made(generated) !== made(new URL('schema/schema.prisma', import.meta.url))) {
  // `generate` needs no schema engine, but looks for its binary and would download it; any existing file will do.
  run('npx', ['--no-install', 'prisma', 'generate'], { cwd: `${here}/schema`, env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath } })
}
