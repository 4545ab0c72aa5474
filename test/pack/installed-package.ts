// The packed tarball in an empty folder, as a new user has it, and programs that run there.

import { execFile, type ExecFileException } from 'node:child_process'
import { mkdtemp, mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import process from 'node:process'

export interface Outcome {
  readonly code: number
  /** Standard output and standard error, as a person would read them. */
  readonly text: string
}

const ROOT = join(import.meta.dirname, '../..')
const COMMAND_WITHIN_MS = 240_000

/** By `env`, since tap gives its own loaders to every child of a test, in NODE_OPTIONS, whatever environment the test gave it. */
function run (command: string, args: readonly string[], { cwd, env }: { readonly cwd: string, readonly env: NodeJS.ProcessEnv }): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile('env', ['-u', 'NODE_OPTIONS', command, ...args], { cwd, env, timeout: COMMAND_WITHIN_MS, maxBuffer: 16 * 1024 * 1024 }, (error: ExecFileException | null, stdout, stderr) => {
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : 1, text: `${stdout}${stderr}` })
    })
  })
}

/** Nothing of this checkout, of a test runner or of a deployment may reach the new user's programs. */
function cleanEnvironment (): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) =>
    !/^(TAP|NODE_OPTIONS|NODE_V8_COVERAGE|DATABASE_|FLY_|PRIMARY_REGION|MULTI_REGION_|_TAPJS)/.test(name)))
}

export class InstalledPackage {
  readonly folder: string

  private constructor (folder: string) {
    this.folder = folder
  }

  /** Packs the checkout (it must be built), and installs the tarball with `packages` beside it. */
  static async make (packages: readonly string[]): Promise<InstalledPackage> {
    const installed = new InstalledPackage(await mkdtemp(join(tmpdir(), 'new user ')))
    const must = async (step: string, outcome: Promise<Outcome>): Promise<void> => {
      const { code, text } = await outcome
      if (code !== 0) throw new Error(`${step} failed:\n${text}`)
    }
    await must('npm pack', run('npm', ['pack', '--ignore-scripts', '--pack-destination', installed.folder], { cwd: ROOT, env: cleanEnvironment() }))
    const tarball = (await readdir(installed.folder)).find((name) => name.endsWith('.tgz'))
    if (tarball === undefined) throw new Error('npm pack wrote no tarball')
    await installed.write('package.json', JSON.stringify({ name: 'new-app', version: '1.0.0', type: 'module' }))
    await must('npm install', run('npm', ['install', '--no-audit', '--no-fund', `./${tarball}`, ...packages], { cwd: installed.folder, env: cleanEnvironment() }))
    return installed
  }

  async write (file: string, content: string): Promise<string> {
    const path = join(this.folder, file)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, content)
    return path
  }

  /** Writes a program and runs it with Node. */
  async program (file: string, content: string, env: Readonly<Record<string, string>> = {}): Promise<Outcome> {
    await this.write(file, content)
    return await this.command(process.execPath, [file], env)
  }

  async command (command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Outcome> {
    return await run(command, args, { cwd: this.folder, env: { ...cleanEnvironment(), ...env } })
  }

  async remove (): Promise<void> {
    await rm(this.folder, { recursive: true, force: true })
  }
}
