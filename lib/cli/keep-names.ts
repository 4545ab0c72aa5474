// Carries over from the file that is there what its source cannot know. Tables and columns are recognised by their names in the database, relations by the columns they stand on, so that a renamed model or field keeps its name for as long as its table and column keep theirs.
//
// From a database, names come from the file. From a Prisma schema they come from there, since the names in it are hand-made already; types of JSON columns and comments are kept in both cases.
import { sameFields, uncommented } from './schema-draft.ts'
import type { Action, BelongsTo, Commented, FieldDraft, Inverse, KeyDraft, ManyToMany, ModelDraft, RelationDraft, SchemaDraft } from './schema-draft.ts'
import { listOf, textOf } from './schema-source.ts'
import type { SourceComments, SourceEnum, SourceField, SourceModel, SourceRelation } from './schema-source.ts'

export type NamesFrom = 'file' | 'source'

export interface Known {
  readonly models: readonly SourceModel[]
  readonly enums: readonly SourceEnum[]
}

export function keepNames (draft: SchemaDraft, known: Known, namesFrom: NamesFrom): void {
  keepEnums(draft, known, namesFrom)
  const pairs = new Map<ModelDraft, SourceModel>()
  for (const model of draft.models) {
    const source = known.models.find((candidate) => candidate.table === model.table && candidate.schema === model.schema) ??
      known.models.find((candidate) => candidate.table === model.table && (candidate.schema === undefined || model.schema === undefined))
    if (source === undefined) continue
    pairs.set(model, source)
    keepModel(model, source, namesFrom, draft.remarks)
  }
  for (const source of known.models) {
    if (![...pairs.values()].includes(source)) draft.remarks.push(`model ${source.name}: removed, the table ${source.table} is not there`)
  }
  for (const [model, source] of pairs) keepRelations({ model, source, pairs, known, namesFrom })
  if (namesFrom === 'file') for (const [model, source] of pairs) addHandMade({ model, source, pairs, known, namesFrom }, draft.remarks)
  for (const [model, source] of pairs) orderRelations(model, source)
  draft.models = ordered(draft.models, known.models, (model) => pairs.get(model))
}

/** Known ones in the file's order, then the new ones: the least change to read in a review. */
function ordered<T extends object, S> (drafts: readonly T[], sources: readonly S[], sourceOf: (draft: T) => S | undefined): T[] {
  const known = sources.map((source) => drafts.find((draft) => sourceOf(draft) === source)).filter((draft) => draft !== undefined)
  return [...known, ...drafts.filter((draft) => !known.includes(draft))]
}

function keepComments (draft: Commented, source: SourceComments, namesFrom: NamesFrom): void {
  if (source.doc.length > 0 && (namesFrom === 'file' || draft.doc.length === 0)) draft.doc = [...source.doc]
  draft.comments = [...source.comments]
  draft.trailing = source.trailing
}

function keepEnums (draft: SchemaDraft, known: Known, namesFrom: NamesFrom): void {
  const sourceOf = (pgName: string, schema: string | undefined): SourceEnum | undefined =>
    known.enums.find((candidate) => candidate.pgName === pgName && candidate.schema === schema) ?? known.enums.find((candidate) => candidate.pgName === pgName)
  for (const enumeration of draft.enums) {
    const source = sourceOf(enumeration.pgName, enumeration.schema)
    if (source === undefined) continue
    keepComments(enumeration, source, namesFrom)
    if (namesFrom === 'file') enumeration.name = source.name
    for (const label of enumeration.labels) {
      const kept = source.labels.find((candidate) => candidate.label === label.label)
      if (kept === undefined) continue
      if (namesFrom === 'file') renameLabel(draft, enumeration.pgName, label, kept.name)
      if (label.doc.length === 0) label.doc = [...kept.doc]
    }
  }
  draft.enums = ordered(draft.enums, known.enums, (enumeration) => sourceOf(enumeration.pgName, enumeration.schema))
}

/** The defaults of columns name labels too. */
function renameLabel (draft: SchemaDraft, pgName: string, label: { name: string, label: string }, name: string): void {
  const before = label.name
  label.name = name
  if (before === name) return
  for (const field of draft.models.flatMap((model) => model.fields)) {
    if (field.type.type !== 'enum' || field.type.of.pgName !== pgName || field.default?.type !== 'value') continue
    const { value } = field.default
    if (value === before) field.default = { type: 'value', value: name }
    else if (Array.isArray(value)) field.default = { type: 'value', value: value.map((item: unknown) => item === before ? name : String(item)) }
  }
}

function keepModel (model: ModelDraft, source: SourceModel, namesFrom: NamesFrom, remarks: string[]): void {
  keepComments(model, source, namesFrom)
  if (namesFrom === 'file') model.name = source.name
  for (const field of model.fields) {
    const kept = source.fields.find((candidate) => candidate.column === field.column)
    if (kept !== undefined) keepField(model, field, kept, namesFrom, remarks)
  }
  for (const gone of source.fields) {
    if (!model.fields.some((field) => field.column === gone.column)) remarks.push(`${source.name}.${gone.name}: removed, the column ${gone.column} is not there`)
  }
  const position = (field: FieldDraft): SourceField | undefined => source.fields.find((candidate) => candidate.column === field.column)
  model.fields = ordered(model.fields, source.fields, position)
  // By what they stand on in the file: field names there, columns here.
  const columns = (names: readonly string[]): string => names.map((name) => source.fields.find((field) => field.name === name)?.column ?? name).join('\0')
  const own = (key: KeyDraft): string => key.fields.map((field) => field.column).join('\0')
  const keyOf = (key: KeyDraft) => source.keys.find((candidate) => columns(candidate.fields) === own(key))
  if (namesFrom === 'file') {
    for (const key of model.id === undefined ? model.uniques : [model.id, ...model.uniques]) {
      const kept = keyOf(key)
      if (kept !== undefined && kept.name !== kept.fields.join('_')) key.name = kept.name
    }
  }
  model.uniques = ordered(model.uniques, source.keys, keyOf)
  model.indexes = ordered(model.indexes, source.indexes, (fields) => source.indexes.find((candidate) => columns(candidate) === own({ fields })))
}

function keepField (model: ModelDraft, field: FieldDraft, source: SourceField, namesFrom: NamesFrom, remarks: string[]): void {
  keepComments(field, source, namesFrom)
  if (source.typeArgument !== undefined && field.type.type === 'word' && field.type.word === source.word) field.type = { ...field.type, typeArgument: source.typeArgument }
  if (namesFrom === 'source') return
  field.name = source.name
  // The database knows nothing of what the client fills in.
  if (source.updatedAt && field.type.type === 'word' && ['timestamp', 'timestamptz', 'date', 'time', 'timetz'].includes(field.type.word) && !field.list) field.updatedAt = true
  const made = source.defaultFunction
  if ((made === 'uuid' || made === 'cuid') && !field.list && (field.default === undefined || field.default.type === 'database')) field.default = { type: 'function', function: made }
  else if (source.hasDefault && field.default === undefined) remarks.push(`${model.name}.${field.name}: the default in the file is removed, the column has none`)
  if (model.source === 'view') {
    field.optional = field.optional && source.optional
    field.id = field.id || source.id
    field.unique = field.unique || source.unique
  }
}

interface Pairing {
  readonly model: ModelDraft
  readonly source: SourceModel
  readonly pairs: ReadonlyMap<ModelDraft, SourceModel>
  readonly known: Known
  readonly namesFrom: NamesFrom
}

function keepRelations (pairing: Pairing): void {
  for (const relation of pairing.model.relations) {
    const kept = pairing.source.relations.find((candidate) => isSame(relation, candidate, pairing))
    if (kept === undefined) continue
    keepComments(relation, kept, pairing.namesFrom)
    if (pairing.namesFrom !== 'file') continue
    relation.name = kept.name
    // A list of at most one is a choice that one may make; a single one where there may be several is not.
    if (relation.type === 'has-one' && kept.word === 'hasMany') relation.type = 'has-many'
  }
}

function orderRelations (model: ModelDraft, source: SourceModel): void {
  model.relations = ordered(model.relations, source.relations, (relation) => source.relations.find((candidate) => candidate.name === relation.name))
}

function sourceTable (name: string, known: Known): SourceModel | undefined {
  return known.models.find((candidate) => candidate.name === name)
}

function columnsOf (names: readonly string[], source: SourceModel): string[] {
  return names.map((name) => source.fields.find((field) => field.name === name)?.column ?? name)
}

function isSame (relation: RelationDraft, candidate: SourceRelation, pairing: Pairing): boolean {
  const { source, pairs, known } = pairing
  const target = sourceTable(candidate.target, known)
  if (target === undefined || pairs.get(relation.target) !== target) return false
  switch (relation.type) {
    case 'belongs-to':
      return candidate.word === 'belongsTo' && isOwner(relation, source, candidate)
    case 'has-one':
    case 'has-many': {
      const inverse = target.relations.find((other) => other.name === candidate.inverse)
      return (candidate.word === 'hasOne' || candidate.word === 'hasMany') && inverse?.word === 'belongsTo' && isOwner(relation.inverse, target, inverse)
    }
    case 'many-to-many':
      return candidate.word === 'manyToMany' && isJoin(relation, candidate, source, target)
    default:
      return relation satisfies never
  }
}

function isOwner (relation: BelongsTo, source: SourceModel, candidate: SourceRelation): boolean {
  const columns = columnsOf(candidate.fields, source)
  return columns.length === relation.fields.length && relation.fields.every((field, index) => field.column === columns[index])
}

function isJoin (relation: ManyToMany, candidate: SourceRelation, source: SourceModel, target: SourceModel): boolean {
  const back = target.relations.find((other) => other.name === candidate.inverse)
  const through = textOf(candidate.options['through']) ?? textOf(back?.options['through']) ?? `_${[source.name, target.name].sort().join('To')}`
  const given = textOf(candidate.options['side'])
  const opposite = textOf(back?.options['side'])
  const first = source === target ? candidate.name <= (candidate.inverse ?? '') : source.name < target.name
  const side = given ?? (opposite === undefined ? first ? 'A' : 'B' : opposite === 'A' ? 'B' : 'A')
  return through === relation.through && side === relation.side
}

/** Relations without a foreign key: of views, or where keys are not wanted. */
function addHandMade (pairing: Pairing, remarks: string[]): void {
  const { model, source, pairs, known } = pairing
  for (const candidate of source.relations) {
    if (candidate.word !== 'belongsTo' || model.relations.some((relation) => isSame(relation, candidate, pairing))) continue
    const targetSource = sourceTable(candidate.target, known)
    const target = [...pairs].find(([, paired]) => paired === targetSource)?.[0]
    const fields = columnsOf(candidate.fields, source).map((column) => model.fields.find((field) => field.column === column)).filter((field) => field !== undefined)
    if (target === undefined || targetSource === undefined || fields.length < candidate.fields.length) continue
    const references = candidate.options['references'] === undefined
      ? target.id?.fields ?? target.fields.filter((field) => field.id)
      : columnsOf(listOf(candidate.options['references']), targetSource).map((column) => target.fields.find((field) => field.column === column)).filter((field) => field !== undefined)
    if (references.length !== fields.length || sameFields(fields, [])) continue
    const owner: BelongsTo = { ...uncommented(), type: 'belongs-to', name: candidate.name, target, fields, references, onDelete: action(candidate, 'onDelete'), onUpdate: action(candidate, 'onUpdate') }
    keepComments(owner, candidate, 'file')
    model.relations.push(owner)
    remarks.push(`${source.name}.${candidate.name}: kept, though the database has no such foreign key`)
    for (const back of targetSource.relations) {
      if ((back.word !== 'hasOne' && back.word !== 'hasMany') || back.inverse !== candidate.name || back.target !== source.name) continue
      const inverse: Inverse = { ...uncommented(), type: back.word === 'hasOne' ? 'has-one' : 'has-many', name: back.name, target: model, inverse: owner }
      keepComments(inverse, back, 'file')
      target.relations.push(inverse)
    }
  }
}

const actions: readonly Action[] = ['cascade', 'restrict', 'set-null', 'set-default', 'no-action']

function action (candidate: SourceRelation, option: 'onDelete' | 'onUpdate'): Action {
  const text = textOf(candidate.options[option])
  return actions.find((known) => known === text) ?? 'no-action'
}
