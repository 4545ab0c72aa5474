// The same calls, one changed import. `npx fastify-multi-region pull --prisma prisma/schema.prisma` writes the schema.

import Fastify from 'fastify'
import multiRegion, { type Database } from 'fastify-multi-region'
// #region import
import { Prisma, PrismaClient } from 'fastify-multi-region/prisma' // was '@prisma/client'
// #endregion import
import * as schema from './schema.ts'

// #region service
// A service took the global client; it takes the request's, which knows its region and its session.
async function signUp (db: Database, email: string) {
  try {
    return await db.account.create({ data: { email, posts: { create: { title: 'hello' } } }, include: { posts: true } })
  } catch (error) {
    if (error instanceof Prisma.PrismaClientKnownRequestError && error.code === 'P2002') return null
    throw error // the signal of a replay is an error too: pass on what you do not know
  }
}
// #endregion service

export async function buildApp () {
  const app = Fastify()
  // #region plugin
  await app.register(multiRegion, { schema })

  app.post<{ Body: { email: string } }>('/accounts', async (request, reply) => {
    const account = await signUp(request.db, request.body.email)
    return account ?? reply.code(409).send({ message: 'this address is taken' })
  })
  // #endregion plugin
  app.get('/accounts', (request) => request.db.account.findMany({ include: { _count: { select: { posts: true } } } }))
  return app
}

// #region script
// Outside of requests: seeds, scripts, tests.
export async function seed (): Promise<number> {
  const prisma = new PrismaClient({ schema })
  try {
    const { count } = await prisma.account.createMany({ data: [{ email: 'a@example.com' }, { email: 'b@example.com' }], skipDuplicates: true })
    return count
  } finally {
    await prisma.$disconnect()
  }
}
// #endregion script
