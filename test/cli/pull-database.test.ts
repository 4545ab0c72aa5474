import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { ResolvedModel, ResolvedSchema } from '../../lib/query/model.ts'
import { createTestDatabase } from '../support/shared-cluster.ts'
import { Folder } from './command-run.ts'

const corpusSql = await readFile(new URL('../query/corpus/schema.sql', import.meta.url), 'utf8')
const corpusPrisma = fileURLToPath(new URL('../query/corpus/schema.prisma', import.meta.url))

/** A schema without the names that a program gives, and without what only a client does. */
function inTheDatabase (schema: ResolvedSchema): unknown {
  const describe = (model: ResolvedModel): unknown => ({
    columns: Object.fromEntries(model.columns.map((column) => [column.databaseName, {
      kind: column.kind,
      pgType: column.pgType,
      list: column.list,
      optional: column.optional,
      isId: column.isId,
      isUnique: column.isUnique,
      labels: column.labels === undefined ? undefined : [...column.labels.values()],
      default: column.default?.type === 'function' && ['uuid', 'cuid'].includes(column.default.function) ? undefined : column.default,
    }])),
    uniques: model.uniques.map(({ columns, primary }) => `${primary} ${columns.map(({ databaseName }) => databaseName).join()}`).sort(),
    relations: model.relations.map((relation) => {
      const keys = relation.pairs.map(({ local, foreign }) => `${local.databaseName}=${foreign.databaseName}`).join()
      return `${relation.target.tableName} ${relation.key} ${relation.toMany} ${keys} ${relation.join?.name} ${String(relation.join?.local)} ${relation.onDelete} ${relation.onUpdate} ${relation.inverse?.toMany}`
    }).sort(),
  })
  return Object.fromEntries([...schema.models.values()].map((model) => [model.tableName, describe(model)]))
}

await t.test('the corpus database gives the schema that its Prisma schema gives', async (t) => {
  const database = await createTestDatabase(t, corpusSql)
  const folder = new Folder(t.testdir({}))
  await folder.run('pull', '--prisma', corpusPrisma, '--out', 'prisma.ts')
  const { code, err } = await folder.run('pull', '--database', database.primaryUrl, '--out', 'fresh.ts')
  t.equal(code, 0)
  t.equal(err, '', 'all of it is carried over')
  t.same(inTheDatabase(await folder.resolve('fresh.ts')), inTheDatabase(await folder.resolve('prisma.ts')))

  const before = await folder.read('prisma.ts')
  t.same(await folder.run('pull', '--database', database.primaryUrl, '--out', 'prisma.ts'), { code: 0, out: '14 models, 3 enums: nothing to change\n', err: '' }, 'names and client-made defaults stay')
  t.equal(await folder.read('prisma.ts'), before)
})

await t.test('a pull is idempotent, and the same from a standby and for a role without rights', async (t) => {
  const database = await createTestDatabase(t, corpusSql)
  const role = `${database.name}_stranger`
  await database.exec(`create role ${role} login`)
  t.teardown(async () => { await database.exec(`drop role ${role}`) })
  await database.waitForReplay('iad')
  const folder = new Folder(t.testdir({}))
  const pull = async (url: string) => (await folder.run('pull', '--database', url, '--stdout')).out
  const first = await pull(database.primaryUrl)
  t.match(first, "export const User = model('users', {")
  t.equal(await pull(database.primaryUrl), first)
  t.equal(await pull(database.replicaUrls.iad), first)
  const stranger = new URL(database.primaryUrl)
  stranger.username = role
  t.equal(await pull(stranger.href), first)
})

await t.test('what is written by hand is kept, in any formatting', async (t) => {
  const database = await createTestDatabase(t, `
    create type role as enum ('user', 'admin');
    create table users (id serial primary key, email text unique not null, role role not null default 'admin', settings jsonb, changed_at timestamptz not null, key uuid not null);
    create table posts (id serial primary key, author_id int not null references users, reviewer_id int references users, title text, unique (author_id, title));
    create table "_fans" ("A" int not null references users on delete cascade, "B" int not null references users on delete cascade, primary key ("A", "B"))`)
  const folder = new Folder(t.testdir({}))
  await folder.write('db/schema.ts', `// About this file.
import { manyToMany, t, model, enumType,
  belongsTo, hasMany, now, uuid as uuidMadeHere,
  autoincrement
} from "fastify-multi-region/schema";
import type { Theme } from "../theme.ts";

export type Settings = { theme: Theme; sizes: Array<number> };

/** Who. */
const UserRole = enumType("role", { MEMBER: "user", BOSS: "admin" });
export type UserRole = "MEMBER" | "BOSS";

/**
 * People,
 * mostly.
 */
export const Person = model(
  "users",
  {
    mail: t.text().unique().map("email"), // the login
    /** Primary. */
    id: t.int().id().default(autoincrement()),
    role: UserRole().default("MEMBER"),
    settings: t.json<Settings & { a?: () => void }>().optional(),
    // Note: the client writes it
    changedAt: t.timestamptz().updatedAt().map("changed_at"),
    key: t.uuid().default(uuidMadeHere()),
    gone: t.int(),
  },
  {
    relations: {
      written: hasMany("Article", "writer"),
      /** Those who follow. */
      fans: manyToMany("Person", "idols", { through: "_fans", side: "A" }),
      idols: manyToMany("Person", "fans", { through: "_fans", side: "B" }),
    },
  },
);

export const Article = model("posts", { id: t.int().id(), title: t.text(), authorId: t.int().map("author_id") }, {
  unique: { oneTitle: ["authorId", "title"] },
  relations: { writer: belongsTo("Person", "authorId") } });
`)
  const { code, err } = await folder.run('pull', '--database', database.primaryUrl)
  t.equal(code, 0)
  t.equal(err, 'Person.gone: removed, the column gone is not there\n')
  t.equal(await folder.read('db/schema.ts'), `// Written by \`fastify-multi-region pull\`. Every export is a model; keep enums unexported, or in a file of their own.
// About this file.
import { model, enumType, t, belongsTo, hasMany, manyToMany, autoincrement, uuid } from 'fastify-multi-region/schema'
import type { Theme } from "../theme.ts"

/** Who. */
const UserRole = enumType('role', { MEMBER: 'user', BOSS: 'admin' })
export type UserRole = 'MEMBER' | 'BOSS'

export type Settings = { theme: Theme; sizes: Array<number> }

/**
 * People,
 * mostly.
 */
export const Person = model('users', {
  mail: t.text().unique().map('email'), // the login
  /** Primary. */
  id: t.int().id().default(autoincrement()),
  role: UserRole().default('BOSS'),
  settings: t.json<Settings & { a?: () => void }>().optional(),
  // Note: the client writes it
  changedAt: t.timestamptz().updatedAt().map('changed_at'),
  key: t.uuid().default(uuid()),
}, {
  relations: {
    written: hasMany('Article', 'writer'),
    /** Those who follow. */
    fans: manyToMany('Person', 'idols', { through: '_fans', side: 'A' }),
    idols: manyToMany('Person', 'fans', { through: '_fans', side: 'B' }),
    articlesAsReviewer: hasMany('Article', 'reviewer'),
  },
})

export const Article = model('posts', {
  id: t.int().id().default(autoincrement()),
  title: t.text().optional(),
  authorId: t.int().map('author_id'),
  reviewerId: t.int().optional().map('reviewer_id'),
}, {
  unique: { oneTitle: ['authorId', 'title'] },
  relations: {
    writer: belongsTo('Person', 'authorId'),
    reviewer: belongsTo('Person', 'reviewerId'),
  },
})
`.replace(", { through: '_fans', side: 'A' }", ", { through: '_fans' }").replace(", { through: '_fans', side: 'B' }", ", { through: '_fans' }"))

  // As a formatter leaves it: other quotes, semicolons, line breaks.
  await folder.change('db/schema.ts', [/'/g, '"'], [/\)\n\n/g, ');\n\n'], ['mail: t.text().unique().map("email"), //', 'mail: t\n    .text()\n    .unique()\n    .map("email"), //'], ['"MEMBER" | "BOSS"', '\n  | "MEMBER"\n  | "BOSS"'])
  const formatted = await folder.read('db/schema.ts')
  t.match(await folder.run('pull', '--database', database.primaryUrl, '--check'), { code: 0, out: 'The schema is up to date.\n' })
  t.equal((await folder.run('pull', '--database', database.primaryUrl)).code, 0)
  t.equal(await folder.read('db/schema.ts'), formatted, 'a formatted file is left as it is')
})

await t.test('a list of at most one row may stay a list', async (t) => {
  const database = await createTestDatabase(t, 'create table users (id serial primary key); create table cards (user_id int primary key references users)')
  const folder = new Folder(t.testdir({}))
  await folder.run('pull', '--database', database.primaryUrl)
  await folder.change('db/schema.ts', ["card: hasOne('Card', 'user')", "cards: hasMany('Card', 'user')"], ['hasOne', 'hasMany'])
  t.match(await folder.run('pull', '--database', database.primaryUrl, '--check'), { code: 0 })
  await database.exec('alter table cards drop constraint cards_pkey')
  await folder.change('db/schema.ts', ["cards: hasMany('Card', 'user')", "card: hasOne('Card', 'user')"])
  await folder.run('pull', '--database', database.primaryUrl)
  t.match(await folder.read('db/schema.ts'), "card: hasMany('Card', 'user')")
})

await t.test('models stay in the files over which somebody spread them', async (t) => {
  const database = await createTestDatabase(t, `
    create type role as enum ('USER', 'ADMIN');
    create table users (id serial primary key, role role not null);
    create table posts (id serial primary key, user_id int not null references users);
    create table tags (id serial primary key, for_role role)`)
  const builders = "import { model, t } from 'fastify-multi-region/schema'"
  const folder = new Folder(t.testdir({}))
  await folder.write('db/schema.ts', "export * from './people.js'\nexport * from './blog/index.js'\n")
  await folder.write('db/people.ts', `${builders}\nimport { Role } from './my-enums.js'\nexport const Human = model('users', { id: t.int().id(), job: Role().map('role') })\n`)
  await folder.write('db/my-enums.ts', "import { enumType } from 'fastify-multi-region/schema'\nexport const Role = enumType('role', ['USER', 'ADMIN'])\nexport type Role = 'USER' | 'ADMIN'\n")
  await folder.write('db/blog/index.ts', `${builders}\nexport const Article = model('posts', { id: t.int().id() })\n`)
  t.equal((await folder.run('pull', '--database', database.primaryUrl)).code, 0)
  t.match(await folder.read('db/people.ts'), "import { Role } from './my-enums.js'\n\nexport const Human = model('users', {\n  id: t.int().id().default(autoincrement()),\n  job: Role().map('role'),")
  t.match(await folder.read('db/blog/index.ts'), "user: belongsTo('Human', 'userId'),")
  t.match(await folder.read('db/tag.ts'), "import { Role } from './my-enums.js'\n\nexport const Tag = model('tags', {")
  t.match(await folder.read('db/schema.ts'), "export * from './people.js'\nexport * from './blog/index.js'\nexport * from './tag.js'\n")
  t.match(await folder.run('pull', '--database', database.primaryUrl, '--check'), { code: 0 })

  await database.exec('drop table tags')
  t.match(await folder.run('pull', '--database', database.primaryUrl), { code: 0, out: /db\/tag\.ts: removed/, err: /model Tag: removed, the table tags is not there/ })
  t.notMatch(await folder.read('db/schema.ts'), 'tag')
  t.match(await folder.run('pull', '--database', database.primaryUrl, '--check'), { code: 0 })
})

await t.test('one file can be split into one a model, and stays split', async (t) => {
  const database = await createTestDatabase(t, corpusSql)
  const folder = new Folder(t.testdir({}))
  await folder.run('pull', '--database', database.primaryUrl)
  await folder.change('db/schema.ts', ["export const User = model('users', {", "/** Of the shop. */\nexport const User = model('users', {"])
  const whole = inTheDatabase(await folder.resolve('db/schema.ts'))
  t.equal((await folder.run('pull', '--database', database.primaryUrl, '--split')).code, 0)
  t.match(await folder.read('db/schema.ts'), "export * from './schema/order-item.ts'")
  t.match(await folder.read('db/schema.ts'), "export type * from './schema/enums.ts'")
  t.match(await folder.read('db/schema/user.ts'), "import { Permission, Role } from './enums.ts'\n\n/** Of the shop. */\nexport const User")
  t.match(await folder.read('db/schema/enums.ts'), "export const Role = enumType('Role'")
  t.match(await folder.run('pull', '--database', database.primaryUrl, '--check'), { code: 0 })
  t.ok(whole)
})

await t.test('--check writes nothing and says what would change', async (t) => {
  const database = await createTestDatabase(t, 'create table users (id serial primary key, name text)')
  const folder = new Folder(t.testdir({}))
  t.match(await folder.run('pull', '--database', database.primaryUrl, '--check'), { code: 1, out: /db\/schema\.ts would be written:/ })
  await t.rejects(folder.read('db/schema.ts'))
  await folder.run('pull', '--database', database.primaryUrl)
  const before = await folder.read('db/schema.ts')
  await database.exec('alter table users alter name set not null, add age int')
  t.match(await folder.run('pull', '--database', database.primaryUrl, '--check'), { code: 1, out: 'db/schema.ts would change:\n-   name: t.text().optional(),\n+   name: t.text(),\n+   age: t.int().optional(),\n1 file would change.\n' })
  t.equal(await folder.read('db/schema.ts'), before)
})

await t.test('unusual columns are carried over or listed', async (t) => {
  const database = await createTestDatabase(t, `
    create domain email as text not null check (value like '%@%');
    create type mood as enum ('very sad', 'it''s "fine"');
    create type pair as (a int, b text);
    create table things (
      id bigint generated always as identity primary key, "Weird Name" text, "constructor" int, mail email, mood mood default 'very sad', moods mood[] default '{}',
      p pair, r int4range, iv interval(3), vb bit varying(5), "char" "char", j json default '{"a": [1]}', d numeric(5,2) default 1.50, tz timetz(2), grid int[][],
      u uuid default gen_random_uuid(), at timestamp default now(), n int default -1, double int generated always as (n * 2) stored, ip inet)`)
  const folder = new Folder(t.testdir({}))
  const { code, err } = await folder.run('pull', '--database', database.primaryUrl)
  t.equal(code, 0)
  t.equal(await folder.read('db/schema.ts'), `// Written by \`fastify-multi-region pull\`. Every export is a model; keep enums unexported, or in a file of their own.
import { model, enumType, t, autoincrement, dbgenerated, now } from 'fastify-multi-region/schema'

const Mood = enumType('mood', ['very sad', 'it\\'s "fine"'])
export type Mood = 'very sad' | 'it\\'s "fine"'

export const Thing = model('things', {
  // pull: generated always: the server refuses a value for it
  id: t.bigint().id().default(autoincrement()),
  weirdName: t.text().optional().map('Weird Name'),
  constructor_: t.int().optional().map('constructor'),
  // pull: of the domain email; its checks are the server's
  mail: t.text(),
  mood: Mood().optional().default('very sad'),
  moods: Mood().list().default([]),
  p: t.other('pair').optional(),
  r: t.other('int4range').optional(),
  iv: t.other('interval(3)').optional(),
  vb: t.other('bit varying(5)').optional(),
  char: t.other('"char"').optional(),
  j: t.json({ type: 'json' }).optional().default({ a: [1] }),
  d: t.decimal(5, 2).optional().default('1.50'),
  tz: t.timetz(2).optional(),
  // Not carried over: it is declared with 2 dimensions; a list has one
  grid: t.int().list(),
  u: t.uuid().optional().default(dbgenerated('gen_random_uuid()')),
  at: t.timestamp().optional().default(now()),
  n: t.int().optional().default(-1),
  // pull: a generated column: the server refuses a value for it
  double: t.int().optional().default(dbgenerated('(n * 2)')),
  ip: t.other('inet').optional(),
})
`)
  t.match(err, 'Thing.grid: not carried over: it is declared with 2 dimensions; a list has one\n')
  await folder.resolve('db/schema.ts')
  t.match(await folder.run('pull', '--database', database.primaryUrl, '--check'), { code: 0 }, 'the comments are not taken for hand-written ones')
})

await t.test('unusual tables, keys and relations are carried over or listed', async (t) => {
  const database = await createTestDatabase(t, `
    create schema other;
    create type other.kind as enum ('a');
    create type unused as enum ('a');
    create table users (id serial primary key, name text);
    comment on table users is 'People.';
    comment on column users.name is 'Full name.';
    create table "user" (id serial primary key);
    create table no_key (a int);
    create table only_unique (a int not null, b int not null, unique (b, a) deferrable);
    create table messages (id serial primary key, sender_id int references users on delete cascade, recipient_id int references users on delete set null on update cascade, parent_id int references messages);
    create table tenants (org int, id int, primary key (org, id));
    create table docs (org int, owner_id int, approver_id int, id int, primary key (org, id), foreign key (org, owner_id) references tenants on delete restrict, foreign key (org, approver_id) references tenants);
    create table codes (id int primary key, code text unique not null);
    create table uses (id int primary key, code text unique references codes (code));
    create table part (id int, day date, primary key (id, day)) partition by range (day);
    create table part_1 partition of part for values from ('2024-01-01') to ('2025-01-01');
    create view totals as select id, count(*) as n from users group by 1;
    create materialized view frozen as select 1 as one;
    create table booked (id int primary key check (id > 0), during tsrange, exclude using gist (during with &&));
    create unique index some_names on users (name) where name is not null;
    create index lower_names on users (lower(name));
    create table tagged (id int primary key, words tsvector);
    create index by_words on tagged using gin (words);
    create table "_friends" ("A" int references users, "B" int references users, primary key ("A", "B"));
    create table child () inherits (users);
    alter table codes enable row level security;
    create table _prisma_migrations (id text primary key);
    create table other.users (id int primary key, kind other.kind, of_user int references public.users)`)
  const folder = new Folder(t.testdir({}))
  const { code, err } = await folder.run('pull', '--database', database.primaryUrl, '--schemas', 'public,other')
  t.equal(code, 0)
  const text = await folder.read('db/schema.ts')
  for (const part of [
    '/** People. */\nexport const Users = model(\'users\', {', '  /** Full name. */\n  name: t.text().optional(),', "export const User = model('user', {",
    '// pull: no primary key and no unique key: single rows cannot be found, updated or deleted by findUnique and its like\nexport const NoKey',
    "unique: { b_a: ['b', 'a'] },", "sender: belongsTo('Users', 'senderId', { onDelete: 'cascade' }),", "messagesAsRecipient: hasMany('Message', 'recipient'),",
    "parent: belongsTo('Message', 'parentId'),\n    children: hasMany('Message', 'parent'),", "owner: belongsTo('Tenant', ['org', 'ownerId'], { onDelete: 'restrict' }),", "docsAsApprover: hasMany('Doc', 'approver'),",
    "belongsTo('Code', 'code', { references: ['code'] }),", "use: hasOne('Use', 'code", "export const Part = model('part', {\n  id: t.int(),\n  day: t.date(),\n}, {\n  id: { id_day: ['id', 'day'] },\n})",
    '// pull: a view: which columns are never null', '// pull: a materialized view: it cannot be written', '// Not carried over: exclusion booked_during_excl: EXCLUDE USING gist (during WITH &&)', '// Not carried over: check booked_id_check: CHECK ((id > 0))',
    '// Not carried over: unique index some_names: btree (name) WHERE (name IS NOT NULL)', '// Not carried over: index lower_names: btree (lower(name))', '// Not carried over: the index by_words is of type gin; the schema keeps its columns alone',
    "friendsA: manyToMany('Users', 'friendsB', { through: '_friends' }),", '// Not carried over: it inherits from users', '// pull: row-level security is on', "export const OtherUser = model('users', {", "const Kind = enumType('kind', ['a'], { schema: 'other' })", "  schema: 'other',",
  ]) t.ok(text.includes(part), part)
  for (const line of ['enum unused: left out', 'table _prisma_migrations: left out', 'Booked: not carried over: check booked_id_check', 'OnlyUnique: note: the unique key']) t.match(err, line)
  t.notMatch(text, 'part_1')
  t.match(await folder.run('pull', '--database', database.primaryUrl, '--schemas', 'public,other', '--check'), { code: 0 })
  const schema = await folder.resolve('db/schema.ts')
  t.equal(schema.models.size, 16)

  // Of a view, what a person knows is kept, a relation too.
  await folder.change('db/schema.ts', [/(model\('totals', \{\n {2}id: t\.int\(\))\.optional\(\)(,\n {2}n: .*\n)\}\)/, "$1.id()$2}, { relations: { who: belongsTo('Users', 'id') } })"])
  t.match(await folder.run('pull', '--database', database.primaryUrl, '--schemas', 'public,other'), { code: 0, err: /Total\.who: kept, though the database has no such foreign key/ })
  await database.exec('alter table users add age int')
  t.equal((await folder.run('pull', '--database', database.primaryUrl, '--schemas', 'public,other')).code, 0)
  t.match(await folder.read('db/schema.ts'), "model('totals', {\n  id: t.int().id(),\n  n: t.bigint().optional(),\n}, {\n  relations: {\n    who: belongsTo('Users', 'id'),\n  },\n})")
})

await t.test('tables are picked by schema and by glob', async (t) => {
  const database = await createTestDatabase(t, `
    create schema app; create table app.users (id int primary key);
    create table blog_posts (id int primary key); create table blog_tags (id int primary key, post_id int references blog_posts); create table audit (id int primary key)`)
  const folder = new Folder(t.testdir({}))
  const models = async (...flags: string[]) => [...(await folder.run('pull', '--stdout', '--database', database.primaryUrl, ...flags)).out.matchAll(/^export const (\w+)/gm)].map(([, name]) => name).join()
  t.equal(await models(), 'Audit,BlogPost,BlogTag')
  t.equal(await models('--include', 'blog_*'), 'BlogPost,BlogTag')
  t.equal(await models('--exclude', 'blog_t???,a*'), 'BlogPost')
  t.equal(await models('--schemas', 'app'), 'User')
  t.equal(await models('--schemas', 'app,public', '--include', 'app.*'), 'User')
  const url = `${database.primaryUrl}?schema=app`
  t.match((await folder.run('pull', '--stdout', '--database', url)).out, "model('users', {\n  id: t.int().id(),\n}, {\n  schema: 'app',\n})", "Prisma's parameter is understood")
  t.match(await folder.run('pull', '--stdout', '--database', database.primaryUrl, '--exclude', 'blog_posts'), { err: /BlogTag: not carried over: foreign key blog_tags_post_id_fkey to blog_posts: that table is not pulled/ })
  t.match(await folder.run('pull', '--stdout', '--database', database.primaryUrl, '--schemas', 'nope'), { code: 2, err: /there is no schema 'nope' in this database; it has app, public/ })
  t.match(await folder.run('pull', '--stdout', '--database', database.primaryUrl, '--include', 'nope'), { code: 2, err: /no table/ })
})

await t.test('a server that cannot be reached, and a URL that is none, are named without the password', async (t) => {
  const folder = new Folder(t.testdir({}))
  for (const url of ['postgres://me:hunter2@127.0.0.1:1/app', 'mysql://me:hunter2@x/app', 'postgres://me:hunter2@no-such-host.invalid/app']) {
    const { code, err, out } = await folder.run('pull', '--database', url)
    t.equal(code, 2)
    t.match(err, /the database URL|cannot be read/)
    t.notMatch(err + out, 'hunter2')
    t.notMatch(err, /\n {4}at /)
  }
})

await t.test('a file that cannot be read back is not written over', async (t) => {
  const database = await createTestDatabase(t, 'create table users (id serial primary key)')
  for (const [what, text] of [['a spread', "import { model, t } from 'fastify-multi-region/schema'\nconst common = { id: t.int().id() }\nexport const User = model('users', {\n  ...common\n})\n"], ['half a file', "import { model, t } from 'fastify-multi-region/schema'\nexport const User = model('users', {\n"]] as const) {
    const folder = new Folder(t.testdir({}))
    await folder.write('db/schema.ts', text)
    const { code, err } = await folder.run('pull', '--database', database.primaryUrl)
    t.equal(code, 2, what)
    t.match(err, /db\/schema\.ts:\d: .*names and comments in it would be lost/)
    t.equal(await folder.read('db/schema.ts'), text)
  }
})
