// The run-time side of a schema: what the builder functions leave behind, as plain readonly data.
// The types that they carry are phantom (`~out` and its like); these are the values that the query layer resolves.

export type Kind = 'int' | 'bigint' | 'float' | 'decimal' | 'text' | 'bool' | 'bytes' | 'uuid' | 'json' | 'date' | 'time' | 'timestamp' | 'enum' | 'other'

export type DefaultFunction = 'now' | 'uuid' | 'cuid' | 'autoincrement'

/** `value`: sent by the client where the caller gave none. `function`: `now`, `uuid` and `cuid` are made by the client; `autoincrement` by the server. `database`: the server's own expression. */
export type ColumnDefault =
  | { readonly type: 'value', readonly value: unknown }
  | { readonly type: 'function', readonly function: DefaultFunction }
  | { readonly type: 'database', readonly sql: string }

export interface EnumDefinition {
  /** PostgreSQL's name of the type. */
  readonly name: string
  readonly schema?: string | undefined
  /** TypeScript name → PostgreSQL label. */
  readonly labels: Readonly<Record<string, string>>
}

export interface ColumnDefinition {
  readonly kind: Kind
  /** As written in DDL, without `[]`: `integer`, `smallint`, `varchar(320)`, `timestamp(3)`, `timestamptz(3)`, `jsonb`, `json`, `inet`, … */
  readonly pgType: string
  readonly list: boolean
  readonly optional: boolean
  readonly id: boolean
  readonly unique: boolean
  readonly updatedAt: boolean
  readonly default?: ColumnDefault | undefined
  /** The column's name in the database, where it differs from the field's. */
  readonly mappedName?: string | undefined
  readonly enum?: EnumDefinition | undefined
}

export type ReferentialAction = 'cascade' | 'restrict' | 'set-null' | 'set-default' | 'no-action'

export type RelationDefinition =
  | { readonly type: 'belongs-to', readonly target: string, readonly fields: readonly string[], readonly references?: readonly string[] | undefined, readonly onDelete?: ReferentialAction | undefined, readonly onUpdate?: ReferentialAction | undefined }
  | { readonly type: 'has-one' | 'has-many', readonly target: string, readonly inverse: string }
  /** `through`: the join table's name, default `_AToB` with the models' names in alphabetical order; its columns are `A` and `B`. `side`: which of them holds this model's id; default by the same order (for a self relation: the field whose name comes first is `A`). */
  | { readonly type: 'many-to-many', readonly target: string, readonly inverse: string, readonly through?: string | undefined, readonly side?: 'A' | 'B' | undefined }

export interface ModelDefinition {
  readonly table: string
  readonly schema?: string | undefined
  readonly columns: Readonly<Record<string, ColumnDefinition>>
  readonly relations: Readonly<Record<string, RelationDefinition>>
  /** Composite keys by the name that `where` uses: `{ orgId_userId: ['orgId', 'userId'] }`. */
  readonly id?: { readonly name: string, readonly fields: readonly string[] } | undefined
  readonly uniques: readonly { readonly name: string, readonly fields: readonly string[] }[]
  readonly indexes: readonly (readonly string[])[]
}

/** Every value exported by the builders carries its definition under this key, and no other enumerable property. */
export const definition: unique symbol = Symbol.for('fastify-multi-region.definition')
