// Values as they stand in a schema module: calls in a chain, literals, lists and objects with their comments. What is none of these is kept as text.
import { SourceProblem } from './source-tokens.ts'
import type { Token } from './source-tokens.ts'

export type Expression =
  | { readonly type: 'literal', readonly value: string | number | bigint | boolean | null }
  | { readonly type: 'name', readonly name: string }
  | { readonly type: 'member', readonly object: Expression, readonly name: string }
  | { readonly type: 'call', readonly callee: Expression, readonly typeArgument?: string | undefined, readonly args: readonly Expression[] }
  | { readonly type: 'list', readonly items: readonly Expression[] }
  | { readonly type: 'object', readonly entries: readonly Entry[] }
  | { readonly type: 'other', readonly text: string }

export interface Entry {
  readonly key: string
  readonly value: Expression
  /** Comments before the entry, as written. */
  readonly leading: readonly string[]
  /** The comment behind it on the same line. */
  readonly trailing?: string | undefined
  readonly line: number
}

/** Reads one value that begins at `from`. */
export function readExpression (source: string, tokens: readonly Token[], from: number): { value: Expression, next: number } {
  const reader = new Reader(source, tokens, from)
  const value = reader.expression()
  return { value, next: reader.at }
}

/** A cursor over the tokens; comments are stepped over except where an object collects them. */
class Reader {
  readonly #source: string
  readonly #tokens: readonly Token[]
  at: number

  constructor (source: string, tokens: readonly Token[], at: number) {
    this.#source = source
    this.#tokens = tokens
    this.at = at
  }

  expression (): Expression {
    let value = this.#primary()
    for (;;) {
      const token = this.#peek()
      if (token?.text === '.') {
        this.#take()
        value = { type: 'member', object: value, name: this.#take().text }
      } else if (token?.text === '(') {
        value = { type: 'call', callee: value, args: this.#arguments() }
      } else if (token?.text === '<') {
        const typeArgument = this.#typeArgument()
        value = { type: 'call', callee: value, typeArgument, args: this.#arguments() }
      } else if (token?.text === 'as' || token?.text === 'satisfies') {
        this.#skipType()
      } else {
        return value
      }
    }
  }

  #primary (): Expression {
    const token = this.#take()
    switch (token.kind) {
      case 'string':
      case 'template':
        return { type: 'literal', value: token.value }
      case 'number':
        return { type: 'literal', value: numberOf(token.text, 1) }
      case 'name':
        if (token.text === 'true' || token.text === 'false') return { type: 'literal', value: token.text === 'true' }
        if (token.text === 'null') return { type: 'literal', value: null }
        if (token.text === 'new') return this.#textFrom(token)
        return { type: 'name', name: token.text }
      default:
    }
    if (token.text === '-' && this.#peek()?.kind === 'number') return { type: 'literal', value: numberOf(this.#take().text, -1) }
    if (token.text === '[') return this.#list()
    if (token.text === '{') return this.#object()
    if (token.text === '(') {
      const value = this.expression()
      this.#expect(')')
      return value
    }
    throw new SourceProblem(`'${token.text}' is not understood here`, token.line)
  }

  #arguments (): Expression[] {
    this.#expect('(')
    return this.#items(')')
  }

  #list (): Expression {
    return { type: 'list', items: this.#items(']') }
  }

  #items (end: string): Expression[] {
    const items: Expression[] = []
    while (this.#peek()?.text !== end) {
      items.push(this.expression())
      if (this.#peek()?.text === ',') this.#take()
      else break
    }
    this.#expect(end)
    return items
  }

  #object (): Expression {
    const entries: Entry[] = []
    for (;;) {
      const leading = this.#comments()
      if (this.#peek()?.text === '}') {
        this.#take()
        return { type: 'object', entries }
      }
      const key = this.#take()
      if (key.kind !== 'name' && key.kind !== 'string' && key.kind !== 'number') throw new SourceProblem(`'${key.text}' is not understood here`, key.line)
      let value: Expression = { type: 'name', name: key.text }
      if (this.#peek()?.text === ':') {
        this.#take()
        value = this.expression()
      }
      const ended = this.#tokens[this.at - 1]
      let trailing = this.#commentOnLine(ended)
      if (this.#peek()?.text === ',') trailing ??= this.#commentOnLine(this.#take())
      entries.push({ key: key.value, value, leading, trailing, line: key.line })
    }
  }

  /** The text between `<` and `>`. */
  #typeArgument (): string {
    const open = this.#take()
    let depth = 1
    for (;;) {
      const token = this.#take()
      if ('<({['.includes(token.text)) depth++
      else if (token.text === '>' || ')}]'.includes(token.text)) depth--
      if (depth === 0) return this.#source.slice(open.end, token.start).trim()
    }
  }

  #skipType (): void {
    this.#take()
    let depth = 0
    for (let token = this.#peek(); token !== undefined; token = this.#peek()) {
      if (depth === 0 && [',', ')', ']', '}', ';'].includes(token.text)) return
      if ('<({['.includes(token.text)) depth++
      else if ('>)}]'.includes(token.text)) depth--
      this.#take()
    }
  }

  #textFrom (first: Token): Expression {
    let depth = 0
    let last = first
    for (let token = this.#peek(); token !== undefined; token = this.#peek()) {
      if (depth === 0 && [',', ')', ']', '}', ';'].includes(token.text)) break
      if ('({['.includes(token.text)) depth++
      else if (')}]'.includes(token.text)) depth--
      last = this.#take()
    }
    return { type: 'other', text: this.#source.slice(first.start, last.end) }
  }

  #comments (): string[] {
    const found: string[] = []
    for (let token = this.#tokens[this.at]; token?.kind === 'comment'; token = this.#tokens[++this.at]) found.push(token.text)
    return found
  }

  #commentOnLine (before: Token | undefined): string | undefined {
    const token = this.#tokens[this.at]
    if (before === undefined || token?.kind !== 'comment') return undefined
    if (this.#source.slice(before.end, token.start).includes('\n')) return undefined
    this.at++
    return token.text
  }

  #peek (): Token | undefined {
    let at = this.at
    while (this.#tokens[at]?.kind === 'comment') at++
    return this.#tokens[at]
  }

  #take (): Token {
    while (this.#tokens[this.at]?.kind === 'comment') this.at++
    const token = this.#tokens[this.at]
    if (token === undefined) throw new SourceProblem('the file ends in the middle of a value', this.#tokens.at(-1)?.line ?? 1)
    this.at++
    return token
  }

  #expect (text: string): void {
    const token = this.#take()
    if (token.text !== text) throw new SourceProblem(`'${token.text}' stands where '${text}' is expected`, token.line)
  }
}

function numberOf (text: string, sign: 1 | -1): number | bigint {
  const plain = text.replaceAll('_', '')
  return plain.endsWith('n') ? BigInt(plain.slice(0, -1)) * BigInt(sign) : Number(plain) * sign
}
