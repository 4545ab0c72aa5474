import { CamelCasePlugin, Kysely, PostgresDialect, sql } from 'kysely'
import { jsonArrayFrom, jsonObjectFrom } from 'kysely/helpers/postgres'
import pg from 'pg'

const POST = ['id', 'title', 'content', 'published', 'views', 'createdAt', 'authorId']

export async function open ({ url, max }) {
  const db = new Kysely({ dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: url, max }) }), plugins: [new CamelCasePlugin({ maintainNestedObjectKeys: false })] })
  const dates = (row) => ({ ...row, createdAt: new Date(row.createdAt) }) // inside JSON a date is text
  return {
    name: 'Kysely',
    findUnique: async (id) => (await db.selectFrom('users').select(['id', 'email', 'name', 'createdAt']).where('id', '=', id).executeTakeFirst()) ?? null,
    findMany100: () => db.selectFrom('posts').select(POST).orderBy('id').limit(100).execute(),
    findFirst: async (views) => (await db.selectFrom('posts').select(POST).where('published', '=', true).where('views', '>=', views).orderBy('views').orderBy('id').limit(1).executeTakeFirst()) ?? null,
    include: async (from) => (await db.selectFrom('posts').select(POST).select((eb) => [
      jsonObjectFrom(eb.selectFrom('users').select(['id', 'email', 'name', 'createdAt']).whereRef('users.id', '=', 'posts.authorId')).as('author'),
      jsonArrayFrom(eb.selectFrom('comments').select(['id', 'body', 'createdAt', 'postId', 'authorId']).whereRef('comments.postId', '=', 'posts.id')).as('comments'),
    ]).where('id', '>', from).orderBy('id').limit(20).execute()).map((row) => ({ ...row, author: dates(row.author), comments: row.comments.map(dates) })),
    nested: async (id) => (await db.selectFrom('users').select(['id', 'name']).select((eb) => [
      jsonArrayFrom(eb.selectFrom('posts').select(['posts.id', 'posts.title']).select((inner) => [
        jsonArrayFrom(inner.selectFrom('comments').select(['comments.id', 'comments.body']).whereRef('comments.postId', '=', 'posts.id').orderBy('comments.id')).as('comments'),
      ]).whereRef('posts.authorId', '=', 'users.id').orderBy('posts.id')).as('posts'),
    ]).where('id', '=', id).executeTakeFirst()) ?? null,
    create: (title, authorId) => db.insertInto('posts').values({ title, content: 'text', authorId }).returning(POST).executeTakeFirstOrThrow(),
    createNested: (title, authorId) => db.transaction().execute(async (tx) => {
      const post = await tx.insertInto('posts').values({ title, content: 'text', authorId }).returning(['id', 'title']).executeTakeFirstOrThrow()
      await tx.insertInto('comments').values(['one', 'two', 'three'].map((body) => ({ body, postId: post.id, authorId }))).execute()
      return post
    }),
    update: (id, views) => db.updateTable('posts').set({ views }).where('id', '=', id).returning(POST).executeTakeFirstOrThrow(),
    upsert: (email, name) => db.insertInto('users').values({ email, name }).onConflict((oc) => oc.column('email').doUpdateSet({ name })).returning(['id', 'email', 'name', 'createdAt']).executeTakeFirstOrThrow(),
    groupBy: () => db.selectFrom('posts').select(['published', sql`count(*)::int`.as('count'), sql`sum(views)::int`.as('views')]).where('id', '<=', 5000).groupBy('published').orderBy('published').execute(),
    close: () => db.destroy(),
  }
}
