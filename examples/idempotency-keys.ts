// A write that takes effect once, however often its request is delivered: the client names it by a key.

import Fastify from 'fastify'
import multiRegion from 'fastify-multi-region'
import * as schema from './schema.ts'

export async function buildApp () {
  const app = Fastify()
  await app.register(multiRegion, { schema })

  // #region route
  app.post<{ Body: { email: string, amount: number }, Headers: { 'idempotency-key': string } }>('/payments', {
    schema: {
      headers: { type: 'object', required: ['idempotency-key'], properties: { 'idempotency-key': { type: 'string', minLength: 16, maxLength: 128 } } },
    },
  }, async (request, reply) => {
    const key = request.headers['idempotency-key']
    const { email, amount } = request.body
    const answer = await request.db.$transaction(async (tx) => {
      // Whoever comes second with the key waits here until the first has committed, or rolled back.
      const { count } = await tx.idempotencyKey.createMany({ data: [{ key }], skipDuplicates: true })
      if (count === 0) return await tx.idempotencyKey.findUniqueOrThrow({ where: { key } })
      const account = await tx.account.update({ where: { email }, data: { credit: { decrement: amount } } })
      // The answer is kept with the write: both are there, or neither.
      return await tx.idempotencyKey.update({ where: { key }, data: { status: 201, body: JSON.stringify({ credit: account.credit }) } })
    })
    return reply.code(answer.status ?? 500).type('application/json').send(answer.body)
  })
  // #endregion route

  // #region forget
  // Keys are kept for as long as a client may repeat itself.
  const forgetOldKeys = async (): Promise<void> => {
    await app.db.$untracked.idempotencyKey.deleteMany({ where: { createdAt: { lt: new Date(Date.now() - 24 * 60 * 60_000) } } })
  }
  const timer = setInterval(() => { forgetOldKeys().catch((error: unknown) => app.log.error({ err: error }, 'old keys are kept')) }, 60 * 60_000)
  app.addHook('onClose', async () => { clearInterval(timer) })
  // #endregion forget

  return app
}
