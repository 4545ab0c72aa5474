// Judges a history: every guarantee as a rule over operations, without knowledge of how the answers came about.
//
// read-your-writes   a read sees no state of a register older than the session's own acknowledged writes to it
// monotonic-reads    (consistency `monotonic`) no state older than one that the session has read before
// consistent-prefix  who has seen a write (its own; with `monotonic` also one it has read) sees all that had been
//                    acknowledged before that write began: positions in the log are not per register
// strong-reads       (consistency `strong`) all that was acknowledged before the read began
// monotonic-writes   a session's writes take effect in its order
// durable-writes     what was acknowledged is there at the end; a failover without a synchronous standby may lose
//                    what lay beyond the promoted server's log, and the dead primary's log must show that it did
// written-once       no write is there twice, none that was refused is there at all
// real-states        what a read returns was written and committed, to that register, in that version
// covering-stamps    a token's position lies behind its write
//
// A failover that loses writes takes them from those who have seen them: a lost write is a floor for reads until
// the failover begins, and for none after it.

import { compareVersions, type Failover, type History, type Operation, type Read, type Version, type Write } from './history.ts'

export type Guarantee =
  | 'read-your-writes'
  | 'monotonic-reads'
  | 'consistent-prefix'
  | 'strong-reads'
  | 'monotonic-writes'
  | 'durable-writes'
  | 'written-once'
  | 'real-states'
  | 'covering-stamps'

export const GUARANTEES = [
  'read-your-writes', 'monotonic-reads', 'consistent-prefix', 'strong-reads', 'monotonic-writes', 'durable-writes', 'written-once', 'real-states', 'covering-stamps',
] as const satisfies readonly Guarantee[]

export interface Violation {
  readonly guarantee: Guarantee
  /** What happened, for a person. */
  readonly message: string
  readonly operation: Operation
}

/** An acknowledged write that a failover took. */
export interface LostWrite {
  readonly write: Write
  readonly failover: Failover
  /** The end of its commit in the log that was left. */
  readonly committedAt: bigint
}

export interface Judgement {
  readonly violations: readonly Violation[]
  readonly lost: readonly LostWrite[]
  /** How often each rule had something to compare. */
  readonly checked: Readonly<Record<Guarantee, number>>
}

/** An app without session consistency is judged by the same rules: that shows what it lacks. */
export function checkHistory (history: History): Judgement {
  return new Judge(history).judge()
}

class Judge {
  readonly #history: History
  readonly #violations: Violation[] = []
  readonly #lost: LostWrite[] = []
  readonly #checked = Object.fromEntries(GUARANTEES.map((name) => [name, 0])) as Record<Guarantee, number>
  readonly #writes = new Map<string, Write>()
  /** By writer: how often it is in the database at the end. */
  readonly #survivors = new Map<string, number>()
  readonly #versions = new Map<string, Version>()
  readonly #registers = new Map<string, Register>()

  constructor (history: History) {
    this.#history = history
    for (const one of history.operations) if (one.type === 'write') this.#writes.set(one.id, one)
    for (const { writer, key, version } of history.committed) {
      this.#survivors.set(writer, (this.#survivors.get(writer) ?? 0) + 1)
      this.#versions.set(`${writer} ${key}`, version)
    }
    for (const write of this.#writes.values()) {
      if (write.outcome !== 'acknowledged' || write.version === undefined || !this.#survivors.has(write.id)) continue
      let register = this.#registers.get(write.key)
      if (register === undefined) this.#registers.set(write.key, register = new Register())
      register.add(write.version, write.completedMs)
    }
    for (const register of this.#registers.values()) register.seal()
  }

  judge (): Judgement {
    for (const write of this.#writes.values()) this.#judgeWrite(write)
    for (const session of bySession(this.#history.operations).values()) this.#judgeSession(session)
    return { violations: this.#violations, lost: this.#lost, checked: this.#checked }
  }

  #found (guarantee: Guarantee, operation: Operation, message: string): void {
    this.#violations.push({ guarantee, operation, message })
  }

  #judgeWrite (write: Write): void {
    const copies = this.#survivors.get(write.id) ?? 0
    this.#checked['written-once']++
    if (copies > 1) this.#found('written-once', write, `${write.id} is in the database ${copies} times`)
    if (copies > 0 && write.outcome === 'refused') this.#found('written-once', write, `${write.id} was refused and is in the database`)
    if (write.outcome !== 'acknowledged') return
    this.#checked['durable-writes']++
    if (copies === 0) this.#judgeLoss(write)
    if (write.stamped !== undefined && write.before !== undefined) {
      this.#checked['covering-stamps']++
      if (write.stamped < write.before) this.#found('covering-stamps', write, `the token of ${write.id} says ${write.stamped}, but the write began at ${write.before}`)
    }
  }

  #judgeLoss (write: Write): void {
    const lost = (why: string): void => { this.#found('durable-writes', write, `${write.id} was acknowledged and is not in the database: ${why}`) }
    const failover = this.#failoverThatTook(write.id)
    const committedAt = failover?.taken.get(write.id)
    if (failover === undefined || committedAt === undefined) lost('no primary that died had its commit behind the point where the next timeline began')
    else if (failover.synchronous) lost('a synchronous standby was promoted')
    else if (committedAt <= failover.received) lost(`its commit ended at ${committedAt}, and the promoted server had received the log up to ${failover.received}`)
    else this.#lost.push({ write, failover, committedAt })
  }

  #failoverThatTook (writer: string): Failover | undefined {
    return this.#history.failovers.find(({ taken }) => taken.has(writer))
  }

  #judgeSession (operations: readonly Operation[]): void {
    const own = new Floors()
    const read = new Floors()
    /** All that was acknowledged before this moment must be seen. */
    let ownPrefixMs = Number.NEGATIVE_INFINITY
    let readPrefixMs = Number.NEGATIVE_INFINITY
    let ownTimeline = 0
    let last: Write | undefined
    for (const one of operations) {
      if (one.type === 'write') {
        if (one.outcome !== 'acknowledged' || one.version === undefined) continue
        this.#judgeWriteOrder(last, one)
        last = one
        own.raise(one.key, one.version, this.#lossOf(one.id))
        if (this.#survivors.has(one.id)) {
          ownPrefixMs = Math.max(ownPrefixMs, one.invokedMs)
          ownTimeline = Math.max(ownTimeline, one.version.timeline)
        }
        continue
      }
      if (one.outcome !== 'ok' || one.version === undefined) continue
      this.#judgeState(one)
      const monotonic = one.consistency === 'monotonic'
      this.#judgeFloor('read-your-writes', one, own)
      if (monotonic) this.#judgeFloor('monotonic-reads', one, read)
      if (one.version.timeline < ownTimeline && this.#lossOf(one.writer) !== undefined) {
        this.#found('consistent-prefix', one, `session ${one.session} has written on timeline ${ownTimeline} and saw ${show(one.version)} of ${one.key}, which that timeline does not have`)
      }
      this.#judgePrefix('consistent-prefix', one, monotonic ? Math.max(ownPrefixMs, readPrefixMs) : ownPrefixMs)
      if (one.consistency === 'strong') this.#judgePrefix('strong-reads', one, one.invokedMs)
      if (!monotonic) continue
      read.raise(one.key, one.version, this.#lossOf(one.writer))
      const writer = this.#writes.get(one.writer ?? '')
      if (writer !== undefined && this.#survivors.has(writer.id)) readPrefixMs = Math.max(readPrefixMs, writer.invokedMs)
    }
  }

  /** From when on a version is gone; undefined: it is still there, or came with the first data. */
  #lossOf (writer: string | undefined): number | undefined {
    return writer === undefined ? undefined : this.#failoverThatTook(writer)?.startedMs
  }

  #judgeFloor (guarantee: 'read-your-writes' | 'monotonic-reads', read: Read, floors: Floors): void {
    const floor = floors.of(read.key, read.completedMs)
    if (floor === undefined || read.version === undefined) return
    this.#checked[guarantee]++
    if (compareVersions(read.version, floor) < 0) this.#found(guarantee, read, `session ${read.session} saw ${show(read.version)} of ${read.key} in ${read.region}, behind ${show(floor)}`)
  }

  #judgePrefix (guarantee: 'consistent-prefix' | 'strong-reads', read: Read, sinceMs: number): void {
    if (sinceMs === Number.NEGATIVE_INFINITY || read.version === undefined) return
    this.#checked[guarantee]++
    const missed = this.#registers.get(read.key)?.newestBefore(sinceMs)
    if (missed !== undefined && compareVersions(read.version, missed) < 0) {
      this.#found(guarantee, read, `session ${read.session} saw ${show(read.version)} of ${read.key} in ${read.region}, but ${show(missed)} had been acknowledged before what it knows of`)
    }
  }

  #judgeWriteOrder (earlier: Write | undefined, later: Write): void {
    if (earlier?.version === undefined || later.version === undefined || earlier.before === undefined || later.before === undefined) return
    this.#checked['monotonic-writes']++
    const out = (why: string): void => { this.#found('monotonic-writes', later, `session ${later.session} wrote ${earlier.id}, then ${later.id}: ${why}`) }
    const [a, b] = [earlier.version, later.version]
    if (a.timeline > b.timeline || (a.timeline === b.timeline && earlier.before >= later.before)) out('the later one stands before the earlier one in the log')
    else if (earlier.key === later.key && compareVersions(a, b) >= 0) out(`${show(b)} is not newer than ${show(a)}`)
    else if (a.timeline === b.timeline && !this.#survivors.has(earlier.id) && this.#survivors.has(later.id)) out('only the later one is in the database')
  }

  #judgeState (read: Read): void {
    this.#checked['real-states']++
    if (read.version === undefined || read.version.number === 0) return
    const writer = this.#writes.get(read.writer ?? '')
    if (writer === undefined || writer.key !== read.key) {
      this.#found('real-states', read, `${read.key} held ${show(read.version)} by ${read.writer ?? 'nobody'}, who never wrote it`)
      return
    }
    if (!this.#survivors.has(writer.id) && this.#failoverThatTook(writer.id) === undefined) {
      this.#found('real-states', read, `${read.key} held ${show(read.version)} by ${writer.id}, which no primary ever committed`)
      return
    }
    const written = writer.version ?? this.#versions.get(`${writer.id} ${read.key}`)
    if (written !== undefined && compareVersions(written, read.version) !== 0) this.#found('real-states', read, `${read.key} held ${show(read.version)} by ${writer.id}, which wrote ${show(written)}`)
  }
}

const show = (version: Version): string => `${version.timeline}/${version.number}`

function bySession (operations: readonly Operation[]): Map<number, Operation[]> {
  const sessions = new Map<number, Operation[]>()
  for (const one of operations) {
    const list = sessions.get(one.session)
    if (list === undefined) sessions.set(one.session, [one])
    else list.push(one)
  }
  return sessions
}

/** The newest state of each register that a session must not fall behind. */
class Floors {
  readonly #lasting = new Map<string, Version>()
  readonly #lost = new Map<string, { readonly version: Version, readonly goneFromMs: number }[]>()

  raise (key: string, version: Version, goneFromMs: number | undefined): void {
    if (goneFromMs === undefined) {
      const known = this.#lasting.get(key)
      if (known === undefined || compareVersions(known, version) < 0) this.#lasting.set(key, version)
      return
    }
    const list = this.#lost.get(key)
    if (list === undefined) this.#lost.set(key, [{ version, goneFromMs }])
    else list.push({ version, goneFromMs })
  }

  of (key: string, atMs: number): Version | undefined {
    let floor = this.#lasting.get(key)
    for (const { version, goneFromMs } of this.#lost.get(key) ?? []) {
      if (atMs < goneFromMs && (floor === undefined || compareVersions(floor, version) < 0)) floor = version
    }
    return floor
  }
}

/** The acknowledged, lasting versions of one register by the time of their acknowledgement. */
class Register {
  #acknowledged: { readonly version: Version, readonly atMs: number }[] = []
  #newest: Version[] = []

  add (version: Version, atMs: number): void { this.#acknowledged.push({ version, atMs }) }

  seal (): void {
    this.#acknowledged.sort((a, b) => a.atMs - b.atMs)
    let newest: Version | undefined
    this.#newest = this.#acknowledged.map(({ version }) => {
      if (newest === undefined || compareVersions(newest, version) < 0) newest = version
      return newest
    })
  }

  /** The newest version that had been acknowledged by then. */
  newestBefore (ms: number): Version | undefined {
    let [low, high] = [0, this.#acknowledged.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#acknowledged[middle]?.atMs ?? Infinity) < ms) low = middle + 1
      else high = middle
    }
    return this.#newest[low - 1]
  }
}
