// The app of registers as a process of its own, as a server is: for what is measured in microseconds.

import type { FastifyInstance } from 'fastify'
import type { PluginOptions } from '../../lib/index.ts'
import { answerParent } from './app-process.ts'
import { buildRegisterApp } from './register-app.ts'

/** `key`: of the tokens, in hexadecimal; null: no tokens. Answered with the app's URL. */
export interface Question {
  readonly ask: 'start'
  readonly region: string
  readonly plugin: PluginOptions
  readonly key: string | null
}

let app: FastifyInstance | undefined

answerParent<Question>({
  async answer ({ region, plugin, key }) {
    app = await buildRegisterApp({ region, plugin: key === null ? plugin : { ...plugin, token: { key } } })
    return await app.listen({ port: 0, host: '127.0.0.1' })
  },
  async close () { await app?.close() },
})
