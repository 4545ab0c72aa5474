// The one place where a value becomes `$n`. Text is composed as `Sql` (sql-text.ts), which takes no plain string;
// a builder numbers the parameters of one statement in the order in which they are asked for, and names its tables.

import { Leaf } from './shape.ts'
import { StatementTemplate, type Generator, type ParameterSource, type ValueSources } from './plan.ts'
import { LimitExceededError } from '../core/errors.ts'
import type { Encode, Path } from './encode.ts'
import type { Sql } from './sql-text.ts'
import type { Statement } from './statement.ts'

/** The values of one compilation: leaves of the arguments first, then constants and generated values. Shared by all statements of the operation. */
export class ValueTable {
  readonly #values: unknown[]
  readonly generators: Generator[] = []
  readonly #sources: ValueSources
  readonly #leafCount: number

  constructor (leaves: readonly unknown[], sources: ValueSources) {
    this.#values = [...leaves]
    this.#leafCount = leaves.length
    this.#sources = sources
  }

  /** A value that each call makes for itself, e.g. a uuid: the same in every statement that uses the returned leaf. */
  generate (make: Generator): Leaf {
    const value = make(this.#sources)
    const leaf = new Leaf(this.#leafCount + this.generators.length, false, value)
    this.generators.push(make)
    this.#values.push(value)
    return leaf
  }

  /** For plans that are made from values and used once; all others `generate`. */
  get sources (): ValueSources { return this.#sources }

  /** The values of the call that is being compiled. */
  get values (): readonly unknown[] { return this.#values }
}

/** PostgreSQL counts parameters in 16 bits. */
const maxServerParameters = 65_535

export class SqlBuilder {
  readonly table: ValueTable
  readonly #parameters: ParameterSource[] = []
  #aliases = 0

  constructor (table: ValueTable) {
    this.table = table
  }

  /** A name for a table in this statement: t0, t1, … */
  alias (): Sql {
    return `t${this.#aliases++}` as Sql
  }

  /** A value of the caller. Each use of the same leaf with the same encoder is one parameter. */
  param (leaf: Leaf, encode: Encode, path: Path): Sql {
    const parameters = this.#parameters
    for (let i = 0; i < parameters.length && i < 64; i++) {
      const known = parameters[i] as ParameterSource
      if (known.index === leaf.index && known.encode === encode) return `$${i + 1}` as Sql
    }
    return this.newParam(leaf, encode, path)
  }

  /** Like `param`, but never shared: where the same value must be able to have another type. */
  newParam (leaf: Leaf, encode: Encode, path: Path): Sql {
    if (this.#parameters.length >= maxServerParameters) throw new LimitExceededError('the number of parameters of a statement', String(maxServerParameters), 'more')
    this.#parameters.push({ index: leaf.index, encode, path })
    return `$${this.#parameters.length}` as Sql
  }

  /** A fixed text of the schema or of this package (a default), the same in every call. */
  constant (text: string | null): Sql {
    this.#parameters.push({ index: -1, encode: () => text, path: [] })
    return `$${this.#parameters.length}` as Sql
  }

  get parameterCount (): number { return this.#parameters.length }

  template (text: Sql): StatementTemplate {
    return new StatementTemplate(text, this.#parameters)
  }

  /** The statement for the call that is being compiled. */
  statement (text: Sql): Statement {
    return this.template(text).bind(this.table.values)
  }
}
