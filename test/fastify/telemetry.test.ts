// OpenTelemetry attributes, with the API as apps have it and a context manager of our own in place of an SDK.

import { AsyncLocalStorage } from 'node:async_hooks'
import { context, ROOT_CONTEXT, trace, type Context, type Span } from '@opentelemetry/api'
import t from 'tap'
import { ATTRIBUTES } from '../../lib/fastify/telemetry.ts'
import { startApp } from './app-in-regions.ts'

const storage = new AsyncLocalStorage<Context>()
context.setGlobalContextManager({
  active: () => storage.getStore() ?? ROOT_CONTEXT,
  with: (active, work, receiver, ...values) => storage.run(active, () => work.apply(receiver as never, values)), // the receiver is whatever the caller gave
  bind: (_active, target) => target,
  enable () { return this },
  disable () { return this },
})
t.teardown(() => { context.disable() })

const spans: { readonly region: string, readonly attributes: Record<string, unknown> }[] = []
const app = await startApp(t, {
  before (app, region) {
    // As the instrumentation of the HTTP server does it.
    app.addHook('onRequest', (_request, _reply, done) => {
      const attributes = {}
      spans.push({ region, attributes })
      const span = { setAttributes: (given: object) => Object.assign(attributes, given) } as unknown as Span // what is used of it
      context.with(trace.setSpan(context.active(), span), done)
    })
  },
  build (app) {
    app.get('/', () => 'nothing of ours')
    app.get('/notes', async (request) => await request.db.$queryRaw`select text from note`)
    app.post('/notes', async (request) => ({ made: await request.db.$executeRaw`insert into note (text) values ('x')` }))
  },
})

await t.test('a request tells its span how it was decided, in each region that it passes', async (t) => {
  await app.ask('iad', 'GET', '/notes')
  await app.ask('iad', 'POST', '/notes', { payload: {} })
  await app.apps.iad.inject({ method: 'POST', url: '/notes' })
  t.match(spans, [
    { region: 'iad', attributes: { [ATTRIBUTES.database]: 'db', [ATTRIBUTES.region]: 'iad', [ATTRIBUTES.primaryRegion]: 'fra', [ATTRIBUTES.decision]: 'local', [ATTRIBUTES.reason]: 'open', [ATTRIBUTES.replayed]: false, [ATTRIBUTES.statements]: 1 } },
    { region: 'iad', attributes: { [ATTRIBUTES.decision]: 'replay', [ATTRIBUTES.reason]: 'write-method' } },
    { region: 'fra', attributes: { [ATTRIBUTES.decision]: 'local', [ATTRIBUTES.reason]: 'local-write', [ATTRIBUTES.replayed]: true } },
    { region: 'iad', attributes: { [ATTRIBUTES.decision]: 'direct', [ATTRIBUTES.stay]: 'not-proxied' } },
  ])
})

await t.test('a request that touches no database says nothing', async (t) => {
  spans.length = 0
  await app.ask('iad', 'GET', '/')
  t.same(spans, [{ region: 'iad', attributes: {} }])
})
