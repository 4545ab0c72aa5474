// What the app of the fault program stores: a ledger in which each write leaves its own id, so that a lost or a
// doubled one can be counted; and a view that tells which server answered.

import { autoincrement, model, t } from '../../lib/schema/index.ts'

export const Ledger = model('ledger', {
  seq: t.int().id().default(autoincrement()),
  id: t.text(),
})

/** A key is there once; the recipe of idempotency keys. */
export const Handled = model('handled', {
  key: t.text().id(),
  answer: t.text(),
})

export const Who = model('who', {
  id: t.int().id(),
  port: t.int(),
})
