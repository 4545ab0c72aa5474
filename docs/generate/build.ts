// Builds the site. A warning is a failure: VitePress renders a page whose snippet or link is missing, and goes on.

import { spawn } from 'node:child_process'
import process from 'node:process'
import { root } from './sources.ts'

const child = spawn('npx', ['--no-install', 'vitepress', 'build', 'docs'], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' } })
let output = ''
for (const stream of [child.stdout, child.stderr]) {
  stream.on('data', (chunk: Buffer) => {
    output += chunk.toString()
    process.stdout.write(chunk)
  })
}
child.once('close', (status) => {
  const lines = output.split('\n').filter((line) => !line.startsWith('npm '))
  const warnings = lines.filter((line) => /warn|\(!\)|is not loaded|not found|dead link|no matched/i.test(line))
  if (warnings.length > 0) process.stdout.write(`The build warned:\n${warnings.join('\n')}\n`)
  process.exitCode = status !== 0 || warnings.length > 0 ? 1 : 0
})
