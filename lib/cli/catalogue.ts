// What a database says about itself, read in one statement from pg_catalog: it needs no privilege on the tables (information_schema shows only what one may touch), writes nothing, and is the same on a standby.

export interface Catalogue {
  readonly currentSchema: string | null
  readonly schemas: readonly string[]
  readonly tables: readonly CatalogueTable[]
  readonly columns: readonly CatalogueColumn[]
  readonly types: readonly CatalogueType[]
  readonly indexes: readonly CatalogueIndex[]
  readonly foreignKeys: readonly CatalogueForeignKey[]
  readonly constraints: readonly CatalogueConstraint[]
}

export interface CatalogueTable {
  readonly oid: string
  readonly schema: string
  readonly name: string
  /** pg_class.relkind: r table, p partitioned table, v view, m materialized view, f foreign table. */
  readonly kind: 'r' | 'p' | 'v' | 'm' | 'f'
  readonly rowSecurity: boolean
  readonly comment: string | null
  readonly parents: readonly string[] | null
}

export interface CatalogueColumn {
  readonly table: string
  readonly number: number
  readonly name: string
  readonly notNull: boolean
  readonly dimensions: number
  /** pg_attribute.attidentity: a always, d by default, or empty. */
  readonly identity: string
  /** pg_attribute.attgenerated: s stored, v virtual, or empty. */
  readonly generated: string
  readonly default: string | null
  readonly comment: string | null
  readonly typeOid: string
  /** As format_type() writes it. */
  readonly type: string
}

/** A type that a column uses, and every enum of the schemas. */
export interface CatalogueType {
  readonly oid: string
  readonly schema: string
  readonly name: string
  /** pg_type.typtype: b base, c composite, d domain, e enum, r range … */
  readonly kind: string
  /** Of an array. */
  readonly element: string | null
  /** Of a domain. */
  readonly base: string | null
  readonly baseType: string | null
  readonly notNull: boolean
  readonly default: string | null
  readonly labels: readonly string[] | null
  readonly comment: string | null
}

export interface CatalogueIndex {
  readonly table: string
  readonly name: string
  readonly unique: boolean
  readonly primary: boolean
  readonly exclusion: boolean
  readonly valid: boolean
  /** Checked with each row, not at the end of the transaction. */
  readonly immediate: boolean
  /** Column numbers, 0 for an expression. */
  readonly columns: readonly number[]
  readonly predicate: string | null
  readonly method: string
  readonly definition: string
}

export interface CatalogueForeignKey {
  readonly table: string
  readonly name: string
  readonly columns: readonly number[]
  readonly target: string
  readonly targetName: string
  readonly targetColumns: readonly number[]
  /** pg_constraint.confdeltype: a no action, r restrict, c cascade, n set null, d set default. */
  readonly onDelete: string
  readonly onUpdate: string
}

export interface CatalogueConstraint {
  readonly table: string
  readonly name: string
  readonly type: 'c' | 'x'
  readonly definition: string
}

/** `$1`: the schemas, or null for the connection's own. Answers one row with one JSON text. */
export const catalogueQuery = `
with recursive picked as (
  select c.oid, n.nspname, c.relname, c.relkind, c.relrowsecurity
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where n.nspname = any (coalesce($1::text[], array[pg_catalog.current_schema()::text]))
    and c.relkind in ('r', 'p', 'v', 'm', 'f')
    and not c.relispartition
    and not exists (select from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
), attribute as (
  select a.* from pg_catalog.pg_attribute a join picked on picked.oid = a.attrelid where a.attnum > 0 and not a.attisdropped
), used (oid) as (
  select atttypid from attribute
  union
  select t.oid from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace
  where t.typtype = 'e' and n.nspname = any (coalesce($1::text[], array[pg_catalog.current_schema()::text]))
  union
  select case when t.typtype = 'd' then t.typbasetype else t.typelem end
  from used join pg_catalog.pg_type t on t.oid = used.oid
  where t.typtype = 'd' or (t.typcategory = 'A' and t.typelem <> 0)
)
select json_build_object(
  'currentSchema', pg_catalog.current_schema(),
  'schemas', (select json_agg(nspname order by nspname) from pg_catalog.pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'),
  'tables', coalesce((
    select json_agg(json_build_object('oid', oid::text, 'schema', nspname, 'name', relname, 'kind', relkind::text, 'rowSecurity', relrowsecurity,
      'comment', obj_description(oid, 'pg_class'),
      'parents', (select json_agg(i.inhparent::regclass::text) from pg_catalog.pg_inherits i where i.inhrelid = picked.oid))
      order by nspname collate "C", relname collate "C")
    from picked), '[]'),
  'columns', coalesce((
    select json_agg(json_build_object('table', a.attrelid::text, 'number', a.attnum, 'name', a.attname, 'notNull', a.attnotnull, 'dimensions', a.attndims,
      'identity', a.attidentity::text, 'generated', a.attgenerated::text, 'default', pg_get_expr(d.adbin, d.adrelid),
      'comment', col_description(a.attrelid, a.attnum), 'typeOid', a.atttypid::text, 'type', format_type(a.atttypid, a.atttypmod))
      order by a.attrelid, a.attnum)
    from attribute a left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum), '[]'),
  'types', coalesce((
    select json_agg(json_build_object('oid', t.oid::text, 'schema', n.nspname, 'name', t.typname, 'kind', t.typtype::text,
      'element', case when t.typcategory = 'A' and t.typelem <> 0 then t.typelem::text end,
      'base', case when t.typtype = 'd' then t.typbasetype::text end,
      'baseType', case when t.typtype = 'd' then format_type(t.typbasetype, t.typtypmod) end,
      'notNull', t.typnotnull, 'default', t.typdefault, 'comment', obj_description(t.oid, 'pg_type'),
      'labels', (select json_agg(e.enumlabel order by e.enumsortorder) from pg_catalog.pg_enum e where e.enumtypid = t.oid))
      order by n.nspname collate "C", t.typname collate "C")
    from used join pg_catalog.pg_type t on t.oid = used.oid join pg_catalog.pg_namespace n on n.oid = t.typnamespace), '[]'),
  'indexes', coalesce((
    select json_agg(json_build_object('table', i.indrelid::text, 'name', c.relname, 'unique', i.indisunique, 'primary', i.indisprimary,
      'exclusion', i.indisexclusion, 'valid', i.indisvalid, 'immediate', i.indimmediate,
      'columns', (string_to_array(i.indkey::text, ' '))[1:i.indnkeyatts]::int[], 'predicate', pg_get_expr(i.indpred, i.indrelid),
      'method', m.amname, 'definition', pg_get_indexdef(i.indexrelid))
      order by i.indrelid, i.indisprimary desc, c.relname collate "C")
    from pg_catalog.pg_index i
    join picked on picked.oid = i.indrelid
    join pg_catalog.pg_class c on c.oid = i.indexrelid
    join pg_catalog.pg_am m on m.oid = c.relam), '[]'),
  'foreignKeys', coalesce((
    select json_agg(json_build_object('table', k.conrelid::text, 'name', k.conname, 'columns', k.conkey, 'target', k.confrelid::text,
      'targetName', k.confrelid::regclass::text, 'targetColumns', k.confkey, 'onDelete', k.confdeltype::text, 'onUpdate', k.confupdtype::text)
      order by k.conrelid, k.conkey, k.conname collate "C")
    from pg_catalog.pg_constraint k join picked on picked.oid = k.conrelid
    where k.contype = 'f' and k.conparentid = 0), '[]'),
  'constraints', coalesce((
    select json_agg(json_build_object('table', k.conrelid::text, 'name', k.conname, 'type', k.contype::text, 'definition', pg_get_constraintdef(k.oid))
      order by k.conrelid, k.conname collate "C")
    from pg_catalog.pg_constraint k join picked on picked.oid = k.conrelid
    where k.contype in ('c', 'x')), '[]')
)::text`
