// What an editor makes of the types on a large schema, through the compiler's language service.
// Milliseconds of processor time are printed.

import { writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import process from 'node:process'
import t from 'tap'
import ts from 'typescript'
import { cpuMsSince, strictOptions } from './compiler.ts'
import { writeLargeProgram } from './large-schema.ts'

const MODELS = 300

const options = strictOptions({ 'fastify-multi-region': 'lib/register.ts', 'fastify-multi-region/schema': 'lib/schema/index.ts' })

t.setTimeout(300_000)
const folder = t.testdir()
for (const [name, text] of Object.entries(writeLargeProgram(MODELS).files)) writeFileSync(join(folder, name), text)

const file = join(folder, 'query.ts')
let source = ''
let version = 0
// The text of the open file changes; the compiler makes a new checker for each text, so nothing is known beforehand.
const host: ts.LanguageServiceHost = {
  getCompilationSettings: () => options,
  getScriptFileNames: () => [file],
  getScriptVersion: (name) => name === file ? String(version) : '0',
  getScriptSnapshot: (name) => {
    const content = name === file ? source : ts.sys.readFile(name)
    return content === undefined ? undefined : ts.ScriptSnapshot.fromString(content)
  },
  getCurrentDirectory: () => folder,
  getDefaultLibFileName: ts.getDefaultLibFilePath,
  fileExists: (name) => name === file || ts.sys.fileExists(name),
  readFile: (name) => name === file ? source : ts.sys.readFile(name),
  directoryExists: ts.sys.directoryExists,
  getDirectories: ts.sys.getDirectories,
}
const service = ts.createLanguageService(host)

/** Opens `query.ts` with this text, and returns where the caret is: where the text has `|`. */
function open (text: string): number {
  const head = "import { db } from './db.ts'\n"
  source = `${head}${text.replace('|', '')}\n`
  version++
  return head.length + text.indexOf('|')
}

const textAt = ({ fileName, textSpan: { start, length } }: { fileName: string, textSpan: ts.TextSpan }): string =>
  `${basename(fileName)}: ${(fileName === file ? source : ts.sys.readFile(fileName) ?? '').slice(start, start + length)}`

await t.test('completion offers the fields of the model in question, at any depth', async (t) => {
  const cases: [text: string, expected: string[], absent: string[]][] = [
    ['await db.m7.findMany({ | })', ['where', 'select', 'include', 'omit', 'orderBy', 'cursor', 'take', 'skip', 'distinct'], ['data']],
    ['await db.m7.findMany({ where: { | } })', ['title', 'parent0', 'children4', 'AND'], ['_count']],
    ['await db.m7.findMany({ where: { title: { | } } })', ['contains', 'startsWith', 'mode', 'in'], ['has']],
    ['await db.m7.findMany({ include: { parent0: { select: { children3: { where: { parent1: { | } } } } } } })', ['is', 'isNot', 'title'], ['some']],
    ['await db.m7.findMany({ select: { parent0: { select: { | } } } })', ['id', 'title', 'children0', '_count'], ['AND']],
    ['await db.m7.findMany({ orderBy: { | } })', ['createdAt', 'parent0', 'children0'], ['AND']],
    ['await db.m7.create({ data: { | } })', ['title', 'parent0', 'parent0Id', 'children0'], ['AND']],
    ['await db.m7.create({ data: { title: \'x\', parent0: { | } } })', ['create', 'connect', 'connectOrCreate'], ['disconnect']],
    ['await db.m7.update({ where: { id: 1 }, data: { children0: { | } } })', ['set', 'disconnect', 'upsert', 'deleteMany'], []],
    ['await db.m7.groupBy({ by: [\'status\'], having: { count: { | } } })', ['_avg', '_sum', 'gt'], ['contains']],
    ['await db.m7.groupBy({ by: [\'|\'] })', ['status', 'title'], ['parent0']],
    ['const row = await db.m7.findFirstOrThrow({ select: { id: true, parent0: { select: { title: true } } } })\nrow.parent0.|', ['title'], ['id']],
    ['await db.m7.findUniqueOrThrow({ where: { id: 1 } }).parent0().|', ['then', 'children0', 'parent4'], ['title']],
  ]
  for (const [text, expected, absent] of cases) {
    const caret = open(text)
    service.getProgram()
    const before = process.cpuUsage()
    const completions = service.getCompletionsAtPosition(file, caret, {})
    const ms = cpuMsSince(before)
    const names = completions?.entries.map(({ name }) => name) ?? []
    t.same(expected.filter((name) => !names.includes(name)), [], text)
    t.same(absent.filter((name) => names.includes(name)), [], text)
    t.comment(`${ms} ms from nothing: ${text}`)
  }
})

await t.test('a misspelt field at depth 3 gets the compiler\'s own suggestion', async (t) => {
  open('await db.m7.findMany({ include: { parent0: { include: { children1: { select: { id: true, titel: true } } } } } })')
  const messages = service.getSemanticDiagnostics(file).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))
  t.same(messages, ["Object literal may only specify known properties, but 'titel' does not exist in type 'Select<AppSchema, \"M6\">'. Did you mean to write 'title'?"])
})

await t.test('hover, definition and rename lead from a query to the schema', async (t) => {
  const places: [what: string, text: string][] = [
    ['select', 'await db.m7.findMany({ select: { i|d: true } })'],
    ['nested select', 'await db.m7.findMany({ include: { children0: { select: { i|d: true } } } })'],
    ['where', 'await db.m7.findMany({ where: { i|d: 1 } })'],
    ['where of a single row', 'await db.m7.findUnique({ where: { i|d: 1 } })'],
    ['orderBy', 'await db.m7.findMany({ orderBy: { i|d: \'asc\' } })'],
    ['data of a create', 'await db.m7.create({ data: { i|d: 1, title: \'x\', parent0Id: 1 } })'],
    ['data of an update', 'await db.m7.update({ where: { id: 1 }, data: { i|d: 2 } })'],
    ['an aggregate', 'await db.m7.aggregate({ _max: { i|d: true } })'],
    ['a row', 'const row = await db.m7.findFirstOrThrow()\nrow.i|d'],
    ['a selected row', 'const row = await db.m7.findFirstOrThrow({ select: { id: true, title: true } })\nrow.i|d'],
    ['a related row', 'const row = await db.m7.findFirstOrThrow({ include: { parent0: { select: { id: true } } } })\nrow.parent0.i|d'],
    ['a row without some', 'const row = await db.m7.findFirstOrThrow({ omit: { title: true } })\nrow.i|d'],
    ['a reference', 'export const reference = db.m7.fields.i|d'],
  ]
  for (const [what, text] of places) {
    const caret = open(text)
    // An editor shows no comment for a key of a union of several object types, which "one key at least" needs.
    if (what !== 'where of a single row') t.match(ts.displayPartsToString(service.getQuickInfoAtPosition(file, caret)?.documentation), /^The key of table \d+\.$/, `${what}: hover has the comment`)
    t.same(new Set(service.getDefinitionAtPosition(file, caret)?.map(textAt)), new Set(['schema.ts: id']), `${what}: definition`)
    // A search through the whole program, so not in every place.
    if (!['nested select', 'where', 'data of a create', 'a related row'].includes(what)) continue
    const renamed = service.findRenameLocations(file, caret, false, false, {})?.map(textAt) ?? []
    t.ok(renamed.includes('schema.ts: id') && renamed.includes('query.ts: id'), `${what}: rename changes both`)
  }
})

await t.test('a relation leads to the schema too', async (t) => {
  for (const text of ['await db.m7.findMany({ include: { paren|t0: true } })', 'await db.m7.findMany({ where: { paren|t0: { title: \'x\' } } })', 'await db.m7.update({ where: { id: 1 }, data: { paren|t0: { connect: { id: 1 } } } })', 'await db.m7.update({ where: { id: 1 }, data: { children0: { update: { where: { id: 1 }, data: { paren|t3: { connect: { id: 1 } } } } } } })']) {
    const caret = open(text)
    t.match(service.getDefinitionAtPosition(file, caret)?.map(textAt), [/^schema\.ts: parent/], text)
  }
})
