// The text of a schema file. One form for everything, so that the same schema gives the same bytes.
import { idFields, sameFields } from './schema-draft.ts'
import type { BelongsTo, Commented, DefaultDraft, DefaultValue, EnumDraft, FieldDraft, KeyDraft, ManyToMany, ModelDraft, Note, RelationDraft } from './schema-draft.ts'
import { builderWords } from './schema-source.ts'

/** One file to be written. */
export interface FileDraft {
  readonly notes: readonly Note[]
  readonly enums: readonly EnumDraft[]
  /** Enums of other files, by the specifier that leads there. */
  readonly enumImports: readonly { readonly from: string, readonly names: readonly string[] }[]
  readonly models: readonly ModelDraft[]
  /** An enum may be exported from a file that the schema module does not re-export as values. */
  readonly exportEnums: boolean
  /** Where the builder functions come from. */
  readonly builderModule: string
  /** Kept from the file that was there, as written. */
  readonly header: readonly string[]
  readonly imports: readonly string[]
  readonly statements: readonly string[]
  readonly reexports: readonly string[]
}

const banner = '// Written by `fastify-multi-region pull`. Every export is a model; keep enums unexported, or in a file of their own.'
const enumBanner = '// Written by `fastify-multi-region pull`. The enums of the schema, apart from the models: every value export of a schema module is a model.'

export function writeSchemaFile (file: FileDraft): string {
  const words = new Words(file)
  const blocks: string[] = []
  for (const draft of file.enums) blocks.push(enumBlock(draft, file.exportEnums, words))
  blocks.push(...file.statements)
  for (const model of file.models) blocks.push(modelBlock(model, words))
  if (file.reexports.length > 0) blocks.push(file.reexports.join('\n'))
  const head = [...noteLines(file.notes, ''), file.models.length === 0 && file.enums.length > 0 ? enumBanner : banner, ...file.header]
  if (words.used().length > 0) head.push(`import { ${words.used().join(', ')} } from ${quote(file.builderModule)}`)
  for (const { from, names } of file.enumImports) head.push(`import { ${names.join(', ')} } from ${quote(from)}`)
  head.push(...file.imports)
  return [head.join('\n'), ...blocks].join('\n\n') + '\n'
}

/** The builder's functions that a file uses, under names that no model of the file has taken. */
class Words {
  readonly #taken: ReadonlySet<string>
  readonly #used = new Set<string>()

  constructor (file: FileDraft) {
    this.#taken = new Set([...file.models.map((model) => model.name), ...file.enums.map((draft) => draft.name), ...file.enumImports.flatMap(({ names }) => names)])
  }

  of (word: string): string {
    this.#used.add(word)
    return this.#local(word)
  }

  used (): string[] {
    return builderWords.filter((word) => this.#used.has(word)).map((word) => this.#local(word) === word ? word : `${word} as ${this.#local(word)}`)
  }

  #local (word: string): string {
    return this.#taken.has(word) ? `${word}_` : word
  }
}

function enumBlock (draft: EnumDraft, exported: boolean, words: Words): string {
  const plain = draft.labels.every(({ name, label, doc }) => name === label && doc.length === 0)
  const options = draft.schema === undefined ? '' : `, { schema: ${quote(draft.schema)} }`
  const labels = draft.labels.map(({ name, label }) => plain ? quote(label) : `${key(name)}: ${quote(label)}`)
  const documented = draft.labels.some(({ doc }) => doc.length > 0)
  const values = documented
    ? `{\n${draft.labels.map(({ doc }, index) => [...docLines(doc, '  '), `  ${labels[index] ?? ''},`].join('\n')).join('\n')}\n}`
    : plain ? `[${labels.join(', ')}]` : `{ ${labels.join(', ')} }`
  return [
    ...leadingLines(draft, ''),
    `${exported ? 'export ' : ''}const ${draft.name} = ${words.of('enumType')}(${quote(draft.pgName)}, ${values}${options})${trailing(draft)}`,
    `export type ${draft.name} = ${draft.labels.map(({ name }) => quote(name)).join(' | ')}`
  ].join('\n')
}

function modelBlock (model: ModelDraft, words: Words): string {
  const lines = [...leadingLines(model, ''), `export const ${model.name} = ${words.of('model')}(${quote(model.table)}, {`]
  for (const field of model.fields) {
    lines.push(...leadingLines(field, '  '), `  ${key(field.name)}: ${column(field, words)},${trailing(field)}`)
  }
  lines.push(...noteLines(model.endNotes, '  '))
  const options = modelOptions(model, words)
  if (options.length === 0) lines.push(`})${trailing(model)}`)
  else lines.push('}, {', ...options, `})${trailing(model)}`)
  return lines.join('\n')
}

function modelOptions (model: ModelDraft, words: Words): string[] {
  const lines: string[] = []
  if (model.schema !== undefined) lines.push(`  schema: ${quote(model.schema)},`)
  if (model.id !== undefined) lines.push(`  id: { ${namedKey(model.id)} },`)
  if (model.uniques.length > 0) lines.push(`  unique: { ${model.uniques.map(namedKey).join(', ')} },`)
  if (model.relations.length > 0) {
    lines.push('  relations: {')
    for (const relation of model.relations) lines.push(...leadingLines(relation, '    '), `    ${key(relation.name)}: ${relationCall(relation, model, words)},${trailing(relation)}`)
    lines.push('  },')
  }
  if (model.indexes.length > 0) lines.push(`  index: [${model.indexes.map((fields) => list(fields)).join(', ')}],`)
  return lines
}

/** The name that `where` uses: Prisma's, the fields joined by `_`. */
export function keyName (composite: KeyDraft): string {
  return composite.name ?? composite.fields.map((field) => field.name).join('_')
}

function namedKey (composite: KeyDraft): string {
  return `${key(keyName(composite))}: ${list(composite.fields)}`
}

function column (field: FieldDraft, words: Words): string {
  const { type } = field
  let text = type.type === 'enum'
    ? `${type.of.name}()`
    : `${words.of('t')}.${type.word}${type.typeArgument === undefined ? '' : `<${type.typeArgument}>`}(${type.args.map(literal).join(', ')})`
  if (field.id) text += '.id()'
  if (field.list) text += '.list()'
  if (field.optional) text += '.optional()'
  if (field.unique) text += '.unique()'
  if (field.default !== undefined) text += `.default(${defaultText(field.default, words)})`
  if (field.updatedAt) text += '.updatedAt()'
  if (field.column !== field.name) text += `.map(${quote(field.column)})`
  return text
}

function defaultText (value: DefaultDraft, words: Words): string {
  switch (value.type) {
    case 'value':
      return literal(value.value)
    case 'function':
      return `${words.of(value.function)}()`
    case 'database':
      return `${words.of('dbgenerated')}(${value.sql === '' ? '' : quote(value.sql)})`
    default:
      return value satisfies never
  }
}

function relationCall (relation: RelationDraft, model: ModelDraft, words: Words): string {
  const target = quote(relation.target.name)
  switch (relation.type) {
    case 'belongs-to':
      return `${words.of('belongsTo')}(${target}, ${relation.fields.length === 1 ? quote(relation.fields[0]?.name ?? '') : list(relation.fields)}${belongsToOptions(relation)})`
    case 'has-one':
      return `${words.of('hasOne')}(${target}, ${quote(relation.inverse.name)})`
    case 'has-many':
      return `${words.of('hasMany')}(${target}, ${quote(relation.inverse.name)})`
    case 'many-to-many':
      return `${words.of('manyToMany')}(${target}, ${quote(relation.inverse.name)}${manyToManyOptions(relation, model)})`
    default:
      return relation satisfies never
  }
}

/** What PostgreSQL does where a foreign key says nothing is `no-action`, so that alone goes without saying. */
function belongsToOptions (relation: BelongsTo): string {
  const options: string[] = []
  if (!sameFields(relation.references, idFields(relation.target))) options.push(`references: ${list(relation.references)}`)
  if (relation.onDelete !== 'no-action') options.push(`onDelete: ${quote(relation.onDelete)}`)
  if (relation.onUpdate !== 'no-action') options.push(`onUpdate: ${quote(relation.onUpdate)}`)
  return options.length === 0 ? '' : `, { ${options.join(', ')} }`
}

function manyToManyOptions (relation: ManyToMany, model: ModelDraft): string {
  const own = model.name
  const other = relation.target.name
  const self = model === relation.target
  const options: string[] = []
  if (relation.through !== `_${own < other ? own : other}To${own < other ? other : own}`) options.push(`through: ${quote(relation.through)}`)
  const first = self ? relation.name <= relation.inverse.name : own < other
  if (relation.side !== (first ? 'A' : 'B')) options.push(`side: '${relation.side}'`)
  return options.length === 0 ? '' : `, { ${options.join(', ')} }`
}

function leadingLines (of: Commented, indent: string): string[] {
  return [...noteLines(of.notes, indent), ...of.comments.map((comment) => indent + comment), ...docLines(of.doc, indent)]
}

function noteLines (notes: readonly Note[], indent: string): string[] {
  return notes.map(({ type, text }) => `${indent}// ${type === 'lost' ? 'Not carried over' : 'pull'}: ${text.replaceAll(/\s+/g, ' ').trim()}`)
}

function docLines (doc: readonly string[], indent: string): string[] {
  if (doc.length === 0) return []
  const safe = doc.map((line) => line.replaceAll('*/', '* /'))
  if (safe.length === 1) return [`${indent}/** ${safe[0] ?? ''} */`]
  return [`${indent}/**`, ...safe.map((line) => `${indent} * ${line}`.trimEnd()), `${indent} */`]
}

function trailing (of: Commented): string {
  return of.trailing === undefined ? '' : ` ${of.trailing}`
}

function list (fields: readonly FieldDraft[]): string {
  return `[${fields.map((field) => quote(field.name)).join(', ')}]`
}

function key (name: string): string {
  return /^[\p{ID_Start}_$][\p{ID_Continue}$]*$/u.test(name) ? name : quote(name)
}

export function literal (value: DefaultValue): string {
  if (typeof value === 'string') return quote(value)
  if (typeof value === 'bigint') return `${value}n`
  if (value === null || typeof value !== 'object') return Object.is(value, -0) ? '-0' : String(value)
  if (isList(value)) return `[${value.map(literal).join(', ')}]`
  const entries = Object.entries(value)
  // `{ __proto__: … }` in a literal would set the prototype; in brackets it is a key.
  return entries.length === 0 ? '{}' : `{ ${entries.map(([name, entry]) => `${name === '__proto__' ? "['__proto__']" : key(name)}: ${literal(entry)}`).join(', ')} }`
}

function isList (value: object): value is readonly DefaultValue[] {
  return Array.isArray(value)
}

/** In the quotes that need fewer escapes, single ones if it is all the same. */
export function quote (text: string): string {
  const json = JSON.stringify(text).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')
  if (text.includes("'") && !text.includes('"')) return json
  return `'${json.slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`
}
