// The type of a column: one generic interface that carries everything derived from it as members, so that equal
// columns share one instantiation and a model's arguments are made by indexed access, with no conditional a field.
// The members whose names begin with `~` exist in types alone.
//
// Kind, T (what a row holds) and Flag say all: `null` may be null, `list` is an array, `default` may be left out of
// a create, `unique` identifies a row.

import type { Decimal } from 'decimal.js'
import type { ColumnDefinition, Kind, definition } from './definition.ts'
import type { DatabaseDefault, FunctionDefault, FunctionsOfKind } from './default.ts'
import type { ComparableKind, FieldReference } from './field-reference.ts'
import type { FilterOf, HavingAggregates, HavingNumericAggregates, ListFilter } from './filter.ts'
import type { InputJsonValue, JsonNullOf, JsonValue } from './json.ts'

export type Flag = 'null' | 'list' | 'default' | 'unique'

/** Another copy of decimal.js in the program has other private parts, but the same numbers. */
export interface DecimalLike { readonly d: number[], readonly e: number, readonly s: number, toFixed (): string }

/** What a caller may pass for a value of each kind. */
export interface InputOf<T> {
  int: number
  bigint: bigint | number
  float: number
  decimal: DecimalLike | number | string
  text: string
  bool: boolean
  bytes: Uint8Array
  uuid: string
  json: JsonValue extends T ? InputJsonValue : T
  date: Date | string
  time: Date | string
  timestamp: Date | string
  enum: T
  other: T
}

/** Kinds that can be added up. */
type Numeric = 'int' | 'bigint' | 'float' | 'decimal'
/** Kinds for which PostgreSQL has `min` and `max`. */
type Ordered = Exclude<Kind, 'bool' | 'json' | 'uuid' | 'other'>

export type SortOrder = 'asc' | 'desc'
export interface SortOrderWithNulls { sort: SortOrder, nulls?: 'first' | 'last' | undefined }

export interface NumberUpdate<T, N> {
  set?: T | N | undefined
  increment?: T | undefined
  decrement?: T | undefined
  multiply?: T | undefined
  divide?: T | undefined
}
export interface SetUpdate<T, N> { set?: T | N | undefined }
export interface ListUpdate<T> { set?: readonly T[] | undefined, push?: T | readonly T[] | undefined }
export interface ListCreate<T> { set: readonly T[] }

type Null<F> = 'null' extends F ? null : never
/** A JSON column takes no bare `null`: it could mean either of two. */
type WrittenNull<K, F> = K extends 'json' ? JsonNullOf<'JsonNull'> | ('null' extends F ? JsonNullOf<'DbNull'> : never) : Null<F>
type Reference<K extends Kind, T> = FieldReference<ComparableKind<T>[K]>
type ListReference<K extends Kind, T> = FieldReference<ComparableKind<T>[K], 'list'>
type Filter<K extends Kind, T, N> = FilterOf<InputOf<T>[K], N, Reference<K, T>, ListReference<K, T>>[K]
type Average<K> = K extends 'decimal' ? Decimal | null : number | null

/** By this mark alone is a column known: to compare with all of its members would evaluate them. */
export interface AnyColumn { readonly '~column': true }

export interface ColumnType<K extends Kind, T, F extends Flag> extends AnyColumn {
  readonly '~kind': K
  /** In a row. */
  readonly '~out': 'list' extends F ? T[] : T | Null<F>
  /** In a create, where it may be left out. */
  readonly '~create': ('list' extends F ? readonly InputOf<T>[K][] | ListCreate<InputOf<T>[K]> : InputOf<T>[K] | WrittenNull<K, F>) | undefined
  /** In a create, where it is required. */
  readonly '~required': InputOf<T>[K] | (K extends 'json' ? JsonNullOf<'JsonNull'> : never)
  /** As a key, or part of one. */
  readonly '~key': InputOf<T>[K]
  readonly '~filter': ('list' extends F ? ListFilter<InputOf<T>[K], Reference<K, T>, ListReference<K, T>> : K extends 'json' ? Filter<K, T, Null<F>> : InputOf<T>[K] | Null<F> | Filter<K, T, Null<F>>) | undefined
  /** In `where` of a single row: a key is given as it is. */
  readonly '~uniqueFilter': 'unique' extends F ? InputOf<T>[K] | undefined : this['~filter']
  readonly '~having': ('list' extends F ? ListFilter<InputOf<T>[K], Reference<K, T>, ListReference<K, T>> : K extends Numeric
    ? InputOf<T>[K] | Null<F> | (Filter<K, T, Null<F>> & HavingNumericAggregates<Filter<K, T, Null<F>>, K extends 'decimal' ? Filter<K, T, Null<F>> : Filter<'float', number, Null<F>>>)
    : (K extends 'json' ? never : InputOf<T>[K] | Null<F>) | (Filter<K, T, Null<F>> & HavingAggregates<Filter<K, T, Null<F>>>)) | undefined
  readonly '~update': ('list' extends F ? readonly InputOf<T>[K][] | ListUpdate<InputOf<T>[K]>
    : InputOf<T>[K] | WrittenNull<K, F> | (K extends 'json' ? never : K extends Numeric ? NumberUpdate<InputOf<T>[K], Null<F>> : SetUpdate<InputOf<T>[K], Null<F>>)) | undefined
  readonly '~sort': ('null' extends F ? SortOrder | SortOrderWithNulls : SortOrder) | undefined
  readonly '~reference': FieldReference<ComparableKind<T>[K], 'list' extends F ? 'list' : 'single'>
  readonly '~isRequired': 'null' extends F ? false : 'default' extends F ? false : 'list' extends F ? false : true
  readonly '~isNullable': 'null' extends F ? true : false
  readonly '~isUnique': 'unique' extends F ? true : false
  readonly '~isNumeric': 'list' extends F ? false : K extends Numeric ? true : false
  readonly '~isOrdered': 'list' extends F ? false : K extends Ordered ? true : false
  readonly '~average': Average<K>
}

/** The members that arguments and results are made of, for `infer … extends` once a model. */
export interface ColumnShape extends AnyColumn {
  readonly '~out': unknown
  readonly '~create': unknown
  readonly '~required': unknown
  readonly '~key': unknown
  readonly '~filter': unknown
  readonly '~uniqueFilter': unknown
  readonly '~having': unknown
  readonly '~update': unknown
  readonly '~sort': unknown
  readonly '~reference': unknown
  readonly '~isRequired': boolean
  readonly '~isUnique': boolean
  readonly '~isNumeric': boolean
  readonly '~isOrdered': boolean
  readonly '~average': unknown
}

/** A column in the schema. Each modifier gives a new column and leaves the old one as it was. */
export interface Column<K extends Kind, T, F extends Flag> extends ColumnType<K, T, F> {
  readonly [definition]: ColumnDefinition
  /** The primary key. A key of several columns is an option of the model. */
  id (): Column<K, T, F | 'unique'>
  /** No two rows have the same value, so that one row can be found by it. */
  unique (): Column<K, T, F | 'unique'>
  /** May be null. */
  optional (): Column<K, T, F | 'null'>
  /** A PostgreSQL array. To be said before `default`. */
  list (): Column<K, T, F | 'list'>
  /** What a create that leaves the field out gives it: a value, or `now()`, `uuid()`, `cuid()`, `autoincrement()`, `dbgenerated(…)`. */
  default (value: ('list' extends F ? readonly InputOf<T>[K][] : InputOf<T>[K]) | DatabaseDefault | FunctionDefault<FunctionsOfKind[K]>): Column<K, T, F | 'default'>
  /** Set to the current time by every create and update that does not set it. */
  updatedAt (): Column<K, T, F | 'default'>
  /** The column's name in the database, where it differs from the field's. */
  map (name: string): Column<K, T, F>
}
