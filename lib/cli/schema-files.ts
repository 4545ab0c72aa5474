// Which file holds what: reads the schema module that is there, over as many files as it has, and lays a draft out over files again. A model stays in the file it was found in.
//
// An enum that one file uses alone stays in it, unexported; otherwise it is exported from a file without models, which the schema module re-exports as types only: every value export of a schema module is a model.
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { CommandError } from './command.ts'
import type { EnumDraft, ModelDraft, SchemaDraft } from './schema-draft.ts'
import { readSchemaSource, schemaModule } from './schema-source.ts'
import type { SchemaSource, SourceEnum, SourceImport, SourceModel } from './schema-source.ts'
import { SourceProblem, saysTheSame } from './source-tokens.ts'
import { writeSchemaFile } from './write-schema.ts'
import type { FileDraft } from './write-schema.ts'

export interface SchemaFile {
  readonly path: string
  readonly text: string
  readonly source: SchemaSource
}

/** The files of a schema module, its entry first; none where there is no such file yet. */
export async function readSchemaFiles (entry: string): Promise<SchemaFile[]> {
  const files: SchemaFile[] = []
  const seen = new Set<string>()
  const visit = async (path: string): Promise<void> => {
    if (seen.has(path) || !existsSync(path)) return
    seen.add(path)
    const text = await readFile(path, 'utf8')
    const source = parsed(path, entry, text)
    if (path !== entry && source.models.length === 0 && source.enums.length === 0 && source.reexports.length === 0) return
    files.push({ path, text, source })
    for (const from of [...source.reexports, ...source.imports].filter(({ typeOnly }) => !typeOnly).map(({ from }) => from)) {
      const target = moduleFile(path, from)
      if (target !== undefined) await visit(target)
    }
  }
  await visit(entry)
  // Enum files that the entry re-exports as types alone are reached through the models that import them.
  return files
}

function parsed (path: string, entry: string, text: string): SchemaSource {
  try {
    return readSchemaSource(text)
  } catch (error) {
    if (!(error instanceof SourceProblem)) throw error
    throw new CommandError(`${path}:${error.line}: ${error.message}. The names and comments in it would be lost; a schema file is made of builder calls over literals. Put it right, or move ${entry} away to start afresh.`, error)
  }
}

/** `./user.ts`, `./user.js` or `./user` → the file; undefined for a package. */
function moduleFile (from: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined
  const base = resolve(dirname(from), specifier)
  return [base, base.replace(/\.js$/, '.ts'), base.replace(/\.mjs$/, '.mts'), `${base}.ts`, join(base, 'index.ts')].find((path) => /\.m?ts$/.test(path) && existsSync(path))
}

export interface Layout {
  /** Where the schema module begins. */
  readonly entry: string
  readonly split: boolean
  readonly existing: readonly SchemaFile[]
}

export interface FileChange {
  readonly path: string
  readonly before: string | undefined
  /** Undefined: the file is to go. */
  readonly after: string | undefined
}

/** All files as they are to be; a file that says the same already is left as a formatter has made it. */
export function layOut (draft: SchemaDraft, layout: Layout): FileChange[] {
  const { entry, existing } = layout
  const modelFiles = placeModels(draft, layout)
  const split = isSplit(layout)
  const folder = split ? splitFolder(layout) : dirname(entry)
  const enumFiles = placeEnums(draft, { layout, modelFiles, split, folder })
  const extension = existing.some(({ source }) => source.reexports.some(({ from }) => from.endsWith('.js'))) ? '.js' : '.ts'
  const elsewhere = existing.map(({ source }) => source.builderModule).find((from) => from !== undefined && !from.startsWith('.'))
  const builderModule = elsewhere ?? schemaModule
  const specifier = (from: string, to: string): string => {
    const path = relative(dirname(from), to).replaceAll('\\', '/').replace(/\.ts$/, extension)
    return path.startsWith('.') ? path : `./${path}`
  }
  const paths = new Set([entry, ...existing.map(({ path }) => path), ...modelFiles.values(), ...enumFiles.values()])
  const changes: FileChange[] = []
  const isAlive = (path: string): boolean => path === entry || [...modelFiles.values(), ...enumFiles.values()].includes(path) || hasOwnContent(existing.find((file) => file.path === path))
  for (const path of paths) {
    const before = existing.find((file) => file.path === path)
    if (!isAlive(path)) {
      changes.push({ path, before: before?.text, after: undefined })
      continue
    }
    const models = draft.models.filter((model) => modelFiles.get(model) === path)
    const text = writeSchemaFile({
      notes: path === entry ? draft.notes : [],
      enums: draft.enums.filter((enumeration) => enumFiles.get(enumeration) === path),
      exportEnums: ![...modelFiles.values()].includes(path),
      enumImports: importsOf({ path, models, enumFiles, specifier }),
      models,
      builderModule: before?.source.builderModule ?? builderModule,
      header: before?.source.header ?? [],
      imports: (before?.source.imports ?? []).filter((kept) => !leadsToEnums(kept, path, existing, [...enumFiles.values()])).map(({ text }) => text),
      statements: before?.source.statements ?? [],
      reexports: reexportsOf({ path, before, entry, modelFiles, enumFiles, specifier, isAlive, layout })
    } satisfies FileDraft)
    changes.push({ path, before: before?.text, after: before !== undefined && saysTheSame(before.text, text) ? before.text : text })
  }
  return changes
}

function isSplit ({ entry, split, existing }: Layout): boolean {
  const first = existing.find(({ path }) => path === entry)
  return split || (first !== undefined && first.source.models.length === 0 && existing.some(({ source }) => source.models.length > 0))
}

/** `db/schema.ts` → `db/schema/`, unless the models are elsewhere already. */
function splitFolder ({ entry, existing }: Layout): string {
  const other = existing.find(({ path, source }) => path !== entry && source.models.length > 0)
  return other === undefined ? join(dirname(entry), basename(entry).replace(/\.[^.]+$/, '')) : dirname(other.path)
}

function isSourceOf (source: SourceModel, model: ModelDraft): boolean {
  return source.table === model.table && (source.schema === model.schema || source.schema === undefined || model.schema === undefined)
}

function placeModels (draft: SchemaDraft, layout: Layout): Map<ModelDraft, string> {
  const { entry, existing } = layout
  const split = isSplit(layout)
  const placed = new Map<ModelDraft, string>()
  for (const model of draft.models) {
    const file = existing.find(({ source }) => source.models.some((candidate) => candidate.table === model.table && candidate.schema === model.schema)) ??
      existing.find(({ source }) => source.models.some((candidate) => isSourceOf(candidate, model)))
    if (file !== undefined && !(layout.split && file.path === entry)) placed.set(model, file.path)
    else placed.set(model, split ? join(splitFolder(layout), `${kebabCase(model.name)}.ts`) : entry)
  }
  return placed
}

function placeEnums (draft: SchemaDraft, { layout, modelFiles, split, folder }: { layout: Layout, modelFiles: ReadonlyMap<ModelDraft, string>, split: boolean, folder: string }): Map<EnumDraft, string> {
  const { existing } = layout
  const placed = new Map<EnumDraft, string>()
  const holdsModels = (path: string): boolean => [...modelFiles.values()].includes(path)
  const isSourceEnum = (candidate: SourceEnum, enumeration: EnumDraft): boolean => candidate.pgName === enumeration.pgName && (candidate.schema === enumeration.schema || candidate.schema === undefined)
  const home = existing.find(({ path, source }) => path !== layout.entry && source.enums.length > 0 && !holdsModels(path))?.path ?? join(folder, 'enums.ts')
  for (const enumeration of draft.enums) {
    const users = new Set(draft.models.filter((model) => model.fields.some(({ type }) => type.type === 'enum' && type.of === enumeration)).map((model) => modelFiles.get(model)))
    const [only] = users
    const found = existing.find(({ source }) => source.enums.some((candidate) => isSourceEnum(candidate, enumeration)))?.path
    const alone = users.size === 1 && only !== undefined
    if (found !== undefined && !holdsModels(found) && found !== layout.entry) placed.set(enumeration, found)
    else if (alone && (found === only || (found === undefined && !split))) placed.set(enumeration, only)
    else placed.set(enumeration, home)
  }
  return placed
}

function kebabCase (name: string): string {
  return name.replaceAll(/([\p{Ll}\p{N}])(\p{Lu})/gu, '$1-$2').replaceAll('_', '-').toLowerCase().replace(/^-+/, '')
}

function hasOwnContent (file: SchemaFile | undefined): boolean {
  return file !== undefined && (file.source.statements.length > 0 || file.source.reexports.some(({ from }) => !from.startsWith('.')))
}

function importsOf ({ path, models, enumFiles, specifier }: { path: string, models: readonly ModelDraft[], enumFiles: ReadonlyMap<EnumDraft, string>, specifier: (from: string, to: string) => string }): FileDraft['enumImports'] {
  const names = new Map<string, Set<string>>()
  for (const { type } of models.flatMap((model) => model.fields)) {
    const file = type.type === 'enum' ? enumFiles.get(type.of) : undefined
    if (type.type !== 'enum' || file === undefined || file === path) continue
    const known = names.get(file) ?? new Set<string>()
    names.set(file, known.add(type.of.name))
  }
  return [...names].map(([file, found]) => ({ from: specifier(path, file), names: [...found].sort() }))
}

/** Such imports are written anew. */
function leadsToEnums (kept: SourceImport, path: string, existing: readonly SchemaFile[], enumFiles: readonly string[]): boolean {
  if (kept.typeOnly) return false
  const target = moduleFile(path, kept.from)
  const file = existing.find((candidate) => candidate.path === target)
  return target !== undefined && enumFiles.includes(target) && kept.names.every((name) => file?.source.enums.some((candidate) => candidate.name === name) === true)
}

interface Reexports {
  readonly path: string
  readonly before: SchemaFile | undefined
  readonly entry: string
  readonly modelFiles: ReadonlyMap<ModelDraft, string>
  readonly enumFiles: ReadonlyMap<EnumDraft, string>
  readonly specifier: (from: string, to: string) => string
  readonly isAlive: (path: string) => boolean
  readonly layout: Layout
}

function reexportsOf ({ path, before, entry, modelFiles, enumFiles, specifier, isAlive, layout }: Reexports): string[] {
  const known = new Set(layout.existing.map((file) => file.path))
  const lines = (before?.source.reexports ?? []).flatMap((reexport) => {
    const target = moduleFile(path, reexport.from)
    return target !== undefined && known.has(target) && !isAlive(target) ? [] : [reexport.text]
  })
  if (path !== entry) return lines
  const reached = new Set(layout.existing.flatMap((file) => file.source.reexports.map(({ from }) => moduleFile(file.path, from))))
  for (const file of new Set(modelFiles.values())) {
    if (file !== entry && !reached.has(file)) lines.push(`export * from '${specifier(entry, file)}'`)
  }
  for (const file of new Set(enumFiles.values())) {
    if (file !== entry && !reached.has(file) && ![...modelFiles.values()].includes(file)) lines.push(`export type * from '${specifier(entry, file)}'`)
  }
  return lines
}
