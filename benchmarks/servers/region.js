import Fastify from 'fastify'
import multiRegion from 'fastify-multi-region'
import * as schema from '../schema/ours.js'

/** One of many regions, with no replaying proxy in front: writes go straight to the primary. */
export async function build () {
  const { PRIMARY_URL, REPLICA_URL, REGION } = process.env
  const app = Fastify()
  await app.register(multiRegion, { schema, database: REPLICA_URL === undefined ? PRIMARY_URL : { primary: PRIMARY_URL, replica: REPLICA_URL }, region: REGION, primaryRegion: 'fra', replay: 'off', pool: { max: 4, primaryMax: 3 } })
  app.get('/row/:id', (request) => request.db.user.findUnique({ where: { id: Number(request.params.id) } }))
  app.post('/name/:id', (request) => request.db.user.update({ where: { id: Number(request.params.id) }, data: { name: 'Name' } }))
  return app
}
