// What comes back: the exact shape that `select`, `include`, `omit` and `_count` ask for.
// Mapped types here range over `keyof` something, or over a parameter that extends it, so that a field of a result
// keeps its definition and its comment.

import type { Columns, ColumnsOf, Flat, Relations, RelationsOf, TargetOf, ToManyKeys } from './schema-access.ts'

/** All columns of a model. */
export type Row<S, M extends keyof S> = { -readonly [K in keyof ColumnsOf<S, M>]: ColumnsOf<S, M>[K]['~out'] }

/** A row of the model M, as the arguments A select it. */
export type Result<S, M extends keyof S, A> =
  A extends { select: infer X extends object } ? Flat<PickColumns<ColumnsOf<S, M>, Chosen<X> & keyof ColumnsOf<S, M>> & PickRelations<S, RelationsOf<S, M>, X, Chosen<X> & keyof RelationsOf<S, M>> & PickCount<RelationsOf<S, M>, X>>
    : A extends { include: infer X extends object } ? Flat<RowWithout<S, M, A> & PickRelations<S, RelationsOf<S, M>, X, Chosen<X> & keyof RelationsOf<S, M>> & PickCount<RelationsOf<S, M>, X>>
      : A extends { omit: object } ? RowWithout<S, M, A>
        : Row<S, M>

/** The keys that are not switched off. */
type Chosen<X> = { [K in keyof X]-?: X[K] extends false | null | undefined ? never : K }[keyof X]

type PickColumns<X extends Columns, K extends keyof X> = { -readonly [Q in K]: X[Q]['~out'] }
type RowWithout<S, M extends keyof S, A> = A extends { omit: infer O extends object } ? PickColumns<ColumnsOf<S, M>, Exclude<keyof ColumnsOf<S, M>, Chosen<O>>> : Row<S, M>
type PickRelations<S, X extends Relations, Selection, K extends keyof X> = {
  -readonly [Q in K]: X[Q]['~many'] extends true ? Result<S, TargetOf<S, X[Q]>, At<Selection, Q>>[]
    : Result<S, TargetOf<S, X[Q]>, At<Selection, Q>> | (X[Q]['~null'] extends true ? null : never)
}
type At<X, K> = K extends keyof X ? X[K] : never
type PickCount<X extends Relations, Selection> = Selection extends { _count: infer Count }
  ? Count extends false | null | undefined ? unknown : { _count: Numbers<X, Count extends { select: infer Selected extends object } ? Chosen<Selected> & keyof X : ToManyKeys<X>> }
  : unknown
type Numbers<X, K extends keyof X> = { -readonly [Q in K]: number }
