// Package entry `fastify-multi-region/schema`: the words in which a schema is written.

export { autoincrement, cuid, dbgenerated, now, uuid } from './default.ts'
export { defineSchema } from './define-schema.ts'
export { enumType, type EnumOf } from './enum-type.ts'
export type { InputJsonValue, JsonValue } from './json.ts'
export { model } from './model.ts'
export { belongsTo, hasMany, hasOne, manyToMany } from './relation.ts'
export { t } from './t.ts'
