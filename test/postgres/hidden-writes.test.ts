// Raw SQL that writes behind a SELECT: what a standby's refusal tells, and what the probe of development names.

import t from 'tap'
import { HiddenWrites } from '../../lib/postgres/hidden-writes.ts'
import { createTestDatabase } from '../support/shared-cluster.ts'
import { openClients } from '../support/test-clients.ts'

const database = await createTestDatabase(t, `
  create table note (id serial primary key, text text not null);
  create table strict (id int unique deferrable initially deferred);
  insert into note (text) values ('first');
  create function add_note() returns int language sql as $$ insert into note (text) values ('x') returning id $$;
  create function add_twice() returns int language sql as $$ insert into strict values (1), (1); select 1 $$`)
await database.waitForReplay()

const far = await openClients(t, { database: { primary: database.primaryUrl, replica: database.replicaUrls.iad } })
const near = await openClients(t, { database: database.primaryUrl })

const count = async (): Promise<number> => Number((await database.exec('select count(*) from note'))[0]?.['count'])

/** A client beside the primary that probes, and what it named. */
function probing (rawWrites: 'by-command' | 'always' = 'by-command') {
  const named: string[] = []
  const request = near.request({ stamps: true, rawWrites, hiddenWrites: new HiddenWrites((text) => { named.push(text) }) })
  return { ...request, named }
}

/** In a transaction that was opened before it, a statement is younger than its transaction. */
const ALONE = 'select now() = statement_timestamp() as alone'

const texts: readonly { readonly name: string, readonly text: string, readonly values?: readonly unknown[], readonly writes: boolean }[] = [
  { name: 'a plain read', text: 'select count(*) from note', writes: false },
  { name: 'a read with parameters', text: 'select $1::int', values: [1], writes: false },
  { name: 'a function', text: '  SELECT add_note() ;\n', writes: true },
  { name: 'a data-modifying CTE', text: "with made as (insert into note (text) values ('y') returning id) select id from made", writes: true },
  { name: 'one with parameters', text: 'with made as (insert into note (text) values ($1) returning id) select id from made', values: ['z'], writes: true },
  { name: 'SELECT INTO', text: 'select 1 as one into other', writes: true },
  { name: 'row locks, which a standby refuses too', text: 'select id from note for update', writes: true },
]
for (const { name, text, values = [], writes } of texts) {
  await t.test(`${writes ? 'named once' : 'not named'}: ${name}`, async (t) => {
    const { db, named, commits } = probing()
    await db.$queryRawUnsafe(text, ...values)
    t.same(named, writes ? [text] : [])
    t.same(commits, [], 'told, not acted upon: it would be the same without the probe')
    if (name === 'SELECT INTO') return
    await db.$queryRawUnsafe(text, ...values)
    t.same(named, writes ? [text] : [], 'the second time nobody asks')
  })
}

await t.test('a text runs once, and what it wrote stays', async (t) => {
  const before = await count()
  const { db } = probing()
  t.match(await db.$queryRawUnsafe('select add_note()'), [{ add_note: Number }])
  t.equal(await count(), before + 1)
  t.same(await database.exec('select text from note order by id desc limit 1'), [{ text: 'x' }])
})

await t.test('a refused text is refused as ever, and is judged when it succeeds', async (t) => {
  const { db, named } = probing()
  await t.rejects(db.$queryRawUnsafe('select add_note() / 0'), { code: 'P2010', meta: { dbCode: '22012' } })
  await t.rejects(db.$queryRawUnsafe('select add_twice()'), { code: 'P2010', meta: { dbCode: '23505' } }, 'a constraint that speaks at the COMMIT')
  t.same(await database.exec('select * from strict'), [])
  t.same(named, [])
})

await t.test('what would not be the same in a transaction is not probed', async (t) => {
  const { db, named } = probing()
  await db.$queryRawUnsafe('vacuum note')
  await db.$queryRawUnsafe("select 1; insert into note (text) values ('y')")
  t.same(await db.$queryRawUnsafe(`/* */ ${ALONE}`), [{ alone: true }])
  t.same(named, [])
})

await t.test('the probe asks once a text; not where all raw SQL counts as a write, where nobody wants to know, or for what pins nobody', async (t) => {
  const alone = async (db: ReturnType<typeof probing>['db']): Promise<unknown> => (await db.$queryRawUnsafe<{ alone: boolean }[]>(ALONE))[0]?.alone
  const { db } = probing()
  t.equal(await alone(db.$untracked), true)
  t.equal(await alone(db), false, 'probed')
  t.equal(await alone(db), true)
  t.equal(await alone(probing('always').db), true)
  t.equal(await alone(near.request({ stamps: true }).db), true)
  t.equal(await alone(near.db), true)
})

await t.test('a request that says before where it is probes as well', async (t) => {
  const { db, named } = probing()
  await db.$executeRaw`insert into note (text) values ('w')`
  await db.$queryRawUnsafe('select add_note()')
  t.same(named, ['select add_note()'])
})

await t.test('what a standby has refused is a write on the primary, whatever its tag says', async (t) => {
  const named: string[] = []
  const { db, commits } = far.request({ blocked: 'no-proxy', stamps: true, hiddenWrites: new HiddenWrites((text) => { named.push(text) }) })
  await db.$queryRawUnsafe('select add_note()')
  t.match(commits, [{ outcome: 'committed', position: { lsn: BigInt } }])
  t.same(named, [], 'its session is told')
})

await t.test('the process reads what its function wrote', async (t) => {
  await database.pauseReplay('iad')
  const before = await count()
  await far.db.$queryRawUnsafe('select add_note()')
  t.same(await far.db.$queryRawUnsafe('select count(*)::int as n from note'), [{ n: before + 1 }])
  await database.resumeReplay('iad')
})
