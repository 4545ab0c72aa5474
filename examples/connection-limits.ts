// How many connections a process opens, and what happens to requests beyond them.

import Fastify from 'fastify'
import multiRegion from 'fastify-multi-region'
import * as schema from './schema.ts'

export async function buildApp () {
  const app = Fastify()
  // #region pool
  await app.register(multiRegion, {
    schema,
    pool: {
      max: 4, // to this region's server; all processes of the region together stay below its max_connections
      primaryMax: 2, // to the primary, from another region: only writes that could not be replayed
      queueSize: 100, // more statements than this wait nowhere: 503 with Retry-After
      queueTimeout: 1_000,
    },
  })
  // #endregion pool

  app.get('/slow', async (request) => {
    await request.db.$queryRaw`select 1 from pg_sleep(0.05)`
    return { region: request.multiRegion.region }
  })

  return app
}

/** The same behind PgBouncer in transaction mode, which keeps no prepared statement and no session setting. */
export async function buildAppBehindPooler () {
  const app = Fastify()
  // #region pooler
  await app.register(multiRegion, {
    schema,
    pool: { prepare: false }, // and on the server: alter role app set statement_timeout = '15s'
    statementTimeout: 20_000, // the client's own deadline, behind the server's
  })
  // #endregion pooler
  app.get('/count', async (request) => ({ count: await request.db.post.count() }))
  return app
}
