// @fastify/multipart: decided before the body; a chunked upload writes directly unless its route declares the intent.

import multipart from '@fastify/multipart'
import t from 'tap'
import { startApp } from '../app-in-regions.ts'

const app = await startApp(t, {
  plugin: { maxReplayBody: 5_000 },
  async build (app, region) {
    await app.register(multipart)
    app.post('/upload', async (request) => {
      const file = await request.file()
      const bytes = (await file?.toBuffer())?.length ?? 0
      await request.db.$executeRaw`insert into note (text) values (${String(bytes)})`
      return { region, bytes, decision: request.multiRegion.decision }
    })
  },
})

function form (bytes: number): { payload: Buffer, headers: Record<string, string> } {
  const payload = Buffer.from(`--x\r\ncontent-disposition: form-data; name="file"; filename="a.txt"\r\ncontent-type: text/plain\r\n\r\n${'y'.repeat(bytes)}\r\n--x--\r\n`)
  return { payload, headers: { 'content-type': 'multipart/form-data; boundary=x' } }
}

await t.test('a small upload is replayed whole', async (t) => {
  t.match((await app.ask('iad', 'POST', '/upload', form(1_000))).json(), { region: 'fra', bytes: 1_000 })
})

await t.test('an upload over the limit is read here and written directly', async (t) => {
  t.match((await app.ask('iad', 'POST', '/upload', form(10_000))).json(), { region: 'iad', bytes: 10_000, decision: { type: 'direct', reason: 'body-too-large' } })
})

await t.test('a chunked upload is read here', async (t) => {
  const { payload, headers } = form(10_000)
  const body = new ReadableStream({ start (controller) { controller.enqueue(payload); controller.close() } })
  const answer = await fetch(`${app.url('iad')}/upload`, { method: 'POST', headers: { ...headers, 'fly-forwarded-port': '443' }, body, duplex: 'half' } as RequestInit)
  t.match(await answer.json(), { region: 'iad', bytes: 10_000, decision: { type: 'direct' } })
})

await t.test('each upload was written once', async (t) => {
  t.same(await app.notes(), ['first', '1000', '10000', '10000'])
})
