import t from 'tap'
import { DriverFailure } from '../../lib/core/driver-failure.ts'
import type { Settled } from '../../lib/postgres/pipeline.ts'
import { ranOutside } from '../../lib/postgres/transaction.ts'

const ran: Settled = { status: 'fulfilled', value: { rows: [], columns: [], count: 1, command: 'INSERT' } }
const refusedBy = (onStandby: boolean): Settled => ({ status: 'rejected', reason: new DriverFailure('refused', { kind: 'server', code: '57014', sent: true, onStandby }) })

await t.test('a refused BEGIN with a statement that ran behind it leaves the outcome unknown', (t) => {
  t.match(ranOutside([refusedBy(false), ran], 1), { kind: 'lost', sent: true, code: '57014' })
  t.equal(ranOutside([refusedBy(true), ran], 1), undefined, 'on a standby nothing was written')
  t.equal(ranOutside([refusedBy(false), refusedBy(false)], 1), undefined, 'nothing ran')
  t.equal(ranOutside([ran, refusedBy(false)], 1), undefined, 'BEGIN stood')
  t.equal(ranOutside([ran], 0), undefined)
  t.end()
})
