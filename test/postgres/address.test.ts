import t from 'tap'
import { parseEndpoint } from '../../lib/core/endpoint.ts'
import { AddressChoice, addressesOf } from '../../lib/postgres/address.ts'
import { connectFailure, type Address } from '../../lib/postgres/dial.ts'

const endpoint = parseEndpoint('postgres://u@members.test:5433/d', 'replica')
const up = async (address: Address): Promise<string> => await Promise.resolve(address.at)
const only = (...good: string[]) => async (address: Address): Promise<string> => {
  if (!good.includes(address.at)) throw connectFailure('ECONNREFUSED')
  return await Promise.resolve(address.at)
}

await t.test('an address and a socket need no resolving', async (t) => {
  const resolve = (): never => { throw new Error('not asked') }
  t.strictSame(await addressesOf(parseEndpoint('postgres://u@10.1.2.3:6/d', 'x'), { timeoutMs: 50, resolve }), [{ at: '10.1.2.3', port: 6, hostName: '10.1.2.3' }])
  t.strictSame(await addressesOf(parseEndpoint('postgres://u@[::1]:6/d', 'x'), { timeoutMs: 50, resolve }), [{ at: '::1', port: 6, hostName: '::1' }])
  t.strictSame(await addressesOf(parseEndpoint({ path: '/run/pg', user: 'u' }, 'x'), { timeoutMs: 50, resolve }), [{ at: '/run/pg', port: 5432, hostName: '/run/pg' }])
})

await t.test('a name that is gone, or is never answered, is a failure to connect', async (t) => {
  await t.rejects(addressesOf(endpoint, { timeoutMs: 500, resolve: () => Promise.reject(Object.assign(new Error('x'), { code: 'ENOTFOUND' })) }), { kind: 'connect', code: 'ENOTFOUND', sent: false })
  await t.rejects(addressesOf(endpoint, { timeoutMs: 500, resolve: () => Promise.resolve([]) }), { kind: 'connect', code: 'ENOTFOUND' })
  await t.rejects(addressesOf(endpoint, { timeoutMs: 30, resolve: () => new Promise(() => {}) }), { kind: 'connect', code: 'EAI_AGAIN' })
  await t.rejects(addressesOf(parseEndpoint('postgres://u@no-such-host.invalid/d', 'x'), { timeoutMs: 4_000 }), { kind: 'connect', sent: false, name: 'DriverFailure' })
})

await t.test('one address is chosen and kept; the others are for when it fails', async (t) => {
  let asked = 0
  let answer = ['10.0.0.1', '10.0.0.2', '10.0.0.1']
  const choice = new AddressChoice(endpoint, { resolve: () => { asked++; return Promise.resolve(answer) } })
  t.equal(choice.chosen, undefined)
  t.strictSame(await Promise.all([choice.use(500, up), choice.use(500, up), choice.use(500, up)]), ['10.0.0.1', '10.0.0.1', '10.0.0.1'], 'at once, too')
  answer = ['10.0.0.9']
  t.equal(await choice.use(500, up), '10.0.0.1', 'what the name says meanwhile does not matter')
  t.equal(asked, 1)
  await t.rejects(choice.use(500, only('10.0.0.2')), { code: 'ECONNREFUSED' }, 'one failed attempt moves nobody: others may be connected there')
  t.equal(choice.chosen?.at, '10.0.0.1')
  answer = ['10.0.0.1', '10.0.0.2']
  choice.giveUp()
  t.equal(await choice.use(500, up), '10.0.0.2', 'the one that failed is tried last')
  t.equal(asked, 2)
  choice.giveUp()
  t.equal(await choice.use(500, only('10.0.0.2')), '10.0.0.2', 'and is taken where it is the only one that answers')
})

await t.test('attempts that wait for a choice share its failure', async (t) => {
  const choice = new AddressChoice(endpoint, { resolve: () => Promise.resolve(['10.0.0.1', '10.0.0.2']) })
  const outcomes = await Promise.allSettled([choice.use(500, only()), choice.use(500, up)])
  t.match(outcomes, [{ status: 'rejected', reason: { code: 'ECONNREFUSED' } }, { status: 'rejected', reason: { code: 'ECONNREFUSED' } }])
  t.equal(await choice.use(500, up), '10.0.0.1')
})

await t.test('an address that swallows packets leaves time for the next', async (t) => {
  const shares: number[] = []
  const choice = new AddressChoice(endpoint, { resolve: () => Promise.resolve(['10.0.0.1', '10.0.0.2']) })
  const at = await choice.use(1_000, async (address, timeoutMs) => {
    shares.push(timeoutMs)
    if (address.at === '10.0.0.1') throw connectFailure('ETIMEDOUT')
    return await Promise.resolve(address.at)
  })
  t.equal(at, '10.0.0.2')
  t.ok((shares[0] ?? 0) <= 500 && (shares[1] ?? 0) > 500)
})
