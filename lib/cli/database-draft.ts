// From a catalogue to a draft. Names are left empty: what is kept from the file that is there comes first, then the rules of `naming.ts`.
//
// Above 300 lines on purpose: one pass over one catalogue, in which every kind of object is either carried over or noted.
import { t } from '../schema/t.ts'
import type { Catalogue, CatalogueColumn, CatalogueConstraint, CatalogueForeignKey, CatalogueIndex, CatalogueTable, CatalogueType } from './catalogue.ts'
import { databaseDefault } from './database-default.ts'
import { isUnique, sameFields, uncommented } from './schema-draft.ts'
import type { Action, BelongsTo, EnumDraft, FieldDraft, Inverse, ManyToMany, ModelDraft, Note, SchemaDraft, TypeDraft } from './schema-draft.ts'

const migrationTables = new Set(['_prisma_migrations', '__drizzle_migrations', 'kysely_migration', 'kysely_migration_lock', 'knex_migrations', 'knex_migrations_lock', 'pgmigrations', 'schema_migrations'])

/** What is known of a table while its draft is made. */
interface Table {
  readonly of: CatalogueTable
  readonly model: ModelDraft
  /** By column number; a column that is not carried over has none. */
  readonly fields: ReadonlyMap<number, FieldDraft>
}

export function draftFromCatalogue (catalogue: Catalogue, picks: (schema: string, table: string) => boolean): SchemaDraft {
  const schema: SchemaDraft = { enums: [], models: [], notes: [], remarks: [] }
  // Written out where it is not what an unqualified name means to everybody.
  const implied = catalogue.currentSchema === 'public' ? 'public' : undefined
  const reader = new Reader(catalogue, schema, implied)
  const tables: Table[] = []
  for (const table of catalogue.tables) {
    if (!picks(table.schema, table.name)) continue
    if (migrationTables.has(table.name)) schema.remarks.push(`table ${table.name}: left out, it belongs to a migration tool`)
    else tables.push(reader.table(table))
  }
  for (const type of catalogue.types) {
    if (type.kind === 'e' && !reader.isUsed(type.oid)) schema.remarks.push(`enum ${type.name}: left out, no column is of this type`)
  }
  const joins = tables.filter((table) => isJoinTable(table, catalogue, tables))
  for (const table of tables) if (!joins.includes(table)) schema.models.push(table.model)
  for (const table of tables) {
    if (joins.includes(table)) joinTable(table, catalogue, tables, schema)
    else for (const foreignKey of catalogue.foreignKeys) if (foreignKey.table === table.of.oid) relate(table, foreignKey, tables, joins)
  }
  // What a row belongs to reads before what belongs to it.
  for (const { relations } of schema.models) relations.sort((a, b) => Number(a.type !== 'belongs-to') - Number(b.type !== 'belongs-to'))
  schema.enums.sort((a, b) => compare(`${a.schema ?? ''}.${a.pgName}`, `${b.schema ?? ''}.${b.pgName}`))
  return schema
}

function compare (a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

class Reader {
  readonly #catalogue: Catalogue
  readonly #schema: SchemaDraft
  readonly #implied: string | undefined
  readonly #types: ReadonlyMap<string, CatalogueType>
  readonly #enums = new Map<string, EnumDraft>()

  constructor (catalogue: Catalogue, schema: SchemaDraft, implied: string | undefined) {
    this.#catalogue = catalogue
    this.#schema = schema
    this.#implied = implied
    this.#types = new Map(catalogue.types.map((type) => [type.oid, type]))
  }

  table (of: CatalogueTable): Table {
    const hasKeys = of.kind === 'r' || of.kind === 'p'
    const model: ModelDraft = { ...uncommented(), doc: commentLines(of.comment), name: '', table: of.name, schema: this.#schemaName(of.schema), source: hasKeys ? 'table' : 'view', fields: [], relations: [], uniques: [], indexes: [], endNotes: [] }
    const fields = new Map<number, FieldDraft>()
    let pending: Note[] = []
    for (const column of this.#catalogue.columns) {
      if (column.table !== of.oid) continue
      const field = this.#column(column)
      if ('text' in field) {
        pending.push(field)
        continue
      }
      field.notes.unshift(...pending)
      pending = []
      model.fields.push(field)
      fields.set(column.number, field)
    }
    model.endNotes.push(...pending)
    if (of.kind === 'v') model.notes.push({ type: 'info', text: 'a view: which columns are never null, and which identify a row, is not in the catalogue; .optional() removed and .id() added by hand are kept' })
    if (of.kind === 'm') model.notes.push({ type: 'info', text: 'a materialized view: it cannot be written' })
    if (of.kind === 'f') model.notes.push({ type: 'info', text: 'a foreign table: its keys are not in the catalogue' })
    if (of.parents !== null) model.notes.push({ type: 'lost', text: `it inherits from ${of.parents.join(', ')}` })
    if (of.rowSecurity) model.notes.push({ type: 'info', text: 'row-level security is on: what a query sees depends on the role' })
    for (const index of this.#catalogue.indexes) if (index.table === of.oid) readIndex(model, fields, index)
    for (const constraint of this.#catalogue.constraints) if (constraint.table === of.oid) model.notes.push(constraintNote(constraint))
    if (hasKeys && model.id === undefined && !model.fields.some((field) => field.id || field.unique) && model.uniques.length === 0) {
      model.notes.push({ type: 'info', text: 'no primary key and no unique key: single rows cannot be found, updated or deleted by findUnique and its like' })
    }
    return { of, model, fields }
  }

  /** By any column of the database's, of a table that is not picked too, and through arrays and domains. */
  isUsed (oid: string): boolean {
    return this.#catalogue.columns.some((column) => column.typeOid === oid) || this.#catalogue.types.some((type) => (type.element === oid || type.base === oid) && this.isUsed(type.oid))
  }

  #schemaName (schema: string): string | undefined {
    return schema === this.#implied ? undefined : schema
  }

  #column (column: CatalogueColumn): FieldDraft | Note {
    const notes: Note[] = []
    const { type, list } = this.#type(column, notes)
    if (type === undefined) return { type: 'lost', text: `column ${column.name} of type ${column.type}, which has no name that a cast could use` }
    const field: FieldDraft = {
      ...uncommented(),
      doc: commentLines(column.comment),
      notes,
      name: '',
      column: column.name,
      type,
      list,
      // A list is never null here: the absence of values is the empty list.
      optional: !list && !column.notNull && !this.#isNotNullDomain(column.typeOid),
      id: false,
      unique: false,
      updatedAt: false
    }
    if (list && column.dimensions > 1) notes.push({ type: 'lost', text: `it is declared with ${column.dimensions} dimensions; a list has one` })
    const expression = column.default ?? this.#types.get(column.typeOid)?.default
    if (column.generated !== '') {
      notes.push({ type: 'info', text: 'a generated column: the server refuses a value for it' })
      field.default = { type: 'database', sql: column.default ?? '' }
    } else if (column.identity !== '') {
      if (column.identity === 'a') notes.push({ type: 'info', text: 'generated always: the server refuses a value for it' })
      field.default = { type: 'function', function: 'autoincrement' }
    } else if (expression !== null && expression !== undefined) {
      field.default = databaseDefault(expression, type, list)
    }
    return field
  }

  #isNotNullDomain (oid: string): boolean {
    return this.#types.get(oid)?.notNull === true
  }

  #type (column: CatalogueColumn, notes: Note[]): { type: TypeDraft | undefined, list: boolean } {
    let type = this.#types.get(column.typeOid)
    let name = column.type
    let list = false
    for (;;) {
      if (type?.base != null) {
        notes.push({ type: 'info', text: `of the domain ${type.name}; its checks are the server's` })
        name = type.baseType ?? name
        type = this.#types.get(type.base)
      } else if (type?.element != null && !list) {
        list = true
        name = name.replace(/(?:\[\])+$/, '')
        type = this.#types.get(type.element)
      } else {
        break
      }
    }
    if (type?.kind === 'e') return { type: { type: 'enum', of: this.#enum(type) }, list }
    const word = typeWord(name)
    if (word !== undefined) return { type: word, list }
    return { type: otherWord(name), list }
  }

  #enum (type: CatalogueType): EnumDraft {
    const known = this.#enums.get(type.oid)
    if (known !== undefined) return known
    const made: EnumDraft = { ...uncommented(), doc: commentLines(type.comment), name: '', pgName: type.name, schema: this.#schemaName(type.schema), labels: (type.labels ?? []).map((label) => ({ name: label, label, doc: [] })) }
    this.#enums.set(type.oid, made)
    this.#schema.enums.push(made)
    return made
  }
}

function commentLines (comment: string | null): string[] {
  return comment === null ? [] : comment.trim().split('\n').map((line) => line.trim())
}

const plainWords: Readonly<Record<string, string>> = {
  smallint: 'smallint', integer: 'int', bigint: 'bigint', real: 'real', 'double precision': 'float', numeric: 'decimal', text: 'text', 'character varying': 'varchar', boolean: 'boolean', bytea: 'bytes', uuid: 'uuid', jsonb: 'json', date: 'date', 'time without time zone': 'time', 'time with time zone': 'timetz', 'timestamp without time zone': 'timestamp', 'timestamp with time zone': 'timestamptz'
}

/** A type as format_type() writes it → a word of the builder. */
function typeWord (name: string): TypeDraft | undefined {
  if (name === 'json') return { type: 'word', word: 'json', args: [{ type: 'json' }] }
  const plain = Object.hasOwn(plainWords, name) ? plainWords[name] : undefined
  if (plain !== undefined) return { type: 'word', word: plain === 'varchar' ? 'text' : plain, args: [] }
  const sized = /^(character varying|character|numeric|time|timestamp)\(([\d, -]+)\)( with(?:out)? time zone)?$/.exec(name)
  if (sized === null) return undefined
  const args = (sized[2] ?? '').split(',').map(Number)
  const base = `${sized[1] ?? ''}${sized[3] ?? ''}`
  if (base === 'numeric') return { type: 'word', word: 'decimal', args: args[1] === 0 ? args.slice(0, 2) : args }
  const word = base === 'character varying' ? 'varchar' : base === 'character' ? 'char' : plainWords[base]
  return word === undefined ? undefined : { type: 'word', word, args }
}

function otherWord (name: string): TypeDraft | undefined {
  try {
    t.other(name)
    return { type: 'word', word: 'other', args: [name] }
  } catch {
    return undefined
  }
}

function readIndex (model: ModelDraft, fields: ReadonlyMap<number, FieldDraft>, index: CatalogueIndex): void {
  // The constraint behind an exclusion index is noted by itself.
  if (index.exclusion) return
  const columns = index.columns.map((number) => fields.get(number)).filter((field) => field !== undefined)
  const complete = columns.length === index.columns.length
  const what = `${index.unique ? 'unique index' : 'index'} ${index.name}`
  if (!complete || index.predicate !== null) {
    model.notes.push({ type: 'lost', text: `${what}: ${indexText(index)}` })
    return
  }
  if (!index.valid) {
    model.notes.push({ type: 'lost', text: `${what}: it is not valid` })
    return
  }
  const [only] = columns
  if (index.primary) {
    if (columns.length === 1 && only !== undefined) only.id = true
    else model.id = { fields: columns }
  } else if (index.unique) {
    if (!index.immediate) model.notes.push({ type: 'info', text: `the unique key ${index.name} is deferrable: ON CONFLICT cannot use it` })
    if (columns.length === 1 && only !== undefined) only.unique = only.unique || !only.id
    else if (!model.uniques.some((key) => sameFields(key.fields, columns))) model.uniques.push({ fields: columns })
  } else {
    if (index.method !== 'btree') model.notes.push({ type: 'lost', text: `the index ${index.name} is of type ${index.method}; the schema keeps its columns alone` })
    if (!model.indexes.some((known) => sameFields(known, columns))) model.indexes.push(columns)
  }
}

function indexText (index: CatalogueIndex): string {
  return index.definition.replace(/^.*? USING /, '')
}

function constraintNote (constraint: CatalogueConstraint): Note {
  return { type: 'lost', text: `${constraint.type === 'c' ? 'check' : 'exclusion'} ${constraint.name}: ${constraint.definition}` }
}

const actions: Readonly<Record<string, Action>> = { a: 'no-action', r: 'restrict', c: 'cascade', n: 'set-null', d: 'set-default' }

function foreignKeysOf (table: Table, catalogue: Catalogue): CatalogueForeignKey[] {
  return catalogue.foreignKeys.filter((foreignKey) => foreignKey.table === table.of.oid)
}

/** Prisma's implicit join table: columns A and B alone, each a foreign key to an id of one column, unique together. */
function isJoinTable (table: Table, catalogue: Catalogue, tables: readonly Table[]): boolean {
  const { model } = table
  if (model.fields.length !== 2 || model.source !== 'table') return false
  const [a, b] = [model.fields.find((field) => field.column === 'A'), model.fields.find((field) => field.column === 'B')]
  if (a === undefined || b === undefined || !isUnique(model, [a, b])) return false
  const foreignKeys = foreignKeysOf(table, catalogue)
  if (foreignKeys.length !== 2) return false
  return foreignKeys.every((foreignKey) => {
    const target = tables.find((candidate) => candidate.of.oid === foreignKey.target)
    const referenced = target?.fields.get(foreignKey.targetColumns[0] ?? 0)
    return foreignKey.columns.length === 1 && target !== undefined && target !== table && referenced?.id === true
  }) && new Set(foreignKeys.map((foreignKey) => foreignKey.columns[0])).size === 2
}

function joinTable (table: Table, catalogue: Catalogue, tables: readonly Table[], schema: SchemaDraft): void {
  const side = (column: string): Table | undefined => {
    const foreignKey = foreignKeysOf(table, catalogue).find((candidate) => table.fields.get(candidate.columns[0] ?? 0)?.column === column)
    return tables.find((candidate) => candidate.of.oid === foreignKey?.target)
  }
  const [a, b] = [side('A'), side('B')]
  if (a === undefined || b === undefined) return
  if (a.model.schema !== table.model.schema || b.model.schema !== table.model.schema) {
    schema.notes.push({ type: 'lost', text: `join table ${table.of.schema}.${table.of.name}: it is not in the schema of both its models` })
    return
  }
  const base: Omit<ManyToMany, 'target' | 'side' | 'inverse'> = { ...uncommented(), type: 'many-to-many', name: '', through: table.of.name }
  // Each side names the other; the first is complete when the second exists.
  const first = { ...base, ...uncommented(), target: b.model, side: 'A' } as ManyToMany
  const second: ManyToMany = { ...base, ...uncommented(), target: a.model, side: 'B', inverse: first }
  first.inverse = second
  a.model.relations.push(first)
  b.model.relations.push(second)
}

function relate (table: Table, foreignKey: CatalogueForeignKey, tables: readonly Table[], joins: readonly Table[]): void {
  const target = tables.find((candidate) => candidate.of.oid === foreignKey.target)
  const what = `foreign key ${foreignKey.name} to ${foreignKey.targetName}`
  if (target === undefined || joins.includes(target)) {
    table.model.notes.push({ type: 'lost', text: `${what}: that table is not pulled` })
    return
  }
  const fields = foreignKey.columns.map((number) => table.fields.get(number)).filter((field) => field !== undefined)
  const references = foreignKey.targetColumns.map((number) => target.fields.get(number)).filter((field) => field !== undefined)
  if (fields.length < foreignKey.columns.length || references.length < foreignKey.targetColumns.length) {
    table.model.notes.push({ type: 'lost', text: `${what}: a column of it is not carried over` })
    return
  }
  const owner: BelongsTo = { ...uncommented(), type: 'belongs-to', name: '', target: target.model, fields, references, onDelete: actions[foreignKey.onDelete] ?? 'no-action', onUpdate: actions[foreignKey.onUpdate] ?? 'no-action' }
  if (table.model.relations.some((known) => known.type === 'belongs-to' && known.target === owner.target && sameFields(known.fields, fields) && sameFields(known.references, references))) {
    table.model.notes.push({ type: 'lost', text: `${what}: another foreign key says the same` })
    return
  }
  const inverse: Inverse = { ...uncommented(), type: isUnique(table.model, fields) ? 'has-one' : 'has-many', name: '', target: table.model, inverse: owner }
  table.model.relations.push(owner)
  target.model.relations.push(inverse)
}
