// An endpoint: one configured place of a server, made from a URL or from postgres.js options.
// Its password is kept where no log, no JSON and no inspection prints it.

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
