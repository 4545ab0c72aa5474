// One server as this process sees it over one endpoint: address, pool, monitor, health. It is the mutable thing;
// what others read are snapshots.

import { setTimeout as delay } from 'node:timers/promises'
import { DriverFailure } from '../core/driver-failure.ts'
import type { Endpoint } from '../core/endpoint.ts'
import { initialEndpointState, nextEndpointState, type BreakerLimits, type EndpointEvent, type EndpointState } from '../core/endpoint-state.ts'
import { unknownFingerprint, type Fingerprint, type Positions, type ServerSettings } from '../core/server-facts.ts'
import { countsAgainstServer } from '../core/verdict.ts'
import { AddressChoice, type Resolve } from './address.ts'
import type { Address } from './dial.ts'
import { openSession, type Session, type SessionOptions } from './driver.ts'
import { Monitor, type Sighting } from './monitor.ts'
import { Pool } from './pool.ts'
import { PreparedAdmission } from './prepared-admission.ts'

export interface ServerOptions {
  readonly endpoint: Endpoint
  readonly address?: Address | undefined
  readonly resolve?: Resolve | undefined
  readonly pool: {
    readonly max: number
    readonly queueSize: number
    readonly queueTimeoutMs: number
    readonly idleTimeoutMs: number
    readonly borrowedShare: number
    readonly prepare: boolean
  }
  readonly connectTimeoutMs: number
  readonly statementTimeoutMs: number
  readonly intervalMs: number
  readonly limits: BreakerLimits
  readonly nowMs: () => number
  readonly random: () => number
  /** Never the same number twice, for all servers that a target may lead to: an epoch of one is no other's. */
  readonly nextEpoch: () => number
  readonly onChange: (server: Server) => void
}

export interface ServerSnapshot {
  readonly state: EndpointState
  readonly sighting: Sighting | undefined
  readonly settings: ServerSettings | undefined
  /** Of the last sighting; unknown while it may be another server by now. */
  readonly fingerprint: Fingerprint
  readonly timeline: number | undefined
  readonly standbyTimeline: number | undefined
  readonly members: 'one' | 'several'
  readonly positions: Positions
  readonly lastFailure: DriverFailure | undefined
}

/** A look takes a round trip; a server that needs longer than this for it cannot serve either. */
const LOOK_TIMEOUT_MS = 1_000

/** Between two trials that requests have asked for: their only price is this wait, and the server's a connection each. */
const TRIAL_PAUSE_MS = 25
/** The longest that a request waits for one before it is refused. */
const TRIAL_PATIENCE_MS = 500

const nothingKnown: ServerSnapshot = Object.freeze({
  state: initialEndpointState,
  sighting: undefined,
  settings: undefined,
  fingerprint: unknownFingerprint,
  timeline: undefined,
  standbyTimeline: undefined,
  members: 'one',
  positions: 'unknown',
  lastFailure: undefined,
} as const)

export class Server {
  readonly #options: ServerOptions
  readonly #monitor: Monitor
  /** For the monitor's connection, which is prepared for nothing else. */
  readonly #monitorParts: Pick<SessionOptions, 'clock' | 'admission'> = { clock: { tick: 0 }, admission: new PreparedAdmission() }
  #endpoint: Endpoint
  #choice: AddressChoice
  #pool: Pool
  /** Replaced, and draining. */
  readonly #retired = new Map<Pool, Promise<void>>()
  #lastAddress: string | undefined
  #snapshot = nothingKnown
  #epoch: number
  /** A trial that has not been sent yet. */
  #nextTrial: Promise<void> | undefined
  #trialNeeded = false
  #triedAtMs = Number.NEGATIVE_INFINITY
  #closing: Promise<void> | undefined

  constructor (options: ServerOptions) {
    this.#options = options
    this.#epoch = options.nextEpoch()
    this.#endpoint = options.endpoint
    this.#choice = new AddressChoice(options.endpoint, { resolve: options.resolve, first: options.address })
    this.#pool = this.#makePool()
    this.#monitor = new Monitor({
      intervalMs: options.intervalMs,
      timeoutMs: Math.min(options.connectTimeoutMs, Math.max(LOOK_TIMEOUT_MS, options.intervalMs)),
      open: async () => await this.#openForMonitor(),
      epoch: () => this.#epoch,
      nowMs: options.nowMs,
      random: options.random,
      onLook: () => {
        this.#apply({ type: 'trial', atMs: options.nowMs(), need: this.#trialNeeded ? 'request' : 'schedule' })
        this.#trialNeeded = false
      },
      onSeen: (sighting) => this.#seen(sighting),
      onFailed: (failure) => this.#lookFailed(failure),
      uses: () => this.#pool.uses,
    })
  }

  get snapshot (): ServerSnapshot { return this.#snapshot }
  get pool (): Pool { return this.#pool }
  get endpoint (): Endpoint { return this.#endpoint }
  get address (): Address | undefined { return this.#choice.chosen }
  /** Raised when any connection to it opens or closes, the monitor's included. */
  get epoch (): number { return this.#epoch }

  /** Never rejects. */
  look (): Promise<void> {
    return this.#monitor.look()
  }

  /**
   * A look that is sent after this call, for a request that is refused unless it succeeds: the server may have come
   * back since the last one. A server that said nothing at all is not waited for. Never rejects, and is bounded.
   */
  async trial (): Promise<void> {
    const { state, lastFailure } = this.#snapshot
    if (state.breaker === 'closed' || this.#closing !== undefined || (lastFailure !== undefined && isSilence(lastFailure))) return
    this.#nextTrial ??= this.#tryNext()
    await bounded([this.#nextTrial], TRIAL_PATIENCE_MS)
  }

  async #tryNext (): Promise<void> {
    await delay(Math.max(0, this.#triedAtMs + TRIAL_PAUSE_MS - this.#options.nowMs()))
    // Whoever comes from here on is too late for this one.
    this.#nextTrial = undefined
    this.#trialNeeded = true
    await this.#monitor.look()
    this.#triedAtMs = this.#options.nowMs()
  }

  report (failure: DriverFailure): void {
    if (!countsAgainstServer(failure)) return
    this.#apply({ type: isSilence(failure) ? 'traffic-stalled' : 'traffic-failed', atMs: this.#options.nowMs() }, failure)
    // What ended one session has ended others, which do not know it yet: the next try gets a new one.
    if (failure.kind === 'lost') this.#pool.reset('idle')
    this.#monitor.look().catch(ignore)
  }

  /** Another place is the server from now on. */
  retarget (endpoint: Endpoint, address: Address): void {
    if (this.#closing !== undefined) return
    this.#endpoint = endpoint
    this.#choice = new AddressChoice(endpoint, { resolve: this.#options.resolve, first: address })
    this.#lastAddress = address.at
    this.#replacePool()
    this.#monitor.disconnect()
    this.#snapshot = nothingKnown
    this.#options.onChange(this)
    this.#monitor.look().catch(ignore)
  }

  /** Idempotent, and bounded by `timeoutMs`. */
  close (timeoutMs: number): Promise<void> {
    this.#closing ??= this.#close(timeoutMs)
    return this.#closing
  }

  async #close (timeoutMs: number): Promise<void> {
    this.#monitor.stop()
    // Retired pools drain by a longer bound of their own, which ends here.
    await Promise.all([this.#pool.close(timeoutMs), bounded([...this.#retired.values()], timeoutMs)])
    for (const pool of this.#retired.keys()) pool.reset('all')
  }

  #makePool (): Pool {
    const { pool } = this.#options
    return new Pool({
      ...pool,
      onEpoch: () => { this.#raiseEpoch() },
      open: async (parts) => {
        const session = await this.#open(parts)
        this.#compareMember(session)
        return session
      },
    })
  }

  async #open (parts: Pick<SessionOptions, 'clock' | 'admission' | 'onDead'>, statementTimeoutMs = this.#options.statementTimeoutMs): Promise<Session> {
    const { connectTimeoutMs, pool } = this.#options
    const endpoint = this.#endpoint
    return await this.#choice.use(connectTimeoutMs, async (address, timeoutMs) => await openSession({
      endpoint,
      address,
      connectTimeoutMs: timeoutMs,
      statementTimeoutMs,
      prepare: pool.prepare,
      ...parts,
    }))
  }

  async #openForMonitor (): Promise<Session> {
    const session = await this.#open({ ...this.#monitorParts, onDead: () => { this.#raiseEpoch() } }, LOOK_TIMEOUT_MS)
    this.#raiseEpoch()
    // The monitor and the pool look at one address, or a position would be believed of the wrong server.
    const address = this.#choice.chosen?.at
    if (this.#lastAddress !== undefined && this.#lastAddress !== address) this.#replacePool()
    this.#lastAddress = address
    return session
  }

  #seen (sighting: Sighting): number | undefined {
    const before = this.#snapshot
    const { seen } = sighting
    const role = seen.role
    const otherSystem = before.fingerprint.system !== seen.fingerprint.system
    const otherServer = before.fingerprint.startedAt !== undefined && seen.fingerprint.startedAt !== undefined && before.fingerprint.startedAt !== seen.fingerprint.startedAt
    const changed = before.state.role !== 'unknown' && role !== 'unknown' && before.state.role !== role
    this.#snapshot = {
      ...before,
      state: nextEndpointState(before.state, { type: 'looked', role, atMs: this.#options.nowMs() }, this.#options.limits),
      sighting,
      settings: sighting.settings,
      fingerprint: seen.fingerprint,
      timeline: seen.timeline,
      standbyTimeline: role === 'standby' && seen.timeline !== undefined ? Math.max(seen.timeline, otherSystem ? 0 : before.standbyTimeline ?? 0) : otherSystem ? undefined : before.standbyTimeline,
      members: otherServer ? this.#membersBeside(seen.fingerprint) : before.members,
      positions: (role === 'standby' ? seen.appliedLsn : seen.flushLsn) === undefined ? 'none' : 'available',
    }
    // Sessions that were opened to what this server was may hold transactions, plans and settings of that (FACTS 7.3).
    if (changed) this.#replacePool()
    this.#options.onChange(this)
    return this.#untilTrialMs()
  }

  #lookFailed (failure: DriverFailure): number | undefined {
    if (failure.kind === 'connect') this.#choice.giveUp()
    this.#apply({ type: 'look-failed', atMs: this.#options.nowMs(), how: isSilence(failure) ? 'silent' : 'refused' }, failure)
    return this.#untilTrialMs()
  }

  #untilTrialMs (): number | undefined {
    const { breaker, openedAtMs } = this.#snapshot.state
    if (breaker !== 'open') return undefined
    return Math.max(1, (openedAtMs ?? 0) + this.#options.limits.cooldownMs - this.#options.nowMs())
  }

  #apply (event: EndpointEvent, failure?: DriverFailure): void {
    const before = this.#snapshot.state
    const state = nextEndpointState(before, event, this.#options.limits)
    if (state === before && failure === undefined) return
    this.#snapshot = { ...this.#snapshot, state, lastFailure: failure ?? this.#snapshot.lastFailure }
    this.#options.onChange(this)
    if (before.breaker === 'open' || state.breaker !== 'open') return
    this.#pool.reset(state.role === 'primary' ? 'idle' : 'all')
    // Who waits for a connection would wait in vain; another server may answer, or a refusal comes at once.
    this.#pool.refuseWaiters(new DriverFailure('The server does not answer.', { kind: 'connect', code: 'SERVER_DOWN', sent: false, cause: failure }))
  }

  /** A member that a balancer has chosen greets with its own address. */
  #compareMember (session: Session): void {
    const { fingerprint, members } = this.#snapshot
    if (members === 'several' || !isAnother(session, fingerprint)) return
    this.#snapshot = { ...this.#snapshot, members: 'several' }
    this.#options.onChange(this)
  }

  /** The monitor has met another server than before: a new one, or another member, and sessions to the first live on. */
  #membersBeside (fingerprint: Fingerprint): 'one' | 'several' {
    for (const session of this.#pool.sessions) if (isAnother(session, fingerprint)) return 'several'
    return 'one'
  }

  #raiseEpoch (): void {
    this.#epoch = this.#options.nextEpoch()
  }

  #replacePool (): void {
    const old = this.#pool
    this.#raiseEpoch()
    this.#pool = this.#makePool()
    // What runs there may end as its deadline allows; whoever waits there waits here from now on.
    this.#retired.set(old, old.close(this.#options.statementTimeoutMs, this.#pool).finally(() => { this.#retired.delete(old) }))
  }
}

/** Does the session's greeting name another server than the one that the monitor looks at? Unknown is no. */
function isAnother ({ greeting }: Session, fingerprint: Fingerprint): boolean {
  if (greeting?.address === undefined || fingerprint.address === undefined) return false
  return withoutMask(greeting.address) !== fingerprint.address || greeting.port !== fingerprint.port
}

/** Nothing came, for as long as there was time. */
function isSilence ({ kind, code }: DriverFailure): boolean {
  return kind === 'deadline' || kind === 'stalled' || (kind === 'connect' && code === 'ETIMEDOUT')
}

/** `inet` is written as `127.0.0.1/32`. */
function withoutMask (address: string): string {
  return address.split('/')[0] ?? address
}

async function bounded (promises: readonly Promise<void>[], timeoutMs: number): Promise<void> {
  if (promises.length === 0) return
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => { timer = setTimeout(resolve, timeoutMs) })
  await Promise.race([Promise.all(promises), late])
  clearTimeout(timer)
}

function ignore (): void {}
