// Relations. A target is named as text, so that models may refer to each other in any order and over several files;
// `defineSchema` and the client check the names.

import { definition, type ReferentialAction, type RelationDefinition } from './definition.ts'
import { requireDatabaseName, requireFieldName, schemaInvalid } from './schema-invalid.ts'

/** How many rows a relation leads to: any number, one, or one that may be absent. */
export type Cardinality = 'many' | 'one' | 'nullable'

/** What the arguments of a client need to know of a relation; exists in types alone. */
export interface RelationShape {
  readonly '~target': unknown
  readonly '~cardinality': Cardinality
  readonly '~foreignKey': PropertyKey
  readonly '~inverse': PropertyKey
}

/** The side that holds the foreign key. */
export interface OwningRelation<Target extends string, ForeignKey extends string> {
  readonly [definition]: RelationDefinition
  readonly '~target': Target
  readonly '~heldBy': ForeignKey
}

/** The side that is found through the other. It says all that arguments need, so that a model takes it as it is. */
export interface InverseRelation<Target extends string, Inverse extends string, Many extends boolean> {
  readonly [definition]: RelationDefinition
  readonly '~target': Target
  readonly '~inverse': Inverse
  readonly '~cardinality': Many extends true ? 'many' : 'nullable'
  readonly '~foreignKey': never
}

export interface ForeignKeyOptions {
  /** The fields of the target that the key points to, in the order of the key; by default its id. */
  references?: readonly string[]
  onDelete?: ReferentialAction
  onUpdate?: ReferentialAction
}

export interface ManyToManyOptions {
  /** The join table, by default `_AToB` with the models' names in alphabetical order; its columns are `A` and `B`. */
  through?: string
  /** Which column of the join table holds this model's id; by default by the same order. */
  side?: 'A' | 'B'
}

const ACTIONS: readonly unknown[] = ['cascade', 'restrict', 'set-null', 'set-default', 'no-action', undefined] satisfies readonly (ReferentialAction | undefined)[]

const mark = (relation: RelationDefinition): object => Object.freeze(Object.defineProperty({}, definition, { value: Object.freeze(relation) }))

/**
 * One row of the target, found by a foreign key that this model holds.
 *
 * @param target The target's name, as its export is called.
 * @param foreignKey The field of this model that holds the key, or several.
 * @example author: belongsTo('User', 'authorId', { onDelete: 'cascade' })
 */
export function belongsTo<const Target extends string, const ForeignKey extends string> (target: Target, foreignKey: ForeignKey | readonly ForeignKey[], options: ForeignKeyOptions = {}): OwningRelation<Target, ForeignKey> {
  const fields: readonly string[] = typeof foreignKey === 'string' ? [foreignKey] : foreignKey
  requireFieldName(target, 'the target of belongsTo()')
  if (!Array.isArray(fields) || fields.length === 0) throw schemaInvalid(`belongsTo('${target}') needs the field that holds the key`)
  for (const field of fields) requireFieldName(field, `the key of belongsTo('${target}')`)
  const { references, onDelete, onUpdate } = options
  if (references !== undefined && references.length !== fields.length) throw schemaInvalid(`belongsTo('${target}') has ${fields.length} fields but ${references.length} references`)
  for (const field of references ?? []) requireFieldName(field, `the references of belongsTo('${target}')`)
  for (const action of [onDelete, onUpdate]) if (!ACTIONS.includes(action)) throw schemaInvalid(`belongsTo('${target}') has an unknown referential action`)
  return mark({ type: 'belongs-to', target, fields: Object.freeze([...fields]), references: references && Object.freeze([...references]), onDelete, onUpdate }) as OwningRelation<Target, ForeignKey>
}

function inverse (type: 'has-one' | 'has-many' | 'many-to-many', name: string, target: string, inverse: string): { target: string, inverse: string } {
  requireFieldName(target, `the target of ${name}()`)
  requireFieldName(inverse, `the second argument of ${name}('${target}'), the relation on the other side,`)
  return { target, inverse }
}

/**
 * At most one row of the target, which holds the key.
 *
 * @param inverse The relation of the target that points here.
 * @example profile: hasOne('Profile', 'user')
 */
export function hasOne<const Target extends string, const Inverse extends string> (target: Target, inverseName: Inverse): InverseRelation<Target, Inverse, false> {
  return mark({ type: 'has-one', ...inverse('has-one', 'hasOne', target, inverseName) }) as InverseRelation<Target, Inverse, false>
}

/**
 * The rows of the target that point here.
 *
 * @param inverse The relation of the target that points here.
 * @example posts: hasMany('Post', 'author')
 */
export function hasMany<const Target extends string, const Inverse extends string> (target: Target, inverseName: Inverse): InverseRelation<Target, Inverse, true> {
  return mark({ type: 'has-many', ...inverse('has-many', 'hasMany', target, inverseName) }) as InverseRelation<Target, Inverse, true>
}

/**
 * Many to many through a join table that is not itself a model. To be declared on both sides.
 *
 * @param inverse The relation of the target that leads back.
 * @example tags: manyToMany('Tag', 'posts')
 */
export function manyToMany<const Target extends string, const Inverse extends string> (target: Target, inverseName: Inverse, options: ManyToManyOptions = {}): InverseRelation<Target, Inverse, true> {
  const { through, side } = options
  if (through !== undefined) requireDatabaseName(through, `the join table of manyToMany('${target}')`)
  if (side !== undefined && side !== 'A' && side !== 'B') throw schemaInvalid(`the side of manyToMany('${target}') is 'A' or 'B'`)
  return mark({ type: 'many-to-many', ...inverse('many-to-many', 'manyToMany', target, inverseName), through, side }) as InverseRelation<Target, Inverse, true>
}
