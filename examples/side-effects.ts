// What a handler does before its write happens twice when the request is captured there. Three ways to do it once.

import Fastify from 'fastify'
import multiRegion, { isReplay } from 'fastify-multi-region'
import * as schema from './schema.ts'

/** What a mail service would do; here it keeps a list. */
export const mails: string[] = []
const sendMail = async (to: string): Promise<void> => { mails.push(to) }

interface Order { Body: { email: string } }

export async function buildApp () {
  const app = Fastify()
  await app.register(multiRegion, { schema })

  // #region twice
  app.post<Order>('/careless', { config: { multiRegion: { intent: 'auto' } } }, async (request) => {
    await sendMail(request.body.email) // runs here, and again beside the primary
    return await request.db.account.create({ data: { email: request.body.email } }) // asks for the replay
  })
  // #endregion twice

  // #region declared
  // The default for POST, PUT, PATCH and DELETE: decided before the handler starts.
  app.post<Order>('/declared', async (request) => {
    await sendMail(request.body.email)
    return await request.db.account.create({ data: { email: request.body.email } })
  })
  // #endregion declared

  // #region write-first
  app.post<Order>('/write-first', { config: { multiRegion: { intent: 'auto' } } }, async (request) => {
    const account = await request.db.account.create({ data: { email: request.body.email } })
    await sendMail(account.email)
    return account
  })
  // #endregion write-first

  // #region catch
  app.post<Order>('/catch', { config: { multiRegion: { intent: 'auto' } } }, async (request) => {
    try {
      return await request.db.account.create({ data: { email: request.body.email } })
    } catch (error) {
      if (isReplay(error)) throw error // not a failure: it goes on elsewhere
      await sendMail('operator@example.com')
      throw error
    }
  })
  // #endregion catch

  return app
}
