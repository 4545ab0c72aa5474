// Where the servers are: explicit options, else DATABASE_URL and DATABASE_REPLICA_URL, else the host's name;
// and whether that agrees with the regions.

import { deriveReplica, EndpointProblem, FLY_MEMBER_PORT, parseEndpoint, parseFlyHost, type Endpoint, type EndpointInput } from './endpoint.ts'
import { DatabaseUrlMissingError, OptionsInvalidError, TopologyInvalidError } from './errors.ts'
import { describe, isBag, type Reader } from './option-reader.ts'
import { parseRegion, placeOf, type Topology } from './region.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** Finds the primary when it is asked for: at start, and after the primary has moved. */
export type FindPrimary = () => Promise<EndpointInput | readonly EndpointInput[]>

export interface DatabaseInput {
  /** The server that is written: one, a list of which each is probed for its role, or a function that finds it. */
  readonly primary: EndpointInput | readonly EndpointInput[] | FindPrimary
  /** The server that this region reads from. Without one, reads go to the primary. */
  readonly replica?: EndpointInput | undefined
}

export interface ResolvedDatabase {
  /** Candidates in order; empty only when `findPrimary` says where the primary is. */
  readonly primary: readonly Endpoint[]
  readonly findPrimary: (() => Promise<readonly Endpoint[]>) | undefined
  /** The local server; undefined: the primary serves reads too. */
  readonly replica: Endpoint | undefined
}

export function emptyIsUnset (value: string | undefined): string | undefined {
  return value === undefined || value.trim() === '' ? undefined : value.trim()
}

/** A region of the options, else of the environment. `TopologyInvalidError` is for the environment, a problem for the option. */
export function readRegion (reader: Reader, key: 'region' | 'primaryRegion', variable: string, env: Environment): string | undefined {
  const given = reader.raw(key)
  if (given !== undefined) {
    const code = typeof given === 'string' ? parseRegion(given) : undefined
    if (code === undefined) reader.problem(key, 'must be a region\'s code: letters, digits and hyphens')
    return code
  }
  const text = emptyIsUnset(env[variable])
  if (text === undefined) return undefined
  const code = parseRegion(text)
  if (code === undefined) throw new TopologyInvalidError(`${variable} must be a region's code: letters, digits and hyphens.`)
  return code
}

export interface DatabaseFacts {
  readonly database: ResolvedDatabase
  /** The primary comes from a Fly host name that names one member, in this region. */
  readonly memberRegion: string | undefined
  /** No replica was given, and none follows from the host's name. */
  readonly replicaUnknown: boolean
}

const NO_DATABASE: DatabaseFacts = { database: { primary: [], findPrimary: undefined, replica: undefined }, memberRegion: undefined, replicaUnknown: false }

function tryEndpoint (input: unknown, where: string, name: string, problems: string[]): Endpoint | undefined {
  try {
    // `parseEndpoint` checks what it is given; the cast only lets an unchecked value in.
    return parseEndpoint(input as EndpointInput, name)
  } catch (error) {
    if (!(error instanceof EndpointProblem)) throw error
    problems.push(`\`${where}\` ${error.message}`)
    return undefined
  }
}

function candidates (input: unknown, where: string, problems: string[]): Endpoint[] {
  const list: readonly unknown[] = Array.isArray(input) ? input : [input]
  if (list.length === 0) problems.push(`\`${where}\` is an empty list; name at least one server`)
  const found: Endpoint[] = []
  for (const [index, item] of list.entries()) {
    const endpoint = tryEndpoint(item, list.length === 1 ? where : `${where}[${index}]`, list.length === 1 ? 'primary' : `primary[${index}]`, problems)
    if (endpoint !== undefined) found.push(endpoint)
  }
  return found
}

function finder (find: FindPrimary): () => Promise<readonly Endpoint[]> {
  return async () => {
    const problems: string[] = []
    const found = candidates(await find(), 'database.primary()', problems)
    if (problems.length > 0) throw new OptionsInvalidError(listProblems(problems))
    return found
  }
}

/** As `FST_MR_OPTIONS_INVALID` shows them. */
export const listProblems = (problems: readonly string[]): string => problems.map((problem) => `- ${problem}`).join('\n')

/** Explicit wins; else DATABASE_URL, and the replica by DATABASE_REPLICA_URL or by the host's name. */
export function readDatabase (reader: Reader, env: Environment, region: string | undefined): DatabaseFacts {
  const { problems } = reader
  const given = reader.raw('database')
  const replicaUrl = emptyIsUnset(env['DATABASE_REPLICA_URL'])
  let where = 'database'
  let primaryInput: unknown = given
  let replicaInput: unknown
  let replicaWhere = 'database.replica'
  if (given === undefined) {
    primaryInput = emptyIsUnset(env['DATABASE_URL'])
    where = 'DATABASE_URL'
    if (primaryInput === undefined) {
      if (replicaUrl === undefined) throw new DatabaseUrlMissingError()
      throw new TopologyInvalidError('DATABASE_REPLICA_URL is set but DATABASE_URL is not: set DATABASE_URL to the primary, or unset both.')
    }
    replicaInput = replicaUrl
    replicaWhere = 'DATABASE_REPLICA_URL'
  } else if (isBag(given)) {
    const nested = reader.nested('database', ['primary', 'replica'])
    primaryInput = nested.raw('primary')
    replicaInput = nested.raw('replica')
    where = 'database.primary'
    if (primaryInput === undefined) {
      problems.push('`database.primary` is missing; give the URL of the server that is written')
      return NO_DATABASE
    }
  } else if (typeof given !== 'string') {
    reader.problem('database', `must be a URL or { primary, replica }, but is ${describe(given)}`)
    return NO_DATABASE
  } else if (replicaUrl !== undefined && env['DATABASE_URL'] === given) {
    // `database: process.env.DATABASE_URL` is the environment, spelt out.
    replicaInput = replicaUrl
    replicaWhere = 'DATABASE_REPLICA_URL'
  }

  const explicitReplica = replicaInput === undefined ? undefined : tryEndpoint(replicaInput, replicaWhere, 'replica', problems)
  if (typeof primaryInput === 'function') {
    return {
      database: { primary: [], findPrimary: finder(primaryInput as FindPrimary), replica: explicitReplica },
      memberRegion: undefined,
      replicaUnknown: replicaInput === undefined,
    }
  }
  const primary = candidates(primaryInput, where, problems)
  const first = primary[0]
  const fly = first === undefined || primary.length > 1 ? undefined : parseFlyHost(first.host)
  const derived = replicaInput === undefined && region !== undefined && fly !== undefined && first !== undefined ? deriveReplica(first, region) : undefined
  return {
    database: { primary, findPrimary: undefined, replica: explicitReplica ?? derived },
    memberRegion: fly !== undefined && first?.port === FLY_MEMBER_PORT ? fly.region : undefined,
    replicaUnknown: replicaInput === undefined && derived === undefined,
  }
}

/** Half of a pair, or a pair that contradicts itself, is an error at start: at run time it would be a wrong route. */
export function checkTopology (topology: Topology, facts: DatabaseFacts, replaying: boolean): string[] {
  const { region, primaryRegion } = topology
  if (region === undefined && primaryRegion !== undefined) {
    throw new TopologyInvalidError(`The primary's region is ${primaryRegion}, but the region of this process is not known: set FLY_REGION or the option \`region\`, or unset PRIMARY_REGION to run with one database and no replay.`)
  }
  if (region !== undefined && primaryRegion === undefined && replaying) {
    throw new TopologyInvalidError(`This process runs in ${region}, but the primary's region is not known: set PRIMARY_REGION or the option \`primaryRegion\`, or \`replay: 'off'\` to write to the primary directly.`)
  }
  if (facts.memberRegion !== undefined && primaryRegion !== undefined && facts.memberRegion !== primaryRegion) {
    throw new TopologyInvalidError(`The primary's URL names the member in ${facts.memberRegion} itself (port ${FLY_MEMBER_PORT}), but the primary's region is ${primaryRegion}: use port 5432, which leads to the primary, or correct PRIMARY_REGION.`)
  }
  if (placeOf(topology) === 'secondary' && facts.replicaUnknown) {
    return [`No replica is configured in ${region}: every read crosses to the primary in ${primaryRegion}. Set DATABASE_REPLICA_URL or \`database.replica\`.`]
  }
  return []
}
