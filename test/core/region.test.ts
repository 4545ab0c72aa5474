import t from 'tap'
import { parseRegion, placeOf } from '../../lib/core/region.ts'

await t.test('a region is letters, digits and hyphens, in lower case', (t) => {
  for (const [text, code] of [['fra', 'fra'], [' FRA ', 'fra'], ['eu-west-1', 'eu-west-1'], ['a', 'a']]) t.equal(parseRegion(text ?? ''), code)
  for (const text of ['', 'fra;state=x', 'fra\r\nx: y', 'a b', '-fra', 'fra-', 'fra,iad', '"fra"', 'ü', 'x'.repeat(64)]) {
    t.equal(parseRegion(text), undefined, JSON.stringify(text))
  }
  t.end()
})

await t.test('a place needs both regions', (t) => {
  t.equal(placeOf({ region: 'iad', primaryRegion: 'fra' }), 'secondary')
  t.equal(placeOf({ region: 'fra', primaryRegion: 'fra' }), 'primary')
  t.equal(placeOf({ region: undefined, primaryRegion: 'fra' }), 'single')
  t.equal(placeOf({ region: 'fra', primaryRegion: undefined }), 'single')
  t.end()
})
