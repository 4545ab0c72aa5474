import t from 'tap'
import { runCommandLine } from '../../lib/cli/command-line.ts'
import type { CommandContext } from '../../lib/cli/command.ts'

interface Output {
  readonly context: CommandContext
  out: string
  err: string
}

function output (): Output {
  const made: Output = { out: '', err: '', context: { env: {}, cwd: process.cwd(), out: (text) => { made.out += text }, err: (text) => { made.err += text } } }
  return made
}

await t.test('a key is 32 random bytes, another one each time', async (t) => {
  const [first, second] = [output(), output()]
  t.equal(await runCommandLine(['key'], first.context), 0)
  t.equal(await runCommandLine(['key'], second.context), 0)
  t.match(first.out, /^[\w+/]{43}=\n$/)
  t.equal(Buffer.from(first.out.trim(), 'base64').length, 32)
  t.not(first.out, second.out)
})

await t.test('a key can be written in hexadecimal digits', async (t) => {
  const made = output()
  t.equal(await runCommandLine(['key', '--format', 'hex'], made.context), 0)
  t.match(made.out, /^[0-9a-f]{64}\n$/)
})

await t.test('another format is refused by name', async (t) => {
  const made = output()
  t.equal(await runCommandLine(['key', '--format=base32'], made.context), 2)
  t.match(made.err, /'base64' or 'hex', not 'base32'/)
  t.equal(made.out, '')
})
