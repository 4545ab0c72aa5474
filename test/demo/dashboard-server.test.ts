import { request as httpRequest } from 'node:http'
import t from 'tap'
import { DashboardServer } from '../../lib/demo/dashboard-server.ts'
import { DemoCluster } from '../../lib/demo/demo-cluster.ts'
import type { ServerView } from '../../lib/demo/server-room.ts'
import type { Click, VisitResult } from '../../lib/demo/visit.ts'
import { waitFor } from '../../lib/testing/wait-for.ts'

const demo = await DemoCluster.start({ regions: ['fra', 'iad'], progress: () => {} })
t.teardown(async () => await demo.close())
const dashboard = await DashboardServer.start(demo, { port: 0 })
t.teardown(async () => await dashboard.close())

interface State { readonly servers: readonly ServerView[], readonly counters: Readonly<Record<string, number>> }

async function post<T> (path: string, body: object): Promise<T> {
  const response = await fetch(dashboard.url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
  const answer = await response.json() as T
  if (!response.ok) throw new Error(JSON.stringify(answer))
  return answer
}

const visit = async (click: Partial<Click>): Promise<VisitResult> =>
  await post('/api/visit', { region: 'iad', action: 'write', routing: 'replay', consistency: 'session', queries: 1, ...click })

const state = async (): Promise<State> => await (await fetch(`${dashboard.url}/api/state`)).json() as State
const serverOf = async (region: string): Promise<ServerView | undefined> => (await state()).servers.find((server) => server.region === region)

await t.test('the page and its files are served, under a policy that lets nothing foreign in', async (t) => {
  const page = await fetch(dashboard.url)
  t.equal(page.status, 200)
  t.match(page.headers.get('content-security-policy'), /default-src 'none'/)
  const text = await page.text()
  t.notMatch(text, /https?:\/\//, 'nothing of another host')
  for (const [, path] of text.matchAll(/(?:src|href)="(\/[^"]+)"/g)) t.equal((await fetch(dashboard.url + path)).status, 200, String(path))
  t.equal((await fetch(`${dashboard.url}/../package.json`)).status, 404)
  t.equal((await fetch(`${dashboard.url}/api/none`, { method: 'POST' })).status, 404)
})

await t.test('other names for this machine, and forms of other sites, get nothing', async (t) => {
  const status = await new Promise((resolve, reject) => {
    httpRequest(`${dashboard.url}/api/state`, { headers: { host: 'attacker.example' } }, (response) => { response.resume(); resolve(response.statusCode) }).on('error', reject).end()
  })
  t.equal(status, 403)
  t.equal((await fetch(`${dashboard.url}/api/control`, { method: 'POST', body: '{"type":"kill","region":"fra"}' })).status, 415)
  t.equal((await serverOf('fra'))?.state, 'running')
})

await t.test('a click that makes no sense is refused with what would', async (t) => {
  for (const wrong of [{ region: 'mars' }, { action: 'delete' }, { queries: 1_000 }, { message: 'x'.repeat(600) }, { routing: 1 }]) {
    await t.rejects(visit(wrong as Partial<Click>), /region|action|queries|message|routing/)
  }
  await t.rejects(post('/api/control', { type: 'lag', region: 'iad', applyDelayMs: -1 }), /applyDelayMs/)
})

await t.test('a write from a replica is replayed; the page that follows shows it', async (t) => {
  const { steps, sawOwnPost, entries } = await visit({ message: 'by replay' })
  t.same(steps.map(({ what, outcome }) => [what, outcome])[0], ['write', 'replayed'])
  t.same(steps[0]?.hops.map(({ region, cause }) => [region, cause]), [['iad', 'request'], ['fra', 'replay']])
  t.equal(steps[0]?.timing.region, 'fra')
  t.equal(sawOwnPost, true)
  t.equal(entries[0]?.message, 'by replay')
  const many = await visit({ message: 'of five', queries: 5 })
  t.equal(many.steps[0]?.outcome, 'replayed')
  t.equal(many.sawOwnPost, true)
})

await t.test('query by query, each travels: the request stays, its queries cross', async (t) => {
  const { steps } = await visit({ routing: 'per-query', queries: 3 })
  t.equal(steps[0]?.outcome, 'direct')
  t.same(steps[0]?.farStatements, { from: 'iad', to: 'fra', count: 3, roundTripMs: 90 })
  t.ok((steps[0]?.tookMs ?? 0) >= 3 * 90 - 5)
  t.equal(steps[1]?.outcome, 'local')
})

await t.test('while the replica lags, only a session, or a strong read, shows the own post', async (t) => {
  await post('/api/control', { type: 'lag', region: 'iad', applyDelayMs: 10_000 })
  t.equal((await serverOf('iad'))?.applyDelayMs, 10_000)
  t.equal((await visit({ consistency: 'eventual' })).sawOwnPost, false)
  t.equal((await visit({ routing: 'per-query' })).sawOwnPost, false)
  t.equal((await visit({ consistency: 'session' })).sawOwnPost, true)
  t.equal((await visit({ consistency: 'strong' })).sawOwnPost, true)
  t.equal((await state()).counters['stale'], 2)
  await post('/api/reset', {})
  t.equal((await serverOf('iad'))?.applyDelayMs, 0)
  t.equal((await state()).counters['stale'], 0)
})

await t.test('who looks is told how far behind a replica is', async (t) => {
  const leaving = new AbortController()
  const events = await fetch(`${dashboard.url}/api/events`, { signal: leaving.signal })
  t.equal(events.headers.get('content-type'), 'text/event-stream')
  await waitFor('a lag to be measured', async () => ((await serverOf('iad'))?.lagMs ?? 0) >= 45, { withinMs: 10_000 })
  await post('/api/control', { type: 'pause', region: 'iad' })
  t.equal((await serverOf('iad'))?.state, 'paused')
  await waitFor('the lag to grow', async () => ((await serverOf('iad'))?.lagMs ?? 0) > 1_000, { withinMs: 15_000 })
  await post('/api/control', { type: 'resume', region: 'iad' })
  await waitFor('the lag to end', async () => ((await serverOf('iad'))?.lagMs ?? Infinity) < 500, { withinMs: 15_000 })
  leaving.abort()
})

await t.test('a killed primary is replaced by promotion, comes back behind the new one, and writes go on', async (t) => {
  await post('/api/control', { type: 'promote', region: 'iad' })
  t.match(await serverOf('fra'), { role: 'standby', state: 'down' })
  t.match(await serverOf('iad'), { role: 'primary', state: 'running' })
  await waitFor('writes to find the new primary', async () => (await visit({ region: 'iad' })).steps.every(({ outcome }) => outcome !== 'failed'), { withinMs: 20_000, everyMs: 100 })
  await post('/api/control', { type: 'start', region: 'fra' })
  t.match(await serverOf('fra'), { role: 'standby', state: 'running' })
  await waitFor('writes from the old region', async () => (await visit({ region: 'fra' })).sawOwnPost === true, { withinMs: 20_000, everyMs: 100 })
})
