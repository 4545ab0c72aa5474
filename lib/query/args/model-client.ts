// `db.<model>`: the 17 methods of Prisma 7, and the model's fields.

import type { AggregateArgs, AggregateResult, CountArgs, CountResult, GroupByArgs, GroupByResult } from './aggregate.ts'
import type { Checked, CheckedGroups } from './checked.ts'
import type { BatchResult, CreateArgs, CreateManyAndReturnArgs, CreateManyArgs, DeleteArgs, DeleteManyArgs, FindUniqueArgs, UpdateArgs, UpdateManyAndReturnArgs, UpdateManyArgs, UpsertArgs } from './methods.ts'
import type { Operation, RowOperation } from './operation.ts'
import type { Result } from './result.ts'
import type { ColumnsOf } from './schema-access.ts'
import type { FindManyArgs } from './selection.ts'

type FieldsOf<S, M extends keyof S> = { readonly [K in keyof ColumnsOf<S, M>]: ColumnsOf<S, M>[K]['~reference'] }

export interface ModelClient<S, M extends keyof S> {
  /** The model's fields, for comparing one with another: `where: { updatedAt: { gt: db.post.fields.createdAt } }`. */
  readonly fields: FieldsOf<S, M>

  /** The row with this key, or null. */
  findUnique<A extends object> (args: Checked<A, FindUniqueArgs<S, M>>): RowOperation<S, M, Result<S, M, A>, null>
  /** The row with this key. @throws P2025 when there is none */
  findUniqueOrThrow<A extends object> (args: Checked<A, FindUniqueArgs<S, M>>): RowOperation<S, M, Result<S, M, A>, never>
  /** The first row that matches, or null. */
  findFirst<A extends object = {}> (args?: Checked<A, FindManyArgs<S, M>>): RowOperation<S, M, Result<S, M, A>, null>
  /** The first row that matches. @throws P2025 when there is none */
  findFirstOrThrow<A extends object = {}> (args?: Checked<A, FindManyArgs<S, M>>): RowOperation<S, M, Result<S, M, A>, never>
  /** The rows that match. */
  findMany<A extends object = {}> (args?: Checked<A, FindManyArgs<S, M>>): Operation<Result<S, M, A>[]>

  /** Creates a row, and rows related to it. @throws P2002 when a unique key is taken */
  create<A extends object> (args: Checked<A, CreateArgs<S, M>>): RowOperation<S, M, Result<S, M, A>, never>
  /** Creates many rows and tells how many. */
  createMany (args: CreateManyArgs<S, M>): Operation<BatchResult>
  /** Creates many rows and returns them. */
  createManyAndReturn<A extends object> (args: Checked<A, CreateManyAndReturnArgs<S, M>>): Operation<Result<S, M, A>[]>

  /** Changes the row with this key, and rows related to it. @throws P2025 when there is none */
  update<A extends object> (args: Checked<A, UpdateArgs<S, M>>): RowOperation<S, M, Result<S, M, A>, never>
  /** Changes all rows that match and tells how many. */
  updateMany (args: UpdateManyArgs<S, M>): Operation<BatchResult>
  /** Changes all rows that match and returns them. */
  updateManyAndReturn<A extends object> (args: Checked<A, UpdateManyAndReturnArgs<S, M>>): Operation<Result<S, M, A>[]>
  /** Changes the row with this key, or creates it. */
  upsert<A extends object> (args: Checked<A, UpsertArgs<S, M>>): RowOperation<S, M, Result<S, M, A>, never>

  /** Deletes the row with this key and returns it as it was. @throws P2025 when there is none */
  delete<A extends object> (args: Checked<A, DeleteArgs<S, M>>): RowOperation<S, M, Result<S, M, A>, never>
  /** Deletes all rows that match and tells how many. */
  deleteMany (args?: DeleteManyArgs<S, M>): Operation<BatchResult>

  /** How many rows match; with `select`, in how many of them these fields are not null. */
  count<A extends object = {}> (args?: Checked<A, CountArgs<S, M>>): Operation<CountResult<A>>
  /** Numbers, sums, averages, least and greatest values of the rows that match. */
  aggregate<A extends object> (args: Checked<A, AggregateArgs<S, M>>): Operation<AggregateResult<S, M, A>>
  /** The same for each group of rows that agree in the fields `by`. */
  groupBy<A extends object> (args: CheckedGroups<A, GroupByArgs<S, M>>): Operation<GroupByResult<S, M, A>[]>
}

/** `db.user` for the model `User`. */
export type Models<S> = { readonly [M in keyof S as Uncapitalize<M & string>]: ModelClient<S, M> }
