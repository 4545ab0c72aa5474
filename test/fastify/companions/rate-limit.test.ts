// @fastify/rate-limit: its hook is the route's, behind ours wherever it is registered. A replayed request is counted
// where it runs; a capture inside a handler has been counted before.

import rateLimit from '@fastify/rate-limit'
import t from 'tap'
import { startApp } from '../app-in-regions.ts'

for (const order of ['before', 'behind'] as const) {
  await t.test(`registered ${order} the plugin`, async (t) => {
    const app = await startApp(t, {
      async before (app) { if (order === 'before') await app.register(rateLimit, { max: 3, timeWindow: 60_000 }) },
      async build (app, region) {
        if (order === 'behind') await app.register(rateLimit, { max: 3, timeWindow: 60_000 })
        app.post('/x', async () => ({ region }))
        app.get('/captured', async (request) => {
          await request.db.$executeRaw`insert into note (text) values ('x')`
          return { region }
        })
      },
    })
    const remaining: (string | string[] | undefined)[] = []
    for (let i = 0; i < 3; i++) remaining.push((await app.ask('iad', 'POST', '/x')).headers['x-ratelimit-remaining'])
    t.same(remaining, ['2', '1', '0'], 'counted in the region that ran it')
    t.equal((await app.ask('iad', 'POST', '/x')).statusCode, 429)
    const captured = await app.apps.iad.inject('/captured')
    t.equal(captured.headers['x-ratelimit-remaining'], '2', 'replays by method were not counted here')
    const answer = await fetch(`${app.url('iad')}/captured`, { headers: { 'fly-forwarded-port': '443' } })
    t.equal(answer.status, 409)
    t.equal(answer.headers.get('x-ratelimit-remaining'), null)
    t.equal((await app.apps.iad.inject('/captured')).headers['x-ratelimit-remaining'], '0', 'the capture was counted')
  })
}
