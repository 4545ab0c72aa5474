// A socket lives in one region. Which one is decided before the upgrade; afterwards writes go straight to the primary.

import websocket from '@fastify/websocket'
import Fastify from 'fastify'
import multiRegion from 'fastify-multi-region'
import * as schema from './schema.ts'

export async function buildApp () {
  const app = Fastify()
  await app.register(websocket) // before the routes
  await app.register(multiRegion, { schema })

  // #region near
  // Beside the user: reads are local, each write is one trip, and this socket reads what it wrote.
  app.get('/feed', { websocket: true }, (socket, request) => {
    socket.on('message', (title) => {
      request.db.post.create({ data: { title: String(title) } })
        .then(() => request.db.post.count())
        .then((count) => { socket.send(JSON.stringify({ count, region: request.multiRegion.region })) })
        .catch((error: unknown) => {
          request.log.error({ err: error }, 'the message was not kept')
          socket.close(1011)
        })
    })
  })
  // #endregion near

  // #region declared
  // Beside the primary: the upgrade itself is replayed. For sockets that mostly write.
  app.get('/editor', { websocket: true, config: { multiRegion: { intent: 'write' } } }, (socket, request) => {
    socket.on('message', (title) => {
      request.db.post.create({ data: { title: String(title) } })
        .then(() => { socket.send(JSON.stringify({ region: request.multiRegion.region })) })
        .catch(() => { socket.close(1011) })
    })
  })
  // #endregion declared

  return app
}
