// Inputs of creates. A model with foreign keys is created in one of two forms, as in Prisma: by relations
// (`author: { connect: … }`), or by the keys themselves (`authorId: 1`).
// `W` is the relation that a nested input leaves out, since the nesting says it.

import type { ColumnsOf, ForeignKeyOf, ForeignKeys, InverseOf, OneOrMany, OwningKeys, RelationsOf, TargetOf } from './schema-access.ts'
import type { WhereUnique } from './where.ts'

/** Every column, optional; one type shared by all forms, which only add what is required. */
type ColumnInput<S, M extends keyof S> = { -readonly [K in keyof ColumnsOf<S, M>]?: ColumnsOf<S, M>[K]['~create'] }
type RelationInput<S, M extends keyof S> = { -readonly [K in keyof RelationsOf<S, M>]?: NestedCreate<S, RelationsOf<S, M>[K]> | undefined }
type RequiredInput<S, M extends keyof S, K extends keyof ColumnsOf<S, M>> = { -readonly [Q in K]: ColumnsOf<S, M>[Q]['~required'] }
type RequiredRelation<S, M extends keyof S, K extends keyof RelationsOf<S, M>> = { -readonly [Q in K]: NestedCreate<S, RelationsOf<S, M>[Q]> }

type RequiredColumns<S, M extends keyof S> = { [K in keyof ColumnsOf<S, M>]: ColumnsOf<S, M>[K]['~isRequired'] extends true ? K : never }[keyof ColumnsOf<S, M>]
type RequiredRelations<S, M extends keyof S> = { [K in keyof RelationsOf<S, M>]: [RelationsOf<S, M>[K]['~foreignKey']] extends [never] ? never : RelationsOf<S, M>[K]['~null'] extends true ? never : K }[keyof RelationsOf<S, M>]
type ColumnsBut<S, M extends keyof S, K = never> = Exclude<RequiredColumns<S, M>, K>
type RelationsBut<S, M extends keyof S, K = never> = Exclude<RequiredRelations<S, M>, K>
/** Keys that must be absent. */
export type Without<K> = { [Q in Extract<K, PropertyKey>]?: never }

type ByRelations<S, M extends keyof S, W> = RequiredInput<S, M, ColumnsBut<S, M, ForeignKeys<RelationsOf<S, M>>>> & RequiredRelation<S, M, RelationsBut<S, M, W>> & Without<ForeignKeys<RelationsOf<S, M>>>
type ByKeys<S, M extends keyof S, W> = RequiredInput<S, M, ColumnsBut<S, M, ForeignKeyOf<RelationsOf<S, M>, W>>> & Without<OwningKeys<RelationsOf<S, M>>>
type CreateForms<S, M extends keyof S, W> = [ForeignKeys<RelationsOf<S, M>>] extends [never] ? RequiredInput<S, M, ColumnsBut<S, M>> : ByRelations<S, M, W> | ByKeys<S, M, W>

/** A new row, with rows related to it. */
export type Create<S, M extends keyof S, W = never> = ColumnInput<S, M> & RelationInput<S, M> & CreateForms<S, M, W> & ([W] extends [never] ? unknown : Without<W | ForeignKeyOf<RelationsOf<S, M>, W>>)

/** A new row's columns alone. */
export type ScalarCreate<S, M extends keyof S, W = never> = ColumnInput<S, M> & RequiredInput<S, M, ColumnsBut<S, M, ForeignKeyOf<RelationsOf<S, M>, W>>> & ([W] extends [never] ? unknown : Without<ForeignKeyOf<RelationsOf<S, M>, W>>)

type NestedCreate<S, Relation> = Relation extends { readonly '~many': true } ? CreateRelatedMany<S, TargetOf<S, Relation>, InverseOf<Relation>> : CreateRelated<S, TargetOf<S, Relation>, InverseOf<Relation>>

export interface ConnectOrCreate<S, M extends keyof S, W> {
  where: WhereUnique<S, M>
  create: Create<S, M, W>
}

export interface CreateRelated<S, M extends keyof S, W> {
  create?: Create<S, M, W> | undefined
  connectOrCreate?: ConnectOrCreate<S, M, W> | undefined
  connect?: WhereUnique<S, M> | undefined
}

export interface CreateManyData<S, M extends keyof S, W> {
  data: OneOrMany<ScalarCreate<S, M, W>>
  /** Leaves out rows that a unique key refuses, instead of failing. */
  skipDuplicates?: boolean | undefined
}

export interface CreateRelatedMany<S, M extends keyof S, W> {
  create?: OneOrMany<Create<S, M, W>> | undefined
  createMany?: CreateManyData<S, M, W> | undefined
  connectOrCreate?: OneOrMany<ConnectOrCreate<S, M, W>> | undefined
  connect?: OneOrMany<WhereUnique<S, M>> | undefined
}
