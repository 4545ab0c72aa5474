// OpenTelemetry: how a request was decided, as attributes of the span that is active when its answer goes out.
// Only where the app has @opentelemetry/api, which is never a dependency of ours; the names are all in this file.
// Without a tracer the API gives no span, and nothing is made.

import type { RequestContext } from './request-context.ts'
import type { Registration } from './registration.ts'
import { viewOf } from './request-view.ts'

/** Names of the attributes. Adding one is minor, renaming one is major. */
export const ATTRIBUTES = {
  database: 'multi_region.database',
  region: 'multi_region.region',
  primaryRegion: 'multi_region.primary_region',
  decision: 'multi_region.decision',
  reason: 'multi_region.reason',
  stay: 'multi_region.stay_reason',
  replayed: 'multi_region.replayed',
  statements: 'multi_region.statements',
  databaseMs: 'multi_region.database_ms',
} as const

type Value = string | number | boolean

/** What is used of the API. */
interface Span { setAttributes (attributes: Record<string, Value>): unknown }
interface TraceApi { getActiveSpan? (): Span | undefined }

export interface Telemetry {
  readonly trace: TraceApi
}

const API = '@opentelemetry/api'

/** Undefined where the app does not have it. */
export async function loadTelemetry (): Promise<Telemetry | undefined> {
  try {
    const { trace } = await import(API) as { readonly trace?: TraceApi }
    // Before 1.4 an active span could not be asked for.
    return typeof trace?.getActiveSpan === 'function' ? { trace } : undefined
  } catch {
    // Missing, or broken: a trace is never a reason not to start.
    return undefined
  }
}

export function describeRequest ({ trace }: Telemetry, context: RequestContext, lead: Registration): void {
  const span = trace.getActiveSpan?.()
  if (span === undefined) return
  const { type, reason } = viewOf(context).decision
  const { region, primaryRegion } = lead.options
  const attributes: Record<string, Value> = {
    [ATTRIBUTES.database]: lead.name,
    [ATTRIBUTES.decision]: type,
    [ATTRIBUTES.reason]: reason,
    [ATTRIBUTES.replayed]: context.hop.type === 'valid',
    [ATTRIBUTES.statements]: context.statements,
    [ATTRIBUTES.databaseMs]: context.databaseMs,
  }
  if (region !== undefined) attributes[ATTRIBUTES.region] = region
  if (primaryRegion !== undefined) attributes[ATTRIBUTES.primaryRegion] = primaryRegion
  if (context.stayReason !== null) attributes[ATTRIBUTES.stay] = context.stayReason
  span.setAttributes(attributes)
}
