// An app as a user writes it: one registration of its schema types Fastify's decorators, the client and every helper.
// A program of its own, since a registration holds for the whole program.

import { writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import ts from 'typescript'
import { sharedHost, strictOptions } from './compiler.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
t.setTimeout(120_000)
const options = strictOptions({ 'fastify-multi-region': 'lib/index.ts', 'fastify-multi-region/schema': 'lib/schema/index.ts', 'fastify-multi-region/prisma': 'lib/prisma/index.ts' })
const folder = t.testdir({
  'package.json': '{ "type": "module" }',
  'schema.ts': ts.sys.readFile(join(root, 'test/types/fixtures/schema.ts'))?.replace('../../../lib/schema/index.ts', 'fastify-multi-region/schema') ?? '',
  'analytics.ts': `
import { autoincrement, model, t } from 'fastify-multi-region/schema'
export const Event = model('events', { id: t.bigint().id().default(autoincrement()), name: t.text(), at: t.timestamptz() })
`,
  'register.ts': `
import type * as schema from './schema.ts'
declare module 'fastify-multi-region' {
  interface Register { schema: typeof schema, databases: { analytics: typeof import('./analytics.ts') } }
}
`,
})

const host = sharedHost(options, (file) => basename(file) === 'app.ts')

/** The messages that the compiler has for `app.ts`. */
function problems (app: string, files: readonly string[] = ['register.ts']): string[] {
  writeFileSync(join(folder, 'app.ts'), app)
  const program = ts.createProgram([...files, 'app.ts'].map((name) => join(folder, name)), options, host)
  const own = program.getSourceFiles().filter(({ fileName }) => fileName.startsWith(folder))
  return own.flatMap((file) => [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)])
    .map((problem) => `${basename(problem.file?.fileName ?? '')}: ${ts.flattenDiagnosticMessageText(problem.messageText, '\n')}`)
}

await t.test('a registered schema types the decorators, createClient, the helpers and PrismaClient', async (t) => {
  t.same(problems(`
import fastify from 'fastify'
import multiRegion, { createClient, sql, type CreateInput, type Database, type DatabaseOf, type FindManyArgs, type ResultOf, type Row, type ScalarCreateInput } from 'fastify-multi-region'
import { Prisma, PrismaClient } from 'fastify-multi-region/prisma'
import * as schema from './schema.ts'
import * as analytics from './analytics.ts'

const app = fastify()
await app.register(multiRegion, { schema })
app.get('/', async (request) => {
  const posts = await request.db.post.findMany({ include: { author: { select: { name: true } } } })
  const name: string | null | undefined = posts[0]?.author.name
  const events = await request.analytics.event.findMany({ select: { at: true } })
  const at: Date | undefined = events[0]?.at
  return { name, at, users: await app.db.user.count() }
})
export const scoped: Database = app.getDecorator<Database>('db')

const card = { select: { id: true, author: { select: { name: true } } } } satisfies FindManyArgs<'Post'>
export const one: ResultOf<'Post', typeof card> = { id: 1, author: { name: null } }
export const created: CreateInput<'Post'> = { title: 'x', authorId: 1 }
export const flat: ScalarCreateInput<'Post'> = { title: 'x', authorId: 1 }
export const event: Row<'Event', typeof analytics>['id'] = 1n
export const titles = async (db: Database): Promise<Row<'Post'>[]> => db.post.findMany()

const own = createClient({ schema })
await titles(own)
await own.$queryRaw(sql\`select 1\`)
const other: DatabaseOf<typeof analytics> = createClient({ schema: analytics })
await other.event.count()

const prisma: PrismaClient = new PrismaClient({ schema })
export const user = await prisma.user.findFirst({ include: { posts: true } })
export const where: Prisma.WhereInput<'User'> = { email: { contains: 'x', mode: Prisma.QueryMode.insensitive } }
export const title: Prisma.GetPayload<'User', { include: { posts: true } }>['posts'][number]['title'] = 'x'
export const level: Prisma.TransactionIsolationLevel = Prisma.TransactionIsolationLevel.Serializable
export const known = (error: unknown): string => error instanceof Prisma.PrismaClientKnownRequestError ? error.code : ''
`), [])
})

await t.test('messages name the registered schema', async (t) => {
  t.same(problems(`
import type { Database } from 'fastify-multi-region'
declare const db: Database
await db.post.findMany({ include: { author: { include: { posts: { select: { titel: true } } } } } })
await db.nope.findMany()
`), [
    "app.ts: Object literal may only specify known properties, but 'titel' does not exist in type 'Select<AppSchema, \"Post\">'. Did you mean to write 'title'?",
    "app.ts: Property 'nope' does not exist on type 'Database'.",
  ])
})

await t.test('without a registration the database has raw SQL and no models', async (t) => {
  t.same(problems(`
import type { Database } from 'fastify-multi-region'
declare const db: Database
await db.$queryRaw\`select 1\`
await db.post.findMany()
`, []), ["app.ts: Property 'post' does not exist on type 'Database'."])
})
