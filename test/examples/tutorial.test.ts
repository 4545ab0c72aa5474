// The tutorial, as its reader goes through it: the world of the quick start, its addresses, a read, a write, a fault.

import { spawn } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { waitFor } from '../../lib/testing/wait-for.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
/** Below the range from which the system gives ports to others. */
const FIRST_PORT = 11_000 + (process.pid * 3) % 8_000

await t.test('three regions on one laptop', async (t) => {
  const world = spawn(process.execPath, ['--import', 'tsx', 'examples/quick-start/world.ts'], {
    cwd: root,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '', WORLD_PORT: String(FIRST_PORT), DATABASE_URL: '', NODE_ENV: 'production' },
  })
  const ended = new Promise<number | null>((resolve) => { world.once('close', resolve) })
  t.teardown(async () => {
    world.kill('SIGKILL')
    await ended
  })
  let output = ''
  for (const stream of [world.stdout, world.stderr]) stream.on('data', (chunk: Buffer) => { output += chunk.toString() })
  await waitFor('the world to stand', () => output.includes('k: kill the primary') || world.exitCode !== null, { withinMs: 60_000 })
  if (world.exitCode !== null) t.fail('it has ended', { output })
  const tokyo = /^nrt {2}(\S+)$/m.exec(output)?.[1] ?? output
  const post = async (): Promise<Response> => await fetch(`${tokyo}/posts`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"title":"konnichiwa"}' })

  // The first request of a region also opens its connections.
  await fetch(`${tokyo}/posts`)
  t.same(await (await fetch(`${tokyo}/posts`)).json(), [])
  await waitFor('a read that is too quick to have left Tokyo', async () => {
    const started = performance.now()
    await (await fetch(`${tokyo}/posts`)).arrayBuffer()
    return performance.now() - started < 200
  }, { withinMs: 30_000 })

  const started = performance.now()
  const written = await post()
  t.equal(written.status, 200)
  t.ok(performance.now() - started >= 200, 'a write travels')
  const later = await waitFor('the post to arrive', async () => {
    const posts = await (await fetch(`${tokyo}/posts`)).json() as { title: string }[]
    return posts.length > 0 && posts
  }, { withinMs: 10_000 })
  t.match(later, [{ title: 'konnichiwa' }])

  world.stdin.write('k\n')
  await waitFor('the primary to be gone', () => output.includes('the primary is gone'), { withinMs: 10_000 })
  t.equal((await fetch(`${tokyo}/posts`)).status, 200, 'reads go on')
  t.equal((await post()).status, 503)
  world.stdin.write('s\n')
  await waitFor('the primary to run', () => output.includes('the primary runs'), { withinMs: 20_000 })
  await waitFor('writes to work again', async () => (await post()).status === 200, { withinMs: 20_000 })
  world.stdin.write('q\n')
  t.equal(await ended, 0, 'it ends by itself')
})
