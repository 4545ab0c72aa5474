// Pages that are made of what the package prints or measured: the command line, SQLSTATEs, differences from Prisma.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { runCommandLine } from '../../lib/cli/command-line.ts'
import { code, page, prose, table } from './markdown.ts'
import { root } from './sources.ts'

async function print (...argv: string[]): Promise<string> {
  let text = ''
  await runCommandLine(argv, { env: {}, cwd: root, out: (part) => { text += part }, err: (part) => { text += part } })
  return text.trimEnd()
}

export async function commandNames (): Promise<string[]> {
  const overview = await print('--help')
  return [...overview.matchAll(/^ {2}(\w+) {2,}/gm)].map(([, name = '']) => name)
}

export async function commandLinePage (): Promise<string> {
  const parts: string[] = ['What the program itself prints.', '```text', await print('--help'), '```']
  for (const name of await commandNames()) parts.push(`\n## ${name}\n`, '```text', await print(name, '--help'), '```')
  return page('Command line', [parts.join('\n')])
}

export function sqlstatesPage (): string {
  const lines = readFileSync(join(root, 'test/core/standby-sqlstates.tsv'), 'utf8').split('\n').filter((line) => line !== '' && !line.startsWith('#')).slice(1)
  const groups = new Map<string, { codes: Set<string>, routines: Set<string>, statements: string[] }>()
  for (const line of lines) {
    const [statement = '', older = '', newer = '', category = '', , routine = ''] = line.split('\t')
    if (older === '00000' && newer === '00000') continue
    const key = `${older}\t${newer}\t${routine}`
    const group = groups.get(key) ?? { codes: new Set<string>(), routines: new Set<string>(), statements: [] }
    group.codes.add(category)
    group.statements.push(statement)
    groups.set(key, group)
  }
  const rows = [...groups].map(([key, group]) => {
    const [older = '', newer = '', routine = ''] = key.split('\t')
    const shown = group.statements.slice(0, 3).map((statement) => code(statement)).join('<br>')
    return [code(older), code(newer), code(routine), `${shown}${group.statements.length > 3 ? `<br>and ${group.statements.length - 3} more` : ''}`]
  })
  return page('SQLSTATEs of a standby', [
    `What a standby answers: measured against streaming standbys of PostgreSQL 15.18 and 18.4, ${lines.length} statements, those that succeed left out. \`test/postgres/standby-sqlstates.test.ts\` runs them again on a real standby.`,
    'A failure is recognised by code, routine and role, never by the text of its message, which is localised. `25006` alone proves nothing: a fenced primary says it too.',
    table(['15', '18', 'Routine', 'Statements'], rows),
  ])
}

export function quirksPage (): string {
  const text = readFileSync(join(root, 'test/query/corpus/quirks.md'), 'utf8')
  const rows = text.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| Cases') && !line.startsWith('|---')).map((line) => line.split(/(?<!\\)\|/).slice(2, 4).map((cell) => cell.trim().replaceAll('{{', '{ {')))
  const cases = readFileSync(join(root, 'test/query/corpus/cases.jsonl'), 'utf8').trim().split('\n').length
  return page('Differences from Prisma', [
    `The client is compared with Prisma by a corpus of ${cases} cases, \`test/query/corpus\`, on a real server. It differs on purpose in these, and a test refuses a difference that is not listed.`,
    table(['Prisma', 'This client, and why'], rows.map((row) => row.map((cell) => prose(cell).replaceAll('\\\\|', '\\|')))),
  ])
}
