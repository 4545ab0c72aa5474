// What the types cost on a large schema.
// Instantiations are asserted, since they are the same on every machine; milliseconds of processor time are printed.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import t from 'tap'
import ts from 'typescript'
import { cpuMsSince, sharedHost, strictOptions } from './compiler.ts'
import { writeLargeProgram } from './large-schema.ts'

const MODELS = 300
/** Measured with TypeScript 5.9.3: 57,968 and 1,030,850. */
const SCHEMA_BUDGET = 62_500
const PROGRAM_BUDGET = 1_113_000

const options = strictOptions({ 'fastify-multi-region': 'lib/register.ts', 'fastify-multi-region/schema': 'lib/schema/index.ts' })

const host = sharedHost(options, () => false)

t.setTimeout(300_000)
const folder = t.testdir()
for (const [name, text] of Object.entries(writeLargeProgram(MODELS).files)) writeFileSync(join(folder, name), text)

/** Type-checks one file and what it imports. The count is no part of the compiler's public API; `tsc --extendedDiagnostics` prints it. */
function check (file: string): { instantiations: number, problems: string[], ms: number } {
  const before = process.cpuUsage()
  const program = ts.createProgram([join(folder, file)], options, host) as ts.Program & { getInstantiationCount (): number }
  const problems = ts.getPreEmitDiagnostics(program).map((problem) => ts.flattenDiagnosticMessageText(problem.messageText, '\n'))
  return { instantiations: program.getInstantiationCount(), problems, ms: cpuMsSince(before) }
}

await t.test('a schema of 300 models with 10 relations each stays within its budget', async (t) => {
  const { instantiations, problems, ms } = check('schema.ts')
  t.comment(`${instantiations} instantiations, ${ms} ms`)
  t.same(problems, [])
  t.ok(instantiations < SCHEMA_BUDGET, `${instantiations} < ${SCHEMA_BUDGET}`)
})

await t.test('900 calls on it stay within theirs', async (t) => {
  const { instantiations, problems, ms } = check('calls.ts')
  t.comment(`${instantiations} instantiations, ${ms} ms`)
  t.same(problems, [])
  t.ok(instantiations < PROGRAM_BUDGET, `${instantiations} < ${PROGRAM_BUDGET}`)
})
