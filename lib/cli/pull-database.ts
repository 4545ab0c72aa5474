// From a live database to a draft: one connection, one statement, nothing written; a standby does as well as a primary.
import { lookup } from 'node:dns/promises'
import { parseEndpoint, EndpointProblem } from '../core/endpoint.ts'
import type { Endpoint } from '../core/endpoint.ts'
import { DriverFailure } from '../core/driver-failure.ts'
import { openSession } from '../postgres/driver.ts'
import { PreparedAdmission } from '../postgres/prepared-admission.ts'
import { catalogueQuery } from './catalogue.ts'
import type { Catalogue } from './catalogue.ts'
import { CommandError } from './command.ts'
import { draftFromCatalogue } from './database-draft.ts'
import type { SchemaDraft } from './schema-draft.ts'

const connectTimeoutMs = 10_000
/** A catalogue of thousands of tables takes seconds; one that is locked by a long migration must not hang a build for ever. */
const statementTimeoutMs = 60_000

export interface DatabasePull {
  readonly url: string
  /** None: the connection's own. */
  readonly schemas: readonly string[]
  readonly picks: (schema: string, table: string) => boolean
}

export async function draftFromDatabase ({ url, schemas, picks }: DatabasePull): Promise<SchemaDraft> {
  const catalogue = await readCatalogue(endpointOf(url), schemas)
  const missing = schemas.filter((schema) => !catalogue.schemas.includes(schema))
  if (missing.length > 0) throw new CommandError(`there is no schema ${missing.map((schema) => `'${schema}'`).join(', ')} in this database; it has ${catalogue.schemas.join(', ')}`)
  if (schemas.length === 0 && catalogue.currentSchema === null) throw new CommandError(`the connection's search_path leads to no schema; say which with --schemas (there are ${catalogue.schemas.join(', ')})`)
  return draftFromCatalogue(catalogue, picks)
}

function endpointOf (url: string): Endpoint {
  try {
    return parseEndpoint(url, 'the database')
  } catch (error) {
    if (error instanceof EndpointProblem) throw new CommandError(`the database URL ${error.message}`, error)
    throw error
  }
}

async function readCatalogue (endpoint: Endpoint, schemas: readonly string[]): Promise<Catalogue> {
  try {
    const address = { at: endpoint.host.startsWith('/') ? endpoint.host : (await lookup(endpoint.host)).address, port: endpoint.port, hostName: endpoint.host }
    // A pooler in transaction mode knows no statement by name, and one statement gains nothing from it.
    const session = await openSession({ endpoint, address, connectTimeoutMs, statementTimeoutMs, prepare: false, clock: { tick: 0 }, admission: new PreparedAdmission(), onDead: () => {} })
    try {
      const { rows } = await session.query({ text: catalogueQuery, params: [schemas.length === 0 ? null : arrayText(schemas)] })
      // The statement above makes this shape; test/cli/pull-database.test.ts holds it against the server.
      return JSON.parse(rows[0]?.[0] ?? 'null') as Catalogue
    } finally {
      session.destroy()
    }
  } catch (error) {
    throw new CommandError(`the catalogue of ${endpoint.database} on ${endpoint.host}:${endpoint.port} cannot be read: ${reasonOf(error)}`, error)
  }
}

function reasonOf (error: unknown): string {
  if (!(error instanceof DriverFailure)) return error instanceof Error ? error.message : String(error)
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : ''
  return `${error.message.replace(/\.$/, '')}${cause} (${error.code})`
}

function arrayText (items: readonly string[]): string {
  return `{${items.map((item) => `"${item.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`).join(',')}}`
}
