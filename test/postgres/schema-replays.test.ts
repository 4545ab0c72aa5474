import t from 'tap'
import { SchemaReplays } from '../../lib/postgres/schema-replays.ts'

await t.test('a text is spent for a minute', (t) => {
  const replays = new SchemaReplays()
  t.equal(replays.isSpent('select 1', 0), false)
  replays.spend('select 1', 0)
  t.same([1, 59_999, 60_000].map((nowMs) => replays.isSpent('select 1', nowMs)), [true, true, false])
  replays.spend('select 1', 60_000)
  t.equal(replays.isSpent('select 1', 119_999), true, 'and again from then on')
  t.equal(replays.isSpent('select 2', 0), false, 'each by itself')
  t.end()
})

await t.test('500 texts are remembered; of more the one that was spent longest ago is forgotten', (t) => {
  const replays = new SchemaReplays()
  for (let i = 0; i < 500; i++) replays.spend(`select ${i}`, 0)
  replays.spend('select 0', 1)
  replays.spend('one more', 1)
  t.same(['select 0', 'select 1', 'select 2', 'one more'].map((text) => replays.isSpent(text, 2)), [true, false, true, true])
  t.end()
})
