// Any host: say where the servers are. Without a replaying proxy, writes go straight to the primary.

import Fastify from 'fastify'
import multiRegion from 'fastify-multi-region'
import * as schema from './schema.ts'

export async function buildApp () {
  const app = Fastify()
  // #region explicit
  const { PRIMARY_URL = '', REPLICA_URL = '', REGION, PRIMARY } = process.env // names of your own
  await app.register(multiRegion, {
    schema,
    database: { primary: PRIMARY_URL, replica: REPLICA_URL },
    region: REGION,
    primaryRegion: PRIMARY,
    replay: 'off',
    pool: { primaryMax: 10 }, // every write of this region travels
  })
  // #endregion explicit

  // #region together
  // One trip instead of four: what belongs together travels together.
  app.post<{ Body: { email: string, title: string } }>('/sign-up', async (request) => {
    const { email, title } = request.body
    const account = await request.db.account.create({ data: { email, posts: { create: { title } } } })
    return { id: account.id, region: request.multiRegion.region, decision: request.multiRegion.decision.type }
  })
  // #endregion together

  app.get('/accounts', (request) => request.db.account.findMany())

  return app
}
