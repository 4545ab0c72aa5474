// The plugin: wiring and nothing else.

import process from 'node:process'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { NameTakenError, OptionsInvalidError } from '../core/errors.ts'
import { resolveOptions, type PluginOptions, type ResolvedOptions } from '../core/options.ts'
import type { ReplayTarget } from '../core/replay-transport.ts'
import { makeClient } from '../postgres/client.ts'
import { openServers } from '../postgres/open-servers.ts'
import { leastBoundMs } from '../postgres/primary-sampler.ts'
import type { Servers } from '../postgres/servers.ts'
import { MultiRegionApp } from './app-view.ts'
import { Hints } from './hints.ts'
import { countBody, makeOnRequest, makeOnSend, prepareRoute, rememberReply } from './hooks.ts'
import type { MetricsSink } from './metrics-sink.ts'
import { observeServers } from './observe-servers.ts'
import { observeFailures, observeRouted } from './observe-statements.ts'
import { kFamily, MAIN_NAME, Registration, type Family } from './registration.ts'
import { replayReply } from './reply-replay.ts'
import { clientOf, contextOf } from './request-client.ts'
import { kAnswering, kContext, kReply } from './request-context.ts'
import { viewOf } from './request-view.ts'
import { loadTelemetry, type Telemetry } from './telemetry.ts'
import { TokenConsistency } from './token-consistency.ts'
import { makeSeal, type TokenSeal } from './token-seal.ts'

async function register (fastify: FastifyInstance, input: PluginOptions): Promise<void> {
  const options = resolveOptions(input, process.env)
  checkPluginTimeout(fastify, options)
  if (isTaken(fastify, options.name)) throw new NameTakenError(options.name)

  const log = fastify.log.child({ plugin: 'fastify-multi-region', database: options.name })
  for (const warning of options.warnings) log.warn({ region: options.region }, warning)

  const seal = options.token === undefined ? undefined : await makeSeal(fastify, options.token)
  const metrics = options.metrics === false ? undefined : await loadMetrics(options.metrics)
  const telemetry = await loadTelemetry()
  const servers = await openServers(options, { log })
  // From here on something is open: whatever fails must close it.
  try {
    wire(fastify, options, { servers, seal, metrics, telemetry })
  } catch (error) {
    await servers.close(options.closeTimeoutMs)
    throw error
  }
}

interface Metrics {
  start (fastify: FastifyInstance, registration: Registration, app: MultiRegionApp): MetricsSink
}

/** Whoever wants no metrics loads nothing of them. @throws FST_MR_PEER_MISSING, FST_MR_OPTIONS_INVALID */
async function loadMetrics ({ registry, route }: Exclude<ResolvedOptions['metrics'], false>): Promise<Metrics> {
  const { addMetrics, loadPromClient, registryOf } = await import('./metrics.ts')
  const client = await loadPromClient()
  const parts = { client, registry: registryOf(client, registry), route }
  return { start: (fastify, registration, app) => addMetrics(fastify, registration, { ...parts, app }) }
}

function checkPluginTimeout (fastify: FastifyInstance, options: ResolvedOptions): void {
  const pluginTimeoutMs = fastify.initialConfig.pluginTimeout ?? 10_000
  if (pluginTimeoutMs === 0 || options.connectTimeoutMs < pluginTimeoutMs) return
  throw new OptionsInvalidError(`- \`connectTimeout\` is ${options.connectTimeoutMs} ms, but Fastify gives up on a plugin after ${pluginTimeoutMs} ms: lower it, or raise Fastify's \`pluginTimeout\``)
}

const isTaken = (fastify: FastifyInstance, name: string): boolean => fastify.hasDecorator(name) || fastify.hasRequestDecorator(name)

interface Parts {
  readonly servers: Servers
  readonly seal: (() => TokenSeal) | undefined
  readonly metrics: Metrics | undefined
  readonly telemetry: Telemetry | undefined
}

function wire (fastify: FastifyInstance, options: ResolvedOptions, { servers, seal, metrics, telemetry }: Parts): void {
  const log = fastify.log.child({ plugin: 'fastify-multi-region', database: options.name })
  const hints = options.hints ? new Hints(log) : null
  const registration: Registration = new Registration({
    options,
    servers,
    factory: makeClient(servers, {
      ...options,
      openToken: (sealed) => registration.session?.open(sealed),
      tokenWaitMs: options.token?.waitTimeoutMs,
      processScope: {
        hiddenWrites: hints?.hiddenWrites,
        unrun: hints?.unrun,
        onRouted: (operation) => { observeRouted(registration, operation, null) },
        onCommit: ({ outcome }) => { if (outcome === 'unknown') registration.counters.commitUnknown() },
      },
    }),
    log,
    hints,
  })
  if (options.token !== undefined && seal !== undefined) {
    const session = new TokenConsistency(registration, options.token)
    registration.session = session
    // The app's own session may be registered behind us.
    fastify.addHook('onReady', async () => { session.ready(seal()) })
  }
  registration.telemetry = telemetry ?? null
  observeFailures(registration)
  observeServers(registration)
  const family = join(fastify, registration)
  decorate(fastify, registration)
  if (family.main === registration) addRule(fastify, registration)
  if (metrics !== undefined) registration.metrics = metrics.start(fastify, registration, new MultiRegionApp(family))

  // Last in, first out: what was registered behind us stops using the database before its pools end.
  fastify.addHook('onClose', async () => {
    registration.factory.close()
    await servers.close(options.closeTimeoutMs)
  })
}

/**
 * The family that this scope's requests belong to. A second registration joins the first one's; but an unnamed one
 * in a child scope founds its own, with those of its parents in it, since a sibling may have another.
 */
function join (fastify: FastifyInstance, registration: Registration): Family {
  const inherited = fastify[kFamily]
  const isMain = registration.name === MAIN_NAME
  if (!isMain && registration.answers) fastify.addHook('onRequest', rememberReply)
  if (inherited !== undefined && (!isMain || Object.hasOwn(fastify, kFamily))) {
    inherited.registrations.push(registration)
    inherited.marksAll ||= registration.marksAll
    if (isMain) inherited.main = registration
    return inherited
  }
  const registrations = [...inherited?.registrations ?? [], registration]
  const family: Family = { registrations, main: isMain ? registration : null, marksAll: registrations.some(({ marksAll }) => marksAll) }
  fastify.decorate(kFamily, family)
  fastify.decorate('multiRegion', new MultiRegionApp(family))
  if (inherited === undefined) decorateOnce(fastify)
  const onSend = makeOnSend(family, 2)
  fastify.addHook('onSend', makeOnSend(family, 1))
  fastify.addHook('onRoute', (route) => {
    const { registrations } = family
    if (registrations.some(({ answers }) => answers)) prepareRoute(route, { onSend, preParsing: registrations.some(({ transport }) => transport !== null) ? countBody : null })
  })
  return family
}

/** What child scopes inherit, whatever they register themselves. */
function decorateOnce (fastify: FastifyInstance): void {
  fastify.decorateRequest(kContext, null)
  fastify.decorateRequest(kReply, null)
  fastify.decorateRequest(kAnswering, 0)
  fastify.decorateRequest('multiRegion', {
    getter (this: FastifyRequest) { return viewOf(contextOf(this)) },
  })
  fastify.decorateReply('replay', function (this: FastifyReply, target: ReplayTarget) {
    return replayReply(this, target)
  })
}

function decorate (fastify: FastifyInstance, registration: Registration): void {
  const { name, hints, factory, counters } = registration
  if (hints === null) fastify.decorate(name, factory.processClient)
  else {
    fastify.decorate(name, {
      getter () {
        if (hints.processClientRead(name)) counters.processClientUsedInHandler()
        return factory.processClient
      },
    })
  }
  fastify.decorateRequest(name, {
    getter (this: FastifyRequest) { return clientOf(this, registration) },
  })
}

/** `onRoute` shows only what is declared from now on; what is there already shows in the router's tree. */
const hasRoutes = (fastify: FastifyInstance): boolean => /\([A-Z]/.test(fastify.printRoutes())

/** A bound that no sample could ever prove would send every read to the primary. @throws FST_MR_OPTIONS_INVALID */
function checkStaleness ({ routes, servers }: Registration): void {
  const { leastStalenessMs } = routes
  const leastMs = Math.ceil(leastBoundMs(servers.facts.shared ? 0 : servers.facts.primary.roundTripMs ?? 0))
  if (leastStalenessMs !== undefined && leastStalenessMs < leastMs) {
    throw new OptionsInvalidError(`- \`maxStaleness\` is ${leastStalenessMs} ms, and the least that can be proven from here is ${leastMs} ms (a sampling interval and a round trip to the primary): raise it, or use \`consistency: 'strong'\``)
  }
}

/** Method, intent and consistency: the unnamed registration's alone. */
function addRule (fastify: FastifyInstance, registration: Registration): void {
  if (registration.answers) fastify.addHook('onRequest', makeOnRequest(registration))
  if (hasRoutes(fastify)) registration.routes.declaredBefore()
  fastify.addHook('onRoute', (route) => { registration.routes.declare(route.config, route.method, route.url) })
  fastify.addHook('onReady', async () => {
    checkStaleness(registration)
    const unmatched = registration.routes.unmatched((method, url) => fastify.hasRoute({ method, url }))
    for (const row of unmatched) registration.log.warn({ route: row.url }, 'An entry of the option `routes` matches no route.')
  })
}

/** Reads run in this region, writes beside the primary: see the README. */
export const plugin = fastifyPlugin(register, { fastify: '5.x', name: 'fastify-multi-region' })
