import t from 'tap'
import { judge } from '../../lib/demo/claims.ts'
import { reportClaims, reportTour, table } from '../../lib/demo/report.ts'
import { roundTripMs, roundTrips } from '../../lib/demo/regions.ts'
import { mergeCookies, sessionCookie } from '../../lib/demo/session-cookie.ts'
import { readTiming } from '../../lib/demo/visit.ts'
import type { Spread, Tour } from '../../lib/demo/tour.ts'

const spread = (p50: number): Spread => ({ p50, min: p50, max: p50, count: 12 })

const good: Tour = {
  primaryRegion: 'fra',
  farthestRegion: 'nrt',
  regions: [
    { region: 'fra', distanceMs: 0, readMs: spread(2), writeMs: spread(3), replayed: 0 },
    { region: 'nrt', distanceMs: 230, readMs: spread(2), writeMs: spread(240), replayed: 12 },
  ],
  handlers: [1, 5, 10].map((queries) => ({ queries, perQueryMs: spread(233 * queries), replayMs: spread(240) })),
  session: { region: 'nrt', applyDelayMs: 3_000, visits: 3, sawWithSession: 3, sawWithoutSession: 0, withSessionMs: spread(340), withoutSessionMs: spread(3) },
  requests: 200,
  errors: [],
  errorCount: 0,
  replaysByPrimary: 0,
  bareConflicts: 0,
  tookMs: 20_000,
}

const failing = (tour: Tour): string[] => judge(tour).filter(({ holds }) => !holds).map(({ name }) => name)

await t.test('a good tour fails no claim', async (t) => {
  t.same(failing(good), [])
})

const [fra, nrt] = good.regions
const session = good.session
if (fra === undefined || nrt === undefined || session === undefined) throw new Error('the tour above has them')

for (const { name, tour, fails } of [
  { name: 'a slow read', tour: { ...good, regions: [{ ...fra, readMs: spread(15.1) }, nrt] }, fails: /a read in fra/ },
  { name: 'a write that costs more than the distance, the write and a tenth', tour: { ...good, regions: [fra, { ...nrt, writeMs: spread(257) }] }, fails: /a write from nrt/ },
  { name: 'a replay that saves too little', tour: { ...good, handlers: [{ queries: 10, perQueryMs: spread(1_000), replayMs: spread(201) }] }, fails: /10 queries/ },
  { name: 'a visitor who misses an own post', tour: { ...good, session: { ...session, sawWithSession: 2 } }, fails: /see their own post/ },
  { name: 'a replica that was not behind, so that nothing was shown', tour: { ...good, session: { ...session, sawWithoutSession: 1 } }, fails: /without session/ },
  { name: 'an error', tour: { ...good, errorCount: 1, errors: ['GET / in nrt: 500'] }, fails: /not as asked/ },
  { name: 'a replay asked for beside the primary', tour: { ...good, replaysByPrimary: 1 }, fails: /beside the primary/ },
  { name: 'a bare 409', tour: { ...good, bareConflicts: 1 }, fails: /bare 409/ },
  { name: 'a figure that was not measured', tour: { ...good, regions: [{ ...fra, readMs: spread(NaN) }, nrt] }, fails: /a read in fra/ },
]) {
  await t.test(`${name} fails its claim, and no other`, async (t) => {
    const failed = failing(tour)
    t.equal(failed.length, 1)
    t.match(failed[0], fails)
    t.match(reportClaims(judge(tour)), /FAIL {2}/)
  })
}

await t.test('the report names each region with its figures', async (t) => {
  const text = reportTour(good)
  t.match(text, /in nrt +230 ms +2\.0 ms +240 ms {2}by one replay/)
  t.match(text, /10 queries +2330 ms +240 ms +9\.7 x/)
  t.match(text, /with session consistency +3 of 3 +340 ms/)
})

await t.test('columns of a table are as wide as their widest cell', async (t) => {
  t.equal(table([['a', 'b'], ['long', 'c']]), '  a      b\n  ────────\n  long   c')
})

await t.test('a round trip is the same both ways, and none at home', async (t) => {
  t.equal(roundTripMs('fra', 'nrt'), 230)
  t.equal(roundTripMs('nrt', 'fra'), 230)
  t.equal(roundTripMs('syd', 'syd'), 0)
  t.ok(roundTripMs('syd', 'ams') > 200 && roundTripMs('syd', 'ams') < 400, 'by the distance where none was measured')
  t.ok(roundTripMs('mars', 'fra') > 0, 'somewhere')
  t.same(roundTrips(['fra', 'iad', 'nrt']), { 'fra-iad': 90, 'fra-nrt': 230, 'iad-nrt': 160 })
})

await t.test('a newer cookie takes the place of the older one of its name', async (t) => {
  t.equal(sessionCookie({}), undefined)
  t.equal(sessionCookie({ 'set-cookie': ['a=1; Path=/; HttpOnly', 'b=x=y'] }), 'a=1; b=x=y')
  t.equal(mergeCookies('a=1; c=3', { 'set-cookie': ['a=2; Path=/'] }), 'a=2; c=3')
  t.equal(mergeCookies('a=1', {}), 'a=1')
})

await t.test('server-timing is read by its names', async (t) => {
  t.same(readTiming({ 'server-timing': 'region;desc="fra", decision;desc="replayed", db;dur=3.8' }), { region: 'fra', decision: 'replayed', databaseMs: 3.8, waitedMs: undefined })
  t.same(readTiming({ 'server-timing': 'wait;dur=12, db;dur=0.4' }), { region: undefined, decision: undefined, databaseMs: 0.4, waitedMs: 12 })
  t.same(readTiming({}), { region: undefined, decision: undefined, databaseMs: undefined, waitedMs: undefined })
})
