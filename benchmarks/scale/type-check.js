// The types of a schema of many models, and of three calls on each: the compiler as a process of its own.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))
const { compilerOptions } = JSON.parse(readFileSync(join(root, 'test/types/strict.json'), 'utf8'))

export function typeCheck ({ quick }) {
  const folder = mkdtempSync(fileURLToPath(new URL('../large-', import.meta.url))) // where the package is installed
  const time = []
  const instantiations = []
  try {
    for (const n of quick ? [10, 100] : [10, 30, 100, 300]) {
      const write = `import { writeLargeProgram } from './test/types/large-schema.ts'; import { writeFileSync } from 'node:fs'; for (const [name, text] of Object.entries(writeLargeProgram(${n}).files)) writeFileSync(${JSON.stringify(folder)} + '/' + name, text)`
      execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', write], { cwd: root })
      writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['calls.ts'] }))
      const said = execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder, '--extendedDiagnostics'], { encoding: 'utf8' })
      const figure = (name) => Number(new RegExp(`^${name}:\\s+([\\d.]+)`, 'm').exec(said)?.[1])
      time.push({ n, value: figure('Total time') })
      instantiations.push({ n, value: figure('Instantiations') })
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return [
    { what: 'type-check of a schema and three calls a model, by models', unit: 's', points: time, bound: 1 },
    { what: 'instantiations of types, by models', unit: '', points: instantiations, bound: 1.1 },
  ]
}
