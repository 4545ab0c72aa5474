// `select`, `include` and `omit`: what comes back; and the arguments of nested reads.

import type { OrderBy } from './order-by.ts'
import type { ColumnsOf, OneOrMany, OwningKeys, Relations, RelationsOf, TargetOf, ToManyKeys } from './schema-access.ts'
import type { Where, WhereUnique } from './where.ts'

type ColumnSelection<S, M extends keyof S> = { -readonly [K in keyof ColumnsOf<S, M>]?: boolean | undefined }
type RelationSelection<S, X extends Relations> = {
  -readonly [K in keyof X]?: boolean | undefined | (X[K]['~many'] extends true ? ManyArgs<S, TargetOf<S, X[K]>>
    : X[K]['~null'] extends true ? NullableOneArgs<S, TargetOf<S, X[K]>>
      : OneArgs<S, TargetOf<S, X[K]>>)
}
type CountSelection<S, X extends Relations, K extends keyof X> = { -readonly [Q in K]?: boolean | CountFilter<S, TargetOf<S, X[Q]>> | undefined }
interface CountFilter<S, M extends keyof S> { where?: Where<S, M> | undefined }
interface CountArgs<S, X extends Relations> { select?: CountSelection<S, X, ToManyKeys<X>> | undefined }
interface CountOfRelations<S, M extends keyof S> {
  /** The numbers of related rows: of all relations to many, or of those selected, each with a filter if wanted. */
  _count?: boolean | CountArgs<S, RelationsOf<S, M>> | undefined
}

/** Only these fields and relations. */
export type Select<S, M extends keyof S> = ColumnSelection<S, M> & RelationSelection<S, RelationsOf<S, M>> & CountOfRelations<S, M>
/** All columns, and these relations. */
export type Include<S, M extends keyof S> = RelationSelection<S, RelationsOf<S, M>> & CountOfRelations<S, M>
/** All columns but these. */
export type Omit<S, M extends keyof S> = ColumnSelection<S, M>

/** What comes back of one row. `select` goes with neither of the others. */
export interface OneArgs<S, M extends keyof S> {
  select?: Select<S, M> | null | undefined
  include?: Include<S, M> | null | undefined
  omit?: Omit<S, M> | null | undefined
}

/** A related row that may be absent; with `where` it is, unless it matches. */
export interface NullableOneArgs<S, M extends keyof S> extends OneArgs<S, M> {
  where?: Where<S, M> | undefined
}

/** Many rows: which, in which order, and how many. */
export interface ManyArgs<S, M extends keyof S> extends OneArgs<S, M> {
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
  select?: ColumnSelection<S, M> & OwnedSelection<S, RelationsOf<S, M>, OwningKeys<RelationsOf<S, M>>> | null | undefined
  include?: OwnedSelection<S, RelationsOf<S, M>, OwningKeys<RelationsOf<S, M>>> | null | undefined
  omit?: Omit<S, M> | null | undefined
}
