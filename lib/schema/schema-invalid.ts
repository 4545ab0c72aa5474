// What the builder functions throw, and the checks of names that they share.

import { SchemaInvalidError } from '../core/errors.ts'

export const schemaInvalid = (problem: string): Error => new SchemaInvalidError(problem)

/** Names that mean something else in arguments and results, or on a promise. */
const RESERVED = new Set(['AND', 'OR', 'NOT', 'is', 'isNot', '_all', '_count', '_sum', '_avg', '_min', '_max', 'then', 'catch', 'finally', 'constructor', 'prototype', '__proto__'])

/** Identifiers only: field names are keys of argument objects, and readable in every message. */
const FIELD_NAME = /^[\p{L}_][\p{L}\p{N}_]*$/u

export function requireFieldName (name: unknown, what: string): string {
  if (typeof name !== 'string' || !FIELD_NAME.test(name)) throw schemaInvalid(`${what} must be an identifier, not ${JSON.stringify(name) ?? typeof name}; use map() for the name in the database`)
  if (RESERVED.has(name)) throw schemaInvalid(`${what} cannot be \`${name}\`, which means something else in a query; use map() for the name in the database`)
  return name
}

/** PostgreSQL takes any characters but NUL in a quoted name. */
export function requireDatabaseName (name: unknown, what: string): string {
  if (typeof name !== 'string' || name === '' || name.includes('\0')) throw schemaInvalid(`${what} must be text that is not empty, not ${JSON.stringify(name) ?? typeof name}`)
  return name
}
