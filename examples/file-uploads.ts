// Uploads: a small body is replayed whole; a large or chunked one is read here, and written straight to the primary.

import multipart from '@fastify/multipart'
import Fastify from 'fastify'
import multiRegion from 'fastify-multi-region'
import * as schema from './schema.ts'

export async function buildApp () {
  const app = Fastify()
  await app.register(multiRegion, { schema })
  await app.register(multipart, { limits: { files: 1, fileSize: 20_000_000 } })

  // #region upload
  app.post('/files', async (request, reply) => {
    const file = await request.file()
    if (file === undefined) return reply.code(400).send({ message: 'one file, please' })
    const content = await file.toBuffer()
    const { name } = await request.db.upload.create({ data: { name: file.filename, bytes: content.length, content }, select: { name: true } })
    return reply.code(201).send({ name, bytes: content.length, region: request.multiRegion.region, decision: request.multiRegion.decision })
  })
  // #endregion upload

  // #region stored-elsewhere
  // The bytes go to object storage by a signed URL; the app sees a small JSON body, which is replayed.
  app.post<{ Body: { name: string, bytes: number } }>('/files/stored', async (request, reply) => {
    const { name, bytes } = request.body
    await request.db.upload.create({ data: { name, bytes, content: new Uint8Array() } })
    return reply.code(201).send({ name, region: request.multiRegion.region })
  })
  // #endregion stored-elsewhere

  return app
}
