// How many times a batch crosses the wide area: through a link of the dev kit with a known distance, time divided by distance.
// A round trip is counted from 0.9 of one on; what PostgreSQL itself takes is far below one.

import assert from 'node:assert/strict'
import { eq, sql as drizzleSql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/postgres-js'
import { createClient } from 'fastify-multi-region'
import { Link } from 'fastify-multi-region/testing'
import postgres from 'postgres'
import { openPrisma } from '../contenders/prisma.js'
import { comments, posts, users } from '../schema/drizzle.js'
import * as schema from '../schema/ours.js'
import { startDatabase } from '../harness/database.js'
import { cutUp, printTargets, table } from '../harness/report.js'
import { spread } from '../harness/rounds.js'

export const description = 'round trips of a batch from a far region, counted through a link of known distance'

const DISTANCE_MS = 100
const TEN = Array.from({ length: 10 }, (_, i) => i)
const post = (i) => ({ title: `Batch ${i}`, content: 'text', authorId: 1 })

const open = {
  'fastify-multi-region': (url) => {
    const db = createClient({ schema, database: url })
    return { ...objects(db), close: () => db.$disconnect() }
  },
  Prisma: (url) => prisma(url, 'usual'),
  'Prisma, named': (url) => prisma(url, 'fastest'),
  Drizzle: (url) => {
    const [db, more] = drizzleOn(url)
    return { 'one read': () => userOne(db), 'one write': () => db.insert(posts).values(post(0)).returning(), ...more }
  },
  'Drizzle, prepared': (url) => {
    const [db, more] = drizzleOn(url)
    const read = userOne(db).prepare('read')
    const write = db.insert(posts).values({ ...post(0), title: drizzleSql.placeholder('title') }).returning().prepare('write')
    return { 'one read': () => read.execute(), 'one write': () => write.execute({ title: post(0).title }), ...more }
  },
  'postgres.js': (url) => {
    const sql = postgres(url)
    const insert = (tx, i) => tx`insert into posts (title, content, author_id) values (${`Batch ${i}`}, ${'text'}, ${1}) returning id`
    return {
      'one read': () => sql`select id, email, name, created_at as "createdAt" from users where id = ${1}`,
      'one write': () => insert(sql, 0),
      'a transaction of 10 writes': () => sql.begin((tx) => TEN.map((i) => insert(tx, i))),
      'a parent with 10 children': () => sql.begin(async (tx) => {
        const [{ id }] = await insert(tx, 0)
        await tx`insert into comments ${tx(TEN.map((i) => ({ body: `Child ${i}`, author_id: 1, post_id: id })))}`
      }),
      close: () => sql.end({ timeout: 1 }),
    }
  },
}

const objects = (db) => ({
  'one read': () => db.user.findUnique({ where: { id: 1 } }),
  'one write': () => db.post.create({ data: post(0) }),
  'a transaction of 10 writes': () => db.$transaction(TEN.map((i) => db.post.create({ data: post(i) }))),
  'a parent with 10 children': () => db.post.create({ data: { ...post(0), comments: { create: TEN.map((i) => ({ body: `Child ${i}`, authorId: 1 })) } } }),
})

function prisma (url, form) {
  const db = openPrisma({ url, form })
  return { ...objects(db), close: () => db.$disconnect() }
}

const userOne = (db) => db.select().from(users).where(eq(users.id, 1))

function drizzleOn (url) {
  const sql = postgres(url)
  const db = drizzle(sql)
  return [db, {
    'a transaction of 10 writes': () => db.transaction(async (tx) => { for (const i of TEN) await tx.insert(posts).values(post(i)) }),
    'a parent with 10 children': () => db.transaction(async (tx) => {
      const [{ id }] = await tx.insert(posts).values(post(0)).returning()
      await tx.insert(comments).values(TEN.map((i) => ({ body: `Child ${i}`, authorId: 1, postId: id })))
    }),
    close: () => sql.end({ timeout: 1 }),
  }]
}

/** What each operation leaves behind. */
const ADDED = { 'one read': [0, 0], 'one write': [1, 0], 'a transaction of 10 writes': [10, 0], 'a parent with 10 children': [1, 10] }

/** A look at the database past the link: that a read has the row, and a write has added what it should. */
async function check (sql, { name, operation, ask }) {
  const rows = async () => (await sql`select (select count(*)::int from posts) as posts, (select count(*)::int from comments) as comments`)[0]
  const before = await rows()
  const answer = [await ask()].flat()[0]
  const after = await rows()
  assert.deepEqual([after.posts - before.posts, after.comments - before.comments], ADDED[operation], `${name} does ${operation}`)
  if (operation !== 'one read') return
  const [row] = await sql`select id, email, name, created_at as "createdAt" from users where id = 1`
  assert.deepEqual({ ...answer }, { ...row }, `${name} reads the row`)
}

export async function run ({ quick }) {
  const database = await startDatabase()
  const { hostname, port, username, pathname } = new URL(database.url)
  const near = postgres(database.url, { max: 1 })
  const link = await Link.open({ from: 'far', to: 'primary', purpose: 'database', target: { host: hostname, port: Number(port) }, roundTripMs: DISTANCE_MS })
  try {
    const results = []
    for (const [name, make] of Object.entries(open)) {
      const { close, ...operations } = make(`postgres://${username}@${link.host}:${link.port}${pathname}`)
      for (const [operation, ask] of Object.entries(operations)) {
        await check(near, { name, operation, ask })
        for (let i = 0; i < 3; i++) await ask() // connections, and statements that are prepared when they come again
        const times = []
        for (let i = 0; i < (quick ? 3 : 9); i++) {
          const before = performance.now()
          await ask()
          times.push(performance.now() - before)
        }
        const ms = spread(times)
        results.push({ name, operation, ms, roundTrips: Math.floor(ms.median / DISTANCE_MS + 0.1) })
      }
      await close()
      process.stderr.write('.')
    }
    process.stderr.write('\n')
    const operations = [...new Set(results.map(({ operation }) => operation))]
    console.log(`\nRound trips over a link of ${DISTANCE_MS} ms (median ms)`)
    table(['client', ...operations], Object.keys(open).map((name) => [name, ...operations.map((operation) => {
      const { roundTrips, ms } = results.find((one) => one.name === name && one.operation === operation)
      return `${roundTrips} (${cutUp(ms.median, 0)})`
    })]))
    const targets = results.filter(({ name }) => name === 'fastify-multi-region').map(({ operation, roundTrips }) => ({ what: `${operation} from a far region, round trips`, value: roundTrips, bound: 1, better: 'less' }))
    return { results, targets: printTargets(targets) }
  } finally {
    await near.end({ timeout: 1 })
    await link.close()
    await database.close()
  }
}
