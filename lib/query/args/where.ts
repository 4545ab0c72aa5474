// `where`: filters on columns, relations and keys.

import type { Columns, ColumnsOf, OneOrMany, RelationsOf, TargetOf, UniquesOf } from './schema-access.ts'
import type { RelationShape } from '../../schema/relation.ts'

type ColumnFilters<S, M extends keyof S> = { -readonly [K in keyof ColumnsOf<S, M>]?: ColumnsOf<S, M>[K]['~filter'] }
type RelationFilters<S, M extends keyof S> = { -readonly [K in keyof RelationsOf<S, M>]?: RelationFilter<S, RelationsOf<S, M>[K]> | undefined }
interface Combined<S, M extends keyof S> {
  AND?: OneOrMany<Where<S, M>> | undefined
  OR?: readonly Where<S, M>[] | undefined
  NOT?: OneOrMany<Where<S, M>> | undefined
}

/** Which rows. */
export type Where<S, M extends keyof S> = ColumnFilters<S, M> & RelationFilters<S, M> & Combined<S, M>

type RelationFilter<S, Relation extends RelationShape> = Relation['~many'] extends true ? ManyFilter<S, TargetOf<S, Relation>>
  : Relation['~null'] extends true ? NullableOneFilter<S, TargetOf<S, Relation>> | null
    : OneFilter<S, TargetOf<S, Relation>>

/** Conditions on related rows, of which there may be many. */
export interface ManyFilter<S, M extends keyof S> {
  some?: Where<S, M> | undefined
  every?: Where<S, M> | undefined
  none?: Where<S, M> | undefined
}
interface Is<S, M extends keyof S> {
  is?: Where<S, M> | undefined
  isNot?: Where<S, M> | undefined
}
interface IsOrNull<S, M extends keyof S> {
  is?: Where<S, M> | null | undefined
  isNot?: Where<S, M> | null | undefined
}
/** Conditions on the one related row: `is` and `isNot`, or its filters at once. */
export type OneFilter<S, M extends keyof S> = Is<S, M> & Where<S, M>
export type NullableOneFilter<S, M extends keyof S> = IsOrNull<S, M> & Where<S, M>

interface CombinedScalar<S, M extends keyof S> {
  AND?: OneOrMany<ScalarWhere<S, M>> | undefined
  OR?: readonly ScalarWhere<S, M>[] | undefined
  NOT?: OneOrMany<ScalarWhere<S, M>> | undefined
}
/** Which rows, by their own columns alone. */
export type ScalarWhere<S, M extends keyof S> = ColumnFilters<S, M> & CombinedScalar<S, M>

type UniqueColumns<X extends Columns> = { [K in keyof X]: X[K]['~isUnique'] extends true ? K : never }[keyof X]
type KeyByColumn<S, M extends keyof S> = { [K in UniqueColumns<ColumnsOf<S, M>>]: Key<S, M, K> }[UniqueColumns<ColumnsOf<S, M>>]
type Key<S, M extends keyof S, Fields extends keyof ColumnsOf<S, M>> = { -readonly [F in Fields]: ColumnsOf<S, M>[F]['~key'] }
type FieldsOf<S, M extends keyof S, U> = Extract<U, keyof ColumnsOf<S, M>>
type KeyByName<S, M extends keyof S, U> = { [Name in keyof U]: { -readonly [Q in Name]: Key<S, M, FieldsOf<S, M, U[Name]>> } }[keyof U]
type CompositeKeys<S, M extends keyof S, U> = { -readonly [Name in keyof U]?: Key<S, M, FieldsOf<S, M, U[Name]>> | undefined }
type UniqueColumnFilters<S, M extends keyof S> = { -readonly [K in keyof ColumnsOf<S, M>]?: ColumnsOf<S, M>[K]['~uniqueFilter'] }

/** At least one key of the model, of one column or of several. */
type AnyKey<S, M extends keyof S> = KeyByColumn<S, M> | KeyByName<S, M, UniquesOf<S, M>>

/** Which one row: a key, and any further conditions. */
export type WhereUnique<S, M extends keyof S> = UniqueColumnFilters<S, M> & CompositeKeys<S, M, UniquesOf<S, M>> & RelationFilters<S, M> & Combined<S, M> & AnyKey<S, M>
