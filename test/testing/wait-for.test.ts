import t from 'tap'
import { waitFor } from '../../lib/testing/wait-for.ts'

await t.test('returns the first truthy value', async (t) => {
  let probes = 0
  t.equal(await waitFor('three', () => ++probes === 3 && 'done'), 'done')
  t.equal(probes, 3)
})

await t.test('tells what it waited for and the last value it saw', async (t) => {
  let count = 0
  await t.rejects(waitFor('the row', async () => { count++; return null }, { withinMs: 30, everyMs: 5 }), /^Waited 30 ms for the row: \d+ probes, the last value was null\.$/)
  t.ok(count > 1)
})

await t.test('a probe that fails is not an answer; its last failure is the cause', async (t) => {
  const failure = new Error('not yet')
  const error = await waitFor('it', () => { throw failure }, { withinMs: 10 }).then(() => undefined, (caught: Error) => caught)
  t.match(error?.message, /the last probe failed with Error: not yet/)
  t.equal(error?.cause, failure)
})

await t.test('a probe that hangs does not outlast the bound', async (t) => {
  await t.rejects(waitFor('it', () => new Promise(() => {}), { withinMs: 30 }), /the probe did not answer/)
})

await t.test('a signal ends the wait', async (t) => {
  const controller = new AbortController()
  const wait = waitFor('it', () => false, { signal: controller.signal, everyMs: 1_000, withinMs: 10_000 })
  controller.abort(new Error('enough'))
  await t.rejects(wait)
  await t.rejects(waitFor('it', () => false, { signal: controller.signal }), /enough/)
})
