// A schema on its way from a source (a catalogue, a Prisma schema) to the file: what the writer needs, with references between the parts instead of names, so that renaming one thing renames it everywhere.

export type Action = 'cascade' | 'restrict' | 'set-null' | 'set-default' | 'no-action'

export interface SchemaDraft {
  enums: EnumDraft[]
  models: ModelDraft[]
  /** What concerns no model: written at the head of the file. */
  notes: Note[]
  /** What is said on stderr alone, since it has no place in the file. */
  remarks: string[]
}

/** `lost`: the source says something that the schema cannot say. `info`: the schema says it, in another way than one would expect. */
export interface Note {
  readonly type: 'lost' | 'info'
  readonly text: string
}

export interface Commented {
  /** Lines of the doc comment, without its decoration. */
  doc: string[]
  /** Ordinary comments that stood in the file before, as they were written there. */
  comments: string[]
  /** An ordinary comment that stood behind, on the same line. */
  trailing?: string | undefined
  notes: Note[]
}

export interface EnumDraft extends Commented {
  /** The constant in the file. */
  name: string
  pgName: string
  schema?: string | undefined
  labels: { name: string, label: string, doc: string[] }[]
}

export interface ModelDraft extends Commented {
  name: string
  table: string
  schema?: string | undefined
  /** `view`: keys and missing NULLs are not in the catalogue, so what is written by hand counts. */
  source: 'table' | 'view'
  fields: FieldDraft[]
  relations: RelationDraft[]
  id?: KeyDraft | undefined
  uniques: KeyDraft[]
  indexes: FieldDraft[][]
  /** Notes on what would stand behind the last column. */
  endNotes: Note[]
}

/** A composite key. */
export interface KeyDraft {
  /** Where it is not the fields' names joined by `_`. */
  name?: string | undefined
  fields: FieldDraft[]
}

export interface FieldDraft extends Commented {
  name: string
  column: string
  type: TypeDraft
  list: boolean
  optional: boolean
  id: boolean
  unique: boolean
  updatedAt: boolean
  default?: DefaultDraft | undefined
}

export type TypeDraft =
  | { readonly type: 'enum', readonly of: EnumDraft }
  /** `word` is the builder's function: `t.varchar(20)` is `{ word: 'varchar', args: [20] }`. */
  | { readonly type: 'word', readonly word: string, readonly args: readonly DefaultValue[], readonly typeArgument?: string | undefined }

export type DefaultDraft =
  | { readonly type: 'value', readonly value: DefaultValue }
  | { readonly type: 'function', readonly function: 'now' | 'uuid' | 'cuid' | 'autoincrement' }
  | { readonly type: 'database', readonly sql: string }

export type DefaultValue = string | number | boolean | bigint | null | readonly DefaultValue[] | { readonly [key: string]: DefaultValue }

export type RelationDraft = BelongsTo | Inverse | ManyToMany

export interface BelongsTo extends Commented {
  type: 'belongs-to'
  name: string
  target: ModelDraft
  fields: FieldDraft[]
  references: FieldDraft[]
  onDelete: Action
  onUpdate: Action
}

export interface Inverse extends Commented {
  type: 'has-one' | 'has-many'
  name: string
  target: ModelDraft
  inverse: BelongsTo
}

export interface ManyToMany extends Commented {
  type: 'many-to-many'
  name: string
  target: ModelDraft
  inverse: ManyToMany
  through: string
  /** The column of the join table that holds the id of the model with this field. */
  side: 'A' | 'B'
}

export function uncommented (): Commented {
  return { doc: [], comments: [], notes: [] }
}

/** The fields that a relation refers to where it does not say so: the target's id. */
export function idFields (model: ModelDraft): readonly FieldDraft[] {
  if (model.id !== undefined) return model.id.fields
  return model.fields.filter((field) => field.id)
}

export function sameFields (a: readonly FieldDraft[], b: readonly FieldDraft[]): boolean {
  return a.length === b.length && a.every((field, index) => field === b[index])
}

/** The fields are unique together, by a key of any kind. */
export function isUnique (model: ModelDraft, fields: readonly FieldDraft[]): boolean {
  const [only] = fields
  if (fields.length === 1 && only !== undefined) return only.unique || only.id
  const keys = model.id === undefined ? model.uniques : [model.id, ...model.uniques]
  return keys.some((key) => key.fields.length === fields.length && key.fields.every((field) => fields.includes(field)))
}
