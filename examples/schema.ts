// The schema that the single-file examples share. A `Register` is global to a TypeScript program: one for all.

import { autoincrement, belongsTo, hasMany, model, now, t, uuid } from 'fastify-multi-region/schema'
import type * as schema from './schema.ts'

declare module 'fastify-multi-region' { interface Register { schema: typeof schema } }

export const Account = model('accounts', {
  id: t.int().id().default(autoincrement()),
  email: t.varchar(320).unique(),
  homeRegion: t.varchar(16).default('fra').map('home_region'),
  credit: t.int().default(0),
}, { relations: { posts: hasMany('Post', 'author') } })

export const Post = model('posts', {
  id: t.int().id().default(autoincrement()),
  title: t.text(),
  views: t.int().default(0),
  authorId: t.int().optional().map('author_id'),
  createdAt: t.timestamptz(3).default(now()).map('created_at'),
}, { relations: { author: belongsTo('Account', 'authorId') } })

export const Upload = model('uploads', { name: t.text().id(), bytes: t.int(), content: t.bytes() })

export const Job = model('jobs', {
  id: t.uuid().id().default(uuid()),
  task: t.text(),
  token: t.text().optional(),
  doneAt: t.timestamptz(3).optional().map('done_at'),
  result: t.text().optional(),
})

/** One row a key: the answer that the first request with it got. */
export const IdempotencyKey = model('idempotency_keys', {
  key: t.varchar(128).id(),
  status: t.int().optional(),
  body: t.text().optional(),
  createdAt: t.timestamptz(3).default(now()).map('created_at'),
})
