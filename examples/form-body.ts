// Bodies of HTML forms, for the examples.

import type { FastifyInstance } from 'fastify'
import fastifyPlugin from 'fastify-plugin'

async function formBody (app: FastifyInstance): Promise<void> {
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) => {
    done(null, Object.fromEntries(new URLSearchParams(String(body))))
  })
}

export default fastifyPlugin(formBody)
