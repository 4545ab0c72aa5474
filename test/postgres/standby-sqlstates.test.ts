// The measured table, executed: every statement of it that can be run, on a real standby and on a real primary
// that is read-only by its own setting.

import t from 'tap'
import { DriverFailure } from '../../lib/core/driver-failure.ts'
import { classify } from '../../lib/core/verdict.ts'
import type { Pool } from '../../lib/postgres/pool.ts'
import { expectedVerdict, measuredRows, OK, type MeasuredRow } from '../core/standby-sqlstates.ts'
import { openPool } from '../support/open-pool.ts'
import { createTestDatabase } from '../support/shared-cluster.ts'

const database = await createTestDatabase(t, `
  create table t (id int generated always as identity primary key, v text);
  insert into t (v) values ('a'), ('b');
  create view vw as select * from t;
  create table part (a int, b int) partition by range (a);
  create table part_1 partition of part for values from (0) to (10);
  create unlogged table ul (i int);
  create sequence sq;
  select nextval('sq');
  create function wfn_sql() returns int language sql as $$insert into t (v) values ('f') returning id$$;
  create function wfn_dyn() returns void language plpgsql as $$begin execute 'insert into t (v) values (1)'; end$$;
  create function wfn_swallow() returns text language plpgsql as $$begin insert into t (v) values ('s'); return 'wrote'; exception when others then return 'swallowed'; end$$;
  create index brin_t on t using brin (id);
  select lo_from_bytea(4242, 'abc');
`)
await database.waitForReplay()

/** Rows that need more than one session, another server version, or a server of their own (those are in failover.test.ts). */
const isExecutable = (row: MeasuredRow): boolean => !row.statement.startsWith('[') && !row.statement.includes('dblink')

/** The table joins statements by `; `, but for those in quotes and function bodies. */
function parts (statement: string): string[] {
  const text = statement.replace(/\s+\[failed at: .*\]$/, '')
  return /\$\$|^CREATE OR REPLACE/.test(text) ? [text] : text.split('; ')
}

/** One after the other, as a client would; the first failure ends it, except behind a savepoint and where the table shows a later statement. */
async function run (pool: Pool, statement: string, goOn: boolean): Promise<DriverFailure | undefined> {
  const connection = await pool.acquire()
  let failure: DriverFailure | undefined
  try {
    for (const text of parts(statement)) {
      try {
        await connection.query({ text, params: [] })
        if (/^ROLLBACK TO/.test(text)) failure = undefined
      } catch (error) {
        if (!(error instanceof DriverFailure)) throw error
        failure = error
        if (!goOn) break
      }
    }
    return failure
  } finally {
    connection.destroy()
    pool.release(connection)
  }
}

const goesOn = (row: MeasuredRow): boolean => row.sqlstate === '25P02' || row.statement.includes('SAVEPOINT')

/** COPY is not for this client: a standby's own word comes before that, an allowed one ends here. */
const isCopyOut = (row: MeasuredRow): boolean => /^COPY .* TO STDOUT/.test(row.statement)

await t.test('on a standby', async (t) => {
  const pool = openPool(t, database.replicaUrls.iad, { max: 1 })
  for (const row of measuredRows().filter(isExecutable)) {
    const failure = await run(pool, row.statement, goesOn(row))
    if (isCopyOut(row)) {
      t.equal(failure?.code, 'COPY_UNSUPPORTED', row.statement)
      continue
    }
    t.equal(failure?.code ?? OK, row.sqlstate18, `${row.statement}: the code that was measured`)
    if (failure === undefined) continue
    t.equal(failure.onStandby, true, `${row.statement}: the session knows where it is`)
    for (const role of ['standby', 'unknown'] as const) t.equal(classify(failure, role), expectedVerdict(row, failure.code), `${row.statement}: ${failure.code} ${failure.routine ?? ''} (role ${role})`)
  }
})

await t.test('statements of the same kind that are not in the table', async (t) => {
  const pool = openPool(t, database.replicaUrls.iad, { max: 1 })
  for (const statement of [
    'TRUNCATE t', 'VACUUM t', 'REINDEX TABLE t', 'LISTEN ch', 'CREATE TEMP TABLE tt (i int)', "SELECT nextval('sq')", "SELECT setval('sq', 5)", 'SELECT * FROM t FOR UPDATE',
    'SELECT * FROM t FOR SHARE', 'LOCK TABLE t', "BEGIN; PREPARE TRANSACTION 'g'", "ROLLBACK PREPARED 'g'", 'SELECT pg_current_wal_lsn()', 'SELECT pg_switch_wal()',
    "SELECT pg_walfile_name('0/1000000')", "SELECT pg_logical_emit_message(false, 'a', 'b')", "SELECT pg_logical_emit_message(true, 'a', 'b')", 'SELECT pg_current_xact_id()', 'SELECT txid_current()',
    "SELECT brin_summarize_new_values('brin_t')", 'SELECT pg_log_standby_snapshot()', 'BEGIN; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE', 'START TRANSACTION READ WRITE',
    'EXPLAIN ANALYZE INSERT INTO t (v) VALUES (1)', 'REFRESH MATERIALIZED VIEW mv', 'GRANT SELECT ON t TO public', 'IMPORT FOREIGN SCHEMA s FROM SERVER x INTO y', 'CLUSTER t',
    "SELECT pg_replication_origin_create('o')", "SELECT lo_from_bytea(0, 'x')", 'SELECT * FROM ul', 'SELECT pg_import_system_collations(\'pg_catalog\')',
  ]) {
    const failure = await run(pool, statement, false)
    t.ok(failure !== undefined, `${statement} fails`)
    if (failure !== undefined) t.equal(classify(failure, 'standby'), 'standby-refusal', `${statement}: ${failure.code} ${failure.routine ?? ''}`)
  }
  for (const statement of ['SELECT pg_advisory_lock(1)', 'SET search_path = public', 'SELECT pg_notification_queue_usage()', 'DECLARE c CURSOR FOR SELECT 1', 'SELECT nothing_like_it()', "SELECT 'x'::int", 'SELECT pg_backup_stop()', 'selec 1']) {
    const failure = await run(pool, statement, false)
    if (failure !== undefined) t.not(classify(failure, 'standby'), 'standby-refusal', `${statement}: ${failure.code} ${failure.routine ?? ''}`)
  }
})

await t.test('on a primary that is read-only by its own setting', async (t) => {
  await database.exec(`alter database ${database.name} set default_transaction_read_only = on`)
  const pool = openPool(t, database.primaryUrl, { max: 1 })
  let refused = 0
  for (const row of measuredRows().filter(isExecutable)) {
    // These write all the same: read-only transactions do not stop them, or they end the setting.
    if (/CREATE DATABASE|ALTER SYSTEM|default_transaction_read_only = off|READ WRITE|lo_import|DISCARD/.test(row.statement) || isCopyOut(row) || /^COPY/.test(row.statement)) continue
    const failure = await run(pool, row.statement, goesOn(row))
    if (failure === undefined) continue
    if (failure.code === '25006') refused++
    for (const role of ['primary', 'unknown', 'standby'] as const) {
      const verdict = classify(failure, role)
      t.not(verdict, 'standby-refusal', `${row.statement}: ${failure.code} ${failure.routine ?? ''} (role ${role})`)
      if (failure.code === '25006' && role !== 'standby') t.equal(verdict, 'read-only-primary', row.statement)
    }
  }
  t.ok(refused > 20, `${refused} statements were refused with the code that a standby uses`)
})
