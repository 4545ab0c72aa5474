// `new PrismaClient({ schema })`: the client of `createClient`, with errors in Prisma's words.

import process from 'node:process'
import { resolveClientOptions, type ClientOptions } from '../core/options.ts'
import { makeClient } from '../postgres/client.ts'
import { openServers } from '../postgres/open-servers.ts'
import type { ClientMethods } from '../query/args/client.ts'
import type { Models } from '../query/args/model-client.ts'
import type { AppSchema } from '../register.ts'
import { prismaErrorOf } from './prisma-error.ts'

/** The client of the schema that the app registers; for another schema use `createClient`. */
export interface PrismaClient extends Models<AppSchema>, ClientMethods<AppSchema> {
  /** Connects now instead of with the first operation. @throws P1001 when no database answers */
  $connect (): Promise<void>
}

/**
 * A client that code written for Prisma can use: the same methods, and errors that Prisma has a code for come as
 * `PrismaClientKnownRequestError`. `$extends`, `$on` and `$use` do not exist; neither do Prisma's own options.
 *
 * @example
 * import { PrismaClient } from 'fastify-multi-region/prisma'
 * import * as schema from './db/schema.ts'
 * const prisma = new PrismaClient({ schema })
 * @throws FST_MR_OPTIONS_INVALID, FST_MR_SCHEMA_INVALID
 * @since 0.1.0
 */
export class PrismaClient {
  constructor (options: ClientOptions & { readonly schema: object }) {
    const resolved = resolveClientOptions(options, process.env)
    for (const warning of resolved.warnings) process.emitWarning(warning, { type: 'MultiRegionWarning' })
    const log = { debug () {}, info () {}, warn () {}, error () {} }
    const { processClient } = makeClient(() => openServers(resolved, { log }), { ...resolved, translateError: prismaErrorOf })
    const connect = async (): Promise<void> => { await processClient.$queryRawUnsafe('select 1') }
    // The client is another object, whose models come from the schema; the interface above says what it has.
    return Object.defineProperty(processClient, '$connect', { value: connect }) as unknown as PrismaClient
  }
}
