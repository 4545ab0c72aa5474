// What stands behind a column at run time: an immutable definition and the modifiers that derive another from it.

import type { Column } from './column.ts'
import { kindsOfFunction } from './default.ts'
import { definition, type ColumnDefault, type ColumnDefinition, type Kind } from './definition.ts'
import { requireDatabaseName, schemaInvalid } from './schema-invalid.ts'

/** A class, since the methods are to be shared by every column of a schema and seen by no enumeration. */
class ColumnBuilder {
  declare readonly [definition]: ColumnDefinition

  constructor (column: ColumnDefinition) {
    Object.defineProperty(this, definition, { value: Object.freeze(column) })
    Object.freeze(this)
  }

  id (): ColumnBuilder { return this.#with({ id: true }) }
  unique (): ColumnBuilder { return this.#with({ unique: true }) }
  optional (): ColumnBuilder { return this.#with({ optional: true }) }
  updatedAt (): ColumnBuilder { return this.#with({ updatedAt: true }) }
  map (name: string): ColumnBuilder { return this.#with({ mappedName: requireDatabaseName(name, 'the name given to map()') }) }

  list (): ColumnBuilder {
    if (this[definition].default?.type === 'value') throw schemaInvalid('list() must come before default()')
    return this.#with({ list: true })
  }

  default (value: unknown): ColumnBuilder {
    const column = this[definition]
    const made = markedDefault(value) ?? { type: 'value', value }
    if (made.type === 'value') {
      if (value === undefined || value === null) throw schemaInvalid('default() takes a value; a column without one is null when it is optional()')
      if (column.list && !Array.isArray(value)) throw schemaInvalid('the default of a list must be an array')
    } else if (made.type === 'function' && (column.list || !kindsOfFunction[made.function].includes(column.kind))) {
      throw schemaInvalid(`${made.function}() cannot be the default of a column of type ${column.pgType}${column.list ? '[]' : ''}`)
    }
    return this.#with({ default: Object.freeze(made) })
  }

  #with (change: Partial<ColumnDefinition>): ColumnBuilder {
    const next = { ...this[definition], ...change }
    if (next.id && next.optional) throw schemaInvalid('a column cannot be both id() and optional()')
    if (next.id && next.list) throw schemaInvalid('a column cannot be both id() and list()')
    if (next.list && next.optional) throw schemaInvalid('a column cannot be both list() and optional(): an empty list is the absence of values')
    if (next.updatedAt && (next.list || (next.kind !== 'timestamp' && next.kind !== 'date' && next.kind !== 'time'))) throw schemaInvalid(`updatedAt() needs a column that holds a time, not ${next.pgType}`)
    return new ColumnBuilder(next)
  }
}

function markedDefault (value: unknown): ColumnDefault | undefined {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, definition)) return undefined
  return (value as { [definition]: ColumnDefault })[definition]
}

/** The first column of a chain. The cast adds the members that exist in types alone. */
export function column<K extends Kind, T> (kind: K, pgType: string, details?: Pick<ColumnDefinition, 'enum'>): Column<K, T, never> {
  const made = new ColumnBuilder({ kind, pgType, list: false, optional: false, id: false, unique: false, updatedAt: false, ...details })
  return made as unknown as Column<K, T, never>
}
