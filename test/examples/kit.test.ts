// The example of a test is a test: it runs as its reader would run it.

import { spawn } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const root = fileURLToPath(new URL('../../', import.meta.url))

await t.test('testing-your-app passes under node --test', async (t) => {
  const child = spawn(process.execPath, ['--import', 'tsx', '--test', 'examples/testing-your-app.ts'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    // Not this process's own loaders; node's runner would otherwise take itself for a child of tap's.
    env: { ...process.env, NODE_OPTIONS: '', NODE_TEST_CONTEXT: undefined },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => { output += chunk.toString() })
  const status = await new Promise<number | null>((resolve) => { child.once('close', resolve) })
  t.equal(status, 0, 'it passes')
  t.match(output, /pass 3/)
  if (status !== 0) t.comment(output)
})
