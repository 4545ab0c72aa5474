// What JSON columns give and take, and the three nulls that JSON in a database has.

/** What a JSON column gives. */
export type JsonValue = string | number | boolean | null | JsonObject | JsonArray
export interface JsonObject { [key: string]: JsonValue }
export interface JsonArray extends Array<JsonValue> {}

/** What a JSON column takes: `null` inside a value is JSON's; at the top say which null is meant (`DbNull`, `JsonNull`). */
export type InputJsonValue = string | number | boolean | InputJsonObject | InputJsonArray | { toJSON (): unknown }
export interface InputJsonObject { readonly [key: string]: InputJsonValue | null | undefined }
export interface InputJsonArray extends ReadonlyArray<InputJsonValue | null> {}

/** The type of a JSON null; the three values are in `lib/query/json-null.ts`. */
export interface JsonNullOf<Name extends 'DbNull' | 'JsonNull' | 'AnyNull'> {
  /** Which of the three nulls it is. */
  readonly jsonNull: Name
}
