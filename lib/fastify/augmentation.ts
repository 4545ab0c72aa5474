// What the plugin adds to Fastify's types. A decorator is global in TypeScript and scoped at run time: outside
// the scope `request.db` is undefined, and `request.getDecorator<Database>('db')` throws instead.

import type { RouteConfig } from '../core/options.ts'
import type { ReplayTarget } from '../core/replay-transport.ts'
import type { Database, NamedDatabases } from '../register.ts'
import type { AppView } from './app-view.ts'
import type { RequestView } from './request-view.ts'

declare module 'fastify' {
  interface FastifyInstance extends NamedDatabases {
    /** For jobs, boot and sockets: reads locally, writes straight to the primary. In a handler use `request.db`. */
    readonly db: Database
    readonly multiRegion: AppView
  }

  interface FastifyRequest extends NamedDatabases {
    /** The database as this request sees it: reads locally; a write far from the primary makes the whole request run there. */
    readonly db: Database
    readonly multiRegion: RequestView
  }

  interface FastifyReply {
    /**
     * Has the request run elsewhere: in a region, on an instance, in another app. Write `return reply.replay(…)`.
     * @throws FST_MR_REPLAY_IMPOSSIBLE, FST_MR_REPLAY_TARGET_INVALID
     */
    replay (target: ReplayTarget): FastifyReply
  }

  interface FastifyContextConfig {
    /** `false`: this route is never replayed. */
    multiRegion?: false | RouteConfig
  }
}
