// The official PostgreSQL images, replication included, through testcontainers. It runs where a container engine
// answers and is skipped with the reason elsewhere; the suite's other tests need no engine.

import { GenericContainer, getContainerRuntimeClient, Network, Wait, type StartedNetwork, type StartedTestContainer } from 'testcontainers'
import t from 'tap'
import { createClient } from '../../lib/index.ts'
import { waitFor } from '../../lib/testing/wait-for.ts'

const IMAGE = process.env['MULTI_REGION_POSTGRES_IMAGE'] ?? 'postgres:18'
const PORT = 5432

async function engineMissing (): Promise<string | false> {
  try {
    await getContainerRuntimeClient()
    return false
  } catch (error) {
    return `no container engine answers: ${error instanceof Error ? error.message.split('\n', 1)[0] : String(error)}`
  }
}

const ready = Wait.forLogMessage(/database system is ready to accept (read-only )?connections/)

async function startPrimary (network: StartedNetwork): Promise<StartedTestContainer> {
  return await new GenericContainer(IMAGE)
    .withNetwork(network)
    .withNetworkAliases('primary')
    .withEnvironment({ POSTGRES_HOST_AUTH_METHOD: 'trust', POSTGRES_DB: 'app' })
    .withCopyContentToContainer([{ content: 'echo "host replication all all trust" >> "$PGDATA/pg_hba.conf"\n', target: '/docker-entrypoint-initdb.d/replication.sh' }])
    .withExposedPorts(PORT)
    // The entrypoint starts the server twice: once to initialise, once to stay.
    .withWaitStrategy(Wait.forLogMessage(/database system is ready to accept connections/, 2))
    .start()
}

async function startStandby (network: StartedNetwork): Promise<StartedTestContainer> {
  return await new GenericContainer(IMAGE)
    .withNetwork(network)
    .withUser('postgres')
    .withEnvironment({ PGDATA: '/tmp/standby' })
    .withEntrypoint(['bash', '-c'])
    .withCommand(['pg_basebackup -h primary -U postgres -D "$PGDATA" -R -X stream -C -S standby && chmod 700 "$PGDATA" && exec postgres'])
    .withExposedPorts(PORT)
    .withWaitStrategy(ready)
    .start()
}

const urlOf = (container: StartedTestContainer): string => `postgres://postgres@${container.getHost()}:${container.getMappedPort(PORT)}/app`

await t.test(`a primary and a standby of ${IMAGE}`, { skip: await engineMissing(), timeout: 300_000 }, async (t) => {
  const network = await new Network().start()
  t.teardown(async () => { await network.stop() })
  const primary = await startPrimary(network)
  t.teardown(async () => { await primary.stop() })
  const standby = await startStandby(network)
  t.teardown(async () => { await standby.stop() })

  const db = createClient({ database: { primary: urlOf(primary), replica: urlOf(standby) }, region: 'nrt', primaryRegion: 'fra' })
  t.teardown(async () => { await db.$disconnect() })

  const isStandby = async (): Promise<boolean | undefined> => (await db.$queryRaw<{ standby: boolean }[]>`select pg_is_in_recovery() as standby`)[0]?.standby
  t.equal(await isStandby(), true, 'a read comes from the standby')

  await db.$executeRaw`create table notes (id serial primary key, body text not null)`
  await db.$executeRaw`insert into notes (body) values (${'first'})`
  const [note] = await db.$queryRaw<{ body: string }[]>`select body from notes`
  t.equal(note?.body, 'first', 'the client reads what it wrote, wherever the standby is')

  const refused = await db.$queryRaw<{ id: number }[]>`insert into notes (body) values (${'second'}) returning id`
  t.equal(refused.length, 1, 'a write that the standby refuses goes to the primary')

  await waitFor('reads to come home once the standby has caught up', async () => await isStandby() === true, { withinMs: 10_000 })
  const [count] = await db.$queryRaw<{ count: bigint }[]>`select count(*) as count from notes`
  t.equal(count?.count, 2n, 'both writes ran once')
})
