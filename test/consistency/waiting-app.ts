// The app of `measure-waiters`, as a process of its own: so that what is measured is its memory and its poller.

import { subscribe } from 'node:diagnostics_channel'
import process from 'node:process'
import Fastify from 'fastify'
import multiRegion, { type PluginOptions } from '../../lib/index.ts'

export type Question = { readonly ask: 'start', readonly plugin: PluginOptions, readonly key: string } | { readonly ask: 'state' | 'waits' | 'end' }

export interface State {
  readonly arrived: number
  readonly answered: number
  readonly rssBytes: number
}

/** On the clock of all processes, in milliseconds. */
const nowMs = (): number => performance.timeOrigin + performance.now()

const waitsEndedAtMs: number[] = []
let arrived = 0
let answered = 0
const app = Fastify()

async function start (plugin: PluginOptions, key: string): Promise<string> {
  subscribe('fastify-multi-region:token:awaited', () => { waitsEndedAtMs.push(nowMs()) })
  app.addHook('onRequest', async () => { arrived++ })
  app.addHook('onResponse', async () => { answered++ })
  await app.register(multiRegion, { ...plugin, token: { ...plugin.token, key } })
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
    case 'end':
      await app.close()
      process.disconnect()
  }
  return undefined
}

process.on('message', (question: Question) => {
  const say = (message: object): void => { if (process.connected) process.send?.(message) }
  answer(question).then((value) => { say({ value }) }, (error: unknown) => { say({ error: String(error) }) })
})
