import t from 'tap'
import { createTestDatabase } from '../support/shared-cluster.ts'

await t.test('a test database is there on the primary and on both standbys', async (t) => {
  const startedAt = performance.now()
  const database = await createTestDatabase(t, 'create table note (id int primary key, body text); insert into note values (1, \'a\')')
  t.comment(`made in ${Math.round(performance.now() - startedAt)} ms`)
  for (const which of ['primary', 'iad', 'nrt'] as const) {
    t.match(await database.sql(which)`select body from note`, [{ body: 'a' }], `${which} has the row`)
  }
})

await t.test('a paused standby shows the past until replay is resumed', async (t) => {
  const startedAt = performance.now()
  const database = await createTestDatabase(t, 'create table note (id int)')
  t.comment(`made in ${Math.round(performance.now() - startedAt)} ms`)
  await database.pauseReplay('iad')
  await database.exec('insert into note values (1)')
  await database.waitForReplay()
  t.match(await database.sql('nrt')`select id from note`, [{ id: 1 }], 'the other standby goes on')
  t.equal((await database.sql('iad')`select id from note`).length, 0, 'the paused one does not')
  await database.resumeReplay('iad')
  await database.waitForReplay('iad')
  t.equal((await database.sql('iad')`select id from note`).length, 1)
})

await t.test('connections of an application are counted and ended by name', async (t) => {
  const database = await createTestDatabase(t)
  t.equal(await database.connections('primary'), 0, 'observers and the kit do not count')
})
