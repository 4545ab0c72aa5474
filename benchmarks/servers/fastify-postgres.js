// @fastify/postgres with pg, as its README has it: `fastify.pg.query`, which takes a client of the pool.

import fastifyPostgres from '@fastify/postgres'
import Fastify from 'fastify'

const ROW = 'select id, email, name, created_at as "createdAt" from users where id = $1'
const INCLUDE = `select p.id, p.title, p.content, p.published, p.views, p.created_at as "createdAt", p.author_id as "authorId",
  (select json_build_object('id', u.id, 'email', u.email, 'name', u.name, 'createdAt', u.created_at) from users u where u.id = p.author_id) as author,
  (select coalesce(json_agg(json_build_object('id', c.id, 'body', c.body, 'createdAt', c.created_at, 'postId', c.post_id, 'authorId', c.author_id)), '[]') from comments c where c.post_id = p.id) as comments
  from posts p where p.id = $1`
const WRITE = 'insert into posts (title, content, author_id) values ($1, $2, $3) returning id, title, content, published, views, created_at as "createdAt", author_id as "authorId"'

/** As people write it: the text and its values. */
export const build = async (url) => await appWith(url, (pg, _name, text, values) => pg.query(text, values))

/** Statements with names, so that they are prepared: pg's fastest documented form. */
export const buildNamed = async (url) => await appWith(url, (pg, name, text, values) => pg.query({ name, text, values }))

async function appWith (url, query) {
  const app = Fastify()
  await app.register(fastifyPostgres, { connectionString: url, max: 10 })
  const one = async (...statement) => (await query(app.pg, ...statement)).rows[0]
  app.get('/none', () => ({ hello: 'world' }))
  app.get('/row/:id', (request) => one('row', ROW, [request.params.id]))
  app.get('/include/:id', (request) => one('include', INCLUDE, [request.params.id]))
  app.post('/write', (request) => one('write', WRITE, [request.body.title, 'text', request.body.authorId]))
  return app
}
