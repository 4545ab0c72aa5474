// What an app hears whose optional packages are not installed. For this process Node looks for them under another
// name, so the failure is Node's own.

import { register } from 'node:module'
import Fastify from 'fastify'
import t from 'tap'
import multiRegion, { type PluginOptions } from '../../lib/index.ts'
import { createTestDatabase } from '../support/shared-cluster.ts'

const ABSENT = ['@fastify/secure-session', 'prom-client']
const hooks = `export const resolve = (specifier, context, next) => next(${JSON.stringify(ABSENT)}.includes(specifier) ? specifier + '-that-is-not-installed' : specifier, context)`
register(`data:text/javascript,${encodeURIComponent(hooks)}`)

const database = await createTestDatabase(t)
const key = Buffer.alloc(32, 3)

const rows: readonly { readonly option: string, readonly peer: string, readonly given: PluginOptions }[] = [
  { option: 'token', peer: '@fastify/secure-session', given: { token: { key } } },
  { option: 'token', peer: '@fastify/secure-session', given: { token: { secret: 'a secret that is long enough to derive a key', salt: Buffer.alloc(16, 1) } } },
  { option: 'metrics', peer: 'prom-client', given: { metrics: { route: '/metrics' } } },
  { option: 'metrics', peer: 'prom-client', given: { metrics: {} } },
]
for (const { option, peer, given } of rows) {
  await t.test(`${peer} is not there: \`${option}\` with ${Object.keys(Object.values(given)[0] ?? {}).join(', ') || 'nothing more'}`, async (t) => {
    const app = Fastify()
    t.teardown(async () => { await app.close() })
    app.register(multiRegion, { database: database.primaryUrl, ...given })
    await t.rejects(Promise.resolve(app.ready()), {
      code: 'FST_MR_PEER_MISSING',
      message: `The option \`${option}\` needs the package \`${peer}\`: npm install ${peer}`,
      cause: { code: 'ERR_MODULE_NOT_FOUND' },
    })
    t.equal(await database.connections('primary'), 0, 'nothing was opened')
  })
}

await t.test('without these options nobody asks for them', async (t) => {
  const app = Fastify()
  t.teardown(async () => { await app.close() })
  await app.register(multiRegion, { database: database.primaryUrl })
  app.get('/', async (request) => await request.db.$queryRaw`select 1 as one`)
  t.same((await app.inject('/')).json(), [{ one: 1 }])
})
