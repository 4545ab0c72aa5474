// Gives a name to every part of a draft that has none yet, without touching those that have.
import { camelCase, enumName, freeName, modelName, plural, relationOfColumn, unchangedModelName } from './naming.ts'
import { keyName } from './write-schema.ts'
import type { BelongsTo, ModelDraft, RelationDraft, SchemaDraft } from './schema-draft.ts'

export function nameDraft (draft: SchemaDraft): void {
  leaveOutUnusedEnums(draft)
  nameModels(draft)
  const constants = new Set(draft.models.map((model) => model.name))
  for (const enumeration of draft.enums) {
    if (enumeration.name === '') {
      const made = enumName(enumeration.pgName)
      const scoped = enumeration.schema === undefined ? `${made}Enum` : unchangedModelName(enumeration.schema) + made
      enumeration.name = freeName(constants.has(made) ? scoped : made, (name) => constants.has(name))
    }
    constants.add(enumeration.name)
  }
  for (const model of draft.models) {
    for (const field of model.fields) {
      if (field.name === '') field.name = freeName(camelCase(field.column), (name) => model.fields.some((other) => other.name === name))
    }
  }
  for (const model of draft.models) {
    for (const composite of model.id === undefined ? model.uniques : [model.id, ...model.uniques]) {
      if (model.fields.some((field) => field.name === keyName(composite))) composite.name = free(model, `${keyName(composite)}_key`)
    }
  }
  // The owning sides first: inverses take their names from them.
  for (const model of draft.models) {
    for (const relation of model.relations) if (relation.type === 'belongs-to' && relation.name === '') relation.name = free(model, ownerName(model, relation))
  }
  for (const model of draft.models) {
    for (const relation of model.relations) if (relation.name === '') relation.name = free(model, inverseName(model, relation))
  }
}

/** A constant that nothing uses is an error under `noUnusedLocals`. */
function leaveOutUnusedEnums (draft: SchemaDraft): void {
  const used = new Set(draft.models.flatMap((model) => model.fields).map(({ type }) => type.type === 'enum' ? type.of : undefined))
  for (const { pgName } of draft.enums.filter((enumeration) => !used.has(enumeration))) draft.remarks.push(`enum ${pgName}: left out, no column is of this type`)
  draft.enums = draft.enums.filter((enumeration) => used.has(enumeration))
}

/** On the client a model is called by its name with a small first letter, so names must differ beyond that. */
function nameModels (draft: SchemaDraft): void {
  const clientName = (name: string): string => name.charAt(0).toLowerCase() + name.slice(1)
  // Tables that an unqualified name means come first, and so keep the plain name.
  const unnamed = draft.models.filter((model) => model.name === '').sort((a, b) => Number(a.schema !== undefined) - Number(b.schema !== undefined))
  const wanted = new Map(unnamed.map((model) => [model, modelName(model.table)]))
  for (const [model, name] of wanted) {
    const rival = unnamed.some((other) => other !== model && other.schema === model.schema && wanted.get(other) === name)
    const taken = (candidate: string): boolean => draft.models.some((other) => other.name !== '' && clientName(other.name) === clientName(candidate))
    // `user` and `users` beside each other stay as they are; of one table in two schemas, the second says where it is.
    const own = rival ? unchangedModelName(model.table) : name
    model.name = freeName(taken(own) && model.schema !== undefined ? unchangedModelName(model.schema) + own : own, taken)
  }
}

function free (model: ModelDraft, name: string): string {
  return freeName(name, (candidate) => model.fields.some((field) => field.name === candidate) || model.relations.some((relation) => relation.name === candidate))
}

function lowerFirst (name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1)
}

function upperFirst (name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1)
}

/** `author_id` → `author`. A key of several columns goes by its last one that no other relation shares, else by the target. */
function ownerName (model: ModelDraft, relation: BelongsTo): string {
  const others = model.relations.filter((other): other is BelongsTo => other.type === 'belongs-to' && other !== relation)
  const own = relation.fields.filter((field) => !others.some((other) => other.fields.includes(field)))
  const column = own.at(-1)?.column ?? relation.fields.at(-1)?.column ?? ''
  const target = lowerFirst(relation.target.name)
  const made = relationOfColumn(column)
  if (made !== undefined && !model.fields.some((field) => field.name === made)) return made
  const several = others.some((other) => other.target === relation.target)
  return several || relation.target === model || model.fields.some((field) => field.name === target) ? `${camelCase(column)}${upperFirst(target)}` : target
}

/** `posts`; where two relations lead to one model, or a model to itself, `postsAsReviewer`: the posts in which this row is the reviewer. */
function inverseName (model: ModelDraft, relation: Exclude<RelationDraft, BelongsTo> | BelongsTo): string {
  const target = lowerFirst(relation.target.name)
  if (relation.type === 'belongs-to') return target
  if (relation.type === 'many-to-many') {
    if (relation.target === model) return `${camelCase(relation.through)}${relation.side}`
    const several = model.relations.filter((other) => other.target === relation.target && other.type !== 'belongs-to').length > 1
    return several ? `${plural(target)}${upperFirst(camelCase(relation.through))}` : plural(target)
  }
  const base = relation.type === 'has-one' ? target : plural(target)
  const self = relation.target === model
  if (self && relation.inverse.name === 'parent') return relation.type === 'has-one' ? 'child' : 'children'
  const several = model.relations.filter((other) => other.target === relation.target && (other.type === 'has-one' || other.type === 'has-many')).length > 1
  return self || several ? `${base}As${upperFirst(relation.inverse.name)}` : base
}
