// The types of a schema of many models, and of three calls on each: the compiler as a process of its own.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))
/** The compiler that the package is made with, and the native one, which a user who installs TypeScript today has. */
const compilers = ['../../node_modules/typescript/', '../node_modules/typescript/'].map((path) => {
  const folder = fileURLToPath(new URL(path, import.meta.url))
  return { name: `TypeScript ${JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).version}`, tsc: join(folder, 'bin/tsc') }
})
const { compilerOptions } = JSON.parse(readFileSync(join(root, 'test/types/strict.json'), 'utf8'))

export function typeCheck ({ quick }) {
  const folder = mkdtempSync(fileURLToPath(new URL('../large-', import.meta.url))) // where the package is installed
  const time = new Map(compilers.map(({ name }) => [name, []]))
  const instantiations = []
  try {
    for (const n of quick ? [10, 100] : [10, 30, 100, 300]) {
      const write = `import { writeLargeProgram } from './test/types/large-schema.ts'; import { writeFileSync } from 'node:fs'; for (const [name, text] of Object.entries(writeLargeProgram(${n}).files)) writeFileSync(${JSON.stringify(folder)} + '/' + name, text)`
      execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', write], { cwd: root })
      writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['calls.ts'] }))
      for (const { name, tsc } of compilers) {
        const said = execFileSync(process.execPath, [tsc, '-p', folder, '--extendedDiagnostics'], { encoding: 'utf8' })
        const figure = (label) => Number(new RegExp(`^${label}:\\s+([\\d.]+)`, 'm').exec(said)?.[1])
        time.get(name).push({ n, value: figure('Total time') })
        if (name === compilers[0].name) instantiations.push({ n, value: figure('Instantiations') })
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return [
    ...compilers.map(({ name }) => ({ what: `type-check of a schema and three calls a model, by models, ${name}`, unit: 's', points: time.get(name), bound: 1, ...(quick ? {} : { atMost: 6 }) })),
    { what: 'instantiations of types, by models', unit: '', points: instantiations, bound: 1.1 },
  ]
}
