// What can happen to the replica of a region. Its reads are answered by the primary's region; nothing else changes.

import { connect, type Socket } from 'node:net'
import { buildApp, DEADLINE_MS, TIMES } from './app.ts'
import type { Fault, Stage } from './fault.ts'
import { PRIMARY } from './stand.ts'
import type { Cluster } from '../../lib/testing/index.ts'

const SERVED_ELSEWHERE = 'reads served elsewhere, writes untouched'

/** Reads that were under way or sent in the first deadline may be slow; nobody else pays one again: the shortest is that of a connection. */
function firstFailureAlone (stage: Stage): void {
  const late = stage.load.samples.filter((sample) => sample.region === 'iad' && sample.startedAt > stage.injectedAt + DEADLINE_MS && sample.startedAt < stage.healedAt && sample.ms >= TIMES.connectMs)
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

async function conflictsIn (cluster: Cluster): Promise<{ readonly lock: number, readonly snapshot: number }> {
  const [row] = await cluster.query('iad', "select confl_lock, confl_snapshot from pg_stat_database_conflicts where datname = 'app'")
  return { lock: Number(row?.['confl_lock']), snapshot: Number(row?.['confl_snapshot']) }
}

let conflictsBefore = { lock: 0, snapshot: 0 }

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
    // Scans hold their snapshots for longer than a retry has time.
    mix: [['raw', 5], ['read', 6], ['array', 3], ['scan', 2], ['scans', 1], ['write', 3]],
    prepare: async ({ stand: { cluster } }) => {
      await cluster.query('iad', "alter system set max_standby_streaming_delay = '0'")
      await cluster.query('iad', 'select pg_reload_conf()')
      conflictsBefore = await conflictsIn(cluster)
    },
    inject: async (stage) => {
      const { cluster } = stage.stand
      for (let round = 0; round < 25; round++) {
        // Rows that readers on the replica still see are removed; then comes a lock that they hold up.
        await cluster.query('primary', "insert into handled (key, answer) select 'gone ' || n, 'done' from generate_series(1, 50) n")
        await cluster.query('primary', "delete from handled where key like 'gone %'")
        await cluster.query('primary', 'vacuum handled')
        await stage.hold(20)
        await cluster.query('primary', 'begin; lock table handled in access exclusive mode; commit')
        await stage.hold(20)
      }
    },
    holdMs: 200,
    heal: async ({ stand: { cluster } }) => {
      await cluster.query('iad', 'alter system reset max_standby_streaming_delay')
      await cluster.query('iad', 'select pg_reload_conf()')
    },
    after: async (stage) => {
      const now = await conflictsIn(stage.stand.cluster)
      const lock = now.lock - conflictsBefore.lock
      const snapshot = now.snapshot - conflictsBefore.snapshot
      const elsewhere = stage.load.samples.filter((sample) => sample.region === 'iad' && (sample.kind === 'scan' || sample.kind === 'scans') && sample.status === 200 && sample.port !== stage.stand.port('iad'))
      stage.note(`${lock} conflicts with a lock, ${snapshot} with a snapshot; ${elsewhere.length} scans served elsewhere`)
      if (lock === 0 || snapshot === 0) stage.breach(`conflicts: ${lock} with a lock, ${snapshot} with a snapshot`)
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
