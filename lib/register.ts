// The types that an app gets by saying once which schema is its own, and their generic forms.

import type { AggregateArgs as AggregateArgsOf, CountArgs as CountArgsOf, GroupByArgs as GroupByArgsOf } from './query/args/aggregate.ts'
import type { Client, ClientMethods, TransactionClient as TransactionClientOf } from './query/args/client.ts'
import type { Create, ScalarCreate } from './query/args/create.ts'
import type * as Args from './query/args/methods.ts'
import type { Models } from './query/args/model-client.ts'
import type { OrderBy } from './query/args/order-by.ts'
import type { Result, Row as RowOf } from './query/args/result.ts'
import type { FindManyArgs as FindManyArgsOf, Include as IncludeOf, Omit as OmitOf, Select as SelectOf } from './query/args/selection.ts'
import type { ScalarUpdate, Update } from './query/args/update.ts'
import type { Where, WhereUnique } from './query/args/where.ts'

/**
 * Says which schema the app uses; `request.db`, `fastify.db` and every type below follow.
 *
 * @example
 * import * as schema from './db/schema.ts'
 *
 * declare module 'fastify-multi-region' {
 *   interface Register { schema: typeof schema, databases: { analytics: typeof import('./db/analytics.ts') } }
 * }
 */
// To be merged into by the app.
export interface Register {}

type SchemaOf<R> = R extends { schema: infer S extends object } ? S : {}
type DatabasesOf<R> = R extends { databases: infer D extends object } ? D : {}

/** The schema of the app, by name: messages say `Where<AppSchema, "Post">`. */
export interface AppSchema extends SchemaOf<Register> {}

/** The name of a model. */
export type ModelName<S = AppSchema> = keyof S & string

/**
 * The client of the app's database. It has no models? Then no schema is registered; add to the app:
 *
 * ```ts
 * import * as schema from './db/schema.ts'
 * declare module 'fastify-multi-region' { interface Register { schema: typeof schema } }
 * ```
 */
export interface Database extends Models<AppSchema>, ClientMethods<AppSchema> {}

/** The client of another schema: `DatabaseOf<typeof analytics>`. */
export type DatabaseOf<S> = Client<S>

/** The clients of the named databases, to be merged into Fastify's instance and request. */
export type Databases = { readonly [Name in keyof DatabasesOf<Register>]: Client<DatabasesOf<Register>[Name]> }
export interface NamedDatabases extends Databases {}

/** What the function of a transaction is given. */
export type TransactionClient<S = AppSchema> = TransactionClientOf<S>

/** A row, all columns and no relations. */
export type Row<M extends ModelName<S>, S = AppSchema> = RowOf<S, M>
/** What a query with the arguments A gives for one row. */
export type ResultOf<M extends ModelName<S>, A, S = AppSchema> = Result<S, M, A>

export type CreateInput<M extends ModelName<S>, S = AppSchema> = Create<S, M>
/** Columns alone: what a body from outside may be turned into, since it cannot reach other tables. */
export type ScalarCreateInput<M extends ModelName<S>, S = AppSchema> = ScalarCreate<S, M>
export type UpdateInput<M extends ModelName<S>, S = AppSchema> = Update<S, M>
/** Columns alone, as `ScalarCreateInput`. */
export type ScalarUpdateInput<M extends ModelName<S>, S = AppSchema> = ScalarUpdate<S, M>
export type WhereInput<M extends ModelName<S>, S = AppSchema> = Where<S, M>
export type WhereUniqueInput<M extends ModelName<S>, S = AppSchema> = WhereUnique<S, M>
export type OrderByInput<M extends ModelName<S>, S = AppSchema> = OrderBy<S, M>
export type Select<M extends ModelName<S>, S = AppSchema> = SelectOf<S, M>
export type Include<M extends ModelName<S>, S = AppSchema> = IncludeOf<S, M>
export type Omit<M extends ModelName<S>, S = AppSchema> = OmitOf<S, M>

export type FindUniqueArgs<M extends ModelName<S>, S = AppSchema> = Args.FindUniqueArgs<S, M>
export type FindUniqueOrThrowArgs<M extends ModelName<S>, S = AppSchema> = Args.FindUniqueArgs<S, M>
export type FindFirstArgs<M extends ModelName<S>, S = AppSchema> = FindManyArgsOf<S, M>
export type FindFirstOrThrowArgs<M extends ModelName<S>, S = AppSchema> = FindManyArgsOf<S, M>
export type FindManyArgs<M extends ModelName<S>, S = AppSchema> = FindManyArgsOf<S, M>
export type CreateArgs<M extends ModelName<S>, S = AppSchema> = Args.CreateArgs<S, M>
export type CreateManyArgs<M extends ModelName<S>, S = AppSchema> = Args.CreateManyArgs<S, M>
export type CreateManyAndReturnArgs<M extends ModelName<S>, S = AppSchema> = Args.CreateManyAndReturnArgs<S, M>
export type UpdateArgs<M extends ModelName<S>, S = AppSchema> = Args.UpdateArgs<S, M>
export type UpdateManyArgs<M extends ModelName<S>, S = AppSchema> = Args.UpdateManyArgs<S, M>
export type UpdateManyAndReturnArgs<M extends ModelName<S>, S = AppSchema> = Args.UpdateManyAndReturnArgs<S, M>
export type UpsertArgs<M extends ModelName<S>, S = AppSchema> = Args.UpsertArgs<S, M>
export type DeleteArgs<M extends ModelName<S>, S = AppSchema> = Args.DeleteArgs<S, M>
export type DeleteManyArgs<M extends ModelName<S>, S = AppSchema> = Args.DeleteManyArgs<S, M>
export type CountArgs<M extends ModelName<S>, S = AppSchema> = CountArgsOf<S, M>
export type AggregateArgs<M extends ModelName<S>, S = AppSchema> = AggregateArgsOf<S, M>
export type GroupByArgs<M extends ModelName<S>, S = AppSchema> = GroupByArgsOf<S, M>
