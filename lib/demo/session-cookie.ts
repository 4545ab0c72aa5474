// What a browser would send back of the cookies that answers set.

import type { IncomingHttpHeaders } from 'node:http'

/** As a `cookie` header; undefined when the answer sets none. */
export function sessionCookie (headers: IncomingHttpHeaders): string | undefined {
  return mergeCookies(undefined, headers)
}

/** What was kept, with the answer's cookies in place of older ones of their names. */
export function mergeCookies (kept: string | undefined, headers: IncomingHttpHeaders): string | undefined {
  const jar = new Map<string, string>()
  for (const pair of [...kept?.split('; ') ?? [], ...(headers['set-cookie'] ?? []).map((line) => line.split(';', 1)[0] ?? '')]) {
    const at = pair.indexOf('=')
    if (at > 0) jar.set(pair.slice(0, at), pair.slice(at + 1))
  }
  return jar.size === 0 ? undefined : [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
}
