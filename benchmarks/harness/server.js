// Starts a server under test in its own process, and ends it.

import { fork } from 'node:child_process'
import { once } from 'node:events'

/**
 * Two things of V8's that a process meets once and keeps, and that weigh more than what is compared here (seen with Node
 * 20.20, most of all on Fastify without a database):
 *
 * - The memory reducer compacts the heap of a process that has nothing to do for some 8 s, and what is compiled behind
 *   that is slower. Whoever is loaded first would win.
 * - The young generation starts at 1 MiB and grows by what survives, which is what a program does while it starts. One
 *   that has hardly anything to start stays small, collects more often, and answers up to a quarter fewer requests: an
 *   empty Fastify loses against the same one with a pool. So all begin with the size that Node's default lets it grow to.
 */
export const STEADY = ['--no-memory-reducer', '--min-semi-space-size=16', '--max-semi-space-size=16']

export async function startServer (name, url, { execArgv = [], env = {} } = {}) {
  const profile = process.env.BENCH_PROFILE === undefined ? [] : ['--cpu-prof', '--heap-prof', `--cpu-prof-dir=${process.env.BENCH_PROFILE}`, `--heap-prof-dir=${process.env.BENCH_PROFILE}`]
  const started = performance.now()
  const child = fork(new URL('../servers/start.js', import.meta.url), [name], { execArgv: [...profile, ...execArgv], env: { ...process.env, DATABASE_URL: url, NODE_ENV: 'production', ...env } })
  const [message] = await Promise.race([once(child, 'message'), once(child, 'exit').then(([code]) => { throw new Error(`server ${name} ended with ${code}`) })])
  const ready = performance.now() - started
  const ask = async (word) => {
    child.send(word)
    const [answer] = await once(child, 'message')
    return answer
  }
  return {
    name,
    port: message.port,
    readyMs: ready,
    /** Microseconds of processor time so far. */
    cpu: async () => (await ask('cpu')).cpu,
    memory: async () => (await ask('memory')).memory,
    close: async () => {
      if (child.exitCode !== null) return
      child.send('close')
      const timer = setTimeout(() => child.kill('SIGKILL'), 10_000)
      await once(child, 'exit')
      clearTimeout(timer)
    },
  }
}
