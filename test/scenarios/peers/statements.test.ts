// Statements and transactions: what a standby refuses, what it runs, what goes to the primary by word.

import t from 'tap'
import { decideAfterFailure, type FailureFacts } from '../../../lib/core/route-decision.ts'
import { waitFor } from '../../../lib/testing/wait-for.ts'
import { failedRead } from '../../support/failure-facts.ts'
import { holdRecords } from './records.ts'
import { ask, INSERT, setsCookie, startLinked, startStand, wordsFor } from './stand.ts'

const app = await startStand(t)
const { database } = app
const { local, replays, failsHere } = wordsFor(app)

/** A request reads, while the replica stands still, what it has itself written elsewhere. */
const readsItsWrite = (name: string) => async (t: { equal (found: unknown, wanted: unknown): unknown, match (found: unknown, wanted: object): unknown }): Promise<void> => {
  await database.pauseReplay('iad')
  try {
    const answer = await ask(app, name)
    t.match(answer, { statusCode: 200, hops: { length: 1 } })
    t.equal(answer.json<{ n: number }>().n, (await app.notes()).length)
  } finally {
    await database.resumeReplay('iad')
    await database.waitForReplay('iad')
  }
}

/** The process's own client in the replica's region. */
const job = app.apps.iad.db
const onStandby = async (db: Pick<typeof job, '$queryRawUnsafe'>): Promise<unknown> => (await db.$queryRawUnsafe<{ standby: boolean }[]>('select pg_is_in_recovery() as standby'))[0]?.standby

await holdRecords('statements', {
  'tx-caught-in-savepoint': replays('savepoint'),
  'tx-connection-lost-inside': async (t) => {
    const before = await app.notes()
    const answer = await ask(app, 'cut', { method: 'POST', region: 'fra' })
    t.match(answer, { statusCode: 500, hops: { length: 1 } })
    t.match(answer.json(), { code: 'FST_MR_TRANSACTION_CLOSED' })
    t.same(await app.notes(), before, 'neither statement has stayed')
  },
  'tx-connection-lost-outside': async (t) => {
    await local('read')(t)
    t.ok(await database.killBackends('iad') > 0)
    await local('read')(t)
  },
  'tx-declared-read-write': replays('readwrite'),
  'tx-opened-before-promotion': async (t) => {
    const facts: FailureFacts = { ...failedRead, verdict: 'promoted', access: 'unknown', role: 'primary' }
    t.match(decideAfterFailure(facts), { type: 'retry', reason: 'role-changed' }, 'again here, by new facts')
    t.match(decideAfterFailure({ ...facts, attempts: { reads: 0, conflicts: 2 } }), { type: 'raise' }, 'a bounded number of times')
    t.match(decideAfterFailure({ ...facts, unit: 'callback' }), { type: 'raise', error: 'conflict' }, 'no callback runs twice, and no replay')
  },
  'tx-own-read-only-on-primary': failsHere('readonly-write', { method: 'POST', region: 'fra' }),
  'tx-read-only-on-replica': local('readonly'),
  'tx-serializable': replays('serializable'),

  'sql-advisory-lock': local('lock'),
  'sql-comment-hides-write': replays('hides-write'),
  'sql-comment-names-write': local('names-write'),
  'sql-ddl-truncate-merge': async (t) => { for (const name of ['ddl', 'truncate', 'merge']) await replays(name)(t) },
  'sql-do-block': async (t) => {
    await replays('do-block')(t)
    await local('do-swallows')(t)
  },
  'sql-explain': local('explain'),
  'sql-lastval': failsHere('lastval'),
  'sql-leading-space-case-comment': local('spaces'),
  'sql-literal-looks-like-lock': local('literal'),
  'sql-many-comments': replays('comments'),
  'sql-multi-statement': replays('multi'),
  'sql-prepared-write': replays('prepared'),
  'sql-stable-function': local('reading-function'),

  'ep-default-flipped': async (t) => {
    const strong = await startStand(t, { plugin: { consistency: 'strong' } })
    t.match(await ask(strong, 'read'), { statusCode: 200, hops: { length: 2 } })
    t.match(await ask(strong, 'eventual'), { statusCode: 200, hops: { length: 1 } })
  },
  'ep-migrations': async (t) => {
    await job.$executeRawUnsafe('create table migrated (id int)')
    t.same(await database.exec('select count(*)::text as n from migrated'), [{ n: '0' }])
    t.equal(await onStandby(job.$primary), false)
  },
  'ep-outside-request': async (t) => {
    await database.waitForReplay('iad')
    await waitFor('the process to read from its replica', async () => await onStandby(job) === true)
    t.equal(await job.$executeRawUnsafe(INSERT), 1)
    t.equal((await app.notes()).length, (await job.$queryRawUnsafe<unknown[]>('select 1 from note')).length, 'and reads it back')
  },
  'ep-primary-unreachable': async (t) => {
    const { app: cut, links } = await startLinked(t)
    await links.primary.refuse()
    links.primary.reset()
    const answer = await ask(cut, 'pinned')
    t.match(answer, { statusCode: 503, headers: { 'retry-after': '1' }, hops: { length: 1 } })
    t.match(await ask(cut, 'read'), { statusCode: 200, hops: { length: 1 } })
  },
  'ep-related-reads-follow': async (t) => { t.match((await ask(app, 'related')).json(), { region: 'iad', standby: [false, false] }) },
  'ep-uniqueness-check': replays('unique'),
  'ep-write-then-captured-write': async (t) => {
    const before = (await app.notes()).length
    t.match(await ask(app, 'twowrites'), { statusCode: 200, hops: { length: 1 } })
    t.equal((await app.notes()).length, before + 2)
  },

  'nc-inner-primary-wins': async (t) => { t.ok(setsCookie(await ask(app, 'own-scope'))) },
  'nc-no-downgrade-after-write': readsItsWrite('own-then-read-only'),
  'nc-parallel-branches': async (t) => { t.match((await ask(app, 'parallel')).json(), { region: 'iad', far: false, near: true }) },
  'nc-worker-between-jobs': async (t) => {
    await job.$primary.$executeRawUnsafe(INSERT)
    await database.waitForReplay('iad')
    await waitFor('the second job to read from the replica, which has it', async () => await onStandby(job) === true)
    t.equal((await job.$queryRawUnsafe<unknown[]>('select 1 from note')).length, (await app.notes()).length)
  },
  'nc-write-in-scope-outlives-it': readsItsWrite('own-scope'),
})
