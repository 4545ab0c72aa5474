// How arguments and results look into a schema: by name. Every alias takes the schema S and a model's name M, so that
// the compiler caches by identity and messages say `Where<AppSchema, "Post">` instead of its columns.
//
// Each argument is one mapped type over `FieldsOf`, which decides for each field by what the field is. An intersection
// of a type for columns and a type for relations would say the same at twice the price: the compiler makes all
// properties of an intersection anew, compares with each part and then with the whole.

import type { ColumnShape } from '../../schema/column.ts'
import type { RelationShape } from '../../schema/relation.ts'

export type Columns = { readonly [name: string]: ColumnShape }
export type Relations = { readonly [name: string]: RelationShape }

export type ColumnsOf<S, M extends keyof S> = S[M] extends { readonly '~columns': infer X extends Columns } ? X : never
export type RelationsOf<S, M extends keyof S> = S[M] extends { readonly '~relations': infer X extends Relations } ? X : never
export type FieldsOf<S, M extends keyof S> = S[M] extends { readonly '~fields': infer X } ? X : never
export type UniquesOf<S, M extends keyof S> = S[M] extends { readonly '~uniques': infer X } ? X : never

/** The name of the model that a relation leads to. */
export type TargetOf<S, Relation> = Relation extends { readonly '~target': keyof S } ? Relation['~target'] : never

/** Relations to many rows. */
export type ToManyKeys<X extends Relations> = { [K in keyof X]: X[K]['~cardinality'] extends 'many' ? K : never }[keyof X]
/** Relations whose foreign key this model holds. */
export type OwningKeys<X extends Relations> = { [K in keyof X]: [X[K]['~foreignKey']] extends [never] ? never : K }[keyof X]
/** The columns of all foreign keys that this model holds. */
export type ForeignKeys<X extends Relations> = X[keyof X]['~foreignKey']
/** The columns of the foreign key of one relation. */
export type ForeignKeyOf<X extends Relations, Name> = Name extends keyof X ? X[Name]['~foreignKey'] : never

export type OneOrMany<X> = X | readonly X[]

/** Intersections written out as one object, for whoever reads the type. */
export type Flat<X> = { [K in keyof X]: X[K] } & {}
