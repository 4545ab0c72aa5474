import { channel } from 'node:diagnostics_channel'
import t from 'tap'
import { channels } from '../../lib/core/diagnostics.ts'

await t.test('the channels are those of the reference, and cost nothing while nobody listens', (t) => {
  const names = ['request:decided', 'request:replayed', 'query:routed', 'query:failed', 'token:stamped', 'token:awaited', 'token:rejected', 'endpoint:health', 'endpoint:role', 'fallback:used', 'capture:late', 'pool:saturated']
  t.same(Object.values(channels).map((one) => one.name), names.map((name) => `fastify-multi-region:${name}`))
  for (const one of Object.values(channels)) t.notOk(one.hasSubscribers)
  const seen: unknown[] = []
  const listen = (message: unknown): void => { seen.push(message) }
  channel('fastify-multi-region:fallback:used').subscribe(listen)
  t.ok(channels.fallbackUsed.hasSubscribers)
  channels.fallbackUsed.publish({ database: 'db', region: 'iad', reason: 'not-proxied' })
  channel('fastify-multi-region:fallback:used').unsubscribe(listen)
  t.same(seen, [{ database: 'db', region: 'iad', reason: 'not-proxied' }])
  t.end()
})
