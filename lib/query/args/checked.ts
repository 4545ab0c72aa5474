// How a method takes its arguments.
//
// `A` is inferred from what the caller wrote, through a branch that is never taken, while what the caller wrote is
// checked against the plain type `X`, in which A does not occur. So the result can follow the arguments exactly, and
// the compiler's own check of unknown properties runs at every depth, with its own "did you mean". A recursive
// `Exact<A, X>` would be slower by far and say `never`.

export type Checked<A, X> = true extends SelectsTwice<A> ? PointOut<A> : A extends never ? A : X

/** `select` names all that comes back, so it goes with neither `include` nor `omit`. The union of what is selected is looked through, in which every `true` is one. */
type SelectsTwice<A> = A extends { select: infer X extends object } ? A extends { include: object } | { omit: object } ? true : SelectsTwice<X[keyof X]>
  : A extends { include: infer X extends object } ? SelectsTwice<X[keyof X]> : false

/** What was written, but with an error in the place where it is wrong. */
type PointOut<A> = A extends { select: object, include: object } ? UseEitherSelectOrInclude
  : A extends { select: object, omit: object } ? UseEitherSelectOrOmit
    : { [K in keyof A]: PointOut<A[K]> }

/** Everything that may stand beside either, so that the message names the one of them that is too many. */
interface Beside {
  readonly select?: unknown
  readonly data?: unknown
  readonly create?: unknown
  readonly update?: unknown
  readonly where?: unknown
  readonly orderBy?: unknown
  readonly cursor?: unknown
  readonly take?: unknown
  readonly skip?: unknown
  readonly distinct?: unknown
  readonly limit?: unknown
  readonly skipDuplicates?: unknown
  /** Nothing has this, so that the message comes even where the arguments were made elsewhere. */
  readonly '~select names all that comes back': never
}
interface UseEitherSelectOrInclude extends Beside { readonly omit?: unknown }
interface UseEitherSelectOrOmit extends Beside { readonly include?: unknown }

/** As `Checked`; and a field that groups are filtered or ordered by, other than through an aggregate, is one they are made by. */
export type CheckedGroups<A, X> = [Ungrouped<A>] extends [never]
  ? PagesUnordered<A> extends true ? PointOutPaging<A> : A extends never ? A : X
  : PointOutUngrouped<A, Ungrouped<A>>

type Aggregate = '_count' | '_sum' | '_avg' | '_min' | '_max'
type GroupField<By> = By extends readonly (infer Field)[] ? Field : By
type OrderFields<X> = X extends readonly (infer Step)[] ? Step extends object ? keyof Step : never : keyof X
type HavingFields<X> = { [K in keyof X]: K extends 'AND' | 'OR' | 'NOT' ? never : X[K] extends object ? keyof X[K] extends Aggregate ? never : K : X[K] extends undefined ? never : K }[keyof X]
type Ungrouped<A> = A extends { by: infer By }
  ? Exclude<(A extends { orderBy: infer X extends object } ? OrderFields<X> : never) | (A extends { having: infer X extends object } ? HavingFields<X> : never), GroupField<By> | Aggregate>
  : never
type PagesUnordered<A> = A extends { take: number } | { skip: number } ? A extends { orderBy: object } ? false : true : false

type PointOutUngrouped<A, Field> = { [K in keyof A]: K extends 'orderBy' | 'having' ? PointOutFields<A[K], Field> : A[K] }
type PointOutFields<X, Field> = { [K in keyof X]: K extends Field ? AddToBy<K> : X extends readonly unknown[] ? PointOutFields<X[K], Field> : X[K] }
type PointOutPaging<A> = { [K in keyof A]: K extends 'take' | 'skip' ? OrderByIsNeededToPage : A[K] }

interface AddToBy<Field> { readonly '~by must name': Field }
interface OrderByIsNeededToPage { readonly '~orderBy is missing': never }
