// `pull`: writes the schema file from a database or from a Prisma schema, or says whether it would change.
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, relative, resolve } from 'node:path'
import { CommandError, listFlag, stringFlag } from './command.ts'
import type { Command, CommandContext, ExitCode, FlagValues } from './command.ts'
import { keepNames } from './keep-names.ts'
import { nameDraft } from './name-draft.ts'
import type { Commented, Note, SchemaDraft } from './schema-draft.ts'
import { layOut, readSchemaFiles } from './schema-files.ts'
import type { FileChange } from './schema-files.ts'

export const pull: Command = {
  summary: 'Write the schema file from a database, or from a Prisma schema.',
  flags: {
    database: { type: 'string', value: '<url>', help: 'the database to read (DATABASE_URL); any server of it, a standby too' },
    prisma: { type: 'string', value: '<file>', help: 'read this Prisma schema instead, or a folder of them' },
    out: { type: 'string', value: '<file>', help: 'the schema module (db/schema.ts)' },
    schemas: { type: 'string', value: 'a,b', help: "PostgreSQL schemas to read (the connection's own)" },
    include: { type: 'string', value: '<glob>', help: 'tables to read, by name or schema.name; several with commas' },
    exclude: { type: 'string', value: '<glob>', help: 'tables to leave out' },
    split: { type: 'boolean', help: 'a file per model in a folder beside --out, which re-exports them' },
    check: { type: 'boolean', help: 'write nothing; exit 1 when a file would change' },
    stdout: { type: 'boolean', help: 'print the file instead of writing it' }
  },
  notes: [
    'Only the catalogue is read, in one statement. What the schema cannot say is written as a comment at its place and listed on stderr; that alone is no failure.',
    'From a database, the table user_profiles becomes the model UserProfile and the column created_at the field createdAt. Models and fields keep the names, doc comments, JSON types, .updatedAt() and client-made defaults that the file gives them, for as long as their table and column keep their names. From a Prisma schema, names are taken from there.',
    'Exit codes: 0 written, or nothing to change; 1 with --check when a file would change; 2 an error.'
  ],
  async run (values, context) {
    const entry = resolve(context.cwd, stringFlag(values, 'out') ?? 'db/schema.ts')
    const existing = await readSchemaFiles(entry)
    const fromPrisma = stringFlag(values, 'prisma')
    const draft = await draftOf(values, context)
    if (draft.models.length === 0) throw new CommandError('there is no table to write a model for')
    keepNames(draft, { models: existing.flatMap(({ source }) => source.models), enums: existing.flatMap(({ source }) => source.enums) }, fromPrisma === undefined ? 'file' : 'source')
    nameDraft(draft)
    const changes = layOut(draft, { entry, existing, split: values['split'] === true })
    report(draft, context)
    return await deliver(changes, draft, values, context)
  }
}

async function draftOf (values: FlagValues, context: CommandContext): Promise<SchemaDraft> {
  const prisma = stringFlag(values, 'prisma')
  const schemas = listFlag(values, 'schemas')
  const picks = picker(listFlag(values, 'include'), listFlag(values, 'exclude'))
  if (prisma !== undefined) {
    if (values['database'] !== undefined) throw new CommandError('--prisma and --database are two sources; give one')
    const { draftFromPrisma } = await import('./pull-prisma.ts')
    return only(await draftFromPrisma(resolve(context.cwd, prisma)), (schema, table) => picks(schema, table) && (schemas.length === 0 || schemas.includes(schema)))
  }
  const url = stringFlag(values, 'database') ?? context.env['DATABASE_URL']
  if (url === undefined || url === '') throw new CommandError('no database: give --database <url>, set DATABASE_URL, or read a Prisma schema with --prisma <file>')
  const { draftFromDatabase } = await import('./pull-database.ts')
  return await draftFromDatabase({ url, schemas, picks })
}

/** Globs over a table's name, or over `schema.table`. */
function picker (include: readonly string[], exclude: readonly string[]): (schema: string, table: string) => boolean {
  const matches = (globs: readonly string[], schema: string, table: string): boolean => globs.some((glob) => {
    const pattern = new RegExp(`^${glob.replaceAll(/[.+^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*').replaceAll('?', '.')}$`, 'u')
    return pattern.test(table) || pattern.test(`${schema}.${table}`)
  })
  return (schema, table) => (include.length === 0 || matches(include, schema, table)) && !matches(exclude, schema, table)
}

/** Of a Prisma schema: what was asked for, without relations to what was not. */
function only (draft: SchemaDraft, picks: (schema: string, table: string) => boolean): SchemaDraft {
  draft.models = draft.models.filter((model) => picks(model.schema ?? 'public', model.table))
  for (const model of draft.models) {
    const gone = model.relations.filter((relation) => !draft.models.includes(relation.target))
    model.relations = model.relations.filter((relation) => !gone.includes(relation))
    for (const relation of gone) model.endNotes.push({ type: 'lost', text: `relation ${relation.name}: ${relation.target.name} is not pulled` })
  }
  return draft
}

/** Everything that the file says in a comment of ours is said here too, and the remarks, which have no place in it. */
function report (draft: SchemaDraft, context: CommandContext): void {
  const say = (place: string, notes: readonly Note[]): void => {
    for (const { type, text } of notes) context.err(`${place}${type === 'lost' ? 'not carried over' : 'note'}: ${text.replaceAll(/\s+/g, ' ').trim()}\n`)
  }
  const sayOf = (place: string, { notes }: Commented): void => { say(`${place}: `, notes) }
  say('', draft.notes)
  for (const enumeration of draft.enums) sayOf(enumeration.name, enumeration)
  for (const model of draft.models) {
    sayOf(model.name, model)
    for (const field of model.fields) sayOf(`${model.name}.${field.name}`, field)
    for (const relation of model.relations) sayOf(`${model.name}.${relation.name}`, relation)
    say(`${model.name}: `, model.endNotes)
  }
  for (const remark of draft.remarks) context.err(`${remark}\n`)
}

async function deliver (changes: readonly FileChange[], draft: SchemaDraft, values: FlagValues, context: CommandContext): Promise<ExitCode> {
  const changed = changes.filter((change) => change.before !== change.after)
  const name = (change: FileChange): string => relative(context.cwd, change.path)
  if (values['check'] === true) {
    for (const change of changed) context.out(difference(name(change), change))
    context.out(changed.length === 0 ? 'The schema is up to date.\n' : `${changed.length === 1 ? '1 file' : `${changed.length} files`} would change.\n`)
    return changed.length === 0 ? 0 : 1
  }
  if (values['stdout'] === true) {
    const shown = changes.filter((change) => change.after !== undefined)
    for (const change of shown) context.out(`${shown.length === 1 ? '' : `// ${name(change)}\n`}${change.after ?? ''}`)
    return 0
  }
  for (const change of changed) {
    if (change.after === undefined) await rm(change.path)
    else {
      await mkdir(dirname(change.path), { recursive: true })
      await writeFile(change.path, change.after)
    }
    context.out(`${name(change)}: ${change.after === undefined ? 'removed' : change.before === undefined ? 'written' : 'updated'}\n`)
  }
  context.out(`${draft.models.length} models, ${draft.enums.length} enums${changed.length === 0 ? ': nothing to change' : ''}\n`)
  return 0
}

const shownLines = 40

/** The lines that go and come, in order: a summary for a log, not a patch. */
function difference (name: string, { before, after }: FileChange): string {
  const left = before?.split('\n') ?? []
  const right = after?.split('\n') ?? []
  const rest = new Map<string, number>()
  for (const line of right) rest.set(line, (rest.get(line) ?? 0) + 1)
  const removed = left.filter((line) => !take(rest, line))
  const others = new Map<string, number>()
  for (const line of left) others.set(line, (others.get(line) ?? 0) + 1)
  const added = right.filter((line) => !take(others, line))
  const lines = [...removed.map((line) => `- ${line}`), ...added.map((line) => `+ ${line}`)]
  const more = lines.length > shownLines ? [`  … and ${lines.length - shownLines} more`] : []
  return `${name} would ${before === undefined ? 'be written' : after === undefined ? 'be removed' : 'change'}:\n${[...lines.slice(0, shownLines), ...more].join('\n')}\n`
}

function take (counts: Map<string, number>, line: string): boolean {
  const count = counts.get(line) ?? 0
  if (count > 0) counts.set(line, count - 1)
  return count > 0
}
