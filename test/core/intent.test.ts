import t from 'tap'
import { deriveIntent, earlyReason, type RouteIntent } from '../../lib/core/intent.ts'

const route = (given: Partial<RouteIntent> = {}): RouteIntent => ({ declared: undefined, leftAlone: false, notFound: false, writeMethods: new Set(['POST', 'PUT', 'PATCH', 'DELETE']), ...given })

const rows = [
  { name: 'a GET without config', route: route(), method: 'GET', intent: ['auto', 'method'], early: null, strong: 'strong-consistency' },
  { name: 'a POST without config', route: route(), method: 'POST', intent: ['write', 'method'], early: 'write-method', strong: 'write-method' },
  { name: 'a DELETE without config', route: route(), method: 'DELETE', intent: ['write', 'method'], early: 'write-method', strong: 'write-method' },
  { name: 'a POST that may only read', route: route({ declared: 'auto' }), method: 'POST', intent: ['auto', 'route'], early: null, strong: 'strong-consistency' },
  { name: 'a POST that reads', route: route({ declared: 'read' }), method: 'POST', intent: ['read', 'route'], early: null, strong: 'strong-consistency' },
  { name: 'a GET that writes', route: route({ declared: 'write' }), method: 'GET', intent: ['write', 'route'], early: 'write-intent', strong: 'write-intent' },
  { name: 'a method taken off the list', route: route({ writeMethods: new Set(['POST']) }), method: 'PUT', intent: ['auto', 'method'], early: null, strong: 'strong-consistency' },
  { name: 'an unknown route', route: route({ notFound: true }), method: 'POST', intent: ['auto', 'not-found'], early: null, strong: null },
  { name: 'a route left alone', route: route({ leftAlone: true }), method: 'POST', intent: ['auto', 'left-alone'], early: null, strong: null },
  { name: 'OPTIONS, though the route writes', route: route({ declared: 'write' }), method: 'OPTIONS', intent: ['auto', 'never-replayed-method'], early: null, strong: null },
  { name: 'HEAD, though the route writes', route: route({ declared: 'write' }), method: 'HEAD', intent: ['auto', 'never-replayed-method'], early: null, strong: null },
] as const

for (const row of rows) {
  await t.test(row.name, (t) => {
    const intent = deriveIntent(row.route, row.method)
    t.same([intent.type, intent.source], row.intent)
    t.equal(earlyReason(intent, 'eventual'), row.early)
    t.equal(earlyReason(intent, 'strong'), row.strong)
    t.equal(deriveIntent(row.route, row.method), intent, 'nothing is made per request')
    t.end()
  })
}
