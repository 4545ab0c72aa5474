// Work behind the answer: queued in a table, done beside the primary, where writing is cheap.

import Fastify from 'fastify'
import multiRegion from 'fastify-multi-region'
import * as schema from './schema.ts'

export async function buildApp () {
  const app = Fastify()
  await app.register(multiRegion, { schema })

  // #region queue
  app.post<{ Body: { task: string } }>('/jobs', async (request, reply) => {
    const job = await request.db.job.create({ data: { task: request.body.task } })
    return reply.code(202).send({ id: job.id })
  })
  // #endregion queue

  // #region work
  // One job in a transaction: locked while it runs, open again if this process dies.
  const workOne = (): Promise<boolean> => app.db.$transaction(async (tx) => {
    const [job] = await tx.$queryRaw<{ id: string, task: string }[]>`
      select id, task from jobs where done_at is null limit 1 for update skip locked`
    if (job === undefined) return false
    await tx.job.update({ where: { id: job.id }, data: { doneAt: new Date(), result: `${job.task}: done in ${app.multiRegion.region}` } })
    return true
  }, { timeout: 30_000 })
  // #endregion work

  // #region where
  // Asked each time, not once: after a failover the work moves by itself.
  const isBesidePrimary = (): boolean => app.multiRegion.health().endpoints.local.role === 'primary'

  let working = Promise.resolve()
  const timer = setInterval(() => {
    if (!isBesidePrimary()) return
    working = working.then(async () => { while (await workOne()); }).catch((error: unknown) => app.log.error({ err: error }, 'a job failed'))
  }, 200)
  // Registered behind the plugin, so it ends first: no job loses its connection.
  app.addHook('onClose', async () => {
    clearInterval(timer)
    await working
  })
  // #endregion where

  return app
}
