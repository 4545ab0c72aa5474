// Fastify and postgres.js as people write it, without any plugin of ours. It connects before it listens, as the others do.

import Fastify from 'fastify'
import postgres from 'postgres'

export async function build (url) {
  const app = Fastify()
  const sql = postgres(url, { max: 10 })
  app.addHook('onClose', () => sql.end({ timeout: 1 }))
  await sql`select 1`
  app.get('/none', () => ({ hello: 'world' }))
  app.get('/row/:id', async (request) => {
    const [row] = await sql`select id, email, name, created_at as "createdAt" from users where id = ${request.params.id}`
    return row
  })
  app.get('/include/:id', async (request) => {
    const [row] = await sql`
      select p.id, p.title, p.content, p.published, p.views, p.created_at as "createdAt", p.author_id as "authorId",
        (select json_build_object('id', u.id, 'email', u.email, 'name', u.name, 'createdAt', u.created_at) from users u where u.id = p.author_id) as author,
        (select coalesce(json_agg(json_build_object('id', c.id, 'body', c.body, 'createdAt', c.created_at, 'postId', c.post_id, 'authorId', c.author_id)), '[]') from comments c where c.post_id = p.id) as comments
      from posts p where p.id = ${request.params.id}`
    return row
  })
  app.post('/write', async (request) => {
    const [row] = await sql`insert into posts (title, content, author_id) values (${request.body.title}, ${'text'}, ${request.body.authorId}) returning id, title, content, published, views, created_at as "createdAt", author_id as "authorId"`
    return row
  })
  return app
}
