// `key`: one token key of 32 random bytes.
import { randomBytes } from 'node:crypto'
import { CommandError, stringFlag } from './command.ts'
import type { Command } from './command.ts'

const keyBytes = 32

export const key: Command = {
  summary: 'Print one token key: 32 random bytes, for MULTI_REGION_KEY or the option token.key.',
  flags: { format: { type: 'string', value: 'base64|hex', help: 'how the key is written (base64)' } },
  notes: ['Set the same key in every region: a token that was sealed with another key is ignored, and its session may read stale rows.'],
  async run (values, context) {
    const format = stringFlag(values, 'format') ?? 'base64'
    if (format !== 'base64' && format !== 'hex') throw new CommandError(`--format is 'base64' or 'hex', not '${format}'`)
    context.out(`${randomBytes(keyBytes).toString(format)}\n`)
    return 0
  }
}
