// What can happen to the replica of a region. Its reads are answered by the primary's region; nothing else changes.

import { connect, type Socket } from 'node:net'
import { buildApp, DEADLINE_MS } from './app.ts'
import type { Fault, Stage } from './fault.ts'
import { PRIMARY } from './stand.ts'

const SERVED_ELSEWHERE = 'reads served elsewhere, writes untouched'

/** Reads that were under way or sent in the first deadline may be slow; nobody else pays. */
function firstFailureAlone (stage: Stage): void {
  const late = stage.load.samples.filter((sample) => sample.region === 'iad' && sample.startedAt > stage.injectedAt + DEADLINE_MS && sample.startedAt < stage.healedAt && sample.ms > 800)
  if (late.length > 0) stage.breach(`${late.length} requests were slow (up to ${Math.round(Math.max(...late.map((sample) => sample.ms)))} ms) after the first deadline`)
}

/** An app that starts while its replica is down. */
async function bootsWithout (stage: Stage, region: string): Promise<void> {
  const startedAt = performance.now()
  const app = await buildApp({ region, primaryRegion: PRIMARY, database: stage.stand.database(region) })
  try {
    const answer = await app.inject({ url: '/read' })
    if (answer.statusCode !== 200) stage.breach(`an app that started meanwhile answered ${answer.statusCode} ${answer.body}`)
    stage.note(`boots in ${Math.round(performance.now() - startedAt)} ms`)
  } finally {
    await app.close()
  }
}

/** Takes the connections that a server has left, until it refuses. */
async function fill (port: number, user: string): Promise<Socket[]> {
  const body = Buffer.from(`user\0${user}\0database\0app\0\0`)
  const startUp = Buffer.alloc(8)
  startUp.writeInt32BE(body.length + 8, 0)
  startUp.writeInt32BE(196_608, 4)
  const sockets: Socket[] = []
  await Promise.all(Array.from({ length: 110 }, async () => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.on('error', () => {})
    sockets.push(socket)
    socket.write(Buffer.concat([startUp, body]))
    await new Promise<void>((resolve) => { socket.once('data', () => { resolve() }); socket.once('close', () => { resolve() }) })
  }))
  return sockets
}

let fillers: Socket[] = []
let filling: NodeJS.Timeout | undefined

export const replicaFaults: readonly Fault[] = [
  {
    name: 'replica-killed',
    group: 'replica',
    promise: `${SERVED_ELSEWHERE}; boots without it`,
    stand: 'shared',
    short: true,
    inject: ({ stand }) => stand.cluster.kill('iad'),
    during: (stage) => bootsWithout(stage, 'iad'),
    heal: ({ stand }) => stand.cluster.start('iad'),
  },
  {
    name: 'replica-restarted',
    group: 'replica',
    promise: SERVED_ELSEWHERE,
    stand: 'shared',
    holdMs: 0,
    inject: ({ stand }) => stand.cluster.restart('iad'),
  },
  {
    name: 'replica-frozen',
    group: 'replica',
    promise: 'one deadline, once; then served elsewhere',
    stand: 'shared',
    short: true,
    holdMs: 4_000,
    inject: ({ stand }) => stand.cluster.freeze('iad'),
    heal: async (stage) => {
      await stage.stand.cluster.thaw('iad')
    },
    after: firstFailureAlone,
  },
  {
    name: 'replica-refuses',
    group: 'replica',
    promise: SERVED_ELSEWHERE,
    stand: 'shared',
    inject: async ({ stand }) => {
      const link = stand.cluster.link({ from: 'iad', to: 'iad', purpose: 'database' })
      await link.refuse()
      link.reset()
    },
    heal: ({ stand }) => stand.cluster.link({ from: 'iad', to: 'iad', purpose: 'database' }).heal(),
  },
  {
    name: 'replica-too-many-connections',
    group: 'replica',
    promise: SERVED_ELSEWHERE,
    stand: 'shared',
    inject: async ({ stand }) => {
      stand.cluster.link({ from: 'iad', to: 'iad', purpose: 'database' }).reset()
      fillers = await fill(stand.port('iad'), 'postgres')
      // Whatever becomes free is taken again.
      filling = setInterval(() => {
        stand.cluster.link({ from: 'iad', to: 'iad', purpose: 'database' }).reset()
        fill(stand.port('iad'), 'postgres').then((more) => { fillers.push(...more) }, () => {})
      }, 500)
    },
    heal: async () => {
      clearInterval(filling)
      for (const socket of fillers.splice(0)) socket.destroy()
      await new Promise((resolve) => setTimeout(resolve, 50))
      for (const socket of fillers.splice(0)) socket.destroy()
    },
  },
  {
    name: 'replica-sessions-ended',
    group: 'replica',
    promise: 'no failed request',
    stand: 'shared',
    short: true,
    inject: async (stage) => {
      for (let round = 0; round < 5; round++) {
        await stage.stand.cluster.killBackends('iad')
        await stage.hold(150)
      }
    },
    holdMs: 200,
  },
  {
    name: 'replay-paused',
    group: 'replica',
    promise: 'reads stay local, writes go on',
    stand: 'shared',
    inject: ({ stand }) => stand.cluster.pauseReplay('iad'),
    heal: async ({ stand }) => {
      await stand.cluster.resumeReplay('iad')
    },
    after: (stage) => {
      const elsewhere = stage.load.samples.filter((sample) => sample.region === 'iad' && sample.kind === 'read' && sample.port !== stage.stand.port('iad'))
      if (elsewhere.length > 0) stage.breach(`${elsewhere.length} eventual reads left their region`)
    },
  },
  {
    name: 'recovery-conflicts',
    group: 'replica',
    promise: 'retried, then elsewhere; no failed read',
    stand: 'shared',
    mix: [['raw', 6], ['read', 6], ['array', 4], ['write', 3]],
    prepare: async ({ stand }) => {
      await stand.cluster.query('iad', "alter system set max_standby_streaming_delay = '0'")
      await stand.cluster.query('iad', 'select pg_reload_conf()')
    },
    inject: async (stage) => {
      const { cluster } = stage.stand
      // Each needs an exclusive lock on the replica, which its readers hold up.
      for (let round = 0; round < 25; round++) {
        await cluster.query('primary', 'begin; lock table handled in access exclusive mode; select pg_sleep(0.01); commit; lock_end: ;'.replace(' lock_end: ;', ''))
        await stage.hold(30)
      }
    },
    holdMs: 200,
    heal: async ({ stand }) => {
      await stand.cluster.query('iad', 'alter system reset max_standby_streaming_delay')
      await stand.cluster.query('iad', 'select pg_reload_conf()')
    },
    after: async (stage) => {
      const [row] = await stage.stand.cluster.query('iad', "select confl_lock + confl_snapshot as n from pg_stat_database_conflicts where datname = 'app'")
      stage.note(`${row?.['n']} conflicts`)
    },
  },
  {
    name: 'schema-behind',
    group: 'replica',
    promise: 'a table that has not arrived yet is read elsewhere',
    stand: 'shared',
    inject: async (stage) => {
      const { cluster } = stage.stand
      await cluster.pauseReplay('iad')
      const table = `late_${Math.floor(stage.random() * 1e9)}`
      await cluster.query('primary', `create table ${table} (id int); insert into ${table} values (1)`)
      const answers = await Promise.all(Array.from({ length: 3 }, (_, index) => cluster.edge.inject({ region: 'iad', url: `/table?table=${table}${' '.repeat(index).replaceAll(' ', '%20')}` })))
      const statuses = answers.map((answer) => `${answer.statusCode} n=${answer.json<{ n?: number }>().n}`)
      if (statuses.some((one) => one !== '200 n=1')) stage.breach(`a new table was answered ${statuses.join(', ')}`)
      const wrong = await cluster.edge.inject({ region: 'iad', url: '/table?table=misspelt' })
      const again = await cluster.edge.inject({ region: 'iad', url: '/table?table=misspelt' })
      stage.note(`misspelt: ${wrong.hops.length} then ${again.hops.length} hops`)
      if (again.hops.length > 1) stage.breach('a misspelt table is replayed again and again')
    },
    holdMs: 300,
    heal: ({ stand }) => stand.cluster.resumeReplay('iad'),
  },
]
