import t from 'tap'
import { openSeededSession } from './seeded-session.ts'

type Operation = readonly [model: string, method: string, args: unknown]

interface Row {
  readonly name: string
  readonly op: Operation
  readonly result?: unknown
  readonly error?: { readonly code: string, readonly meta?: object }
  /** A read afterwards, and what it gives. */
  readonly after?: readonly [Operation, unknown]
}

const ids = { select: { id: true }, orderBy: { id: 'asc' } }
const slugs = { select: { id: true, slug: true }, orderBy: { id: 'asc' } }

const rows: readonly Row[] = [
  // --- the order of steps -------------------------------------------------------------------------------------------
  {
    name: 'children get their ids in the order given, and theirs before the next child',
    op: ['Comment', 'create', { data: { body: 'root', postId: 1, replies: { create: [{ body: 'a', postId: 1, replies: { create: [{ body: 'aa', postId: 1 }, { body: 'ab', postId: 1 }] } }, { body: 'b', postId: 1 }] } }, select: { id: true, replies: { select: { id: true, body: true, replies: ids }, orderBy: { id: 'asc' } } } }],
    result: { id: 47, replies: [{ id: 48, body: 'a', replies: [{ id: 49 }, { id: 50 }] }, { id: 51, body: 'b', replies: [] }] },
  },
  {
    name: 'children that point to other records themselves come last, the last one first',
    op: ['User', 'create', { data: { email: 'n', comments: { create: [{ body: 'a', post: { connect: { id: 1 } } }, { body: 'b', post: { connect: { id: 2 } } }, { body: 'c', postId: 3 }] } }, select: { comments: { select: { id: true, body: true }, orderBy: { id: 'asc' } } } }],
    result: { comments: [{ id: 47, body: 'c' }, { id: 48, body: 'b' }, { id: 49, body: 'a' }] },
  },
  {
    name: 'of the records that a row points to, the last is made first',
    op: ['Post', 'create', { data: { slug: 's', title: 't', author: { create: { email: 'a' } }, reviewer: { create: { email: 'r' } } }, select: { authorId: true, reviewerId: true } }],
    result: { authorId: 26, reviewerId: 25 },
  },
  {
    name: 'actions meet what those named before them did',
    op: ['User', 'update', { where: { id: 1 }, data: { posts: { disconnect: { id: 1 }, connect: { id: 4 }, create: { slug: 'z', title: 'z' }, deleteMany: [{ views: { gt: 200 } }, { id: 3 }], updateMany: [{ where: { id: 2 }, data: { views: 1 } }, { where: { title: { contains: 'Rel' } }, data: { views: { increment: 1 } } }] } }, select: { posts: { select: { id: true, views: true }, orderBy: { id: 'asc' } } } }],
    result: { posts: [{ id: 2, views: 1 }, { id: 27, views: 12 }, { id: 37, views: 0 }] },
  },
  // --- a key on this side, many to one ------------------------------------------------------------------------------
  {
    name: 'a row is updated to point to a new record, and is touched',
    op: ['User', 'update', { where: { id: 6 }, data: { invitedBy: { create: { email: 'a' } } }, select: { invitedById: true } }],
    result: { invitedById: 25 },
    after: [['User', 'count', { where: { id: 6, updatedAt: { gt: '2025-01-01T00:00:00Z' } } }], 1],
  },
  {
    name: 'connectOrCreate takes the record that is there',
    op: ['User', 'update', { where: { id: 6 }, data: { invitedBy: { connectOrCreate: { where: { email: 'ada@example.com' }, create: { email: 'z', invitedBy: { connect: { id: 9999 } } } } } }, select: { invitedById: true } }],
    result: { invitedById: 1 },
  },
  {
    name: 'connectOrCreate makes the record that is not',
    op: ['User', 'update', { where: { id: 6 }, data: { invitedBy: { connectOrCreate: { where: { email: 'z' }, create: { email: 'z', posts: { create: { slug: 'zp', title: 'z' } } } } } }, select: { invitedBy: { select: { email: true, posts: { select: { slug: true } } } } } }],
    result: { invitedBy: { email: 'z', posts: [{ slug: 'zp' }] } },
  },
  { name: 'an update of a record that is not there', op: ['User', 'update', { where: { id: 1 }, data: { invitedBy: { update: { name: 'n' } } } }], error: { code: 'P2025', meta: { operation: 'a nested update' } } },
  {
    name: 'an update through a filter, two deep',
    op: ['Comment', 'update', { where: { id: 2 }, data: { post: { update: { where: { published: true }, data: { author: { update: { name: 'n' } } } } } }, select: { post: { select: { author: { select: { name: true } } } } } }],
    result: { post: { author: { name: 'n' } } },
  },
  { name: 'an upsert updates', op: ['User', 'update', { where: { id: 6 }, data: { invitedBy: { upsert: { create: { email: 'u' }, update: { name: 'n' } } } }, select: { invitedBy: { select: { id: true, name: true } } } }], result: { invitedBy: { id: 2, name: 'n' } } },
  { name: 'an upsert creates, and points the row to it', op: ['User', 'update', { where: { id: 1 }, data: { invitedBy: { upsert: { create: { email: 'u' }, update: { name: 'n' } } } }, select: { invitedBy: { select: { id: true, name: true } } } }], result: { invitedBy: { id: 25, name: null } } },
  { name: 'disconnect with a filter that does not match leaves the key', op: ['User', 'update', { where: { id: 6 }, data: { invitedBy: { disconnect: { name: 'nope' } } }, select: { invitedById: true } }], result: { invitedById: 2 } },
  { name: 'disconnect with a filter that matches', op: ['User', 'update', { where: { id: 6 }, data: { invitedBy: { disconnect: { name: 'Grace Hopper' } } }, select: { invitedById: true } }], result: { invitedById: null } },
  { name: 'disconnect: false does nothing', op: ['User', 'update', { where: { id: 6 }, data: { invitedBy: { disconnect: false } }, select: { invitedById: true } }], result: { invitedById: 2 } },
  { name: 'delete: false does nothing', op: ['User', 'update', { where: { id: 6 }, data: { invitedBy: { delete: false } }, select: { invitedById: true } }], result: { invitedById: 2 } },
  { name: 'a delete of what is not there', op: ['User', 'update', { where: { id: 1 }, data: { invitedBy: { delete: true } } }], error: { code: 'P2025', meta: { operation: 'a nested delete' } } },
  { name: 'a delete with a filter that does not match', op: ['User', 'update', { where: { id: 6 }, data: { invitedBy: { delete: { name: 'nope' } } } }], error: { code: 'P2025' } },
  // --- one to one ---------------------------------------------------------------------------------------------------
  {
    name: 'a new row takes over another\'s partner',
    op: ['User', 'create', { data: { email: 'n', profile: { connectOrCreate: { where: { id: 1 }, create: { bio: 'b' } } } }, select: { id: true, profile: { select: { id: true } } } }],
    result: { id: 25, profile: { id: 1 } },
    after: [['User', 'findUnique', { where: { id: 1 }, select: { profile: true } }], { profile: null }],
  },
  { name: 'a row without partner takes over another\'s', op: ['User', 'update', { where: { id: 19 }, data: { profile: { connect: { id: 2 } } }, select: { profile: { select: { id: true } } } }], result: { profile: { id: 2 } } },
  { name: 'connecting the partner that is there changes nothing', op: ['User', 'update', { where: { id: 1 }, data: { profile: { connect: { id: 1 } } }, select: { profile: { select: { id: true } } } }], result: { profile: { id: 1 } } },
  { name: 'connectOrCreate of another partner, where the one there cannot be without', op: ['User', 'update', { where: { id: 1 }, data: { profile: { connectOrCreate: { where: { id: 2 }, create: { bio: 'x' } } } } }], error: { code: 'P2014', meta: { modelA: 'Profile', modelB: 'User', relation: 'ProfileToUser' } } },
  { name: 'disconnecting what cannot be without', op: ['User', 'update', { where: { id: 1 }, data: { profile: { disconnect: true } } }], error: { code: 'P2014' } },
  { name: 'deleting the partner', op: ['User', 'update', { where: { id: 1 }, data: { profile: { delete: true } }, select: { profile: true } }], result: { profile: null } },
  { name: 'the partner by key on this side', op: ['Profile', 'update', { where: { id: 1 }, data: { user: { connect: { id: 19 } } }, select: { userId: true } }], result: { userId: 19 } },
  { name: 'a partner by key on this side who has one already', op: ['Profile', 'update', { where: { id: 1 }, data: { user: { connect: { id: 2 } } } }], error: { code: 'P2014' } },
  { name: 'the same partner again by key on this side', op: ['Profile', 'update', { where: { id: 1 }, data: { user: { connect: { id: 1 } } }, select: { userId: true } }], result: { userId: 1 } },
  { name: 'a new partner by key on this side', op: ['Profile', 'update', { where: { id: 1 }, data: { user: { create: { email: 'n' } } }, select: { userId: true } }], result: { userId: 25 } },
  { name: 'an upsert of the partner with a filter that does not match', op: ['User', 'update', { where: { id: 1 }, data: { profile: { upsert: { where: { bio: 'nope' }, create: { bio: 'c' }, update: { bio: 'u' } } } } }], error: { code: 'P2002', meta: { modelName: 'Profile' } } },
  // --- one to many --------------------------------------------------------------------------------------------------
  {
    name: 'create, connect and connectOrCreate together',
    op: ['User', 'create', { data: { email: 'n', posts: { create: [{ slug: 'a', title: 'a' }, { slug: 'b', title: 'b', published: true }], connect: [{ id: 1 }, { slug: 'hello-world-2' }], connectOrCreate: [{ where: { slug: 'hello-world' }, create: { slug: 'q', title: 'q' } }, { where: { slug: 'c' }, create: { slug: 'c', title: 'c' } }] } }, select: { posts: slugs } }],
    result: { posts: [{ id: 1, slug: 'hello-world' }, { id: 2, slug: 'hello-world-2' }, { id: 37, slug: 'a' }, { id: 38, slug: 'b' }, { id: 39, slug: 'c' }] },
  },
  { name: 'the same record connected twice counts once', op: ['User', 'create', { data: { email: 'n', posts: { connect: [{ id: 1 }, { id: 1 }] } }, select: { posts: ids } }], result: { posts: [{ id: 1 }] } },
  { name: 'one record named in two ways is one too few', op: ['User', 'create', { data: { email: 'n', posts: { connect: [{ id: 1 }, { slug: 'hello-world' }] } } }], error: { code: 'P2018', meta: { modelName: 'User' } } },
  { name: 'empty lists do nothing', op: ['User', 'create', { data: { email: 'n', posts: { connect: [], create: [], connectOrCreate: [] } }, select: { posts: true } }], result: { posts: [] } },
  { name: 'createMany that skips what is there', op: ['User', 'create', { data: { email: 'n', posts: { createMany: { data: [{ slug: 'p', title: '1' }, { slug: 'hello-world', title: 'x' }], skipDuplicates: true } } }, select: { posts: { select: { slug: true } } } }], result: { posts: [{ slug: 'p' }] } },
  { name: 'createMany of one object', op: ['User', 'create', { data: { email: 'n', posts: { createMany: { data: { slug: 'p', title: '1' } } } }, select: { posts: { select: { slug: true } } } }], result: { posts: [{ slug: 'p' }] } },
  { name: 'set to nothing', op: ['User', 'update', { where: { id: 1 }, data: { posts: { set: [] } }, select: { posts: true } }], result: { posts: [] } },
  { name: 'set of what cannot be without, to all that are there and one more', op: ['Post', 'update', { where: { id: 1 }, data: { comments: { set: [{ id: 1 }, { id: 2 }, { id: 3 }, { id: 4 }, { id: 5 }, { id: 6 }, { id: 20 }] } }, select: { comments: ids } }], result: { comments: [1, 2, 3, 4, 5, 6, 20].map((id) => ({ id })) } },
  { name: 'set to nothing of what cannot be without', op: ['Post', 'update', { where: { id: 1 }, data: { tags: { set: [] } } }], error: { code: 'P2014', meta: { modelA: 'PostTag', modelB: 'Post' } } },
  { name: 'disconnecting children that cannot be without', op: ['Post', 'update', { where: { id: 1 }, data: { comments: { disconnect: { id: 1 } } } }], error: { code: 'P2014' } },
  {
    name: 'a branch of an upsert that does not run fails for nothing in it',
    op: ['User', 'update', { where: { id: 1 }, data: { posts: { upsert: [{ where: { id: 1 }, create: { slug: 'x', title: 'x', comments: { create: { body: 'never', author: { connect: { id: 9999 } } } } }, update: { comments: { create: { body: 'updated' } } } }, { where: { slug: 'n' }, create: { slug: 'n', title: 'n', comments: { create: { body: 'created', author: { connect: { id: 1 } } } } }, update: { comments: { update: { where: { id: 9999 }, data: { body: 'never' } } } } }] } }, select: { posts: { where: { slug: { in: ['n', 'hello-world'] } }, select: { slug: true, comments: { where: { body: { in: ['updated', 'created', 'never'] } }, select: { body: true } } }, orderBy: { id: 'asc' } } } }],
    result: { posts: [{ slug: 'hello-world', comments: [{ body: 'updated' }] }, { slug: 'n', comments: [{ body: 'created' }] }] },
  },
  { name: 'a branch of an upsert that runs fails for what is in it', op: ['User', 'update', { where: { id: 1 }, data: { posts: { upsert: { where: { slug: 'n' }, create: { slug: 'n', title: 'n', reviewer: { connect: { id: 9999 } } }, update: {} } } } }], error: { code: 'P2025', meta: { operation: 'a nested connect' } } },
  { name: 'an update of nothing is no update: nobody asks whether the record is there', op: ['User', 'update', { where: { id: 1 }, data: { posts: { update: { where: { id: 9999 }, data: {} } } }, select: { id: true } }], result: { id: 1 } },
  { name: 'a delete of several, all connected', op: ['User', 'update', { where: { id: 1 }, data: { posts: { delete: [{ id: 1 }, { id: 2 }] } }, select: { posts: ids } }], result: { posts: [{ id: 3 }, { id: 16 }, { id: 27 }, { id: 28 }, { id: 29 }] } },
  { name: 'a composite key, atomic operations and the level below', op: ['Post', 'update', { where: { id: 1 }, data: { tags: { update: { where: { postId_tagId: { postId: 1, tagId: 1 } }, data: { weight: { multiply: 3 }, tag: { update: { color: '#123456' } } } } } }, select: { tags: { where: { tagId: 1 }, select: { weight: true, tag: { select: { color: true } } } } } }], result: { tags: [{ weight: 3, tag: { color: '#123456' } }] } },
  { name: 'a parent whose key changes in the same update', op: ['User', 'update', { where: { id: 19 }, data: { id: 1900, posts: { create: { slug: 'w', title: 'w' } } }, select: { id: true, posts: { select: { authorId: true } } } }], result: { id: 1900, posts: [{ authorId: 1900 }] } },
  { name: 'connecting touches the child, disconnecting does not', op: ['User', 'update', { where: { id: 1 }, data: { posts: { connect: { id: 4 }, disconnect: { id: 1 } } }, select: { id: true } }], result: { id: 1 }, after: [['Post', 'findMany', { where: { id: { in: [1, 4] }, updatedAt: { gt: '2025-01-01T00:00:00Z' } }, select: { id: true } }], [{ id: 4 }]] },
  // --- many to many -------------------------------------------------------------------------------------------------
  {
    name: 'all that a many-to-many relation takes, both sides of a relation of a model with itself',
    op: ['User', 'create', { data: { email: 'n', followers: { connect: [{ id: 1 }, { id: 2 }, { id: 1 }] }, following: { create: [{ email: 'f1' }, { email: 'f2' }], connectOrCreate: [{ where: { email: 'f3' }, create: { email: 'f3' } }, { where: { id: 3 }, create: { email: 'no' } }] } }, select: { followers: ids, following: ids } }],
    result: { followers: [{ id: 1 }, { id: 2 }], following: [{ id: 3 }, { id: 26 }, { id: 27 }, { id: 28 }] },
    after: [['User', 'findUnique', { where: { id: 3 }, select: { followers: { where: { email: 'n' }, select: { id: true } } } }], { followers: [{ id: 25 }] }],
  },
  { name: 'a connect of what is connected', op: ['User', 'update', { where: { id: 1 }, data: { following: { connect: [{ id: 2 }, { id: 19 }] } }, select: { _count: { select: { following: true } } } }], result: { _count: { following: 10 } } },
  { name: 'set with a record that is not there', op: ['User', 'update', { where: { id: 1 }, data: { following: { set: [{ id: 19 }, { id: 9999 }] } } }], error: { code: 'P2025', meta: { expectedRows: 2 } }, after: [['User', 'findUnique', { where: { id: 1 }, select: { _count: { select: { following: true } } } }], { _count: { following: 9 } }] },
  {
    name: 'update, updateMany, upsert and disconnect',
    op: ['User', 'update', { where: { id: 1 }, data: { following: { update: { where: { id: 3 }, data: { name: 'three' } }, updateMany: { where: { karma: { gt: 800 } }, data: { isActive: false } }, upsert: [{ where: { id: 4 }, create: { email: 'x' }, update: { name: 'four' } }, { where: { id: 19 }, create: { email: 'y' }, update: { name: 'never' } }], disconnect: [{ id: 5 }, { id: 6 }, { id: 9999 }] } }, select: { following: { select: { id: true, name: true, isActive: true }, where: { OR: [{ id: { lt: 10 } }, { email: 'y' }] }, orderBy: { id: 'asc' } } } }],
    result: { following: [{ id: 2, name: 'Grace Hopper', isActive: false }, { id: 3, name: 'three', isActive: true }, { id: 4, name: 'four', isActive: true }, { id: 25, name: null, isActive: true }] },
  },
  { name: 'children with parents of their own', op: ['Category', 'create', { data: { name: 'K', posts: { create: [{ slug: '1', title: '1', author: { connect: { id: 1 } } }, { slug: '2', title: '2', author: { create: { email: 'n' } } }] } }, select: { posts: { select: { slug: true, authorId: true }, orderBy: { slug: 'asc' } } } }], result: { posts: [{ slug: '1', authorId: 1 }, { slug: '2', authorId: 25 }] } },
  { name: 'a delete of what is not connected', op: ['Post', 'update', { where: { id: 1 }, data: { categories: { delete: [{ id: 1 }, { id: 5 }] } } }], error: { code: 'P2017', meta: { relation: 'CategoryToPost', parent: 'Post', child: 'Category' } } },
  // --- upserts at the top -------------------------------------------------------------------------------------------
  { name: 'an upsert whose create could not stand, where the record is there', op: ['User', 'upsert', { where: { email: 'ada@example.com' }, create: { email: 'z', invitedBy: { connect: { id: 9999 } } }, update: { karma: { increment: 1 } }, select: { karma: true } }], result: { karma: 981 } },
  { name: 'an upsert whose update could not stand, where the record is not there', op: ['User', 'upsert', { where: { email: 'z' }, create: { email: 'z' }, update: { invitedBy: { connect: { id: 9999 } } }, select: { id: true } }], result: { id: 25 } },
  { name: 'an upsert whose create connects to nothing', op: ['User', 'upsert', { where: { email: 'z' }, create: { email: 'z', invitedBy: { connect: { id: 9999 } } }, update: {} }], error: { code: 'P2025', meta: { operation: 'a nested connect' } } },
  { name: 'an upsert with children on both sides', op: ['User', 'upsert', { where: { id: 1 }, create: { email: 'x', posts: { create: { slug: 'u', title: 'u' } } }, update: { karma: { increment: 1 }, posts: { create: { slug: 'v', title: 'v' } } }, select: { karma: true, posts: { where: { slug: { in: ['u', 'v'] } }, select: { slug: true } } } }], result: { karma: 981, posts: [{ slug: 'v' }] } },
  { name: 'an upsert by a composite key that it creates', op: ['OrderItem', 'upsert', { where: { orderLine: { orderId: 1, lineNo: 1 } }, create: { orderId: 1, lineNo: 1, productId: '00000001-0000-4000-8000-000000000001', unitPrice: 1 }, update: { quantity: { increment: 5 } }, select: { quantity: true } }], result: { quantity: 7 } },
  { name: 'an upsert by a key that the create has another value of', op: ['User', 'upsert', { where: { email: 'ada@example.com' }, create: { email: 'other' }, update: { name: 'n' }, select: { id: true, name: true } }], result: { id: 1, name: 'n' } },
]

await t.test('nested writes', { timeout: 240_000 }, async (t) => {
  const database = await openSeededSession(t)
  for (const { name, op, result, error, after } of rows) {
    await t.test(name, async (t) => {
      const answer = await database.run(...op).then((value) => ({ value }), (failure: unknown) => ({ failure }))
      if (error === undefined) t.same(answer, { value: result })
      else t.match(answer, { failure: error })
      if (after !== undefined) t.same(await database.run(...after[0]), after[1], 'afterwards')
      await database.restore()
    })
  }
})
