// A guestbook for the whole world: one app, started once a region.
// Reads come from the replica beside the user. A write that lands far from the primary runs again
// beside it; the handlers know nothing of this.

import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import multiRegion from 'fastify-multi-region'
import * as schema from './schema.ts'
import { page } from './page.ts'

declare module 'fastify-multi-region' {
  interface Register { schema: typeof schema }
}

const newEntry = {
  type: 'object',
  required: ['author', 'message'],
  additionalProperties: false,
  properties: {
    author: { type: 'string', minLength: 1, maxLength: 80 },
    message: { type: 'string', minLength: 1, maxLength: 500 },
  },
} as const

interface NewEntry { author: string, message: string }

/** The app; the servers and the regions come from DATABASE_URL, DATABASE_REPLICA_URL, FLY_REGION and PRIMARY_REGION. */
export async function buildApp (options: FastifyServerOptions = {}): Promise<FastifyInstance> {
  const app = Fastify(options)
  const key = process.env['MULTI_REGION_KEY']

  await app.register(multiRegion, {
    schema,
    serverTiming: true,
    ...(key === undefined ? {} : { token: { key } }), // users see their own writes
  })

  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) => {
    done(null, Object.fromEntries(new URLSearchParams(String(body))))
  })

  app.get('/entries', (request) =>
    request.db.entry.findMany({ orderBy: { id: 'desc' }, take: 20 }))

  app.post<{ Body: NewEntry }>('/entries', { schema: { body: newEntry } }, async (request, reply) => {
    const { author, message } = request.body
    const entry = await request.db.entry.create({ data: { author, message, region: request.multiRegion.region ?? 'local' } })
    return reply.code(201).send(entry)
  })

  // A page with a form: post, be redirected, see your entry.
  app.get('/', async (request, reply) => {
    const entries = await request.db.entry.findMany({ orderBy: { id: 'desc' }, take: 20 })
    return reply.type('text/html').send(page(entries, request.multiRegion.region ?? 'local'))
  })

  app.post<{ Body: NewEntry }>('/', { schema: { body: newEntry } }, async (request, reply) => {
    const { author, message } = request.body
    await request.db.entry.create({ data: { author, message, region: request.multiRegion.region ?? 'local' } })
    return reply.redirect('/', 303)
  })

  return app
}
