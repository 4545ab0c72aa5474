// @fastify/cookie and @fastify/secure-session: any order; the cookies of a captured handler are lost with its answer.

import cookie from '@fastify/cookie'
import secureSession from '@fastify/secure-session'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { startApp, type AppOptions } from '../app-in-regions.ts'

declare module '@fastify/secure-session' {
  interface SessionData { user: string }
}

async function plugins (app: FastifyInstance): Promise<void> {
  await app.register(cookie)
  await app.register(secureSession, { key: Buffer.alloc(32, 7), cookie: { path: '/' } })
}

const orders: Readonly<Record<string, Pick<AppOptions, 'before' | 'build'>>> = {
  before: { before: plugins, build: routes },
  behind: { async build (app, region) { await plugins(app); await routes(app, region) } },
}

function routes (app: FastifyInstance, region: string): void {
  app.get('/login', async (request, reply) => {
    request.session.set('user', 'ada')
    reply.setCookie('plain', region)
    await request.db.$executeRaw`insert into note (text) values ('login')`
    return { region }
  })
  app.get('/read', async (request, reply) => {
    reply.setCookie('plain', region)
    return { region, user: request.session.get('user') ?? null, rows: await request.db.$queryRaw`select 1 as one` }
  })
}

for (const [order, parts] of Object.entries(orders)) {
  await t.test(`registered ${order} the plugin`, async (t) => {
    const app = await startApp(t, parts)
    const login = await app.ask('iad', 'GET', '/login')
    t.match(login.json(), { region: 'fra' })
    const cookies = login.headers['set-cookie'] ?? []
    t.ok(cookies.some((one) => one.startsWith('plain=fra')) && cookies.some((one) => one.startsWith('session=')), 'of the region that ran it')
    const captured = await fetch(`${app.url('iad')}/login`, { headers: { 'fly-forwarded-port': '443' } })
    t.equal(captured.status, 409)
    t.equal(captured.headers.get('set-cookie'), null, 'nothing of the captured handler')
    const read = await app.ask('iad', 'GET', '/read', { headers: { cookie: cookies.map((one) => one.split(';')[0]).join('; ') } })
    t.match(read.json(), { region: 'iad', user: 'ada' })
    t.match(read.headers['set-cookie'], [/plain=iad/])
  })
}
