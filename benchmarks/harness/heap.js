// The heap of this process, in MiB, behind a collection.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc')

export function heapMiB () {
  gc()
  gc()
  return process.memoryUsage().heapUsed / 2 ** 20
}
