// The words of a TypeScript file, as far as a schema module needs them: no regular expressions, no JSX.

export interface Token {
  readonly kind: 'name' | 'string' | 'number' | 'template' | 'punctuator' | 'comment'
  /** As written. */
  readonly text: string
  /** Of a string: what it stands for. Else as written. */
  readonly value: string
  readonly start: number
  readonly end: number
  readonly line: number
}

export class SourceProblem extends Error {
  readonly line: number
  constructor (message: string, line: number) {
    super(message)
    this.name = 'SourceProblem'
    this.line = line
  }
}

const namePattern = /[\p{ID_Start}$_#][\p{ID_Continue}$\u200c\u200d]*/uy
const numberPattern = /\d[\w.]*/y
const longPunctuators = ['...', '=>', '??', '?.']

export function tokenize (source: string): Token[] {
  const tokens: Token[] = []
  let line = 1
  let at = 0
  const push = (kind: Token['kind'], end: number, value?: string): void => {
    const text = source.slice(at, end)
    tokens.push({ kind, text, value: value ?? text, start: at, end, line })
    for (const character of text) if (character === '\n') line++
    at = end
  }
  while (at < source.length) {
    const character = source[at] ?? ''
    if (character === '\n') line++
    if (/\s|\uFEFF/.test(character)) {
      at++
    } else if (source.startsWith('//', at)) {
      const end = source.indexOf('\n', at)
      push('comment', end === -1 ? source.length : end)
    } else if (source.startsWith('/*', at)) {
      const end = source.indexOf('*/', at + 2)
      if (end === -1) throw new SourceProblem('a comment has no end', line)
      push('comment', end + 2)
    } else if (character === '\'' || character === '"') {
      const end = endOfString(source, at, line)
      push('string', end, unescape(source.slice(at + 1, end - 1)))
    } else if (character === '`') {
      const end = endOfTemplate(source, at, line)
      const inner = source.slice(at + 1, end - 1)
      push('template', end, unescape(inner))
    } else {
      namePattern.lastIndex = at
      numberPattern.lastIndex = at
      if (namePattern.test(source)) push('name', namePattern.lastIndex)
      else if (numberPattern.test(source)) push('number', numberPattern.lastIndex)
      else push('punctuator', at + (longPunctuators.find((long) => source.startsWith(long, at))?.length ?? 1))
    }
  }
  return tokens
}

function endOfString (source: string, start: number, line: number): number {
  for (let at = start + 1; at < source.length; at++) {
    if (source[at] === '\\') at++
    else if (source[at] === source[start]) return at + 1
    else if (source[at] === '\n') break
  }
  throw new SourceProblem('a string has no end', line)
}

function endOfTemplate (source: string, start: number, line: number): number {
  let depth = 0
  for (let at = start + 1; at < source.length; at++) {
    if (source[at] === '\\') at++
    else if (source.startsWith('${', at)) depth++
    else if (depth > 0 && source[at] === '}') depth--
    else if (depth === 0 && source[at] === '`') return at + 1
  }
  throw new SourceProblem('a template string has no end', line)
}

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', f: '\f', v: '\v', 0: '\0' }

function unescape (text: string): string {
  return text.replaceAll(/\\(?:u\{([0-9a-fA-F]+)\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(\r?\n)|([\s\S]))/g, (_, braced?: string, unicode?: string, hex?: string, newline?: string, single?: string) => {
    const code = braced ?? unicode ?? hex
    if (code !== undefined) return String.fromCodePoint(Number.parseInt(code, 16))
    if (newline !== undefined) return ''
    return escapes[single ?? ''] ?? single ?? ''
  })
}

/** Two files that differ in spaces, quotes, semicolons and trailing commas alone say the same: a formatter has been there, and a pull must not fight with it. */
export function saysTheSame (a: string, b: string): boolean {
  const left = essence(a)
  const right = essence(b)
  return left.length === right.length && left.every((text, index) => text === right[index])
}

function essence (source: string): string[] {
  const result: string[] = []
  const tokens = tokenize(source)
  for (const [index, token] of tokens.entries()) {
    const before = tokens[index - 1]
    const after = tokens.slice(index + 1).find((next) => next.kind !== 'comment')
    if (token.kind === 'comment') {
      result.push(commentText(token.text).join('\n'))
    } else if (token.kind === 'string') {
      // A key may lose or gain its quotes.
      result.push(after?.text === ':' ? token.value : `'${token.value}`)
    } else if (token.text === ';' || (token.text === ',' && after !== undefined && ')]}'.includes(after.text)) || (token.text === '|' && before?.text === '=')) {
      continue
    } else {
      result.push(token.text)
    }
  }
  return result
}

/** A comment's lines without its decoration. */
export function commentText (comment: string): string[] {
  if (comment.startsWith('//')) return [comment.slice(2).trim()]
  const lines = comment.replace(/^\/\*+/, '').replace(/\*+\/$/, '').split('\n').map((line) => line.replace(/^\s*\* ?/, '').trimEnd())
  while (lines[0]?.trim() === '') lines.shift()
  while (lines.at(-1)?.trim() === '') lines.pop()
  return lines.map((line, index) => index === 0 ? line.trim() : line)
}
