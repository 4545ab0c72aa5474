// From a Prisma schema (a file, or a folder of files) to a draft of ours. The names are Prisma's; what is implied there (types, join tables, referential actions, sides of a self relation) is worked out by Prisma's rules, so that the result describes the same database.
//
// One file above 300 lines on purpose: it is one table of Prisma's words, read from top to bottom; what any attribute becomes should be found in one place.
import { readFile, readdir, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { getSchema } from '@mrleebo/prisma-ast'
import type { Attribute, AttributeArgument, Block, BlockAttribute, Enum, Field, Func, Model, RelationArray, Value, View } from '@mrleebo/prisma-ast'
import { CommandError } from './command.ts'
import { sameFields, uncommented } from './schema-draft.ts'
import type { Action, BelongsTo, DefaultDraft, DefaultValue, EnumDraft, FieldDraft, Inverse, KeyDraft, ManyToMany, ModelDraft, Note, SchemaDraft, TypeDraft } from './schema-draft.ts'

export async function draftFromPrisma (path: string): Promise<SchemaDraft> {
  const blocks: Block[] = []
  for (const { file, text } of await readSchemaFiles(path)) {
    try {
      blocks.push(...getSchema(text.replaceAll('\r\n', '\n').replace(/^\uFEFF/, '')).list)
    } catch (error) {
      throw new CommandError(`${file} cannot be read as a Prisma schema: ${messageOf(error)}`, error)
    }
  }
  return draftFromBlocks(blocks)
}

async function readSchemaFiles (path: string): Promise<{ file: string, text: string }[]> {
  try {
    if (!(await stat(path)).isDirectory()) return [{ file: path, text: await readFile(path, 'utf8') }]
    const names = (await readdir(path, { recursive: true })).filter((name) => name.endsWith('.prisma')).sort()
    if (names.length === 0) throw new CommandError(`no *.prisma file in ${path}`)
    return await Promise.all(names.map(async (name) => ({ file: join(path, name), text: await readFile(resolve(path, name), 'utf8') })))
  } catch (error) {
    if (error instanceof CommandError) throw error
    throw new CommandError(`${path} cannot be read: ${messageOf(error)}`, error)
  }
}

function messageOf (error: unknown): string {
  const place = typeof error === 'object' && error !== null && 'token' in error && typeof error.token === 'object' && error.token !== null && 'startLine' in error.token ? `line ${String(error.token.startLine)}: ` : ''
  return place + (error instanceof Error ? error.message : String(error))
}

/** A relation field, before its other side is known. */
interface OpenRelation {
  readonly model: ModelDraft
  readonly field: Field
  readonly target: string
  readonly relationName: string | undefined
  readonly fields: readonly string[] | undefined
  readonly references: readonly string[] | undefined
  readonly onDelete: string | undefined
  readonly onUpdate: string | undefined
  readonly doc: string[]
}

function draftFromBlocks (blocks: readonly Block[]): SchemaDraft {
  const schema: SchemaDraft = { enums: [], models: [], notes: [], remarks: [] }
  const sources: { source: Model | View, doc: string[] }[] = []
  const ignored = new Set<string>()
  let doc: string[] = []
  for (const block of blocks) {
    if (block.type === 'comment') {
      collectDoc(doc, block.text)
      continue
    }
    if (block.type === 'break') {
      doc = []
      continue
    }
    if (block.type === 'enum') schema.enums.push(enumDraft(block, doc))
    else if (block.type === 'model' || block.type === 'view') sources.push({ source: block, doc })
    else if (block.type === 'type') schema.notes.push({ type: 'lost', text: `type ${block.name}: composite types do not exist on PostgreSQL` })
    else if (block.type === 'datasource') checkDatasource(block.assignments, schema)
    doc = []
  }
  for (const { source } of sources) {
    if (source.properties.some((property) => property.type === 'attribute' && property.name === 'ignore')) {
      ignored.add(source.name)
      schema.notes.push({ type: 'lost', text: `${source.type} ${source.name}: @@ignore` })
    }
  }
  const names = new Set(sources.map(({ source }) => source.name))
  const open: OpenRelation[] = []
  for (const { source, doc } of sources) {
    if (!ignored.has(source.name)) schema.models.push(modelDraft({ source, doc, schema, names, ignored, open }))
  }
  connectRelations(open, schema)
  return schema
}

function checkDatasource (assignments: readonly { type: string }[], schema: SchemaDraft): void {
  for (const assignment of assignments) {
    if (!('key' in assignment) || !('value' in assignment)) continue
    const value = assignment.value
    if (assignment.key === 'provider' && typeof value === 'string' && !['postgresql', 'postgres'].includes(unquote(value))) {
      throw new CommandError(`the schema is for ${unquote(value)}; this client speaks to PostgreSQL alone`)
    }
    if (assignment.key === 'relationMode' && typeof value === 'string' && unquote(value) === 'prisma') {
      schema.notes.push({ type: 'lost', text: 'relationMode = "prisma": this client emulates no foreign keys; referential actions are those of the database' })
    }
  }
}

function collectDoc (doc: string[], text: string): void {
  if (text.startsWith('///')) doc.push(text.slice(3).trim())
}

function enumDraft (source: Enum, doc: string[]): EnumDraft {
  const draft: EnumDraft = { ...uncommented(), doc, name: source.name, pgName: source.name, labels: [] }
  let labelDoc: string[] = []
  for (const part of source.enumerators) {
    if (part.type === 'comment') collectDoc(labelDoc, part.text)
    else if (part.type === 'enumerator') {
      if (part.comment !== undefined) collectDoc(labelDoc, part.comment)
      const mapped = part.attributes?.find((attribute) => attribute.name === 'map')
      draft.labels.push({ name: part.name, label: mapped === undefined ? part.name : textArgument(mapped) ?? part.name, doc: labelDoc })
      labelDoc = []
    } else if (part.type === 'attribute') {
      if (part.name === 'map') draft.pgName = textArgument(part) ?? draft.pgName
      else if (part.name === 'schema') draft.schema = explicitSchema(textArgument(part))
      else draft.notes.push({ type: 'lost', text: `@@${part.name}` })
    }
  }
  return draft
}

/** `public` is what an unqualified name means unless somebody changed `search_path`. */
function explicitSchema (schema: string | undefined): string | undefined {
  return schema === 'public' ? undefined : schema
}

interface ModelSource {
  readonly source: Model | View
  readonly doc: string[]
  readonly schema: SchemaDraft
  readonly names: ReadonlySet<string>
  readonly ignored: ReadonlySet<string>
  readonly open: OpenRelation[]
}

function modelDraft ({ source, doc, schema, names, ignored, open }: ModelSource): ModelDraft {
  const model: ModelDraft = { ...uncommented(), doc, name: source.name, table: source.name, source: source.type === 'view' ? 'view' : 'table', fields: [], relations: [], uniques: [], indexes: [], endNotes: [] }
  let pending: Note[] = []
  let fieldDoc: string[] = []
  for (const property of source.properties) {
    if (property.type === 'comment') collectDoc(fieldDoc, property.text)
    else if (property.type === 'break') fieldDoc = []
    else if (property.type === 'field') {
      if (property.comment !== undefined) collectDoc(fieldDoc, property.comment)
      const target = typeof property.fieldType === 'string' ? property.fieldType : undefined
      if (property.attributes?.some((attribute) => attribute.name === 'ignore') === true) {
        pending.push({ type: 'lost', text: `field ${property.name}: @ignore` })
      } else if (target !== undefined && ignored.has(target)) {
        pending.push({ type: 'lost', text: `relation ${property.name}: its model ${target} is marked @@ignore` })
      } else if (target !== undefined && names.has(target)) {
        open.push(openRelation(model, property, target, fieldDoc))
      } else {
        const field = fieldDraft(property, fieldDoc, schema)
        field.notes.unshift(...pending)
        pending = []
        model.fields.push(field)
      }
      fieldDoc = []
    }
  }
  model.endNotes.push(...pending)
  for (const property of source.properties) {
    if (property.type === 'attribute') readBlockAttribute(model, property)
  }
  return model
}

function readBlockAttribute (model: ModelDraft, attribute: BlockAttribute): void {
  switch (attribute.name) {
    case 'map':
      model.table = textArgument(attribute) ?? model.table
      return
    case 'schema':
      model.schema = explicitSchema(textArgument(attribute))
      return
    case 'id': {
      const key = keyDraft(model, attribute)
      if (key === undefined) return
      const [only] = key.fields
      if (key.fields.length === 1 && only !== undefined) only.id = true
      else model.id = key
      return
    }
    case 'unique': {
      const key = keyDraft(model, attribute)
      if (key === undefined) return
      const [only] = key.fields
      if (key.fields.length === 1 && only !== undefined) only.unique = true
      else model.uniques.push(key)
      return
    }
    case 'index': {
      const key = keyDraft(model, attribute)
      if (key === undefined) return
      // Two kinds of index on the same columns are one here.
      if (!model.indexes.some((known) => sameFields(known, key.fields))) model.indexes.push(key.fields)
      const type = keyed(attribute.args, 'type')
      if (typeof type === 'string' && type !== 'BTree') model.notes.push({ type: 'lost', text: `the index on ${key.fields.map((field) => field.name).join(', ')} is of type ${type}; the schema keeps its columns alone` })
      return
    }
    default:
      model.notes.push({ type: 'lost', text: `@@${attribute.group === undefined ? '' : `${attribute.group}.`}${attribute.name}` })
  }
}

function keyDraft (model: ModelDraft, attribute: BlockAttribute): KeyDraft | undefined {
  const list = keyed(attribute.args, 'fields') ?? positional(attribute.args)
  const fields: FieldDraft[] = []
  for (const entry of arrayItems(list)) {
    const name = typeof entry === 'string' ? entry : isFunction(entry) ? entry.name : undefined
    const field = model.fields.find((candidate) => candidate.name === name)
    if (field === undefined) {
      model.notes.push({ type: 'lost', text: `@@${attribute.name}: it has no column '${String(name)}'` })
      return undefined
    }
    fields.push(field)
  }
  const name = keyed(attribute.args, 'name')
  return { fields, name: typeof name === 'string' ? unquote(name) : undefined }
}

function fieldDraft (source: Field, doc: string[], schema: SchemaDraft): FieldDraft {
  const attributes = source.attributes ?? []
  const field: FieldDraft = {
    ...uncommented(),
    doc,
    name: source.name,
    column: source.name,
    type: { type: 'word', word: 'text', args: [] },
    list: source.array === true,
    optional: source.optional === true,
    id: false,
    unique: false,
    updatedAt: false
  }
  field.type = typeOf(source, attributes.find((attribute) => attribute.group === 'db'), schema, field.notes)
  for (const attribute of attributes) {
    if (attribute.group === 'db') continue
    switch (attribute.name) {
      case 'id':
        field.id = true
        break
      case 'unique':
        field.unique = true
        break
      case 'updatedAt':
        field.updatedAt = true
        break
      case 'map':
        field.column = textArgument(attribute) ?? field.column
        break
      case 'default':
        field.default = defaultOf(source, attribute, field)
        break
      default:
        field.notes.push({ type: 'lost', text: `@${attribute.group === undefined ? '' : `${attribute.group}.`}${attribute.name}` })
    }
  }
  // An id is unique already.
  if (field.id) field.unique = false
  return field
}

const scalarWords: Readonly<Record<string, { readonly word: string, readonly args: readonly number[] }>> = {
  String: { word: 'text', args: [] },
  Boolean: { word: 'boolean', args: [] },
  Int: { word: 'int', args: [] },
  BigInt: { word: 'bigint', args: [] },
  Float: { word: 'float', args: [] },
  Decimal: { word: 'decimal', args: [65, 30] }, // what Prisma's DDL says for a Decimal without a native type
  DateTime: { word: 'timestamp', args: [3] },
  Json: { word: 'json', args: [] },
  Bytes: { word: 'bytes', args: [] }
}

/** Native type → word. `arguments`: how many of its arguments the word takes. */
const nativeWords: Readonly<Record<string, { readonly word: string, readonly arguments: number }>> = {
  Text: { word: 'text', arguments: 0 },
  Char: { word: 'char', arguments: 1 },
  VarChar: { word: 'varchar', arguments: 1 },
  Uuid: { word: 'uuid', arguments: 0 },
  Boolean: { word: 'boolean', arguments: 0 },
  Integer: { word: 'int', arguments: 0 },
  Int: { word: 'int', arguments: 0 },
  SmallInt: { word: 'smallint', arguments: 0 },
  BigInt: { word: 'bigint', arguments: 0 },
  DoublePrecision: { word: 'float', arguments: 0 },
  Real: { word: 'real', arguments: 0 },
  Decimal: { word: 'decimal', arguments: 2 },
  Timestamp: { word: 'timestamp', arguments: 1 },
  Timestamptz: { word: 'timestamptz', arguments: 1 },
  Date: { word: 'date', arguments: 0 },
  Time: { word: 'time', arguments: 1 },
  Timetz: { word: 'timetz', arguments: 1 },
  JsonB: { word: 'json', arguments: 0 },
  ByteA: { word: 'bytes', arguments: 0 }
}

/** Native types that have no word of their own. */
const otherTypes: Readonly<Record<string, string>> = { Bit: 'bit', VarBit: 'varbit', Xml: 'xml', Inet: 'inet', Citext: 'citext', Oid: 'oid', Money: 'money' }

function typeOf (source: Field, native: Attribute | undefined, schema: SchemaDraft, notes: Note[]): TypeDraft {
  if (typeof source.fieldType !== 'string') {
    const pgType = source.fieldType.params?.[0]
    return { type: 'word', word: 'other', args: [typeof pgType === 'string' ? unquote(pgType).replaceAll(/,\s+/g, ',') : 'text'] }
  }
  const enumeration = schema.enums.find((candidate) => candidate.name === source.fieldType)
  if (enumeration !== undefined) return { type: 'enum', of: enumeration }
  const scalar = scalarWords[source.fieldType]
  if (scalar === undefined) {
    notes.push({ type: 'lost', text: `'${source.fieldType}' is no scalar, enum or model of this schema; read as text` })
    return { type: 'word', word: 'text', args: [] }
  }
  if (native === undefined) return { type: 'word', ...scalar }
  const args = (native.args ?? []).map(({ value }) => Number(value)).filter((value) => Number.isInteger(value))
  const word = nativeWords[native.name]
  if (word !== undefined) {
    // A varchar without a length is a text.
    if (native.name === 'VarChar' && args.length === 0) return { type: 'word', word: 'text', args: [] }
    if (native.name === 'Char' && args.length === 0) return { type: 'word', word: 'char', args: [1] }
    return { type: 'word', word: word.word, args: args.slice(0, word.arguments) }
  }
  if (native.name === 'Json') return { type: 'word', word: 'json', args: [{ type: 'json' }] }
  const other = otherTypes[native.name]
  if (other === undefined) {
    notes.push({ type: 'lost', text: `@db.${native.name}` })
    return { type: 'word', ...scalar }
  }
  return otherType(args.length === 0 ? other : `${other}(${args.join(', ')})`, source.fieldType, notes)
}

function otherType (pgType: string, scalar: string, notes: Note[]): TypeDraft {
  if (scalar !== 'String') notes.push({ type: 'info', text: `a value of type ${pgType} is a string here` })
  return { type: 'word', word: 'other', args: [pgType] }
}

function defaultOf (source: Field, attribute: Attribute, field: FieldDraft): DefaultDraft | undefined {
  const value = keyed(attribute.args ?? [], 'value') ?? positional(attribute.args ?? [])
  if (value === undefined) return undefined
  if (isFunction(value)) return functionDefault(value, field)
  // Bytes are base64 in Prisma and hexadecimal in DDL; a JSON null would be one of two nulls. Both are in the database already, where Prisma's migration put them.
  if (source.fieldType === 'Bytes' && typeof value === 'string') return { type: 'database', sql: `'\\x${Buffer.from(unquote(value), 'base64').toString('hex')}'` }
  if (source.fieldType === 'Json' && typeof value === 'string' && parseJson(unquote(value)) === null) return { type: 'database', sql: "'null'" }
  return { type: 'value', value: literalDefault(value, source, field) }
}

function functionDefault (call: Func, field: FieldDraft): DefaultDraft | undefined {
  const argument = call.params?.[0]
  switch (call.name) {
    case 'now':
    case 'autoincrement':
      return { type: 'function', function: call.name }
    case 'uuid':
    case 'cuid': {
      const standard = call.name === 'uuid' ? '4' : '1'
      if (argument !== undefined && String(argument) !== standard) field.notes.push({ type: 'lost', text: `${call.name}(${String(argument)}): version ${standard} is made instead` })
      return { type: 'function', function: call.name }
    }
    case 'dbgenerated':
      return { type: 'database', sql: typeof argument === 'string' ? unquote(argument) : '' }
    default:
      field.notes.push({ type: 'lost', text: `@default(${call.name}(${(call.params ?? []).map(String).join(', ')})): give a value at every create` })
      return undefined
  }
}

function literalDefault (value: Value, source: Field, field: FieldDraft): DefaultValue {
  if (Array.isArray(value) || isArray(value)) return arrayItems(value).map((item) => literalDefault(item, source, field))
  if (typeof value === 'boolean' || typeof value === 'number') return source.fieldType === 'Decimal' ? String(value) : source.fieldType === 'BigInt' && typeof value === 'number' ? BigInt(value) : value
  if (typeof value !== 'string') {
    field.notes.push({ type: 'lost', text: '@default of a form that is not known' })
    return null
  }
  const text = unquote(value)
  switch (source.fieldType) {
    case 'Int':
    case 'Float':
      return Number(text)
    case 'BigInt':
      return BigInt(text)
    case 'Boolean':
      return text === 'true'
    case 'Json':
      return parseJson(text)
    default:
      return text
  }
}

function parseJson (text: string): DefaultValue {
  try {
    // JSON.parse returns what the type says: JSON has nothing else.
    return JSON.parse(text) as DefaultValue
  } catch {
    return text
  }
}

function openRelation (model: ModelDraft, field: Field, target: string, doc: string[]): OpenRelation {
  const args = field.attributes?.find((attribute) => attribute.name === 'relation')?.args ?? []
  const name = keyed(args, 'name') ?? positional(args)
  const names = (value: Value | undefined): string[] | undefined => value === undefined ? undefined : arrayItems(value).map(String)
  const word = (value: Value | undefined): string | undefined => typeof value === 'string' ? value : undefined
  return {
    model,
    field,
    target,
    doc,
    relationName: typeof name === 'string' ? unquote(name) : undefined,
    fields: names(keyed(args, 'fields')),
    references: names(keyed(args, 'references')),
    onDelete: word(keyed(args, 'onDelete')),
    onUpdate: word(keyed(args, 'onUpdate'))
  }
}

const actions: Readonly<Record<string, Action>> = { Cascade: 'cascade', Restrict: 'restrict', SetNull: 'set-null', SetDefault: 'set-default', NoAction: 'no-action' }

function connectRelations (open: readonly OpenRelation[], schema: SchemaDraft): void {
  const owners = new Map<OpenRelation, BelongsTo>()
  for (const relation of open) {
    const target = schema.models.find((model) => model.name === relation.target)
    if (target === undefined || relation.fields === undefined) continue
    const fields = relation.fields.map((name) => relation.model.fields.find((field) => field.name === name))
    const references = (relation.references ?? []).map((name) => target.fields.find((field) => field.name === name))
    if (fields.includes(undefined) || references.includes(undefined) || fields.length === 0) {
      relation.model.endNotes.push({ type: 'lost', text: `relation ${relation.field.name}: a column of it is not carried over` })
      continue
    }
    owners.set(relation, {
      ...uncommented(),
      doc: relation.doc,
      type: 'belongs-to',
      name: relation.field.name,
      target,
      fields: fields.filter((field) => field !== undefined),
      references: references.filter((field) => field !== undefined),
      // Prisma's defaults, which its DDL spells out.
      onDelete: actions[relation.onDelete ?? ''] ?? (relation.field.optional === true ? 'set-null' : 'restrict'),
      onUpdate: actions[relation.onUpdate ?? ''] ?? 'cascade'
    })
  }
  const joined = new Map<OpenRelation, ManyToMany>()
  // In the order of the fields, so that the file reads like its source.
  for (const relation of open) {
    const owner = owners.get(relation)
    if (owner !== undefined) {
      relation.model.relations.push(owner)
      continue
    }
    if (relation.fields !== undefined) continue
    const other = open.find((candidate) => isOtherSide(relation, candidate))
    const inverse = other === undefined ? undefined : owners.get(other)
    if (other === undefined) {
      relation.model.endNotes.push({ type: 'lost', text: `relation ${relation.field.name}: ${relation.target} has no field for its other side` })
    } else if (inverse !== undefined) {
      const draft: Inverse = { ...uncommented(), doc: relation.doc, type: relation.field.array === true ? 'has-many' : 'has-one', name: relation.field.name, target: other.model, inverse }
      relation.model.relations.push(draft)
    } else if (relation.field.array === true && other.field.array === true && !(hasOneId(relation.model) && hasOneId(other.model))) {
      relation.model.endNotes.push({ type: 'lost', text: `relation ${relation.field.name}: a join table needs an id of one column on both sides` })
    } else if (relation.field.array === true && other.field.array === true) {
      joined.set(relation, joinSide(relation, other, joined.get(other)))
    } else {
      relation.model.endNotes.push({ type: 'lost', text: `relation ${relation.field.name}: its other side, ${other.model.name}.${other.field.name}, is not carried over` })
    }
  }
}

function hasOneId (model: ModelDraft): boolean {
  return model.fields.some((field) => field.id)
}

function isOtherSide (relation: OpenRelation, candidate: OpenRelation): boolean {
  if (candidate === relation || candidate.relationName !== relation.relationName) return false
  return candidate.target === relation.model.name && candidate.model.name === relation.target
}

/** Prisma's rule for an implicit join table: its name is `_` and the relation's name, by default both models' names in alphabetical order; column A is the first of them, or, where a model is joined to itself, belongs to the field whose name comes first. */
function joinSide (relation: OpenRelation, other: OpenRelation, made: ManyToMany | undefined): ManyToMany {
  const own = relation.model.name
  const first = own === other.model.name ? relation.field.name < other.field.name : own < other.model.name
  const relationName = relation.relationName ?? (first ? `${own}To${other.model.name}` : `${other.model.name}To${own}`)
  const side: Omit<ManyToMany, 'inverse'> = { ...uncommented(), doc: relation.doc, type: 'many-to-many', name: relation.field.name, target: other.model, through: `_${relationName}`, side: first ? 'A' : 'B' }
  // The second side closes the ring; until then the first one points at itself.
  const draft = Object.assign(side, { inverse: made }) as ManyToMany
  draft.inverse = made ?? draft
  if (made !== undefined) made.inverse = draft
  relation.model.relations.push(draft)
  return draft
}

function keyed (args: readonly AttributeArgument[], key: string): Value | undefined {
  for (const { value } of args) {
    if (typeof value === 'object' && value !== null && !Array.isArray(value) && 'type' in value && value.type === 'keyValue' && value.key === key) return value.value
  }
  return undefined
}

function positional (args: readonly AttributeArgument[]): Value | undefined {
  for (const { value } of args) {
    if (typeof value === 'object' && value !== null && !Array.isArray(value) && 'type' in value && value.type === 'keyValue') continue
    return value
  }
  return undefined
}

function textArgument (attribute: Attribute | BlockAttribute | { args?: AttributeArgument[] }): string | undefined {
  const value = keyed(attribute.args ?? [], 'name') ?? positional(attribute.args ?? [])
  return typeof value === 'string' ? unquote(value) : undefined
}

function isFunction (value: Value): value is Func {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && value.type === 'function'
}

function isArray (value: Value): value is RelationArray {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && value.type === 'array'
}

function arrayItems (value: Value | undefined): readonly Value[] {
  if (Array.isArray(value)) return value
  // Prisma takes one item without its brackets: `@@index(orgId)`.
  if (typeof value === 'string' || (value !== undefined && isFunction(value))) return [value]
  return value !== undefined && isArray(value) ? value.args ?? [] : []
}

/** The parser leaves strings as they are written; their escapes are JSON's. */
function unquote (text: string): string {
  if (!text.startsWith('"')) return text
  try {
    return String(JSON.parse(text))
  } catch {
    return text.slice(1, -1)
  }
}
