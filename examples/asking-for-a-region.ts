// What one region alone holds, reached from everywhere: its region travels in the link.

import { randomUUID } from 'node:crypto'
import Fastify from 'fastify'
import multiRegion from 'fastify-multi-region'
import * as schema from './schema.ts'

export async function buildApp () {
  const app = Fastify()
  await app.register(multiRegion, { schema })
  const reports = new Map<string, string>() // in this region's memory

  // #region make
  // It reads a lot and writes nothing to the database: no reason to travel.
  app.post('/reports', { config: { multiRegion: { intent: 'read' } } }, async (request, reply) => {
    const id = randomUUID()
    reports.set(id, `${await request.db.post.count()} posts`)
    const { region = 'local' } = request.multiRegion
    return reply.redirect(`/reports/${id}?region=${region}`, 303)
  })
  // #endregion make

  // #region fetch
  const region = { type: 'string', pattern: '^[a-z0-9]{3,12}$' } // it goes into a header: checked here, and again there
  app.get<{ Params: { id: string }, Querystring: { region?: string } }>('/reports/:id', {
    schema: { querystring: { type: 'object', properties: { region } } },
  }, async (request, reply) => {
    const wanted = request.query.region
    if (wanted !== undefined && wanted !== request.multiRegion.region && request.multiRegion.replayable) {
      return reply.replay({ region: wanted, timeout: 2_000, fallback: 'force-self' })
    }
    const report = reports.get(request.params.id)
    if (report === undefined) return reply.code(404).send({ message: 'no such report in this region' })
    return { report, region: request.multiRegion.region }
  })
  // #endregion fetch

  return app
}
