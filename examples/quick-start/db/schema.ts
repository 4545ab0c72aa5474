// What `npx fastify-multi-region pull` writes for:
//   create table posts (id serial primary key, title text not null, created_at timestamptz(3) not null default now())
import { autoincrement, model, now, t } from 'fastify-multi-region/schema'

export const Post = model('posts', {
  id: t.int().id().default(autoincrement()),
  title: t.text(),
  createdAt: t.timestamptz(3).default(now()).map('created_at'),
})
