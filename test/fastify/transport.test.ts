// Another proxy than Fly's, by the transport interface; and the keys of the hop marker.

import t from 'tap'
import { resolveOptions, type PluginOptions } from '../../lib/core/options.ts'
import { readHopMarker, writeHopMarker } from '../../lib/core/replay-header.ts'
import { hopMacs } from '../../lib/fastify/hop-key.ts'
import type { ReplayTransport } from '../../lib/index.ts'
import { startApp } from './app-in-regions.ts'

const transport: ReplayTransport = {
  name: 'x-run-at',
  accepts: ({ headers }) => headers['x-proxy'] === 'yes',
  origin: (headers) => typeof headers['x-state'] === 'string' ? { region: undefined, instance: undefined, state: headers['x-state'] } : null,
  failed: (headers) => headers['x-failed'] !== undefined,
  answer: (target) => ({ statusCode: 307, headers: { 'x-run-at': 'region' in target ? String(target.region) : '', 'x-state': target.state ?? '' } }),
}

await t.test('a transport of one\'s own is asked for everything that the proxy has to do with', async (t) => {
  const app = await startApp(t, {
    regions: ['iad'],
    plugin: { replay: transport },
    build (app) {
      app.post('/x', async (request) => {
        await request.db.$executeRaw`insert into note (text) values ('x')`
        return request.multiRegion.decision
      })
    },
  })
  const send = async (headers: Record<string, string>): Promise<{ status: number, headers: Record<string, unknown>, body: string }> => {
    const answer = await app.apps.iad.inject({ method: 'POST', url: '/x', headers })
    return { status: answer.statusCode, headers: answer.headers, body: answer.body }
  }
  const replay = await send({ 'x-proxy': 'yes' })
  t.match(replay, { status: 307, headers: { 'x-run-at': 'fra', 'x-state': /^m1:iad:/, 'cache-control': 'no-store' }, body: '' })
  t.match((await send({})).body, 'not-proxied')
  t.match((await send({ 'x-proxy': 'yes', 'x-failed': '1' })).body, 'replay-failed')
  t.match((await send({ 'x-proxy': 'yes', 'x-state': String(replay.headers['x-state']) })).body, 'replayed-already')
})

await t.test('all regions sign with the same key, and nobody else does', async (t) => {
  const macs = (options: Partial<PluginOptions>): ReturnType<typeof hopMacs> => hopMacs(resolveOptions({ database: 'postgres://ada:secret@fra.example.com/x', ...options }, {}))
  const nowMs = 1_000_000_000_000
  const state = writeHopMarker({ region: 'iad', nowMs, mac: macs({})[0], priority: 'native' })
  const reads = (options: Partial<PluginOptions>): boolean => macs(options).some((mac) => readHopMarker(state, { nowMs, mac }).type === 'valid')
  t.ok(reads({ database: 'postgres://ada:secret@iad.example.com:6000/x' }), 'the host may differ by region')
  t.notOk(reads({ database: 'postgres://ada:other@fra.example.com/x' }), 'another password')
  t.notOk(reads({ database: 'postgres://ada:secret@fra.example.com/y' }), 'another database')
  t.notOk(reads({ token: { key: 'a'.repeat(64) } }), 'the token\'s key counts where there is one')

  const [a, b] = ['a'.repeat(64), 'b'.repeat(64)]
  const old = writeHopMarker({ region: 'iad', nowMs, mac: macs({ token: { key: a } })[0], priority: 'native' })
  t.ok(macs({ token: { key: [b, a] } }).some((mac) => readHopMarker(old, { nowMs, mac }).type === 'valid'), 'while the key is rotated')
  const passphrase = { token: { secret: 'x'.repeat(32), salt: '00'.repeat(16) } }
  t.equal(macs(passphrase)[0]('text'), macs(passphrase)[0]('text'))
  t.equal(macs({ database: { primary: async () => 'postgres://x/y' } })[0]('text').length, 16)
})
