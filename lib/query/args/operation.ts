// What a method returns: a promise that does nothing until it is awaited, or taken by `$transaction([…])`.

import type { Checked } from './checked.ts'
import type { RelationsOf, TargetOf } from './schema-access.ts'
import type { FindManyArgs, NullableOneArgs } from './selection.ts'
import type { Result } from './result.ts'
import type { RelationShape } from '../../schema/relation.ts'

/**
 * A query that runs when it is awaited, once. It extends `Promise`, so that `no-floating-promises` finds the one that
 * is never awaited, and so never runs.
 */
export interface Operation<T> extends Promise<T> {
  /** Exists in types alone; a bare promise, which runs already, is no operation of a transaction. */
  readonly '~operation': T
}

/** The operation of one row: relations may be called on it, `db.user.findUnique(…).posts()`. `Absent` is null where the row may be. */
export type RowOperation<S, M extends keyof S, T, Absent> = Operation<T | Absent> & RelationCalls<S, M, Absent>

export type RelationCalls<S, M extends keyof S, Absent> = { readonly [K in keyof RelationsOf<S, M>]: RelationCall<S, RelationsOf<S, M>[K], Absent> }
type RelationCall<S, Relation extends RelationShape, Absent> = Relation['~cardinality'] extends 'many' ? ManyCall<S, TargetOf<S, Relation>, Absent>
  : OneCall<S, TargetOf<S, Relation>, Relation['~cardinality'] extends 'nullable' ? null : Absent>

// `{}`: the arguments of a call without any.
interface ManyCall<S, M extends keyof S, Absent> { <A extends object = {}>(args?: Checked<A, FindManyArgs<S, M>>): Operation<Result<S, M, A>[] | Absent> }
interface OneCall<S, M extends keyof S, Absent> { <A extends object = {}>(args?: Checked<A, NullableOneArgs<S, M>>): RowOperation<S, M, Result<S, M, A>, Absent> }
