// One app built seven ways, two of them in their fastest documented form as well, for a process a region: the environment is the platform's (DATABASE_URL, DATABASE_REPLICA_URL,
// FLY_REGION, PRIMARY_REGION, PORT, HOST). Each way has a prefix, its own connections and the same handlers.

import { readReplicas } from '@prisma/extension-read-replicas'
import { eq, sql } from 'drizzle-orm'
import { withReplicas } from 'drizzle-orm/pg-core'
import { drizzle } from 'drizzle-orm/postgres-js'
import Fastify from 'fastify'
import multiRegion from 'fastify-multi-region'
import postgres from 'postgres'
import { openPrisma } from '../contenders/prisma.js'
import { posts, users } from '../schema/drizzle.js'
import * as schema from '../schema/ours.js'

const { DATABASE_URL, DATABASE_REPLICA_URL, FLY_REGION, PRIMARY_REGION, PORT, HOST, MULTI_REGION_KEY } = process.env
const max = 10

/** What the handlers need: read a user or a post, write a post, write a user. */
const ways = {
  /** What people do first: every region queries the primary. */
  primary: (scope) => {
    const sql = postgres(DATABASE_URL, { max })
    scope.addHook('onClose', () => sql.end({ timeout: 1 }))
    return () => templates(sql, sql)
  },

  'prisma-replicas': (scope) => prismaReplicas(scope, 'usual'),
  'prisma-replicas-named': (scope) => prismaReplicas(scope, 'fastest'),

  'drizzle-replicas': (scope) => {
    const db = drizzleReplicas(scope)
    return () => ({
      user: async (id) => (await db.select().from(users).where(eq(users.id, id)))[0],
      post: async (id) => (await db.select().from(posts).where(eq(posts.id, id)))[0],
      userByEmail: async (email) => (await db.select().from(users).where(eq(users.email, email)))[0],
      addPost: async (title, authorId) => (await db.insert(posts).values({ title, content: 'text', authorId }).returning())[0],
      rename: async (id, name) => (await db.update(users).set({ name }).where(eq(users.id, id)).returning())[0],
    })
  },

  'drizzle-replicas-prepared': (scope) => {
    const db = drizzleReplicas(scope)
    const { placeholder } = sql
    const user = db.select().from(users).where(eq(users.id, placeholder('id'))).prepare('user')
    const post = db.select().from(posts).where(eq(posts.id, placeholder('id'))).prepare('post')
    const userByEmail = db.select().from(users).where(eq(users.email, placeholder('email'))).prepare('user_by_email')
    const addPost = db.insert(posts).values({ title: placeholder('title'), content: 'text', authorId: placeholder('authorId') }).returning().prepare('add_post')
    const rename = db.update(users).set({ name: sql`${placeholder('name')}` }).where(eq(users.id, placeholder('id'))).returning().prepare('rename')
    return () => ({
      user: async (id) => (await user.execute({ id }))[0],
      post: async (id) => (await post.execute({ id }))[0],
      userByEmail: async (email) => (await userByEmail.execute({ email }))[0],
      addPost: async (title, authorId) => (await addPost.execute({ title, authorId }))[0],
      rename: async (id, name) => (await rename.execute({ id, name }))[0],
    })
  },

  /** As Fly's Ruby library: what is no GET runs in the primary's region, and for five seconds after it this client's GETs too. */
  'method-rule': (scope) => {
    const away = FLY_REGION !== PRIMARY_REGION
    const sql = postgres(away ? DATABASE_REPLICA_URL : DATABASE_URL, { max })
    scope.addHook('onClose', () => sql.end({ timeout: 1 }))
    scope.addHook('onRequest', (request, reply, done) => {
      const until = Number(/(?:^|;\s*)fly-replay-threshold=(\d+)/.exec(request.headers.cookie ?? '')?.[1] ?? 0)
      if (away && (request.method !== 'GET' || until > Date.now())) {
        reply.code(409).header('fly-replay', `region=${PRIMARY_REGION}`).send()
        return
      }
      if (request.method !== 'GET') reply.header('set-cookie', `fly-replay-threshold=${Date.now() + 5000}; Path=/`)
      done()
    })
    return () => templates(sql, sql)
  },

  'ours-eventual': (scope) => ours(scope, {}),
  'ours-time': (scope) => ours(scope, { token: { key: MULTI_REGION_KEY, mode: 'time' } }),
  'ours-lsn': (scope) => ours(scope, { token: { key: MULTI_REGION_KEY } }),
}

function prismaReplicas (scope, form) {
  const [main, replica] = [DATABASE_URL, DATABASE_REPLICA_URL].map((url) => openPrisma({ url, max, form }))
  const db = main.$extends(readReplicas({ replicas: [replica] }))
  scope.addHook('onClose', () => Promise.all([main.$disconnect(), replica.$disconnect()]))
  return () => operations(db)
}

function drizzleReplicas (scope) {
  const [main, replica] = [postgres(DATABASE_URL, { max }), postgres(DATABASE_REPLICA_URL, { max })]
  scope.addHook('onClose', () => Promise.all([main.end({ timeout: 1 }), replica.end({ timeout: 1 })]))
  return withReplicas(drizzle(main), [drizzle(replica)])
}

async function ours (scope, options) {
  await scope.register(multiRegion, { schema, pool: { max, primaryMax: max }, ...options })
  return (request) => operations(request.db)
}

const operations = (db) => ({
  user: (id) => db.user.findUnique({ where: { id } }),
  post: (id) => db.post.findUnique({ where: { id } }),
  userByEmail: (email) => db.user.findUnique({ where: { email } }),
  addPost: (title, authorId) => db.post.create({ data: { title, content: 'text', authorId } }),
  rename: (id, name) => db.user.update({ where: { id }, data: { name } }),
})

const templates = (reads, writes) => ({
  user: async (id) => (await reads`select id, email, name, created_at as "createdAt" from users where id = ${id}`)[0],
  post: async (id) => (await reads`select id, title, content, published, views, created_at as "createdAt", author_id as "authorId" from posts where id = ${id}`)[0],
  userByEmail: async (email) => (await reads`select id, email, name, created_at as "createdAt" from users where email = ${email}`)[0],
  addPost: async (title, authorId) => (await writes`insert into posts (title, content, author_id) values (${title}, ${'text'}, ${authorId}) returning id`)[0],
  rename: async (id, name) => (await writes`update users set name = ${name} where id = ${id} returning id`)[0],
})

function routes (scope, storeOf) {
  const readUsers = async (store, queries) => {
    for (let i = 1; i <= queries; i++) await store.user(i)
  }
  // `queries` reads; where `mine` is given the last is this client's own post.
  scope.get('/page', async (request) => {
    const { queries = 1, mine } = request.query
    const store = storeOf(request)
    await readUsers(store, Number(queries) - (mine === undefined ? 0 : 1))
    return { region: FLY_REGION, sees: mine === undefined ? undefined : (await store.post(Number(mine))) != null }
  })
  scope.get('/rows', async (request) => {
    const store = storeOf(request)
    const [user, post] = [await store.user(Number(request.query.id)), await store.post(Number(request.query.id))]
    return { user, post, same: await store.userByEmail(user.email) }
  })
  scope.get('/me', async (request) => ({ region: FLY_REGION, name: (await storeOf(request).user(Number(request.query.id)))?.name }))
  // A POST that only reads, as GraphQL and search are; the plugin is told so, as its docs recommend.
  scope.post('/search', { config: { multiRegion: { intent: 'read' } } }, async (request) => {
    await readUsers(storeOf(request), request.body.queries)
    return { region: FLY_REGION }
  })
  scope.post('/posts', async (request, reply) => {
    const store = storeOf(request)
    await readUsers(store, request.body.queries - 1)
    const { id } = await store.addPost(request.body.title, 1)
    reply.code(201)
    return { region: FLY_REGION, id }
  })
  scope.post('/login', async (request) => {
    const store = storeOf(request)
    const { id } = await store.userByEmail(request.body.email)
    await store.rename(id, request.body.name)
    return { region: FLY_REGION, id }
  })
}

const app = Fastify()
for (const [name, open] of Object.entries(ways)) {
  await app.register(async (scope) => { routes(scope, await open(scope)) }, { prefix: `/${name}` })
}
await app.listen({ host: HOST ?? '127.0.0.1', port: Number(PORT) })
process.once('SIGTERM', () => { app.close().then(() => process.exit(0), () => process.exit(1)) })
