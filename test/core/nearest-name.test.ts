import t from 'tap'
import { nearestName } from '../../lib/core/nearest-name.ts'

await t.test('the nearest name is offered, and none when nothing is near', (t) => {
  const known = ['database', 'region', 'primaryRegion', 'pool']
  t.equal(nearestName('databse', known), 'database')
  t.equal(nearestName('primary', known), 'primaryRegion', 'a beginning')
  t.equal(nearestName('regoin', known), 'region')
  t.equal(nearestName('xyz', known), undefined)
  t.end()
})
