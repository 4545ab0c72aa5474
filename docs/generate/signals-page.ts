// reference/channels.md, reference/headers.md, reference/metrics.md: what the package says to the outside.

import { METRICS } from '../../lib/fastify/metrics.ts'
import { code, page, prose, table } from './markdown.ts'
import type { Sources } from './sources.ts'

const DIAGNOSTICS = 'lib/core/diagnostics.ts'

/** When each channel speaks. A channel without an entry fails the generator. */
const CHANNELS: Readonly<Record<string, string>> = {
  'request:decided': 'A replay was considered: it was asked for, or the request stays.',
  'request:replayed': 'A request was answered with a replay.',
  'query:routed': 'A statement was sent to a server and answered.',
  'query:failed': 'A statement failed.',
  'token:stamped': 'A response carries a new token.',
  'token:awaited': 'A request waited for the replica.',
  'token:rejected': 'A token was not taken.',
  'endpoint:health': 'A server went up or down, or its breaker changed.',
  'endpoint:role': 'A server changed its role.',
  'fallback:used': 'A write went straight to the primary because its request could not be replayed.',
  'capture:late': 'A write was met after other statements: what ran before it runs again.',
  'pool:saturated': 'A statement found its queue full, or waited too long.',
}

export function channelNames (sources: Sources): string[] {
  return sources.members(DIAGNOSTICS, 'Messages').map((member) => member.name.replaceAll('\'', ''))
}

export function channelsPage (sources: Sources): string {
  const sections = sources.members(DIAGNOSTICS, 'Messages').flatMap((member) => {
    const name = member.name.replaceAll('\'', '')
    const when = CHANNELS[name]
    if (when === undefined) throw new Error(`docs/generate/signals-page.ts says nothing of the channel ${name}`)
    const fields = sources.members(DIAGNOSTICS, member.type)
    return [`## ${name}`, when, table(['Field', 'Type', 'Meaning'], fields.map((field) => [code(field.name), code(field.type), prose(field.summary)]))]
  })
  return page('Channels', [
    'Messages of `node:diagnostics_channel`, named `fastify-multi-region:` and the word below. Every message also has `database` (the registration\'s name) and `region`. No message holds SQL, a value, a host or a password; none is built while nobody subscribes. Adding a field is minor, removing one is major.',
    ...sections,
  ])
}

const HEADERS: Readonly<Record<string, readonly [direction: string, text: string]>> = {
  'multi-region-token': ['both', 'The session\'s token, for clients without cookies. The name is the option `token.header`.'],
  'multi-region-stale': ['response', 'Milliseconds by which the answer may be stale: a read that ran here because the primary is down and the route allows it (`whenPrimaryIsDown: \'stale\'`).'],
  'server-timing': ['response', '`region`, `decision` and `db` (milliseconds in the database), with the option `serverTiming`.'],
  'retry-after': ['response', 'On each 503 of the package.'],
  'cache-control': ['response', '`no-store` on a replay\'s answer; `private` on one that carries a token.'],
  'fly-replay': ['response', 'Asks the edge to run the request elsewhere. No client sees it.'],
  'fly-replay-src': ['request', 'Where a replayed request came from, and our marker. Senders can forge it.'],
  'fly-replay-failed': ['request', 'A replay of this request has failed: it is not asked for again.'],
  'fly-forwarded-port': ['request', 'Present when a request came through Fly\'s proxy; without it nothing is replayed.'],
}
/** Spoken by the testing kit's edge alone. */
const OF_THE_KIT = (paths: readonly string[]): boolean => paths.every((path) => path.startsWith('lib/testing/') || path.startsWith('lib/demo/') || path.startsWith('lib/cli/'))

export function headerNames (sources: Sources): string[] {
  const found = sources.literals(/^(?:fly-[a-z-]+|multi-region-[a-z]+|server-timing|retry-after|cache-control)$/)
  return [...found].filter(([, paths]) => !OF_THE_KIT(paths)).map(([name]) => name)
}

export function headersPage (sources: Sources): string {
  const names = [...new Set(['multi-region-token', 'multi-region-stale', ...headerNames(sources)])]
  return page('Headers', [
    'Names that other proxies use are the business of a [transport](../recipes/other-proxies).',
    table(['Header', 'Of', 'Meaning'], names.map((name) => {
      const entry = HEADERS[name]
      if (entry === undefined) throw new Error(`docs/generate/signals-page.ts says nothing of the header ${name}`)
      return [code(name), entry[0], prose(entry[1])]
    })),
    '## The cookie', 'With the option `token`: name `multi-region`, `Path=/; HttpOnly; SameSite=Lax`, `Secure` by the request\'s protocol; all of them are options. Sealed: a client cannot read or change it.',
  ])
}

export function metricsPage (): string {
  return page('Metrics', [
    'With the option `metrics`, in a registry of prom-client, which the app installs. Every metric has the label `database`; `reason` is a word of the [closed sets](./reasons); `route` is a pattern, never a URL.',
    table(['Metric', 'Type', 'Labels', 'Meaning'], Object.entries(METRICS).map(([name, metric]) => [code(`multi_region_${name}`), metric.type, metric.labels.map(code).join(' '), `${prose(metric.help)}.`])),
  ])
}
