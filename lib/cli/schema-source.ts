// What a schema file holds that no database can tell: names, doc comments, types of JSON columns, client-made defaults, and the imports and types that stand beside the models.
//
// The file is read as text, by the grammar that `pull` writes (builder calls over literals), in any formatting. Running it instead would lose comments and types, and a TypeScript file cannot be run by the oldest Node.js that is supported.
import { readExpression } from './source-expression.ts'
import type { Entry, Expression } from './source-expression.ts'
import { SourceProblem, commentText, tokenize } from './source-tokens.ts'
import type { Token } from './source-tokens.ts'

export const schemaModule = 'fastify-multi-region/schema'
/** The builder functions; whoever re-exports them from a module of their own keeps that import. */
export const builderWords = ['model', 'enumType', 't', 'belongsTo', 'hasOne', 'hasMany', 'manyToMany', 'autoincrement', 'cuid', 'dbgenerated', 'now', 'uuid']
/** How the lines begin that `pull` itself writes; they are written anew each time. */
export const ownComments = ['Written by `fastify-multi-region pull`', 'Not carried over: ', 'pull: ']

export interface SchemaSource {
  readonly models: readonly SourceModel[]
  readonly enums: readonly SourceEnum[]
  /** Comments at the head of the file. */
  readonly header: readonly string[]
  /** Where the builder functions are imported from. */
  readonly builderModule: string | undefined
  /** All other imports, as written. */
  readonly imports: readonly SourceImport[]
  /** `export … from`, as written. */
  readonly reexports: readonly { readonly text: string, readonly from: string, readonly typeOnly: boolean }[]
  /** Everything else, as written: types, interfaces. */
  readonly statements: readonly string[]
}

export interface SourceImport {
  readonly text: string
  readonly from: string
  readonly typeOnly: boolean
  readonly names: readonly string[]
}

export interface SourceComments {
  readonly doc: readonly string[]
  readonly comments: readonly string[]
  readonly trailing?: string | undefined
}

export interface SourceEnum extends SourceComments {
  readonly name: string
  readonly pgName: string
  readonly schema: string | undefined
  readonly exported: boolean
  readonly labels: readonly { readonly name: string, readonly label: string, readonly doc: readonly string[] }[]
}

export interface SourceModel extends SourceComments {
  readonly name: string
  readonly table: string
  readonly schema: string | undefined
  readonly fields: readonly SourceField[]
  readonly relations: readonly SourceRelation[]
  /** Composite keys, the id first. */
  readonly keys: readonly { readonly name: string, readonly fields: readonly string[] }[]
  readonly indexes: readonly (readonly string[])[]
}

export interface SourceField extends SourceComments {
  readonly name: string
  readonly column: string
  readonly word: string
  readonly typeArgument: string | undefined
  readonly id: boolean
  readonly unique: boolean
  readonly optional: boolean
  readonly updatedAt: boolean
  readonly hasDefault: boolean
  /** `uuid` of `.default(uuid())`. */
  readonly defaultFunction: string | undefined
}

export interface SourceRelation extends SourceComments {
  readonly name: string
  readonly word: string
  readonly target: string
  /** Of `belongsTo`. */
  readonly fields: readonly string[]
  readonly options: Readonly<Record<string, Expression>>
  /** Of the others: the field on the other side. */
  readonly inverse: string | undefined
}

/** The first token of a top-level statement, when it begins a line. */
const beginners = new Set(['import', 'export', 'const', 'let', 'var', 'type', 'interface', 'declare', 'function', 'class', 'abstract', 'async'])

export function readSchemaSource (text: string): SchemaSource {
  const tokens = tokenize(text)
  const models: SourceModel[] = []
  const enums: SourceEnum[] = []
  const header: string[] = []
  const imports: SourceImport[] = []
  const reexports: { text: string, from: string, typeOnly: boolean }[] = []
  const statements: string[] = []
  let builderModule: string | undefined
  /** Builder's name → its name in this file, since an import may rename it. */
  const words = new Map<string, string>()
  const enumTypes: { name: string, text: string }[] = []
  for (const statement of splitStatements(text, tokens)) {
    const [first, second] = statement.tokens
    const written = text.slice(first?.start, statement.tokens.at(-1)?.end)
    const from = moduleOf(statement.tokens)
    const withComments = [...statement.leading.filter((comment) => !isOwn(comment)), statement.trailing === undefined ? written : `${written} ${statement.trailing}`].join('\n')
    if (first?.text === 'import') {
      const names = importedNames(statement.tokens)
      if (from === schemaModule || isBuilderImport(names)) {
        builderModule = from
        for (const { name, local } of names) words.set(local, name)
        header.push(...statement.leading.filter((comment) => !isOwn(comment)))
      } else {
        imports.push({ text: withComments, from: from ?? '', typeOnly: second?.text === 'type', names: names.map(({ local }) => local) })
      }
      continue
    }
    if (first?.text === 'export' && from !== undefined) {
      reexports.push({ text: withComments, from, typeOnly: second?.text === 'type' })
      continue
    }
    const call = declaredCall(text, tokens, statement)
    const word = call === undefined ? undefined : words.get(call.callee) ?? (words.size === 0 ? call.callee : undefined)
    if (call !== undefined && word === 'model') models.push(sourceModel(call, statement, words))
    else if (call !== undefined && word === 'enumType') enums.push(sourceEnum(call, statement, first?.text === 'export'))
    else if (declaresType(statement.tokens) !== undefined) enumTypes.push({ name: declaresType(statement.tokens) ?? '', text: withComments })
    else statements.push(withComments)
  }
  for (const type of enumTypes) {
    // The type beside an enum is written anew with it; any other is the user's.
    if (!enums.some((candidate) => candidate.name === type.name)) statements.push(type.text)
  }
  return { models, enums, header, builderModule, imports, reexports, statements }
}

function isBuilderImport (names: readonly { readonly name: string }[]): boolean {
  return names.some(({ name }) => name === 'model' || name === 'enumType') && names.every(({ name }) => builderWords.includes(name))
}

interface Statement {
  /** Without comments. */
  readonly tokens: readonly Token[]
  readonly leading: readonly string[]
  readonly trailing: string | undefined
}

function splitStatements (text: string, tokens: readonly Token[]): Statement[] {
  const statements: { tokens: Token[], leading: string[], trailing: string | undefined }[] = []
  let current: { tokens: Token[], leading: string[], trailing: string | undefined } | undefined
  let comments: Token[] = []
  let depth = 0
  let ended = true
  let previous: Token | undefined
  for (const token of tokens) {
    if (token.kind === 'comment') {
      if (depth === 0) comments.push(token)
      continue
    }
    const onNewLine = previous === undefined || text.slice(previous.end, token.start).includes('\n')
    const begins = depth === 0 && (ended || (onNewLine && beginners.has(token.text) && !continues(previous)))
    if (begins) {
      const [beside] = comments
      if (current !== undefined && previous !== undefined && beside !== undefined && !text.slice(previous.end, beside.start).includes('\n')) {
        current.trailing = beside.text
        comments.shift()
      }
      current = { tokens: [], leading: comments.map((comment) => comment.text), trailing: undefined }
      statements.push(current)
      comments = []
      ended = false
    } else if (depth === 0) {
      // A comment in the middle of a statement at the top level belongs to nothing that is kept.
      comments = []
    }
    if ('({['.includes(token.text)) depth++
    else if (')}]'.includes(token.text)) depth--
    previous = token
    if (depth === 0 && token.text === ';') ended = true
    else current?.tokens.push(token)
  }
  const [beside] = comments
  if (current !== undefined && previous !== undefined && beside !== undefined && !text.slice(previous.end, beside.start).includes('\n')) current.trailing = beside.text
  return statements.filter((statement) => statement.tokens.length > 0)
}

function continues (previous: Token | undefined): boolean {
  return previous !== undefined && (['=', '|', '&', ',', ':', '=>', '.', '?', '<'].includes(previous.text) || ['export', 'declare', 'extends', 'from', 'keyof', 'typeof', 'readonly'].includes(previous.text))
}

function moduleOf (tokens: readonly Token[]): string | undefined {
  const last = tokens.at(-1)
  const before = tokens.at(-2)
  if (last?.kind !== 'string') return undefined
  return before?.text === 'from' || before?.text === 'import' ? last.value : undefined
}

function importedNames (tokens: readonly Token[]): { name: string, local: string }[] {
  const open = tokens.findIndex((token) => token.text === '{')
  const close = tokens.findIndex((token) => token.text === '}')
  if (open === -1) return []
  const names: { name: string, local: string }[] = []
  let part: string[] = []
  for (const token of [...tokens.slice(open + 1, close), { text: ',' }]) {
    if (token.text !== ',') {
      part.push(token.text)
      continue
    }
    const parts = part[0] === 'type' && part.length > 1 && part[1] !== 'as' ? part.slice(1) : part
    if (parts[0] !== undefined) names.push({ name: parts[0], local: parts[2] ?? parts[0] })
    part = []
  }
  return names
}

function declaresType (tokens: readonly Token[]): string | undefined {
  const at = tokens[0]?.text === 'export' ? 1 : 0
  return tokens[at]?.text === 'type' && tokens[at + 1]?.kind === 'name' ? tokens[at + 1]?.text : undefined
}

interface DeclaredCall {
  readonly name: string
  readonly callee: string
  readonly args: readonly Expression[]
  readonly line: number
}

/** `export const User = model(…)` */
function declaredCall (text: string, tokens: readonly Token[], statement: Statement): DeclaredCall | undefined {
  const parts = statement.tokens
  const at = parts[0]?.text === 'export' ? 1 : 0
  const name = parts[at + 1]
  const callee = parts[at + 3]
  if (parts[at]?.text !== 'const' || name === undefined || parts[at + 2]?.text !== '=' || callee?.kind !== 'name') return undefined
  if (parts[at + 4]?.text !== '(' && parts[at + 4]?.text !== '<') return undefined
  // Not every constant is for us to understand: read the value only of a call whose name is a builder's.
  const { value } = tryReading(text, tokens, tokens.indexOf(callee), callee)
  return value.type === 'call' ? { name: name.text, callee: callee.text, args: value.args, line: name.line } : undefined
}

function tryReading (text: string, tokens: readonly Token[], from: number, callee: Token): { value: Expression } {
  try {
    return readExpression(text, tokens, from)
  } catch (error) {
    if (error instanceof SourceProblem && ['model', 'enumType'].some((word) => callee.text.startsWith(word))) throw error
    return { value: { type: 'other', text: '' } }
  }
}

function sourceEnum (call: DeclaredCall, statement: Statement, exported: boolean): SourceEnum {
  const labels = call.args[1]
  const options = optionsOf(call.args[2])
  return {
    ...commentsOf(statement.leading, statement.trailing),
    name: call.name,
    pgName: textOf(call.args[0]) ?? call.name,
    schema: textOf(options['schema']),
    exported,
    labels: labels?.type === 'list'
      ? labels.items.map((item) => ({ name: textOf(item) ?? '', label: textOf(item) ?? '', doc: [] }))
      : entriesOf(labels).map((entry) => ({ name: entry.key, label: textOf(entry.value) ?? entry.key, doc: commentsOf(entry.leading, undefined).doc }))
  }
}

function sourceModel (call: DeclaredCall, statement: Statement, words: ReadonlyMap<string, string>): SourceModel {
  const options = optionsOf(call.args[2])
  const table = textOf(call.args[0])
  if (table === undefined) throw new SourceProblem(`model ${call.name} does not name its table by a string`, call.line)
  const keys = [...entriesOf(options['id']), ...entriesOf(options['unique'])].map((entry) => ({ name: entry.key, fields: listOf(entry.value) }))
  return {
    ...commentsOf(statement.leading, statement.trailing),
    name: call.name,
    table,
    schema: textOf(options['schema']),
    fields: entriesOf(call.args[1]).map((entry) => sourceField(entry, words)),
    relations: entriesOf(options['relations']).map((entry) => sourceRelation(entry, words)),
    keys,
    indexes: options['index']?.type === 'list' ? options['index'].items.map(listOf) : []
  }
}

function sourceField (entry: Entry, words: ReadonlyMap<string, string>): SourceField {
  const calls = new Map<string, readonly Expression[]>()
  let word = ''
  let typeArgument: string | undefined
  // From the last call of the chain to the first: `t.json<X>()` or `Role()`.
  for (let at: Expression = entry.value; ;) {
    if (at.type !== 'call') throw new SourceProblem(`column '${entry.key}' is not a chain of builder calls`, entry.line)
    const callee: Expression = at.callee
    if (callee.type === 'member' && callee.object.type === 'call') {
      calls.set(callee.name, at.args)
      at = callee.object
      continue
    }
    word = callee.type === 'member' ? callee.name : callee.type === 'name' ? words.get(callee.name) ?? callee.name : ''
    typeArgument = at.typeArgument
    break
  }
  const made = calls.get('default')?.[0]
  return {
    ...commentsOf(entry.leading, entry.trailing),
    name: entry.key,
    column: textOf(calls.get('map')?.[0]) ?? entry.key,
    word,
    typeArgument,
    id: calls.has('id'),
    unique: calls.has('unique'),
    optional: calls.has('optional'),
    updatedAt: calls.has('updatedAt'),
    hasDefault: calls.has('default'),
    defaultFunction: made?.type === 'call' && made.callee.type === 'name' && made.args.length === 0 ? words.get(made.callee.name) ?? made.callee.name : undefined
  }
}

function sourceRelation (entry: Entry, words: ReadonlyMap<string, string>): SourceRelation {
  const value = entry.value
  const callee = value.type === 'call' && value.callee.type === 'name' ? value.callee.name : undefined
  if (value.type !== 'call' || callee === undefined) throw new SourceProblem(`relation '${entry.key}' is not a call of belongsTo, hasOne, hasMany or manyToMany`, entry.line)
  const word = words.get(callee) ?? callee
  return {
    ...commentsOf(entry.leading, entry.trailing),
    name: entry.key,
    word,
    target: textOf(value.args[0]) ?? '',
    fields: word === 'belongsTo' ? listOf(value.args[1]) : [],
    inverse: word === 'belongsTo' ? undefined : textOf(value.args[1]),
    options: optionsOf(value.args[2])
  }
}

function isOwn (comment: string): boolean {
  const first = commentText(comment)[0] ?? ''
  return comment.startsWith('//') && ownComments.some((beginning) => first.startsWith(beginning))
}

function commentsOf (leading: readonly string[], trailing: string | undefined): SourceComments {
  const doc = leading.filter((comment) => comment.startsWith('/**')).flatMap((comment) => commentText(comment))
  return { doc, comments: leading.filter((comment) => !comment.startsWith('/**') && !isOwn(comment)), trailing: trailing === undefined || isOwn(trailing) ? undefined : trailing }
}

function entriesOf (value: Expression | undefined): readonly Entry[] {
  return value?.type === 'object' ? value.entries : []
}

function optionsOf (value: Expression | undefined): Readonly<Record<string, Expression>> {
  return Object.fromEntries(entriesOf(value).map((entry) => [entry.key, entry.value]))
}

export function textOf (value: Expression | undefined): string | undefined {
  return value?.type === 'literal' && typeof value.value === 'string' ? value.value : undefined
}

/** One string, or a list of them. */
export function listOf (value: Expression | undefined): string[] {
  const items = value?.type === 'list' ? value.items : value === undefined ? [] : [value]
  return items.map(textOf).filter((text) => text !== undefined)
}
