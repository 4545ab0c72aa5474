// mercurius: one POST route for queries and mutations, so its intent is `auto`, by its own route options or by ours.

import type { FastifyInstance } from 'fastify'
import mercurius from 'mercurius'
import t from 'tap'
import { startApp, type AppOptions } from '../app-in-regions.ts'

const schema = `
  type Note { text: String! }
  type Query { notes: [Note!]!, region: String! }
  type Mutation { add(text: String!): String! }
`

function graphql (app: FastifyInstance, region: string, config?: object): Promise<void> {
  return Promise.resolve(app.register(mercurius, {
    schema,
    resolvers: {
      Query: {
        region: () => region,
        notes: async (_root, _args, context) => await context.reply.request.db.$queryRaw<{ text: string }[]>`select text from note`,
      },
      Mutation: {
        add: async (_root, args: { text: string }, context) => {
          await context.reply.request.db.$executeRaw`insert into note (text) values (${args.text})`
          return region
        },
      },
    },
    ...(config === undefined ? {} : { additionalRouteOptions: config }),
  })).then(() => {})
}

const ways: Readonly<Record<string, Pick<AppOptions, 'plugin' | 'build'>>> = {
  'additionalRouteOptions of mercurius': { build: (app, region) => graphql(app, region, { config: { multiRegion: { intent: 'auto' } } }) },
  'the option `routes`': { plugin: { routes: [{ url: '/graphql', intent: 'auto' }] }, build: (app, region) => graphql(app, region) },
}

for (const [way, parts] of Object.entries(ways)) {
  await t.test(`by ${way}`, async (t) => {
    const app = await startApp(t, parts)
    const query = await app.ask('iad', 'POST', '/graphql', { payload: { query: '{ region notes { text } }' } })
    t.same(query.json(), { data: { region: 'iad', notes: [{ text: 'first' }] } })
    const mutation = await app.ask('iad', 'POST', '/graphql', { payload: { query: 'mutation { add(text: "x") }' } })
    t.same(mutation.json(), { data: { add: 'fra' } }, 'the error that mercurius made of the signal is replaced')
    t.equal((await app.notes()).length, 2)
  })
}
