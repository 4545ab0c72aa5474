// A TCP proxy with distance: one direction of travel between two regions, for one purpose.
//
// Bytes are forwarded as they come; with a distance each chunk waits for half a round trip in a queue, so order
// is kept and bandwidth is not touched. Opening a connection costs a round trip as well: a client's first bytes
// leave only when its handshake would have ended. Faults:
//   partition   nothing is delivered, one way or both; bytes are kept and arrive after `heal()`, as TCP would resend them
//   black hole  connections that are open, or opened meanwhile, are dead for ever and stay open at both ends (half-open TCP)
//   refuse      new connections are refused; open ones go on
//   reset       all connections end with RST now; `resetOn` and `resetAfter` do so in the middle of a stream
//   slow        a limit of bytes a second
// Not modelled: a SYN that is never answered. A connection to the link itself always opens at once.

import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

export interface Address {
  readonly host: string
  readonly port: number
}

/** What a link carries: queries of applications, WAL, or requests. */
export type LinkPurpose = 'database' | 'replication' | 'http'

/** Seen from who opens the connection. */
export type LinkDirection = 'to-target' | 'from-target'

export interface LinkOptions {
  readonly from: string
  readonly to: string
  readonly purpose: LinkPurpose
  readonly target: Address
  /** Distance in milliseconds, there and back. @defaultValue 0 */
  readonly roundTripMs?: number
}

/** A reset that waits for its moment. */
export interface PendingReset {
  /** Fulfilled once the reset has happened; never when it was cancelled. */
  readonly happened: Promise<void>
  cancel (): void
}

interface Handshake {
  readonly done: Promise<void>
  resolve (): void
  reject (failure: Error): void
}

interface Trap {
  readonly direction: LinkDirection
  /** How many bytes of the chunk still pass before the reset; undefined: all of it, and no reset. */
  passes (chunk: Buffer): number | undefined
  sprung (): void
}

// More than a fast long link holds in flight; beyond it the sender is held back.
const QUEUE_LIMIT_BYTES = 64 * 1024 * 1024
// Timers fire late rather than early: half a tick too soon on purpose keeps the mean where it should be.
const EARLY_MS = 0.5

export class Link {
  readonly from: string
  readonly purpose: LinkPurpose
  readonly host = '127.0.0.1'
  #to: string
  #target: Address
  #roundTripMs: number
  #port = 0
  #server: Server | undefined
  #listening: Promise<void> | undefined
  readonly #pairs = new Set<Pair>()
  #held: 'none' | LinkDirection | 'both' = 'none'
  #blackHole = false
  #bytesPerSecond = Infinity
  #trap: Trap | undefined
  #opened = 0
  readonly #handshakes = new Map<number, Handshake>()

  private constructor (options: LinkOptions) {
    this.from = options.from
    this.#to = options.to
    this.purpose = options.purpose
    this.#target = options.target
    this.#roundTripMs = options.roundTripMs ?? 0
  }

  static async open (options: LinkOptions): Promise<Link> {
    const link = new Link(options)
    await link.#listen()
    return link
  }

  get to (): string {
    return this.#to
  }

  get port (): number {
    return this.#port
  }

  /** Where new connections end. */
  get target (): Address {
    return this.#target
  }

  get roundTripMs (): number {
    return this.#roundTripMs
  }

  /** Connections that are open at the moment, half-open ones included. */
  get connections (): number {
    return this.#pairs.size
  }

  /** Connections opened so far. */
  get opened (): number {
    return this.#opened
  }

  /** Whether bytes get through in both directions. */
  get healthy (): boolean {
    return this.#held === 'none' && !this.#blackHole && this.#server !== undefined
  }

  /** Sends new connections elsewhere, as a moved address would; open ones stay. */
  retarget (target: Address, to = this.#to): void {
    this.#target = { host: target.host, port: target.port }
    this.#to = to
  }

  setRoundTrip (roundTripMs: number): void {
    this.#roundTripMs = roundTripMs
  }

  /** Delivers nothing until {@link heal}; what was sent meanwhile arrives then. */
  partition (direction: LinkDirection | 'both' = 'both'): void {
    this.#held = direction
  }

  /** Makes the open connections, and those opened until {@link heal}, dead without a word. */
  blackHole (): void {
    this.#blackHole = true
    for (const pair of this.#pairs) pair.swallow()
  }

  /** Refuses new connections until {@link heal}. */
  async refuse (): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (server !== undefined) server.close()
    await Promise.resolve()
  }

  /** Ends partition, black hole, refusal and slowness. Connections that fell in a black hole stay dead. */
  async heal (): Promise<void> {
    this.#held = 'none'
    this.#blackHole = false
    this.#bytesPerSecond = Infinity
    this.#trap = undefined
    if (this.#server === undefined) await this.#listen()
    for (const pair of this.#pairs) pair.flush()
  }

  /**
   * Fulfilled when the connection that has this local port is through to the target, after the time that takes;
   * rejected when the target refuses it. A connection to the link itself opens at once and tells nothing.
   */
  handshake (localPort: number): Promise<void> {
    return this.handshakeOf(localPort).done
  }

  /** @internal */
  handshakeOf (port: number): Handshake {
    let handshake = this.#handshakes.get(port)
    if (handshake === undefined) {
      let resolve = (): void => {}
      let reject = (_failure: Error): void => {}
      const done = new Promise<void>((_resolve, _reject) => {
        resolve = _resolve
        reject = _reject
      })
      // Most connections have nobody who asks.
      done.catch(() => {})
      handshake = { done, resolve, reject }
      this.#handshakes.set(port, handshake)
    }
    return handshake
  }

  /** Resets all open connections, at both ends. */
  reset (): void {
    for (const pair of this.#pairs) pair.reset()
  }

  /** Limits each direction of each connection. */
  slow (bytesPerSecond: number): void {
    this.#bytesPerSecond = bytesPerSecond
  }

  /**
   * Resets the connection on which the first chunk of this direction fulfils `matches`. With `chunk: 'deliver'` the
   * chunk still arrives, e.g. a COMMIT that is carried out and whose answer is lost; with `'drop'` it does not.
   */
  resetOn (options: { direction: LinkDirection, matches: (chunk: Buffer) => boolean, chunk: 'deliver' | 'drop' }): PendingReset {
    return this.#setTrap(options.direction, (chunk) => options.matches(chunk) ? (options.chunk === 'deliver' ? chunk.length : 0) : undefined)
  }

  /** Resets a connection once so many more bytes have passed in a direction, counted over all connections. */
  resetAfter (options: { direction: LinkDirection, bytes: number }): PendingReset {
    let left = options.bytes
    return this.#setTrap(options.direction, (chunk) => {
      if (chunk.length < left) {
        left -= chunk.length
        return undefined
      }
      return left
    })
  }

  #setTrap (direction: LinkDirection, passes: Trap['passes']): PendingReset {
    let sprung = (): void => {}
    const happened = new Promise<void>((resolve) => { sprung = resolve })
    const trap: Trap = { direction, passes, sprung }
    this.#trap = trap
    return { happened, cancel: () => { if (this.#trap === trap) this.#trap = undefined } }
  }

  /** @internal */
  spring (direction: LinkDirection, chunk: Buffer): number | undefined {
    const trap = this.#trap
    if (trap === undefined || trap.direction !== direction) return undefined
    const passing = trap.passes(chunk)
    if (passing === undefined) return undefined
    this.#trap = undefined
    trap.sprung()
    return passing
  }

  /** @internal Whether a lane may deliver now, and after what time. */
  delayOf (direction: LinkDirection): { held: boolean, delayMs: number, bytesPerSecond: number, trapped: boolean } {
    return { held: this.#held === 'both' || this.#held === direction, delayMs: this.#roundTripMs / 2, bytesPerSecond: this.#bytesPerSecond, trapped: this.#trap !== undefined }
  }

  /** @internal A handshake needs both directions. */
  get handshakes (): boolean {
    return this.#held === 'none'
  }

  async #listen (): Promise<void> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
      this.#opened++
      const pair = new Pair(this, client, (port) => {
        this.#pairs.delete(pair)
        this.#handshakes.get(port)?.reject(new Error('the connection has ended'))
        this.#handshakes.delete(port)
      })
      this.#pairs.add(pair)
      if (this.#blackHole) pair.swallow()
      else pair.start()
    })
    server.unref()
    this.#server = server
    this.#listening = new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ port: this.#port, host: this.host, backlog: 1024 }, resolve)
    })
    await this.#listening
    this.#port = (server.address() as AddressInfo).port
  }

  /** Ends the link and its connections. */
  async close (): Promise<void> {
    const server = this.#server
    this.#server = undefined
    for (const pair of this.#pairs) pair.destroy()
    if (server !== undefined) await new Promise<void>((resolve) => server.close(() => resolve()))
  }
}

/** A connection of a client and the one that was opened to the target for it. */
class Pair {
  readonly #link: Link
  readonly #client: Socket
  readonly #clientPort: number
  readonly #onEnd: (clientPort: number) => void
  #upstream: Socket | undefined
  #up: Lane | undefined
  #down: Lane | undefined
  #state: 'open' | 'swallowed' | 'ended' = 'open'
  #opening: NodeJS.Timeout | undefined

  constructor (link: Link, client: Socket, onEnd: (clientPort: number) => void) {
    this.#link = link
    this.#client = client
    this.#clientPort = client.remotePort ?? 0
    this.#onEnd = onEnd
    client.on('error', () => {})
    client.on('close', () => this.#settle())
  }

  start (): void {
    if (this.#state !== 'open') return
    const { roundTripMs } = this.#link
    const opensAtMs = performance.now() + roundTripMs
    this.#up = new Lane(this.#link, this, 'to-target', this.#client, opensAtMs)
    if (roundTripMs === 0) this.#connect()
    else this.#opening = setTimeout(() => this.#connect(), roundTripMs / 2)
  }

  #connect (): void {
    this.#opening = undefined
    const connectingAtMs = performance.now()
    // Without a handshake there is nothing on the other side; `flush` comes back here after the partition.
    if (this.#state !== 'open' || !this.#link.handshakes || this.#upstream !== undefined) return
    const upstream = connect({ ...this.#link.target, allowHalfOpen: true, noDelay: true })
    this.#upstream = upstream
    upstream.on('error', () => {})
    upstream.once('connect', () => {
      if (this.#state !== 'open') return
      this.#down = new Lane(this.#link, this, 'from-target', upstream, 0)
      this.#down.deliverTo(this.#client)
      this.#up?.deliverTo(upstream)
      const handshake = this.#link.handshakeOf(this.#clientPort)
      const returnMs = connectingAtMs + this.#link.roundTripMs / 2 - performance.now()
      if (returnMs <= EARLY_MS) handshake.resolve()
      else setTimeout(() => handshake.resolve(), returnMs)
    })
    upstream.on('close', () => {
      // Refused, or gone before it was connected.
      if (this.#state === 'open' && this.#down === undefined) this.reset()
      this.#settle()
    })
  }

  #settle (): void {
    const clientGone = this.#client.destroyed
    const upstreamGone = this.#upstream === undefined || this.#upstream.destroyed
    if (this.#state === 'swallowed') {
      if (clientGone && upstreamGone) this.destroy()
      return
    }
    if (clientGone && (upstreamGone || this.#upstream?.connecting === true)) this.destroy()
  }

  flush (): void {
    if (this.#state !== 'open') return
    if (this.#upstream === undefined && this.#opening === undefined) this.#connect()
    this.#up?.flush()
    this.#down?.flush()
  }

  /** Cuts the two ends from each other; neither learns of it. */
  swallow (): void {
    if (this.#state !== 'open') return
    this.#state = 'swallowed'
    clearTimeout(this.#opening)
    this.#up?.stop()
    this.#down?.stop()
    // Read on, so that the kernel acknowledges what is sent, and drop it.
    for (const socket of [this.#client, this.#upstream]) {
      socket?.removeAllListeners('data')
      socket?.removeAllListeners('end')
      socket?.on('data', () => {})
      socket?.resume()
    }
  }

  reset (): void {
    if (this.#state === 'ended') return
    this.#end()
    this.#client.resetAndDestroy()
    this.#upstream?.resetAndDestroy()
  }

  /** The sender's side ends with RST; the other is closed in order, so that what it was sent is still read. */
  resetAfterDelivery (direction: LinkDirection): void {
    if (this.#state === 'ended') return
    this.#end()
    const [sender, receiver] = direction === 'to-target' ? [this.#client, this.#upstream] : [this.#upstream, this.#client]
    sender?.resetAndDestroy()
    receiver?.destroySoon()
  }

  destroy (): void {
    if (this.#state === 'ended') return
    this.#end()
    this.#client.destroy()
    this.#upstream?.destroy()
  }

  #end (): void {
    this.#state = 'ended'
    clearTimeout(this.#opening)
    this.#up?.stop()
    this.#down?.stop()
    this.#onEnd(this.#clientPort)
  }
}

type Parcel =
  | { readonly type: 'bytes', readonly dueAtMs: number, readonly chunk: Buffer }
  | { readonly type: 'end' | 'reset' | 'deliver-then-reset', readonly dueAtMs: number }

/** One direction of a pair. */
class Lane {
  readonly #link: Link
  readonly #pair: Pair
  readonly #direction: LinkDirection
  readonly #source: Socket
  readonly #opensAtMs: number
  #target: Socket | undefined
  #queue: Parcel[] = []
  #queuedBytes = 0
  #timer: NodeJS.Timeout | undefined
  #lastDueMs = 0
  #stopped = false
  #ended = false
  #sourcePaused = false

  constructor (link: Link, pair: Pair, direction: LinkDirection, source: Socket, opensAtMs: number) {
    this.#link = link
    this.#pair = pair
    this.#direction = direction
    this.#source = source
    this.#opensAtMs = opensAtMs
    source.on('data', (chunk) => this.#take(chunk))
    source.on('end', () => {
      this.#ended = true
      this.#add('end')
    })
    source.on('close', () => { if (!this.#ended) this.#add('reset') })
  }

  deliverTo (target: Socket): void {
    this.#target = target
    target.on('drain', () => this.#resumeSource())
    this.flush()
  }

  stop (): void {
    this.#stopped = true
    clearTimeout(this.#timer)
    this.#queue = []
  }

  #take (chunk: Buffer): void {
    if (this.#stopped) return
    const { held, delayMs, bytesPerSecond, trapped } = this.#link.delayOf(this.#direction)
    if (trapped) {
      const passing = this.#link.spring(this.#direction, chunk)
      if (passing !== undefined) {
        if (passing > 0) this.#addBytes(chunk.subarray(0, passing), delayMs, bytesPerSecond)
        this.#add(passing > 0 ? 'deliver-then-reset' : 'reset')
        return
      }
    }
    if (delayMs === 0 && !held && bytesPerSecond === Infinity && this.#queue.length === 0 && this.#target !== undefined) {
      this.#write(chunk)
      return
    }
    this.#addBytes(chunk, delayMs, bytesPerSecond)
    if (this.#queuedBytes > QUEUE_LIMIT_BYTES) this.#pauseSource()
  }

  #addBytes (chunk: Buffer, delayMs: number, bytesPerSecond: number): void {
    const transmissionMs = bytesPerSecond === Infinity ? 0 : chunk.length / bytesPerSecond * 1000
    // Never before an earlier chunk, also when the distance shrinks meanwhile.
    const dueAtMs = Math.max(Math.max(performance.now(), this.#opensAtMs) + delayMs, this.#lastDueMs) + transmissionMs
    this.#lastDueMs = dueAtMs
    this.#queuedBytes += chunk.length
    this.#queue.push({ type: 'bytes', dueAtMs, chunk })
    if (this.#queue.length === 1) this.flush()
  }

  #add (type: 'end' | 'reset' | 'deliver-then-reset'): void {
    if (this.#stopped) return
    const { delayMs } = this.#link.delayOf(this.#direction)
    const dueAtMs = Math.max(Math.max(performance.now(), this.#opensAtMs) + delayMs, this.#lastDueMs)
    this.#lastDueMs = dueAtMs
    this.#queue.push({ type, dueAtMs })
    if (this.#queue.length === 1) this.flush()
  }

  flush (): void {
    if (this.#stopped || this.#timer !== undefined || this.#target === undefined || this.#link.delayOf(this.#direction).held) return
    const now = performance.now()
    let delivered = 0
    for (const parcel of this.#queue) {
      if (parcel.dueAtMs - now > EARLY_MS) break
      delivered++
      if (parcel.type === 'bytes') {
        this.#queuedBytes -= parcel.chunk.length
        this.#write(parcel.chunk)
      } else {
        this.#finish(parcel.type)
        if (this.#stopped) return
      }
    }
    if (delivered > 0) this.#queue.splice(0, delivered)
    const next = this.#queue[0]
    if (next !== undefined) {
      this.#timer = setTimeout(() => {
        this.#timer = undefined
        this.flush()
      }, next.dueAtMs - now)
    }
    if (this.#sourcePaused && this.#queuedBytes < QUEUE_LIMIT_BYTES / 2 && this.#target.writableNeedDrain === false) this.#resumeSource()
  }

  #finish (type: 'end' | 'reset' | 'deliver-then-reset'): void {
    switch (type) {
      case 'end':
        this.#target?.end()
        return
      case 'reset':
        this.#pair.reset()
        return
      case 'deliver-then-reset':
        this.#pair.resetAfterDelivery(this.#direction)
    }
  }

  #write (chunk: Buffer): void {
    if (this.#target?.destroyed === true) {
      // Its end has closed for good: what still comes for it is answered with RST, as TCP does.
      this.#pair.reset()
      return
    }
    // Only without distance is the target's own backpressure passed on: otherwise the queue is the network.
    if (this.#target?.write(chunk) === false) this.#pauseSource()
  }

  #pauseSource (): void {
    this.#sourcePaused = true
    this.#source.pause()
  }

  #resumeSource (): void {
    if (!this.#sourcePaused || this.#stopped) return
    this.#sourcePaused = false
    this.#source.resume()
  }
}
