// Fly's proxy as a replay transport (FACTS 4).

import { hasFlyReplayFailed, parseFlyReplaySource, writeFlyReplay } from '../core/replay-header.ts'
import type { ReplayTransport } from '../core/replay-transport.ts'

/** The proxy follows `fly-replay` on any status; 409 is what a client would see where there is none. */
const STATUS = 409

export const flyTransport: ReplayTransport = Object.freeze({
  name: 'fly',
  // The proxy always sets it; over the private network and with `inject()` there is none, and a replay answer would be a bare 409.
  accepts: (request) => request.realSocket && request.headers['fly-forwarded-port'] !== undefined,
  origin: parseFlyReplaySource,
  failed: hasFlyReplayFailed,
  answer: (target) => ({ statusCode: STATUS, headers: { 'fly-replay': writeFlyReplay(target) } }),
} satisfies ReplayTransport)
