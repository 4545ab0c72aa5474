// @fastify/compress and @fastify/etag: any order, since the replay answer's payload is null.

import compress from '@fastify/compress'
import etag from '@fastify/etag'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { startApp } from '../app-in-regions.ts'

async function plugins (app: FastifyInstance): Promise<void> {
  await app.register(compress, { threshold: 0 })
  await app.register(etag)
}

for (const order of ['before', 'behind'] as const) {
  await t.test(`registered ${order} the plugin`, async (t) => {
    const app = await startApp(t, {
      async before (app) { if (order === 'before') await plugins(app) },
      async build (app, region) {
        if (order === 'behind') await plugins(app)
        app.get('/captured', async (request) => {
          await request.db.$executeRaw`insert into note (text) values ('x')`
          return { region }
        })
        app.post('/rule', async () => ({ region }))
      },
    })
    for (const [method, url] of [['GET', '/captured'], ['POST', '/rule']] as const) {
      const replay = await fetch(`${app.url('iad')}${url}`, { method, headers: { 'fly-forwarded-port': '443', 'accept-encoding': 'gzip' } })
      t.equal(replay.status, 409)
      t.match(replay.headers.get('fly-replay'), /^region=fra/)
      t.equal(replay.headers.get('content-encoding'), null)
      t.equal(replay.headers.get('etag'), null)
      t.equal(replay.headers.get('content-length'), '0')
      const answer = await app.ask('iad', method, url, { headers: { 'accept-encoding': 'identity' } })
      t.match(answer.json(), { region: 'fra' })
    }
  })
}
