// Migrations run once, on the primary, before the new version starts: `node migrations.js` as the release command.

import { argv } from 'node:process'
import { pathToFileURL } from 'node:url'
import { createClient } from 'fastify-multi-region'

// #region steps
// Each step leaves both versions of the app able to run: add first, remove in a later release.
const steps = [
  'create table if not exists notices (id serial primary key, text text not null)',
  'alter table notices add column if not exists urgent boolean not null default false',
]
// #endregion steps

// #region migrate
export async function migrate (): Promise<number> {
  const db = createClient() // raw SQL is all it needs
  try {
    return await db.$transaction(async (tx) => {
      // Two deploys at once: the second waits here, and finds nothing to do. The lock ends with the transaction.
      await tx.$executeRaw`select pg_advisory_xact_lock(20261121)`
      await tx.$executeRaw`create table if not exists migrations (step int primary key, at timestamptz not null default now())`
      const [{ done } = { done: 0 }] = await tx.$queryRaw<{ done: number }[]>`select count(*)::int as done from migrations`
      for (const [index, text] of steps.entries()) {
        if (index < done) continue
        await tx.$executeRawUnsafe(text)
        await tx.$executeRaw`insert into migrations (step) values (${index})`
      }
      return steps.length - done
    }, { timeout: 10 * 60_000, maxWait: 60_000 })
  } finally {
    await db.$disconnect()
  }
}
// #endregion migrate

if (import.meta.url === pathToFileURL(argv[1] ?? '').href) console.log(`${await migrate()} steps were new`)
