// Inputs of creates. A model with foreign keys is created in one of two forms, as in Prisma: by relations
// (`author: { connect: … }`), or by the keys themselves (`authorId: 1`).
// `W` is the relation that a nested input leaves out, since the nesting says it.

import type { ColumnShape } from '../../schema/column.ts'
import type { RelationShape } from '../../schema/relation.ts'
import type { ColumnsOf, FieldsOf, ForeignKeyOf, ForeignKeys, OneOrMany, OwningKeys, RelationsOf, TargetOf } from './schema-access.ts'
import type { WhereUnique } from './where.ts'

/** Every field, optional; one type shared by all forms, which only add what is required. */
type FieldInput<S, M extends keyof S> = { -readonly [K in keyof FieldsOf<S, M>]?: Input<S, FieldsOf<S, M>[K]> }
type Input<S, X> = X extends ColumnShape ? X['~create'] : X extends RelationShape ? NestedCreate<S, X> | undefined : never
type ColumnInput<S, M extends keyof S> = { -readonly [K in keyof ColumnsOf<S, M>]?: ColumnsOf<S, M>[K]['~create'] }
type RequiredInput<S, M extends keyof S, K extends keyof ColumnsOf<S, M>> = { -readonly [Q in K]: ColumnsOf<S, M>[Q]['~required'] }
type RequiredRelation<S, M extends keyof S, K extends keyof RelationsOf<S, M>> = { -readonly [Q in K]: NestedCreate<S, RelationsOf<S, M>[Q]> }

type RequiredColumns<S, M extends keyof S> = { [K in keyof ColumnsOf<S, M>]: ColumnsOf<S, M>[K] extends { readonly '~isRequired': true } ? K : never }[keyof ColumnsOf<S, M>]
type RequiredRelations<S, M extends keyof S> = { [K in keyof RelationsOf<S, M>]: RelationsOf<S, M>[K] extends { readonly '~cardinality': 'one' } ? K : never }[keyof RelationsOf<S, M>]
/** Keys that must be absent. */
export type Without<K extends PropertyKey> = { [Q in K]?: never }

type ByRelations<S, M extends keyof S, W extends PropertyKey> = RequiredInput<S, M, Exclude<RequiredColumns<S, M>, ForeignKeys<RelationsOf<S, M>>>> & RequiredRelation<S, M, Exclude<RequiredRelations<S, M>, W>> & Without<ForeignKeys<RelationsOf<S, M>> | W>
type ByKeys<S, M extends keyof S, W extends PropertyKey> = RequiredInput<S, M, Exclude<RequiredColumns<S, M>, ForeignKeyOf<RelationsOf<S, M>, W>>> & Without<OwningKeys<RelationsOf<S, M>> | W | ForeignKeyOf<RelationsOf<S, M>, W>>
type CreateForms<S, M extends keyof S, W extends PropertyKey> = [ForeignKeys<RelationsOf<S, M>>] extends [never] ? RequiredInput<S, M, RequiredColumns<S, M>> & ([W] extends [never] ? unknown : Without<W>) : ByRelations<S, M, W> | ByKeys<S, M, W>

/** A new row, with rows related to it. */
export type Create<S, M extends keyof S, W extends PropertyKey = never> = CreateForms<S, M, W> & FieldInput<S, M>

/** A new row's columns alone. */
export type ScalarCreate<S, M extends keyof S, W extends PropertyKey = never> = RequiredInput<S, M, Exclude<RequiredColumns<S, M>, ForeignKeyOf<RelationsOf<S, M>, W>>> & ColumnInput<S, M> & ([W] extends [never] ? unknown : Without<ForeignKeyOf<RelationsOf<S, M>, W>>)

type NestedCreate<S, Relation extends RelationShape> = Relation['~cardinality'] extends 'many' ? CreateRelatedMany<S, TargetOf<S, Relation>, Relation['~inverse']> : CreateRelated<S, TargetOf<S, Relation>, Relation['~inverse']>

export interface ConnectOrCreate<S, M extends keyof S, W extends PropertyKey> {
  where: WhereUnique<S, M>
  create: Create<S, M, W>
}

export interface CreateRelated<S, M extends keyof S, W extends PropertyKey> {
  create?: Create<S, M, W> | undefined
  connectOrCreate?: ConnectOrCreate<S, M, W> | undefined
  connect?: WhereUnique<S, M> | undefined
}

export interface CreateManyData<S, M extends keyof S, W extends PropertyKey> {
  data: OneOrMany<ScalarCreate<S, M, W>>
  /** Leaves out rows that a unique key refuses, instead of failing. */
  skipDuplicates?: boolean | undefined
}

export interface CreateRelatedMany<S, M extends keyof S, W extends PropertyKey> {
  create?: OneOrMany<Create<S, M, W>> | undefined
  createMany?: CreateManyData<S, M, W> | undefined
  connectOrCreate?: OneOrMany<ConnectOrCreate<S, M, W>> | undefined
  connect?: OneOrMany<WhereUnique<S, M>> | undefined
}
