import Fastify from 'fastify'
import multiRegion from 'fastify-multi-region'
import * as schema from '../schema/ours.js'

/** The plugin with one database in one region: what it costs where it saves nothing. */
export async function build (url, options = {}) {
  const app = Fastify()
  await app.register(multiRegion, { schema, database: url, pool: { max: 10 }, ...options })
  app.get('/none', () => ({ hello: 'world' }))
  app.get('/row/:id', (request) => request.db.user.findUnique({ where: { id: Number(request.params.id) } }))
  app.get('/include/:id', (request) => request.db.post.findUnique({ where: { id: Number(request.params.id) }, include: { author: true, comments: true } }))
  app.post('/write', (request) => request.db.post.create({ data: { title: request.body.title, content: 'text', authorId: request.body.authorId } }))
  return app
}
