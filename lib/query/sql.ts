// Composition of raw SQL: text from the program, values as parameters.
// The semantics are those of sql-template-tag, which Prisma exports as `Prisma.sql`: a value that is itself a
// fragment is spliced in, every other value becomes `$n`. Only `raw` turns a string into SQL text, so a value
// that came from a request can never do so: JSON cannot make an instance of this class.

import { QueryInvalidError } from '../core/errors.ts'
import type { Statement } from './statement.ts'
import { encodeRawParameter } from './raw-parameter.ts'

/** A value of a composed query: another fragment, or anything that `encodeRawParameter` takes. */
export type RawValue = unknown

export class Sql {
  /** Text between the values, already flattened: one more than there are values. */
  readonly strings: readonly string[]
  readonly values: readonly unknown[]

  constructor (rawStrings: readonly string[], rawValues: readonly RawValue[]) {
    if (rawStrings.length === 0) throw new TypeError('Expected at least 1 string')
    if (rawStrings.length - 1 !== rawValues.length) {
      throw new TypeError(`Expected ${rawStrings.length} strings to have ${rawStrings.length - 1} values`)
    }
    const strings: string[] = [rawStrings[0] ?? '']
    const values: unknown[] = []
    for (let i = 0; i < rawValues.length; i++) {
      const value = rawValues[i]
      const after = rawStrings[i + 1] ?? ''
      if (value instanceof Sql) {
        strings[strings.length - 1] += value.strings[0] ?? ''
        for (let j = 0; j < value.values.length; j++) {
          values.push(value.values[j])
          strings.push(value.strings[j + 1] ?? '')
        }
        strings[strings.length - 1] += after
      } else {
        values.push(value)
        strings.push(after)
      }
    }
    this.strings = strings
    this.values = values
  }

  /** With `$1 … $n`, as PostgreSQL takes it. */
  get text (): string {
    let text = this.strings[0] ?? ''
    for (let i = 1; i < this.strings.length; i++) text += `$${i}${this.strings[i] ?? ''}`
    return text
  }

  /** With `?`, as MySQL and SQLite take it; here for code that came from Prisma and logs it. */
  get sql (): string {
    return this.strings.join('?')
  }

  /** The statement in text form, parameters encoded. */
  toStatement (): Statement {
    return { text: this.text, params: encodeRawParameters(this.values) }
  }

  inspect (): { sql: string, text: string, values: readonly unknown[] } {
    return { sql: this.sql, text: this.text, values: this.values }
  }
}

export function encodeRawParameters (values: readonly unknown[]): (string | null)[] {
  const params: (string | null)[] = []
  for (let i = 0; i < values.length; i++) params.push(encodeRawParameter(values[i], [`$${i + 1}`]))
  return params
}

/**
 * A fragment of SQL: values become parameters, fragments are spliced in.
 * @example const byAge = sql`age > ${18}`; await db.$queryRaw`select * from users where ${byAge}`
 * @since 0.1.0
 */
export function sql (strings: readonly string[], ...values: RawValue[]): Sql {
  return new Sql(strings, values)
}

/**
 * Values or fragments with a separator between them.
 * @throws TypeError for an empty list, which would make invalid SQL
 * @example sql`id in (${join([1, 2, 3])})`
 * @since 0.1.0
 */
export function join (values: readonly RawValue[], separator = ',', prefix = '', suffix = ''): Sql {
  if (values.length === 0) {
    throw new TypeError('Expected `join([])` to be called with an array of multiple elements, but got an empty array')
  }
  return new Sql([prefix, ...Array<string>(values.length - 1).fill(separator), suffix], values)
}

/**
 * Rows of values, as `insert … values` takes them.
 * @throws TypeError for no rows, empty rows, or rows of different lengths
 * @example sql`insert into t (a, b) values ${bulk([[1, 'x'], [2, 'y']])}`
 * @since 0.1.0
 */
export function bulk (rows: readonly (readonly RawValue[])[], separator = ',', prefix = '', suffix = ''): Sql {
  const length = rows[0]?.length ?? 0
  if (rows.length === 0 || length === 0) throw new TypeError('Expected `bulk([][])` to be called with a nested array of at least one row with at least one value')
  const parts = rows.map((row, index) => {
    if (row.length !== length) throw new TypeError(`Expected \`bulk([${index}][])\` to have a length of ${length}, but got ${row.length}`)
    return new Sql(['(', ...Array<string>(row.length - 1).fill(separator), ')'], row)
  })
  return new Sql([prefix, ...Array<string>(parts.length - 1).fill(separator), suffix], parts)
}

/**
 * A string as SQL text, unescaped: only for text that the program itself wrote.
 * @since 0.1.0
 */
export function raw (text: string): Sql {
  return new Sql([text], [])
}

/**
 * No SQL at all, for conditional parts.
 * @since 0.1.0
 */
export const empty: Sql = raw('')

/** What `$queryRaw` and `$executeRaw` were called with: a template, or one composed fragment. */
export function toSql (method: string, query: unknown, values: readonly unknown[]): Sql {
  if (query instanceof Sql) {
    if (values.length > 0) throw new QueryInvalidError(`\`${method}\` takes a composed query alone; its values are inside it`, { path: [] })
    return query
  }
  // A template's strings carry `raw`; an array parsed from JSON cannot.
  if (Array.isArray(query) && Array.isArray((query as { raw?: unknown }).raw)) return new Sql(query as string[], values)
  throw new QueryInvalidError(`\`${method}\` is a tag function: write ${method}\`select …\`, or pass a query made by \`sql\`; for a string use \`${method}Unsafe\``, { path: [], received: typeof query })
}
