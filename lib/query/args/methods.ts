// The arguments of each method of a model.

import type { Create, CreateManyData } from './create.ts'
import type { OneArgs, ReturnArgs } from './selection.ts'
import type { ScalarUpdate, Update } from './update.ts'
import type { Where, WhereUnique } from './where.ts'

export interface FindUniqueArgs<S, M extends keyof S> extends OneArgs<S, M> {
  where: WhereUnique<S, M>
}

export interface CreateArgs<S, M extends keyof S> extends OneArgs<S, M> {
  data: Create<S, M>
}
export interface CreateManyArgs<S, M extends keyof S> extends CreateManyData<S, M, never> {}
export interface CreateManyAndReturnArgs<S, M extends keyof S> extends CreateManyArgs<S, M>, ReturnArgs<S, M> {}

export interface UpdateArgs<S, M extends keyof S> extends OneArgs<S, M> {
  where: WhereUnique<S, M>
  data: Update<S, M>
}
export interface UpdateManyArgs<S, M extends keyof S> {
  where?: Where<S, M> | undefined
  data: ScalarUpdate<S, M>
  /** At most so many rows, which ones is not defined. */
  limit?: number | undefined
}
export interface UpdateManyAndReturnArgs<S, M extends keyof S> extends UpdateManyArgs<S, M>, ReturnArgs<S, M> {}

export interface UpsertArgs<S, M extends keyof S> extends OneArgs<S, M> {
  where: WhereUnique<S, M>
  create: Create<S, M>
  update: Update<S, M>
}

export interface DeleteArgs<S, M extends keyof S> extends OneArgs<S, M> {
  where: WhereUnique<S, M>
}
export interface DeleteManyArgs<S, M extends keyof S> {
  where?: Where<S, M> | undefined
  /** At most so many rows, which ones is not defined. */
  limit?: number | undefined
}

/** What a write of many rows answers. */
export interface BatchResult { count: number }
