// Where an operation runs, and what to do after it failed. Pure: facts in, a decision with its reason out.
// `postgres/router.ts` carries the decisions out and chooses nothing.

/** Why a client asks for a replay. */
export type CaptureReason =
  | 'known-write'
  | 'transaction'
  | 'standby-refusal'
  | 'schema-behind'
  | 'recovery-conflict'
  | 'replica-down'
  | 'behind-floor'
