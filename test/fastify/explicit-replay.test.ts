// `reply.replay(target)`: the handler sends its request elsewhere.

import t from 'tap'
import type { ReplayTarget } from '../../lib/index.ts'
import { startApp } from './app-in-regions.ts'

const app = await startApp(t, {
  regions: ['fra', 'iad', 'nrt'],
  plugin: { maxReplayBody: 1_000 },
  build (app, region) {
    app.get<{ Params: { shard: string } }>('/shards/:shard', async (request, reply) => {
      const { shard } = request.params
      if (shard !== region) return reply.replay({ region: shard, state: `shard:${shard}`, timeout: 2_000, fallback: 'prefer-self' })
      const { origin, replayed, replayable } = request.multiRegion
      return { region, origin, replayed, replayable, rows: await request.db.$queryRaw`select text from note` }
    })
    app.get('/shards/:shard/write', async (request, reply) => {
      if (region !== 'nrt') return reply.replay({ region: 'nrt' })
      await request.db.$executeRaw`insert into note (text) values ('far')`
      return { region, decision: request.multiRegion.decision }
    })
    app.post<{ Body: ReplayTarget }>('/target', { config: { multiRegion: { intent: 'auto' } } }, (request, reply) => {
      reply.header('set-cookie', 'a=b')
      reply.replay(request.body)
    })
    app.get('/ping-pong', async (_request, reply) => reply.replay({ elsewhere: true }))
    app.get('/wrote', async (request, reply) => {
      request.multiRegion.markWritten()
      return reply.replay({ region: 'nrt' })
    })
  },
})

await t.test('the request runs where the target says, from a primary too', async (t) => {
  for (const region of ['fra', 'iad'] as const) {
    const answer = await app.ask(region, 'GET', '/shards/nrt')
    t.same(answer.hops.map((hop) => hop.region), [region, 'nrt'])
    t.match(answer.json(), { region: 'nrt', origin: { region, state: 'shard:nrt' }, replayed: true, replayable: false, rows: [{ text: 'first' }] })
  }
})

await t.test('a replayed request is not replayed again: its write goes directly', async (t) => {
  const answer = await app.ask('iad', 'GET', '/shards/x/write')
  t.same(answer.hops.map((hop) => hop.region), ['iad', 'nrt'])
  t.match(answer.json(), { region: 'nrt', decision: { type: 'direct', reason: 'replayed-already' } })
})

await t.test('a handler that replays everything is stopped at its second turn', async (t) => {
  const answer = await app.ask('iad', 'GET', '/ping-pong')
  t.equal(answer.hops.length, 2)
  t.equal(answer.statusCode, 503)
  t.match(answer.json(), { code: 'FST_MR_REPLAY_IMPOSSIBLE', message: /has been replayed before/ })
  t.equal(answer.headers['retry-after'], '1')
})

const post = async (target: unknown, headers: Record<string, string> = { 'fly-forwarded-port': '443' }): Promise<Response> =>
  await fetch(`${app.url('iad')}/target`, { method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify(target) })

await t.test('every documented target is written', async (t) => {
  const rows: readonly [ReplayTarget, RegExp][] = [
    [{ region: 'nrt' }, /^region=nrt;state=m1:iad:/],
    [{ region: ['nrt', 'any'] }, /^region="nrt,any";/],
    [{ instance: '00bb33ff' }, /^instance=00bb33ff;/],
    [{ region: 'nrt', preferInstance: '00bb33ff' }, /^region=nrt;prefer_instance=00bb33ff;/],
    [{ app: 'other-app', region: 'nrt' }, /^app=other-app;region=nrt;/],
    [{ elsewhere: true }, /^elsewhere=true;/],
    [{ region: 'nrt', timeout: 800, fallback: 'force-self', state: 'x' }, /^region=nrt;timeout=800ms;fallback=force_self;state=m1:iad:\w+:[\w-]+:x$/],
  ]
  for (const [target, header] of rows) {
    const answer = await post(target)
    t.equal(answer.status, 409)
    t.match(answer.headers.get('fly-replay'), header)
    t.equal(answer.headers.get('set-cookie'), null)
    t.equal(await answer.text(), '')
  }
})

await t.test('a wrong target is an error, and nothing of it is sent', async (t) => {
  for (const target of [{}, { region: 'nrt;x' }, { region: 'nrt\r\nx: y' }, { regoin: 'nrt' }, { region: 'nrt', state: 'a b' }]) {
    const answer = await post(target)
    t.equal(answer.status, 500)
    t.match(await answer.json(), { code: 'FST_MR_REPLAY_TARGET_INVALID' })
    t.equal(answer.headers.get('fly-replay'), null)
  }
})

await t.test('where it is impossible it says why', async (t) => {
  t.match(await (await post({ region: 'nrt' }, {})).json(), { code: 'FST_MR_REPLAY_IMPOSSIBLE', message: /did not come through a replaying proxy/ })
  t.match(await (await post({ region: 'nrt', state: 'x'.repeat(2_000) })).json(), { message: /larger than/ })
  t.match((await app.ask('iad', 'GET', '/wrote')).json(), { message: /has written here already/ })
  t.match((await app.apps.iad.inject('/ping-pong')).json(), { statusCode: 503 })
})
