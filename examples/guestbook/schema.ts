import { autoincrement, model, now, t } from 'fastify-multi-region/schema'

export const Entry = model('entries', {
  id: t.int().id().default(autoincrement()),
  author: t.varchar(80),
  message: t.varchar(500),
  region: t.varchar(32),
  createdAt: t.timestamptz(3).default(now()).map('created_at'),
}, { index: [['createdAt']] })
