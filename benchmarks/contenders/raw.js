// postgres.js as people write it: tagged templates on a default pool; for relations the best hand-written single statement.

import postgres from 'postgres'

export async function open ({ url, max }) {
  const sql = postgres(url, { max })
  const post = (row) => ({ id: row.id, title: row.title, content: row.content, published: row.published, views: row.views, createdAt: row.created_at, authorId: row.author_id })
  return {
    name: 'postgres.js',
    findUnique: async (id) => {
      const [row] = await sql`select id, email, name, created_at from users where id = ${id}`
      return row === undefined ? null : { id: row.id, email: row.email, name: row.name, createdAt: row.created_at }
    },
    findMany100: async () => (await sql`select id, title, content, published, views, created_at, author_id from posts order by id limit 100`).map(post),
    findFirst: async (views) => {
      const [row] = await sql`select id, title, content, published, views, created_at, author_id from posts where published = true and views >= ${views} order by views asc, id asc limit 1`
      return row === undefined ? null : post(row)
    },
    include: async (from) => {
      const rows = await sql`
        select p.id, p.title, p.content, p.published, p.views, p.created_at, p.author_id,
          (select json_build_array(u.id, u.email, u.name, u.created_at) from users u where u.id = p.author_id) as author,
          (select coalesce(json_agg(json_build_array(c.id, c.body, c.created_at, c.post_id, c.author_id)), '[]') from comments c where c.post_id = p.id) as comments
        from posts p where p.id > ${from} order by p.id limit 20`
      return rows.map((row) => ({
        ...post(row),
        author: { id: row.author[0], email: row.author[1], name: row.author[2], createdAt: new Date(row.author[3]) },
        comments: row.comments.map((c) => ({ id: c[0], body: c[1], createdAt: new Date(c[2]), postId: c[3], authorId: c[4] })),
      }))
    },
    nested: async (id) => {
      const [row] = await sql`
        select u.id, u.name, (select coalesce(json_agg(json_build_array(p.id, p.title,
            (select coalesce(json_agg(json_build_array(c.id, c.body) order by c.id), '[]') from comments c where c.post_id = p.id)) order by p.id), '[]')
          from posts p where p.author_id = u.id) as posts
        from users u where u.id = ${id}`
      return row === undefined
        ? null
        : { id: row.id, name: row.name, posts: row.posts.map((p) => ({ id: p[0], title: p[1], comments: p[2].map((c) => ({ id: c[0], body: c[1] })) })) }
    },
    create: async (title, authorId) => {
      const [row] = await sql`insert into posts (title, content, author_id) values (${title}, ${'text'}, ${authorId}) returning id, title, content, published, views, created_at, author_id`
      return post(row)
    },
    createNested: async (title, authorId) => {
      const [row] = await sql`
        with p as (insert into posts (title, content, author_id) values (${title}, ${'text'}, ${authorId}) returning id, title),
        c as (insert into comments (body, post_id, author_id) select v.body, p.id, ${authorId}::int from p, (values (${'one'}), (${'two'}), (${'three'})) v(body) returning id)
        select p.id, p.title from p`
      return { id: row.id, title: row.title }
    },
    update: async (id, views) => {
      const [row] = await sql`update posts set views = ${views} where id = ${id} returning id, title, content, published, views, created_at, author_id`
      return post(row)
    },
    upsert: async (email, name) => {
      const [row] = await sql`insert into users (email, name) values (${email}, ${name}) on conflict (email) do update set name = ${name} returning id, email, name, created_at`
      return { id: row.id, email: row.email, name: row.name, createdAt: row.created_at }
    },
    groupBy: async () => (await sql`select published, count(*)::int as count, sum(views)::int as views from posts where id <= ${5000} group by published order by published`)
      .map((row) => ({ published: row.published, count: row.count, views: row.views })),
    close: () => sql.end({ timeout: 5 }),
  }
}
