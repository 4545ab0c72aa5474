// What a primary that was killed had committed and nobody else has: asked of a copy of it that nothing can reach.

import { rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { formatLsn, type Lsn } from '../../lib/core/lsn.ts'
import { findBinaries } from '../../lib/testing/binaries.ts'
import { PostgresServer } from '../../lib/testing/server.ts'
import { positionIn } from './log-position.ts'
import { DATABASE } from './stage.ts'

/**
 * Writers in `written` whose commits end behind a position of the dead server's log, each with that end. The server
 * itself stays down: a primary of an ended timeline that answers would be another fault than the one made.
 */
export async function writersBehind (dead: PostgresServer, position: Lsn): Promise<ReadonlyMap<string, bigint>> {
  const copy = new PostgresServer({ name: `${dead.name}-post-mortem`, root: dirname(dead.directory), binaries: await findBinaries() })
  try {
    await copy.copyFrom(dead, 'never-started')
    await copy.configure({})
    await copy.start()
    const rows = await copy.query(`
      select w.writer, r.end_lsn::text as ended
      from pg_get_wal_records_info('${formatLsn(position)}', pg_current_wal_flush_lsn()) r
      join written w on w.xmin = r.xid
      where r.resource_manager = 'Transaction' and r.record_type = 'COMMIT'`, { database: DATABASE })
    return new Map(rows.map((row) => [String(row['writer']), positionIn(row['ended'])]))
  } finally {
    await copy.dispose()
    await rm(copy.directory, { recursive: true, force: true })
  }
}
