// How many of a session's reads in the seconds behind its write are answered by the replica of its region.

import type { PluginOptions } from '../../lib/index.ts'
import { HttpClient, TokenJar } from './http-client.ts'
import type { ReadAnswer } from './register-app.ts'
import { Seeded } from './seeded.ts'
import type { Stage } from './stage.ts'

export interface LocalityFigures {
  readonly reads: number
  readonly local: number
  readonly share: number
}

const HOMES = ['iad', 'nrt'] as const
const READS_A_WRITE = 9
const MAX_THOUGHT_MS = 120

/** Post, be redirected, and go on reading: `sessions` at once, `rounds` each. */
export async function measureLocality (stage: Stage, { plugin, sessions, rounds, seed }: { readonly plugin: Partial<PluginOptions>, readonly sessions: number, readonly rounds: number, readonly seed: number }): Promise<LocalityFigures> {
  const apps = await stage.startApps(plugin)
  const http = new HttpClient()
  let reads = 0
  let local = 0
  const one = async (number: number): Promise<void> => {
    const random = new Seeded(seed + number)
    const home = random.pick(HOMES)
    const jar = new TokenJar('cookie')
    const key = stage.keys[number % stage.keys.length] ?? ''
    const read = async (path: string): Promise<void> => {
      const answer = await http.send(apps.edge.url(home) + path, { headers: jar.headers() })
      jar.keep(answer.headers)
      if (answer.status !== 200) throw new Error(`a read was answered with ${answer.status}: ${answer.body}`)
      const { region, standby } = JSON.parse(answer.body) as ReadAnswer // the app's own answer
      reads++
      if (region === home && standby === true) local++
    }
    for (let round = 0; round < rounds; round++) {
      const written = await http.send(`${apps.edge.url(home)}/write/raw`, { method: 'POST', headers: jar.headers(), payload: { key, writer: `locality-${number}-${round}` } })
      jar.keep(written.headers)
      await read(written.headers.location ?? '')
      for (let i = 1; i < READS_A_WRITE; i++) {
        await new Promise((resolve) => setTimeout(resolve, random.next() * MAX_THOUGHT_MS))
        await read(`/session/raw/${key}`)
      }
    }
  }
  try {
    // The app has learnt how far the primary is.
    await new Promise((resolve) => setTimeout(resolve, 300))
    await Promise.all(Array.from({ length: sessions }, (_, index) => one(index)))
  } finally {
    http.close()
    await apps.close()
  }
  return { reads, local, share: local / reads }
}
