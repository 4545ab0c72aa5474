// The optional check that relations lead somewhere. Only the file that calls it pays for it; the client makes the same
// check at run time.

import { schemaInvalid } from './schema-invalid.ts'

type Declared<X> = X extends { readonly '~declared': infer D } ? D : never

type CheckInverse<S, M, Target extends string & keyof S, Inverse extends string> = Inverse extends keyof Declared<S[Target]>
  ? Declared<S[Target]>[Inverse] extends { readonly '~target': infer Back }
    ? Back extends M ? unknown : `✗ '${Target}.${Inverse}' does not lead back`
    : never
  : `✗ '${Target}' has no relation '${Inverse}'`

type CheckRelation<S, M, Relation> = Relation extends { readonly '~target': infer Target extends string }
  ? Target extends keyof S
    ? Relation extends { readonly '~inverse': infer Inverse extends string } ? CheckInverse<S, M, Target, Inverse> : unknown
    : `✗ no model '${Target}'`
  : unknown

/** Stands in for the schema in an error: each relation that is wrong has the reason as its type. */
export type CheckSchema<S> = {
  readonly [M in keyof S]: S[M] extends { readonly '~declared': infer D }
    ? { readonly '~declared': { readonly [K in keyof D]: CheckRelation<S, M, D[K]> } }
    : '✗ not a model'
}

/**
 * Checks at compile time that every relation names a model that exists, and a relation there that leads back.
 * Gives back what it was given.
 *
 * @example
 * import * as models from './db/schema.ts'
 * const schema = defineSchema(models)
 */
export function defineSchema<const S extends object> (models: S & CheckSchema<NoInfer<S>>): S {
  if (typeof models !== 'object' || models === null) throw schemaInvalid('it is not a module of models')
  return models
}
