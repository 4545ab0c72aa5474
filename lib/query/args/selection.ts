// `select`, `include` and `omit`: what comes back; and the arguments of nested reads.

import type { ColumnShape } from '../../schema/column.ts'
import type { RelationShape } from '../../schema/relation.ts'
import type { OrderBy } from './order-by.ts'
import type { ColumnsOf, FieldsOf, OneOrMany, OwningKeys, Relations, RelationsOf, TargetOf, ToManyKeys } from './schema-access.ts'
import type { Where, WhereUnique } from './where.ts'

/** The key beside fields. */
export interface Counted {
  /** The numbers of related rows: of all relations to many, or of those selected, each with a filter if wanted. */
  readonly _count: CountedRelations
}
interface CountedRelations { readonly '~counts': true }

/** All that may be selected of a row. */
export type Selectable<S, M extends keyof S> = FieldsOf<S, M> & Counted
type Selection<S, M extends keyof S, X> = X extends ColumnShape ? boolean | undefined
  : boolean | undefined | (X extends RelationShape ? RelationArgs<S, TargetOf<S, X>>[X['~cardinality']] : CountArgs<S, RelationsOf<S, M>>)

interface RelationArgs<S, M extends keyof S> {
  many: FindManyArgs<S, M>
  one: OneArgs<S, M>
  nullable: NullableOneArgs<S, M>
}
type CountSelection<S, X extends Relations, K extends keyof X> = { -readonly [Q in K]?: boolean | CountFilter<S, TargetOf<S, X[Q]>> | undefined }
interface CountFilter<S, M extends keyof S> { where?: Where<S, M> | undefined }
interface CountArgs<S, X extends Relations> { select?: CountSelection<S, X, ToManyKeys<X>> | undefined }

/** Only these fields and relations. */
export type Select<S, M extends keyof S> = { -readonly [K in keyof Selectable<S, M>]?: Selection<S, M, Selectable<S, M>[K]> }
type Includable<S, M extends keyof S> = RelationsOf<S, M> & Counted
/** All columns, and these relations. */
export type Include<S, M extends keyof S> = { -readonly [K in keyof Includable<S, M>]?: Selection<S, M, Includable<S, M>[K]> }
/** All columns but these. */
export type Omit<S, M extends keyof S> = { -readonly [K in keyof ColumnsOf<S, M>]?: boolean | undefined }

/** What comes back of one row. `select` goes with neither of the others. */
export interface OneArgs<S, M extends keyof S> {
  select?: Select<S, M> | null | undefined
  include?: Include<S, M> | null | undefined
  omit?: Omit<S, M> | null | undefined
}

/** A related row that may be absent; with `where` it is, unless it matches. */
export interface NullableOneArgs<S, M extends keyof S> {
  select?: Select<S, M> | null | undefined
  include?: Include<S, M> | null | undefined
  omit?: Omit<S, M> | null | undefined
  where?: Where<S, M> | undefined
}

/** Many rows: which, in which order, and how many. */
export interface FindManyArgs<S, M extends keyof S> {
  select?: Select<S, M> | null | undefined
  include?: Include<S, M> | null | undefined
  omit?: Omit<S, M> | null | undefined
  where?: Where<S, M> | undefined
  orderBy?: OneOrMany<OrderBy<S, M>> | undefined
  /** The row to begin with; it is the first of the answer, unless skipped. */
  cursor?: WhereUnique<S, M> | undefined
  /** At most so many rows; negative, from the end. */
  take?: number | undefined
  skip?: number | undefined
  /** One row for each combination of these fields. */
  distinct?: OneOrMany<keyof ColumnsOf<S, M>> | undefined
}

type OwnedSelection<S, X extends Relations, K extends keyof X> = { -readonly [Q in K]?: boolean | OneArgs<S, TargetOf<S, X[Q]>> | undefined }

/** What comes back of rows written together: columns, and the rows that their foreign keys point to. */
export interface ReturnArgs<S, M extends keyof S> {
  select?: Omit<S, M> & OwnedSelection<S, RelationsOf<S, M>, OwningKeys<RelationsOf<S, M>>> | null | undefined
  include?: OwnedSelection<S, RelationsOf<S, M>, OwningKeys<RelationsOf<S, M>>> | null | undefined
  omit?: Omit<S, M> | null | undefined
}
