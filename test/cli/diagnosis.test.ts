// What no server of the kit can be made to show: clocks, certificates near their end, crowds, lag.

import t from 'tap'
import { diagnose, type Examined, type Finding } from '../../lib/cli/diagnosis.ts'
import { parseEndpoint } from '../../lib/core/endpoint.ts'
import type { Lsn } from '../../lib/core/lsn.ts'
import type { Inspected } from '../../lib/postgres/inspect-endpoint.ts'

const NOW_MS = Date.UTC(2026, 0, 1)
const DAY_MS = 24 * 60 * 60_000

const server = (role: 'primary' | 'standby', given: Partial<Inspected> = {}): Inspected => ({
  type: 'answered',
  addresses: 1,
  seen: { role, fingerprint: { system: '1', address: '10.0.0.1', port: '5432', startedAt: role }, timeline: 1, appliedLsn: role === 'standby' ? 1_000n as Lsn : undefined, flushLsn: role === 'primary' ? 1_000n as Lsn : undefined },
  settings: { version: 180_004, maxConnections: 100, reservedConnections: 3, synchronousCommit: 'on', defaultReadOnly: false, geometry: undefined, hotStandbyFeedback: true, maxStandbyStreamingDelayMs: 30_000, pooler: 'none' },
  roundTripMs: 1,
  clockSkewMs: 0,
  pooler: 'none',
  tls: undefined,
  connections: 10,
  connectionLimit: undefined,
  superuser: false,
  replayPaused: false,
  receiving: true,
  applyDelayMs: 0,
  synchronousStandbyNames: '',
  ...given,
})

interface Given { readonly primary?: Partial<Inspected>, readonly replica?: Partial<Inspected>, readonly url?: string, readonly region?: string }

function findingsOf ({ primary, replica, url = 'postgres://a@10.0.0.1/x', region = 'iad' }: Given): Finding[] {
  const examined: Examined = {
    setUp: { region, primaryRegion: 'fra', replay: 'fly', key: 'set', pool: { max: 10, primaryMax: 5, prepare: true }, statementTimeoutMs: 15_000, nowMs: NOW_MS },
    primary: { endpoint: parseEndpoint(url, 'primary'), found: server('primary', primary) },
    replica: { endpoint: parseEndpoint('postgres://a@10.0.0.2/x', 'replica'), found: server('standby', replica) },
  }
  return diagnose(examined)
}

const settings = server('primary').settings
const seen = server('standby').seen
const rows: readonly { readonly name: string, readonly given: Given, readonly expect: readonly string[] }[] = [
  { name: 'all is well', given: {}, expect: [] },
  { name: 'a clock that is behind', given: { primary: { clockSkewMs: -2_500 } }, expect: ['warning primary clock'] },
  { name: 'a clock that may be right, over a long way', given: { primary: { clockSkewMs: 1_100, roundTripMs: 300 } }, expect: [] },
  { name: 'a public address without TLS', given: { url: 'postgres://a@db.example.com/x' }, expect: ['warning primary tls'] },
  { name: 'a certificate that ends soon', given: { url: 'postgres://a@db.example.com/x?sslmode=verify-full', primary: { tls: { trusted: true, problem: undefined, expiresAtMs: NOW_MS + 3 * DAY_MS } } }, expect: ['warning primary certificate'] },
  { name: 'a certificate that has ended', given: { url: 'postgres://a@db.example.com/x?sslmode=require', primary: { tls: { trusted: false, problem: 'CERT_HAS_EXPIRED', expiresAtMs: NOW_MS - DAY_MS } } }, expect: ['warning primary certificate', 'warning primary certificate'] },
  { name: 'a server that is nearly full', given: { primary: { connections: 95 } }, expect: ['warning primary pool'] },
  { name: 'a server that is too small for the pool', given: { replica: { settings: { ...settings, maxConnections: 12 } } }, expect: ['warning replica pool'] },
  { name: 'an old version', given: { primary: { settings: { ...settings, version: 130_010 } } }, expect: ['warning primary version'] },
  { name: 'much lag', given: { replica: { seen: { ...seen, appliedLsn: 0n as Lsn } }, primary: { seen: { ...server('primary').seen, flushLsn: 100n * 1024n * 1024n as Lsn } } }, expect: ['warning replica lag'] },
  { name: 'a standby on another timeline', given: { replica: { seen: { ...seen, timeline: 2 } } }, expect: ['warning replica timeline'] },
  { name: 'a standby that nobody feeds', given: { replica: { receiving: false } }, expect: ['warning replica streaming'] },
  { name: 'a standby that is late on purpose', given: { replica: { applyDelayMs: 60_000 } }, expect: ['warning replica replay'] },
  { name: 'a standby that tells no position', given: { replica: { seen: { ...seen, appliedLsn: undefined } } }, expect: ['warning replica positions'] },
  { name: 'a standby of another cluster', given: { replica: { seen: { ...seen, fingerprint: { ...seen.fingerprint, system: '2' } } } }, expect: ['error replica system'] },
  { name: 'a replica that left replication', given: { replica: { seen: { ...seen, role: 'primary' } }, primary: { seen: { ...server('primary').seen, timeline: 2 } } }, expect: ['error replica role'] },
]

for (const { name, given, expect } of rows) {
  const found = findingsOf(given)
  const serious = found.filter(({ level }) => level === 'warning' || level === 'error')
  t.same(serious.map(({ level, endpoint, check }) => `${level} ${endpoint ?? ''} ${check}`), expect, name)
  t.ok(serious.every(({ remedy }) => remedy !== undefined), `${name}: each says what to change`)
}
