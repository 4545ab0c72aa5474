// A column's default as PostgreSQL prints it, told apart: a literal, a sequence, the clock, or an expression that stays the server's.
import type { DefaultDraft, DefaultValue, TypeDraft } from './schema-draft.ts'

export function databaseDefault (expression: string, type: TypeDraft, list: boolean): DefaultDraft | undefined {
  const text = expression.trim()
  const server: DefaultDraft = { type: 'database', sql: text }
  if (/^NULL(?:::.+)?$/i.test(text)) return undefined
  if (list) {
    const items = listLiteral(text)?.map((item) => valueOf(item, type))
    return items === undefined || items.includes(undefined) ? server : { type: 'value', value: items.filter((item) => item !== undefined) }
  }
  const word = type.type === 'word' ? type.word : 'enum'
  if (/^nextval\(.+\)$/i.test(text) && ['int', 'smallint', 'bigint'].includes(word)) {
    // The client cannot make an autoincrement of a smallint's sequence wrong: the server counts in all three.
    return { type: 'function', function: 'autoincrement' }
  }
  if (/^(?:now\(\)|CURRENT_TIMESTAMP(?:\(\d\))?|transaction_timestamp\(\))(?:::(?:timestamp|date)[\w() ]*)?$/i.test(text) && ['timestamp', 'timestamptz', 'date'].includes(word)) return { type: 'function', function: 'now' }
  const literal = scalarLiteral(text)
  const value = literal === undefined ? undefined : valueOf(literal, type)
  return value === undefined ? server : { type: 'value', value }
}

/** `'text'::type`, `42`, `'-1'::integer`, `(-1)`, `true` → the text between the quotes, or the word. */
function scalarLiteral (text: string): string | undefined {
  const quoted = /^'((?:[^']|'')*)'(?:::[\w". ]+(?:\([\d, ]+\))?)?$/.exec(text)
  if (quoted !== null) return (quoted[1] ?? '').replaceAll("''", "'")
  const bare = /^\(?(-?\s?[\d.]+(?:e[+-]?\d+)?|true|false)\)?(?:::[\w ]+(?:\([\d, ]+\))?)?$/i.exec(text)
  return bare?.[1]?.replaceAll(' ', '')
}

/** `'{a,b}'::text[]` and `ARRAY['a'::text, 'b'::text]`; anything with escapes or quotes inside stays an expression. */
function listLiteral (text: string): string[] | undefined {
  const braces = /^'\{([^"\\{}']*)\}'::[\w". ]+(?:\([\d, ]+\))?\[\]$/.exec(text)
  if (braces !== null) return braces[1] === undefined || braces[1] === '' ? [] : braces[1].split(',')
  const array = /^\(?ARRAY\[(.*?)\]\)?(?:::[\w". ]+(?:\([\d, ]+\))?\[\])?$/.exec(text)
  if (array === null) return undefined
  const inner = array[1] ?? ''
  if (inner === '') return []
  const items = inner.match(/(?:'(?:[^']|'')*'|[^',]+)+/g)?.map((item) => scalarLiteral(item.trim()))
  return items === undefined || items.includes(undefined) ? undefined : items.filter((item) => item !== undefined)
}

function valueOf (literal: string, type: TypeDraft): DefaultValue | undefined {
  if (type.type === 'enum') return type.of.labels.find(({ label }) => label === literal)?.name
  const number = Number(literal)
  switch (type.word) {
    case 'text':
    case 'varchar':
    case 'char':
    case 'uuid':
      return literal
    case 'int':
    case 'smallint':
      return Number.isInteger(number) && literal !== '' ? number : undefined
    case 'float':
    case 'real':
      return Number.isFinite(number) && literal !== '' ? number : undefined
    case 'bigint':
      return /^-?\d+$/.test(literal) ? BigInt(literal) : undefined
    case 'decimal':
      return /^-?[\d.]+$/.test(literal) ? literal : undefined
    case 'boolean':
      return ['true', 't'].includes(literal) ? true : ['false', 'f'].includes(literal) ? false : undefined
    case 'json':
      return jsonValue(literal)
    default:
      // Times, bytes and foreign types: their text needs the server to read it.
      return undefined
  }
}

function jsonValue (literal: string): DefaultValue | undefined {
  try {
    // JSON.parse gives nothing that the type does not name. A bare null is no default here: it could be either of two.
    const value = JSON.parse(literal) as DefaultValue
    return value === null ? undefined : value
  } catch {
    return undefined
  }
}
