// Errors of the database as answers of the app: once, in one place.

import Fastify from 'fastify'
import multiRegion, { errors, isKnownRequestError, type WhereInput } from 'fastify-multi-region'
import * as schema from './schema.ts'

export async function buildApp () {
  const app = Fastify()
  await app.register(multiRegion, { schema })

  // #region handler
  app.setErrorHandler(async (error, request, reply) => {
    if (isKnownRequestError(error)) {
      if (error.code === 'P2002') return reply.code(409).send({ code: 'taken', fields: error.meta['target'] })
      if (error.code === 'P2025') return reply.code(404).send({ code: 'not-found' })
      if (error.code === 'P2003') return reply.code(409).send({ code: 'in-use' })
    }
    // Only where a route passes its body on as arguments: elsewhere it is a mistake of the program, and a 500.
    if (error instanceof errors.QueryInvalidError && error.path[0] === 'where') return reply.code(400).send({ code: 'filter', path: error.path.join('.') })
    request.log.error({ err: error }, 'the request failed')
    throw error // Fastify's own answer: status and Retry-After are on the error
  })
  // #endregion handler

  // #region routes
  app.post<{ Body: { email: string } }>('/accounts', (request) => request.db.account.create({ data: { email: request.body.email } }))
  app.get<{ Params: { email: string } }>('/accounts/:email', (request) => request.db.account.findUniqueOrThrow({ where: { email: request.params.email } }))
  // #endregion routes
  // A filter from outside; its shape is checked by the client, at run time too.
  app.post<{ Body: WhereInput<'Account'> }>('/find', { config: { multiRegion: { intent: 'read' } } }, (request) => request.db.account.findMany({ where: request.body }))

  return app
}
