// `reply.replay(target)`: the handler's own decision to have the request run elsewhere.

import type { FastifyReply } from 'fastify'
import { ReplayImpossibleError, ReplayRequestedError } from '../core/errors.ts'
import { BLOCK_TEXT, requestBlock } from '../core/replay-decision.ts'
import type { ReplayTarget } from '../core/replay-transport.ts'
import { markReplay } from './replay-gate.ts'
import { contextOf } from './request-client.ts'

/** @throws FST_MR_REPLAY_IMPOSSIBLE, FST_MR_REPLAY_TARGET_INVALID */
export function replayReply (reply: FastifyReply, target: ReplayTarget): FastifyReply {
  const context = contextOf(reply.request)
  const { lead } = context
  const block = requestBlock(context.facts())
  if (block !== null || lead === null) throw new ReplayImpossibleError(BLOCK_TEXT[block ?? 'no-transport'])
  // First the target, which may be refused: the request must then go on as if nothing had been asked.
  markReplay(context, lead, target, 'explicit')
  context.state.askReplay(() => new ReplayRequestedError())
  return reply.send(null)
}
