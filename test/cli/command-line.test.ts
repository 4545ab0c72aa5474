import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { runCommandLine } from '../../lib/cli/command-line.ts'

async function run (...argv: string[]): Promise<{ code: number, out: string, err: string }> {
  const made = { out: '', err: '' }
  const code = await runCommandLine(argv, { env: {}, cwd: process.cwd(), out: (text) => { made.out += text }, err: (text) => { made.err += text } })
  return { code, ...made }
}

await t.test('help is shown for the program and for each command', async (t) => {
  const overview = await run('--help')
  t.equal(overview.code, 0)
  for (const command of ['pull', 'key']) {
    t.match(overview.out, new RegExp(`^  ${command} `, 'm'))
    const help = await run(command, '--help')
    t.equal(help.code, 0)
    t.match(help.out, `Usage: fastify-multi-region ${command} [flags]`)
    t.match(help.out, '--version')
  }
})

await t.test('the version is that of the package, with and without a command', async (t) => {
  const manifest = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
  for (const argv of [['--version'], ['-v'], ['pull', '--version'], ['key', '-v']]) t.same(await run(...argv), { code: 0, out: `${manifest.version}\n`, err: '' }, argv.join(' '))
})

await t.test('without a command the help is shown, as an error', async (t) => {
  const { code, out } = await run()
  t.equal(code, 2)
  t.match(out, 'Usage:')
})

for (const { name, argv, says } of [
  { name: 'a misspelt command is answered with the nearest', argv: ['pul'], says: /unknown command 'pul'; did you mean 'pull'\?/ },
  { name: 'a command like none is answered without a guess', argv: ['frobnicate'], says: /unknown command 'frobnicate'\n/ },
  { name: 'a name of an object is no command', argv: ['constructor'], says: /unknown command 'constructor'/ },
  { name: 'a flag before the command is named', argv: ['--out', 'x', 'pull'], says: /unknown flag --out before a command/ },
  { name: 'a misspelt flag is answered with the nearest', argv: ['pull', '--databse', 'x'], says: /unknown flag --databse of 'pull'; did you mean --database\?/ },
  { name: 'an unknown short flag is named', argv: ['pull', '-x'], says: /unknown flag -x of 'pull'/ },
  { name: 'a flag without its value is refused', argv: ['pull', '--out'], says: /--out needs a value: --out <file>/ },
  { name: 'a flag is not taken for the value of another', argv: ['pull', '--out', '--check'], says: /--out needs a value/ },
  { name: 'a value for a switch is refused', argv: ['pull', '--check=yes'], says: /--check takes no value/ },
  { name: 'an argument that is no flag is refused', argv: ['key', 'base64'], says: /'key' takes no argument 'base64'/ },
  { name: 'pull without a source says what to give', argv: ['pull', '--stdout'], says: /give --database <url>, set DATABASE_URL, or read a Prisma schema with --prisma <file>/ },
  { name: 'two sources are one too many', argv: ['pull', '--stdout', '--database', 'postgres://x/y', '--prisma', 'x'], says: /two sources/ },
]) {
  await t.test(name, async (t) => {
    const { code, out, err } = await run(...argv)
    t.equal(code, 2)
    t.equal(out, '')
    t.match(err, says)
    t.notMatch(err, /\n {4}at /, 'no stack')
  })
}

await t.test('the program sets its exit code', async (t) => {
  const main = fileURLToPath(new URL('../../lib/cli/main.ts', import.meta.url))
  const failure = await promisify(execFile)(process.execPath, ['--import', 'tsx', main, 'kee']).then(() => undefined, (error: unknown) => error)
  t.match(failure, { code: 2, stderr: /did you mean 'key'/ })
})
