// The recipes in the order of the sidebar. A title is the first heading of its page.

import { readFileSync } from 'node:fs'

const GROUPS: Readonly<Record<string, readonly string[]>> = {
  'What a read sees': ['read-your-writes', 'fresh-reads', 'regional-caches', 'server-sent-events', 'remote-apply'],
  'Where a request runs': ['gets-that-write', 'side-effects', 'graphql', 'file-uploads', 'websockets', 'log-in', 'background-jobs', 'idempotency-keys'],
  'Choosing a region': ['sharding', 'latency-shedding', 'asking-for-a-region'],
  'Moving over': ['moving-from-prisma', 'moving-from-drizzle', 'moving-from-fastify-postgres', 'moving-from-a-method-rule'],
  'Running it': ['fly-cluster', 'running-off-fly', 'other-proxies', 'migrations', 'connection-limits', 'failover', 'observability', 'error-mapping', 'testing-your-app'],
}

export interface Recipe { readonly slug: string, readonly title: string }

export function readRecipes (): { readonly group: string, readonly recipes: readonly Recipe[] }[] {
  return Object.entries(GROUPS).map(([group, slugs]) => ({ group, recipes: slugs.map((slug) => ({ slug, title: titleOf(slug) })) }))
}

function titleOf (slug: string): string {
  const text = readFileSync(new URL(`../recipes/${slug}.md`, import.meta.url), 'utf8')
  const title = /^# (.+)$/m.exec(text)?.[1]
  if (title === undefined) throw new Error(`docs/recipes/${slug}.md has no title`)
  return title
}
