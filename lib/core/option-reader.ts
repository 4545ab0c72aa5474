// Reads one object of options: each reader method checks one value, and what is wrong goes to a list that all
// readers of one resolution share, so that every problem is told at once.

import { nearestName } from './nearest-name.ts'

/** Timers in Node hold 2^31 - 1 ms; a larger delay fires at once. */
const MAX_MS = 2 ** 31 - 1

export type Bag = Readonly<Record<string, unknown>>

export const isBag = (value: unknown): value is Bag => typeof value === 'object' && value !== null && !Array.isArray(value)

/** For messages: the type of what was given, never its value, which may be a secret. */
export function describe (value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

export interface NumberRule { readonly min: number, readonly max: number, readonly unit: string, readonly integer: boolean }

export const milliseconds = (min: number, max = MAX_MS): NumberRule => ({ min, max, unit: 'milliseconds', integer: false })
export const count = (min: number, max: number): NumberRule => ({ min, max, unit: '', integer: true })

/** A name that HTTP allows: of a header, a cookie, a method. */
export const HTTP_TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/

export class Reader {
  readonly #bag: Bag
  readonly #path: string
  readonly problems: string[]

  constructor (bag: Bag, path: string, problems: string[]) {
    this.#bag = bag
    this.#path = path
    this.problems = problems
  }

  nameOf (key: string): string {
    return this.#path === '' ? key : `${this.#path}.${key}`
  }

  problem (key: string, text: string): void {
    this.problems.push(`\`${this.nameOf(key)}\` ${text}`)
  }

  raw (key: string): unknown {
    return this.#bag[key]
  }

  onlyKeys (known: readonly string[], alsoAccepted: readonly string[] = []): void {
    for (const key of Object.keys(this.#bag)) {
      if (known.includes(key) || alsoAccepted.includes(key)) continue
      const nearest = nearestName(key, known)
      this.problem(key, nearest === undefined ? `is not an option; known are ${known.join(', ')}` : `is not an option; did you mean \`${this.nameOf(nearest)}\`?`)
    }
  }

  optionalNumber (key: string, rule: NumberRule): number | undefined {
    const value = this.#bag[key]
    if (value === undefined) return undefined
    const unit = rule.unit === '' ? '' : ` of ${rule.unit}`
    if (typeof value !== 'number' || !Number.isFinite(value) || value < rule.min || value > rule.max || (rule.integer && !Number.isInteger(value))) {
      this.problem(key, `must be a ${rule.integer ? 'whole ' : ''}number${unit} from ${rule.min} to ${rule.max}, but is ${describe(value)}`)
      return undefined
    }
    return value
  }

  number (key: string, rule: NumberRule, byDefault: number): number {
    return this.optionalNumber(key, rule) ?? byDefault
  }

  boolean (key: string, byDefault: boolean): boolean {
    const value = this.#bag[key]
    if (value === undefined) return byDefault
    if (typeof value === 'boolean') return value
    this.problem(key, `must be true or false, but is ${describe(value)}`)
    return byDefault
  }

  optionalWord<const T extends string> (key: string, words: readonly T[]): T | undefined {
    const value = this.#bag[key]
    if (value === undefined) return undefined
    const found = words.find((word) => word === value)
    if (found === undefined) {
      const nearest = typeof value === 'string' ? nearestName(value, words) : undefined
      this.problem(key, `must be one of ${words.map((word) => `'${word}'`).join(', ')}${nearest === undefined ? `, but is ${describe(value)}` : `; did you mean '${nearest}'?`}`)
    }
    return found
  }

  /** A nested object; an empty one where it is absent or wrong. */
  nested (key: string, known: readonly string[]): Reader {
    const value = this.#bag[key]
    const usable = value === undefined || isBag(value)
    if (!usable) this.problem(key, `must be an object, but is ${describe(value)}`)
    const reader = new Reader(isBag(value) ? value : {}, this.nameOf(key), this.problems)
    reader.onlyKeys(known)
    return reader
  }
}
