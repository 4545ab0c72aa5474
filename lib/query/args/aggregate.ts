// `count`, `aggregate` and `groupBy`: arguments and results.

import type { GroupOrderBy, NumericKeys, OrderBy, OrderedKeys } from './order-by.ts'
import type { Columns, ColumnsOf, Flat, OneOrMany } from './schema-access.ts'
import type { Where, WhereUnique } from './where.ts'

/** Homomorphic in K, so that a field keeps its definition and its comment. */
type Marks<X, K extends keyof X> = { -readonly [Q in K]?: true | undefined }
interface CountAll { _all?: true | undefined }
type CountMarks<X> = Marks<X, keyof X> & CountAll

interface Aggregates<X extends Columns> {
  _count?: true | CountMarks<X> | undefined
  _sum?: Marks<X, NumericKeys<X>> | undefined
  _avg?: Marks<X, NumericKeys<X>> | undefined
  _min?: Marks<X, OrderedKeys<X>> | undefined
  _max?: Marks<X, OrderedKeys<X>> | undefined
}

interface Range<S, M extends keyof S> {
  where?: Where<S, M> | undefined
  orderBy?: OneOrMany<OrderBy<S, M>> | undefined
  cursor?: WhereUnique<S, M> | undefined
  take?: number | undefined
  skip?: number | undefined
}

export interface CountArgs<S, M extends keyof S> extends Range<S, M> {
  /** Counts the rows in which these fields are not null; `_all` counts every row. */
  select?: true | CountMarks<ColumnsOf<S, M>> | undefined
}
export interface AggregateArgs<S, M extends keyof S> extends Range<S, M>, Aggregates<ColumnsOf<S, M>> {}

type HavingColumns<X extends Columns> = { -readonly [K in keyof X]?: X[K]['~having'] }
/** An object type, as `Is` in `where.ts`. */
type CombinedHaving<S, M extends keyof S> = {
  AND?: OneOrMany<Having<S, M>> | undefined
  OR?: readonly Having<S, M>[] | undefined
  NOT?: OneOrMany<Having<S, M>> | undefined
}
/** Which groups: by the fields they are grouped by, and by aggregates of any field. */
export type Having<S, M extends keyof S> = HavingColumns<ColumnsOf<S, M>> & CombinedHaving<S, M>

export interface GroupByArgs<S, M extends keyof S> extends Aggregates<ColumnsOf<S, M>> {
  by: OneOrMany<keyof ColumnsOf<S, M>>
  where?: Where<S, M> | undefined
  having?: Having<S, M> | undefined
  orderBy?: OneOrMany<GroupOrderBy<S, M>> | undefined
  take?: number | undefined
  skip?: number | undefined
}

/** A number, or with `select` an object of numbers. */
export type CountResult<A> = A extends { select: infer X extends object } ? { -readonly [K in keyof X]: number } : number

type AggregateName = '_count' | '_sum' | '_avg' | '_min' | '_max'
type AggregateValue<X extends Columns, A, Name> = Name extends '_count' ? A extends true ? number : { -readonly [Q in keyof A]: number }
  : Name extends '_avg' ? { -readonly [Q in keyof A]: Q extends keyof X ? X[Q]['~average'] : never }
    : { -readonly [Q in keyof A]: Q extends keyof X ? X[Q]['~out'] | null : never }
type Aggregated<X extends Columns, A, Name extends keyof A> = { -readonly [Q in Name]: AggregateValue<X, A[Q], Q> }
export type AggregateResult<S, M extends keyof S, A> = Aggregated<ColumnsOf<S, M>, A, keyof A & AggregateName>

type GroupFields<A> = A extends { by: infer By } ? By extends readonly (infer Field)[] ? Field : By : never
type Grouped<X extends Columns, K extends keyof X> = { -readonly [Q in K]: X[Q]['~out'] }
export type GroupByResult<S, M extends keyof S, A> = Flat<Grouped<ColumnsOf<S, M>, GroupFields<A> & keyof ColumnsOf<S, M>> & AggregateResult<S, M, A>>
