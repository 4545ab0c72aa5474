// Log-in sessions in a sealed cookie: any region opens it, no region asks the database who the user is.

import secureSession from '@fastify/secure-session'
import Fastify from 'fastify'
import multiRegion from 'fastify-multi-region'
import * as schema from './schema.ts'

// #region types
declare module '@fastify/secure-session' {
  interface SessionData { accountId: number }
}
// #endregion types

export async function buildApp () {
  const app = Fastify()
  // #region register
  await app.register(secureSession, {
    key: Buffer.from(process.env['SESSION_KEY'] ?? '', 'hex'), // the same in every region
    cookie: { path: '/', httpOnly: true },
  })
  await app.register(multiRegion, { schema, token: {} }) // no key of its own: the session's is used
  // #endregion register

  // #region routes
  app.post<{ Body: { email: string } }>('/log-in', async (request) => {
    const { email } = request.body // and a password, or a link in a mail
    const account = await request.db.account.upsert({ where: { email }, create: { email }, update: {} })
    request.session.set('accountId', account.id) // set where the write ran, and sent by the answer of that run
    return { id: account.id, region: request.multiRegion.region }
  })

  app.get('/me', async (request, reply) => {
    const id = request.session.get('accountId')
    if (id === undefined) return reply.code(401).send({ message: 'log in first' })
    return { ...await request.db.account.findUniqueOrThrow({ where: { id } }), region: request.multiRegion.region }
  })

  app.post('/log-out', { config: { multiRegion: { intent: 'read' } } }, async (request) => {
    request.session.delete() // the token has a cookie of its own, and stays
    return { region: request.multiRegion.region }
  })
  // #endregion routes

  return app
}
