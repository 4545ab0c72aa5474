// Runs a command of the command line in a folder of its own, and says what it printed.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { runCommandLine } from '../../lib/cli/command-line.ts'
import { resolveSchema } from '../../lib/query/model.ts'
import type { ResolvedSchema } from '../../lib/query/model.ts'

export interface CommandRun {
  readonly code: number
  readonly out: string
  readonly err: string
}

export class Folder {
  readonly path: string

  constructor (path: string) {
    this.path = path
  }

  async run (...argv: readonly string[]): Promise<CommandRun> {
    const made = { out: '', err: '' }
    const code = await runCommandLine(argv, { env: {}, cwd: this.path, out: (text) => { made.out += text }, err: (text) => { made.err += text } })
    return { code, ...made }
  }

  async read (name: string): Promise<string> {
    return await readFile(join(this.path, name), 'utf8')
  }

  async write (name: string, text: string): Promise<void> {
    await mkdir(dirname(join(this.path, name)), { recursive: true })
    await writeFile(join(this.path, name), text)
  }

  async change (name: string, ...replacements: readonly (readonly [from: string | RegExp, to: string])[]): Promise<void> {
    let text = await this.read(name)
    for (const [from, to] of replacements) {
      const changed = text.replace(from, to)
      if (changed === text) throw new Error(`${name} has no ${String(from)}`)
      text = changed
    }
    await this.write(name, text)
  }

  /** Loads a schema file as an app would, with the builder functions of this checkout. */
  async resolve (name: string): Promise<ResolvedSchema> {
    const builders = new URL('../../lib/schema/index.ts', import.meta.url).href
    const copy = name.replace(/\.ts$/, `.loaded-${performance.now()}.ts`)
    await this.write('package.json', '{ "type": "module" }')
    await this.write(copy, (await this.read(name)).replaceAll("'fastify-multi-region/schema'", `'${builders}'`))
    const module: unknown = await import(pathToFileURL(join(this.path, copy)).href)
    return resolveSchema(module as object)
  }
}
