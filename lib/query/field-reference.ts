// `db.user.fields.email`: a column as the other side of a comparison.

import type { ResolvedModel } from './model.ts'

/** A field of a model, to compare another field with. */
export class FieldReference {
  readonly modelName: string
  readonly name: string
  readonly isList: boolean

  constructor (modelName: string, name: string, isList: boolean) {
    this.modelName = modelName
    this.name = name
    this.isList = isList
    Object.freeze(this)
  }
}

/** The references of all columns of a model: what `db.<model>.fields` is. */
export function fieldReferences (model: ResolvedModel): Readonly<Record<string, FieldReference>> {
  const references: Record<string, FieldReference> = Object.create(null) as Record<string, FieldReference>
  for (const column of model.columns) references[column.name] = new FieldReference(model.name, column.name, column.list)
  return Object.freeze(references)
}
