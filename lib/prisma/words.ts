// Closed sets of words that Prisma exports as objects and as types of the same names.

import type { ModelName as ModelNameOf } from '../register.ts'

export const TransactionIsolationLevel = Object.freeze({ ReadUncommitted: 'ReadUncommitted', ReadCommitted: 'ReadCommitted', RepeatableRead: 'RepeatableRead', Serializable: 'Serializable' })
export type TransactionIsolationLevel = keyof typeof TransactionIsolationLevel

export const SortOrder = Object.freeze({ asc: 'asc', desc: 'desc' })
export type SortOrder = keyof typeof SortOrder

export const NullsOrder = Object.freeze({ first: 'first', last: 'last' })
export type NullsOrder = keyof typeof NullsOrder

export const QueryMode = Object.freeze({ default: 'default', insensitive: 'insensitive' })
export type QueryMode = keyof typeof QueryMode

/** `ModelName.User` is `'User'`. Nothing is generated, so the names can be asked for, not listed. */
export const ModelName = new Proxy(Object.freeze({}), {
  get: (_, name) => typeof name === 'string' ? name : undefined,
  ownKeys () { throw new TypeError('Prisma.ModelName cannot be listed: use Object.keys() of the module of models') },
}) as { readonly [M in ModelNameOf]: M } // which names there are is known to the compiler alone
export type ModelName = ModelNameOf
