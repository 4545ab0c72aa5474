// The only file that knows postgres.js: one session, owned by one statement or batch at a time.
//
// A session is one postgres.js instance with a single connection over a socket of our own. What that closes:
// - The socket factory gives its socket once and refuses after that, so postgres.js can never reconnect and run
//   the rest of a batch outside its transaction (FACTS 3.3), nor meet a stale FATAL (3.1).
// - A statement is a `Job`, which postgres.js sees as one of its queries. It brings its parameters with it, which
//   makes even the first use of a statement one flight (Parse, Describe, Bind, Execute): a batch is one round trip
//   always. `Query` of `sql.unsafe` would be described first, and would leave an entry in a global map with each
//   error (`originStackCache`).
// - postgres.js runs a statement with a stale plan again at the *end* of the pipeline, behind the ROLLBACK of its
//   own transaction. A job takes itself out of that (`retried`); the session runs it again only where it was alone.
// - Parsers and serializers are empty: text in, text out. The environment (PGHOST, PGTARGETSESSIONATTRS, …) is not
//   read: a complete options object passes `postgres()` as it is.
// - A FATAL reaches callers as CONNECTION_CLOSED (3.1); its code is read from the last bytes that came.
// - No timer a query: the pool's clock ticks, and a session past its deadline is destroyed (`query.cancel()` would
//   hit whatever runs on that backend by then, 7.1).
// This leans on the inside of postgres.js, so its version is pinned exactly; test/postgres/driver.test.ts holds
// each of these lines against a real server. A job and its session stand in one file: they are the two halves of
// what postgres.js calls a query and its connection.

import type { Socket } from 'node:net'
import type { Stream } from 'node:stream'
import postgres from 'postgres'
import { DriverFailure, type DriverFailureFields } from '../core/driver-failure.ts'
import type { Endpoint } from '../core/endpoint.ts'
import type { QueryResult, ResultColumn, Statement } from '../query/statement.ts'
import { connectFailure, dial, type Address } from './dial.ts'
import type { PreparedAdmission } from './prepared-admission.ts'
import { lastWords, ServerMessage, type DriverError } from './server-message.ts'
import { StartUpCheck } from './start-up-check.ts'

export interface RunOptions {
  /** Milliseconds that this work may take, where that is less than the pool's `statementTimeoutMs`. */
  readonly deadlineMs?: number | undefined
}

export interface Connection {
  /** Which server process; for logs. */
  readonly pid: number | undefined
  /** `in_hot_standby` as this session last reported it (PostgreSQL 14 and later), else what it said at its start. */
  readonly onStandby: boolean | undefined
  /** Ended, or about to: never to be used again. */
  readonly dead: boolean
  /** Inside a transaction block, as the server last said; tells the truth only while nothing runs. */
  readonly inTransaction: boolean
  /** Rejects with a DriverFailure. */
  query (statement: Statement, options?: RunOptions): Promise<QueryResult>
  /**
   * Sent together, one round trip. No BEGIN is added: without one each statement is its own transaction, and
   * those behind a failed one run all the same. Waits for all, then rejects with the first failure.
   */
  batch (statements: readonly Statement[], options?: RunOptions): Promise<QueryResult[]>
  /** No parameters, never prepared: BEGIN, COMMIT, SET. Of several statements the last one's result is given. */
  simple (text: string, options?: RunOptions): Promise<QueryResult>
  /** Ends the socket at once; whatever runs is rejected. */
  destroy (): void
}

export interface Owner {
  release (connection: Connection): void
}

/** Coarse time, counted by the owner's timer; a blocked event loop delays the count and so ends nobody's session. */
export interface Clock {
  tick: number
}

export const TICK_MS = 50
/** How long after the server's own deadline the client ends the session: the answer needs a round trip. */
export const GRACE_MS = 500
/** A session that has prepared more is replaced: hostile shapes must not grow the server's memory without bound. */
export const MAX_PREPARED = 500

const MAX_PARAMETERS = 65_533
const NEVER = Number.POSITIVE_INFINITY

export interface SessionOptions {
  readonly endpoint: Endpoint
  readonly address: Address
  readonly connectTimeoutMs: number
  readonly statementTimeoutMs: number
  readonly prepare: boolean
  readonly clock: Clock
  readonly admission: PreparedAdmission
  readonly onDead: (session: Session) => void
}

/** What a session says of its server at its start, so that two members behind one address are told apart. */
export interface Greeting {
  readonly onStandby: boolean | undefined
  readonly address: string | undefined
  readonly port: string | undefined
}

// What postgres.js is told about a statement; constant, so that no query allocates them.
const PREPARED = { prepare: true, simple: false } as const
const UNNAMED = { prepare: false, simple: false } as const
const SIMPLE = { prepare: false, simple: true } as const
type Mode = typeof PREPARED | typeof UNNAMED | typeof SIMPLE

const NO_ARGUMENTS: readonly never[] = []

/** postgres.js's `Result`: an array of rows, or for a simple query of several statements an array of these. */
interface DriverResult {
  readonly count: number | null
  readonly command: string | null
  readonly columns: ResultColumn[] | null
}

/**
 * One statement as postgres.js's connection handles its queries: these are the fields that it reads and writes.
 * All are assigned in the constructor, in one order.
 */
class Job {
  readonly session: Session
  readonly strings: readonly [string]
  readonly args: readonly never[] = NO_ARGUMENTS
  readonly tagged = false
  readonly options: Mode
  /** postgres.js writes into it. */
  readonly parameters: (string | null)[]
  readonly isRaw = 'values'
  readonly forEachFn: ((row: (string | null)[]) => void) | undefined
  active = false
  cancelled: unknown = null
  state: unknown = null
  statement: unknown = null
  prepare = false
  prepared = false
  describeFirst: unknown = false
  parsing = false
  string = ''
  signature: unknown = ''
  readonly rows: (string | null)[][] = []
  /** Its answer tells that the text is prepared now. */
  readonly prepares: boolean
  readonly promise: Promise<QueryResult>
  settle!: (result: QueryResult) => void
  refuse!: (failure: DriverFailure) => void

  constructor (session: Session, text: string, parameters: readonly (string | null)[], mode: Mode, prepares: boolean) {
    this.session = session
    this.strings = [text]
    this.options = mode
    this.parameters = parameters.slice()
    // Rows go into an array of our own: postgres.js's `Result` is a subclass that no deep comparison takes for an array.
    this.forEachFn = mode === SIMPLE ? undefined : collect
    this.prepares = prepares
    this.promise = new Promise((resolve, reject) => {
      this.settle = resolve
      this.refuse = reject
    })
  }

  resolve (result: unknown): void {
    this.active = false
    this.session.answered(this, result)
  }

  reject (error: unknown): void {
    this.active = false
    this.session.failed(this, error as DriverError) // postgres.js rejects with errors alone
  }

  /** Added to an error's stack; the cache behind postgres.js's own getter grows with every error. */
  get origin (): string { return '' }

  /** Set by postgres.js when it is about to run a statement with a stale plan again; `cancelled` makes it let go. */
  set retried (error: unknown) {
    this.cancelled = true
    this.reject(error)
  }

  get retried (): undefined { return undefined }
}

function collect (this: Job, row: (string | null)[]): void {
  this.rows.push(row)
}

type Submit = (job: Job) => void

// Of the protocol's messages.
const READY_FOR_QUERY = 0x5A // Z
const READY_FOR_QUERY_BYTES = 6
const IDLE = 0x49 // I
const STATES: ReadonlySet<number> = new Set([IDLE, 0x54, 0x45]) // I, T, E
const TERMINATE = Buffer.from([0x58, 0, 0, 0, 4])

/** Routines of errors that only say that a prepared statement is out of date (postgres.js's own list, less one that names other errors too). */
function isStalePlan (error: DriverError): boolean {
  return error.routine === 'RevalidateCachedQuery' || error.routine === 'FetchPreparedStatement'
}

export class Session implements Connection {
  /** Where it has to be given back. */
  owner: Owner | undefined
  /** The owner's: who has it. */
  lease: 'none' | 'native' | 'borrowed' = 'none'
  /** The owner's: how many have it. */
  holders = 0
  /** The owner's: its statements belong to several who know nothing of each other. */
  shared = false
  /** The owner's: the sweep at which it became idle. */
  idleSince = 0
  /** The clock's tick from which on the owner should call `expire`. */
  expiresAtTick = NEVER
  readonly #options: SessionOptions
  readonly #socket: Socket
  readonly #statements = new Map<string, 'pending' | 'ready'>()
  readonly #running: Job[] = []
  readonly #limitTicks: number
  #submit: Submit = unopened
  #greeting: Greeting | undefined
  #onStandby: boolean | undefined
  #dead = false
  #ending: 'deadline' | undefined
  /** The job that the server did not answer. */
  #late: Job | undefined
  #lastChunk: Buffer | undefined
  #state: number = IDLE
  #lastNotice: string | undefined
  /** What we did not take from the server. */
  #refusal: 'PROTOCOL' | undefined
  #startUp: StartUpCheck | undefined = new StartUpCheck()
  /** postgres.js's own listener for what comes. */
  #feed: ((chunk: Buffer) => void) | undefined
  #prepared = 0
  /** What the server's `statement_timeout` is. */
  #timeoutMs: number
  /** The deadline of each statement of the present work. */
  #workTicks: number
  /** Is one of the two not what this session began with? */
  #limited = false
  #pid: number | undefined

  constructor (options: SessionOptions, socket: Socket) {
    this.#options = options
    this.#socket = socket
    this.#timeoutMs = options.statementTimeoutMs
    this.#limitTicks = ticksOf(options.statementTimeoutMs)
    this.#workTicks = this.#limitTicks
    socket.on('data', (chunk: Buffer) => { this.#received(chunk) })
    socket.on('end', () => { this.#end() })
    socket.on('close', () => {
      this.#end()
      // postgres.js rejects what it knows to run in its own listener. Should it have lost sight of a job, nobody may wait for ever.
      setImmediate(() => { for (const job of this.#running.splice(0)) job.refuse(this.#failureOf(job, undefined)) })
    })
  }

  get pid (): number | undefined { return this.#pid }
  get onStandby (): boolean | undefined { return this.#onStandby }
  get dead (): boolean { return this.#dead }
  get busy (): boolean { return this.#running.length > 0 }
  get greeting (): Greeting | undefined { return this.#greeting }
  /** Has prepared so much that it should be replaced. */
  get worn (): boolean { return this.#prepared > MAX_PREPARED }

  get inTransaction (): boolean { return this.#state !== IDLE }

  /** Opens the session on its socket. @throws DriverFailure of kind `connect` */
  async open (password: string): Promise<void> {
    const { endpoint, statementTimeoutMs, prepare } = this.#options
    let given = false
    const options = {
      host: [endpoint.host],
      port: [endpoint.port],
      path: false,
      database: endpoint.database,
      user: endpoint.user,
      pass: password,
      max: 1,
      ssl: false,
      sslnegotiation: null,
      idle_timeout: null,
      connect_timeout: null,
      max_lifetime: null,
      max_pipeline: NEVER,
      backoff: 0,
      keep_alive: null,
      prepare: true,
      debug: false,
      fetch_types: false,
      publications: '',
      target_session_attrs: undefined,
      connection: startUpParameters(endpoint, prepare ? statementTimeoutMs : undefined),
      types: {},
      parsers: {},
      serializers: {},
      onnotice: (notice: { code?: string }) => { this.#lastNotice = notice.code },
      onnotify: ignore,
      onclose: ignore,
      onparameter: (name: string, value: string) => { if (name === 'in_hot_standby') this.#onStandby = value === 'on' },
      socket: () => {
        if (given) throw connectFailure('CONNECTION_ENDED')
        given = true
        return this.#socketForDriver()
      },
      transform: { undefined, column: {}, value: {}, row: {} },
      parameters: {},
      shared: { retries: 0, typeArrayMap: {} },
      no_subscribe: ignore,
    }
    // A complete options object (it has `shared`) is taken as it is; the types know only the incomplete one.
    const sql = postgres(options as unknown as postgres.Options<Record<string, never>>)
    // The function that postgres.js's queries are handed to; a query carries it, and no other way leads there.
    this.#submit = (sql.unsafe('') as unknown as { readonly handler: Submit }).handler

    // The first query opens the session, so let it be a useful one: two members behind one address differ in it.
    const hello = new Job(this, 'select pg_is_in_recovery(), inet_server_addr(), inet_server_port()', [], SIMPLE, false)
    this.#running.push(hello)
    this.#submit(hello)
    try {
      const { rows: [row] } = await hello.promise
      this.#onStandby ??= row?.[0] === 't'
      this.#greeting = { onStandby: row?.[0] === 't', address: row?.[1] ?? undefined, port: row?.[2] ?? undefined }
    } catch (failure) {
      // A server that does not know these functions is a server all the same.
      if (!(failure instanceof DriverFailure) || failure.kind !== 'server' || failure.severity === 'FATAL' || failure.severity === 'PANIC') throw asConnectFailure(failure)
      this.#greeting = { onStandby: undefined, address: undefined, port: undefined }
    }
    const rest = this.#startUp?.rest
    this.#startUp = undefined
    if (rest !== undefined && rest.length > 0) this.#feed?.(rest)
    this.#pid = (hello.state as { readonly pid: number } | null)?.pid
  }

  /** The socket, but for its data, which comes to us first. */
  #socketForDriver (): Socket {
    const socket = this.#socket
    const on = socket.on.bind(socket) as (event: string, listener: (...values: never[]) => void) => Socket // one of its overloads
    return Object.defineProperty(socket, 'on', {
      value: (event: string, listener: (...values: never[]) => void) => {
        if (event !== 'data') return on(event, listener)
        this.#feed = listener as (chunk: Buffer) => void // that is what `data` brings
        return socket
      },
    })
  }

  query (statement: Statement, options?: RunOptions): Promise<QueryResult> {
    if (options !== undefined || this.#limited) this.#limit(options?.deadlineMs)
    return this.#run(statement.text, statement.params)
  }

  batch (statements: readonly Statement[], options?: RunOptions): Promise<QueryResult[]> {
    this.#socket.cork()
    const jobs: Promise<QueryResult>[] = []
    try {
      if (options !== undefined || this.#limited) this.#limit(options?.deadlineMs)
      for (const statement of statements) jobs.push(this.#run(statement.text, statement.params))
    } finally {
      // postgres.js writes what is left over in an immediate that it has set before this one.
      setImmediate(() => { this.#socket.uncork() })
    }
    return settled(jobs)
  }

  simple (text: string, options?: RunOptions): Promise<QueryResult> {
    if (options !== undefined || this.#limited) this.#limit(options?.deadlineMs)
    return this.#start(text, NO_ARGUMENTS, SIMPLE, false)
  }

  /** Ends the session behind whatever runs, by the protocol's own goodbye. */
  close (): void {
    if (this.#dead) return
    this.#end()
    this.#socket.end(TERMINATE, () => { this.#socket.destroy() })
  }

  destroy (): void {
    this.#socket.destroy()
    this.#end()
  }

  /** Its deadline has passed: the server did not keep it, or cannot be heard. */
  expire (): void {
    if (this.#dead) return
    this.#ending = 'deadline'
    this.#late = this.#running[0]
    this.destroy()
  }

  /** Resolves when the socket is gone. */
  ended (): Promise<void> {
    return this.#socket.closed ? Promise.resolve() : new Promise((resolve) => { this.#socket.once('close', () => { resolve() }) })
  }

  #run (text: string, parameters: readonly (string | null)[]): Promise<QueryResult> {
    const known = this.#statements.get(text)
    if (known === 'ready') return this.#start(text, parameters, PREPARED, false)
    if (parameters.length > MAX_PARAMETERS) return Promise.reject(unsent('TOO_MANY_PARAMETERS'))
    // Being prepared in this very flight: a second Parse would leave a second copy on the server.
    if (known === 'pending' || !this.#options.prepare || !this.#options.admission.admit(text)) return this.#start(text, parameters, UNNAMED, false)
    this.#statements.set(text, 'pending')
    return this.#start(text, parameters, PREPARED, true)
  }

  #start (text: string, parameters: readonly (string | null)[], mode: Mode, prepares: boolean): Promise<QueryResult> {
    if (this.#dead) {
      if (prepares) this.#statements.delete(text)
      return Promise.reject(this.#ending === 'deadline' ? unsent('DEADLINE') : unsent('CONNECTION_ENDED'))
    }
    // It would end the text early, and what follows would be read as something else. Known texts have none.
    if ((prepares || mode !== PREPARED) && text.includes('\0')) {
      if (prepares) this.#statements.delete(text)
      return Promise.reject(unsent('NUL_IN_STATEMENT'))
    }
    if (this.#running.length === 0) this.expiresAtTick = this.#options.clock.tick + this.#workTicks
    const job = new Job(this, text, parameters, mode, prepares)
    this.#running.push(job)
    this.#submit(job)
    if (job.prepare && !job.prepared) this.#prepared++
    return job.promise
  }

  /** Sets the deadline of each statement of the work that begins now, here and on the server; without one the session's own comes back. */
  #limit (deadlineMs: number | undefined): void {
    const { statementTimeoutMs, prepare } = this.#options
    const limitMs = Math.min(deadlineMs ?? statementTimeoutMs, statementTimeoutMs)
    this.#workTicks = ticksOf(limitMs)
    this.#limited = limitMs !== statementTimeoutMs || this.#timeoutMs !== statementTimeoutMs
    // In a transaction a SET would be undone by a rollback, and what the session has would no longer be known.
    if (!prepare || this.#timeoutMs === limitMs || this.#running.length > 0 || this.inTransaction) return
    this.#timeoutMs = limitMs
    // Travels with the work itself. Should it fail, the session has failed, and the work tells so.
    this.#start(`set statement_timeout = ${Math.max(1, Math.round(limitMs))}`, NO_ARGUMENTS, SIMPLE, false).catch(ignore)
  }

  /** @internal postgres.js has the answer to `job`. */
  answered (job: Job, answer: unknown): void {
    this.#finished(job)
    if (!Array.isArray(answer)) {
      // A stream: the statement was a COPY, and nobody reads or feeds it. Its end is an error that nobody awaits either.
      (answer as Stream).on('error', ignore)
      this.destroy()
      // No row has been taken or will be, so this is an error of the statement, not an unknown outcome.
      job.refuse(this.#failure({ kind: 'server', code: 'COPY_UNSUPPORTED', sent: true }, 'COPY is not supported by this client.'))
      return
    }
    if (job.prepares) this.#statements.set(job.strings[0], 'ready')
    if (job.options === SIMPLE) {
      job.settle(simpleResult(answer))
      return
    }
    const result = answer as unknown as DriverResult // the array that postgres.js makes has these fields
    job.settle({ rows: job.rows, columns: result.columns ?? [], count: result.count ?? 0, command: result.command ?? '' })
  }

  /** @internal `job` came to nothing. */
  failed (job: Job, error: DriverError): void {
    const alone = this.shared || this.#running.length === 1
    this.#finished(job)
    if (job.prepares) this.#statements.delete(job.strings[0])
    if (alone && job.options === PREPARED && !this.#dead && isStalePlan(error) && !this.inTransaction) {
      // It was refused before it ran, and nothing stands around it that its order could matter to.
      this.#statements.delete(job.strings[0])
      queueMicrotask(() => { this.#start(job.strings[0], job.parameters, UNNAMED, false).then(job.settle, job.refuse) })
      return
    }
    job.refuse(this.#failureOf(job, error))
  }

  #finished (job: Job): void {
    const running = this.#running
    if (running.length === 1) running.length = 0
    else {
      const index = running.indexOf(job)
      if (index !== -1) running.splice(index, 1)
    }
    // The next in the pipeline begins now.
    this.expiresAtTick = running.length === 0 ? NEVER : this.#options.clock.tick + this.#workTicks
  }

  #end (): void {
    if (this.#dead) return
    this.#dead = true
    this.expiresAtTick = NEVER
    this.#options.onDead(this)
  }

  /** Everything that comes passes here before postgres.js sees it, so that the state is known when an answer is handed out. */
  #received (chunk: Buffer): void {
    if (this.#startUp !== undefined) {
      this.#checkStartUp(this.#startUp, chunk)
      return
    }
    this.#lastChunk = chunk
    // The state that ReadyForQuery tells, which postgres.js does not hand on: the last byte of what came, unless a notice came by itself.
    const length = chunk.length
    const last = chunk[length - 1]
    if (last !== undefined && (length >= READY_FOR_QUERY_BYTES ? chunk[length - READY_FOR_QUERY_BYTES] === READY_FOR_QUERY : STATES.has(last))) this.#state = last
    this.#feed?.(chunk)
  }

  /** Until the session is open whole messages are handed on, after a check: postgres.js handles authentication in promises that nobody awaits. */
  #checkStartUp (check: StartUpCheck, chunk: Buffer): void {
    const messages = check.take(chunk)
    if (messages === undefined) {
      this.#lastNotice = undefined
      this.#refusal = 'PROTOCOL'
      this.destroy()
      return
    }
    if (messages.length === 0) return
    this.#lastChunk = messages
    this.#feed?.(messages)
  }

  #failureOf (job: Job, error: DriverError | undefined): DriverFailure {
    if (error?.severity !== undefined && error.code !== undefined) {
      return this.#failure({
        kind: 'server',
        code: error.code,
        severity: error.severity,
        routine: error.routine,
        detail: error.detail,
        constraint: error.constraint_name,
        schema: error.schema_name,
        table: error.table_name,
        column: error.column_name,
        sent: true,
        cause: new ServerMessage(error, job.parameters),
      }, `The server refused the statement (${error.code}).`)
    }
    // Of several that know nothing of each other one alone was late.
    if (this.#ending === 'deadline' && (!this.shared || job === this.#late)) return this.#failure({ kind: 'deadline', code: 'DEADLINE', sent: true }, 'The deadline of a statement passed, and its connection was ended.')
    const code = this.#refusal ?? lastWords(this.#lastChunk) ?? this.#lastNoticeOfEnd() ?? error?.code ?? 'CONNECTION_CLOSED'
    // A parser's or protocol error leaves the session in an unknown state.
    if (!this.#dead && this.#greeting !== undefined) this.destroy()
    return this.#failure({ kind: 'lost', code, sent: true, cause: error }, `The connection was lost while a statement ran (${code}).`)
  }

  #failure (fields: DriverFailureFields, message: string): DriverFailure {
    return new DriverFailure(message, { ...fields, onStandby: this.#onStandby })
  }

  /** An immediate shutdown and a crash elsewhere in the server say it by a WARNING (FACTS 3.5). */
  #lastNoticeOfEnd (): string | undefined {
    return this.#lastNotice !== undefined && this.#lastNotice.startsWith('57P') ? this.#lastNotice : undefined
  }
}

function simpleResult (answer: unknown[]): QueryResult {
  // Several statements: an array of results, which have `columns` of their own; one: the result itself.
  const last: unknown = answer.length > 0 && hasCommand(answer[0]) ? answer.at(-1) : answer
  const result = last as DriverResult & (string | null)[][] // one of postgres.js's results, by the line above
  return { rows: Array.from(result), columns: result.columns ?? [], count: result.count ?? 0, command: result.command ?? '' }
}

function hasCommand (value: unknown): boolean {
  return Array.isArray(value) && 'command' in value
}

async function settled (jobs: readonly Promise<QueryResult>[]): Promise<QueryResult[]> {
  const outcomes = await Promise.allSettled(jobs)
  const results: QueryResult[] = []
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') throw outcome.reason
    results.push(outcome.value)
  }
  return results
}

function unsent (code: 'CONNECTION_ENDED' | 'DEADLINE' | 'TOO_MANY_PARAMETERS' | 'NUL_IN_STATEMENT'): DriverFailure {
  return new DriverFailure(`The statement was not sent (${code}).`, { kind: code === 'TOO_MANY_PARAMETERS' || code === 'NUL_IN_STATEMENT' ? 'server' : 'lost', code, sent: false })
}

function unopened (): never {
  throw new Error('the session is not open yet')
}

function ignore (): void {}

function ticksOf (ms: number): number {
  // One more than needed: the first tick may come at once.
  return Math.ceil((ms + GRACE_MS) / TICK_MS) + 1
}

function startUpParameters (endpoint: Endpoint, statementTimeoutMs: number | undefined): Record<string, string> {
  return {
    application_name: 'fastify-multi-region',
    ...endpoint.parameters,
    TimeZone: 'UTC',
    DateStyle: 'ISO, YMD',
    ...(statementTimeoutMs === undefined ? {} : { statement_timeout: String(Math.max(1, Math.round(statementTimeoutMs))) }),
  }
}

function asConnectFailure (failure: unknown): DriverFailure {
  if (!(failure instanceof DriverFailure)) return connectFailure('UNKNOWN', failure)
  return new DriverFailure(`The server refused the connection (${failure.code}).`, { kind: 'connect', code: failure.code, severity: failure.severity, routine: failure.routine, sent: false, cause: failure.cause })
}

/** Dials, opens a session, and returns it ready. @throws DriverFailure of kind `connect` */
export async function openSession (options: SessionOptions): Promise<Session> {
  const { endpoint, address, connectTimeoutMs } = options
  const startedAtMs = performance.now()
  const password = typeof endpoint.password === 'function' ? await endpoint.password() : endpoint.password
  const socket = await dial({ address, ssl: endpoint.ssl, timeoutMs: connectTimeoutMs })
  const session = new Session(options, socket)
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => { reject(connectFailure('ETIMEDOUT')) }, Math.max(1, connectTimeoutMs - (performance.now() - startedAtMs)))
  })
  try {
    await Promise.race([session.open(password ?? ''), late])
    return session
  } catch (failure) {
    session.destroy()
    throw failure
  } finally {
    clearTimeout(timer)
  }
}
