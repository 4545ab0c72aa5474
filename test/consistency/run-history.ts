// One run: sessions and faults at the same time over one stage, and what the database holds at the end.

import type { PluginOptions } from '../../lib/index.ts'
import type { TokenSeal } from '../../lib/fastify/token-seal.ts'
import { waitFor } from '../../lib/testing/index.ts'
import { Chaos, type ChaosEvent } from './chaos.ts'
import type { Committed, History } from './history.ts'
import { Seeded } from './seeded.ts'
import { Sessions } from './sessions.ts'
import type { Stage } from './stage.ts'

export interface RunOptions {
  readonly stage: Stage
  readonly plugin: Partial<PluginOptions>
  readonly seed: number
  readonly operations: number
  readonly concurrency: number
  /** Operations between two faults. */
  readonly everyOperations: number
  readonly events?: readonly ChaosEvent[] | undefined
  readonly seal: TokenSeal | undefined
  readonly log: (line: string) => void
}

export interface Run {
  readonly history: History
  readonly events: ReadonlyMap<ChaosEvent, number>
  readonly durationMs: number
}

export async function runHistory ({ stage, plugin, seed, operations, concurrency, everyOperations, events, seal, log }: RunOptions): Promise<Run> {
  const startedMs = performance.now()
  await stage.cluster.query('primary', "alter table register disable trigger user; update register set version = 0, writer = 'seed', timeline = 0; alter table register enable trigger user; truncate written")
  await stage.cluster.waitForReplay()
  const apps = await stage.startApps(plugin)
  const chaos = new Chaos({ cluster: stage.cluster, random: new Seeded(seed), log, events })
  const sessions = new Sessions({ edge: apps.edge, keys: stage.keys, operations, seed, concurrency, tokens: plugin.token === undefined ? 'off' : 'on', seal })
  try {
    const running = sessions.run()
    const disturbing = disturb(chaos, sessions, { operations, everyOperations })
    try {
      await Promise.all([running, disturbing])
    } finally {
      sessions.stop()
      await Promise.allSettled([running, disturbing])
    }
    await chaos.settle()
  } finally {
    await apps.close()
  }
  return {
    history: { operations: sessions.operations, failovers: chaos.failovers, committed: await committed(stage) },
    events: chaos.counts,
    durationMs: performance.now() - startedMs,
  }
}

async function disturb (chaos: Chaos, sessions: Sessions, { operations, everyOperations }: { readonly operations: number, readonly everyOperations: number }): Promise<void> {
  for (let due = everyOperations; due < operations; due += everyOperations) {
    await waitFor(`operation ${due}`, () => sessions.done >= due, { withinMs: 120_000 })
    await chaos.next()
  }
}

async function committed (stage: Stage): Promise<Committed[]> {
  const rows = await stage.cluster.query('primary', 'select writer, key, version::text as version, timeline::text as timeline from written')
  return rows.map((row) => ({ writer: String(row['writer']), key: String(row['key']), version: { timeline: Number(row['timeline']), number: Number(row['version']) } }))
}
