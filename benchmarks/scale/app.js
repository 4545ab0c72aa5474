// An app with a read and a write, inside this process: it is asked by `inject`.

import Fastify from 'fastify'
import multiRegion from 'fastify-multi-region'
import * as schema from '../schema/ours.js'

export async function startApp (options) {
  const app = Fastify()
  app.decorate('arrived', { count: 0 })
  app.addHook('onRequest', (_request, _reply, done) => {
    app.arrived.count++
    done()
  })
  await app.register(multiRegion, { schema, pool: { max: 10 }, ...options })
  app.get('/row', (request) => request.db.user.findUnique({ where: { id: 1 } }))
  app.post('/write', (request) => request.db.user.update({ where: { id: 1 + Math.floor(Math.random() * 500) }, data: { name: 'Name' } }))
  app.post('/mark', async (request) => {
    request.multiRegion.markWritten()
    return { marked: true }
  })
  return app
}
