// Whatever a handler does with the signal of a captured write, the request runs again beside the primary, once.

import { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'
import t from 'tap'
import { isReplay } from '../../lib/index.ts'
import { waitFor } from '../../lib/testing/wait-for.ts'
import { startApp } from './app-in-regions.ts'

const swallow = async (operation: PromiseLike<unknown>): Promise<unknown> => {
  try {
    return await operation
  } catch (error) {
    return error
  }
}

const destroyed: Record<string, boolean> = {}
const seenByErrorHandler: unknown[] = []
const later: Record<string, string> = {}

const app = await startApp(t, {
  build (app, region) {
    const write = "insert into note (text) values ('x')"

    app.get('/throws', async (request) => { await request.db.$executeRawUnsafe(write); return region })
    app.get('/swallowed', async (request) => { await swallow(request.db.$executeRawUnsafe(write)); return region })
    app.get('/rethrown', async (request) => {
      try {
        await request.db.$executeRawUnsafe(write)
      } catch (cause) {
        throw new Error('something else', { cause })
      }
      return region
    })
    app.get('/goes-on', async (request) => {
      const first = await swallow(request.db.$executeRawUnsafe(write))
      if (isReplay(first)) {
        const second = await swallow(request.db.$queryRaw`select 1`)
        const third = await swallow(request.db.$executeRawUnsafe(write))
        later[region] = String(first === second && second === third)
      }
      return region
    })
    app.get('/all', async (request) => {
      await Promise.all([request.db.$queryRaw`select 1 as one`, request.db.$executeRawUnsafe(write), request.db.$executeRawUnsafe(write)])
      return region
    })
    app.get('/all-settled', async (request) => {
      await Promise.allSettled([request.db.$executeRawUnsafe(write), request.db.$queryRaw`select 1 as one`])
      return region
    })
    app.get('/refused', async (request) => { await swallow(request.db.$queryRawUnsafe(`${write} returning id`)); return region })
    app.get('/savepoint', async (request) => {
      await request.db.$transaction(async (tx) => {
        await swallow(tx.$executeRawUnsafe(write))
      })
      return region
    })
    app.get('/stream', async (request, reply) => {
      const stream = new Readable({ read () { this.push('never') } })
      stream.on('close', () => { destroyed[region] = true })
      await swallow(request.db.$executeRawUnsafe(write))
      return reply.type('text/plain').send(region === 'fra' ? 'fra' : stream)
    })
    app.get('/web-stream', async (request, reply) => {
      await swallow(request.db.$executeRawUnsafe(write))
      if (region === 'fra') return region
      return reply.send(new ReadableStream({ cancel () { destroyed['web'] = true } }))
    })
    app.get('/response', async (request, reply) => {
      await swallow(request.db.$executeRawUnsafe(write))
      if (region === 'fra') return region
      return reply.send(new Response(new ReadableStream({ cancel () { destroyed['response'] = true } })))
    })
    app.get('/callback', (request, reply) => {
      request.db.$executeRawUnsafe(write).then(() => reply.send(region), () => reply.code(500).send('failed'))
    })
    app.get('/custom-handler', {
      errorHandler (error, _request, reply: FastifyReply) {
        seenByErrorHandler.push(error)
        return reply.code(418).header('x-own', 'yes').send({ own: true })
      },
    }, async (request) => { await request.db.$executeRawUnsafe(write); return region })
    app.get('/pre-serialization', {
      preSerialization: async (request, _reply, payload) => { await request.db.$executeRawUnsafe(write); return payload },
    }, async () => ({ region }))
    app.get('/pre-handler', {
      preHandler: async (request) => { await request.db.$executeRawUnsafe(write) },
    }, async () => region)
    app.get('/on-send', {
      // Ours is the last of the route's, since it came with `onRoute`.
      onSend: async (request, _reply, payload) => { await request.db.$executeRawUnsafe(write); return payload },
    }, async () => region)
    app.post<{ Body: { a: number } }>('/with-body', { config: { multiRegion: { intent: 'auto' } } }, async (request) => {
      await request.db.$executeRawUnsafe(write)
      return { region, body: request.body }
    })
  },
})

for (const url of ['/throws', '/swallowed', '/rethrown', '/goes-on', '/refused', '/savepoint', '/stream', '/web-stream', '/response', '/callback', '/custom-handler', '/pre-serialization', '/pre-handler', '/on-send']) {
  await t.test(`${url} runs once, in the primary's region`, async (t) => {
    const before = (await app.notes()).length
    const answer = await app.ask('iad', 'GET', url)
    t.equal(answer.statusCode, 200)
    t.match(answer.body, 'fra')
    t.same(answer.hops.map((hop) => hop.region), ['iad', 'fra'])
    t.equal((await app.notes()).length, before + 1)
  })
}

await t.test('several writes in flight together ask for one replay', async (t) => {
  const before = (await app.notes()).length
  for (const [url, notes] of [['/all', 2], ['/all-settled', 1]] as const) {
    const answer = await app.ask('iad', 'GET', url)
    t.equal(answer.body, 'fra', url)
    t.equal(answer.hops.length, 2)
    t.ok(notes > 0)
  }
  t.equal((await app.notes()).length, before + 3)
})

await t.test('after the signal everything else of the request rejects with it', async (t) => {
  t.equal(later['iad'], 'true')
  t.equal(later['fra'], undefined)
})

await t.test('bodies that nobody will read are ended', async (t) => {
  await waitFor('the streams to be ended', () => destroyed['iad'] === true && destroyed['web'] === true && destroyed['response'] === true)
  t.equal(destroyed['fra'], undefined)
})

await t.test('a custom error handler sees the signal and does not change the answer', async (t) => {
  t.equal(seenByErrorHandler.length, 1)
  t.match(seenByErrorHandler[0], { code: 'FST_MR_REPLAY_REQUESTED' })
  t.ok(isReplay(seenByErrorHandler[0]))
})

await t.test('the body is replayed with the request', async (t) => {
  const answer = await app.ask('iad', 'POST', '/with-body', { payload: { a: 1 } })
  t.same(answer.json(), { region: 'fra', body: { a: 1 } })
})

await t.test('a replay is never logged as an error', async (t) => {
  // An error of the handler's own, with the signal as its cause, is the handler's to answer for.
  t.same(app.logs.filter((line) => line.level >= 50 && line.region === 'iad').map((line) => line.msg), ['something else'])
})

t.equal(app.edge.counters().bareConflicts, 0)
