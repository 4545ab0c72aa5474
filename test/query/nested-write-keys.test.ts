// Keys that the corpus does not have: an optional one-to-one, foreign keys of several columns and to other than the id,
// uuids made by the client in many-to-many relations, tables in a schema of their own, rows of defaults alone.

import t from 'tap'
import { autoincrement, belongsTo, dbgenerated, hasMany, hasOne, manyToMany, model, t as column, uuid } from '../../lib/schema/index.ts'
import { openSeededSession } from './seeded-session.ts'

const inApp = { schema: 'app' }

const Person = model('people', {
  id: column.uuid().id().default(uuid()),
  name: column.text(),
  code: column.text().unique().default(dbgenerated("'p' || nextval('app.codes')")),
}, { ...inApp, relations: { passport: hasOne('Passport', 'person'), tasks: hasMany('Task', 'owner'), labels: manyToMany('Label', 'people', { through: '_LabelToPerson' }) } })

const Passport = model('passports', {
  id: column.int().id().default(autoincrement()),
  number: column.text().optional(),
  personId: column.uuid().optional().unique().map('person_id'),
}, { ...inApp, relations: { person: belongsTo('Person', 'personId', { onDelete: 'set-null' }) } })

const Label = model('labels', {
  id: column.uuid().id().default(uuid()),
  name: column.text().optional(),
}, { ...inApp, relations: { people: manyToMany('Person', 'labels', { through: '_LabelToPerson' }) } })

const Project = model('projects', {
  tenantId: column.int().map('tenant_id'),
  code: column.text(),
  title: column.text().optional(),
}, { ...inApp, id: { tenantId_code: ['tenantId', 'code'] }, relations: { tasks: hasMany('Task', 'project') } })

const Task = model('tasks', {
  id: column.int().id().default(autoincrement()),
  title: column.text().optional(),
  tenantId: column.int().optional().map('tenant_id'),
  projectCode: column.text().optional().map('project_code'),
  ownerCode: column.text().optional().map('owner_code'),
}, {
  ...inApp,
  relations: {
    project: belongsTo('Project', ['tenantId', 'projectCode'], { onDelete: 'set-null' }),
    owner: belongsTo('Person', 'ownerCode', { references: ['code'], onDelete: 'set-null' }),
  },
})

const Mark = model('marks', { id: column.int().id().default(autoincrement()) }, inApp)

const tables = `
  create schema app;
  create sequence app.codes;
  create table app.people (id uuid primary key, name text not null, code text not null unique default 'p' || nextval('app.codes'));
  create table app.passports (id serial primary key, number text, person_id uuid unique references app.people on delete set null on update cascade);
  create table app.labels (id uuid primary key, name text);
  create table app."_LabelToPerson" ("A" uuid references app.labels on delete cascade, "B" uuid references app.people on delete cascade, primary key ("A", "B"));
  create table app.projects (tenant_id int, code text, title text, primary key (tenant_id, code));
  create table app.tasks (id serial primary key, title text, tenant_id int, project_code text, owner_code text references app.people (code) on delete set null on update cascade,
    foreign key (tenant_id, project_code) references app.projects on delete set null on update cascade);
  create table app.marks (id serial primary key);`

const ann = '11111111-1111-4111-8111-111111111111'
const bob = '22222222-2222-4222-8222-222222222222'
const rows = `
  insert into app.people (id, name, code) values ('${ann}', 'Ann', 'ann'), ('${bob}', 'Bob', 'bob');
  insert into app.passports (number, person_id) values ('A1', '${ann}'), ('B1', '${bob}'), ('free', null);
  insert into app.projects values (1, 'a', 'One A'), (1, 'b', 'One B'), (2, 'a', 'Two A');
  insert into app.tasks (title, tenant_id, project_code, owner_code) values ('t1', 1, 'a', 'ann'), ('t2', 1, 'a', null), ('t3', null, null, 'bob');
  select setval('app.codes', 1, false);`

await t.test('keys of other kinds', async (t) => {
  const database = await openSeededSession(t, { schema: { Person, Passport, Label, Project, Task, Mark }, tables, rows })
  const { run } = database
  const each = async (name: string, body: () => Promise<void>): Promise<void> => {
    await body().catch((error: unknown) => t.fail(name, { error }))
    await database.restore()
  }

  await each('an optional partner lets go', async () => {
    t.match(await run('Person', 'update', { where: { id: ann }, data: { passport: { create: { number: 'A2' } } }, include: { passport: true } }), { passport: { number: 'A2', id: 4 } })
    t.match(await run('Passport', 'findUnique', { where: { id: 1 } }), { personId: null }, 'the one it had is free')
  })
  await each('an optional partner changes sides', async () => {
    t.match(await run('Person', 'update', { where: { id: ann }, data: { passport: { connect: { id: 2 } } }, include: { passport: true } }), { passport: { number: 'B1' } })
    t.same(await run('Passport', 'findMany', { orderBy: { id: 'asc' }, select: { personId: true } }), [{ personId: null }, { personId: ann }, { personId: null }])
  })
  await each('an optional partner, by the key on this side', async () => {
    t.match(await run('Passport', 'update', { where: { id: 3 }, data: { person: { connect: { id: ann } } } }), { personId: ann })
    t.match(await run('Passport', 'findUnique', { where: { id: 1 } }), { personId: null })
    t.match(await run('Passport', 'create', { data: { person: { connect: { code: 'ann' } } } }), { personId: ann, id: 4 })
    t.match(await run('Passport', 'create', { data: { person: { connectOrCreate: { where: { code: 'ann' }, create: { name: 'never' } } } } }), { personId: ann, id: 5 })
    t.equal(await run('Passport', 'count', { where: { personId: ann } }), 1)
  })
  await each('connectOrCreate of an optional partner', async () => {
    t.match(await run('Person', 'update', { where: { id: ann }, data: { passport: { connectOrCreate: { where: { id: 3 }, create: {} } } }, include: { passport: true } }), { passport: { number: 'free' } })
    t.match(await run('Passport', 'update', { where: { id: 1 }, data: { person: { connectOrCreate: { where: { code: 'new' }, create: { name: 'New', code: 'new' } } } }, include: { person: true } }), { person: { name: 'New' } })
  })
  await each('disconnect of an optional partner, with and without a filter', async () => {
    t.match(await run('Person', 'update', { where: { id: ann }, data: { passport: { disconnect: { number: 'nope' } } }, include: { passport: true } }), { passport: { id: 1 } })
    t.match(await run('Person', 'update', { where: { id: ann }, data: { passport: { disconnect: true } }, include: { passport: true } }), { passport: null })
    t.match(await run('Passport', 'update', { where: { id: 2 }, data: { person: { disconnect: { name: 'Ann' } } } }), { personId: bob })
    t.match(await run('Passport', 'update', { where: { id: 2 }, data: { person: { disconnect: true } } }), { personId: null })
  })
  await each('a key of two columns', async () => {
    t.match(await run('Project', 'create', { data: { tenantId: 3, code: 'c', tasks: { create: [{ title: 'x' }, { title: 'y', owner: { connect: { code: 'bob' } } }], connect: { id: 3 }, createMany: { data: [{ title: 'z' }] } } }, include: { tasks: { orderBy: { title: 'asc' } } } }), {
      tasks: ['t3', 'x', 'y', 'z'].map((title) => ({ title, tenantId: 3, projectCode: 'c' })),
    })
    t.match(await run('Task', 'create', { data: { project: { connect: { tenantId_code: { tenantId: 1, code: 'b' } } } } }), { tenantId: 1, projectCode: 'b' })
    t.match(await run('Task', 'update', { where: { id: 1 }, data: { project: { connectOrCreate: { where: { tenantId_code: { tenantId: 9, code: 'n' } }, create: { tenantId: 9, code: 'n' } } } } }), { tenantId: 9, projectCode: 'n' })
    t.match(await run('Task', 'update', { where: { id: 1 }, data: { project: { disconnect: true } } }), { tenantId: null, projectCode: null })
    t.match(await run('Project', 'update', { where: { tenantId_code: { tenantId: 1, code: 'a' } }, data: { tasks: { set: [{ id: 1 }] } }, include: { tasks: true } }), { tasks: [{ id: 1 }] })
    t.match(await run('Task', 'findUnique', { where: { id: 2 } }), { tenantId: null, projectCode: null })
    t.match(await run('Project', 'upsert', { where: { tenantId_code: { tenantId: 1, code: 'a' } }, create: { tenantId: 1, code: 'a' }, update: { tasks: { upsert: { where: { id: 1 }, create: {}, update: { title: 'up' } } } }, include: { tasks: true } }), { tasks: [{ id: 1, title: 'up' }] })
    t.match(await run('Project', 'update', { where: { tenantId_code: { tenantId: 1, code: 'a' } }, data: { code: 'z', tasks: { create: { title: 'after' } } }, include: { tasks: { orderBy: { id: 'asc' } } } }), { code: 'z', tasks: [{ projectCode: 'z' }, { title: 'after', projectCode: 'z' }] })
    t.match(await run('Project', 'delete', { where: { tenantId_code: { tenantId: 1, code: 'z' } }, include: { tasks: true } }), { tasks: [{ id: 1 }, { title: 'after' }] })
    t.match(await run('Project', 'updateManyAndReturn', { where: { tenantId: { gt: 1 } }, data: { title: 'x' }, limit: 1 }), [{ title: 'x' }])
    t.same(await run('Project', 'deleteMany', { where: { tenantId: { gt: 1 } }, limit: 1 }), { count: 1 })
  })
  await each('a key that refers to another unique column than the id', async () => {
    t.match(await run('Person', 'create', { data: { name: 'C', tasks: { create: [{ title: 'x' }, { title: 'y' }], connect: { id: 2 } } }, include: { tasks: { orderBy: { id: 'asc' } } } }), { code: 'p1', tasks: [{ id: 2, ownerCode: 'p1' }, { title: 'x', ownerCode: 'p1' }, { title: 'y', ownerCode: 'p1' }] })
    t.match(await run('Task', 'create', { data: { owner: { create: { name: 'D' } } } }), { ownerCode: 'p2' })
    t.match(await run('Person', 'update', { where: { code: 'ann' }, data: { code: 'anna', tasks: { updateMany: { where: {}, data: { title: 'hers' } } } }, include: { tasks: true } }), { code: 'anna', tasks: [{ title: 'hers', ownerCode: 'anna' }] })
  })
  await each('many-to-many between uuids that the client makes, in a schema', async () => {
    t.match(await run('Person', 'create', { data: { name: 'C', labels: { create: [{ name: 'x' }, { name: 'y' }] } }, select: { labels: { select: { name: true }, orderBy: { name: 'asc' } } } }), { labels: [{ name: 'x' }, { name: 'y' }] })
    t.match(await run('Label', 'create', { data: { name: 'z', people: { connect: [{ id: ann }, { code: 'bob' }] } }, select: { people: { select: { name: true }, orderBy: { name: 'asc' } } } }), { people: [{ name: 'Ann' }, { name: 'Bob' }] })
    t.match(await run('Label', 'createMany', { data: [{ name: '1' }, { name: '2' }] }), { count: 2 })
  })
  await each('rows of defaults alone', async () => {
    t.same(await run('Mark', 'create', { data: {} }), { id: 1 })
    t.same(await run('Mark', 'create'), { id: 2 })
    t.same(await run('Mark', 'createMany', { data: [{}, {}, {}] }), { count: 3 })
    t.same(await run('Mark', 'createManyAndReturn', { data: [{}, { id: 77 }, {}] }), [{ id: 6 }, { id: 77 }, { id: 7 }])
    t.match(await run('Person', 'create', { data: { name: 'E', labels: { create: [{}, {}] }, tasks: { create: [{}, {}], createMany: { data: [{}, {}] } }, passport: { create: {} } }, select: { _count: { select: { labels: true, tasks: true } }, passport: { select: { number: true } } } }), { _count: { labels: 2, tasks: 4 }, passport: { number: null } })
    t.match(await run('Passport', 'upsert', { where: { id: 999 }, create: {}, update: { number: 'n' } }), { number: null })
    await t.rejects(run('Mark', 'upsert', { where: { id: 999 }, create: {}, update: {} }), { code: 'FST_MR_QUERY_INVALID' }, 'nothing that could be named in INSERT … SELECT')
  })
})
