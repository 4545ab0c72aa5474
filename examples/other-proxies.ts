// nginx as the replaying proxy: an internal redirect to a named location keeps method and body.

import Fastify from 'fastify'
import multiRegion from 'fastify-multi-region'
import type { ReplayTransport } from 'fastify-multi-region'
import * as schema from './schema.ts'

// #region transport
const nginx: ReplayTransport = {
  name: 'nginx',
  // nginx sets x-edge on what it passes on, and removes it from what comes in.
  accepts: ({ headers, realSocket }) => realSocket && headers['x-edge'] === 'nginx',
  origin ({ 'x-replay-from': region, 'x-replay-state': state }) {
    return typeof region === 'string' ? { region, instance: undefined, state: typeof state === 'string' ? state : undefined } : null
  },
  failed: (headers) => headers['x-replay-failed'] !== undefined,
  answer (target) {
    if (!('region' in target) || typeof target.region !== 'string' || !/^[a-z0-9]+$/.test(target.region)) throw new Error('nginx replays to one region')
    return { statusCode: 200, headers: { 'x-accel-redirect': `@${target.region}`, 'x-replay-state': target.state ?? '' } }
  },
}
// #endregion transport

export async function buildApp () {
  const app = Fastify()
  // #region register
  await app.register(multiRegion, { schema, replay: nginx })
  // #endregion register

  app.get('/posts', (request) => request.db.post.findMany())
  app.post<{ Body: { title: string } }>('/posts', async (request) => {
    const { id } = await request.db.post.create({ data: { title: request.body.title } })
    return { id, region: request.multiRegion.region, replayed: request.multiRegion.replayed }
  })

  return app
}
