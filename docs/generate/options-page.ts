// reference/options.md: every option of the plugin, of `createClient`, and of a route.

import { code, page, prose, table } from './markdown.ts'
import type { Member, Sources } from './sources.ts'

const OPTIONS = 'lib/core/options.ts'
const TOKEN = 'lib/core/token-option.ts'

/** What a doc comment does not repeat of the group that it heads. */
const GROUPS: Readonly<Record<string, string>> = {
  pool: 'Connections: see [pool](#pool).',
  retries: 'What the client tries again by itself: see [retries](#retries).',
  health: 'The monitor and the breaker: see [health](#health).',
  token: 'Opts in to session consistency: see [token](#token).',
  consistency: 'What a read must see: see [consistency models](../explanation/consistency).',
  replay: 'How a replay is asked for. An object is a transport of your own: see [other proxies](../recipes/other-proxies).',
  routes: 'Route config for routes that a plugin declares: see [route config](#route-config).',
  whenPrimaryIsDown: '`fail`: 503. `stale`: a read that may be stale, marked by the header `multi-region-stale`.',
  cookie: 'Cookie transport, or `false`: see [token.cookie](#token-cookie).',
  serverTiming: 'The response header `server-timing`: region, decision and time in the database.',
  'token.wait': 'The option `token.wait`, for this route.',
  'cookie.name': 'The name of the cookie.',
  'cookie.path': 'Its path.',
  'cookie.domain': 'Its domain.',
  'cookie.sameSite': 'Its `SameSite`.',
}
const COOKIE_DEFAULTS: Readonly<Record<string, string>> = { name: '\'multi-region\'', path: '\'/\'', sameSite: '\'lax\'', secure: '\'auto\'' }

export function optionsPage (sources: Sources): string {
  const client = sources.members(OPTIONS, 'ClientOptions')
  const plugin = sources.members(OPTIONS, 'PluginOptions').filter((member) => !client.some((known) => known.name === member.name))
  const route = sources.members(OPTIONS, 'RouteConfig')
  const routeNames = new Set(route.map((member) => member.name))
  const row = (where: string) => (member: Member): string[] => [
    code(member.name),
    code(member.type.replaceAll('readonly ', '')),
    member.defaultValue === undefined ? '' : defaultText(member.defaultValue),
    ...where === '' ? [] : [where + (routeNames.has(member.name) ? ' R' : '')],
    meaning(member),
  ]
  const nested = (interfaceName: string, file = OPTIONS): string => table(['Option', 'Type', 'Default', 'Meaning'], sources.members(file, interfaceName).map(row('')))
  return page('Options', [
    'Durations are milliseconds, sizes are bytes. Unknown keys are errors that name the nearest one; all problems are reported in one error.',
    'Where: **P** the plugin, **C** also `createClient`, **R** also a route\'s `config.multiRegion` and an entry of `routes`.',
    '## Plugin and client',
    table(['Option', 'Type', 'Default', 'Where', 'Meaning'], [...client.map(row('P C')), ...plugin.map(row('P'))]),
    '## database',
    table(['Field', 'Type', 'Meaning'], sources.members('lib/core/database-option.ts', 'DatabaseInput').map((member) => [code(member.name), code(member.type), meaning(member)])),
    'An endpoint is a URL (`postgres://` or `postgresql://`) or an object:',
    table(['Field', 'Type', 'Meaning'], sources.members('lib/core/endpoint.ts', 'ConnectionOptions').map((member) => [code(member.name), code(member.type.replaceAll('readonly ', '')), meaning(member)])),
    '## pool', nested('PoolOptions'),
    '## retries', nested('RetryOptions'),
    '## health', nested('HealthOptions'),
    '## token', nested('TokenOptions', TOKEN),
    '## token.cookie',
    table(['Option', 'Type', 'Default', 'Meaning'], sources.members(TOKEN, 'CookieOptions').map((member) => [
      code(member.name), code(member.type), code(COOKIE_DEFAULTS[member.name] ?? ''), member.summary === '' ? GROUPS[`cookie.${member.name}`] ?? '' : prose(member.summary),
    ])),
    '## Route config',
    '`config: { multiRegion: … }` of a route, or `false`: the route is never replayed.',
    table(['Option', 'Type', 'Default', 'Meaning'], route.map((member) => [
      code(member.name), code(member.type.replaceAll('readonly ', '')), member.defaultValue === undefined ? 'the plugin\'s' : defaultText(member.defaultValue),
      member.name === 'token' ? GROUPS['token.wait'] ?? '' : meaning(member.summary === '' ? sources.members(OPTIONS, 'ClientOptions').find((known) => known.name === member.name && known.summary !== '') ?? member : member),
    ])),
    'An entry of `routes` also has:',
    table(['Field', 'Type', 'Default'], sources.members(OPTIONS, 'ForeignRoute').map((member) => [code(member.name), code(member.type.replaceAll('readonly ', '')), prose(member.defaultValue ?? '')])),
    '## Environment',
    table(['Variable', 'Stands for'], [
      ['`DATABASE_URL`', '`database.primary`. On Fly\'s private network the replica follows from the host\'s name: `<region>.<app>.internal:5433`.'],
      ['`DATABASE_REPLICA_URL`', '`database.replica`'],
      ['`FLY_REGION`', '`region`; its presence turns `replay: \'auto\'` into `\'fly\'`'],
      ['`PRIMARY_REGION`', '`primaryRegion`'],
      ['`NODE_ENV`', '`production` turns `hints: \'auto\'` off'],
    ]),
    'An option that is given wins over the variable.',
  ])
}

const meaning = (member: Member): string => [GROUPS[member.name] !== undefined && member.summary === '' ? GROUPS[member.name] : prose(member.summary), member.name in GROUPS && member.summary !== '' && /see \[/.test(GROUPS[member.name] ?? '') ? GROUPS[member.name]?.replace(/^.*?[:.] see/, 'See') : ''].filter(Boolean).join(' ')

/** Values in code, sentences as text. */
const defaultText = (text: string): string => /^(?:'[^']*'|[\d/ ]+|true|false)$/.test(text) ? code(text) : prose(text)
