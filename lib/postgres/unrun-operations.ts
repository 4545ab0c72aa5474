// For development: operations that nobody awaited. An operation runs when it is awaited, so one that is dropped has
// silently done nothing; what is told is where it was made.
//
// Seen when the collector takes it, which may be late, or never in a short process. An operation that a further call was
// chained on (`findUnique(…).posts()`) or that a transaction took is not dropped.

import { fileURLToPath } from 'node:url'
import { takeStack } from '../core/take-stack.ts'

/** Words alone: an error that has not been asked for its stack holds what was on it, the operation too. */
interface Origin {
  readonly method: string
  readonly where: string | undefined
}

/** Frames of this package that may stand before the caller's. */
const FRAMES = 12

/** Loaders that map sources name a file by its path, Node by its URL. */
const PACKAGE = [new URL('..', import.meta.url).href, fileURLToPath(new URL('..', import.meta.url))]
const isForeign = (frame: string): boolean => PACKAGE.some((folder) => frame.includes(folder)) || /[\\/]node_modules[\\/]/.test(frame) || /\bnode:/.test(frame)

export class UnrunOperations {
  readonly #registry: FinalizationRegistry<Origin>

  constructor (found: (method: string, where: string | undefined) => void) {
    this.#registry = new FinalizationRegistry(({ method, where }) => { found(method, where) })
  }

  watch (operation: object, method: string): void {
    this.#registry.register(operation, { method, where: placeOf(takeStack(FRAMES)) }, operation)
  }

  used (operation: object): void {
    this.#registry.unregister(operation)
  }
}

/** `file:line:column` of the first frame in the caller's own code. */
function placeOf (stack: string): string | undefined {
  const frame = stack.split('\n').slice(1).find((line) => !isForeign(line))
  return frame === undefined ? undefined : /\(?((?:file:\/\/|[A-Za-z]:|\/)[^()]+:\d+:\d+)\)?$/.exec(frame)?.[1]
}
