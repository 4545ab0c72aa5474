// `orderBy`: by columns, by fields of related rows, by their number, and in `groupBy` by aggregates.

import type { Columns, ColumnsOf, Relations, RelationsOf, TargetOf } from './schema-access.ts'
import type { SortOrder } from '../../schema/column.ts'

type ColumnOrder<S, M extends keyof S> = { -readonly [K in keyof ColumnsOf<S, M>]?: ColumnsOf<S, M>[K]['~sort'] }
type RelationOrder<S, X extends Relations> = { -readonly [K in keyof X]?: (X[K]['~many'] extends true ? OrderByCount : OrderBy<S, TargetOf<S, X[K]>>) | undefined }
interface OrderByCount { _count?: SortOrder | undefined }

/** One step of the order; several are given as an array. */
export type OrderBy<S, M extends keyof S> = ColumnOrder<S, M> & RelationOrder<S, RelationsOf<S, M>>

export type NumericKeys<X extends Columns> = { [K in keyof X]: X[K]['~isNumeric'] extends true ? K : never }[keyof X]
export type OrderedKeys<X extends Columns> = { [K in keyof X]: X[K]['~isOrdered'] extends true ? K : never }[keyof X]
/** Homomorphic in K, so that a field keeps its definition and its comment. */
type Sorts<X, K extends keyof X> = { -readonly [Q in K]?: SortOrder | undefined }

interface AggregateOrder<X extends Columns> {
  _count?: Sorts<X, keyof X> | undefined
  _sum?: Sorts<X, NumericKeys<X>> | undefined
  _avg?: Sorts<X, NumericKeys<X>> | undefined
  _min?: Sorts<X, OrderedKeys<X>> | undefined
  _max?: Sorts<X, OrderedKeys<X>> | undefined
}

/** One step of the order of groups. */
export type GroupOrderBy<S, M extends keyof S> = ColumnOrder<S, M> & AggregateOrder<ColumnsOf<S, M>>
