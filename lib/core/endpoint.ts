// An endpoint: one configured place of a server, made from a URL or from postgres.js options.
// Its password is kept where no log, no JSON and no inspection prints it.

import { nearestName } from './nearest-name.ts'
import { parseRegion } from './region.ts'

/** TLS settings as `tls.connect` takes them; a plain bag here, since this layer opens no sockets. */
export type TlsSettings = Readonly<Record<string, unknown>>

/** `prefer`: TLS if the server offers it. `require`: TLS, certificate unchecked (libpq's `require`). `verify-full`: TLS, certificate and name checked. */
export type SslMode = 'disable' | 'prefer' | 'require' | 'verify-full'

export type Password = string | (() => string | Promise<string>)

/** The options of postgres.js that say where a server is and who asks; pools and timeouts are options of their own. */
export interface ConnectionOptions {
  readonly host?: string | undefined
  readonly port?: number | undefined
  /** A Unix socket; replaces `host` and `port`. */
  readonly path?: string | undefined
  readonly database?: string | undefined
  readonly user?: string | undefined
  readonly username?: string | undefined
  readonly password?: Password | undefined
  readonly pass?: Password | undefined
  readonly ssl?: boolean | SslMode | 'allow' | TlsSettings | undefined
  /** Start-up parameters, such as `application_name` or `search_path`. */
  readonly connection?: Readonly<Record<string, string | number | boolean>> | undefined
}

/** A `postgres://` or `postgresql://` URL, or options. */
export type EndpointInput = string | ConnectionOptions

export interface Endpoint {
  /** How logs, health and errors call it: `primary`, `primary[1]`, `replica`. */
  readonly name: string
  /** A host name or address; the directory of a Unix socket when it starts with `/`. */
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  /** Not enumerable. */
  readonly password: Password | undefined
  readonly ssl: SslMode | TlsSettings
  /** Start-up parameters given by the user. */
  readonly parameters: Readonly<Record<string, string>>
}

/** What is wrong with an endpoint, in words that hold no part of a URL: the caller says which option it was. */
export class EndpointProblem extends Error {
  override readonly name = 'EndpointProblem'
}

export const DEFAULT_PORT = 5432

const SSL_MODES: Readonly<Record<string, SslMode>> = {
  disable: 'disable',
  allow: 'prefer',
  prefer: 'prefer',
  require: 'require',
  'verify-ca': 'verify-full',
  'verify-full': 'verify-full',
}

/** Settings of other clients that URLs carry along; as start-up parameters the server would refuse the connection. */
const NOT_PARAMETERS = new Set([
  'channel_binding', 'connect_timeout', 'connection_limit', 'gssencmode', 'host', 'pgbouncer', 'pool_timeout', 'schema', 'single_use_connections',
  'socket_timeout', 'sslaccept', 'sslcert', 'sslidentity', 'sslmode', 'ssl', 'sslpassword', 'sslrootcert', 'statement_cache_size',
  'target_session_attrs', 'uselibpqcompat',
])

const OPTION_NAMES = ['host', 'port', 'path', 'database', 'user', 'username', 'password', 'pass', 'ssl', 'connection']

interface EndpointFields {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  readonly password: Password | undefined
  readonly ssl: SslMode | TlsSettings
  readonly parameters: Readonly<Record<string, string>>
}

function makeEndpoint (name: string, fields: EndpointFields): Endpoint {
  const endpoint = {
    name,
    host: fields.host,
    port: fields.port,
    database: fields.database,
    user: fields.user,
    ssl: fields.ssl,
    parameters: Object.freeze({ ...fields.parameters }),
  }
  Object.defineProperty(endpoint, 'password', { value: fields.password, enumerable: false })
  // The property was defined in the line above; an object literal cannot say that it is hidden.
  return Object.freeze(endpoint) as Endpoint
}

/** @throws EndpointProblem */
export function parseEndpoint (input: EndpointInput, name: string): Endpoint {
  return makeEndpoint(name, typeof input === 'string' ? fieldsOfUrl(input) : fieldsOfOptions(input))
}

function decode (part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw new EndpointProblem('has a part that is not percent-encoded correctly (a `%` in a password is written `%25`)')
  }
}

function fieldsOfUrl (text: string): EndpointFields {
  if (!/^postgres(?:ql)?:\/\//i.test(text)) throw new EndpointProblem('must be a URL that begins with postgres:// or postgresql://')
  if (/^[^?#]*@[^/?#]*,/.test(text) || /^\w+:\/\/[^/@?#]*,[^@]*$/.test(text)) throw new EndpointProblem('names several hosts; pass `database: { primary: [url, url] }` instead')
  let url: URL
  try {
    url = new URL(text)
  } catch {
    // The parser's own message quotes the URL, password included.
    throw new EndpointProblem('is not a URL (special characters in the password must be percent-encoded)')
  }
  const socket = url.searchParams.get('host')
  const host = socket ?? decode(url.hostname)
  if (host === '') throw new EndpointProblem('names no host')
  const user = decode(url.username) || url.searchParams.get('user') || 'postgres'
  const password = decode(url.password) || url.searchParams.get('password') || undefined
  const parameters: Record<string, string> = {}
  for (const [key, value] of url.searchParams) {
    if (key !== 'user' && key !== 'password' && !NOT_PARAMETERS.has(key)) parameters[key] = value
  }
  // Prisma's word for the schema that unqualified names are looked up in.
  const schema = url.searchParams.get('schema')
  if (schema !== null && schema !== '' && parameters['search_path'] === undefined) parameters['search_path'] = `"${schema.replaceAll('"', '""')}"`
  return {
    host: host.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? DEFAULT_PORT : Number(url.port),
    database: decode(url.pathname.slice(1)) || user,
    user,
    password,
    ssl: sslOfWord(url.searchParams.get('sslmode') ?? url.searchParams.get('ssl') ?? undefined),
    parameters,
  }
}

function sslOfWord (word: string | undefined): SslMode {
  if (word === undefined || word === '' || word === 'false') return 'disable'
  if (word === 'true') return 'require'
  const mode = Object.hasOwn(SSL_MODES, word) ? SSL_MODES[word] : undefined
  if (mode === undefined) throw new EndpointProblem(`has an unknown sslmode; it is one of ${Object.keys(SSL_MODES).join(', ')}`)
  return mode
}

function fieldsOfOptions (input: ConnectionOptions): EndpointFields {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) throw new EndpointProblem('must be a postgres:// URL or an object of connection options')
  for (const key of Object.keys(input)) {
    if (OPTION_NAMES.includes(key)) continue
    const nearest = nearestName(key, OPTION_NAMES)
    throw new EndpointProblem(`has an unknown field \`${key}\`${nearest === undefined ? `; known are ${OPTION_NAMES.join(', ')}, and pools and timeouts are options of the plugin` : `; did you mean \`${nearest}\`?`}`)
  }
  const host = input.path ?? input.host
  if (typeof host !== 'string' || host === '') throw new EndpointProblem('names no `host`')
  const port = input.port ?? DEFAULT_PORT
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new EndpointProblem('has a `port` that is not a number from 1 to 65535')
  const user = input.user ?? input.username ?? 'postgres'
  const database = input.database ?? user
  if (typeof user !== 'string' || typeof database !== 'string') throw new EndpointProblem('has a `user` or `database` that is not a string')
  const password = input.password ?? input.pass
  if (password !== undefined && typeof password !== 'string' && typeof password !== 'function') throw new EndpointProblem('has a `password` that is neither a string nor a function')
  const parameters: Record<string, string> = {}
  for (const [key, value] of Object.entries(input.connection ?? {})) parameters[key] = String(value)
  return { host: socketDirectory(host), port, database, user, password, ssl: sslOfOption(input.ssl), parameters }
}

/** postgres.js takes the socket's file, libpq its directory; both are common. */
function socketDirectory (host: string): string {
  return host.startsWith('/') ? host.replace(/\/\.s\.PGSQL\.\d+$/, '') : host
}

function sslOfOption (ssl: ConnectionOptions['ssl']): SslMode | TlsSettings {
  if (ssl === undefined || ssl === false) return 'disable'
  if (ssl === true) return 'require'
  if (typeof ssl === 'string') return sslOfWord(ssl)
  if (typeof ssl === 'object' && ssl !== null) return ssl
  throw new EndpointProblem('has an `ssl` that is neither a boolean, a mode nor TLS settings')
}

/**
 * Members of a database on Fly's private network: `<app>.internal`, `<region>.<app>.internal`,
 * `top<N>.nearest.of.<app>.internal`. Port 5432 leads to the primary, 5433 to the member itself (FACTS 4.14).
 * `<app>.flycast` takes no region, and so does any other host: undefined.
 */
const FLY_HOST = /^(?:top\d+\.nearest\.of\.|(?<prefix>[a-z0-9-]+)\.)?(?<app>[a-z0-9-]+)\.internal\.?$/i
export const FLY_MEMBER_PORT = 5433

export interface FlyHost {
  readonly app: string
  /** Undefined: no member in particular. */
  readonly region: string | undefined
}

export function parseFlyHost (host: string): FlyHost | undefined {
  const match = FLY_HOST.exec(host)
  const app = match?.groups?.['app']
  if (app === undefined) return undefined
  const prefix = match?.groups?.['prefix']
  return { app: app.toLowerCase(), region: prefix === undefined || prefix === 'global' ? undefined : parseRegion(prefix) }
}

/** The member in `region`, or undefined where a host name does not tell. Deriving from a derived endpoint gives the same one again. */
export function deriveReplica (primary: Endpoint, region: string, name = 'replica'): Endpoint | undefined {
  const host = parseFlyHost(primary.host)
  if (host === undefined) return undefined
  return makeEndpoint(name, { ...primary, password: primary.password, host: `${region}.${host.app}.internal`, port: FLY_MEMBER_PORT })
}

/** Do two endpoints lead to the same place by their configuration? */
export function isSamePlace (a: Endpoint, b: Endpoint): boolean {
  return a.host.toLowerCase() === b.host.toLowerCase() && a.port === b.port && a.database === b.database
}

const URL_PASSWORD = /(postgres(?:ql)?:\/\/[^\s:@/]*):[^\s@]*@/gi

/** The text with the passwords of URLs struck out, for messages of systems that quote what they were given. */
export function redact (text: string): string {
  return text.replace(URL_PASSWORD, '$1:***@')
}
