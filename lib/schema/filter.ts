// The filters that columns take: a closed set of interfaces, shared by all columns of the same type.
// `N` is `null` where the column may be null, else `never`. `R` and `L` are references to another field of the same
// type, and to a list of it.

import type { FieldReference } from './field-reference.ts'
import type { InputJsonValue, JsonNullOf } from './json.ts'

export interface EqualityFilter<T, N, R, L> {
  equals?: T | R | N | undefined
  in?: readonly T[] | L | N | undefined
  notIn?: readonly T[] | L | N | undefined
  not?: T | R | N | EqualityFilter<T, N, R, L> | undefined
}

export interface BooleanFilter<N, R> {
  equals?: boolean | R | N | undefined
  not?: boolean | R | N | BooleanFilter<N, R> | undefined
}

export interface OrderedFilter<T, N, R, L> {
  equals?: T | R | N | undefined
  in?: readonly T[] | L | N | undefined
  notIn?: readonly T[] | L | N | undefined
  lt?: T | R | undefined
  lte?: T | R | undefined
  gt?: T | R | undefined
  gte?: T | R | undefined
  not?: T | R | N | OrderedFilter<T, N, R, L> | undefined
}

/** `insensitive` compares without regard to case. */
export type QueryMode = 'default' | 'insensitive'

interface NestedUuidFilter<N, R, L> {
  equals?: string | R | N | undefined
  in?: readonly string[] | L | N | undefined
  notIn?: readonly string[] | L | N | undefined
  lt?: string | R | undefined
  lte?: string | R | undefined
  gt?: string | R | undefined
  gte?: string | R | undefined
  not?: string | R | N | NestedUuidFilter<N, R, L> | undefined
}

export interface UuidFilter<N, R, L> extends NestedUuidFilter<N, R, L> { mode?: QueryMode | undefined }

interface NestedTextFilter<N, R, L> {
  equals?: string | R | N | undefined
  in?: readonly string[] | L | N | undefined
  notIn?: readonly string[] | L | N | undefined
  lt?: string | R | undefined
  lte?: string | R | undefined
  gt?: string | R | undefined
  gte?: string | R | undefined
  contains?: string | R | undefined
  startsWith?: string | R | undefined
  endsWith?: string | R | undefined
  not?: string | R | N | NestedTextFilter<N, R, L> | undefined
}

/** `mode` stands once, beside what it applies to: the filters inside `not` follow it. */
export interface TextFilter<N, R, L> extends NestedTextFilter<N, R, L> { mode?: QueryMode | undefined }

export interface ListFilter<T, R, L> {
  equals?: readonly T[] | L | null | undefined
  has?: T | R | null | undefined
  hasEvery?: readonly T[] | L | undefined
  hasSome?: readonly T[] | L | undefined
  isEmpty?: boolean | undefined
}

type AnyJsonNull = JsonNullOf<'DbNull'> | JsonNullOf<'JsonNull'> | JsonNullOf<'AnyNull'>

export interface JsonFilter {
  equals?: InputJsonValue | AnyJsonNull | FieldReference<'json'> | undefined
  /** Where in the document the other conditions look: `['address', 'city']`, array positions as text. */
  path?: readonly string[] | undefined
  mode?: QueryMode | undefined
  string_contains?: string | FieldReference<'text'> | undefined
  string_starts_with?: string | FieldReference<'text'> | undefined
  string_ends_with?: string | FieldReference<'text'> | undefined
  array_contains?: InputJsonValue | FieldReference<'json'> | null | undefined
  array_starts_with?: InputJsonValue | FieldReference<'json'> | null | undefined
  array_ends_with?: InputJsonValue | FieldReference<'json'> | null | undefined
  lt?: InputJsonValue | FieldReference<'json'> | undefined
  lte?: InputJsonValue | FieldReference<'json'> | undefined
  gt?: InputJsonValue | FieldReference<'json'> | undefined
  gte?: InputJsonValue | FieldReference<'json'> | undefined
  not?: InputJsonValue | AnyJsonNull | FieldReference<'json'> | undefined
}

/** The filter of each kind; looked up by `FilterOf<…>[K]`, so that no chain of conditionals is walked per column. */
export interface FilterOf<T, N, R, L> {
  int: OrderedFilter<T, N, R, L>
  bigint: OrderedFilter<T, N, R, L>
  float: OrderedFilter<T, N, R, L>
  decimal: OrderedFilter<T, N, R, L>
  text: TextFilter<N, R, L>
  bool: BooleanFilter<N, R>
  bytes: EqualityFilter<T, N, R, L>
  uuid: UuidFilter<N, R, L>
  json: JsonFilter
  date: OrderedFilter<T, N, R, L>
  time: OrderedFilter<T, N, R, L>
  timestamp: OrderedFilter<T, N, R, L>
  enum: EqualityFilter<T, N, R, L>
  other: EqualityFilter<T, N, R, L>
}

/** A condition on a number that an aggregate gives, in `having`. */
export type NumberFilter = OrderedFilter<number, never, never, never>

export interface HavingAggregates<F> {
  _count?: NumberFilter | undefined
  _min?: F | undefined
  _max?: F | undefined
}

export interface HavingNumericAggregates<F, A> extends HavingAggregates<F> {
  _sum?: F | undefined
  _avg?: A | undefined
}
