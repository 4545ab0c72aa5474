import t from 'tap'
import { databaseDefault } from '../../lib/cli/database-default.ts'
import { uncommented } from '../../lib/cli/schema-draft.ts'
import type { DefaultDraft, DefaultValue, TypeDraft } from '../../lib/cli/schema-draft.ts'

const word = (name: string): TypeDraft => ({ type: 'word', word: name, args: [] })
const role: TypeDraft = { type: 'enum', of: { ...uncommented(), name: 'Role', pgName: 'role', labels: [{ name: 'BOSS', label: 'the boss', doc: [] }] } }
const value = (value: DefaultValue): DefaultDraft => ({ type: 'value', value })
const server = (sql: string): DefaultDraft => ({ type: 'database', sql })

for (const { name, sql, type, list = false, expect } of [
  { name: 'a whole number', sql: '42', type: word('int'), expect: value(42) },
  { name: 'a negative number, as PostgreSQL quotes it', sql: "'-1'::integer", type: word('int'), expect: value(-1) },
  { name: 'a negative number in parentheses', sql: '(- 5)', type: word('int'), expect: value(-5) },
  { name: 'a bigint beyond a double', sql: "'9007199254740993'::bigint", type: word('bigint'), expect: value(9007199254740993n) },
  { name: 'a decimal keeps its digits', sql: '1.50', type: word('decimal'), expect: value('1.50') },
  { name: 'a float with an exponent', sql: "'1e-7'::double precision", type: word('float'), expect: value(1e-7) },
  { name: 'a float that is no number stays with the server', sql: "'NaN'::double precision", type: word('float'), expect: server("'NaN'::double precision") },
  { name: 'a truth value', sql: 'true', type: word('boolean'), expect: value(true) },
  { name: 'text with a quote', sql: "'it''s'::text", type: word('text'), expect: value("it's") },
  { name: 'text that looks like a call', sql: "'now()'::text", type: word('text'), expect: value('now()') },
  { name: 'varchar with its length', sql: "'x'::character varying(3)", type: word('varchar'), expect: value('x') },
  { name: 'the empty text', sql: "''::text", type: word('text'), expect: value('') },
  { name: 'two literals joined stay with the server', sql: "('a'::text || 'b'::text)", type: word('text'), expect: server("('a'::text || 'b'::text)") },
  { name: 'an enum by its name here', sql: "'the boss'::public.\"Role\"", type: role, expect: value('BOSS') },
  { name: 'a label that is not known stays with the server', sql: "'x'::role", type: role, expect: server("'x'::role") },
  { name: 'NULL is no default', sql: 'NULL::character varying', type: word('text'), expect: undefined },
  { name: 'a sequence', sql: "nextval('a_id_seq'::regclass)", type: word('int'), expect: { type: 'function', function: 'autoincrement' } as const },
  { name: 'a sequence in a text stays with the server', sql: "nextval('a_id_seq'::regclass)", type: word('text'), expect: server("nextval('a_id_seq'::regclass)") },
  { name: 'the clock', sql: 'CURRENT_TIMESTAMP', type: word('timestamptz'), expect: { type: 'function', function: 'now' } as const },
  { name: 'the clock with a precision', sql: 'CURRENT_TIMESTAMP(3)', type: word('timestamp'), expect: { type: 'function', function: 'now' } as const },
  { name: 'the clock as text stays with the server', sql: 'now()', type: word('text'), expect: server('now()') },
  { name: 'a moment later than now stays with the server', sql: "(now() + '01:00:00'::interval)", type: word('timestamp'), expect: server("(now() + '01:00:00'::interval)") },
  { name: 'a uuid of the server stays with it', sql: 'gen_random_uuid()', type: word('uuid'), expect: server('gen_random_uuid()') },
  { name: 'a JSON object', sql: "'{\"a\": [1, null]}'::jsonb", type: word('json'), expect: value({ a: [1, null] }) },
  { name: 'a JSON null stays with the server, being one of two nulls', sql: "'null'::jsonb", type: word('json'), expect: server("'null'::jsonb") },
  { name: 'an empty list', sql: "'{}'::text[]", type: word('text'), list: true, expect: value([]) },
  { name: 'a list in braces', sql: "'{1,2}'::integer[]", type: word('int'), list: true, expect: value([1, 2]) },
  { name: 'a list by constructor', sql: "ARRAY['a'::text, 'b, c'::text]", type: word('text'), list: true, expect: value(['a', 'b, c']) },
  { name: 'an empty list by constructor', sql: 'ARRAY[]::text[]', type: word('text'), list: true, expect: value([]) },
  { name: 'a list by constructor with a cast', sql: "(ARRAY['a]'::text, 'b'::text])::character varying(3)[]", type: word('varchar'), list: true, expect: value(['a]', 'b']) },
  { name: 'a list of enums', sql: "ARRAY['the boss'::role]", type: role, list: true, expect: value(['BOSS']) },
  { name: 'a list of lists stays with the server', sql: "'{{1},{2}}'::integer[]", type: word('int'), list: true, expect: server("'{{1},{2}}'::integer[]") },
  { name: 'a list with quoted items stays with the server', sql: "'{\"a b\"}'::text[]", type: word('text'), list: true, expect: server("'{\"a b\"}'::text[]") },
  { name: 'a list with a NULL stays with the server', sql: "'{1,NULL}'::integer[]", type: word('int'), list: true, expect: server("'{1,NULL}'::integer[]") },
  { name: 'a date literal stays with the server', sql: "'2024-01-01'::date", type: word('date'), expect: server("'2024-01-01'::date") },
] satisfies readonly { name: string, sql: string, type: TypeDraft, list?: boolean, expect: DefaultDraft | undefined }[]) {
  await t.test(name, async (t) => { t.strictSame(databaseDefault(sql, type, list), expect) })
}
