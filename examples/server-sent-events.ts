// A stream of events from the replica beside the user: each region looks at its own server.

import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import Fastify, { type FastifyRequest } from 'fastify'
import multiRegion from 'fastify-multi-region'
import * as schema from './schema.ts'

export async function buildApp () {
  const app = Fastify({ forceCloseConnections: true }) // streams do not end by themselves
  await app.register(multiRegion, { schema })

  // #region route
  app.get('/events', (request, reply) => {
    // A browser that lost its connection says what it saw last, perhaps to another region.
    const after = Number(request.headers['last-event-id'] ?? 0)
    return reply.type('text/event-stream').header('cache-control', 'no-store').send(Readable.from(events(request, after)))
  })
  // #endregion route

  // #region events
  async function * events (request: FastifyRequest, after: number): AsyncGenerator<string> {
    yield `: from ${request.multiRegion.region ?? 'here'}\n\n`
    for (let last = after; ;) {
      const posts = await request.db.post.findMany({ where: { id: { gt: last } }, orderBy: { id: 'asc' }, take: 100 })
      for (const post of posts) yield `id: ${post.id}\nevent: post\ndata: ${JSON.stringify(post)}\n\n`
      last = posts.at(-1)?.id ?? last
      if (posts.length === 0) await sleep(200, undefined, { ref: false })
    }
  }
  // #endregion events

  // Writes come by ordinary requests, which are replayed.
  app.post<{ Body: { title: string } }>('/posts', (request) => request.db.post.create({ data: { title: request.body.title } }))

  return app
}
