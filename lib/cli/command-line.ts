// Finds the command, reads its flags, prints help, and turns failures into one line and an exit code. Each command is loaded when it is called, so that one does not pay for the dependencies of another.
import { parseArgs } from 'node:util'
import { readFile } from 'node:fs/promises'
import { CommandError } from './command.ts'
import type { Command, CommandContext, ExitCode, Flag } from './command.ts'
import { nearestName } from '../core/nearest-name.ts'

const program = 'fastify-multi-region'

const commands: Readonly<Record<string, { readonly summary: string, readonly load: () => Promise<Command> }>> = {
  pull: { summary: 'write the schema file from a database or from a Prisma schema', load: async () => (await import('./pull.ts')).pull },
  key: { summary: 'print one token key, to be set in all regions', load: async () => (await import('./key.ts')).key },
  doctor: { summary: 'connect as the app would, and say what to change', load: async () => (await import('./doctor.ts')).doctor },
  demo: { summary: 'run three regions on this machine, measure them, and try them', load: async () => (await import('./demo.ts')).demo }
}

const everywhere: Readonly<Record<string, Flag>> = {
  help: { type: 'boolean', help: 'show this text' },
  version: { type: 'boolean', help: 'show the version' }
}

export async function runCommandLine (argv: readonly string[], context: CommandContext): Promise<ExitCode> {
  try {
    return await dispatch(argv, context)
  } catch (error) {
    // Where the mistake is the user's, a stack would bury the one line that helps; anything else is ours, and the stack is what a report needs.
    if (error instanceof CommandError) context.err(`${program}: ${error.message}\n`)
    else context.err(`${program}: ${error instanceof Error ? error.stack ?? error.message : String(error)}\n`)
    return 2
  }
}

async function dispatch (argv: readonly string[], context: CommandContext): Promise<ExitCode> {
  const [name, ...rest] = argv
  if (name === '--version' || name === '-v') return await printVersion(context)
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    context.out(overview())
    return name === undefined ? 2 : 0
  }
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (entry === undefined) {
    const nearest = nearestName(name, Object.keys(commands))
    const what = name.startsWith('-') ? `unknown flag ${name} before a command` : `unknown command '${name}'`
    throw new CommandError(`${what}${nearest === undefined ? '' : `; did you mean '${nearest}'?`}\nTry '${program} --help'.`)
  }
  const command = await entry.load()
  const flags = { ...command.flags, ...everywhere }
  const values = readFlags(name, flags, rest)
  if (values['help'] === true) {
    context.out(helpOf(name, command, flags))
    return 0
  }
  if (values['version'] === true) return await printVersion(context)
  return await command.run(values, context)
}

function readFlags (command: string, flags: Readonly<Record<string, Flag>>, args: string[]): Record<string, string | boolean> {
  const options: Record<string, { type: 'string' | 'boolean', short?: string }> = {}
  for (const [name, flag] of Object.entries(flags)) options[name] = { type: flag.type }
  options['help'] = { type: 'boolean', short: 'h' }
  options['version'] = { type: 'boolean', short: 'v' }
  // Not strict, so that the message for an unknown flag can be ours, with the nearest name.
  const { tokens } = parseArgs({ args, options, strict: false, tokens: true })
  const values: Record<string, string | boolean> = {}
  const hint = `\nTry '${program} ${command} --help'.`
  for (const token of tokens) {
    if (token.kind === 'positional') throw new CommandError(`'${command}' takes no argument '${token.value}'${hint}`)
    if (token.kind !== 'option') continue
    const flag = Object.hasOwn(flags, token.name) ? flags[token.name] : undefined
    if (flag === undefined) {
      const nearest = nearestName(token.name, Object.keys(flags))
      throw new CommandError(`unknown flag ${token.rawName} of '${command}'${nearest === undefined ? '' : `; did you mean --${nearest}?`}${hint}`)
    }
    if (flag.type === 'boolean') {
      if (token.value !== undefined) throw new CommandError(`--${token.name} takes no value${hint}`)
      values[token.name] = true
    } else {
      // `--out --check` would otherwise write to a file named `--check`.
      if (token.value === undefined || token.value === '' || (!token.inlineValue && token.value.startsWith('-'))) throw new CommandError(`--${token.name} needs a value: --${token.name} ${flag.value ?? '<value>'}${hint}`)
      values[token.name] = token.value
    }
  }
  return values
}

async function printVersion (context: CommandContext): Promise<ExitCode> {
  const manifest: unknown = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'))
  const version = typeof manifest === 'object' && manifest !== null && 'version' in manifest ? manifest.version : undefined
  context.out(`${String(version)}\n`)
  return 0
}

function overview (): string {
  const width = Math.max(...Object.keys(commands).map((name) => name.length))
  const lines = Object.entries(commands).map(([name, entry]) => `  ${name.padEnd(width)}  ${entry.summary}`)
  return `Usage: ${program} <command> [flags]\n\nCommands:\n${lines.join('\n')}\n\nEvery command takes --help and --version. Exit codes: 0 done, 1 warnings or a difference, 2 an error.\n`
}

function helpOf (name: string, command: Command, flags: Readonly<Record<string, Flag>>): string {
  const rows = Object.entries(flags).map(([flag, { value, help }]) => [`--${flag}${value === undefined ? '' : ` ${value}`}`, help] as const)
  const width = Math.max(...rows.map(([flag]) => flag.length))
  const notes = (command.notes ?? []).map((note) => `\n${note}\n`).join('')
  return `Usage: ${program} ${name} [flags]\n\n${command.summary}\n\nFlags:\n${rows.map(([flag, help]) => `  ${flag.padEnd(width)}  ${help}`).join('\n')}\n${notes}`
}
