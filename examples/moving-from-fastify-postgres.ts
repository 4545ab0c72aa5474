// Code that calls `fastify.pg.query(text, values)` goes on doing so, route by route.

import Fastify, { type FastifyRequest } from 'fastify'
import multiRegion from 'fastify-multi-region'

// #region types
interface Pg { query<R> (text: string, values?: readonly unknown[]): Promise<{ rows: R[] }> }
declare module 'fastify' { interface FastifyRequest { readonly pg: Pg } }
// #endregion types

export async function buildApp () {
  const app = Fastify()
  await app.register(multiRegion) // no schema: raw SQL is all there is

  // #region adapter
  app.decorateRequest('pg', {
    getter (this: FastifyRequest): Pg {
      return { query: async <R>(text: string, values: readonly unknown[] = []) => ({ rows: await this.db.$queryRawUnsafe<R[]>(text, ...values) }) }
    },
  })
  // #endregion adapter

  // #region before
  // Was fastify.pg.query(…). A write that the replica refuses makes the request run again beside the primary.
  app.get<{ Params: { id: string } }>('/posts/:id', async (request) => {
    const { rows } = await request.pg.query<{ title: string }>('select title from posts where id = $1', [request.params.id])
    return rows
  })
  app.post<{ Body: { title: string } }>('/posts', async (request) => {
    const { rows } = await request.pg.query('insert into posts (title) values ($1) returning id, title', [request.body.title])
    return rows
  })
  // #endregion before

  // #region after
  // Values in the template become parameters; nobody counts $1, $2, $3.
  app.get<{ Querystring: { title: string } }>('/posts', (request) =>
    request.db.$queryRaw<{ id: number }[]>`select id from posts where title = ${request.query.title}`)
  // #endregion after

  return app
}
