// Drizzle on postgres.js, as people write it, and with each statement prepared in advance, its fastest documented form.

import { and, asc, count, eq, gt, gte, lte, sql, sum } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/postgres-js'
import postgres from 'postgres'
import * as schema from '../schema/drizzle.js'

const { users, posts, comments } = schema

const groups = (rows) => rows.map((row) => ({ published: row.published, count: row.count, views: Number(row.views) }))

function queries (db) {
  return {
    findUnique: (id) => db.select().from(users).where(eq(users.id, id)),
    findMany100: () => db.select().from(posts).orderBy(asc(posts.id)).limit(100),
    findFirst: (views) => db.select().from(posts).where(and(eq(posts.published, true), gte(posts.views, views))).orderBy(asc(posts.views), asc(posts.id)).limit(1),
    include: (from) => db.query.posts.findMany({ where: gt(posts.id, from), orderBy: asc(posts.id), limit: 20, with: { author: true, comments: true } }),
    nested: (id) => db.query.users.findFirst({ where: eq(users.id, id), columns: { id: true, name: true }, with: { posts: { orderBy: asc(posts.id), columns: { id: true, title: true }, with: { comments: { orderBy: asc(comments.id), columns: { id: true, body: true } } } } } }),
    create: (title, authorId) => db.insert(posts).values({ title, content: 'text', authorId }).returning(),
    update: (id, views) => db.update(posts).set({ views }).where(eq(posts.id, id)).returning(),
    upsert: (email, name) => db.insert(users).values({ email, name }).onConflictDoUpdate({ target: users.email, set: { name } }).returning(),
    groupBy: () => db.select({ published: posts.published, count: count(), views: sum(posts.views) }).from(posts).where(lte(posts.id, 5000)).groupBy(posts.published).orderBy(asc(posts.published)),
  }
}

const createNested = (db) => (title, authorId) => db.transaction(async (tx) => {
  const [post] = await tx.insert(posts).values({ title, content: 'text', authorId }).returning({ id: posts.id, title: posts.title })
  await tx.insert(comments).values(['one', 'two', 'three'].map((body) => ({ body, postId: post.id, authorId })))
  return post
})

export async function open ({ url, max }) {
  const client = postgres(url, { max })
  const db = drizzle(client, { schema })
  const q = queries(db)
  return {
    name: 'Drizzle',
    findUnique: async (id) => (await q.findUnique(id))[0] ?? null,
    findMany100: q.findMany100,
    findFirst: async (views) => (await q.findFirst(views))[0] ?? null,
    include: q.include,
    nested: async (id) => (await q.nested(id)) ?? null,
    create: async (title, authorId) => (await q.create(title, authorId))[0],
    createNested: createNested(db),
    update: async (id, views) => (await q.update(id, views))[0],
    upsert: async (email, name) => (await q.upsert(email, name))[0],
    groupBy: async () => groups(await q.groupBy()),
    close: () => client.end({ timeout: 5 }),
  }
}

export async function openPrepared ({ url, max }) {
  const client = postgres(url, { max })
  const db = drizzle(client, { schema })
  const place = sql.placeholder
  const q = queries(db)
  const prepared = {
    findUnique: q.findUnique(place('a')).prepare('find_unique'),
    findMany100: q.findMany100().prepare('find_many'),
    findFirst: q.findFirst(place('a')).prepare('find_first'),
    include: q.include(place('a')).prepare('include'),
    nested: q.nested(place('a')).prepare('nested'),
    create: q.create(place('a'), place('b')).prepare('create'),
    update: q.update(place('a'), sql`${place('b')}`).prepare('update'),
    upsert: db.insert(users).values({ email: place('a'), name: place('b') }).onConflictDoUpdate({ target: users.email, set: { name: sql`${place('b')}` } }).returning().prepare('upsert'),
    groupBy: q.groupBy().prepare('group_by'),
  }
  return {
    name: 'Drizzle, prepared',
    findUnique: async (a) => (await prepared.findUnique.execute({ a }))[0] ?? null,
    findMany100: () => prepared.findMany100.execute(),
    findFirst: async (a) => (await prepared.findFirst.execute({ a }))[0] ?? null,
    include: (a) => prepared.include.execute({ a }),
    nested: async (a) => (await prepared.nested.execute({ a })) ?? null,
    create: async (a, b) => (await prepared.create.execute({ a, b }))[0],
    createNested: createNested(db),
    update: async (a, b) => (await prepared.update.execute({ a, b }))[0],
    upsert: async (a, b) => (await prepared.upsert.execute({ a, b }))[0],
    groupBy: async () => groups(await prepared.groupBy.execute()),
    close: () => client.end({ timeout: 5 }),
  }
}
