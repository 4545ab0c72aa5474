// A plan: what a shape of arguments compiles to. It holds no value of any caller; `open` puts a call's values in.

import type { Access, CompiledOperation, Statement, Work } from './statement.ts'
import type { QueryLimits } from './shape.ts'
import type { Encode, Path } from './encode.ts'

/** What the query layer may not take from its surroundings by itself. */
export interface ValueSources {
  now (): Date
  uuid (): string
  cuid (): string
}

/** The values of one call: the leaves of its arguments, then what `generate` made for it. */
export type Values = readonly unknown[]

/** A value that the client makes anew for each call (a uuid, the time), in order of their indices behind the leaves. */
export type Generator = (sources: ValueSources) => unknown

export interface ParameterSource {
  /** Position among the call's values. */
  readonly index: number
  readonly encode: Encode
  readonly path: Path
}

/** SQL text and where its parameters come from. */
export class StatementTemplate {
  readonly text: string
  readonly #parameters: readonly ParameterSource[]

  constructor (text: string, parameters: readonly ParameterSource[]) {
    this.text = text
    this.#parameters = parameters
  }

  /** @throws QueryInvalidError for a value that its column cannot hold. */
  bind (values: Values): Statement {
    const parameters = this.#parameters
    const params: (string | null)[] = new Array<string | null>(parameters.length)
    for (let i = 0; i < parameters.length; i++) {
      const parameter = parameters[i] as ParameterSource
      params[i] = parameter.encode(values[parameter.index], parameter.path)
    }
    return { text: this.text, params }
  }
}

export interface Plan<T = unknown> {
  readonly access: Access
  /** `false`: made from the values themselves, to be used once. */
  readonly cacheable: boolean
  readonly open: (values: Values) => Work<T>
  readonly mapError: CompiledOperation['mapError']
}

export type { QueryLimits }
