// What a resolver can say: nothing, or the address of another member.

import { createServer, connect, type Server } from 'node:net'
import { primaryIsDown, promised, type Fault } from './fault.ts'
import { setName } from './names.ts'

const forwarders: Server[] = []

/** Another member at the port of the one that it takes the place of, under an address of its own. */
async function standIn (address: string, port: number, targetPort: number): Promise<void> {
  const server = createServer((client) => {
    const upstream = connect({ host: '127.0.0.1', port: targetPort })
    client.pipe(upstream)
    upstream.pipe(client)
    for (const socket of [client, upstream]) socket.on('error', () => { client.destroy(); upstream.destroy() })
    client.on('close', () => upstream.destroy())
    upstream.on('close', () => client.destroy())
  })
  server.unref()
  forwarders.push(server)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: address, port }, resolve)
  })
}

const nameOf = (url: string): string => new URL(url).hostname.split('.')[0] ?? ''

export const nameFaults: readonly Fault[] = [
  {
    name: 'replica-name-gone',
    group: 'names',
    promise: 'open connections serve on; after a reset: elsewhere',
    stand: 'shared',
    inject: (stage) => {
      setName(nameOf(stage.stand.database('iad').replica), [])
      stage.stand.cluster.link({ from: 'iad', to: 'iad', purpose: 'database' }).reset()
    },
    heal: (stage) => { setName(nameOf(stage.stand.database('iad').replica), ['127.0.0.1']) },
    holdMs: 2_000,
  },
  {
    name: 'replica-name-to-another-member',
    group: 'names',
    promise: 'reads go on, at no other answer than before',
    stand: 'shared',
    inject: async (stage) => {
      const { stand } = stage
      const link = stand.cluster.link({ from: 'iad', to: 'iad', purpose: 'database' })
      await standIn('127.0.0.2', link.port, stand.port('nrt'))
      setName(nameOf(stand.database('iad').replica), ['127.0.0.2'])
      await link.refuse()
      link.reset()
    },
    holdMs: 2_500,
    heal: async (stage) => {
      const { stand } = stage
      await stand.cluster.link({ from: 'iad', to: 'iad', purpose: 'database' }).heal()
      setName(nameOf(stand.database('iad').replica), ['127.0.0.1'])
      for (const server of forwarders.splice(0)) server.close()
      // As long as it answers nothing moves away from it.
      await stand.cluster.killBackends('nrt')
      await stand.cluster.killBackends('nrt')
    },
  },
  {
    name: 'primary-name-to-a-standby',
    group: 'names',
    promise: '503 PRIMARY_MOVED for direct writes; found again',
    stand: 'shared',
    mix: [['read', 8], ['write', 2], ['direct', 3], ['fresh', 1]],
    inject: async (stage) => {
      const { stand } = stage
      stage.excuse((sample) => sample.kind === 'direct' || sample.region === 'fra' ? promised(sample) : undefined)
      stage.excuse(primaryIsDown(stage))
      const name = nameOf(String(stand.database('iad').primary))
      const port = stand.cluster.link({ from: 'iad', to: 'primary', purpose: 'database' }).port
      await standIn('127.0.0.3', port, stand.port('nrt'))
      setName(name, ['127.0.0.3'])
      const link = stand.cluster.link({ from: 'iad', to: 'primary', purpose: 'database' })
      await link.refuse()
      link.reset()
    },
    holdMs: 2_000,
    heal: async (stage) => {
      const { stand } = stage
      await stand.cluster.link({ from: 'iad', to: 'primary', purpose: 'database' }).heal()
      setName(nameOf(String(stand.database('iad').primary)), ['127.0.0.1'])
      for (const server of forwarders.splice(0)) server.close()
    },
    recoverWithinMs: 8_000,
    after: async (stage) => {
      const answers = await Promise.all(Array.from({ length: 4 }, (_, index) => stage.stand.cluster.edge.inject({ region: 'iad', method: 'POST', url: '/direct', payload: { id: `after-${index}` } })))
      const wrong = answers.filter((answer) => answer.statusCode !== 200)
      if (wrong.length > 0) stage.breach(`a direct write after it: ${wrong[0]?.statusCode} ${wrong[0]?.body}`)
    },
  },
]
