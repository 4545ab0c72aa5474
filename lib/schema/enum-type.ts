// Enums: a PostgreSQL enum type, with the names that the program uses for its labels.

import type { Column } from './column.ts'
import { column } from './column-builder.ts'
import { definition, type EnumDefinition } from './definition.ts'
import { requireDatabaseName, schemaInvalid } from './schema-invalid.ts'

export interface EnumType<V extends string> {
  readonly [definition]: EnumDefinition
  /** A column of this type. */
  (): Column<'enum', V, never>
  /** The values, in the type's order. */
  readonly values: readonly V[]
}

/** The union of an enum's values: `type Role = EnumOf<typeof Role>`. */
export type EnumOf<E> = E extends EnumType<infer V> ? V : never

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

/**
 * An enum type of the database. Keep it unexported, or in a file of its own: every export of a schema is a model.
 *
 * @param name PostgreSQL's name of the type.
 * @param values The labels, or an object from the program's name of each to its label.
 * @example const Role = enumType('role', { USER: 'user', ADMIN: 'admin' }) // then, in a model: role: Role().default('USER')
 */
export function enumType<const V extends string> (name: string, values: readonly V[] | { readonly [Name in V]: string }, options: { schema?: string } = {}): EnumType<V> {
  requireDatabaseName(name, 'the name of an enum type')
  if (options.schema !== undefined) requireDatabaseName(options.schema, `the schema of the enum \`${name}\``)
  const labels: Record<string, string> = Object.create(null)
  // Both forms come down to pairs of a name and a label; the cast is what `Array.isArray` cannot narrow a readonly array to.
  const pairs: [string, unknown][] = Array.isArray(values) ? (values as readonly V[]).map((value) => [value, value]) : Object.entries(values)
  for (const [value, label] of pairs) {
    requireDatabaseName(value, `a value of the enum \`${name}\``)
    if (value in labels) throw schemaInvalid(`the enum \`${name}\` has the value \`${value}\` twice`)
    labels[value] = requireDatabaseName(label, `the label of \`${value}\` of the enum \`${name}\``)
  }
  if (pairs.length === 0) throw schemaInvalid(`the enum \`${name}\` has no values`)
  if (new Set(Object.values(labels)).size < pairs.length) throw schemaInvalid(`two values of the enum \`${name}\` have the same label`)
  const made: EnumDefinition = Object.freeze({ name, schema: options.schema, labels: Object.freeze(labels) })
  const pgType = options.schema === undefined ? quoted(name) : `${quoted(options.schema)}.${quoted(name)}`
  const build = (): Column<'enum', V, never> => column('enum', pgType, { enum: made })
  Object.defineProperty(build, definition, { value: made })
  return Object.assign(build, { values: Object.freeze(Object.keys(labels)) }) as unknown as EnumType<V>
}
