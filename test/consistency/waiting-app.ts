// The app of `measure-waiters`, as a process of its own: so that what is measured is its memory and its poller.

import process from 'node:process'
import Fastify from 'fastify'
import multiRegion, { type PluginOptions } from '../../lib/index.ts'
import { answerParent } from './app-process.ts'

export type Question = { readonly ask: 'start', readonly plugin: PluginOptions, readonly key: string } | { readonly ask: 'state' | 'waits' }

export interface State {
  readonly arrived: number
  readonly answered: number
  readonly rssBytes: number
}

/** On the clock of all processes, in milliseconds. */
const nowMs = (): number => performance.timeOrigin + performance.now()

declare module 'fastify' {
  interface FastifyRequest { arrivedAtMs: number }
}

/** As the answer tells it: from the request's arrival to its release by the waiter. */
const WAIT = /wait;dur=([\d.]+)/

const waitsEndedAtMs: number[] = []
let arrived = 0
let answered = 0
const app = Fastify()

async function start (plugin: PluginOptions, key: string): Promise<string> {
  app.decorateRequest('arrivedAtMs', 0)
  app.addHook('onRequest', (request, _reply, done) => {
    arrived++
    request.arrivedAtMs = nowMs()
    done()
  })
  app.addHook('onResponse', (request, reply, done) => {
    answered++
    const [, waitedMs] = WAIT.exec(String(reply.getHeader('server-timing'))) ?? []
    if (waitedMs !== undefined) waitsEndedAtMs.push(request.arrivedAtMs + Number(waitedMs))
    done()
  })
  await app.register(multiRegion, { ...plugin, serverTiming: true, token: { ...plugin.token, key } })
  app.get('/register/:key', async (request) => {
    const { key: register } = request.params as { key: string } // by the route's pattern
    return await request.db.$queryRaw`select version from register where key = ${register}`
  })
  return await app.listen({ port: 0, host: '127.0.0.1' })
}

async function answer (question: Question): Promise<unknown> {
  switch (question.ask) {
    case 'start': return await start(question.plugin, question.key)
    case 'state': {
      globalThis.gc?.()
      return { arrived, answered, rssBytes: process.memoryUsage.rss() } satisfies State
    }
    case 'waits': return waitsEndedAtMs
  }
}

answerParent<Question>({ answer, close: async () => { await app.close() } })
