// GraphQL: one POST route for queries and mutations. Queries stay in their region, mutations are replayed.

import Fastify from 'fastify'
import mercurius from 'mercurius'
import multiRegion from 'fastify-multi-region'
import * as schema from './schema.ts'

// #region types
const typeDefs = `
  type Post { id: ID!, title: String! }
  type Query { posts: [Post!]!, region: String }
  type Mutation { addPost(title: String!): Post! }
`
// #endregion types

export async function buildApp () {
  const app = Fastify()
  // #region intent
  await app.register(multiRegion, {
    schema,
    routes: [{ url: '/graphql', intent: 'auto' }], // a POST that may only read
  })
  // #endregion intent

  // #region resolvers
  await app.register(mercurius, {
    schema: typeDefs,
    resolvers: {
      Query: {
        region: (_root, _args, { reply }) => reply.request.multiRegion.region,
        posts: async (_root, _args, { reply }) => await reply.request.db.post.findMany({ take: 20 }),
      },
      Mutation: {
        // The client asks for a replay here; what mercurius makes of that error is replaced.
        addPost: async (_root, { title }: { title: string }, { reply }) => await reply.request.db.post.create({ data: { title } }),
      },
    },
  })
  // #endregion resolvers

  return app
}
