import t from 'tap'
import { execFile } from 'node:child_process'
import { access, mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'
import { copyBinaries, dataParent, findBinaries } from '../../lib/testing/binaries.ts'

const installed = process.env['MULTI_REGION_POSTGRES_BIN'] !== undefined && 'an installed PostgreSQL is used'

await t.test('the programs are found once, and run', async (t) => {
  const binaries = await findBinaries()
  t.equal(await findBinaries(), binaries)
  t.match(binaries.version, /^\d+/)
  t.equal(binaries.runAs !== undefined, process.getuid?.() === 0, 'root has another user run them')
  await access(await dataParent('memory', 3))
  t.not(await dataParent('disk', 3), '/dev/shm')
})

await t.test('a copy has the links that an install script would have made, and is made once', { skip: installed }, async (t) => {
  const { postgres, runAs } = await findBinaries()
  const native = dirname(dirname(postgres))
  const parent = t.testdir({})
  const [copy, other] = await Promise.all([copyBinaries(native, parent), copyBinaries(native, parent)])
  t.equal(copy, other, 'two at the same time agree')
  t.same(await readdir(parent), [copy.slice(parent.length + 1)], 'no draft is left')
  const links = JSON.parse(await readFile(join(copy, 'pg-symlinks.json'), 'utf8')) as { target: string }[]
  t.ok(links.length > 0)
  for (const { target } of links) await access(join(copy, relative('native', target)))
  t.match((await promisify(execFile)(join(copy, 'bin/postgres'), ['--version'])).stdout, /PostgreSQL/)
  if (runAs !== undefined) t.equal((await stat(copy)).mode & 0o5, 0o5, 'the other user may enter it')
  const { ino } = await stat(copy)
  await copyBinaries(native, parent)
  t.equal((await stat(copy)).ino, ino, 'it is used again')
  await rm(join(copy, relative('native', links[0]?.target ?? '')))
  await copyBinaries(native, parent)
  t.not((await stat(copy)).ino, ino, 'a broken copy is replaced')
})

await t.test('a useless directory is explained', async (t) => {
  const directory = t.testdir({})
  await mkdir(directory, { recursive: true })
  await writeFile(join(directory, 'readme'), '')
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', `
    import { findBinaries } from './lib/testing/binaries.ts'
    await findBinaries().then(() => console.log('found'), (failure) => console.log(failure.message))
  `], { env: { ...process.env, MULTI_REGION_POSTGRES_BIN: directory, NODE_OPTIONS: '' } })
  t.match(stdout, /MULTI_REGION_POSTGRES_BIN is ".*" does not run: it must be the directory of initdb and postgres/)
})
