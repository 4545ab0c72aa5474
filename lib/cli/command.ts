// What a command of the command line is: its flags as data, from which parsing and `--help` both follow, and a function that runs it.

/** 0: done. 1: warnings, or a difference was found. 2: it could not be done. */
export type ExitCode = 0 | 1 | 2

export interface CommandContext {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly out: (text: string) => void
  readonly err: (text: string) => void
}

export interface Flag {
  readonly type: 'string' | 'boolean'
  /** How the value is called in `--help`. */
  readonly value?: string
  readonly help: string
}

export type FlagValues = Readonly<Record<string, string | boolean | undefined>>

export interface Command {
  readonly summary: string
  readonly flags: Readonly<Record<string, Flag>>
  /** Paragraphs below the flags in `--help`. */
  readonly notes?: readonly string[]
  run (values: FlagValues, context: CommandContext): Promise<ExitCode>
}

/** A mistake of the person at the keyboard, or of the surroundings: printed as one line without a stack, exit code 2. */
export class CommandError extends Error {
  constructor (message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'CommandError'
  }
}

export function stringFlag (values: FlagValues, name: string): string | undefined {
  const value = values[name]
  return typeof value === 'string' ? value : undefined
}

/** `--schemas a,b` → `['a', 'b']` */
export function listFlag (values: FlagValues, name: string): readonly string[] {
  return (stringFlag(values, name) ?? '').split(',').map((part) => part.trim()).filter((part) => part !== '')
}
