// Kysely as people write it (its core dialect on pg, names turned by the CamelCasePlugin), and in its fastest documented
// form: its dialect on postgres.js, with names given in the query, so that no plugin goes over the rows.

import { CamelCasePlugin, Kysely, PostgresDialect, sql } from 'kysely'
import { jsonArrayFrom, jsonObjectFrom } from 'kysely/helpers/postgres'
import pg from 'pg'

/** What a column is called in a query, and how it is selected under its own name. */
const byPlugin = { column: (name) => name, selected: (name) => name }
const byQuery = {
  column: (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
  selected: (name) => byQuery.column(name) === name ? name : `${byQuery.column(name)} as ${name}`,
}

function contender (name, db, { column, selected }) {
  const [user, post, comment] = [['id', 'email', 'name', 'createdAt'], ['id', 'title', 'content', 'published', 'views', 'createdAt', 'authorId'], ['id', 'body', 'createdAt', 'postId', 'authorId']].map((names) => names.map(selected))
  const [authorId, postId] = ['authorId', 'postId'].map(column)
  const dates = (row) => ({ ...row, createdAt: new Date(row.createdAt) }) // inside JSON a date is text
  return {
    name,
    findUnique: async (id) => (await db.selectFrom('users').select(user).where('id', '=', id).executeTakeFirst()) ?? null,
    findMany100: () => db.selectFrom('posts').select(post).orderBy('id').limit(100).execute(),
    findFirst: async (views) => (await db.selectFrom('posts').select(post).where('published', '=', true).where('views', '>=', views).orderBy('views').orderBy('id').limit(1).executeTakeFirst()) ?? null,
    include: async (from) => (await db.selectFrom('posts').select(post).select((eb) => [
      jsonObjectFrom(eb.selectFrom('users').select(user).whereRef('users.id', '=', `posts.${authorId}`)).as('author'),
      jsonArrayFrom(eb.selectFrom('comments').select(comment).whereRef(`comments.${postId}`, '=', 'posts.id')).as('comments'),
    ]).where('id', '>', from).orderBy('id').limit(20).execute()).map((row) => ({ ...row, author: dates(row.author), comments: row.comments.map(dates) })),
    nested: async (id) => (await db.selectFrom('users').select(['id', 'name']).select((eb) => [
      jsonArrayFrom(eb.selectFrom('posts').select(['posts.id', 'posts.title']).select((inner) => [
        jsonArrayFrom(inner.selectFrom('comments').select(['comments.id', 'comments.body']).whereRef(`comments.${postId}`, '=', 'posts.id').orderBy('comments.id')).as('comments'),
      ]).whereRef(`posts.${authorId}`, '=', 'users.id').orderBy('posts.id')).as('posts'),
    ]).where('id', '=', id).executeTakeFirst()) ?? null,
    create: (title, author) => db.insertInto('posts').values({ title, content: 'text', [authorId]: author }).returning(post).executeTakeFirstOrThrow(),
    createNested: (title, author) => db.transaction().execute(async (tx) => {
      const made = await tx.insertInto('posts').values({ title, content: 'text', [authorId]: author }).returning(['id', 'title']).executeTakeFirstOrThrow()
      await tx.insertInto('comments').values(['one', 'two', 'three'].map((body) => ({ body, [postId]: made.id, [authorId]: author }))).execute()
      return made
    }),
    update: (id, views) => db.updateTable('posts').set({ views }).where('id', '=', id).returning(post).executeTakeFirstOrThrow(),
    upsert: (email, userName) => db.insertInto('users').values({ email, name: userName }).onConflict((oc) => oc.column('email').doUpdateSet({ name: userName })).returning(user).executeTakeFirstOrThrow(),
    groupBy: () => db.selectFrom('posts').select(['published', sql`count(*)::int`.as('count'), sql`sum(views)::int`.as('views')]).where('id', '<=', 5000).groupBy('published').orderBy('published').execute(),
    close: () => db.destroy(),
  }
}

export async function open ({ url, max }) {
  const dialect = new PostgresDialect({ pool: new pg.Pool({ connectionString: url, max }) })
  return contender('Kysely', new Kysely({ dialect, plugins: [new CamelCasePlugin({ maintainNestedObjectKeys: false })] }), byPlugin)
}

export async function openFastest ({ url, max }) {
  // Here, so that the usual form does not pay for loading them.
  const [{ PostgresJSDialect }, { default: postgres }] = await Promise.all([import('kysely-postgres-js'), import('postgres')])
  return contender('Kysely, postgres.js', new Kysely({ dialect: new PostgresJSDialect({ postgres: postgres(url, { max }) }) }), byQuery)
}
