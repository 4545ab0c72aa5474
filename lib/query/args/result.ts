// What comes back: the exact shape that `select`, `include`, `omit` and `_count` ask for.
// Mapped types here range over `keyof` something, or over a parameter that extends it, so that a field of a result
// keeps its definition and its comment.

import type { ColumnShape } from '../../schema/column.ts'
import type { RelationShape } from '../../schema/relation.ts'
import type { ColumnsOf, Relations, RelationsOf, TargetOf, ToManyKeys } from './schema-access.ts'
import type { Selectable } from './selection.ts'

/** All columns of a model. */
export type Row<S, M extends keyof S> = { -readonly [K in keyof ColumnsOf<S, M>]: ColumnsOf<S, M>[K]['~out'] }

/** A row of the model M, as the arguments A select it. */
export type Result<S, M extends keyof S, A> =
  A extends { select: infer X extends object } ? Picked<S, M, Selectable<S, M>, X, Chosen<X> & keyof Selectable<S, M>>
    : A extends { include: infer X extends object } ? Picked<S, M, Selectable<S, M>, X, (ColumnsBut<S, M, A> | Chosen<X>) & keyof Selectable<S, M>>
      : A extends { omit: object } ? Picked<S, M, Selectable<S, M>, {}, ColumnsBut<S, M, A> & keyof Selectable<S, M>>
        : Row<S, M>

/** The keys that are not switched off: mostly all, so that is asked first, of the union of their values. */
type Chosen<X> = [X[keyof X]] extends [true | object] ? keyof X : { [K in keyof X]-?: X[K] extends false | null | undefined ? never : K }[keyof X]
type ColumnsBut<S, M extends keyof S, A> = A extends { omit: object } ? Exclude<keyof ColumnsOf<S, M>, Chosen<A['omit']>> : keyof ColumnsOf<S, M>

/** `& {}`: without a name of its own, so that whoever reads the type sees its fields. */
type Picked<S, M extends keyof S, Fields, Selection, K extends keyof Fields> = {
  -readonly [Q in K]: Value<S, M, Fields[Q], Q extends keyof Selection ? Selection[Q] : never>
} & {}
type Value<S, M extends keyof S, Field, Selection> = Field extends ColumnShape ? Field['~out']
  : Field extends RelationShape ? Related<Result<S, TargetOf<S, Field>, Selection>>[Field['~cardinality']]
    : Numbers<RelationsOf<S, M>, Selection extends { select: object } ? Chosen<Selection['select']> & keyof RelationsOf<S, M> : ToManyKeys<RelationsOf<S, M>>>
interface Related<T> {
  many: T[]
  one: T
  nullable: T | null
}
type Numbers<X extends Relations, K extends keyof X> = { -readonly [Q in K]: number }
