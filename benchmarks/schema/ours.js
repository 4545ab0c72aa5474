import { autoincrement, belongsTo, hasMany, model, now, t } from 'fastify-multi-region/schema'

export const User = model('users', {
  id: t.int().id().default(autoincrement()),
  email: t.text().unique(),
  name: t.text(),
  createdAt: t.timestamptz(3).default(now()).map('created_at'),
}, { relations: { posts: hasMany('Post', 'author'), comments: hasMany('Comment', 'author') } })

export const Post = model('posts', {
  id: t.int().id().default(autoincrement()),
  title: t.text(),
  content: t.text(),
  published: t.boolean().default(false),
  views: t.int().default(0),
  createdAt: t.timestamptz(3).default(now()).map('created_at'),
  authorId: t.int().map('author_id'),
}, { relations: { author: belongsTo('User', 'authorId'), comments: hasMany('Comment', 'post') } })

export const Comment = model('comments', {
  id: t.int().id().default(autoincrement()),
  body: t.text(),
  createdAt: t.timestamptz(3).default(now()).map('created_at'),
  postId: t.int().map('post_id'),
  authorId: t.int().map('author_id'),
}, { relations: { post: belongsTo('Post', 'postId'), author: belongsTo('User', 'authorId') } })
