// `doctor`: connects as the app would, and prints what it found and what to change.
import { resolveOptions, type Environment, type PluginOptions, type ResolvedOptions } from '../core/options.ts'
import { inspectEndpoint } from '../postgres/inspect-endpoint.ts'
import { CommandError, stringFlag } from './command.ts'
import type { Command, CommandContext, ExitCode, FlagValues } from './command.ts'
import { diagnose, type Examined, type Finding, type Subject } from './diagnosis.ts'

const defaultTimeoutMs = 5_000

export const doctor: Command = {
  summary: 'Connect as the app would, and print what was found and what to change. Nothing is written.',
  flags: {
    database: { type: 'string', value: '<url>', help: 'the primary (DATABASE_URL)' },
    replica: { type: 'string', value: '<url>', help: "this region's replica (DATABASE_REPLICA_URL, or derived from the host's name)" },
    region: { type: 'string', value: '<code>', help: 'region of this process (FLY_REGION)' },
    'primary-region': { type: 'string', value: '<code>', help: 'region of the primary (PRIMARY_REGION)' },
    timeout: { type: 'string', value: '<ms>', help: `longest wait for each server (${defaultTimeoutMs})` },
    json: { type: 'boolean', help: 'print the findings as JSON' },
  },
  notes: ['Run it where the app runs, in each region: what a server looks like from elsewhere says little. Exit code 0: nothing to change; 1: warnings; 2: errors.'],
  async run (values, context) {
    const timeoutMs = timeoutFlag(values)
    const findings = await examine(values, context.env, timeoutMs)
    const code = exitCodeOf(findings)
    context.out(values['json'] === true ? `${JSON.stringify({ exitCode: code, findings }, null, 2)}\n` : report(findings))
    return code
  }
}

function timeoutFlag (values: FlagValues): number {
  const text = stringFlag(values, 'timeout')
  if (text === undefined) return defaultTimeoutMs
  const timeoutMs = Number(text)
  if (!Number.isInteger(timeoutMs) || timeoutMs < 1 || timeoutMs > 600_000) throw new CommandError('--timeout is a number of milliseconds from 1 to 600000')
  return timeoutMs
}

async function examine (values: FlagValues, env: CommandContext['env'], timeoutMs: number): Promise<readonly Finding[]> {
  let options: ResolvedOptions
  try {
    options = resolveOptions(optionsOf(values, env), env)
  } catch (error) {
    if (!isCoded(error)) throw error
    // The app would not start with this either.
    return [{ level: 'error', check: 'options', endpoint: undefined, message: error.message, remedy: undefined }]
  }
  const { primary: [endpoint], replica } = options.database
  if (endpoint === undefined) throw new CommandError('no primary is configured')
  const look = async (one: Subject['endpoint']): Promise<Subject> => ({ endpoint: one, found: await inspectEndpoint(one, { timeoutMs, prepare: options.pool.prepare }) })
  const [primarySubject, replicaSubject] = replica === undefined
    ? [await look(endpoint), undefined]
    : await Promise.all([look(endpoint), look(replica)])
  const examined: Examined = {
    primary: primarySubject,
    replica: replicaSubject,
    setUp: {
      region: options.region,
      primaryRegion: options.primaryRegion,
      replay: options.replay === 'fly' ? 'fly' : 'off',
      key: keyOf(values, env),
      pool: options.pool,
      statementTimeoutMs: options.statementTimeoutMs,
      nowMs: Date.now(),
    },
  }
  return diagnose(examined)
}

function optionsOf (values: FlagValues, env: Environment): PluginOptions {
  const database = stringFlag(values, 'database')
  const replica = stringFlag(values, 'replica')
  const primary = database ?? (replica === undefined ? undefined : env['DATABASE_URL'])
  if (replica !== undefined && (primary === undefined || primary === '')) throw new CommandError('--replica needs the primary too: give --database <url> or set DATABASE_URL')
  const inEnvironment = env['DATABASE_REPLICA_URL'] === '' ? undefined : env['DATABASE_REPLICA_URL']
  const other = replica ?? (database === undefined ? undefined : inEnvironment)
  return {
    ...(primary === undefined ? {} : { database: other === undefined ? primary : { primary, replica: other } }),
    region: stringFlag(values, 'region'),
    primaryRegion: stringFlag(values, 'primary-region'),
  }
}

/** Is the key of the environment one that the plugin would take? */
function keyOf (values: FlagValues, env: Environment): 'set' | 'not-set' | 'invalid' {
  const text = env['MULTI_REGION_KEY']
  if (text === undefined || text.trim() === '') return 'not-set'
  try {
    resolveOptions({ ...optionsOf(values, env), token: {} }, env)
    return 'set'
  } catch (error) {
    if (isCoded(error) && error.code === 'FST_MR_KEY_INVALID') return 'invalid'
    throw error
  }
}

function isCoded (error: unknown): error is Error & { readonly code: string } {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && error.code.startsWith('FST_MR_')
}

function exitCodeOf (findings: readonly Finding[]): ExitCode {
  if (findings.some((finding) => finding.level === 'error')) return 2
  return findings.some((finding) => finding.level === 'warning') ? 1 : 0
}

const titles = { undefined: 'Set-up', primary: 'Primary', replica: 'Replica' } as const
const marks = { ok: 'ok      ', note: 'note    ', warning: 'warning ', error: 'error   ' } as const

function report (findings: readonly Finding[]): string {
  const lines: string[] = []
  for (const endpoint of [undefined, 'primary', 'replica'] as const) {
    const own = findings.filter((finding) => finding.endpoint === endpoint)
    if (own.length === 0) continue
    lines.push(titles[`${endpoint}`])
    for (const { level, message, remedy } of own) {
      lines.push(`  ${marks[level]} ${message}`)
      if (remedy !== undefined) lines.push(`           → ${remedy}`)
    }
    lines.push('')
  }
  const count = (level: Finding['level'], word: string): string => {
    const found = findings.filter((finding) => finding.level === level).length
    return `${found} ${word}${found === 1 ? '' : 's'}`
  }
  lines.push(`${count('error', 'error')}, ${count('warning', 'warning')}`)
  return `${lines.join('\n')}\n`
}
