// `node start.js peer` with BENCH_PEER=<contender>: Fastify and one query client, for time to ready and memory.

import Fastify from 'fastify'

export async function build (url) {
  const [file, open = 'open'] = process.env.BENCH_PEER.split('#')
  const contender = await import(`../contenders/${file}.js`)
  const app = Fastify()
  const client = await contender[open]({ url, max: 10 })
  app.addHook('onClose', () => client.close())
  app.get('/row/:id', (request) => client.findUnique(Number(request.params.id)))
  await client.findUnique(1) // the first query, so that lazy start-up counts
  return app
}
