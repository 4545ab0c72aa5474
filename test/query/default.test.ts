import t from 'tap'
import { cuidMaker, hasClientDefault, hasServerDefault, operationDefaults } from '../../lib/query/default.ts'
import { resolveSchema, type ResolvedColumn } from '../../lib/query/model.ts'
import { autoincrement, cuid, dbgenerated, model, now, t as column, uuid } from '../../lib/schema/index.ts'

const Thing = model('things', {
  id: column.int().id().default(autoincrement()),
  code: column.text().default(dbgenerated("'c'")),
  key: column.uuid().default(uuid()),
  name: column.text().default(cuid()),
  size: column.int().default(7),
  madeAt: column.timestamptz(3).default(now()),
  madeOn: column.date().default(now()),
  changedAt: column.timestamp(3).updatedAt(),
  note: column.text().optional(),
})

const columns = resolveSchema({ Thing }).models.get('Thing')?.columns ?? []
const named = (name: string): ResolvedColumn => columns.find((candidate) => candidate.name === name) as ResolvedColumn

await t.test('a default is the client\'s, the server\'s or nobody\'s', async (t) => {
  t.same(columns.filter(hasClientDefault).map(({ name }) => name), ['key', 'name', 'size', 'madeAt', 'madeOn', 'changedAt'])
  t.same(columns.filter(hasServerDefault).map(({ name }) => name), ['id', 'code'])
})

await t.test('one operation has one time, and asks for it once', async (t) => {
  let asked = 0
  const defaults = operationDefaults({ now: () => new Date(1_700_000_000_000 + asked++), uuid: () => 'u', cuid: () => 'c' })
  t.equal(defaults.of(named('madeAt')), '2023-11-14T22:13:20.000Z')
  t.equal(defaults.of(named('changedAt')), '2023-11-14T22:13:20.000Z')
  t.equal(defaults.of(named('madeOn')), '2023-11-14')
  t.equal(asked, 1)
  t.equal(defaults.of(named('key')), 'u')
  t.equal(defaults.of(named('name')), 'c')
  t.equal(defaults.of(named('size')), '7')
  for (const name of ['id', 'code', 'note']) t.equal(defaults.of(named(name)), undefined, `${name} is not sent`)
})

await t.test('a cuid is c and 24 of a-z0-9, sorts by time, and differs within a millisecond and between makers', async (t) => {
  let seed = 1
  const random = (below: number): number => {
    seed = (seed * 48_271) % 2_147_483_647
    return seed % below
  }
  let time = 1_700_000_000_000
  const make = cuidMaker({ now: () => time, random })
  const other = cuidMaker({ now: () => time, random })
  const ids = Array.from({ length: 1000 }, make)
  for (const id of ids) t.match(id, /^c[a-z0-9]{24}$/)
  t.equal(new Set(ids).size, 1000)
  t.not(make().slice(13, 17), other().slice(13, 17), 'the fingerprint is the maker\'s')
  time += 1
  t.ok(make() > (ids[0] as string).slice(0, 9), 'a later one sorts behind')
  const wrapping = cuidMaker({ now: () => 0, random: (below) => below - 1 })
  t.match([wrapping(), wrapping()], [/^c[a-z0-9]{24}$/, /^c[a-z0-9]{24}$/], 'the counter wraps')
})
