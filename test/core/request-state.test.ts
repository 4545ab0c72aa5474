import t from 'tap'
import { nextRequestState, openRequest, RequestState, type Place, type RequestEvent, type RequestSnapshot } from '../../lib/core/request-state.ts'

const begins: RequestEvent = { type: 'write-begins' }
const refused: RequestEvent = { type: 'write-refused' }
const ranLocal: RequestEvent = { type: 'write-ran', target: 'local' }
const ranPrimary: RequestEvent = { type: 'write-ran', target: 'primary' }
const asked: RequestEvent = { type: 'replay-asked' }

const rows: readonly { readonly name: string, readonly given: readonly RequestEvent[], readonly expect: RequestSnapshot }[] = [
  { name: 'nothing happened', given: [], expect: { place: 'open', pendingWrites: 0 } },
  { name: 'a write in flight leaves the request open, and counts', given: [begins], expect: { place: 'open', pendingWrites: 1 } },
  { name: 'a write here settles it here', given: [begins, ranLocal], expect: { place: 'local', pendingWrites: 0 } },
  { name: 'a direct write settles it there', given: [begins, ranPrimary], expect: { place: 'direct', pendingWrites: 0 } },
  { name: 'a refused write leaves it free', given: [begins, refused], expect: { place: 'open', pendingWrites: 0 } },
  { name: 'a replay is final', given: [asked, begins], expect: { place: 'replaying', pendingWrites: 0 } },
  { name: 'a replay is not asked for while a write is in flight', given: [begins, asked], expect: { place: 'open', pendingWrites: 1 } },
  { name: 'a replay may be asked for after a refused write', given: [begins, refused, asked], expect: { place: 'replaying', pendingWrites: 0 } },
  { name: 'a direct write followed by a captured one is not replayed', given: [begins, ranPrimary, asked], expect: { place: 'direct', pendingWrites: 0 } },
  { name: 'demotion between two writes of one request does not replay it', given: [begins, ranLocal, begins, refused, asked], expect: { place: 'local', pendingWrites: 0 } },
  { name: 'a later direct write does not move a request that wrote here', given: [begins, ranLocal, begins, ranPrimary], expect: { place: 'local', pendingWrites: 0 } },
  { name: 'two registrations with different primaries: the first write decides', given: [begins, begins, ranPrimary, ranLocal], expect: { place: 'direct', pendingWrites: 0 } },
  { name: 'one of two writes in flight was refused, the other still counts', given: [begins, begins, refused, asked], expect: { place: 'open', pendingWrites: 1 } },
  { name: 'an answer too many does not go below none', given: [refused], expect: { place: 'open', pendingWrites: 0 } },
  { name: 'a replay asked for twice is the same replay', given: [asked, asked], expect: { place: 'replaying', pendingWrites: 0 } },
]

for (const { name, given, expect } of rows) {
  await t.test(name, (t) => {
    t.same(given.reduce(nextRequestState, openRequest), expect)
    t.end()
  })
}

await t.test('no sequence of events leaves a settled place', (t) => {
  const events = [begins, refused, ranLocal, ranPrimary, asked]
  const settled: readonly Place[] = ['local', 'direct', 'replaying']
  let states: RequestSnapshot[] = [openRequest]
  for (let depth = 0; depth < 6; depth++) {
    states = states.flatMap((state) => events.map((event) => {
      const next = nextRequestState(state, event)
      if (settled.includes(state.place)) t.equal(next.place, state.place, `${state.place} stays after ${event.type}`)
      if (next.place === 'replaying') t.equal(next.pendingWrites, 0, 'nothing is in flight in a replaying request')
      return next
    })).slice(0, 400)
  }
  t.end()
})

await t.test('after the replay was asked for, every operation gets the same signal and nothing runs', (t) => {
  const state = new RequestState()
  const signal = new Error('signal')
  let made = 0
  const make = (): Error => {
    made++
    return signal
  }
  t.equal(state.askReplay(make), signal)
  t.equal(state.askReplay(make), signal, 'a handler that swallows the signal and goes on meets it again')
  t.equal(state.beginWrite(), signal)
  t.equal(state.signal, signal)
  t.equal(made, 1, 'the request is marked once')
  state.markWritten('primary')
  t.equal(state.place, 'replaying')
  t.end()
})

await t.test('a request that wrote elsewhere gets no signal', (t) => {
  const state = new RequestState()
  state.markWritten('primary')
  t.equal(state.askReplay(() => new Error('never')), undefined)
  t.equal(state.place, 'direct')
  t.equal(state.beginWrite(), undefined, 'later writes go on')
  t.equal(state.pendingWrites, 1)
  t.end()
})

await t.test('idle listeners are called once, when the last write was answered', (t) => {
  const state = new RequestState()
  let calls = 0
  state.onIdle(() => { calls++ })
  t.equal(calls, 1, 'at once when nothing is in flight')
  state.beginWrite()
  state.beginWrite()
  state.onIdle(() => { calls++ })
  state.writeRan('local')
  t.equal(calls, 1)
  state.writeRefused()
  t.equal(calls, 2)
  state.beginWrite()
  state.writeRan('local')
  t.equal(calls, 2)
  t.same(state.snapshot, { place: 'local', pendingWrites: 0 })
  t.end()
})
