// `where`: filters on columns, relations and keys.

import type { ColumnShape } from '../../schema/column.ts'
import type { RelationShape } from '../../schema/relation.ts'
import type { Columns, ColumnsOf, FieldsOf, OneOrMany, TargetOf, UniquesOf } from './schema-access.ts'

/** The keys beside fields, each with a mark of what stands there. */
interface Combined {
  readonly AND: CombinesAny
  readonly OR: CombinesList
  readonly NOT: CombinesAny
}
interface CombinesAny { readonly '~combines': 'any' }
interface CombinesList { readonly '~combines': 'list' }

type Conditions<S, M extends keyof S> = FieldsOf<S, M> & Combined
type Condition<S, M extends keyof S, X> = X extends ColumnShape ? X['~filter']
  : X extends RelationShape ? RelationFilters<S, TargetOf<S, X>>[X['~cardinality']] | undefined
    : X extends CombinesList ? readonly Where<S, M>[] | undefined : OneOrMany<Where<S, M>> | undefined

/** Which rows. */
export type Where<S, M extends keyof S> = { -readonly [K in keyof Conditions<S, M>]?: Condition<S, M, Conditions<S, M>[K]> }

interface RelationFilters<S, M extends keyof S> {
  many: ManyFilter<S, M>
  one: OneFilter<S, M>
  nullable: NullableOneFilter<S, M> | null
}

/** Conditions on related rows, of which there may be many. */
export interface ManyFilter<S, M extends keyof S> {
  some?: Where<S, M> | undefined
  every?: Where<S, M> | undefined
  none?: Where<S, M> | undefined
}

/** Object types, not interfaces: the compiler makes an intersection with a generic interface anew for its `this`, with all properties. */
type Is<S, M extends keyof S> = {
  is?: Where<S, M> | undefined
  isNot?: Where<S, M> | undefined
}
type IsOrNull<S, M extends keyof S> = {
  is?: Where<S, M> | null | undefined
  isNot?: Where<S, M> | null | undefined
}
/** Conditions on the one related row: `is` and `isNot`, or its filters at once. */
export type OneFilter<S, M extends keyof S> = Is<S, M> & Where<S, M>
export type NullableOneFilter<S, M extends keyof S> = IsOrNull<S, M> & Where<S, M>

type ScalarConditions<S, M extends keyof S> = ColumnsOf<S, M> & Combined
/** Which rows, by their own columns alone. */
export type ScalarWhere<S, M extends keyof S> = { -readonly [K in keyof ScalarConditions<S, M>]?: ScalarCondition<S, M, ScalarConditions<S, M>[K]> }
type ScalarCondition<S, M extends keyof S, X> = X extends ColumnShape ? X['~filter']
  : X extends CombinesList ? readonly ScalarWhere<S, M>[] | undefined : OneOrMany<ScalarWhere<S, M>> | undefined

type UniqueColumns<X extends Columns> = { [K in keyof X]: X[K] extends { readonly '~isUnique': true } ? K : never }[keyof X]
type KeyByColumn<S, M extends keyof S> = { [K in UniqueColumns<ColumnsOf<S, M>>]: Key<S, M, K> }[UniqueColumns<ColumnsOf<S, M>>]
type Key<S, M extends keyof S, Fields extends keyof ColumnsOf<S, M>> = { -readonly [F in Fields]: ColumnsOf<S, M>[F]['~key'] }
type FieldsIn<S, M extends keyof S, U> = Extract<U, keyof ColumnsOf<S, M>>
type KeyByName<S, M extends keyof S, U> = { [Name in keyof U]: { -readonly [Q in Name]: Key<S, M, FieldsIn<S, M, U[Name]>> } }[keyof U]

/** At least one key of the model, of one column or of several. */
type AnyKey<S, M extends keyof S> = KeyByColumn<S, M> | KeyByName<S, M, UniquesOf<S, M>>

type UniqueConditions<S, M extends keyof S> = Conditions<S, M> & UniquesOf<S, M>
type UniqueCondition<S, M extends keyof S, X> = X extends ColumnShape ? X['~uniqueFilter']
  : [X] extends [string] ? Key<S, M, FieldsIn<S, M, X>> | undefined : Condition<S, M, X>
/** What may stand beside a key. */
type BesideKey<S, M extends keyof S> = { -readonly [K in keyof UniqueConditions<S, M>]?: UniqueCondition<S, M, UniqueConditions<S, M>[K]> }

/** Which one row: a key, and any further conditions. */
export type WhereUnique<S, M extends keyof S> = AnyKey<S, M> & BesideKey<S, M>
