// The 14 operations of prisma/orm-benchmarks, on data of the shape of its own: customers with an address and orders, orders
// with products. Against hand-written SQL on postgres.js, Prisma, and Drizzle, each as orm-benchmarks writes it and in its
// fastest documented form, in one process and one run, interleaved.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { desc, eq, sql as text } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/postgres-js'
import { createClient } from 'fastify-multi-region'
import postgres from 'postgres'
import { loading, openPrisma } from '../contenders/prisma.js'
import { startDatabase } from '../harness/database.js'
import { cut, cutUp, printTargets, table } from '../harness/report.js'
import { compare, drive } from '../harness/rounds.js'
import * as tables from '../schema/orm-drizzle.js'
import * as schema from '../schema/orm-ours.js'
import { warm } from './client.js'

export const description = 'the 14 operations of prisma/orm-benchmarks, against hand-written SQL, Prisma and Drizzle'

const BASELINE = 'postgres.js'
const OURS = 'fastify-multi-region'
const date = new Date('2026-03-01T00:00:00.000Z')
const fresh = (i) => ({ name: 'New', email: `new${i}@example.com`, isActive: false })

/** As orm-benchmarks writes them for Prisma; this package takes the same arguments, but for `loaded`: how relations are. */
const objects = (db, loaded = {}) => ({
  findMany: () => db.customer.findMany(),
  'findMany: filter, order, page': () => db.customer.findMany({ where: { isActive: true }, orderBy: { createdAt: 'desc' }, skip: 10, take: 10 }),
  'findMany with orders': () => db.customer.findMany({ ...loaded, include: { orders: true } }),
  findFirst: () => db.customer.findFirst(),
  'findFirst with orders': () => db.customer.findFirst({ ...loaded, include: { orders: true } }),
  findUnique: (i) => db.customer.findUnique({ where: { id: 1 + i % 500 } }),
  'findUnique with orders': (i) => db.customer.findUnique({ ...loaded, where: { id: 1 + i % 500 }, include: { orders: true } }),
  create: (i) => db.customer.create({ data: fresh(i) }),
  'create with order and products': (i) => db.customer.create({ data: { ...fresh(i), orders: { create: { date, totalAmount: 100.5, products: { connect: [{ id: 1 }, { id: 2 }] } } } }, select: { id: true } }),
  update: (i) => db.customer.update({ where: { id: 1 + i % 500 }, data: { name: 'Updated' } }),
  'update with address': (i) => db.customer.update({ where: { id: 1 + i % 500 }, data: { name: 'Updated', address: { update: { street: 'Updated' } } }, select: { id: true } }),
  upsert: (i) => db.customer.upsert({ where: { id: 1 + i % 500 }, update: { name: 'Updated' }, create: fresh(i) }),
  'upsert with address': (i) => db.customer.upsert({ where: { id: 1 + i % 500 }, update: { name: 'Updated', address: { update: { street: 'Updated' } } }, create: { ...fresh(i), address: { create: { street: 'New' } } }, select: { id: true } }),
  delete: async (i) => {
    const { id } = await db.customer.create({ data: fresh(i) })
    await db.customer.delete({ where: { id } })
  },
})

function byHand (sql) {
  const orders = sql`(select coalesce(json_agg(json_build_object('id', o.id, 'customerId', o."customerId", 'date', o.date, 'totalAmount', o."totalAmount"::text)), '[]') from "Order" o where o."customerId" = c.id) as orders`
  const dated = (row) => row === undefined ? null : { ...row, orders: row.orders.map((order) => ({ ...order, date: new Date(`${order.date}Z`) })) }
  const create = async (i) => {
    const { name, email, isActive } = fresh(i)
    return (await sql`insert into "Customer" (name, email, "isActive") values (${name}, ${email}, ${isActive}) returning *`)[0]
  }
  return {
    findMany: () => sql`select * from "Customer"`,
    'findMany: filter, order, page': () => sql`select * from "Customer" where "isActive" = ${true} order by "createdAt" desc limit ${10} offset ${10}`,
    'findMany with orders': async () => (await sql`select c.*, ${orders} from "Customer" c`).map(dated),
    findFirst: async () => (await sql`select * from "Customer" order by id limit 1`)[0],
    'findFirst with orders': async () => dated((await sql`select c.*, ${orders} from "Customer" c order by c.id limit 1`)[0]),
    findUnique: async (i) => (await sql`select * from "Customer" where id = ${1 + i % 500}`)[0],
    'findUnique with orders': async (i) => dated((await sql`select c.*, ${orders} from "Customer" c where c.id = ${1 + i % 500}`)[0]),
    create,
    'create with order and products': async (i) => (await sql`
      with c as (insert into "Customer" (name, email, "isActive") values (${'New'}, ${`new${i}@example.com`}, ${false}) returning id),
      o as (insert into "Order" ("customerId", date, "totalAmount") select id, ${date}, ${'100.5'} from c returning id),
      p as (insert into "_OrderToProduct" select o.id, v.id from o, (values (${1}::int), (${2}::int)) v(id))
      select id from c`)[0],
    update: async (i) => (await sql`update "Customer" set name = ${'Updated'} where id = ${1 + i % 500} returning *`)[0],
    'update with address': async (i) => (await sql`
      with c as (update "Customer" set name = ${'Updated'} where id = ${1 + i % 500} returning id), a as (update "Address" set street = ${'Updated'} from c where "customerId" = c.id)
      select id from c`)[0],
    upsert: async (i) => (await sql`insert into "Customer" (id, name, email) values (${1 + i % 500}, ${'New'}, ${'new@example.com'}) on conflict (id) do update set name = ${'Updated'} returning *`)[0],
    'upsert with address': async (i) => (await sql`
      with c as (insert into "Customer" (id, name, email) values (${1 + i % 500}, ${'New'}, ${'new@example.com'}) on conflict (id) do update set name = ${'Updated'} returning id),
      a as (insert into "Address" (street, "customerId") select ${'New'}, id from c on conflict ("customerId") do update set street = ${'Updated'})
      select id from c`)[0],
    delete: async (i) => {
      const { id } = await create(i)
      await sql`delete from "Customer" where id = ${id}`
    },
  }
}

function withDrizzle (db) {
  const { customers, addresses, orders, orderProducts } = tables
  const create = async (i) => (await db.insert(customers).values(fresh(i)).returning())[0]
  return {
    findMany: () => db.query.customers.findMany(),
    'findMany: filter, order, page': () => db.query.customers.findMany({ where: eq(customers.isActive, true), orderBy: desc(customers.createdAt), offset: 10, limit: 10 }),
    'findMany with orders': () => db.query.customers.findMany({ with: { orders: true } }),
    findFirst: () => db.query.customers.findFirst(),
    'findFirst with orders': () => db.query.customers.findFirst({ with: { orders: true } }),
    findUnique: (i) => db.query.customers.findFirst({ where: eq(customers.id, 1 + i % 500) }),
    'findUnique with orders': (i) => db.query.customers.findFirst({ where: eq(customers.id, 1 + i % 500), with: { orders: true } }),
    create,
    'create with order and products': (i) => db.transaction(async (tx) => {
      const [{ id }] = await tx.insert(customers).values(fresh(i)).returning({ id: customers.id })
      const [order] = await tx.insert(orders).values({ customerId: id, date, totalAmount: '100.5' }).returning({ id: orders.id })
      await tx.insert(orderProducts).values([{ orderId: order.id, productId: 1 }, { orderId: order.id, productId: 2 }])
      return { id }
    }),
    update: async (i) => (await db.update(customers).set({ name: 'Updated' }).where(eq(customers.id, 1 + i % 500)).returning())[0],
    'update with address': (i) => db.transaction(async (tx) => {
      const [customer] = await tx.update(customers).set({ name: 'Updated' }).where(eq(customers.id, 1 + i % 500)).returning({ id: customers.id })
      await tx.update(addresses).set({ street: 'Updated' }).where(eq(addresses.customerId, customer.id))
      return customer
    }),
    upsert: async (i) => (await db.insert(customers).values({ id: 1 + i % 500, ...fresh(i) }).onConflictDoUpdate({ target: customers.id, set: { name: 'Updated' } }).returning())[0],
    'upsert with address': (i) => db.transaction(async (tx) => {
      const [customer] = await tx.insert(customers).values({ id: 1 + i % 500, ...fresh(i) }).onConflictDoUpdate({ target: customers.id, set: { name: 'Updated' } }).returning({ id: customers.id })
      await tx.insert(addresses).values({ customerId: customer.id, street: 'New' }).onConflictDoUpdate({ target: addresses.customerId, set: { street: 'Updated' } })
      return customer
    }),
    delete: async (i) => {
      const { id } = await create(i)
      await db.delete(customers).where(eq(customers.id, id))
    },
  }
}

/** With each statement prepared in advance; a transaction's statements are made on its own connection. */
function withPreparedDrizzle (db) {
  const { customers } = tables
  const place = text.placeholder
  const { query } = db
  const values = { name: place('name'), email: place('email'), isActive: place('isActive') }
  const prepared = {
    findMany: query.customers.findMany().prepare('find_many'),
    'findMany: filter, order, page': query.customers.findMany({ where: eq(customers.isActive, true), orderBy: desc(customers.createdAt), offset: 10, limit: 10 }).prepare('find_page'),
    'findMany with orders': query.customers.findMany({ with: { orders: true } }).prepare('find_many_with'),
    findFirst: query.customers.findFirst().prepare('find_first'),
    'findFirst with orders': query.customers.findFirst({ with: { orders: true } }).prepare('find_first_with'),
    findUnique: query.customers.findFirst({ where: eq(customers.id, place('id')) }).prepare('find_unique'),
    'findUnique with orders': query.customers.findFirst({ where: eq(customers.id, place('id')), with: { orders: true } }).prepare('find_unique_with'),
    create: db.insert(customers).values(values).returning().prepare('create'),
    update: db.update(customers).set({ name: 'Updated' }).where(eq(customers.id, place('id'))).returning().prepare('update'),
    upsert: db.insert(customers).values({ id: place('id'), ...values }).onConflictDoUpdate({ target: customers.id, set: { name: 'Updated' } }).returning().prepare('upsert'),
    delete: db.delete(customers).where(eq(customers.id, place('id'))).prepare('delete'),
  }
  const by = (i) => ({ id: 1 + i % 500 })
  const first = (name) => async (values) => (await prepared[name].execute(values))[0]
  return {
    ...withDrizzle(db),
    ...Object.fromEntries(Object.keys(prepared).filter((name) => name.startsWith('find')).map((name) => [name, (i) => prepared[name].execute(by(i))])),
    create: (i) => first('create')(fresh(i)),
    update: (i) => first('update')(by(i)),
    upsert: (i) => first('upsert')({ ...by(i), ...fresh(i) }),
    delete: async (i) => {
      const { id } = await first('create')(fresh(i))
      await prepared.delete.execute({ id })
    },
  }
}

/** Numbers of any client as numbers, rows in one order, and no keys that differ by run. */
function plain (value) {
  const rows = JSON.parse(JSON.stringify(value ?? null), (key, inner) => key === 'totalAmount' || key === 'price' ? Number(inner) : inner)
  const sorted = (list) => [...list].sort((a, b) => a.id - b.id).map((row) => row.orders === undefined ? row : { ...row, orders: [...row.orders].sort((a, b) => a.id - b.id) })
  return Array.isArray(rows) ? sorted(rows) : rows === null ? null : sorted([rows])[0]
}

export async function run ({ seed, quick, only }) {
  const database = await startDatabase()
  const closers = []
  try {
    const fill = postgres(database.url, { max: 1, onnotice: () => {} })
    await fill.unsafe(readFileSync(new URL('../schema/orm.sql', import.meta.url), 'utf8'))
    await fill.end()
    // A column of the type timestamp is UTC here, as it is for all others.
    const options = { max: 10, types: { timestamp: { to: 1114, from: [1114], serialize: (x) => x instanceof Date ? x.toISOString() : x, parse: (x) => new Date(`${x}Z`) } } }
    const sql = postgres(database.url, options)
    const client = postgres(database.url, { max: 10 })
    const preparing = postgres(database.url, { max: 10 })
    const [usual, fastest] = ['usual', 'fastest'].map((form) => openPrisma({ url: database.url, max: 10, form }))
    const own = createClient({ schema, database: database.url, pool: { max: 10 } })
    closers.push(...[sql, client, preparing].map((one) => () => one.end({ timeout: 1 })), ...[usual, fastest, own].map((one) => () => one.$disconnect()))
    const contenders = [
      [BASELINE, byHand(sql)], [OURS, objects(own)],
      ['Prisma', objects(usual, loading('usual'))], ['Prisma, joins, named', objects(fastest, loading('fastest'))],
      ['Drizzle', withDrizzle(drizzle(client, { schema: tables }))], ['Drizzle, prepared', withPreparedDrizzle(drizzle(preparing, { schema: tables }))],
    ]
    const names = Object.keys(contenders[0][1]).filter((name) => only === undefined || only.includes(name))
    for (const name of names.filter((one) => one.startsWith('find'))) {
      const expected = plain(await contenders[0][1][name](41))
      for (const [who, operations] of contenders.slice(1)) assert.deepEqual(plain(await operations[name](41)), expected, `${who} answers ${name} as ${BASELINE} does`)
    }
    const results = []
    for (const name of names) {
      let turn = 0
      for (const [, operations] of contenders) await warm((caller) => operations[name](caller * 20 + turn++), quick ? 300 : 1000)
      for (const callers of quick ? [20] : [1, 20]) {
        await database.analyze()
        const rows = await compare({
          baseline: BASELINE,
          rounds: quick ? 5 : 7,
          slices: quick ? 3 : 8,
          seed,
          contenders: contenders.map(([who, operations]) => ({ name: who, slice: () => drive((caller, i) => operations[name](caller * 25 + i % 25), { callers, ms: 25 }) })),
        })
        results.push({ operation: name, callers, rows })
      }
      process.stderr.write('.')
    }
    process.stderr.write('\n')
    for (const callers of new Set(results.map((result) => result.callers))) {
      console.log(`\nOperations a second as a ratio to ${BASELINE}, ${callers} caller${callers === 1 ? '' : 's'}: median (least–greatest); then the ratio of p99; then of this process's own time on the processor`)
      table(['operation', ...contenders.map(([who]) => who), `${BASELINE}/s`], results.filter((result) => result.callers === callers).map(({ operation, rows }) => [
        operation, ...rows.map((row) => `${cut(row.rateRatio.median)} (${cut(row.rateRatio.min)}–${cut(row.rateRatio.max)}) ${cutUp(row.p99Ratio.median)} ${cutUp(row.cpuRatio.median)}`), Math.round(rows[0].rate.median),
      ]))
    }
    const targets = results.flatMap(({ operation, callers, rows }) => {
      const own = rows.find((row) => row.name === OURS).rateRatio.median
      const best = rows.filter((row) => row.name !== OURS && row.name !== BASELINE).reduce((a, b) => b.rateRatio.median > a.rateRatio.median ? b : a)
      return [{ what: `${operation}, ${callers} caller${callers === 1 ? '' : 's'}, against the best peer (${best.name})`, value: own / best.rateRatio.median, bound: 1, better: 'more' }]
    })
    return { results, targets: printTargets(targets) }
  } finally {
    await Promise.allSettled(closers.map((close) => close()))
    await database.close()
  }
}
