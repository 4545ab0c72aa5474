// Writes: create, update, delete and their nested forms.

import type { Compilation, WriteMethod } from './compile.ts'
import type { Plan } from './plan.ts'

export function compileWrite (compilation: Compilation, method: WriteMethod): Plan {
  throw new Error(`${compilation.model.name}.${method} is not there yet`)
}
