// The type of a reference to a field, for comparing two columns of a row: `where: { karma: { gt: db.user.fields.id } }`.
// The value is made by `lib/query/field-reference.ts`.

/** What fields must share to be compared with each other: `date` and `timestamp` may be, `int` and `bigint` may not, as in Prisma. */
export interface ComparableKind<T> {
  int: 'int'
  bigint: 'bigint'
  float: 'float'
  decimal: 'decimal'
  text: 'text'
  bool: 'bool'
  bytes: 'bytes'
  uuid: 'uuid'
  json: 'json'
  date: 'timestamp'
  time: 'time'
  timestamp: 'timestamp'
  enum: T
  other: T
}

/** A field of a model, as `db.<model>.fields.<field>` gives it; `List` is `'list'` for a field that is a list. */
export interface FieldReference<Comparable = unknown, List extends 'list' | 'single' = 'single'> {
  readonly modelName: string
  readonly name: string
  /** Exists in types alone. */
  readonly '~reference': [Comparable, List]
}
