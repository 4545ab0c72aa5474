// What a routing test starts from: a failed read of a request on a standby, of which nothing was tried yet.

import type { FailureFacts } from '../../lib/core/route-decision.ts'

export const failedRead: FailureFacts = Object.freeze({
  verdict: 'application',
  kind: 'server',
  access: 'read',
  unit: 'statement',
  ownReadOnly: false,
  target: 'local',
  role: 'standby',
  binding: 'auto',
  place: 'open',
  replay: 'unasked',
  shared: false,
  fellBack: 'no',
  whenPrimaryIsDown: 'fail',
  attempts: { reads: 0, conflicts: 0 },
  retries: { reads: 1, conflicts: 2 },
  schemaReplay: 'allowed',
})
