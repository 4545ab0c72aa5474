// What an app's answer asks the edge to do: the `fly-replay` header, or a body of `application/vnd.fly.replay+json`.
// Fields and forms as in the platform's documentation (https://fly.io/docs/networking/dynamic-request-routing/).
// Unknown fields are ignored, as the platform does; what cannot be read is invalid (its error PA03).

export interface ReplayInstruction {
  /** In order of preference; may hold `any` and aliases. */
  readonly regions: readonly string[]
  readonly instance: string | undefined
  readonly preferInstance: string | undefined
  readonly app: string | undefined
  readonly state: string | undefined
  readonly elsewhere: boolean
  readonly timeoutMs: number | undefined
  readonly fallback: 'none' | 'prefer_self' | 'force_self'
  readonly transform: ReplayTransform | undefined
}

export interface ReplayTransform {
  readonly path: string | undefined
  readonly deleteHeaders: readonly string[]
  readonly setHeaders: readonly { readonly name: string, readonly value: string }[]
}

export type ParsedInstruction =
  | { readonly type: 'valid', readonly instruction: ReplayInstruction }
  | { readonly type: 'invalid', readonly problem: string }

export const REPLAY_JSON = 'application/vnd.fly.replay+json'

const FIELD = /^([a-z_]+)=(?:"([^"]*)"|([^"\s;]*))$/

/** Reads the header form. */
export function parseReplayHeader (header: string): ParsedInstruction {
  const fields: Record<string, string> = {}
  for (const part of header.split(/;(?=(?:[^"]*"[^"]*")*[^"]*$)/)) {
    if (part === '') continue
    const match = FIELD.exec(part)
    if (match === null) return invalid(`"${part}" is not key=value without spaces`)
    const [, name, quoted, plain] = match
    if (name === 'region' && quoted === undefined && plain?.includes(',') === true) return invalid('a list of regions must be quoted')
    fields[name as string] = quoted ?? plain ?? ''
  }
  if (Object.keys(fields).length === 0) return invalid('the header is empty')
  return build(fields, undefined)
}

/** Reads the JSON form. */
export function parseReplayJson (body: string): ParsedInstruction {
  let parsed: unknown
  try {
    parsed = JSON.parse(body)
  } catch {
    return invalid('the body is not JSON')
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return invalid('the body is not an object')
  const fields: Record<string, string> = {}
  for (const [name, value] of Object.entries(parsed)) {
    if (name === 'transform' || name === 'cache' || name === 'allow_bypass') continue
    if (typeof value !== 'string' && typeof value !== 'boolean') return invalid(`"${name}" must be a string`)
    fields[name] = String(value)
  }
  const transform = 'transform' in parsed ? parseTransform(parsed.transform) : undefined
  if (transform === 'invalid') return invalid('"transform" is not valid')
  return build(fields, transform)
}

function parseTransform (value: unknown): ReplayTransform | 'invalid' {
  if (typeof value !== 'object' || value === null) return 'invalid'
  const { path, delete_headers: deleted = [], set_headers: set = [] } = value as Record<string, unknown>
  if (path !== undefined && (typeof path !== 'string' || !path.startsWith('/'))) return 'invalid'
  if (!Array.isArray(deleted) || !deleted.every((name) => typeof name === 'string')) return 'invalid'
  if (!Array.isArray(set) || !set.every((header) => typeof header?.name === 'string' && typeof header?.value === 'string')) return 'invalid'
  return { path, deleteHeaders: deleted.map((name) => name.toLowerCase()), setHeaders: set as { name: string, value: string }[] }
}

function build (fields: Record<string, string>, transform: ReplayTransform | undefined): ParsedInstruction {
  const { region, instance, prefer_instance: preferInstance, app, state, elsewhere, timeout, fallback } = fields
  const regions = region?.split(',') ?? []
  if (regions.some((code) => !/^[a-z0-9-]+$/i.test(code))) return invalid(`"${region}" is not a region`)
  for (const [name, value] of Object.entries({ instance, prefer_instance: preferInstance, app })) {
    if (value === '') return invalid(`"${name}" is empty`)
  }
  if (elsewhere !== undefined && elsewhere !== 'true' && elsewhere !== 'false') return invalid('"elsewhere" must be true or false')
  const duration = timeout === undefined ? undefined : /^(\d+)(ms|s)$/.exec(timeout)
  if (duration === null) return invalid(`"${timeout}" is not a duration such as 10s or 800ms`)
  if (fallback !== undefined && fallback !== 'prefer_self' && fallback !== 'force_self') return invalid(`"${fallback}" is not a fallback`)
  return {
    type: 'valid',
    instruction: {
      regions,
      instance,
      preferInstance,
      app,
      state,
      elsewhere: elsewhere === 'true',
      timeoutMs: duration === undefined ? undefined : Number(duration[1]) * (duration[2] === 's' ? 1_000 : 1),
      fallback: fallback ?? 'none',
      transform,
    },
  }
}

function invalid (problem: string): ParsedInstruction {
  return { type: 'invalid', problem }
}
