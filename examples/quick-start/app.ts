import Fastify from 'fastify'
import multiRegion from 'fastify-multi-region'
import * as schema from './db/schema.ts'

declare module 'fastify-multi-region' { interface Register { schema: typeof schema } }

export async function buildApp () {
  const app = Fastify({ logger: process.env['NODE_ENV'] === 'production' })
  await app.register(multiRegion, { schema }) // DATABASE_URL, FLY_REGION and PRIMARY_REGION say the rest

  app.get('/posts', (request) => request.db.post.findMany({ orderBy: { id: 'desc' }, take: 20 }))

  app.post<{ Body: { title: string } }>('/posts', { schema: { body: { type: 'object', required: ['title'], properties: { title: { type: 'string' } } } } },
    (request) => request.db.post.create({ data: { title: request.body.title } }))

  return app
}
