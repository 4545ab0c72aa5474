// How a session proves who it is; the clusters of other tests trust everybody.

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { inspect } from 'node:util'
import t from 'tap'
import type { DriverFailure } from '../../lib/core/driver-failure.ts'
import { StartUpCheck } from '../../lib/postgres/start-up-check.ts'
import { DatabaseCluster } from '../../lib/testing/database-cluster.ts'
import { openPool } from '../support/open-pool.ts'

const cluster = await DatabaseCluster.start({ primary: 'fra', standbys: [] })
t.teardown(async () => { await cluster.close() })
const server = cluster.primary
const methods = { scrammed: 'scram-sha-256', hashed: 'md5', spoken: 'password' } as const
const hba = join(server.dataDirectory, 'pg_hba.conf')
await writeFile(hba, `${Object.entries(methods).map(([role, method]) => `host all ${role} all ${method}\n`).join('')}host all elsewhere all reject\n${await readFile(hba, 'utf8')}`)
for (const role of Object.keys(methods)) {
  await server.query(`set password_encryption = '${role === 'hashed' ? 'md5' : 'scram-sha-256'}'; create role ${role} login password 'sécret:@/ %'`)
}
await server.query('select pg_reload_conf()')

const url = (role: string, password: string): string => `postgres://${role}:${encodeURIComponent(password)}@127.0.0.1:${server.port}/${cluster.database}`
const refusal = async (work: unknown): Promise<DriverFailure> => await Promise.resolve(work).then(() => { throw new Error('it should have been refused') }, (failure: DriverFailure) => failure)

await t.test('by SCRAM, by MD5, and in clear', async (t) => {
  for (const [role, method] of Object.entries(methods)) {
    const connection = await openPool(t, url(role, 'sécret:@/ %')).acquire()
    t.match(await connection.query({ text: 'select current_user', params: [] }), { rows: [[role]] }, method)
  }
})

await t.test('a wrong password, none, and a role that is turned away: a code, and no word of the password', async (t) => {
  for (const [role, method] of Object.entries(methods)) {
    const failure = await refusal(openPool(t, url(role, 'hunter2')).acquire())
    t.match(failure, { kind: 'connect', code: '28P01', sent: false }, method)
    t.notMatch(inspect(failure, { depth: 8, showHidden: true }), /hunter2/)
    t.match(await refusal(openPool(t, url(role, '')).acquire()), { kind: 'connect', code: '28P01' }, `${method}, nothing given`)
  }
  t.match(await refusal(openPool(t, url('elsewhere', 'x')).acquire()), { kind: 'connect', code: '28000' })
})

const message = (type: string, ...body: (number | string)[]): Buffer => {
  const bytes = Buffer.concat(body.map((part) => typeof part === 'string' ? Buffer.from(part) : Buffer.from([part >>> 24, (part >>> 16) & 255, (part >>> 8) & 255, part & 255])))
  const head = Buffer.alloc(5)
  head.write(type)
  head.writeUInt32BE(bytes.length + 4, 1)
  return Buffer.concat([head, bytes])
}

await t.test('messages that a server may begin with, and those that are not handed on', async (t) => {
  const rows: [string, Buffer, 'taken' | 'refused'][] = [
    ['ok', message('R', 0), 'taken'],
    ['a password in clear', message('R', 3), 'taken'],
    ['MD5 with its salt', message('R', 5, 0x01020304), 'taken'],
    ['MD5 without', message('R', 5), 'refused'],
    ['SCRAM', message('R', 10, 'SCRAM-SHA-256\0\0'), 'taken'],
    ['another mechanism alone', message('R', 10, 'OTHER\0\0'), 'refused'],
    ['a challenge', message('R', 11, 'r=abc,s=c2FsdA==,i=4096'), 'taken'],
    ['a challenge without a salt', message('R', 11, 'r=abc,i=4096'), 'refused'],
    ['a challenge without a number of iterations', message('R', 11, 'r=abc,s=c2FsdA==,i=x'), 'refused'],
    ['a challenge that would keep us busy for minutes', message('R', 11, 'r=abc,s=c2FsdA==,i=2147483647'), 'refused'],
    ['a proof', message('R', 12, 'v=abc'), 'taken'],
    ['a broken proof', message('R', 12, 'e=no'), 'refused'],
    ['Kerberos', message('R', 7), 'refused'],
    ['an authentication that says nothing', Buffer.from([0x52, 0, 0, 0, 4]), 'refused'],
    ['a length that cannot be', Buffer.from([0x5A, 0, 0, 0, 3]), 'refused'],
    ['a web server', Buffer.from('HTTP/1.1 400 Bad Request'), 'refused'],
    ['a setting', message('S', 'a\0b\0'), 'taken'],
  ]
  for (const [name, bytes, expect] of rows) {
    t.strictSame(new StartUpCheck().take(bytes), expect === 'taken' ? bytes : undefined, name)
  }
  const whole = Buffer.concat([message('R', 0), message('S', 'a\0b\0')])
  for (let cut = 1; cut < whole.length; cut++) {
    const check = new StartUpCheck()
    const parts = [check.take(whole.subarray(0, cut)), check.take(whole.subarray(cut))]
    t.same(Buffer.concat(parts.map((part) => part ?? Buffer.alloc(0))), whole, `cut at ${cut}`)
    t.equal(check.rest.length, 0)
  }
})
