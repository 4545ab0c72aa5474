// Inputs of updates, and of the writes to related rows that go with one. `W` as in `create.ts`.

import type { Create, CreateRelated, CreateRelatedMany, Without } from './create.ts'
import type { ColumnShape } from '../../schema/column.ts'
import type { RelationShape } from '../../schema/relation.ts'
import type { ColumnsOf, FieldsOf, ForeignKeyOf, ForeignKeys, OneOrMany, OwningKeys, RelationsOf, TargetOf } from './schema-access.ts'
import type { ScalarWhere, Where, WhereUnique } from './where.ts'

/** Changes of a row's columns alone. */
export type ScalarUpdate<S, M extends keyof S> = { -readonly [K in keyof ColumnsOf<S, M>]?: ColumnsOf<S, M>[K]['~update'] }
type FieldUpdate<S, M extends keyof S> = { -readonly [K in keyof FieldsOf<S, M>]?: Change<S, FieldsOf<S, M>[K]> }
type Change<S, X> = X extends ColumnShape ? X['~update'] : X extends RelationShape ? NestedUpdate<S, TargetOf<S, X>, X['~inverse']>[X['~cardinality']] | undefined : never
/** By relations or by foreign keys, not both; and without what the nesting says. */
type UpdateForms<S, M extends keyof S, W extends PropertyKey> = [ForeignKeys<RelationsOf<S, M>> | W] extends [never] ? unknown : Without<ForeignKeys<RelationsOf<S, M>> | W> | Without<OwningKeys<RelationsOf<S, M>> | W | ForeignKeyOf<RelationsOf<S, M>, W>>

/** Changes of a row and of rows related to it. */
export type Update<S, M extends keyof S, W extends PropertyKey = never> = FieldUpdate<S, M> & UpdateForms<S, M, W>

interface NestedUpdate<S, M extends keyof S, W extends PropertyKey> {
  many: UpdateRelatedMany<S, M, W>
  one: UpdateRelated<S, M, W>
  nullable: UpdateNullableRelated<S, M, W>
}

export interface UpdateWhere<S, M extends keyof S, W extends PropertyKey> {
  where?: Where<S, M> | undefined
  data: Update<S, M, W>
}

export interface UpsertRelated<S, M extends keyof S, W extends PropertyKey> {
  where?: Where<S, M> | undefined
  create: Create<S, M, W>
  update: Update<S, M, W>
}

export interface UpdateRelated<S, M extends keyof S, W extends PropertyKey> extends CreateRelated<S, M, W> {
  update?: Update<S, M, W> | UpdateWhere<S, M, W> | undefined
  upsert?: UpsertRelated<S, M, W> | undefined
}

export interface UpdateNullableRelated<S, M extends keyof S, W extends PropertyKey> extends UpdateRelated<S, M, W> {
  /** Ends the relation; with a condition, only if the related row meets it. */
  disconnect?: boolean | Where<S, M> | undefined
  /** Deletes the related row; with a condition, only if it meets it. */
  delete?: boolean | Where<S, M> | undefined
}

export interface UpdateOneOfMany<S, M extends keyof S, W extends PropertyKey> {
  where: WhereUnique<S, M>
  data: Update<S, M, W>
}

export interface UpdateSomeOfMany<S, M extends keyof S> {
  where: ScalarWhere<S, M>
  data: ScalarUpdate<S, M>
}

export interface UpsertOneOfMany<S, M extends keyof S, W extends PropertyKey> {
  where: WhereUnique<S, M>
  create: Create<S, M, W>
  update: Update<S, M, W>
}

export interface UpdateRelatedMany<S, M extends keyof S, W extends PropertyKey> extends CreateRelatedMany<S, M, W> {
  /** These rows and no others. */
  set?: OneOrMany<WhereUnique<S, M>> | undefined
  disconnect?: OneOrMany<WhereUnique<S, M>> | undefined
  delete?: OneOrMany<WhereUnique<S, M>> | undefined
  update?: OneOrMany<UpdateOneOfMany<S, M, W>> | undefined
  updateMany?: OneOrMany<UpdateSomeOfMany<S, M>> | undefined
  upsert?: OneOrMany<UpsertOneOfMany<S, M, W>> | undefined
  deleteMany?: OneOrMany<ScalarWhere<S, M>> | undefined
}
