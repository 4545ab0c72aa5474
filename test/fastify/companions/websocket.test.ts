// @fastify/websocket: a replay must happen before the handshake; after it the socket's writes go directly.

import { once } from 'node:events'
import websocket from '@fastify/websocket'
import t from 'tap'
import { WebSocket } from 'ws'
import { startApp } from '../app-in-regions.ts'

const app = await startApp(t, {
  async build (app, region) {
    await app.register(websocket)
    app.get('/declared', { websocket: true, config: { multiRegion: { intent: 'write' } } }, (socket, request) => {
      socket.on('message', () => { request.db.$executeRaw`insert into note (text) values ('socket')`.then(() => { socket.send(region) }, (error: Error) => { socket.send(error.message) }) })
    })
    app.get('/plain', { websocket: true }, (socket, request) => {
      socket.on('message', () => {
        request.db.$executeRaw`insert into note (text) values ('socket')`
          .then(() => request.db.$queryRaw<{ count: number }[]>`select count(*)::int as count from note`)
          .then((rows) => { socket.send(`${region} ${request.multiRegion.decision.reason} ${rows[0]?.count}`) }, (error: Error) => { socket.send(error.message) })
      })
    })
  },
})

async function talk (path: string): Promise<string> {
  const socket = new WebSocket(`${app.edge.url('iad').replace('http', 'ws')}${path}`)
  await once(socket, 'open')
  socket.send('write')
  const [message] = await once(socket, 'message') as [Buffer]
  socket.close()
  await once(socket, 'close')
  return message.toString()
}

await t.test('with intent: \'write\' the upgrade itself is replayed', async (t) => {
  t.equal(await talk('/declared'), 'fra')
  t.equal(await talk('/declared'), 'fra', 'the connection of a replayed upgrade is not used again')
  t.equal((await app.notes()).length, 3)
})

await t.test('after the upgrade a write goes directly, and the socket reads what it wrote', async (t) => {
  await app.database.waitForReplay()
  await app.database.pauseReplay('iad')
  t.equal(await talk('/plain'), 'iad upgraded 4')
  await app.database.resumeReplay('iad')
})
