// `orderBy`: by columns, by fields of related rows, by their number, and in `groupBy` by aggregates.

import type { Columns, ColumnsOf, FieldsOf, TargetOf } from './schema-access.ts'
import type { ColumnShape, SortOrder } from '../../schema/column.ts'
import type { RelationShape } from '../../schema/relation.ts'

interface OrderByCount { _count?: SortOrder | undefined }
type Order<S, X> = X extends ColumnShape ? X['~sort']
  : X extends RelationShape ? (X['~cardinality'] extends 'many' ? OrderByCount : OrderBy<S, TargetOf<S, X>>) | undefined : never

/** One step of the order; several are given as an array. */
export type OrderBy<S, M extends keyof S> = { -readonly [K in keyof FieldsOf<S, M>]?: Order<S, FieldsOf<S, M>[K]> }

export type NumericKeys<X extends Columns> = { [K in keyof X]: X[K]['~isNumeric'] extends true ? K : never }[keyof X]
export type OrderedKeys<X extends Columns> = { [K in keyof X]: X[K]['~isOrdered'] extends true ? K : never }[keyof X]
/** Homomorphic in K, so that a field keeps its definition and its comment. */
type Sorts<X, K extends keyof X> = { -readonly [Q in K]?: SortOrder | undefined }

type ColumnOrder<S, M extends keyof S> = { -readonly [K in keyof ColumnsOf<S, M>]?: ColumnsOf<S, M>[K]['~sort'] }
/** An object type, as `Is` in `where.ts`. */
type AggregateOrder<X extends Columns> = {
  _count?: Sorts<X, keyof X> | undefined
  _sum?: Sorts<X, NumericKeys<X>> | undefined
  _avg?: Sorts<X, NumericKeys<X>> | undefined
  _min?: Sorts<X, OrderedKeys<X>> | undefined
  _max?: Sorts<X, OrderedKeys<X>> | undefined
}

/** One step of the order of groups. */
export type GroupOrderBy<S, M extends keyof S> = ColumnOrder<S, M> & AggregateOrder<ColumnsOf<S, M>>
