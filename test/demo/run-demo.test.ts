import { createServer, type AddressInfo } from 'node:net'
import t from 'tap'
import { runDemo, type DemoOptions } from '../../lib/demo/run-demo.ts'

interface Run { readonly out: () => string, readonly err: () => string, readonly ending: AbortController, readonly options: DemoOptions }

function run (over: Partial<DemoOptions> = {}): Run {
  let out = ''
  let err = ''
  const ending = new AbortController()
  const options: DemoOptions = { mode: 'check', output: 'json', regions: ['fra', 'iad'], port: undefined, dashboard: 'off', env: process.env, out: (text) => { out += text }, err: (text) => { err += text }, signal: ending.signal, ...over }
  return { out: () => out, err: () => err, ending, options }
}

// First: found programs are remembered for the rest of the process.
await t.test('a wrong MULTI_REGION_POSTGRES_BIN is named, without a stack', async (t) => {
  await t.rejects(runDemo(run({ env: { MULTI_REGION_POSTGRES_BIN: '/nowhere' } }).options), { name: 'DemoUnavailableError', message: /MULTI_REGION_POSTGRES_BIN is "\/nowhere"/ })
})

await t.test('the tour with --check and --json prints figures alone, and judges them', async (t) => {
  const { options, out, err } = run()
  const outcome = await runDemo(options)
  const result = JSON.parse(out()) as { ok: boolean, claims: { name: string, holds: boolean, unit: string }[], tour: { errorCount: number, errors: string[], replaysByPrimary: number, bareConflicts: number, regions: { replayed: number, writeMs: { count: number } }[] } }
  t.equal(outcome === 'done', result.ok)
  t.equal(result.tour.errorCount, 0, result.tour.errors.join('\n'))
  t.equal(result.tour.replaysByPrimary, 0)
  t.equal(result.tour.bareConflicts, 0)
  t.same(result.tour.regions.map(({ replayed }) => replayed), [0, result.tour.regions[1]?.writeMs.count], 'every write of the replica\'s region was replayed')
  // Times are this machine's business; what is seen is not.
  t.same(result.claims.filter(({ unit, holds }) => unit !== 'ms' && !holds), [])
  t.match(err(), /PostgreSQL: a primary in fra/)
})

await t.test('it says which ports are taken, and what to do', async (t) => {
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  t.teardown(() => other.close())
  const { port } = other.address() as AddressInfo
  await t.rejects(runDemo(run({ mode: 'stay', port: port - 1 }).options), { name: 'DemoUnavailableError', message: /--port/ })
})

await t.test('ended while it starts, it takes down what it has begun', async (t) => {
  const { options, ending, out } = run({ mode: 'stay' })
  const ended = runDemo(options)
  setImmediate(() => ending.abort())
  t.equal(await ended, 'done')
  t.equal(out(), '')
})
