// SQL text under construction, as a type of its own: a plain string cannot be put into it, so that what
// comes from a caller can only become a parameter (fragment.ts), never text.

/** A piece of SQL made of literals of this package and of quoted identifiers of the schema. */
export type Sql = string & { readonly '~sql': true }

/** Composes SQL from literal text and other pieces; anything else is a compile error. */
export function sql (strings: TemplateStringsArray, ...parts: readonly Sql[]): Sql {
  let text = strings[0] as string
  for (let i = 0; i < parts.length; i++) text += (parts[i] as string) + (strings[i + 1] as string)
  return text as Sql
}

export const emptySql = '' as Sql

export function joinSql (parts: readonly Sql[], separator: ', ' | ' and ' | ' or ' | ' ' | ''): Sql {
  return parts.join(separator) as Sql
}

/** An identifier of the schema module, quoted as PostgreSQL asks. */
export function identifier (name: string): Sql {
  return `"${name.replaceAll('"', '""')}"` as Sql
}

/** A whole number that this package computed, e.g. a column's position. */
export function integerSql (value: number): Sql {
  if (!Number.isSafeInteger(value)) throw new TypeError('not a whole number')
  return String(value) as Sql
}

/** A text literal from the schema module (never from a caller). */
export function literal (text: string): Sql {
  const quoted = `'${text.replaceAll("'", "''")}'`
  return (text.includes('\\') ? `E${quoted.replaceAll('\\', '\\\\')}` : quoted) as Sql
}

// A type as a schema may write it: words, quoted names, a schema, sizes. Lists are said apart.
const typeName = /^(?:[\p{L}_][\p{L}\p{N}_$]*|"[^"\0]+")(?:(?:\.| )(?:[\p{L}_][\p{L}\p{N}_$]*|"[^"\0]+"))*(?:\([\p{L}\p{N}_ ,-]+\))?(?: [\p{L} ]+)?$/u

/** The type of a column for a cast of a parameter: without length and precision, which would cut values silently. `undefined` for what is not a type's name. */
export function castType (pgType: string): Sql | undefined {
  if (!typeName.test(pgType)) return undefined
  const base = pgType.replace(/\([^()"]*\)/, '').replace(/ +/g, ' ').trim()
  switch (base.toLowerCase()) {
    case 'varchar': case 'character varying': return 'text' as Sql
    case 'char': case 'character': return 'bpchar' as Sql
    case 'decimal': return 'numeric' as Sql
    default: return base as Sql
  }
}
