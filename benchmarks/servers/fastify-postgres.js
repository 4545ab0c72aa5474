// @fastify/postgres with pg, as its README has it: `fastify.pg.query`, which takes a client of the pool.
// Statements are named, so that they are prepared: pg's fastest documented form.

import fastifyPostgres from '@fastify/postgres'
import Fastify from 'fastify'

export async function build (url) {
  const app = Fastify()
  await app.register(fastifyPostgres, { connectionString: url, max: 10 })
  app.get('/none', () => ({ hello: 'world' }))
  app.get('/row/:id', async (request) => {
    const { rows } = await app.pg.query({ name: 'row', text: 'select id, email, name, created_at as "createdAt" from users where id = $1', values: [request.params.id] })
    return rows[0]
  })
  app.get('/include/:id', async (request) => {
    const { rows } = await app.pg.query({
      name: 'include',
      text: `select p.id, p.title, p.content, p.published, p.views, p.created_at as "createdAt", p.author_id as "authorId",
        (select json_build_object('id', u.id, 'email', u.email, 'name', u.name, 'createdAt', u.created_at) from users u where u.id = p.author_id) as author,
        (select coalesce(json_agg(json_build_object('id', c.id, 'body', c.body, 'createdAt', c.created_at, 'postId', c.post_id, 'authorId', c.author_id)), '[]') from comments c where c.post_id = p.id) as comments
      from posts p where p.id = $1`,
      values: [request.params.id],
    })
    return rows[0]
  })
  app.post('/write', async (request) => {
    const { rows } = await app.pg.query({ name: 'write', text: 'insert into posts (title, content, author_id) values ($1, $2, $3) returning id, title, content, published, views, created_at as "createdAt", author_id as "authorId"', values: [request.body.title, 'text', request.body.authorId] })
    return rows[0]
  })
  return app
}
