// A parameter of raw SQL in PostgreSQL's text form. Its type is left to the server, which takes it from the
// context (`where id = $1`) or from a cast (`$1::jsonb`); the value decides the form alone, as in Prisma.

import { Decimal } from 'decimal.js'
import { QueryInvalidError } from '../core/errors.ts'

type Path = readonly (string | number)[]

export function encodeRawParameter (value: unknown, path: Path): string | null {
  if (value === null || value === undefined) return null
  switch (typeof value) {
    case 'string': return encodeText(value, path)
    case 'number': return String(value)
    case 'bigint': return value.toString()
    case 'boolean': return value ? 'true' : 'false'
    case 'object': return encodeObject(value, path)
    default: throw new QueryInvalidError('A value of this type cannot be a parameter', { path, received: typeof value })
  }
}

function encodeObject (value: object, path: Path): string {
  if (Array.isArray(value)) return encodeArray(value, path)
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw new QueryInvalidError('The date is invalid', { path, received: 'Date' })
    return value.toISOString()
  }
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}`
  if (Decimal.isDecimal(value)) return (value as Decimal).toFixed()
  return encodeJson(value, path)
}

/** PostgreSQL stores no NUL in text; refused here, where the path is known. */
function encodeText (value: string, path: Path): string {
  if (value.includes('\u0000')) throw new QueryInvalidError('Text must not contain a NUL character', { path, received: 'string' })
  return value
}

function encodeJson (value: object, path: Path): string {
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch {
    // Cyclic, a bigint inside, or a throwing toJSON.
    throw new QueryInvalidError('The object cannot be written as JSON', { path, received: 'object' })
  }
  if (text === undefined) throw new QueryInvalidError('The object cannot be written as JSON', { path, received: 'object' })
  return text
}

/** An array literal; elements are quoted, so that `null`, commas, braces and empty strings are themselves. */
function encodeArray (values: readonly unknown[], path: Path, ancestors: readonly unknown[] = []): string {
  if (ancestors.includes(values)) throw new QueryInvalidError('The list contains itself', { path, received: 'list' })
  let text = '{'
  for (let i = 0; i < values.length; i++) {
    if (i > 0) text += ','
    const value = values[i]
    if (Array.isArray(value)) {
      text += encodeArray(value, [...path, i], [...ancestors, values])
    } else {
      const element = encodeRawParameter(value, [...path, i])
      text += element === null ? 'NULL' : `"${element.replace(/[\\"]/g, '\\$&')}"`
    }
  }
  return `${text}}`
}
