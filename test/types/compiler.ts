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

/** Reads each file once for all programs of these options, but those that `changes` names. */
export function sharedHost (options: ts.CompilerOptions, changes: (file: string) => boolean): ts.CompilerHost {
  const host = ts.createCompilerHost(options)
  const read = host.getSourceFile.bind(host)
  const known = new Map<string, ts.SourceFile | undefined>()
  host.getSourceFile = (file, ...how) => {
    if (changes(file)) return read(file, ...how)
    if (!known.has(file)) known.set(file, read(file, ...how))
    return known.get(file)
  }
  return host
}

/** Processor time, which other programs of the machine disturb little. */
export function cpuMsSince (before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before)
  return Math.round((user + system) / 1000)
}
