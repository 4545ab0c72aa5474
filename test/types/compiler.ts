// How the type tests that run the compiler call it, as strictly as an app may and on the sources of the package, and what that costs.

import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** `paths`: what an import of the package means, as files of this repository. */
export function strictOptions (paths: Readonly<Record<string, string>>): ts.CompilerOptions {
  const { config } = ts.readConfigFile(join(root, 'test/types/strict.json'), (file) => ts.sys.readFile(file)) as { config: { compilerOptions: object } } // a file of ours
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root)
  return {
    ...options,
    typeRoots: [join(root, 'node_modules/@types')],
    paths: Object.fromEntries(Object.entries(paths).map(([name, file]) => [name, [join(root, file)]])),
  }
}

/** Processor time, which other programs of the machine disturb little. */
export function cpuMsSince (before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before)
  return Math.round((user + system) / 1000)
}
