// Two servers, and which of them may be written (DESIGN 3). Pure.
//
// "Not in recovery" is not "may be written": a clone, a branch, a logical subscriber and a primary that lost a
// failover are all out of recovery. The rules, in this order:
// - one server behind both names: it is written if it is out of recovery;
// - one out of recovery, the other in recovery or silent: the former, but a configured replica only if it is proven
//   to have been promoted: seen on a newer timeline than it or the primary was seen on before, or trusted by option;
// - both out of recovery, of different systems: the configured primary;
// - both out of recovery, of the same system: the higher timeline; on equal timelines nobody.

import type { FenceReason, Fingerprint, Role } from './server-facts.ts'

export interface RoleView {
  readonly role: Role
  readonly up: boolean | undefined
  readonly fingerprint: Fingerprint
  readonly timeline: number | undefined
  /** The highest timeline on which it was ever seen in recovery. */
  readonly standbyTimeline: number | undefined
}

export interface RoleFacts {
  readonly local: RoleView
  readonly primary: RoleView
  /** The same configured endpoint: not a replica at all. */
  readonly oneEndpoint: boolean
  readonly trustPromotedReplica: boolean
}

export interface RoleDecision {
  readonly shared: boolean
  readonly writeTo: 'local' | 'primary' | 'none'
  readonly splitBrain: 'none' | 'equal-timeline' | 'older-timeline'
  readonly localFence: FenceReason | undefined
  readonly primaryFence: FenceReason | undefined
}

/**
 * Is it one server, seen over two ways? Its system identifier and the microsecond of its start tell; the address
 * does not where both are known: one server has many (IPv4, IPv6, a socket), and two servers in two private
 * networks may have the same. Undefined: not known yet.
 */
export function isSameServer (a: Fingerprint, b: Fingerprint): boolean | undefined {
  if (a.system !== undefined && b.system !== undefined && a.system !== b.system) return false
  if (a.startedAt !== undefined && b.startedAt !== undefined) return a.startedAt === b.startedAt
  if (a.address === undefined || b.address === undefined || a.port === undefined || b.port === undefined) return undefined
  return a.address === b.address && a.port === b.port
}

const unfenced = { splitBrain: 'none', localFence: undefined, primaryFence: undefined } as const

export function decideRoles (facts: RoleFacts): RoleDecision {
  const { local, primary } = facts
  if (facts.oneEndpoint || isSameServer(local.fingerprint, primary.fingerprint) === true) {
    return { ...unfenced, shared: true, writeTo: primary.role === 'primary' ? 'primary' : local.role === 'primary' ? 'local' : 'none' }
  }
  const parted = { ...unfenced, shared: false }
  if (local.role === 'primary' && primary.role === 'primary') return decideBetween(facts)
  if (local.role === 'primary') {
    return isProvenPromotion(facts)
      ? { ...parted, writeTo: 'local' }
      : { ...parted, writeTo: 'none', localFence: isOtherSystem(local, primary) ? 'foreign-system' : 'unproven-promotion' }
  }
  return { ...parted, writeTo: primary.role === 'primary' ? 'primary' : 'none' }
}

function decideBetween (facts: RoleFacts): RoleDecision {
  const { local, primary } = facts
  const parted = { ...unfenced, shared: false }
  // An unknown identifier is no proof of kinship: the configuration decides.
  if (isOtherSystem(local, primary) || local.fingerprint.system === undefined || primary.fingerprint.system === undefined) {
    return { ...parted, writeTo: 'primary', localFence: 'foreign-system' }
  }
  // Split brain is what two servers do that both answer; one that does not answer has lost, or is waited for.
  const both = local.up !== false && primary.up !== false
  if (local.timeline === undefined || primary.timeline === undefined || local.timeline === primary.timeline) {
    return both
      ? { ...parted, writeTo: 'none', splitBrain: 'equal-timeline', localFence: 'equal-timeline', primaryFence: 'equal-timeline' }
      : { ...parted, writeTo: 'primary', localFence: 'unproven-promotion' }
  }
  const splitBrain = both ? 'older-timeline' : 'none'
  return local.timeline > primary.timeline
    ? { ...parted, writeTo: 'local', splitBrain, primaryFence: 'older-timeline' }
    : { ...parted, writeTo: 'primary', splitBrain, localFence: 'older-timeline' }
}

function isOtherSystem (a: RoleView, b: RoleView): boolean {
  return a.fingerprint.system !== undefined && b.fingerprint.system !== undefined && a.fingerprint.system !== b.fingerprint.system
}

function isProvenPromotion ({ local, primary, trustPromotedReplica }: RoleFacts): boolean {
  if (trustPromotedReplica) return true
  if (local.timeline === undefined || isOtherSystem(local, primary)) return false
  if (local.standbyTimeline !== undefined && local.timeline > local.standbyTimeline) return true
  return primary.fingerprint.system !== undefined && primary.fingerprint.system === local.fingerprint.system &&
    primary.timeline !== undefined && local.timeline > primary.timeline
}
