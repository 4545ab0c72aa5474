import { fileURLToPath } from 'node:url'
import { readFile } from 'node:fs/promises'
import ts from 'typescript'
import t from 'tap'
import { Folder } from './command-run.ts'

const corpus = fileURLToPath(new URL('../query/corpus/', import.meta.url))

const model = (body: string): string => `datasource db {\n  provider = "postgresql"\n}\n\nmodel Thing {\n  id Int @id\n${body}\n}\n`

async function pulled (t: { testdir (files: Record<string, string>): string }, schema: string): Promise<{ folder: Folder, code: number, text: string, err: string }> {
  const folder = new Folder(t.testdir({ 'schema.prisma': schema }))
  const { code, err } = await folder.run('pull', '--prisma', 'schema.prisma')
  return { folder, code, err, text: code === 0 ? await folder.read('db/schema.ts') : '' }
}

await t.test('the schema of the corpus gives the file that the corpus test runs on, to the byte', async (t) => {
  const folder = new Folder(corpus)
  const committed = await readFile(new URL('../query/corpus/schema.ts', import.meta.url), 'utf8')
  const { code, out, err } = await folder.run('pull', '--prisma', 'schema.prisma', '--out', 'schema.ts', '--stdout')
  t.equal(code, 0)
  t.equal(err, '', 'all of it is carried over')
  t.equal(out, committed)
  // Without the file that is there, only the import differs.
  const fresh = new Folder(t.testdir({}))
  const again = await fresh.run('pull', '--prisma', `${corpus}schema.prisma`, '--stdout')
  t.equal(again.out.replace("'fastify-multi-region/schema'", "'../../../lib/schema/index.ts'"), committed)
})

await t.test('the corpus schema resolves, with the sides of its join tables as Prisma has them', async (t) => {
  const folder = new Folder(t.testdir({}))
  t.equal((await folder.run('pull', '--prisma', `${corpus}schema.prisma`)).code, 0)
  const schema = await folder.resolve('db/schema.ts')
  t.equal(schema.models.size, 14)
  const join = (name: string, field: string) => {
    const relation = schema.models.get(name)?.fields.get(field)
    return relation?.type === 'relation' ? { name: relation.join?.name, local: String(relation.join?.local) } : undefined
  }
  // A row (A, B) of _Follows: B follows A. So the followers of a user are the Bs where the user is A.
  t.same(join('User', 'followers'), { name: '_Follows', local: '"A"' })
  t.same(join('User', 'following'), { name: '_Follows', local: '"B"' })
  t.same(join('Category', 'posts'), { name: '_CategoryToPost', local: '"A"' })
  t.same(join('Post', 'categories'), { name: '_CategoryToPost', local: '"B"' })
})

for (const { name, body, has, says } of [
  { name: 'native types', body: '  a String @db.VarChar(20)\n  b String @db.Char(2)\n  c Int @db.SmallInt\n  d Float @db.Real\n  e Decimal @db.Decimal(10, 2)\n  f DateTime @db.Timestamptz(6)\n  g DateTime @db.Time(3)\n  h Json @db.Json\n  i String @db.Inet\n  j String @db.VarChar\n  k Decimal\n  l DateTime', has: ['a: t.varchar(20),', 'b: t.char(2),', 'c: t.smallint(),', 'd: t.real(),', 'e: t.decimal(10, 2),', 'f: t.timestamptz(6),', 'g: t.time(3),', "h: t.json({ type: 'json' }),", "i: t.other('inet'),", 'j: t.text(),', 'k: t.decimal(65, 30),', 'l: t.timestamp(3),'] },
  { name: 'types that Prisma does not support', body: '  a Unsupported("circle")?\n  b Unsupported("geometry(Point, 4326)")', has: ["a: t.other('circle').optional(),", "b: t.other('geometry(Point,4326)'),"] },
  { name: 'numbers of other types are strings, which is said', body: '  a Decimal @db.Money', has: ["a: t.other('money'),", '// pull: a value of type money is a string here'], says: /^Thing\.a: note: a value of type money is a string here$/m },
  { name: 'literal defaults', body: '  a Int @default(-5)\n  b BigInt @default(9007199254740993)\n  c Float @default(1.5)\n  d Decimal @default(1.50)\n  e Boolean @default(true)\n  f String @default("it\'s \\"x\\"\\n")\n  g Json @default("{\\"a\\": [1, null]}")\n  h String[] @default(["a", "b"])\n  i Bytes @default("AAEC")\n  j Json? @default("null")', has: ['.default(-5)', '.default(9007199254740993n)', '.default(1.5)', ".default('1.50')", '.default(true)', '.default(\'it\\\'s "x"\\n\')', '.default({ a: [1, null] })', ".default(['a', 'b'])", '.default(dbgenerated("\'\\\\x000102\'"))', '.default(dbgenerated("\'null\'"))'] },
  { name: 'defaults by function', body: '  a DateTime @default(now())\n  b String @default(uuid())\n  c String @default(cuid())\n  d Int @default(autoincrement())\n  e String @default(dbgenerated("gen_random_uuid()")) @db.Uuid\n  f String @default(dbgenerated())', has: ['.default(now())', '.default(uuid())', '.default(cuid())', '.default(autoincrement())', ".default(dbgenerated('gen_random_uuid()'))", '.default(dbgenerated())'] },
  { name: 'defaults that only Prisma makes are listed', body: '  a String @default(ulid())\n  b String @default(nanoid(10))', has: ['  a: t.text(),', '  // Not carried over: @default(ulid()): give a value at every create', '  // Not carried over: @default(nanoid(10)): give a value at every create'], says: /Thing\.b: not carried over: @default\(nanoid\(10\)\)/ },
  { name: 'another version of an identifier is listed', body: '  a String @default(uuid(7))\n  b String @default(cuid(2))\n  c String @default(uuid(4))', has: ['a: t.text().default(uuid()),', '  // Not carried over: uuid(7): version 4 is made instead', '  // Not carried over: cuid(2): version 1 is made instead'] },
  { name: 'names, keys and indexes', body: '  a Int @map("a_a")\n  b Int\n  c Int @unique(map: "c_key")\n  @@unique([a, b], name: "both", map: "x")\n  @@unique(fields: [b, c])\n  @@index([b, a(sort: Desc)])\n  @@map("things")', has: ["model('things'", "a: t.int().map('a_a'),", 'c: t.int().unique(),', "unique: { both: ['a', 'b'], b_c: ['b', 'c'] },", "index: [['b', 'a']],"] },
  { name: 'a key of one column may lack its brackets', body: '  a Int\n  b Int\n  @@index(b)\n  @@unique(a)', has: ['a: t.int().unique(),', "index: [['b']],"] },
  { name: 'what is ignored is listed at its place', body: '  a Int @ignore\n  b Int', has: ['  // Not carried over: field a: @ignore\n  b: t.int(),'], says: /field a: @ignore/ },
  { name: 'an ignored field at the end is listed at the end', body: '  a Int\n  b Int @ignore', has: ['  a: t.int(),\n  // Not carried over: field b: @ignore\n})'] },
  { name: 'kinds of indexes are listed', body: '  a Json\n  @@index([a(ops: JsonbPathOps)], type: Gin)\n  @@index([a])\n  @@fulltext([a])', has: ["index: [['a']],", '// Not carried over: the index on a is of type Gin; the schema keeps its columns alone', '// Not carried over: @@fulltext'] },
  { name: 'comments with three slashes become doc comments', body: '  /// One.\n  /// Two.\n  a Int\n  b Int /// Three.\n  // not this\n  c Int', has: ['  /**\n   * One.\n   * Two.\n   */\n  a: t.int(),\n  /** Three. */\n  b: t.int(),\n  c: t.int(),'] },
  { name: 'a schema other than public is named', body: '  @@schema("audit")', has: ["schema: 'audit',"] },
  { name: 'public goes without saying', body: '  @@schema("public")', has: ["model('Thing', {\n  id: t.int().id(),\n})"] },
] satisfies readonly { name: string, body: string, has: readonly string[], says?: RegExp }[]) {
  await t.test(name, async (t) => {
    const { code, err, text, folder } = await pulled(t, model(body))
    t.equal(code, 0, err)
    for (const part of has) t.ok(text.includes(part), part) || t.comment(text)
    t.match(err, says ?? (text.includes('// N') || text.includes('// pull:') ? /./ : /^$/))
    t.equal((await folder.resolve('db/schema.ts')).models.size, 1, 'it resolves')
  })
}

const family = `
/// Who may do what.
enum Role {
  /// All.
  ADMIN @map("admin")
  USER

  @@map("role")
  @@schema("audit")
}

enum Unused {
  A
}

model account {
  id       String    @id @default(uuid()) @db.Uuid
  tenant   Int
  number   Int
  role     Role      @default(ADMIN)
  roles    Role[]    @default([ADMIN, USER])
  parentId String?   @db.Uuid
  parent   account?  @relation("tree", fields: [parentId], references: [id], onDelete: NoAction, onUpdate: NoAction)
  children account[] @relation("tree")
  zeta     account[] @relation("friends")
  alpha    account[] @relation("friends")
  posts    Post[]
  liked    Post[]    @relation("likes")
  profile  Profile?
  hidden   Hidden[]

  @@unique([tenant, number])
}
`
const folderPart = `
model Post {
  id     Int       @id
  tenant Int
  number Int
  author account   @relation(fields: [tenant, number], references: [tenant, number], onDelete: SetDefault)
  likers account[] @relation("likes")
}

model Profile {
  accountId String  @id @db.Uuid
  account   account @relation(fields: [accountId], references: [id])
}

model Hidden {
  id        Int     @id
  accountId String  @db.Uuid
  account   account @relation(fields: [accountId], references: [id])

  @@ignore
}

view Active {
  id   String  @unique @db.Uuid
  name String?
}
`

await t.test('relations of all kinds, over a folder of files', async (t) => {
  const folder = new Folder(t.testdir({ prisma: { 'a.prisma': family, sub: { 'b.prisma': folderPart }, 'readme.md': '' } }))
  const { code, err } = await folder.run('pull', '--prisma', 'prisma')
  t.equal(code, 0, err)
  const text = await folder.read('db/schema.ts')
  for (const part of [
    "parent: belongsTo('account', 'parentId'),",
    "children: hasMany('account', 'parent'),",
    "zeta: manyToMany('account', 'alpha', { through: '_friends' }),",
    "posts: hasMany('Post', 'author'),",
    "liked: manyToMany('Post', 'likers', { through: '_likes' }),",
    "profile: hasOne('Profile', 'account'),",
    "author: belongsTo('account', ['tenant', 'number'], { references: ['tenant', 'number'], onDelete: 'set-default', onUpdate: 'cascade' }),",
    "account: belongsTo('account', 'accountId', { onDelete: 'restrict', onUpdate: 'cascade' }),",
    '// Not carried over: model Hidden: @@ignore',
    '  // Not carried over: relation hidden: its model Hidden is marked @@ignore',
    "/** Who may do what. */\nconst Role = enumType('role', {\n  /** All. */\n  ADMIN: 'admin',\n  USER: 'USER',\n}, { schema: 'audit' })",
    "roles: Role().list().default(['ADMIN', 'USER']),",
    "export const Active = model('Active', {\n  id: t.uuid().unique(),",
  ]) t.ok(text.includes(part), part) || t.comment(text)
  t.match(err, /enum Unused: left out/)
  const schema = await folder.resolve('db/schema.ts')
  const side = (field: string) => {
    const relation = schema.models.get('account')?.fields.get(field)
    return relation?.type === 'relation' ? String(relation.join?.local) : undefined
  }
  t.equal(side('alpha'), '"A"', 'the field whose name comes first is A')
  t.equal(side('zeta'), '"B"')
  t.equal(side('liked'), '"B"', 'Post comes before account, as capitals do')
})

await t.test('an id that is said to be unique too is an id', async (t) => {
  const { text } = await pulled(t, 'model A {\n  id Int @id @unique\n}\n')
  t.match(text, '  id: t.int().id(),\n')
})

await t.test('names come from the Prisma schema at every pull; types and comments stay', async (t) => {
  const { folder } = await pulled(t, model('  data Json\n  old Int @map("column_name")'))
  await folder.change('db/schema.ts', ['data: t.json()', '/** By hand. */\n  data: t.json<{ a: number }>()'])
  await folder.change('schema.prisma', ['old Int', 'renamed Int'])
  t.equal((await folder.run('pull', '--prisma', 'schema.prisma')).code, 0)
  const text = await folder.read('db/schema.ts')
  t.match(text, "  /** By hand. */\n  data: t.json<{ a: number }>(),\n  renamed: t.int().map('column_name'),")
})

for (const { name, files, prisma = 'schema.prisma', says } of [
  { name: 'a schema for another database is refused', files: { 'schema.prisma': 'datasource db {\n  provider = "mysql"\n}\n' }, says: /the schema is for mysql/ },
  { name: 'a mistake in the schema is reported with its line', files: { 'schema.prisma': 'model A {\n  id Int @id\n  = 5\n}\n' }, says: /schema\.prisma cannot be read as a Prisma schema: line 3/ },
  { name: 'a missing file is reported', files: {}, says: /schema\.prisma cannot be read: ENOENT/ },
  { name: 'a folder without schemas is reported', files: { prisma: { 'a.txt': '' } }, prisma: 'prisma', says: /no \*\.prisma file in/ },
  { name: 'a schema without models is reported', files: { 'schema.prisma': 'datasource db {\n  provider = "postgresql"\n}\n' }, says: /no table/ },
] as const) {
  await t.test(name, async (t) => {
    const folder = new Folder(t.testdir(files))
    const { code, err, out } = await folder.run('pull', '--prisma', prisma)
    t.equal(code, 2)
    t.match(err, says)
    t.notMatch(err, /\n {4}at /)
    t.equal(out, '')
  })
}

await t.test('what is pulled type-checks under strict settings', async (t) => {
  const folder = new Folder(t.testdir({ 'a.prisma': family + folderPart, 'package.json': '{ "type": "module" }' }))
  t.equal((await folder.run('pull', '--prisma', 'a.prisma')).code, 0)
  t.equal((await folder.run('pull', '--prisma', `${corpus}schema.prisma`, '--out', 'corpus/schema.ts', '--split')).code, 0)
  const program = ts.createProgram([`${folder.path}/db/schema.ts`, `${folder.path}/corpus/schema.ts`], {
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    noUnusedLocals: true,
    isolatedModules: true,
    verbatimModuleSyntax: true,
    erasableSyntaxOnly: true,
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    allowImportingTsExtensions: true,
    noEmit: true,
    skipLibCheck: true,
    types: [],
    paths: { 'fastify-multi-region/schema': [fileURLToPath(new URL('../../lib/schema/index.ts', import.meta.url))] },
  })
  const problems = ts.getPreEmitDiagnostics(program).filter(({ file }) => file === undefined || file.fileName.startsWith(folder.path))
  t.same(problems.map(({ file, start, messageText }) => `${file?.fileName.slice(folder.path.length)}:${start === undefined ? '' : file?.getLineAndCharacterOfPosition(start).line} ${ts.flattenDiagnosticMessageText(messageText, '\n')}`), [])
})
