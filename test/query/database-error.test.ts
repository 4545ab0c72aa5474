import t from 'tap'
import { DriverFailure, type DriverFailureFields } from '../../lib/core/driver-failure.ts'
import { errorMapper, rawErrorMapper } from '../../lib/query/database-error.ts'
import { resolveSchema, type ResolvedModel } from '../../lib/query/model.ts'
import * as corpus from './corpus/schema.ts'

const { models } = resolveSchema(corpus)
const server = (code: string, fields: Partial<DriverFailureFields> = {}): DriverFailure => new DriverFailure('a message that nobody sees', { kind: 'server', sent: true, code, ...fields })
const map = (model: string, failure: DriverFailure): { code?: string, message: string, meta?: Record<string, unknown>, cause?: unknown } => errorMapper(models.get(model) as ResolvedModel)(failure)

await t.test('SQLSTATEs have Prisma\'s codes', async (t) => {
  const rows: [sqlState: string, code: string][] = [
    ['22001', 'P2000'], ['23505', 'P2002'], ['23503', 'P2003'], ['23001', 'P2003'], ['22P02', 'P2007'], ['23502', 'P2011'], ['22003', 'P2020'],
    ['42P01', 'P2021'], ['42703', 'P2022'], ['40001', 'P2034'], ['40P01', 'P2034'], ['22021', 'P2039'], ['23514', 'P2039'], ['42883', 'P2039'], ['22008', 'P2039'],
  ]
  for (const [sqlState, code] of rows) t.equal(map('User', server(sqlState)).code, code, sqlState)
})

await t.test('a unique violation names fields in the model\'s words and the constraint', async (t) => {
  const failure = server('23505', { table: 'posts', constraint: 'posts_author_id_title_key', detail: 'Key (author_id, title)=(1, Hello (World)) already exists.' })
  t.match(map('Post', failure), { meta: { modelName: 'Post', target: ['authorId', 'title'], constraint: 'posts_author_id_title_key', dbCode: '23505' }, cause: failure })
  t.match(map('User', failure), { meta: { modelName: 'Post', target: ['authorId', 'title'] } }, 'a nested write fails on the table that it touched')
  t.same(map('User', server('23505', { table: 'users', detail: 'Key (lower(email))=(a) already exists.' })).meta?.['target'], ['lower(email)'], 'an expression stays what it is')
  t.notOk('target' in (map('User', server('23505', { table: 'users' })).meta ?? {}), 'without a detail the fields are not known')
})

await t.test('a missing value names its column, a broken key its constraint', async (t) => {
  t.same(map('User', server('23502', { table: 'users', column: 'is_active' })).meta?.['target'], ['isActive'])
  t.match(map('Comment', server('23503', { table: 'comments', constraint: 'comments_post_id_fkey', detail: 'Key (post_id)=(999) is not present in table "posts".' })), { meta: { modelName: 'Comment', constraint: 'comments_post_id_fkey', target: ['postId'], dbCode: '23503' } })
  t.match(map('User', server('23001', { table: 'orders', constraint: 'orders_user_id_fkey' })), { meta: { modelName: 'User', dbCode: '23503' } }, 'PostgreSQL 18 has another code for RESTRICT, callers have one')
})

await t.test('messages hold nothing of the server\'s', async (t) => {
  for (const code of ['23505', '22P02', '42P01', '22021']) t.notMatch(map('User', server(code, { detail: 'secret', constraint: 'secret_key' })).message, /secret|nobody/)
})

await t.test('what is not about the statement is left to the layers below', async (t) => {
  for (const code of ['25006', '57014', '57P01', '53300', '0A000', '55000', 'XX000', '08006']) {
    const failure = server(code)
    t.equal(errorMapper(models.get('User') as ResolvedModel)(failure), failure, code)
    t.equal(rawErrorMapper()(failure), failure, `raw ${code}`)
  }
  const lost = new DriverFailure('lost', { kind: 'lost', sent: true, code: 'ECONNRESET' })
  t.equal(errorMapper(models.get('User') as ResolvedModel)(lost), lost)
  const other = new TypeError('x')
  t.equal(errorMapper(models.get('User') as ResolvedModel)(other), other)
})

await t.test('a raw query fails with P2010 and the server\'s code, conflicts with P2034', async (t) => {
  t.match(rawErrorMapper()(server('23505', { constraint: 'tags_name_key' })), { code: 'P2010', meta: { code: '23505', dbCode: '23505', constraint: 'tags_name_key' } })
  t.match(rawErrorMapper()(server('40001')), { code: 'P2034' })
})
