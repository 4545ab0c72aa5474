// Servers and helpers that are not what the plugin would like: without positions, behind a pooler, with an app that hangs.

import process from 'node:process'
import { TIMES } from './app.ts'
import { edgeMayFail, needsPrimary, type Fault } from './fault.ts'
import { PRIMARY } from './stand.ts'

/** In front of `pg_catalog` in the search path of the role, these take the place of the real ones; as Aurora refuses them. */
const REFUSING = `
  create role plain login;
  create schema refusing;
  ${[
    'pg_last_wal_replay_lsn() returns pg_lsn', 'pg_last_wal_receive_lsn() returns pg_lsn', 'pg_current_wal_flush_lsn() returns pg_lsn',
    'pg_current_wal_insert_lsn() returns pg_lsn', 'pg_current_wal_lsn() returns pg_lsn', 'pg_walfile_name(pg_lsn) returns text',
    'pg_control_checkpoint() returns record', 'pg_control_recovery() returns record', 'pg_control_system() returns record', 'pg_postmaster_start_time() returns timestamptz',
  ].map((signature) => `create function refusing.${signature} language plpgsql as $$ begin raise exception 'Function is not supported' using errcode = '0A000'; end $$;`).join('\n')}
  grant usage on schema refusing to plain;
  grant select, insert on all tables in schema public to plain;
  grant usage on all sequences in schema public to plain;
  alter role plain set search_path = refusing, pg_catalog, public;
`

export const oddFaults: readonly Fault[] = [
  {
    name: 'no-position-functions',
    group: 'odd',
    promise: 'works by time; a refusal never opens a breaker',
    stand: { primaries: 'one-address', user: 'plain', sql: REFUSING },
    inject: async ({ stand }) => {
      await stand.cluster.kill('iad')
    },
    during: (stage) => {
      const health = stage.stand.apps.get('nrt')?.multiRegion.health()
      if (health?.endpoints.local.breaker !== 'closed' || health.endpoints.primary.breaker !== 'closed') stage.breach(`a breaker is open: ${JSON.stringify(health)}`)
    },
    heal: ({ stand }) => stand.cluster.start('iad'),
  },
  {
    name: 'pooler-between',
    group: 'odd',
    promise: 'as without it, unprepared: reads served elsewhere',
    stand: { primaries: 'one-address', pooler: true, plugin: { pool: { max: 10, primaryMax: 5, queueTimeout: TIMES.queueMs, prepare: false } } },
    inject: async (stage) => {
      stage.note(String(stage.stand.pooler))
      await stage.stand.cluster.kill('iad')
    },
    holdMs: 2_500,
    heal: ({ stand }) => stand.cluster.start('iad'),
    // A pooler has a pause of its own before it tries again.
    recoverWithinMs: 8_000,
  },
  {
    name: 'app-of-primary-frozen',
    group: 'apart',
    promise: 'local reads unaffected; the edge alone bounds the rest',
    stand: { primaries: 'one-address', processes: true },
    holdMs: 2_500,
    inject: (stage) => {
      const needs = (sample: Parameters<typeof needsPrimary>[0]): boolean => needsPrimary(sample) || sample.kind === 'stale'
      stage.excuse(edgeMayFail(stage, needs, 6_000))
      // All that came meanwhile is there at once when it runs again.
      stage.excuse((sample) => needs(sample) && sample.status === 503 && sample.code === 'FST_MR_OVERLOADED' && sample.retryAfter ? sample.code : undefined)
      const pid = stage.stand.instances.get(PRIMARY)?.pid
      if (pid === undefined) throw new Error('the app runs in no process of its own')
      process.kill(pid, 'SIGSTOP')
    },
    heal: (stage) => {
      const pid = stage.stand.instances.get(PRIMARY)?.pid
      if (pid !== undefined) process.kill(pid, 'SIGCONT')
    },
  },
  {
    name: 'app-of-primary-killed',
    group: 'odd',
    promise: 'the process is gone: written straight to the primary',
    stand: { primaries: 'one-address', processes: true },
    holdMs: 2_000,
    inject: async (stage) => {
      let goneAt = Number.POSITIVE_INFINITY
      // What had reached the process before it was gone; and its region's own clients have no other.
      stage.excuse(edgeMayFail(stage, (sample) => sample.startedAt < goneAt || sample.region === PRIMARY || sample.startedAt > stage.injectedAt + 1_900))
      // Half of the far pool is for requests that came back; the rest of their burst is shed.
      stage.excuse((sample) => sample.status === 503 && (sample.code === 'FST_MR_OVERLOADED' || (sample.code === 'FST_MR_PRIMARY_UNAVAILABLE' && sample.hops.some((hop) => hop.cause === 'fallback'))) && sample.retryAfter ? sample.code : undefined)
      await stage.stand.instances.get(PRIMARY)?.stop('kill')
      goneAt = performance.now()
    },
    heal: async ({ stand }) => { await stand.instances.get(PRIMARY)?.start() },
    recoverWithinMs: 12_000,
  },
]
