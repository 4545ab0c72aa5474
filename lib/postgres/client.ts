// The client: typed methods compile, the router runs, the plan decodes.
// One class a schema carries the models as getters; an object of it is a router and nothing more, so that a
// request's client costs two small objects and is made when the request first touches it.

import { randomInt, randomUUID } from 'node:crypto'
import { BoundedCache } from '../core/bounded-cache.ts'
import { QueryInvalidError } from '../core/errors.ts'
import type { Position } from '../core/freshness.ts'
import { RequestState } from '../core/request-state.ts'
import type { Client } from '../query/args/client.ts'
import type { CompileContext } from '../query/compile.ts'
import { cuidMaker } from '../query/default.ts'
import { resolveSchema, type ResolvedSchema } from '../query/model.ts'
import type { Plan } from '../query/plan.ts'
import type { CallbackOptions } from './callback-transaction.ts'
import { Floor } from './floor.ts'
import { arrayJob, type ArrayMember } from './job.ts'
import { modelClasses, type ModelClass } from './model-access.ts'
import { assertUnrun, claimOperation, compileOf, Operation, partsOf, type Executor } from './operation.ts'
import { RawCompiler, rawMapError, rawOperation, unsafeOperation } from './raw.ts'
import { Router } from './router.ts'
import { Routing, type RoutingShared } from './routing.ts'
import { SchemaReplays } from './schema-replays.ts'
import type { Scope } from './scope.ts'
import type { Servers } from './servers.ts'
import { isIsolationLevel, isSynchronousCommit, type BeginOptions } from './transaction.ts'

/** A client whose models are not known to the compiler; the entries cast it to the schema's own (`Database`). */
export type DatabaseClient = Client<object>

export interface ClientSettings {
  readonly schema: object | undefined
  readonly retries: { readonly reads: number, readonly conflicts: number }
  readonly statementTimeoutMs: number
  readonly closeTimeoutMs: number
  readonly limits: { readonly maxDepth: number, readonly maxParameters: number }
  readonly planCacheSize: number
  /** Milliseconds, for the process's own client; undefined: no bound. */
  readonly maxStalenessMs?: number | undefined
  /** `strong`: the process's own client reads from the primary. A request's scope brings its own floor. */
  readonly consistency?: 'eventual' | 'session' | 'monotonic' | 'strong' | undefined
  /** What the process's own client sees of its scope; a request's is given to `forRequest`. */
  readonly processScope?: Partial<Scope> | undefined
  /** Opens a session token (`$withToken`): a position, the primary where it says no more than the time, or nothing where it is not valid. */
  readonly openToken?: ((token: string) => Position | 'primary' | undefined) | undefined
  /** Milliseconds that reads above such a token may wait for the replica. */
  readonly tokenWaitMs?: number | undefined
  /** Puts the errors that callers see in other words (`./prisma`). */
  readonly translateError?: ((error: unknown) => unknown) | undefined
}

export interface ClientFactory {
  /** `fastify.db`, or what `createClient` returns. */
  readonly processClient: DatabaseClient
  /** `request.db`; also for sockets and jobs, with a scope of their own. */
  forRequest (scope: Scope): DatabaseClient
  readonly planCache: BoundedCache<Plan>
  /** Every later operation is refused; the servers are closed by whoever opened them. */
  close (): void
}

/** Prisma's. */
const TRANSACTION_TIMEOUT_MS = 5_000
const TRANSACTION_MAX_WAIT_MS = 2_000

/** Servers that are open, or how to open them: then the first operation does. */
export type ServersSource = Servers | (() => Promise<Servers>)

/** @throws FST_MR_SCHEMA_INVALID */
export function makeClient (source: ServersSource, settings: ClientSettings): ClientFactory {
  const schema = settings.schema === undefined ? undefined : resolveSchema(settings.schema)
  const planCache = new BoundedCache<Plan>(settings.planCacheSize)
  const context: CompileContext = {
    now: () => new Date(),
    uuid: randomUUID,
    cuid: cuidMaker({ now: Date.now, random: randomInt }),
    limits: settings.limits,
    planCache,
  }
  const shared = routerShared(source, settings)
  const SchemaClient = clientClass(schema, context, settings, async () => {
    shared.closed = true
    // Never opened: nothing to close. Opening: it ends first, bounded by its own timeout.
    await shared.closeServers(settings.closeTimeoutMs)
  })
  const { maxStalenessMs } = settings
  const processScope: Scope = {
    state: new RequestState(),
    gate: null,
    floor: new Floor('position', { staleness: maxStalenessMs === undefined ? undefined : () => shared.servers.sampler.position(maxStalenessMs) }),
    stamps: false,
    waitMs: 0,
    whenPrimaryIsDown: 'fail',
    rawWrites: 'by-command',
    priority: 'native',
    statementTimeoutMs: undefined,
    ...settings.processScope,
  }
  if (settings.consistency === 'strong') processScope.floor.raiseToPrimary()
  return {
    processClient: new SchemaClient(new Router(new Routing(shared, processScope, { binding: 'auto', tracking: 'tracked' })), 'process'),
    forRequest: (scope) => new SchemaClient(new Router(new Routing(shared, scope, { binding: 'auto', tracking: 'tracked' })), 'request'),
    planCache,
    close () { shared.closed = true },
  }
}

interface ClosableShared extends RoutingShared {
  closeServers (timeoutMs: number): Promise<void>
}

function routerShared (source: ServersSource, settings: ClientSettings): ClosableShared {
  let opened: Promise<void> | undefined
  const shared: ClosableShared = {
    // Not read before `opening` is undefined.
    servers: (typeof source === 'function' ? undefined : source) as Servers,
    retries: settings.retries,
    statementTimeoutMs: settings.statementTimeoutMs,
    schemaReplays: new SchemaReplays(),
    nowMs: () => performance.now(),
    opening: undefined,
    closed: false,
    async closeServers (timeoutMs) {
      if (typeof source !== 'function') return source.close(timeoutMs)
      if (opened === undefined) return
      await opened.then(() => shared.servers.close(timeoutMs), () => {})
    },
  }
  if (typeof source === 'function') {
    shared.opening = () => {
      opened ??= source().then(
        (servers) => {
          shared.servers = servers
          shared.opening = undefined
        },
        (error: unknown) => {
          // The next operation tries again.
          opened = undefined
          throw error
        })
      return opened
    }
  }
  return shared
}

type SchemaClientClass = new (router: Router, owner: 'process' | 'request') => DatabaseClient

function clientClass (schema: ResolvedSchema | undefined, context: CompileContext, settings: ClientSettings, disconnect: () => Promise<void>): SchemaClientClass {
  const models = schema === undefined ? new Map<string, ModelClass>() : modelClasses(schema, context)
  const raw = new RawCompiler(rawMapError)
  const { translateError } = settings
  const translated = <T>(answer: Promise<T>): Promise<T> => translateError === undefined ? answer : answer.catch((error: unknown) => { throw translateError(error) })
  const translating = (executor: Executor): Executor => translateError === undefined ? executor : { execute: (operation) => translated(executor.execute(operation)) }

  class TransactionClient {
    readonly #executor: Executor
    constructor (executor: Executor) { this.#executor = translating(executor) }

    $queryRaw (query: unknown, ...values: unknown[]): Operation<unknown> { return rawOperation({ executor: this.#executor, compiler: raw, method: '$queryRaw' }, query, values) }
    $executeRaw (query: unknown, ...values: unknown[]): Operation<unknown> { return rawOperation({ executor: this.#executor, compiler: raw, method: '$executeRaw' }, query, values) }
    $queryRawUnsafe (query: unknown, ...values: unknown[]): Operation<unknown> { return unsafeOperation({ executor: this.#executor, compiler: raw, method: '$queryRawUnsafe' }, query, values) }
    $executeRawUnsafe (query: unknown, ...values: unknown[]): Operation<unknown> { return unsafeOperation({ executor: this.#executor, compiler: raw, method: '$executeRawUnsafe' }, query, values) }

    static {
      addModels(this.prototype, models, function (this: object) { return (this as TransactionClient).#executor })
    }
  }

  class SchemaClient {
    readonly #router: Router
    readonly #executor: Executor
    readonly #owner: 'process' | 'request'

    constructor (router: Router, owner: 'process' | 'request') {
      this.#router = router
      this.#executor = translating(router)
      this.#owner = owner
    }

    $queryRaw (query: unknown, ...values: unknown[]): Operation<unknown> { return rawOperation({ executor: this.#executor, compiler: raw, method: '$queryRaw' }, query, values) }
    $executeRaw (query: unknown, ...values: unknown[]): Operation<unknown> { return rawOperation({ executor: this.#executor, compiler: raw, method: '$executeRaw' }, query, values) }
    $queryRawUnsafe (query: unknown, ...values: unknown[]): Operation<unknown> { return unsafeOperation({ executor: this.#executor, compiler: raw, method: '$queryRawUnsafe' }, query, values) }
    $executeRawUnsafe (query: unknown, ...values: unknown[]): Operation<unknown> { return unsafeOperation({ executor: this.#executor, compiler: raw, method: '$executeRawUnsafe' }, query, values) }

    $transaction (work: unknown, options?: unknown): Promise<unknown> {
      if (typeof work === 'function') return translated(this.#transactCallback(work as (transaction: object) => unknown, options))
      if (Array.isArray(work)) return translated(this.#transactArray(work, options))
      return Promise.reject(new QueryInvalidError('`$transaction` takes a function, or a list of operations', { path: [], received: typeof work }))
    }

    get $primary (): SchemaClient { return new SchemaClient(this.#router.with({ binding: 'primary' }), this.#owner) }
    get $untracked (): SchemaClient { return new SchemaClient(this.#router.with({ tracking: 'untracked' }), this.#owner) }

    $withToken (token: string): SchemaClient {
      const opened = settings.openToken?.(token)
      const { scope } = this.#router
      const floor = scope.floor.derive()
      if (opened === 'primary') floor.raiseToPrimary()
      else if (opened !== undefined) floor.raiseTo(opened)
      return new SchemaClient(this.#router.with({ scope: scopeWith(scope, floor, settings.tokenWaitMs ?? 0) }), this.#owner)
    }

    /** A request's client holds nothing that could be closed. */
    $disconnect (): Promise<void> { return this.#owner === 'process' ? disconnect() : Promise.resolve() }

    async #transactCallback (callback: (transaction: object) => unknown, given: unknown): Promise<unknown> {
      return this.#router.transact(async (executor) => callback(new TransactionClient(executor)), callbackOptions(given))
    }

    async #transactArray (operations: readonly unknown[], given: unknown): Promise<unknown> {
      const options = arrayOptions(given)
      const members: ArrayMember[] = []
      const taken: Operation<unknown>[] = []
      for (const operation of operations) {
        if (!(operation instanceof Operation)) {
          throw new QueryInvalidError('All elements of the list in `$transaction([...])` must be operations of this client that have not been awaited', { path: [members.length], received: typeof operation })
        }
        if (taken.includes(operation)) throw new QueryInvalidError('An operation stands in the list of `$transaction([...])` twice', { path: [members.length] })
        assertUnrun(operation)
        const compiled = compileOf(operation)
        if (options.readOnly === true && compiled.access === 'write') throw new QueryInvalidError('A write stands in a read-only transaction', { path: [members.length] })
        members.push({ compiled, method: partsOf(operation).method })
        taken.push(operation)
      }
      if (members.length === 0) return []
      const outcome = translated(this.#router.run(arrayJob(members, options)))
      // Each operation answers with its own part, if somebody asks it.
      taken.forEach((operation, index) => { claimOperation(operation, () => outcome.then((values) => values[index])) })
      return outcome
    }

    static {
      addModels(this.prototype, models, function (this: object) { return (this as SchemaClient).#executor })
    }
  }
  // The methods are those of the interface, untyped: their types come from the schema.
  return SchemaClient as unknown as SchemaClientClass
}

function addModels (prototype: object, models: ReadonlyMap<string, ModelClass>, executorOf: (this: object) => Executor): void {
  for (const [name, Model] of models) {
    Object.defineProperty(prototype, name, {
      get (this: object) { return new Model(executorOf.call(this)) },
      enumerable: true,
      configurable: true,
    })
  }
}

/** The same scope above another floor; callbacks keep their receiver. */
function scopeWith (scope: Scope, floor: Floor, waitMs: number): Scope {
  return {
    state: scope.state,
    gate: scope.gate,
    floor,
    stamps: scope.stamps,
    waitMs,
    whenPrimaryIsDown: scope.whenPrimaryIsDown,
    rawWrites: scope.rawWrites,
    priority: scope.priority,
    ...(scope.farPriority === undefined ? {} : { farPriority: scope.farPriority }),
    statementTimeoutMs: scope.statementTimeoutMs,
    hiddenWrites: scope.hiddenWrites,
    unrun: scope.unrun,
    ...(scope.onCommit === undefined ? {} : { onCommit: (commit) => { scope.onCommit?.(commit) } }),
    ...(scope.onRouted === undefined ? {} : { onRouted: (routed) => { scope.onRouted?.(routed) } }),
  }
}

const beginKeys = ['isolationLevel', 'readOnly', 'synchronousCommit']
const callbackKeys = [...beginKeys, 'timeout', 'maxWait', 'retry']

function optionsOf (given: unknown, keys: readonly string[]): Record<string, unknown> {
  if (given === undefined) return {}
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw new QueryInvalidError('The options of `$transaction` are an object', { path: ['options'], received: typeof given })
  for (const key of Object.keys(given)) {
    if (!keys.includes(key)) throw new QueryInvalidError(`\`$transaction\` has no such option here; it takes ${keys.join(', ')}`, { path: ['options', key] })
  }
  return given as Record<string, unknown> // an object by the lines above
}

function beginOptions (options: Record<string, unknown>): BeginOptions {
  const { isolationLevel, readOnly, synchronousCommit } = options
  if (isolationLevel !== undefined && !isIsolationLevel(isolationLevel)) throw new QueryInvalidError('Expected ReadUncommitted, ReadCommitted, RepeatableRead or Serializable', { path: ['options', 'isolationLevel'], received: typeof isolationLevel })
  if (readOnly !== undefined && typeof readOnly !== 'boolean') throw new QueryInvalidError('Expected true or false', { path: ['options', 'readOnly'], received: typeof readOnly })
  if (synchronousCommit !== undefined && !isSynchronousCommit(synchronousCommit)) throw new QueryInvalidError('Expected on, off, local, remote_write or remote_apply', { path: ['options', 'synchronousCommit'], received: typeof synchronousCommit })
  return { isolationLevel, readOnly, synchronousCommit }
}

/** `timeout` and `maxWait` are accepted where Prisma takes them and have no meaning: a batch has the statement's deadline. */
const arrayOptions = (given: unknown): BeginOptions => beginOptions(optionsOf(given, callbackKeys))

function callbackOptions (given: unknown): CallbackOptions {
  const options = optionsOf(given, callbackKeys)
  const number = (key: string, fallback: number): number => {
    const value = options[key]
    if (value === undefined) return fallback
    // Node fires a timer at once that is further away than this.
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > 2_147_483_647) throw new QueryInvalidError('Expected a whole number from 0 to 2147483647', { path: ['options', key], received: typeof value })
    return value
  }
  return {
    ...beginOptions(options),
    timeoutMs: number('timeout', TRANSACTION_TIMEOUT_MS),
    maxWaitMs: number('maxWait', TRANSACTION_MAX_WAIT_MS),
    retry: number('retry', 0),
  }
}
