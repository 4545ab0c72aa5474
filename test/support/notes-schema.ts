// A small schema for tests of the client.

import { autoincrement, belongsTo, hasMany, model, t } from '../../lib/schema/index.ts'

export const Author = model('author', {
  id: t.int().id().default(autoincrement()),
  name: t.text().unique(),
}, { relations: { notes: hasMany('Note', 'author') } })

export const Note = model('note', {
  id: t.int().id().default(autoincrement()),
  text: t.text().unique(),
  likes: t.int().default(0),
  authorId: t.int().optional().map('author_id'),
}, { relations: { author: belongsTo('Author', 'authorId') } })
