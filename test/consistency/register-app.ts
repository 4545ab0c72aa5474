// The app that the checker drives: registers with a version each, read and written in every way that an app has.
// Nothing here knows of consistency beyond the routes' config.

import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import multiRegion, { type PluginOptions } from '../../lib/index.ts'
import { model, t } from '../../lib/schema/index.ts'
import type { Consistency } from './history.ts'

/**
 * A trigger fills in where and when a row was written, so that every way of writing tells the same: the timeline,
 * and a position of the log from before the commit. `written` keeps every write that was committed.
 */
export const REGISTER_TABLES = `
  create table register (key text primary key, version int not null, writer text not null, timeline int not null default 1, lsn text not null default '0/0');
  create table written (writer text not null, key text not null, version int not null, timeline int not null);
  create function note_place() returns trigger language plpgsql as $$
    begin
      new.lsn := pg_current_wal_insert_lsn()::text;
      new.timeline := ('x' || substr(pg_walfile_name(new.lsn::pg_lsn), 1, 8))::bit(32)::int;
      insert into written (writer, key, version, timeline) values (new.writer, new.key, new.version, new.timeline);
      return new;
    end $$;
  create trigger note_place before update on register for each row execute function note_place();
`

const schema = {
  Register: model('register', {
    key: t.text().id(),
    version: t.int(),
    writer: t.text(),
    timeline: t.int(),
    lsn: t.text(),
  }),
}

type Db = FastifyRequest['db'] & {
  readonly register: {
    findUniqueOrThrow (args: { where: { key: string } }): Promise<Row>
    update (args: { where: { key: string }, data: { version: { increment: number }, writer: string } }): Promise<Row>
  }
}

/** As the routes answer. */
export interface Row {
  readonly key: string
  readonly version: number
  readonly writer: string
  readonly timeline: number
  readonly lsn: string
}

export interface ReadAnswer {
  readonly row: Row
  readonly region: string
  /** Undefined where the route cannot tell. */
  readonly standby?: boolean | undefined
}

export interface WriteAnswer {
  readonly row: Row
  readonly region: string
  readonly readBack?: Row | undefined
}

export interface RegisterAppOptions {
  readonly region: string
  readonly plugin: PluginOptions
}

export const READS = ['model', 'raw'] as const
export const WRITES = ['model', 'raw', 'hidden', 'batch', 'callback', 'auto', 'late', 'direct', 'foreign', 'throws'] as const
export type WriteRoute = typeof WRITES[number]

interface KeyRoute { Params: { key: string } }
interface WriteRequest { Body: { key: string, writer: string } }

export async function buildRegisterApp ({ region, plugin }: RegisterAppOptions): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(multiRegion, { ...plugin, schema })
  const withToken = plugin.token !== undefined
  const consistencies: readonly Consistency[] = withToken ? ['eventual', 'session', 'monotonic', 'strong'] : ['eventual']
  for (const consistency of consistencies) {
    const config = { multiRegion: { consistency } }
    app.get<KeyRoute>(`/${consistency}/model/:key`, { config }, async (request): Promise<ReadAnswer> => {
      const row = await dbOf(request).register.findUniqueOrThrow({ where: { key: request.params.key } })
      return { row, region }
    })
    app.get<KeyRoute>(`/${consistency}/raw/:key`, { config }, async (request): Promise<ReadAnswer> => {
      const [found] = await request.db.$queryRaw<(Row & { standby: boolean })[]>`select key, version, writer, timeline, lsn, pg_is_in_recovery() as standby from register where key = ${request.params.key}`
      if (found === undefined) throw new Error('no such register')
      const { standby, ...row } = found
      return { row, region, standby }
    })
  }

  const handlers: Readonly<Record<WriteRoute, (db: Db, body: WriteRequest['Body'], request: FastifyRequest) => Promise<Row | { row: Row, readBack: Row | undefined }>>> = {
    model: async (db, { key, writer }) => {
      const row = await db.register.update({ where: { key }, data: { version: { increment: 1 }, writer } })
      return { row, readBack: await readBack(db, key) }
    },
    raw: async (db, { key, writer }) =>
      only(await db.$queryRaw<Row[]>`update register set version = version + 1, writer = ${writer} where key = ${key} returning key, version, writer, timeline, lsn`),
    // Its command tag is SELECT.
    hidden: async (db, { key, writer }) =>
      only(await db.$queryRaw<Row[]>`with changed as (update register set version = version + 1, writer = ${writer} where key = ${key} returning *) select key, version, writer, timeline, lsn from changed`),
    batch: async (db, { key, writer }) => {
      const [row] = await db.$transaction([
        db.$queryRaw<Row[]>`update register set version = version + 1, writer = ${writer} where key = ${key} returning key, version, writer, timeline, lsn`,
        db.$queryRaw`select 1`,
      ])
      return only(row)
    },
    callback: async (db, { key, writer }) => await db.$transaction(async (transaction) => {
      await transaction.$queryRaw`select version from register where key = ${key}`
      return only(await transaction.$queryRaw<Row[]>`update register set version = version + 1, writer = ${writer} where key = ${key} returning key, version, writer, timeline, lsn`)
    }),
    // Reads first, so that a replica has answered before the write is met.
    auto: async (db, { key, writer }) => {
      await db.register.findUniqueOrThrow({ where: { key } })
      return await db.register.update({ where: { key }, data: { version: { increment: 1 }, writer } })
    },
    late: async (db, { key, writer }) => {
      await db.$queryRaw`select 1`
      return only(await db.$queryRaw<Row[]>`update register set version = version + 1, writer = ${writer} where key = ${key} returning key, version, writer, timeline, lsn`)
    },
    // From here over the far connection.
    direct: async (db, { key, writer }) => {
      const row = only(await db.$primary.$queryRaw<Row[]>`update register set version = version + 1, writer = ${writer} where key = ${key} returning key, version, writer, timeline, lsn`)
      return { row, readBack: await readBack(db, key) }
    },
    // A client of which the plugin knows nothing.
    foreign: async (_db, { key, writer }, request) => {
      const row = only(await app.multiRegion.sql('primary')<Row>`update register set version = version + 1, writer = ${writer} where key = ${key} returning key, version, writer, timeline, lsn`)
      request.multiRegion.markWritten()
      return row
    },
    throws: async (db, { key, writer }) =>
      only(await db.$queryRaw<Row[]>`update register set version = version + 1, writer = ${writer} where key = ${key} returning key, version, writer, timeline, lsn`),
  }
  for (const route of WRITES) {
    const isAuto = route === 'auto' || route === 'late' || route === 'direct' || route === 'foreign'
    const config = isAuto ? { multiRegion: { intent: 'auto' as const } } : {}
    app.post<WriteRequest>(`/write/${route}`, { config }, async (request, reply): Promise<WriteAnswer> => {
      const written = await handlers[route](dbOf(request), request.body, request)
      const answer: WriteAnswer = 'row' in written ? { ...written, region } : { row: written, region }
      // Written and committed, and then the handler fails.
      if (route === 'throws') throw new FailedBehindCommit(answer)
      // As after a form: the client reads what it has written, wherever it is by then.
      reply.code(303).header('location', `/${withToken ? 'session' : 'eventual'}/raw/${encodeURIComponent(answer.row.key)}`)
      return answer
    })
  }
  app.setErrorHandler((error, _request, reply) => {
    if (error instanceof FailedBehindCommit) return reply.code(500).send(error.answer)
    return reply.send(error)
  })
  return app
}

class FailedBehindCommit extends Error {
  readonly answer: WriteAnswer
  constructor (answer: WriteAnswer) {
    super('failed behind the commit')
    this.answer = answer
  }
}

/** Behind the write: its failure must not make the answer say that nothing was written. */
async function readBack (db: Db, key: string): Promise<Row | undefined> {
  try {
    return await db.register.findUniqueOrThrow({ where: { key } })
  } catch {
    return undefined
  }
}

/** The app's schema is registered for types nowhere, since other tests of this program have others. */
const dbOf = (request: FastifyRequest): Db => request.db as unknown as Db

function only (rows: readonly Row[] | undefined): Row {
  const [row] = rows ?? []
  if (row === undefined) throw new Error('no such register')
  return row
}
