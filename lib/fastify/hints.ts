// Warnings for the developer: each once a route or text, none in production.

import type { FastifyBaseLogger, FastifyRequest } from 'fastify'
import type { ReplayReason } from '../core/replay-decision.ts'
import { takeStack } from '../core/take-stack.ts'
import { HiddenWrites } from '../postgres/hidden-writes.ts'
import { UnrunOperations } from '../postgres/unrun-operations.ts'

/** How many uses of the process's client are looked at for a handler on the stack: taking a stack is slow. */
const MAX_LOOKS = 200

/** Fastify calls a handler from this file; what runs after the handler's first `await` is not noticed. */
const HANDLER_FRAME = /[\\/]fastify[\\/]lib[\\/]handle-request\.js/

/** Characters of a statement in a warning. */
const MAX_SHOWN = 200

/** So many in a row are no chance. */
const NEEDLESS_REPLAYS = 5

const advice = 'Give the route config: { multiRegion: { intent: \'write\' } }, so that it runs in the primary\'s region from its start.'

export class Hints {
  readonly #log: FastifyBaseLogger
  readonly #given = new Set<string>()
  /** Requests that were replayed to a route for its method and only read; -Infinity, and so for good: one has written. */
  readonly #needless = new Map<string, number>()
  /** Each text once. */
  readonly hiddenWrites = new HiddenWrites((text) => { this.#hiddenWrite(text) })
  /** Each place once. */
  readonly unrun = new UnrunOperations((method, where) => { this.#unrun(method, where) })
  #looks = 0

  constructor (log: FastifyBaseLogger) {
    this.#log = log
  }

  #once (key: string, give: () => void): void {
    if (this.#given.has(key)) return
    this.#given.add(key)
    give()
  }

  /** What the handler did before its write happens again in the other region. */
  lateCapture (request: FastifyRequest, route: string, facts: { readonly reason: ReplayReason, readonly statements: number }): void {
    this.#once(`late ${request.method} ${route}`, () => {
      request.log.warn({ route, method: request.method, intent: 'write', ...facts }, `The handler of ${request.method} ${route} was stopped at a write after ${facts.statements} statements, and runs again from its start in the primary's region. ${advice}`)
    })
  }

  readMethodWrites (request: FastifyRequest, route: string): void {
    this.#once(`writes ${request.method} ${route}`, () => {
      request.log.warn({ route, method: request.method, intent: 'write' }, `${request.method} ${route} writes. ${advice}`)
    })
  }

  /** One request may have had nothing to write; several in a row are a route that reads. */
  replayedForMethod (request: FastifyRequest, route: string, did: 'only-read' | 'wrote'): void {
    const key = `${request.method} ${route}`
    const times = did === 'wrote' ? -Infinity : (this.#needless.get(key) ?? 0) + 1
    this.#needless.set(key, times)
    if (times !== NEEDLESS_REPLAYS) return
    request.log.warn({ route, method: request.method, intent: 'auto' }, `${times} requests to ${key} were sent to the primary's region for their method, and only read there. If it never writes, give the route config: { multiRegion: { intent: 'read' } }; if it sometimes does, 'auto': then it starts where the user is.`)
  }

  readIntentWrites (request: FastifyRequest, route: string): void {
    this.#once(`intent ${request.method} ${route}`, () => {
      request.log.warn({ route, method: request.method, intent: 'read' }, `${request.method} ${route} declares intent: 'read' and writes. ${advice}`)
    })
  }

  #unrun (method: string, where: string | undefined): void {
    this.#once(`unrun ${method} ${where ?? ''}`, () => {
      this.#log.warn({ method, where }, `${method}() was called${where === undefined ? '' : ` at ${where}`} and never awaited, so it did not run: operations start when they are awaited. Await it, return it, or give it to $transaction([…]); the lint rule no-floating-promises finds such calls.`)
    })
  }

  #hiddenWrite (text: string): void {
    this.#log.warn({ statement: shown(text) }, 'A raw query has written, or locked rows, behind a SELECT. On a primary it counts as a read: nobody waits to see what it wrote, and the session gets no token for it. Run it with $executeRaw, give the route config: { multiRegion: { intent: \'write\' } }, or call request.multiRegion.markWritten() behind it.')
  }

  /** Called when `fastify.<name>` is read. True when a handler reads it. */
  processClientRead (name: string): boolean {
    if (this.#looks >= MAX_LOOKS) return false
    this.#looks++
    if (!HANDLER_FRAME.test(takeStack(20))) return false
    this.#once(`process ${name}`, () => {
      this.#log.warn({ database: name }, `fastify.${name} is used in a handler: its writes cross to the primary one by one, and the user may not see them afterwards. Use request.${name}.`)
    })
    return true
  }
}

/** Enough to find it by; what stands in quotes may be a user's. */
const shown = (text: string): string => text.replace(/'(?:[^']|'')*'?/g, "'…'").trim().slice(0, MAX_SHOWN)
