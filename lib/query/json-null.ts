// The three nulls of JSON columns. `null` alone would not say whether SQL's NULL or JSON's null is meant.

import type { JsonNullOf } from '../schema/json.ts'

class JsonNullValue<Name extends 'DbNull' | 'JsonNull' | 'AnyNull'> implements JsonNullOf<Name> {
  readonly jsonNull: Name

  constructor (name: Name) {
    this.jsonNull = name
    Object.freeze(this)
  }

  /** A null that went through JSON by mistake stays null. */
  toJSON (): null { return null }
}

/** SQL's NULL: the column has no value. */
export const DbNull: JsonNullOf<'DbNull'> = new JsonNullValue('DbNull')
/** JSON's `null`: the column has a value, which is `null`. */
export const JsonNull: JsonNullOf<'JsonNull'> = new JsonNullValue('JsonNull')
/** Either of the two; for filters only. */
export const AnyNull: JsonNullOf<'AnyNull'> = new JsonNullValue('AnyNull')

/** Which of the three nulls a value is, if any. */
export const jsonNullOf = (value: unknown): 'DbNull' | 'JsonNull' | 'AnyNull' | undefined => value instanceof JsonNullValue ? value.jsonNull : undefined
