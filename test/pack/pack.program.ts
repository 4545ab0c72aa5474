/* eslint-disable no-template-curly-in-string -- programs are text here */
// The first five minutes: the packed tarball in an empty folder. TypeScript and JavaScript, `import` and `require`,
// the README's quick start as written, and the likeliest mistakes, each of which must end in words that name the remedy.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { startCluster } from '../../lib/testing/index.ts'
import { InstalledPackage } from './installed-package.ts'

const ROOT = join(import.meta.dirname, '../..')
const { devDependencies } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { devDependencies: Record<string, string> }
const pinned = (...names: string[]): string[] => names.map((name) => `${name}@${devDependencies[name] ?? 'latest'}`)

const cluster = await startCluster({ regions: ['fra', 'nrt'], primaryRegion: 'fra', edge: 'off' })
t.teardown(async () => { await cluster.close() })
const { primary, replica } = cluster.region('nrt').databaseUrls
await cluster.query('fra', 'create table posts (id serial primary key, title text not null, created_at timestamptz(3) not null default now())')
await cluster.waitForReplay()

const installed = await InstalledPackage.make(pinned('fastify', 'typescript', '@types/node', '@fastify/secure-session'))
t.teardown(async () => { await installed.remove() })

/** The compiler that this package is made with, and the native one, which a user who installs TypeScript today has. */
const compilers: Readonly<Record<string, readonly string[]>> = { 'TypeScript 5': ['tsc'], 'TypeScript 7': ['--yes', '--package', 'typescript@7', 'tsc'] }

const regions = { DATABASE_URL: primary, DATABASE_REPLICA_URL: replica, FLY_REGION: 'nrt', PRIMARY_REGION: 'fra' }

/** A JavaScript app; `routes` is put behind the registration. */
const app = ({ before = '', options = '{}', after = '', run = 'await app.ready(); console.log("ready"); await app.close()' } = {}): string => `
import Fastify from 'fastify'
import multiRegion from 'fastify-multi-region'
const lines = []
const app = Fastify({ logger: { level: 'debug', stream: { write: (line) => { process.stdout.write(line) } } } })
try {
  ${before}
  await app.register(multiRegion, ${options})
  ${after}
  ${run}
} catch (error) {
  console.log(error.code, error.message)
  await app.close().catch(() => {})
  process.exitCode = 1
}
`

await t.test('the schema is pulled, and the README\'s ten lines compile and run as written', async (t) => {
  const pulled = await installed.command('npx', ['fastify-multi-region', 'pull', '--database', replica])
  t.equal(pulled.code, 0, pulled.text)
  const readme = await readFile(join(ROOT, 'README.md'), 'utf8')
  const lines = /```ts\n(import Fastify[^]*?)```/.exec(readme)?.[1] ?? ''
  t.match(lines, /multiRegion/, 'the README has a quick start')
  await installed.write('app.ts', lines)
  await installed.write('use.ts', `
import { buildApp } from './app.ts'
const app = await buildApp()
const made = await app.inject({ method: 'POST', url: '/posts', payload: { title: 'Hello' } })
const read = await app.inject({ url: '/posts' })
console.log(made.statusCode, made.json().title, read.statusCode, Array.isArray(read.json()))
await app.close()
`)
  await installed.write('tsconfig.json', JSON.stringify({
    compilerOptions: { target: 'es2023', module: 'nodenext', strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false, types: ['node'], allowImportingTsExtensions: true, rewriteRelativeImportExtensions: true, outDir: 'out' },
    files: ['use.ts'],
  }))
  for (const [name, tsc] of Object.entries(compilers)) {
    const compiled = await installed.command('npx', [...tsc, '-p', '.'])
    t.equal(compiled.code, 0, `${name}: ${compiled.text}`)
  }
  const ran = await installed.command(process.execPath, ['out/use.js'], regions)
  t.match(ran.text, /200 Hello 200 true/)
  t.equal(ran.code, 0, ran.text)
})

await t.test('without `Register`, and with a misspelt field, the compiler says so', async (t) => {
  await installed.write('mistakes.ts', `
import Fastify from 'fastify'
import multiRegion from 'fastify-multi-region'
import * as schema from './db/schema.ts'
const app = Fastify()
await app.register(multiRegion, { schema })
app.get('/', (request) => request.db.post.findMany())
`)
  await installed.write('tsconfig.mistakes.json', JSON.stringify({ extends: './tsconfig.json', files: ['mistakes.ts'], compilerOptions: { noEmit: true } }))
  for (const [name, tsc] of Object.entries(compilers)) {
    const unregistered = await installed.command('npx', [...tsc, '-p', 'tsconfig.mistakes.json'])
    t.match(unregistered.text, /Property 'post' does not exist on type 'Database'/, name)
  }
  await installed.write('mistakes.ts', `
import { createClient } from 'fastify-multi-region'
import * as schema from './db/schema.ts'
const db = createClient({ schema })
await db.post.findMany({ select: { titel: true } })
db.post.create({ data: { title: 'x' } }) satisfies PromiseLike<unknown>
`)
  for (const [name, tsc] of Object.entries(compilers)) {
    const misspelt = await installed.command('npx', [...tsc, '-p', 'tsconfig.mistakes.json'])
    t.match(misspelt.text, /'titel' does not exist[^\n]*Did you mean to write 'title'/, name)
  }
})

await t.test('plain JavaScript, import and require', async (t) => {
  const imported = await installed.program('esm.js', app({ after: 'app.get("/", (request) => request.db.$queryRaw`select 1 as one`)', run: 'console.log((await app.inject("/")).body); await app.close()' }), regions)
  t.match(imported.text, /\[\{"one":1\}\]/, imported.text)
  const required = await installed.program('required.cjs', `
const Fastify = require('fastify')
const multiRegion = require('fastify-multi-region')
const { createClient } = require('fastify-multi-region')
const app = Fastify()
app.register(multiRegion)
app.get('/', (request) => request.db.$queryRaw\`select 1 as one\`)
app.inject('/').then(async (response) => { console.log(response.body, typeof createClient); await app.close() })
`, regions)
  t.match(required.text, /\[\{"one":1\}\] function/, required.text)
})

interface Mistake {
  readonly name: string
  readonly program: string
  readonly env?: Readonly<Record<string, string>>
  /** What the output must say. */
  readonly says: readonly RegExp[]
}

const key = Buffer.alloc(32, 1).toString('base64')
const hop = '{ "fly-forwarded-port": "443" }'

const mistakes: readonly Mistake[] = [
  { name: 'no DATABASE_URL', program: app(), env: {}, says: [/FST_MR_DATABASE_URL_MISSING/, /DATABASE_URL/] },
  { name: 'a region without the primary\'s', program: app(), env: { DATABASE_URL: primary, FLY_REGION: 'nrt' }, says: [/FST_MR_TOPOLOGY_INVALID/, /PRIMARY_REGION/] },
  { name: 'a misspelt option', program: app({ options: '{ consistencie: "session" }' }), says: [/FST_MR_OPTIONS_INVALID/, /did you mean `?consistency/i] },
  { name: 'a database that does not answer', program: app({ options: '{ connectTimeout: 1500 }' }), env: { DATABASE_URL: 'postgres://nobody@127.0.0.1:9/app' }, says: [/FST_MR_DATABASE_UNREACHABLE/, /primary/] },
  { name: 'tokens without a key', program: app({ options: '{ token: {} }' }), says: [/FST_MR_KEY_INVALID/, /fastify-multi-region key/] },
  { name: 'a key of the wrong length', program: app({ options: '{ token: { key: "c2hvcnQ=" } }' }), says: [/FST_MR_KEY_INVALID/, /32 bytes/] },
  { name: 'a replica that is the primary', program: app(), env: { ...regions, DATABASE_REPLICA_URL: cluster.region('fra').databaseUrls.replica }, says: [/replica/i, /primary/i, /warn|"level":40|FST_MR/] },
  { name: 'a primary that is a standby', program: app(), env: { ...regions, DATABASE_URL: replica }, says: [/"level":40|FST_MR/, /standby|in recovery/i] },
  { name: 'a schema module with a stray export', program: app({ before: 'const schema = { Post: 1 }', options: '{ schema }' }), says: [/FST_MR_SCHEMA_INVALID/, /Post/] },
  { name: 'the plugin behind the routes', program: app({ before: 'app.get("/early", (request) => request.db.$queryRaw`select 2 as two`)', run: 'console.log((await app.inject("/early")).body); await app.close()' }), says: [/\[\{"two":2\}\]/] },
  {
    name: 'register without await, used in handlers',
    program: app().replace('await app.register(multiRegion, {})', 'app.register(multiRegion)\n  app.get("/", (request) => request.db.$queryRaw`select 3 as three`)').replace('await app.ready(); console.log("ready");', 'console.log((await app.inject("/")).body);'),
    says: [/\[\{"three":3\}\]/],
  },
  { name: 'request.db where the scope has none', program: app({ before: 'app.get("/outside", (request) => request.getDecorator("db"))', run: 'await app.close()' }).replace('await app.register(multiRegion, {})', 'await app.register(async (child) => { await child.register(multiRegion) }); console.log((await app.inject("/outside")).body)'), says: [/FST_ERR_DEC_UNDECLARED/] },
  { name: 'the same name twice', program: app({ after: 'await app.register(multiRegion, {})' }), says: [/FST_MR_NAME_TAKEN/, /`name`/] },
  { name: 'a misspelt route config', program: app({ after: 'app.get("/", { config: { multiRegion: { intend: "write" } } }, () => 1)' }), says: [/FST_MR_ROUTE_CONFIG_INVALID/, /intent/] },
  {
    name: 'reply.send before the write',
    program: app({ after: 'app.post("/", { config: { multiRegion: { intent: "auto" } } }, async (request, reply) => { reply.send("sent"); await request.db.$executeRaw`insert into posts (title) values (${"late"})`; console.log("wrote"); written() })', before: 'let written; const writing = new Promise((resolve) => { written = resolve })', run: `const response = await app.inject({ method: 'POST', url: '/', headers: ${hop} }); console.log(response.statusCode, response.body); await writing; await app.close()` }),
    says: [/200 sent/, /wrote/],
  },
  {
    name: 'a GET that writes late',
    program: app({
      after: 'app.get("/count", async (request) => { await request.db.$queryRaw`select 1`; await request.db.$queryRaw`select 2`; await request.db.$executeRaw`insert into posts (title) values (${"visit"})`; return "x" })',
      run: `await app.listen({ port: 0 }); const response = await fetch(app.listeningOrigin + '/count', { headers: ${hop} }); console.log(response.status, response.headers.get('fly-replay')); await app.close()`,
    }),
    says: [/409 region=fra/, /intent: 'write'/, /\/count/],
  },
]

await t.test('the likeliest mistakes end in words that name the remedy', async (t) => {
  for (const [index, { name, program, env = regions, says }] of mistakes.entries()) {
    const { text } = await installed.program(`mistake-${index}.js`, program, env)
    for (const words of says) t.match(text, words, `${name}: says ${words.source}`)
  }
})

await t.test('the command line tells what it can do', async (t) => {
  const help = await installed.command('npx', ['fastify-multi-region', '--help'])
  t.match(help.text, /pull[^]*key/)
  const made = await installed.command('npx', ['fastify-multi-region', 'key'])
  t.equal(Buffer.from(made.text.trim(), 'base64').length, 32)
  const wrong = await installed.command('npx', ['fastify-multi-region', 'pul'])
  t.equal(wrong.code, 2)
  t.match(wrong.text, /pull/)
})

await t.test('a token key works when it is right', async (t) => {
  const { text, code } = await installed.program('tokens.js', app({ options: `{ token: { key: '${key}' } }` }), regions)
  t.equal(code, 0, text)
  t.match(text, /ready/)
})
